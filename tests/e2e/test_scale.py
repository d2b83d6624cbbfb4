"""Thousands of small videos pass through the distributed map of the deployed stack, and none is lost.

`SCALE_VIDEOS` sets their number (`make scale`: 5,000).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.deployment import Deployment
from local.fake_providers.gopro import FakeGoPro
from local.movies import movie_of
from tests.e2e.conftest import output_of

VIDEOS = int(os.environ.get("SCALE_VIDEOS", "150"))


@pytest.fixture
def clip(tmp_path: Path, gopro: FakeGoPro) -> Iterator[Path]:
    path = tmp_path / "clip.mp4"
    path.write_bytes(movie_of(os.urandom(1_500)))
    yield path
    gopro.control.reset()


@pytest.mark.timeout(60 + 4 * VIDEOS)
def test_every_one_of_many_new_videos_is_archived_once(deployment: Deployment, gopro: FakeGoPro, clip: Path) -> None:
    gopro.library.put_generated(clip, VIDEOS)
    only = {"provider": "gopro", "filters": {"captured_before": "2025-01-01T00:00:00Z"}}  # the generated ones
    summary = output_of(deployment.run(only, seconds=4 * VIDEOS))
    assert (summary["listed"], summary["new"], summary["archived"], summary["failed"]) == (VIDEOS, VIDEOS, VIDEOS, 0)
    assert summary["bytes_archived"] == VIDEOS * clip.stat().st_size
    rows, objects = deployment.rows(), deployment.objects()
    sources = {row["media_id"]: row for row in rows if row["sk"].startswith("SOURCE#")}
    assert {row["status"] for row in rows if row["sk"] in ("ITEM", "SOURCE#0001")} == {"ARCHIVED"}
    assert len(sources) == VIDEOS and {row["key"] for row in sources.values()} == set(objects)
    assert len({row["checksum"] for row in sources.values()}) == 1 and set(objects.values()) == {clip.stat().st_size}
    again = output_of(deployment.run(only))
    assert (again["listed"], again["new"]) == (VIDEOS, 0)
