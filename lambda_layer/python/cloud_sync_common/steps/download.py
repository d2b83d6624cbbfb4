"""The step Download (video-downloader): a batch of media items, or one slice of one item, source by source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial

import msgspec

from cloud_sync_common.exceptions import (
    CloudSyncError,
    HashDisputedError,
    MediaNotFoundError,
    NoProgressError,
    OriginalNotReadyError,
    OriginalRefusedError,
    OriginalUnavailableError,
    ProviderContractError,
    ProviderUnavailableError,
    SourceError,
    TransientError,
)
from cloud_sync_common.http.client import Traffic
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import MediaItem, MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import Claim, SourceRow, Status, damage_of, repeated_in
from cloud_sync_common.stores.runs import Runs
from cloud_sync_common.transfer.copies import Copies
from cloud_sync_common.transfer.disputed_hash import HashDispute
from cloud_sync_common.transfer.item_effort import ItemEffort
from cloud_sync_common.transfer.media_host import MediaHost
from cloud_sync_common.transfer.offered_files import as_numbered_before, check_complete, check_count, with_what_is_left
from cloud_sync_common.transfer.part_plan import SINGLE_PUT, SLOW_CONNECTION, largest_put
from cloud_sync_common.transfer.range_transfer import TransferOptions, TransferStats
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.side_by_side import Shared, all_ended, in_a_thread
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.source_transfer import LengthUnknown, LostLease, SourceTransfer
from cloud_sync_common.transfer.trial_read import try_to_read
from cloud_sync_common.transfer.upload_stream import StreamUploader
from cloud_sync_common.xray_utils import subsegment

# Slices in a row that find no more of a video in S3 than there was before; then it has to wait for the next run.
MOST_IDLE_SLICES = 5
LEASE_GRACE_SECONDS = 60  # a killed invocation's lease outlives it by this much


class SliceStatus(StrEnum):
    """ARCHIVED; IN_PROGRESS: invoke it again; BUSY: another run has the item; UNAVAILABLE: a later run looks again;
    LEFT: the run has read as much as it may, and the next one continues."""

    ARCHIVED = "ARCHIVED"
    IN_PROGRESS = "IN_PROGRESS"
    BUSY = "BUSY"
    UNAVAILABLE = "UNAVAILABLE"
    LEFT = "LEFT"


class BatchRequest(msgspec.Struct, frozen=True, tag_field="request", tag="batch"):
    """The event of video-downloader for items that it may move in one invocation."""

    run_id: str
    provider: str
    batch: tuple[MediaItem, ...]


class BatchResult(msgspec.Struct, frozen=True):
    """`unfinished`: the items that need slices of their own, because time was up or because one met trouble."""

    unfinished: tuple[MediaItem, ...]


class SliceRequest(msgspec.Struct, frozen=True, tag_field="request", tag="slice"):
    """The event of video-downloader for one item, slice by slice."""

    run_id: str
    provider: str
    media: MediaItem


type DownloadRequest = BatchRequest | SliceRequest


class SliceResult(msgspec.Struct, frozen=True):
    """`bytes_archived` is what this slice moved. Of an item that is ARCHIVED now, `proofs` are those that hold for each
    of its sources, and `single_stream` says that one of them could not be read in ranges."""

    status: SliceStatus
    bytes_archived: int = 0
    proofs: tuple[str, ...] = ()
    single_stream: bool = False


@dataclass(frozen=True)
class Moved:
    """What became of an item: its status, and the rows of those of its sources that are archived."""

    status: SliceStatus
    sources: tuple[SourceRow, ...] = ()


@dataclass(frozen=True)
class VideoDownloader:
    """Moves items of one provider into one archive within one deadline."""

    session: AuthorisedSession
    ledger: Ledger
    runs: Runs
    archive: Archive
    uploader: StreamUploader
    connections: int
    deadline: Deadline
    memory_mb: int
    most_bytes: int  # that one run may read from the provider
    check_etag: bool = False
    single_put: int = SINGLE_PUT
    copies: Copies | None = None

    def download(self, request: DownloadRequest) -> BatchResult | SliceResult:
        """Raises as `run_slice` does, for a slice."""
        match request:
            case BatchRequest():
                return self.run_batch(request.batch, request.run_id)
            case SliceRequest():
                return self.run_slice(request.media, request.run_id)

    def run_batch(self, items: tuple[MediaItem, ...], run_id: str) -> BatchResult:
        """Moves items side by side, and begins no further one after the first that is not finished here, whatever the
        reason: its slice meets that trouble again, under its own name, where the state machine can deal with it. Those
        beside it are moved to their end. Nothing is moved, and nothing unfinished, when the run has read as much as it
        may."""
        if self._has_read_enough(run_id):
            return BatchResult(())
        with self._counted(run_id) as count:
            self._shared.first = items[0].media_id if items else ""
            return self.uploader.run(self._batch(items, run_id, count))

    async def _batch(self, items: tuple[MediaItem, ...], run_id: str, count: TransferStats) -> BatchResult:
        """One item more than there are connections is under way: while others move, its lease and its links come."""
        todo, done, goes_on = iter({item.media_id: item for item in items}.values()), set[str](), True

        async def work() -> None:
            nonlocal goes_on
            for item in todo:
                is_done = False
                try:
                    is_done = goes_on and self._has_time_for(item) and await self._is_finished(item, run_id, count)
                finally:
                    goes_on = goes_on and is_done
                if is_done:
                    done.add(item.media_id)

        await all_ended([work() for _ in range(min(len(items), self._limiter.most + 1))])
        return BatchResult(tuple(item for item in items if item.media_id not in done))

    def _has_time_for(self, item: MediaItem) -> bool:
        """The first one is always begun, so that an invocation does something."""
        is_first = item.media_id == self._shared.first
        return is_first or self.deadline.allows((item.size or 0) / SLOW_CONNECTION)

    def run_slice(self, item: MediaItem, run_id: str) -> SliceResult:
        """Moves what can be moved of `item` in the time there is.

        Raises every leaf of the error tree; what was moved before stays, and the next slice continues from it.
        """
        if self._has_read_enough(run_id):
            return SliceResult(SliceStatus.LEFT)
        with self._counted(run_id) as count:
            self._shared.first = item.media_id
            return self.uploader.run(self._slice(item, run_id, count))

    def _has_read_enough(self, run_id: str) -> bool:
        """Whether the run has read as much as it may. What is under way at that moment still ends."""
        enough = self.runs.bytes_counted(run_id) >= self.most_bytes
        if enough:
            logger.warning("the run has read as much as it may", extra={"most_bytes": self.most_bytes})
        return enough

    @contextmanager
    def _counted(self, run_id: str) -> Iterator[TransferStats]:
        """Adds what is read in the block to what the run has read, also when the block ends with an error."""
        count, before = TransferStats(), Traffic.received
        try:
            yield count
        finally:
            if read := count.bytes_read + Traffic.received - before:
                self.runs.note_read(run_id, read, count.videos)

    async def _is_finished(self, item: MediaItem, run_id: str, count: TransferStats) -> bool:
        try:
            return (await self._slice(item, run_id, count)).status is not SliceStatus.IN_PROGRESS
        except CloudSyncError as error:
            logger.warning("left to a slice", extra={"media_id": item.media_id, "category": error.category})
            return False

    async def _slice(self, item: MediaItem, run_id: str, count: TransferStats) -> SliceResult:
        with self._shared.time.share() as seconds_spent:
            seconds = self.deadline.remaining()
            claim = await in_a_thread(self._claim, item, run_id, seconds + LEASE_GRACE_SECONDS)
            if not claim.granted:
                archived = claim.row.status is Status.ARCHIVED and claim.row.revision == item.revision
                return SliceResult(SliceStatus.ARCHIVED if archived else SliceStatus.BUSY)
            options = self._options(seconds)
            effort = ItemEffort(claim.row, run_id, self.memory_mb, options.stats, seconds_spent)
            try:
                moved = await self._try_to_move(options, item, effort)
            finally:
                count.bytes_read += options.stats.bytes_read
                count.videos += 1
                if not effort.is_noted:
                    await in_a_thread(self.ledger.set_stats, item.media_id, run_id, effort.so_far())
        _refuse_to_go_on_idly(moved, effort, seconds)
        return _slice_result(moved, options.stats.bytes_moved)

    def _options(self, seconds: float) -> TransferOptions:
        return TransferOptions(
            uploader=self.uploader,
            archive=self.archive,
            connections=self._limiter.most,
            deadline=self.deadline,
            seconds=seconds,
            stats=TransferStats(),
            check_etag=self.check_etag,
            single_put=self.single_put,
            host=self._host,
            copies=self.copies,
        )

    @cached_property
    def _host(self) -> MediaHost:
        return MediaHost(self.session.provider.refusal, self.session.provider.media_origins)

    @cached_property
    def _limiter(self) -> RequestLimiter:
        """One for the whole invocation: what the provider says while one item is moved holds for the next one too."""
        most = min(self.connections, self.session.provider.capabilities.most_connections)
        return RequestLimiter(most, self.deadline)

    @cached_property
    def _shared(self) -> Shared:
        return Shared(self._limiter.most)

    def _claim(self, item: MediaItem, run_id: str, lease_seconds: float) -> Claim:
        """The lease of another run is taken over when that run has ended, and else respected."""
        claim = self.ledger.claim(item, run_id, lease_seconds)
        owner = claim.row.lease_owner
        if not claim.granted and owner and self.runs.has_ended(owner):
            claim = self.ledger.claim(item, run_id, lease_seconds, instead_of=owner)
        return claim

    async def _try_to_move(self, options: TransferOptions, item: MediaItem, effort: ItemEffort) -> Moved:
        try:
            return await self._move(options, item, effort)
        except LostLease:
            return Moved(SliceStatus.BUSY)
        except HashDisputedError as error:
            return await self._leave(item, effort, error, error.note)
        except (MediaNotFoundError, OriginalNotReadyError, OriginalRefusedError) as error:
            return await self._leave(item, effort, error)

    async def _move(self, options: TransferOptions, item: MediaItem, effort: ItemEffort) -> Moved:
        async with self._shared.asking:
            sources = await in_a_thread(self._sources, item)
        if not sources:
            raise OriginalNotReadyError("The provider does not offer the original just now.")
        check_count(sources)
        known = await in_a_thread(self.ledger.sources, item.media_id)
        async with self._shared.connections.taken(self._connections_of(item, options)):
            if not self._has_time_for(item):  # any longer, after the wait for others
                return Moved(SliceStatus.IN_PROGRESS)
            archived = await self._archived(options, item, as_numbered_before(sources, known), known, effort)
        if archived is None:
            return Moved(SliceStatus.IN_PROGRESS)
        check_complete(sources)
        total, damage, so_far = sum(row.size for row in archived), damage_of(archived), effort.so_far()
        effect = {**so_far, **repeated_in(archived)}
        archive_item = partial(self.ledger.archive_item, bytes_total=total, damage=damage, effort=effect)
        if not await in_a_thread(archive_item, item.media_id, effort.run_id):
            raise LostLease
        effort.is_noted = True
        logger.info("archived", extra={"media_id": item.media_id, "sources": len(sources), "bytes": total})
        return Moved(SliceStatus.ARCHIVED, tuple(archived))

    def _sources(self, item: MediaItem) -> list[MediaSource]:
        if item.unusable:
            raise OriginalUnavailableError(item.unusable)
        self.session.require_usable_token()
        return self.session.sources(item)

    def _connections_of(self, item: MediaItem, options: TransferOptions) -> int:
        """How many connections an item is counted with: one where each of its files is one request. Of those that go in
        parts, two may move at once, so that the beginning and the end of one, in which no byte moves, cost no time."""
        if item.size is not None and item.size <= largest_put(options.seconds, options.single_put):
            return 1
        return -(-self._limiter.most // 2)

    async def _archived(
        self,
        options: TransferOptions,
        item: MediaItem,
        sources: list[MediaSource],
        known: Mapping[int, SourceRow],
        effort: ItemEffort,
    ) -> list[SourceRow] | None:
        """The rows of all sources, once they are archived; None when time was up first. A file whose length nobody
        knows comes last: by then the others show how much of the item's size is left for it."""
        archived, put_off = list[SourceRow](), list[MediaSource]()
        for source in sources:
            row = known.get(source.file_number)
            if row is None or not row.holds(item, source):
                try:
                    row = await self._move_source(options, item, source, effort)
                except LengthUnknown:
                    put_off.append(source)
                    continue
            if row is None:
                return None
            archived.append(row)
            options.stats.archived += row.size
        if put_off:
            check_complete(sources)
            row = await self._move_source(options, item, with_what_is_left(item, archived, put_off), effort)
            return [*archived, row] if row else None
        return archived

    async def _move_source(
        self, options: TransferOptions, item: MediaItem, source: MediaSource, effort: ItemEffort
    ) -> SourceRow | None:
        link = SourceLink(source, partial(self.session.same_source, item), self.deadline, self._limiter)
        with subsegment("source"):
            provider = self.session.provider.name
            transfer = SourceTransfer(options, self.ledger, provider, item, source, link, effort.run_id)
            try:
                return await HashDispute(effort.before, source, link, options).settle(transfer.archive)
            except ProviderContractError as error:
                if not await self._is_alone(item):
                    raise
                raise OriginalUnavailableError(f"{error} Those of other videos can be read.") from None

    async def _is_alone(self, item: MediaItem) -> bool:
        """As AuthorisedSession.is_alone, where the question is whether the files of other videos can be read."""
        troubled = False
        for other in await in_a_thread(self.session.neighbours, item):
            if readable := await self._can_be_read(other):
                return True
            troubled |= readable is False
        return not troubled

    async def _can_be_read(self, other: MediaItem) -> bool | None:
        """Whether a file of another video can be read; None when that cannot be found out."""
        try:
            for source in (await in_a_thread(self.session.sources, other))[:1]:
                await try_to_read(self.uploader.sources, source, self._host)
                return True
        except ProviderContractError:
            return False
        except (SourceError, TransientError):
            return None
        return None

    async def _leave(
        self, item: MediaItem, effort: ItemEffort, error: SourceError, note: Mapping[str, float | str] = {}
    ) -> Moved:
        logger.info("left for a later run", extra={"media_id": item.media_id, "category": error.category})
        leave = partial(self.ledger.leave_unavailable, item.media_id, effort.run_id, error.category, str(error))
        effort.is_noted = await in_a_thread(leave, {**effort.so_far(), **note})
        return Moved(SliceStatus.UNAVAILABLE)


def _refuse_to_go_on_idly(moved: Moved, effort: ItemEffort, seconds: float) -> None:
    """Raises ProviderUnavailableError or NoProgressError when another slice would lead to nothing."""
    if moved.status is not SliceStatus.IN_PROGRESS:
        return
    if effort.stats.bytes_moved == 0:
        raise ProviderUnavailableError(f"Not one part could be moved within {seconds:.0f} s.")
    if effort.idle_slices >= MOST_IDLE_SLICES:
        raise NoProgressError(
            f"{MOST_IDLE_SLICES} slices in a row moved bytes of this video, and none of them lasted: S3 has no "
            "more of it than before. The next run tries it again."
        )


def _slice_result(moved: Moved, bytes_moved: int) -> SliceResult:
    if moved.status is not SliceStatus.ARCHIVED:
        return SliceResult(moved.status, bytes_moved)
    first, *others = moved.sources
    proofs = tuple(proof for proof in first.proofs if all(proof in source.proofs for source in others))
    return SliceResult(moved.status, bytes_moved, proofs, any(source.single_stream for source in moved.sources))
