"""The step Download (video-downloader): a batch of media items, or one slice of one item, source by source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

import msgspec

from cloud_sync_common import source_identity
from cloud_sync_common.exceptions import (
    CloudSyncError,
    MediaNotFoundError,
    NoProgressError,
    OriginalUnavailableError,
    ProviderContractError,
    ProviderUnavailableError,
    ShortReadError,
    SourceError,
    TransientError,
)
from cloud_sync_common.http.client import Traffic
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import MediaItem, MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.ledger import Effort, Ledger
from cloud_sync_common.stores.ledger_rows import Claim, ItemRow, SourceRow, Status
from cloud_sync_common.stores.runs import Runs
from cloud_sync_common.transfer.part_plan import SINGLE_PUT, SLOW_CONNECTION
from cloud_sync_common.transfer.range_transfer import TransferOptions, TransferStats
from cloud_sync_common.transfer.request_limiter import RequestLimiter
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


@dataclass
class _Effort:
    """What a run has done for an item: in earlier slices, which its row says (`before`), and in the present one."""

    before: ItemRow
    run_id: str
    memory_mb: int
    stats: TransferStats
    is_noted: bool = False  # with the item's outcome, so that it needs no write of its own

    def so_far(self) -> Effort:
        before = self.before if self.before.effort_run == self.run_id else ItemRow(status=Status.IN_PROGRESS)
        gb_seconds = self.stats.seconds * self.memory_mb / 1024
        return {
            "effort_run": self.run_id,
            "run_bytes": self.stats.bytes_moved + before.run_bytes,
            "run_requests": self.stats.requests + before.run_requests,
            "run_gb_seconds": round(gb_seconds + before.run_gb_seconds, 3),
            "run_kept": max(self.stats.kept, before.run_kept),
            "run_idle": self.idle_slices,
            "run_slices": 1 + before.run_slices,
        }

    @property
    def idle_slices(self) -> int:
        """How many slices of this run in a row, with the present one, have found no more in S3 than there had been. The
        first slice is none of them: nothing is known before it."""
        if self.before.effort_run != self.run_id or self.stats.kept > self.before.run_kept:
            return 0
        return self.before.run_idle + 1


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
    check_etag: bool = True
    single_put: int = SINGLE_PUT

    def download(self, request: DownloadRequest) -> BatchResult | SliceResult:
        """Raises as `run_slice` does, for a slice."""
        match request:
            case BatchRequest():
                return self.run_batch(request.batch, request.run_id)
            case SliceRequest():
                return self.run_slice(request.media, request.run_id)

    def run_batch(self, items: tuple[MediaItem, ...], run_id: str) -> BatchResult:
        """Moves one item after the other, up to the first that is not finished here, whatever the reason: its slice
        meets that trouble again, under its own name, where the state machine can deal with it. Nothing is moved, and
        nothing unfinished, when the run has read as much as it may."""
        if self._has_read_enough(run_id):
            return BatchResult(())
        with self._counted(run_id) as count:
            return self._batch(items, run_id, count)

    def _batch(self, items: tuple[MediaItem, ...], run_id: str, count: TransferStats) -> BatchResult:
        for at, item in enumerate(items):
            unfinished = BatchResult(items[at:])
            if at and not self.deadline.allows((item.size or 0) / SLOW_CONNECTION):
                return unfinished
            try:
                if self._slice(item, run_id, count).status is SliceStatus.IN_PROGRESS:
                    return unfinished
            except CloudSyncError as error:
                logger.warning("left to a slice", extra={"media_id": item.media_id, "category": error.category})
                return unfinished
        return BatchResult(())

    def run_slice(self, item: MediaItem, run_id: str) -> SliceResult:
        """Moves what can be moved of `item` in the time there is.

        Raises every leaf of the error tree; what was moved before stays, and the next slice continues from it.
        """
        if self._has_read_enough(run_id):
            return SliceResult(SliceStatus.LEFT)
        with self._counted(run_id) as count:
            return self._slice(item, run_id, count)

    def _has_read_enough(self, run_id: str) -> bool:
        """Whether the run has read as much as it may. What is under way at that moment still ends."""
        enough = self.runs.bytes_read(run_id) >= self.most_bytes
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
                self.runs.note_read(run_id, read)

    def _slice(self, item: MediaItem, run_id: str, count: TransferStats) -> SliceResult:
        seconds = self.deadline.remaining()
        claim = self._claim(item, run_id, seconds + LEASE_GRACE_SECONDS)
        if not claim.granted:
            archived = claim.row.status is Status.ARCHIVED and claim.row.revision == item.revision
            return SliceResult(SliceStatus.ARCHIVED if archived else SliceStatus.BUSY)
        stats = TransferStats()
        effort = _Effort(claim.row, run_id, self.memory_mb, stats)
        try:
            moved = self._try_to_move(self._options(seconds, stats), item, effort)
        finally:
            count.bytes_read += stats.bytes_read
            if not effort.is_noted:
                self.ledger.set_stats(item.media_id, run_id, effort.so_far())
        if moved.status is SliceStatus.IN_PROGRESS and stats.bytes_moved == 0:
            raise ProviderUnavailableError(f"Not one part could be moved within {seconds:.0f} s.")
        if moved.status is SliceStatus.IN_PROGRESS and effort.idle_slices >= MOST_IDLE_SLICES:
            raise NoProgressError(
                f"{MOST_IDLE_SLICES} slices in a row moved bytes of this video, and none of them lasted: S3 has no "
                "more of it than before. The next run tries it again."
            )
        return _slice_result(moved, stats.bytes_moved)

    def _options(self, seconds: float, stats: TransferStats) -> TransferOptions:
        return TransferOptions(
            uploader=self.uploader,
            archive=self.archive,
            connections=self._limiter.most,
            deadline=self.deadline,
            seconds=seconds,
            stats=stats,
            check_etag=self.check_etag,
            single_put=self.single_put,
        )

    @cached_property
    def _limiter(self) -> RequestLimiter:
        """One for the whole invocation: what the provider says while one item is moved holds for the next one too."""
        return RequestLimiter(min(self.connections, self.session.provider.capabilities.most_connections))

    def _claim(self, item: MediaItem, run_id: str, lease_seconds: float) -> Claim:
        """The lease of another run is taken over when that run has ended, and else respected."""
        claim = self.ledger.claim(item, run_id, lease_seconds)
        owner = claim.row.lease_owner
        if not claim.granted and owner and self.runs.has_ended(owner):
            claim = self.ledger.claim(item, run_id, lease_seconds, instead_of=owner)
        return claim

    def _try_to_move(self, options: TransferOptions, item: MediaItem, effort: _Effort) -> Moved:
        try:
            return self._move(options, item, effort)
        except LostLease:
            return Moved(SliceStatus.BUSY)
        except MediaNotFoundError as error:
            return self._leave(item, effort, error.category, str(error))

    def _move(self, options: TransferOptions, item: MediaItem, effort: _Effort) -> Moved:
        if item.unusable:
            raise OriginalUnavailableError(item.unusable)
        self.session.require_usable_token()
        sources = self.session.sources(item)
        if not sources:
            return self._leave(item, effort, "not_available_yet", "The provider does not offer the original just now.")
        _check_count(sources)
        archived = self._archived(options, item, sources, effort.run_id)
        if archived is None:
            return Moved(SliceStatus.IN_PROGRESS)
        _check_complete(sources)
        total = sum(row.size for row in archived)
        if not self.ledger.archive_item(item.media_id, effort.run_id, bytes_total=total, effort=effort.so_far()):
            raise LostLease
        effort.is_noted = True
        logger.info("archived", extra={"media_id": item.media_id, "sources": len(sources), "bytes": total})
        return Moved(SliceStatus.ARCHIVED, tuple(archived))

    def _archived(
        self, options: TransferOptions, item: MediaItem, sources: list[MediaSource], run_id: str
    ) -> list[SourceRow] | None:
        """The rows of all sources, once they are archived; None when time was up first. A file whose length nobody
        knows comes last: by then the others show how much of the item's size is left for it."""
        known, archived = self.ledger.sources(item.media_id), list[SourceRow]()
        put_off = list[MediaSource]()
        for source in _as_numbered_before(sources, known):
            row = known.get(source.file_number)
            if row is None or not row.holds(item, source):
                try:
                    row = self._move_source(options, item, source, run_id)
                except LengthUnknown:
                    put_off.append(source)
                    continue
            if row is None:
                return None
            archived.append(row)
            options.stats.archived += row.size
        if put_off:
            _check_complete(sources)
            row = self._move_source(options, item, _with_what_is_left(item, archived, put_off), run_id)
            return [*archived, row] if row else None
        return archived

    def _move_source(
        self, options: TransferOptions, item: MediaItem, source: MediaSource, run_id: str
    ) -> SourceRow | None:
        def renew(ended: MediaSource) -> MediaSource:
            return self._same_source(item, ended)

        link = SourceLink(source, renew, self.deadline, self._limiter)
        with subsegment("source"):
            provider = self.session.provider.name
            transfer = SourceTransfer(options, self.ledger, provider, item, source, link, run_id)
            try:
                return self.uploader.run(transfer.archive())
            except ProviderContractError as error:
                if not self.session.is_alone(item, self._can_be_read):
                    raise
                raise OriginalUnavailableError(f"{error} Those of other videos can be read.") from None

    def _can_be_read(self, other: MediaItem) -> bool | None:
        """Whether a file of another video can be read; None when that cannot be found out."""
        try:
            for source in self.session.sources(other)[:1]:
                self.uploader.run(try_to_read(self.uploader.sources, source))
                return True
        except ProviderContractError:
            return False
        except (SourceError, TransientError):
            return None
        return None

    def _leave(self, item: MediaItem, effort: _Effort, category: str, message: str) -> Moved:
        logger.info("left for a later run", extra={"media_id": item.media_id, "category": category})
        effort.is_noted = self.ledger.leave_unavailable(
            item.media_id, effort.run_id, category, message, effort.so_far()
        )
        return Moved(SliceStatus.UNAVAILABLE)

    def _same_source(self, item: MediaItem, ended: MediaSource) -> MediaSource:
        """The same file with a new link; it keeps its number, whatever else is offered by now."""
        same = [source for source in self.session.sources(item) if source.is_same_file(ended)]
        if len(same) != 1:
            raise OriginalUnavailableError(
                f"The provider was asked for a new link to file {ended.file_number} of this video, and does not offer "
                "that file any more. A later run looks again."
            )
        size = ended.size if same[0].size is None else same[0].size
        return replace(same[0], file_number=ended.file_number, file_count=ended.file_count, size=size)


