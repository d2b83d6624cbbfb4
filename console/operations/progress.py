"""How far a run is, video by video: what it costs to look stays the same, however large the run and the ledger are.

The run's manifest says what is to be done. The rows of the videos that it can be about are read by their keys, because
the map takes the manifest from its start; and one batch of others at a time, so that none is overlooked for long. What
has ended is never read again. Of an upload, S3 knows the parts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.runtime.run_input import Mode
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.stores.manifest import Manifest

from console.operations.ledger import BATCH, Reading, Row, by_keys
from console.operations.provider_services import answering
from console.stack import Stack

FRONT = 2 * BATCH  # videos from the start of what is open, that are looked at each time
MOST_MOVING = 20  # videos of which the files are looked at
MOST_FILES = 20  # files of one video
MOST_AT_THE_END = 50 * BATCH  # videos that are looked at once more when the run is over
PART_PAGES = 10  # of 1,000 parts: all that an upload can have (S3 user guide)
PARTS_SECONDS = 5.0  # an upload's parts are listed no more often
PACE_SECONDS = 60.0  # the rate is that of the last minute
ENDED = (Status.ARCHIVED, Status.FAILED, Status.UNAVAILABLE)
_OF_ITEM = ("status", "run_id", "revision", "bytes_total", "error_message")
_OF_SOURCE = ("status", "run_id", "size", "key", "upload_id")


class FileProgress(msgspec.Struct, frozen=True, kw_only=True):
    """One video. `status` is the ledger's; `size` is None where nobody states it; `reason` says why it failed."""

    media_id: str
    filename: str
    status: str
    done: int = 0
    size: int | None = None
    reason: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the run of one provider is. `stage`: starting, listing (or comparing, of a reconciliation), moving,
    ending.

    Of `videos` in its manifest, `ended` are archived or given up for this run, `failed` of them the latter. `done` and
    `total` are bytes, without what has failed, and what has no known size. `rate` is in bytes per second, None when it
    is not known, as is `seconds_left`. `moving` are under way, `news` have ended since the last look.
    """

    provider: str
    run_id: str
    stage: str
    videos: int = 0
    ended: int = 0
    failed: int = 0
    done: int = 0
    total: int = 0
    rate: float | None = None
    seconds_left: float | None = None
    moving: list[FileProgress] = []
    news: list[FileProgress] = []


@dataclass
class Pace:
    """Bytes per second over the last PACE_SECONDS. What was there at the first look was moved before it."""

    clock: Callable[[], float]
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, done: int) -> float | None:
        """The rate, now that so many bytes are done; None before two looks a second apart."""
        now = self.clock()
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] < now - PACE_SECONDS:
            self._seen.popleft()
        (first, before), seconds = self._seen[0], now - self._seen[0][0]
        return max(done - before, 0) / (now - first) if seconds >= 1 else None


@dataclass(frozen=True)
class _Item:
    """A video of the manifest, with what is needed of it."""

    media_id: str
    filename: str
    revision: str
    size: int | None
    files: int


class RunWatch:
    """Watches the run of one provider; the parts of an upload are listed every `parts_seconds` at most."""

    def __init__(
        self,
        stack: Stack,
        provider: str,
        run_id: str,
        *,
        mode: str = Mode.SYNC,
        parts_seconds: float = PARTS_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.provider, self.run_id = provider, run_id
        self._parts_seconds = parts_seconds
        self.reading = Reading()
        self._stack, self._clock, self._compares = stack, clock, mode == Mode.RECONCILE
        self._pace = Pace(clock)
        self._etag = ""
        self._items: list[_Item] = []
        self._open: dict[str, _Item] = {}
        self._first = self._rover = 0  # places in _items: of the first that is open, and of the ones looked at beside
        self._moving: dict[str, FileProgress] = {}
        self._parts: dict[str, tuple[float, int]] = {}  # of an upload: when they were counted, and their bytes
        self._ended = self._failed = self._archived_bytes = 0

    def sample(self, *, is_over: bool = False) -> Progress:
        """The progress now. `is_over`: the run has ended, and whatever is left is looked at once more.

        Raises ConsoleError, botocore's errors.
        """
        if not self._compares and not self._ended and not self._moving:
            self._look_for_manifest()
        news = self._look_at_items(MOST_AT_THE_END if is_over else FRONT)
        self._look_at_files()
        return self._progress(news)

    def _progress(self, news: list[FileProgress]) -> Progress:
        moving = list(self._moving.values())
        done = self._archived_bytes + sum(one.done for one in moving)
        sizes = {one.media_id: one.size for one in moving}
        left = sum(sizes.get(name, item.size) or 0 for name, item in self._open.items())
        rate = self._pace.add(done) if self._etag else None
        total = self._archived_bytes + left
        return Progress(
            provider=self.provider,
            run_id=self.run_id,
            stage=self._stage(),
            videos=len(self._items),
            ended=self._ended,
            failed=self._failed,
            done=done,
            total=total,
            rate=rate,
            seconds_left=max(total - done, 0) / rate if rate else None,
            moving=moving,
            news=news,
        )

    def _stage(self) -> str:
        if self._compares:
            return "comparing"
        if not self._etag:
            return "listing"
        return "moving" if self._open else "ending"

    def _look_for_manifest(self) -> None:
        """The lister may write it several times, each time with more; not any more once a video has begun."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        s3, bucket = self._stack.client("s3"), self._stack.output("WorkBucket")
        manifest = Manifest(s3, bucket, self.run_id)
        try:
            found = s3.head_object(Bucket=bucket, Key=manifest.key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                return
            raise
        if found["ETag"] == self._etag:
            return
        self._etag = found["ETag"]
        with answering():  # which keeps the log of the functions' code from standard output
            listed = list(map(_item, manifest.items())) if found["ContentLength"] else []
        self._open = {item.media_id: item for item in listed}
        self._items = list(self._open.values())

    def _look_at_items(self, most: int) -> list[FileProgress]:
        """Those that have ended since the last look; notes those that are under way."""
        asked = {(self._pk(item), "ITEM"): item for item in self._to_look_at(most)}
        rows, news = by_keys(self._stack, asked, _OF_ITEM, self.reading), list[FileProgress]()
        for key, row in rows.items():
            item = asked[key]
            if self._has_ended(item, row):
                news.append(self._end(item, row))
            elif row.get("status") == Status.IN_PROGRESS and row.get("run_id") == self.run_id:
                self._moving.setdefault(item.media_id, FileProgress(
                    media_id=item.media_id, filename=item.filename, status=Status.IN_PROGRESS, size=item.size
                ))  # fmt: skip
        return news

    def _to_look_at(self, most: int) -> Iterator[_Item]:
        """What moves, the first ones that are open, and the next batch of all."""
        yield from (self._open[name] for name in self._moving)
        while self._first < len(self._items) and self._items[self._first].media_id not in self._open:
            self._first += 1
        found, place = 0, self._first
        while place < len(self._items) and found < most:
            if self._items[place].media_id in self._open:
                yield self._items[place]
                found += 1
            place += 1
        if place >= len(self._items):
            return
        self._rover = self._rover if place <= self._rover < len(self._items) else place
        batch = self._items[self._rover : self._rover + BATCH]
        self._rover += BATCH
        yield from (item for item in batch if item.media_id in self._open)

    def _has_ended(self, item: _Item, row: Row) -> bool:
        """For this run, or because another one has archived this version meanwhile."""
        is_own = row.get("run_id") == self.run_id
        is_archived = row.get("status") == Status.ARCHIVED and row.get("revision", "") == item.revision
        return is_archived or (is_own and row.get("status") in ENDED)

    def _end(self, item: _Item, row: Row) -> FileProgress:
        self._open.pop(item.media_id)
        self._moving.pop(item.media_id, None)
        is_archived = row["status"] == Status.ARCHIVED
        size = _count(row, "bytes_total") if is_archived else item.size
        self._ended += 1
        self._failed += not is_archived
        self._archived_bytes += (size or 0) if is_archived else 0
        return FileProgress(
            media_id=item.media_id,
            filename=item.filename,
            status=str(row["status"]),
            done=(size or 0) if is_archived else 0,
            size=size,
            reason="" if is_archived else one_line(str(row.get("error_message", "")), 300),
        )

    def _look_at_files(self) -> None:
        names = list(self._moving)[:MOST_MOVING]
        keys = {(self._pk(self._open[name]), f"SOURCE#{number:04d}"): name
                for name in names for number in range(1, min(self._open[name].files, MOST_FILES) + 1)}  # fmt: skip
        rows: dict[str, list[Row]] = {}
        for key, row in by_keys(self._stack, keys, _OF_SOURCE, self.reading).items():
            rows.setdefault(keys[key], []).append(row)
        for name in names:
            files, item = rows.get(name, []), self._open[name]
            done = sum(map(self._moved, files))
            sizes = sum(_count(row, "size") for row in files)
            is_whole = len(files) >= item.files and item.files <= MOST_FILES
            self._moving[name] = msgspec.structs.replace(
                self._moving[name], done=done, size=sizes if is_whole else max(item.size or 0, done) or None
            )

    def _moved(self, row: Row) -> int:
        """Of a file: all of it once this run has archived it, else the parts of its upload. An earlier version of it is
        none of its own bytes."""
        if row.get("upload_id"):
            return self._uploaded(str(row["key"]), str(row["upload_id"]))
        is_done = row.get("status") == Status.ARCHIVED and row.get("run_id") == self.run_id
        return _count(row, "size") if is_done else 0

    def _uploaded(self, key: str, upload_id: str) -> int:
        """The bytes in the parts of an upload, which may have ended meanwhile."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        at, count = self._parts.get(upload_id, (None, 0))
        if at is not None and self._clock() < at + self._parts_seconds:
            return count
        try:
            count = sum(part["Size"] for part in self._listed_parts(key, upload_id))
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchUpload":
                raise
        self._parts[upload_id] = self._clock(), count
        return count

    def _listed_parts(self, key: str, upload_id: str) -> Iterator[Mapping[str, Any]]:
        ask: dict[str, Any] = {"Bucket": self._stack.output("ArchiveBucket"), "Key": key, "UploadId": upload_id}
        for _ in range(PART_PAGES):
            answer = self._stack.client("s3").list_parts(**ask)
            yield from answer.get("Parts", [])
            if not answer.get("IsTruncated"):
                return
            ask["PartNumberMarker"] = answer["NextPartNumberMarker"]

    def _pk(self, item: _Item) -> str:
        return f"{self.provider}#{kept_id(item.media_id)}"


def _item(item: MediaItem) -> _Item:
    return _Item(item.media_id, one_line(item.filename), item.revision, item.size, max(item.source_count, 1))


def _count(row: Row, name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) else 0
