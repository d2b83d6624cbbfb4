"""Moves a source's bytes into S3: in one request, in parts over several connections, or in one stream if need be.

Knows links, ranges, uploads and proofs; knows nothing of the ledger. Everything here runs on the uploader's loop, but
calls to S3 that carry no media.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from cloud_sync_common.aws.aws_chunked import PIECE, encode_checksum
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    RangeIgnoredError,
    SourceChangedError,
    SourceError,
    TransientError,
)
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint, MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.archive import (
    Archive,
    ObjectExists,
    Part,
    WriteConflict,
    combined_checksum,
)
from cloud_sync_common.transfer.copies import Copies
from cloud_sync_common.transfer.media_host import ANY_HOST, MediaHost
from cloud_sync_common.transfer.part_plan import MAX_PARTS, MIB, SINGLE_PUT, USUAL_PART, PartPlan, plan_parts
from cloud_sync_common.transfer.proofs import Proofs
from cloud_sync_common.transfer.ranged_get import IfMatch, Range, open_range
from cloud_sync_common.transfer.side_by_side import all_ended, in_a_thread
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.upload_stream import BodyReader, BufferedBody, StreamUploader, before_a_stall

MOST_LOOKS, _LOOK = 2, 1024  # short requests for boxes of a movie, per source and invocation; bytes of each
_LOOK_SECONDS = 1.0  # with less time than this none is made
_UNMEASURED_PART = 8 * MIB  # whole pieces, kept in memory: a part's length must be known before its first byte is sent


@dataclass
class TransferStats:
    """What a slice, or `videos` of a batch, have moved and used so far. `bytes_moved` are in S3; `bytes_read` came from
    the source, whatever became of them. `archived` are the bytes of sources that are in the archive, `held` those of
    the upload that was found at the start."""

    bytes_moved: int = 0
    bytes_read: int = 0
    archived: int = 0
    held: int = 0
    requests: int = 0
    videos: int = 0

    @property
    def kept(self) -> int:
        """Bytes of the item that S3 had at the start, of the sources that were looked at."""
        return self.archived + self.held


@dataclass(frozen=True)
class ArchivedContent:
    """The content of an object that is in the archive now, or is about to be."""

    size: int
    checksum: str
    proofs: tuple[str, ...]
    single_stream: bool
    damage: str = ""  # what is wrong with a movie that is archived all the same
    hashes: tuple[str, ...] = ()  # that were computed over its bytes, each as in MediaSource.content_hashes


type Compare = Callable[[ArchivedContent], Awaitable[None]]  # called before an object is made; its error prevents that


@dataclass(frozen=True)
class TransferOptions:
    """What the transfers of one invocation share."""

    uploader: StreamUploader
    archive: Archive
    connections: int
    deadline: Deadline
    seconds: float  # the whole time an invocation has
    stats: TransferStats
    check_etag: bool = False
    single_put: int = SINGLE_PUT  # bytes
    host: MediaHost = ANY_HOST
    copies: Copies | None = None  # None: nobody asks whether the archive has the same content already


@dataclass
class _Pace:
    """Whether another part is begun: not after an error, nor when it would not end in time."""

    deadline: Deadline
    slowest: float = 0.0  # seconds that a part took
    failed: bool = False

    @property
    def allows_another(self) -> bool:
        return not self.failed and self.deadline.allows(self.slowest * 1.25)

    def took(self, started: float) -> float:
        """Notes how long a part took that was begun at `started`; returns the time now."""
        now = time.monotonic()
        self.slowest = max(self.slowest, now - started)
        return now

    @contextmanager
    def failing(self) -> Iterator[None]:
        """An error within the block ends the work of all connections."""
        try:
            yield
        except BaseException:
            self.failed = True
            raise


class RangeTransfer:
    """Moves one source."""

    def __init__(self, options: TransferOptions, link: SourceLink) -> None:
        self._uploader, self._archive, self._link = options.uploader, options.archive, link
        self._deadline, self._seconds, self._stats = options.deadline, options.seconds, options.stats
        self._connections, self._host = options.connections, options.host
        self._condition, self.looks_left = IfMatch(), MOST_LOOKS
        self.streaming = False  # whether an interruption means to start from the first byte again

    async def in_time[T](self, work: Awaitable[T]) -> T | None:
        """The result of `work`, or None when the time is up first; S3 keeps the parts that are complete by then."""
        try:
            async with asyncio.timeout(max(0.0, self._deadline.remaining() - self._deadline.margin)):
                return await work
        except TimeoutError:
            if not self.streaming:
                return None
            raise RangeIgnoredError(
                "The source cannot be read in ranges, or nothing shows that two ranges are of the same version, and "
                f"{self._seconds:.0f} s are not enough to move it in one stream; nothing was kept. Raise "
                "downloader_timeout_seconds."
            ) from None

    async def open(self, source: MediaSource, last: int) -> Range:
        """The source from its first byte to byte `last` or its end, whichever is first, in its current version."""
        return await open_range(self._uploader.sources, source, 0, last, None, self._condition, self._host)

    # In one object

    async def put(
        self, source: Range, key: str, metadata: Mapping[str, str], proofs: Proofs, compare: Compare
    ) -> ArchivedContent:
        """Writes one answer as one object. Raises ObjectExists, what `compare` raises before the object is made, and
        whatever either side raises."""
        size = source.fingerprint.size
        upload = self._archive.object_upload(key, size, metadata)
        hashers = proofs.hashers(0)

        def content(checksum: str, stored_etag: str = "") -> ArchivedContent:
            made, in_one = proofs.made(stored_etag, checksum), not source.honoured
            damage, hashes = proofs.movie.reason, proofs.hashes
            return ArchivedContent(size, checksum, made, single_stream=in_one, damage=damage, hashes=hashes)

        async def check(crc: int) -> None:
            proofs.keep(hashers)
            await compare(content(encode_checksum(crc)))

        body = _Counted(source, self._stats)
        stored = await self._uploader.upload(body, upload, proofs.readers(0, hashers), check)
        try:
            checksum = self._archive.object_stored(stored)
        except ObjectExists:
            checksum = await self._same_content(key, size, stored.checksum)
        self._stats.requests += 1
        self._stats.bytes_moved += size
        return content(checksum, stored.etag)

    async def _same_content(self, key: str, size: int, checksum: str) -> str:
        """The checksum of the object that exists already, when its content is the very one that was sent: it is the
        same version then, whatever is said of it. Raises ObjectExists when it is not."""
        there = await in_a_thread(self._archive.find, key)
        if there is None or (there.size, there.checksum) != (size, checksum):
            raise ObjectExists
        return checksum

    # In one stream

    async def stream(
        self,
        source: Range,
        key: str,
        metadata: Mapping[str, str],
        proofs: Proofs,
        compare: Compare,
        check_size: Callable[[int], None],
    ) -> ArchivedContent:
        """A source that ignores ranges, or does not say how long it is: part after part from one answer. An error
        aborts the upload. Raises ObjectExists, what `check_size` and `compare` raise, and whatever either side
        raises."""
        self.streaming = True
        uploads, parts, first = list[str](), list[Part](), 0
        try:
            await in_a_thread(lambda: uploads.append(self._archive.begin(key, metadata).upload_id))
            [upload_id] = uploads
            async for piece, length in self._pieces(source):
                parts.append(await self._part(piece, key, upload_id, len(parts) + 1, first, length, proofs))
                first += length
            check_size(first)
            if not parts:  # S3 joins no upload without a part
                parts.append(await self._part(BufferedBody(memoryview(b"")), key, upload_id, 1, 0, 0, proofs))
            if proofs.boxes:
                proofs.boxes.ends_at(first)
            made, crc = proofs.made_of(parts), combined_checksum(parts)
            damage, hashes = proofs.movie.reason, proofs.hashes
            content = ArchivedContent(first, crc, made, single_stream=True, damage=damage, hashes=hashes)
            await compare(content)
            self.streaming = False  # when it is interrupted from here on, the object may be there
            checksum = await in_a_thread(self._archive.complete, key, upload_id, parts)
        except BaseException as error:
            self.streaming = self.streaming and isinstance(error, asyncio.CancelledError)
            for begun in uploads:  # also one whose beginning was interrupted
                await in_a_thread(self._archive.abort, key, begun)
            if isinstance(error, WriteConflict):
                raise ArchiveUnavailableError("Another write of the same object is under way.") from None
            raise
        self._stats.requests += 2
        return replace(content, checksum=checksum)

    async def _pieces(self, source: Range) -> AsyncIterator[tuple[BodyReader, int]]:
        """The body of each part, and its length."""
        if source.length != UNKNOWN:
            plan = plan_parts(source.length, self._seconds)
            for number in range(1, plan.count + 1):
                yield source, plan.length(number)
            return
        buffer = memoryview(bytearray(_UNMEASURED_PART))
        for _ in range(MAX_PARTS):
            length = await _as_much(source, buffer)
            if length:
                yield BufferedBody(buffer[:length]), length
            if length < len(buffer):
                return
        raise RangeIgnoredError("The source does not say how long it is, and is longer than can be moved like that.")

    # In parts

    async def parts(
        self,
        key: str,
        upload_id: str,
        plan: PartPlan,
        held: Mapping[int, Part],
        version: Fingerprint,
        proofs: Proofs,
    ) -> dict[int, Part]:
        """Moves the parts that S3 does not hold, over several connections, until done or until one more would not end
        in time. Returns the parts that S3 holds then, by number. Raises whatever either side raises."""
        connections = 1 if proofs.needs_order(plan.part_size) else self._connections
        missing = [number for number in range(1, plan.count + 1) if number not in held]
        most = max(1, min(USUAL_PART // plan.part_size, len(missing) // connections))
        todo, pace = _runs(missing, most), _Pace(self._deadline)

        async def work() -> list[Part]:
            moved: list[Part] = []
            while pace.allows_another and (numbers := next(todo, None)):
                moved += await self._ranged_parts(key, upload_id, plan, numbers, version, proofs, pace)
            return moved

        moved = await all_ended([work() for _ in range(connections)])
        return {**held, **{part.number: part for parts in moved for part in parts}}

    async def look_at_boxes(self, proofs: Proofs, version: Fingerprint, has_passed: Callable[[int], bool]) -> None:
        """Asks for those headers of a movie's boxes that lie among bytes that have passed before their place was known,
        by at most MOST_LOOKS short requests. What the source refuses just proves nothing. Raises SourceChangedError."""
        boxes = proofs.boxes
        while boxes and boxes.wanted >= 0 and has_passed(boxes.wanted):
            if not (self.looks_left and self._deadline.allows(_LOOK_SECONDS)):
                return
            self.looks_left -= 1
            try:
                first, data = await self._link.use(partial(self._look, boxes.wanted, version))
            except SourceChangedError:
                raise
            except (SourceError, TransientError) as error:
                logger.warning("a movie's boxes could not be looked at", extra={"category": error.category})
                return
            boxes.see(first, data)

    async def _look(self, first: int, version: Fingerprint, source: MediaSource) -> tuple[int, bytes]:
        last = min(first + _LOOK, version.size) - 1
        opened = await open_range(self._uploader.sources, source, first, last, version, self._condition, self._host)
        try:
            data = bytearray(opened.length)
            await before_a_stall(_Counted(opened, self._stats).fill(memoryview(data)))
            return first, bytes(data)
        finally:
            opened.close()

    async def _ranged_parts(
        self,
        key: str,
        upload_id: str,
        plan: PartPlan,
        numbers: list[int],
        version: Fingerprint,
        proofs: Proofs,
        pace: _Pace,
    ) -> list[Part]:
        """Moves consecutive parts from one answer. An answer that breaks off is asked for again from the part that was
        under way."""
        moved: list[Part] = []

        async def move(source: MediaSource) -> None:
            if not pace.allows_another:  # any longer, after the wait for a turn
                return
            left, started = numbers[len(moved) :], time.monotonic()
            first, last = plan.bounds(left[0])[0], plan.bounds(left[-1])[1]
            opened = await open_range(self._uploader.sources, source, first, last, version, self._condition, self._host)
            try:
                for number in left:
                    first, length = plan.bounds(number)[0], plan.length(number)
                    moved.append(await self._part(opened, key, upload_id, number, first, length, proofs))
                    started = pace.took(started)
                    if not pace.allows_another:
                        break
            except TransientError:
                if numbers[len(moved)] == left[0]:
                    raise  # else it goes on, and what follows has attempts of its own
            finally:
                opened.close()

        with pace.failing():
            while len(moved) < len(numbers) and pace.allows_another:
                await self._link.use(move)
        return moved

    async def _part(
        self, body: BodyReader, key: str, upload_id: str, number: int, first: int, length: int, proofs: Proofs
    ) -> Part:
        hashers = proofs.hashers(first)
        upload = self._archive.part_upload(key, upload_id, number, length)
        counted = _Counted(body, self._stats)
        stored = await self._uploader.upload(counted, upload, proofs.readers(first, hashers))
        part = self._archive.part_stored(number, length, stored)
        proofs.keep(hashers, part)
        self._stats.requests += 1
        self._stats.bytes_moved += length
        return part


async def _as_much(source: Range, buffer: memoryview) -> int:
    """Fills `buffer` unless the body ends first; returns how many bytes there were. Each piece has the time that a
    piece has: a body whose length nobody knows may stall like any other."""
    filled, count = 0, PIECE
    while count == PIECE and filled < len(buffer):
        count = await before_a_stall(source.read_into(buffer[filled : filled + PIECE]))
        filled += count
    return filled


def _runs(numbers: list[int], most: int) -> Iterator[list[int]]:
    """The numbers, which ascend, as runs of up to `most` consecutive ones."""
    run: list[int] = []
    for number in numbers:
        if run and (len(run) == most or number != run[-1] + 1):
            yield run
            run = []
        run.append(number)
    if run:
        yield run


@dataclass(frozen=True)
class _Counted:
    """A body whose bytes are counted as they are asked for, so that those of a body that breaks off count as well."""

    body: BodyReader
    stats: TransferStats

    async def fill(self, view: memoryview) -> None:
        self.stats.bytes_read += len(view)
        await self.body.fill(view)
