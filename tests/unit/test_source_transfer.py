"""One source on its way into the archive, at the moment when the invocation's time is up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cloud_sync_common.exceptions import ShortReadError, SourceChangedError
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint, MediaItem, MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.archive import ArchivedObject, NewUpload, Part, WriteConflict
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.transfer.earlier_copy import MOST_KEYS
from cloud_sync_common.transfer.range_transfer import ArchivedContent, RangeTransfer, TransferOptions, TransferStats
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.source_rows import MOST_BEGINNINGS
from cloud_sync_common.transfer.source_transfer import LengthUnknown, SourceTransfer

ROW = SourceRow(status=Status.IN_PROGRESS, key="gopro/clip.mp4", size=10, etag='"e"', upload_id="upload", part_size=5)


class Archive:
    """Holds some parts of the upload already."""

    def __init__(self, *numbers: int) -> None:
        self.held = {number: Part(number, 5, "etag", "AAAAAAAAAAA=") for number in numbers}
        self.completed: list[str] = []
        self.conflict: ArchivedObject | None = None  # what the other write made, which refuses ours
        self.aborted: list[str] = []

    def parts(self, _key: str, _upload_id: str) -> dict[int, Part]:
        return self.held

    def complete(self, key: str, _upload_id: str, _parts: list[Part]) -> str:
        if self.conflict:
            raise WriteConflict
        self.completed.append(key)
        return "AAAAAAAAAAA="

    def find(self, _key: str) -> ArchivedObject | None:
        return self.conflict

    def abort(self, _key: str, upload_id: str) -> None:
        self.aborted.append(upload_id)


async def move(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> SourceRow | None:
    """Continues the upload; after the first contact with the source no time is left."""
    left = iter([60.0])
    deadline = Deadline(lambda: next(left, 0.0), margin=0.0)
    ledger = SimpleNamespace(source=lambda *_: ROW, archive_source=lambda *_: None)
    item, source = MediaItem(media_id="clip", filename="clip.mp4"), MediaSource(file_number=1, filename="clip.mp4")
    options = TransferOptions(cast(Any, None), cast(Any, archive), 1, deadline, 900.0, TransferStats())
    link = SourceLink(source, lambda ended: ended, Deadline.after(60), RequestLimiter(1, Deadline.after(600)))
    opened = SimpleNamespace(fingerprint=Fingerprint(10, '"e"'), length=1, honoured=True, close=lambda: None)

    async def open_source(*_: object) -> Any:
        return opened

    monkeypatch.setattr(RangeTransfer, "open", open_source)
    return await SourceTransfer(options, cast(Any, ledger), "gopro", item, source, link, "run-1").archive()


def test_an_upload_that_has_all_its_parts_is_completed_even_when_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = Archive(1, 2)
    row = asyncio.run(move(archive, monkeypatch))
    assert row is not None and row.status is Status.ARCHIVED and archive.completed == [ROW.key]


def test_an_upload_that_lacks_a_part_when_the_time_is_up_is_left_for_the_next_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = Archive(1)
    assert asyncio.run(move(archive, monkeypatch)) is None and archive.completed == []


def test_a_completion_that_met_another_write_of_the_same_version_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(1, 2)
    archive.conflict = ArchivedObject(ROW.key, 10, "BBBBBBBBBBA=", {"source-size": "10", "source-etag": "e"})
    row = asyncio.run(move(archive, monkeypatch))
    assert row is not None and (row.status, row.checksum) == (Status.ARCHIVED, "BBBBBBBBBBA=")
    assert archive.completed == [] and archive.aborted == ["upload"]


# A body without a length


def stream_that_ends_after(
    size: int,
    listed: int | None,
    monkeypatch: pytest.MonkeyPatch,
    files: int = 1,
    *,
    delimited: bool = False,
    announced: int = UNKNOWN,
) -> None:
    """A source that does not send ranges and ends after `size` bytes, of unknown length unless that is `announced`; the
    provider lists `listed` for all `files`."""

    async def open_source(*_: object) -> Any:
        opened = SimpleNamespace(fingerprint=Fingerprint(announced, ""), length=announced, honoured=False)
        is_delimited = delimited or announced != UNKNOWN
        return SimpleNamespace(**vars(opened), close=lambda: None, is_delimited=is_delimited)

    async def put(*_: object) -> ArchivedContent:
        return ArchivedContent(size, "AAAAAAAAAAA=", (), single_stream=True)

    async def stream(_: object, *given: Any) -> ArchivedContent:
        given[-1](size)
        return ArchivedContent(size, "AAAAAAAAAAA=", (), single_stream=True)

    monkeypatch.setattr(RangeTransfer, "open", open_source)
    monkeypatch.setattr(RangeTransfer, "stream", stream)
    monkeypatch.setattr(RangeTransfer, "put", put)
    ledger = SimpleNamespace(source=lambda *_: None, archive_source=lambda *_: None)
    item = MediaItem(media_id="clip", filename="clip.mp4", size=listed, source_count=files)
    source = MediaSource(file_number=1, file_count=files, filename="clip.mp4")
    link = SourceLink(
        source, lambda ended: ended, Deadline(lambda: 1.0, margin=0.0), RequestLimiter(1, Deadline.after(600))
    )
    deadline = Deadline.after(60)
    options = TransferOptions(cast(Any, None), cast(Any, Archive()), 1, deadline, 900.0, TransferStats())
    transfer = SourceTransfer(options, cast(Any, ledger), "gopro", item, source, link, "run-1")
    row = asyncio.run(transfer.archive())
    assert row is not None and row.status is Status.ARCHIVED


@pytest.mark.parametrize(("size", "listed"), [(60, 100), (98, 100), (0, 100), (0, None)])
def test_a_body_without_a_length_that_ends_short_of_the_listed_size_is_not_archived(
    monkeypatch: pytest.MonkeyPatch, size: int, listed: int | None
) -> None:
    with pytest.raises(ShortReadError, match=f"after {size} bytes"):
        stream_that_ends_after(size, listed, monkeypatch, delimited=True)


@pytest.mark.parametrize(("size", "listed"), [(60, 100), (98, 100), (10**9 - 16_385, 10**9)])
def test_a_whole_file_that_announces_less_than_the_listed_size_is_not_archived(
    monkeypatch: pytest.MonkeyPatch, size: int, listed: int | None
) -> None:
    with pytest.raises(ShortReadError, match=f"after {size} bytes"):
        stream_that_ends_after(size, listed, monkeypatch, announced=size)


@pytest.mark.parametrize(
    ("size", "listed"), [(100, 100), (99, 100), (103, 100), (1, None), (0, None), (0, 0), (10**9 - 16_384, 10**9)]
)
def test_a_whole_file_that_announces_the_listed_size_or_a_little_less_is_archived(
    monkeypatch: pytest.MonkeyPatch, size: int, listed: int | None
) -> None:
    stream_that_ends_after(size, listed, monkeypatch, announced=size)


@pytest.mark.parametrize(("size", "listed"), [(100, 100), (103, 100), (1, None), (0, 0)])
def test_a_body_without_a_length_that_has_the_listed_size_is_archived(
    monkeypatch: pytest.MonkeyPatch, size: int, listed: int | None
) -> None:
    stream_that_ends_after(size, listed, monkeypatch, delimited=listed is None)


@pytest.mark.parametrize(("listed", "files"), [(None, 1), (None, 3), (100, 3), (300, 3)])
def test_a_file_that_ends_with_the_connection_and_has_no_listed_size_of_its_own_is_not_archived_by_itself(
    monkeypatch: pytest.MonkeyPatch, listed: int | None, files: int
) -> None:
    with pytest.raises(LengthUnknown):
        stream_that_ends_after(100, listed, monkeypatch, files=files)


def test_one_of_several_files_is_whole_when_its_last_chunk_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    stream_that_ends_after(100, 300, monkeypatch, files=3, delimited=True)


class ChangingSource:
    """A source whose ETag is another one in each slice, and the ledger and the archive that it leads through."""

    def __init__(self) -> None:
        self.row: SourceRow | None = None
        self.slices, self.begun, self.aborted, self.looked = 0, 0, 0, 0
        self.every_name_is_taken = False

    def begin(self, *_: object) -> NewUpload:
        self.begun += 1
        return NewUpload(f"upload-{self.begun}", md5_etags=False)

    def abort(self, *_: object) -> None:
        self.aborted += 1

    def find(self, key: str) -> ArchivedObject | None:
        self.looked += 1
        return ArchivedObject(key, 1, "AAAAAAAAAAA=", {}) if self.every_name_is_taken else None

    def begin_source(self, _id: str, _number: int, _run: str, row: SourceRow, *, replaces: str) -> bool:
        assert replaces == (self.row.upload_id if self.row else "")
        self.row = row
        return True

    async def slice(self, run_id: str, monkeypatch: pytest.MonkeyPatch) -> SourceRow | None:
        """One invocation: it finds the source, and its time ends before the first part is moved."""
        self.slices += 1
        left = iter([60.0])
        deadline = Deadline(lambda: next(left, 0.0), margin=0.0)
        ledger = SimpleNamespace(source=lambda *_: self.row, begin_source=self.begin_source)
        archive = SimpleNamespace(begin=self.begin, abort=self.abort, find=self.find, parts=lambda *_: {})
        item, source = MediaItem(media_id="clip", filename="a.mp4"), MediaSource(file_number=1, filename="a.mp4")
        options = TransferOptions(cast(Any, None), cast(Any, archive), 1, deadline, 900.0, TransferStats())
        link = SourceLink(source, lambda ended: ended, Deadline.after(60), RequestLimiter(1, Deadline.after(600)))
        version = Fingerprint(50_000_000, f'"{self.slices}"')
        opened = SimpleNamespace(fingerprint=version, length=1, honoured=True, close=lambda: None)

        async def open_source(*_: object) -> Any:
            return opened

        monkeypatch.setattr(RangeTransfer, "open", open_source)
        return await SourceTransfer(options, cast(Any, ledger), "gopro", item, source, link, run_id).archive()


def test_a_source_that_is_another_one_in_each_slice_is_given_up_for_this_run_and_tried_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = ChangingSource()
    for _ in range(MOST_BEGINNINGS):
        assert asyncio.run(source.slice("run-1", monkeypatch)) is None
    for _ in range(3):  # whoever repeats it, moves nothing more
        with pytest.raises(SourceChangedError, match="begun anew 5 times"):
            asyncio.run(source.slice("run-1", monkeypatch))
    assert source.begun == MOST_BEGINNINGS
    assert asyncio.run(source.slice("run-2", monkeypatch)) is None
    assert source.begun == MOST_BEGINNINGS + 1


def test_a_source_whose_every_name_is_taken_is_given_up_and_begins_no_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ChangingSource()
    source.every_name_is_taken = True
    with pytest.raises(SourceChangedError, match=f"{MOST_KEYS} other versions"):
        asyncio.run(source.slice("run-1", monkeypatch))
    assert (source.begun, source.looked) == (0, 2 * MOST_KEYS)  # a source that has changed is looked at once more
