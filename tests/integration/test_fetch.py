"""Fetching: every byte right under its own name, nothing that is there written over, nothing read twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.operations.restore.fetch.engine import fetch
from console.operations.restore.fetch.names import MANIFEST
from console.operations.restore.fetch.outcome import Ending, Fetched, Options
from tests.integration.object_server import ObjectServer, serving

KIB = 1024
SMALL = {"piece_bytes": 32 * KIB, "range_bytes": 128 * KIB, "sync_bytes": 64 * KIB, "backoff": 0.001, "tries": 3}


@pytest.fixture
def server() -> Iterator[ObjectServer]:
    with serving() as found:
        yield found


def content(seed: int, size: int = 700 * KIB) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 (a sequence that a seed repeats)


def fetched(server: ObjectServer, into: Path, keys: list[str] | None = None, **more: Any) -> Fetched:
    files = [server.file(key, number) for number, key in enumerate(keys or server.objects, 1)]
    return fetch(files, server.source(), str(into), Options(**{**SMALL, **more}))


def names(folder: Path) -> set[str]:
    """Every file below a folder, but for what a fetch notes of itself."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return found - {MANIFEST, ".cloudsync-fetch.lock"}


def test_files_are_fetched_in_ranges_and_have_their_names_and_capture_times(
    server: ObjectServer, tmp_path: Path
) -> None:
    for number, size in enumerate((0, 1, 700 * KIB, 300 * KIB)):
        server.put(f"gopro/2026/05/x/GX01000{number}.MP4", content(number, size))
    result = fetched(server, tmp_path / "new" / "place")
    assert (result.is_whole, result.counts, result.exit_code) == (True, {Ending.FETCHED: 4}, 0)
    for key, thing in server.objects.items():
        path = tmp_path / "new" / "place" / "2026-05" / key.rpartition("/")[2]
        assert path.read_bytes() == thing.content
        assert path.stat().st_mtime == 1779006600  # 2026-05-17T08:30:00Z
    assert result.read_bytes == sum(len(thing.content) for thing in server.objects.values())
    assert set(server.conditions) == {("", '"first"')}
    assert len(names(tmp_path / "new" / "place")) == 4
