"""One source on its way into the archive: planned in parts, moved over several connections, completed with proof.

Parts stream from a ranged GET into UploadPart without being held. S3 remembers the parts, the ledger the upload; so a
slice that runs out of time, or is killed, costs at most the parts that were under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from cloud_sync_common import archive_keys, ranged_http
from cloud_sync_common.archive import AlreadyThere, Archive, Part, UploadGone
from cloud_sync_common.exceptions import (
    ConfigurationError,
    IntegrityError,
    SourceChangedError,
    SourceLinkExpiredError,
)
from cloud_sync_common.ledger import Ledger, SourceRow, Status
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import MediaItem, MediaSource
from cloud_sync_common.ranged_http import Fingerprint, RangeBody
from cloud_sync_common.retry_utils import Deadline, retrying

MIB = 1024 * 1024
# S3's limits (user guide, "Amazon S3 multipart upload limits"): parts of 5 MiB to 5 GiB, at most 10,000 of them.
MIN_PART, MAX_PART, MAX_PARTS = 5 * MIB, 5 * 1024 * MIB, 10_000
SINGLE_PUT = 16 * MIB  # up to here one PutObject is fewer requests and no slower
USUAL_PART = 32 * MIB
SLOW_CONNECTION = 5_000_000  # bytes per second over one connection that planning counts on
LINK_RENEWALS = 10  # per source and slice


@dataclass(frozen=True)
class PartPlan:
    """How `size` bytes are cut: `count` parts of `part_size` bytes, the last one shorter."""

    size: int
    part_size: int

    @property
    def count(self) -> int:
        return -(-self.size // self.part_size)

    def bounds(self, number: int) -> tuple[int, int]:
        """First and last byte (inclusive) of part `number`, which counts from 1."""
        start = (number - 1) * self.part_size
        return start, min(start + self.part_size, self.size) - 1

    def length(self, number: int) -> int:
        first, last = self.bounds(number)
        return last - first + 1


def plan_parts(size: int, seconds: float) -> PartPlan:
    """A plan for `size` bytes in invocations of `seconds`: a part moves in a quarter of that even over a slow
    connection, unless S3's limit on their number asks for larger ones.

    Raises ConfigurationError for a size that S3 cannot store.
    """
    if size > MAX_PART * MAX_PARTS:
        raise ConfigurationError(f"S3 stores objects of up to {MAX_PART * MAX_PARTS} bytes; this one has {size}.")
    in_time = int(seconds / 4 * SLOW_CONNECTION)
    fewest = -(-size // MAX_PARTS)
    wanted = max(MIN_PART, fewest, min(USUAL_PART, in_time))
    return PartPlan(size, -(-wanted // MIB) * MIB)


class LostLease(Exception):
    """Another invocation moves this source now."""


@dataclass
class Effort:
    """What a slice has done and cost so far."""

    started: float = field(default_factory=time.monotonic)
    bytes_moved: int = 0
    requests: int = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


class Link:
    """A source whose signed link is renewed when it ends, once for all threads."""

    def __init__(self, source: MediaSource, renew: Callable[[MediaSource], MediaSource], deadline: Deadline) -> None:
        self._source, self._ask_again, self._deadline = source, renew, deadline
        self._lock, self._renewals = Lock(), 0

    def use[T](self, call: Callable[[MediaSource], T]) -> T:
        """`call(source)`: again with a fresh link when that one has ended, and again after passing trouble."""
        while True:
            source = self._source
            try:
                return retrying(lambda: call(source), self._deadline)  # noqa: B023 (called before the loop goes on)
            except SourceLinkExpiredError:
                self._renew(source)

    def _renew(self, ended: MediaSource) -> None:
        with self._lock:
            if self._source is not ended:
                return
            self._renewals += 1
            if self._renewals > LINK_RENEWALS:
                raise SourceLinkExpiredError(f"The link to the source ended {LINK_RENEWALS} times within one slice.")
            self._source = self._ask_again(ended)


@dataclass(frozen=True)
class Tools:
    """What every source transfer of an invocation works with."""

    provider: str
    ledger: Ledger
    archive: Archive
    connections: int
    deadline: Deadline
    seconds: float  # the whole time an invocation has
    effort: Effort


class SourceTransfer:
    """One source of one item, for one run."""

    def __init__(self, tools: Tools, item: MediaItem, source: MediaSource, link: Link, run_id: str) -> None:
        self._tools, self._item, self._source, self._link, self._run_id = tools, item, source, link, run_id
        self._ledger, self._archive, self._effort = tools.ledger, tools.archive, tools.effort

    def go_on(self) -> int | None:
        """The size of the source once it is in the archive; None when time was up first.

        A source that changes while it is read is begun anew, once. Raises LostLease and every leaf of the error tree.
        """
        try:
            return self._go_on()
        except SourceChangedError:
            logger.warning("the source changed while it was read", extra={"media_id": self._item.media_id})
            return self._go_on()

    def _go_on(self) -> int | None:
        fingerprint = self._link.use(ranged_http.probe)
        row = self._ledger.source(self._item.media_id, self._source.file_number)
        if row and (row.size, row.etag) == (fingerprint.size, fingerprint.etag):
            if row.status is Status.ARCHIVED:
                return row.size
            if row.upload_id:
                return self._upload(row)
        elif row and row.upload_id:
            self._archive.abort(row.key, row.upload_id)  # of a version that is no longer there
        return self._begin(fingerprint, row)

    def _begin(self, fingerprint: Fingerprint, row: SourceRow | None) -> int | None:
        copy = row.copy + 1 if row and row.status is Status.ARCHIVED else 1
        new = SourceRow(status=Status.IN_PROGRESS, key="", size=fingerprint.size, etag=fingerprint.etag)
        while True:
            key = archive_keys.object_key(self._tools.provider, self._item, self._source, copy)
            found = self._archive.find(key)
            if found is None:
                break
            if archive_keys.is_version(found.metadata, fingerprint):  # here already: the ledger has forgotten
                return self._archived(new, key, copy, found.checksum)
            copy += 1
        if fingerprint.size <= SINGLE_PUT:
            return self._put(new, key, copy)
        part_size = plan_parts(fingerprint.size, self._tools.seconds).part_size
        upload_id = self._archive.begin(key, self._metadata(fingerprint))
        self._effort.requests += 1
        return self._upload(self._noted(new, key, copy, upload_id, part_size, row.upload_id if row else ""))

    def _metadata(self, fingerprint: Fingerprint) -> dict[str, str]:
        return archive_keys.metadata(self._tools.provider, self._item, self._source, fingerprint)

    def _noted(self, new: SourceRow, key: str, copy: int, upload_id: str, part_size: int, replaces: str) -> SourceRow:
        """The row of an upload that has begun, in the ledger."""
        row = SourceRow(
            status=Status.IN_PROGRESS,
            key=key,
            size=new.size,
            etag=new.etag,
            upload_id=upload_id,
            part_size=part_size,
            copy=copy,
        )
        number = self._source.file_number
        if not self._ledger.begin_source(self._item.media_id, number, self._run_id, row, replaces=replaces):
            self._archive.abort(key, upload_id)
            raise LostLease
        return row

    def _put(self, new: SourceRow, key: str, copy: int) -> int | None:
        """A small source in one request."""
        fingerprint = Fingerprint(new.size, new.etag)
        if not self._tools.deadline.allows(new.size / SLOW_CONNECTION) and self._effort.bytes_moved:
            return None
        try:
            stored = self._link.use(
                lambda source: self._archive.put(
                    key, RangeBody(source, 0, new.size - 1, fingerprint), self._metadata(fingerprint)
                )
            )
        except AlreadyThere:
            raise SourceChangedError("Another object appeared under this key.") from None
        self._effort.requests += 1
        self._effort.bytes_moved += new.size
        return self._archived(new, key, copy, stored.checksum)

    def _upload(self, row: SourceRow) -> int | None:
        """Goes on with a multipart upload."""
        plan = PartPlan(row.size, row.part_size)
        try:
            held = self._archive.parts(row.key, row.upload_id)
            held = {number: part for number, part in held.items() if part.size == plan.length(number)}
            self._move_parts(row, plan, held)
            if len(held) < plan.count:
                return None
            checksum = self._archive.complete(row.key, row.upload_id, [held[n] for n in sorted(held)])
            self._effort.requests += 1
        except UploadGone:
            return self._after_upload_gone(row)
        except AlreadyThere:
            self._archive.abort(row.key, row.upload_id)
            return self._after_upload_gone(row)
        except IntegrityError:
            self._archive.abort(row.key, row.upload_id)  # the next attempt begins anew
            raise
        return self._archived(row, row.key, row.copy, checksum)

    def _after_upload_gone(self, row: SourceRow) -> int | None:
        """An upload that is no longer there was completed (then its object is) or has expired (then it begins anew)."""
        fingerprint = Fingerprint(row.size, row.etag)
        found = self._archive.find(row.key)
        if found and archive_keys.is_version(found.metadata, fingerprint):
            return self._archived(row, row.key, row.copy, found.checksum)
        return self._begin(fingerprint, row)

    def _archived(self, row: SourceRow, key: str, copy: int, checksum: str) -> int:
        done = SourceRow(status=Status.ARCHIVED, key=key, size=row.size, etag=row.etag, checksum=checksum, copy=copy)
        self._ledger.archive_source(self._item.media_id, self._source.file_number, self._run_id, done)
        return row.size

    def _move_parts(self, row: SourceRow, plan: PartPlan, held: dict[int, Part]) -> None:
        """Moves the parts that S3 does not hold, over several connections, until done or until one more would not end
        in time. What was moved is added to `held`."""
        todo = iter([number for number in range(1, plan.count + 1) if number not in held])
        lock, slowest, failed = Lock(), 0.0, False

        def work() -> None:
            nonlocal slowest, failed
            try:
                while True:
                    with lock:
                        in_time = not failed and self._tools.deadline.allows(slowest * 1.25)
                        number = next(todo, None) if in_time else None
                    if number is None:
                        return
                    begun = time.monotonic()
                    part = self._move_part(row, plan, number)
                    with lock:
                        held[number] = part
                        slowest = max(slowest, time.monotonic() - begun)
                        self._effort.requests += 1
                        self._effort.bytes_moved += part.size
            except BaseException:
                failed = True
                raise

        with ThreadPoolExecutor(self._tools.connections) as workers:
            for done in [workers.submit(work) for _ in range(self._tools.connections)]:
                done.result()

    def _move_part(self, row: SourceRow, plan: PartPlan, number: int) -> Part:
        first, last = plan.bounds(number)
        fingerprint = Fingerprint(row.size, row.etag)
        return self._link.use(
            lambda source: self._archive.put_part(
                row.key, row.upload_id, number, RangeBody(source, first, last, fingerprint)
            )
        )