def _as_numbered_before(sources: list[MediaSource], known: Mapping[int, SourceRow]) -> list[MediaSource]:
    """The sources with the numbers that they have in the ledger, so that none takes another's row and object."""
    listed = [(source.file_number, source.identity) for source in sources]
    numbers = source_identity.kept_numbers(listed, {number: row.identity for number, row in known.items()})
    return [replace(source, file_number=number) for source, number in zip(sources, numbers, strict=True)]


def _with_what_is_left(item: MediaItem, archived: list[SourceRow], put_off: list[MediaSource]) -> MediaSource:
    """The one source whose length nobody knows, with what the others leave of the item's size. Raises ShortReadError
    when that cannot be said."""
    left = (item.size or 0) - sum(row.size for row in archived)
    if len(put_off) > 1 or left <= 0:
        raise ShortReadError(
            f"Nobody says how long file {put_off[0].file_number} of this video is, so nothing would show that it is "
            "whole. It is not stored, and asked for again."
        )
    return replace(put_off[0], size=left)


def _check_count(sources: list[MediaSource]) -> None:
    """Raises OriginalUnavailableError: each file is an object to pay for, however small it is."""
    if len(sources) > source_identity.MOST_FILES:
        raise OriginalUnavailableError(
            f"The provider offers {len(sources):,} files of this video, and Cloud Sync believes in at most "
            f"{source_identity.MOST_FILES:,}; none is archived. Look at the video with the provider."
        )


def _check_complete(sources: list[MediaSource]) -> None:
    """What is offered is safe by now; an item of which the provider says that it has more is not ARCHIVED."""
    expected = max(source.file_count for source in sources)
    if len(sources) < expected:
        raise OriginalUnavailableError(
            f"The provider offers only {len(sources)} of the {expected} files of this video; those are archived."
        )


def _slice_result(moved: Moved, bytes_moved: int) -> SliceResult:
    if moved.status is not SliceStatus.ARCHIVED:
        return SliceResult(moved.status, bytes_moved)
    first, *others = moved.sources
    proofs = tuple(proof for proof in first.proofs if all(proof in source.proofs for source in others))
    return SliceResult(moved.status, bytes_moved, proofs, any(source.single_stream for source in moved.sources))
