"""A source that the provider calls changed, and whose bytes are what they were: they are not stored a second time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_sync_common.exceptions import SourceChangedError
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.transfer import earlier_copy
from cloud_sync_common.transfer.earlier_copy import MOST_READINGS

from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.gopro import running
from local.fake_providers.library import Library
from tests.integration.aws_on_loopback import Aws
from tests.integration.downloader import BIG, PLAIN, Downloader

FILES = {PLAIN: "media/01-1.mp4", BIG: "media/05-1.mp4"}


@pytest.fixture
def library(demo_folder: Path, tmp_path: Path) -> Path:
    """A copy of the demo library that a test may change."""
    return shutil.copytree(demo_folder, tmp_path / "library")


@pytest.fixture
def downloader(aws: Aws, library: Path) -> Iterator[Downloader]:
    """With a CDN that has only dates: a strong ETag that stays the same would say that the file does."""
    with running(Library.load(library)) as fake:
        fake.control.add_fault(FaultKind.ETAG_MISSING)
        yield Downloader(aws, fake)


def another_night(
    downloader: Downloader, library: Path, media_id: str, night: int, *, other_bytes: bool = False
) -> str:
    """The provider lists another revision, and its CDN another date. Returns the name of the run."""
    file = library / FILES[media_id]
    if other_bytes:
        file.write_bytes(bytes([night]) + file.read_bytes()[1:])
    os.utime(file, (1_700_000_000 + night, 1_700_000_000 + night))
    row = dict(downloader.fake.library.get(media_id).row)  # type: ignore[union-attr]
    moment = f"2026-11-{night:02}T00:00:00Z"
    downloader.fake.control.put_item(row | {"reprocessed_at": moment, "sources": [FILES[media_id]]})
    return f"night-{night}"


@pytest.mark.parametrize(
    ("media_id", "in_a_stream"), [(PLAIN, False), (BIG, False), (BIG, True)], ids=["put", "parts", "stream"]
)
def test_a_source_that_is_another_one_in_name_only_stays_one_object_and_its_row_knows_the_new_version(
    aws: Aws, downloader: Downloader, library: Path, media_id: str, in_a_stream: bool
) -> None:
    if in_a_stream:
        downloader.fake.control.add_fault(FaultKind.RANGE_IGNORED)
    downloader.move(media_id)
    objects, first = aws.archived(), downloader.source(media_id)
    run = another_night(downloader, library, media_id, 2)
    assert downloader.move(media_id, run)[-1].status == "ARCHIVED"
    assert aws.archived() == objects and aws.uploads() == []
    row = downloader.source(media_id)
    assert (row.status, row.key, row.copy, row.checksum, row.size) == (
        Status.ARCHIVED, first.key, first.copy, first.checksum, first.size,
    )  # fmt: skip
    assert row.last_modified != first.last_modified and row.revision == "2026-11-02T00:00:00Z/1"
    served = downloader.bytes_served()
    assert downloader.move(media_id, "night-3")[-1].status == "ARCHIVED"  # nothing is asked for again
    assert downloader.bytes_served() == served


def test_a_slice_that_is_continued_still_knows_the_copy_that_its_bytes_may_equal(
    aws: Aws, downloader: Downloader, library: Path
) -> None:
    downloader.move(BIG)
    objects = aws.archived()
    another_night(downloader, library, BIG, 2)
    downloader.half_move(BIG)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert aws.archived() == objects and aws.uploads() == []


@pytest.mark.parametrize("media_id", [PLAIN, BIG])
def test_bytes_that_differ_are_stored_as_another_version(
    aws: Aws, downloader: Downloader, library: Path, media_id: str
) -> None:
    downloader.move(media_id)
    run = another_night(downloader, library, media_id, 2, other_bytes=True)
    assert downloader.move(media_id, run)[-1].status == "ARCHIVED"
    assert len(aws.archived()) == 2 and downloader.source(media_id).key.endswith("-v2.MP4")
    assert downloader.archived(media_id) == downloader.originals(media_id)


@pytest.mark.parametrize("media_id", [PLAIN, BIG])
def test_an_earlier_copy_that_is_gone_is_no_reason_not_to_store(
    aws: Aws, downloader: Downloader, library: Path, media_id: str
) -> None:
    downloader.move(media_id)
    aws.s3.delete_object(Bucket="archive", Key=downloader.source(media_id).key)
    run = another_night(downloader, library, media_id, 2)
    assert downloader.move(media_id, run)[-1].status == "ARCHIVED"
    assert downloader.archived(media_id) == downloader.originals(media_id)


@pytest.mark.parametrize("other_bytes", [True, False], ids=["other bytes", "the same bytes"])
def test_a_source_that_is_another_one_each_night_is_read_a_few_times_a_month_and_then_left(
    aws: Aws, downloader: Downloader, library: Path, monkeypatch: pytest.MonkeyPatch, other_bytes: bool
) -> None:
    month = ["2026-11"]
    monkeypatch.setattr(earlier_copy, "now", lambda: f"{month[0]}-01T00:00:00.000Z")
    downloader.move(PLAIN)
    for night in range(2, 2 + MOST_READINGS):
        run = another_night(downloader, library, PLAIN, night, other_bytes=other_bytes)
        assert downloader.move(PLAIN, run)[-1].status == "ARCHIVED"
    objects, served = aws.archived(), downloader.bytes_served()
    run = another_night(downloader, library, PLAIN, 20, other_bytes=other_bytes)
    with pytest.raises(SourceChangedError, match=f"{MOST_READINGS} times this month"):
        downloader.move(PLAIN, run)
    assert aws.archived() == objects and len(objects) == (1 + MOST_READINGS if other_bytes else 1)
    assert downloader.runs.bytes_read(run) < 100_000 and served <= downloader.bytes_served()
    month[0] = "2026-12"
    assert downloader.move(PLAIN, run)[-1].status == "ARCHIVED"
