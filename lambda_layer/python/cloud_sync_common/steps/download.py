"""The room behind video-downloader: a batch of media items, or one slice of one item, source by source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import msgspec

from cloud_sync_common.exceptions import (
    CloudSyncError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalUnavailableError,
    ProviderUnavailableError,
)
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Credentials, MediaItem, MediaSource, Provider
from cloud_sync_common.retry_utils import Deadline, retrying
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import Claim, ItemRow, Ledger, SourceRow, Status
from cloud_sync_common.stores.runs import Runs
from cloud_sync_common.transfer.part_plan import SINGLE_PUT, SLOW_CONNECTION
from cloud_sync_common.transfer.range_transfer import TransferOptions, TransferStats
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.source_transfer import LostLease, SourceTransfer
from cloud_sync_common.transfer.upload_stream import StreamUploader
from cloud_sync_common.xray_utils import subsegment

LEASE_GRACE_SECONDS = 60  # a killed invocation's lease outlives it by this much


class BatchRequest(msgspec.Struct, frozen=True):
    """The event of video-downloader for items that it may move in one go."""

    run_id: str
    provider: str
    batch: tuple[MediaItem, ...]


class BatchResult(msgspec.Struct, frozen=True):
    """`unfinished`: the items that need slices of their own, because time was up or because one met trouble."""

    unfinished: tuple[MediaItem, ...]


class SliceRequest(msgspec.Struct, frozen=True):
    """The event of video-downloader for one item, slice by slice."""

    run_id: str
    provider: str
    media: MediaItem


class SliceResult(msgspec.Struct, frozen=True):
    """`status`: ARCHIVED, IN_PROGRESS (go on), BUSY (another run has it) or UNAVAILABLE (a later run looks again).
    `bytes_archived` is what this slice moved. Of an item that is ARCHIVED now, `proofs` are those that hold for each of
    its sources, and `single_stream` says that one of them could not be read in ranges."""

    status: str
    bytes_archived: int = 0
    proofs: tuple[str, ...] = ()
    single_stream: bool = False


@dataclass(frozen=True)
class VideoDownloader:
    """Moves items of one provider into one archive within one deadline."""

    provider: Provider
    credentials: CredentialStore
    lease: CredentialsLease
    ledger: Ledger
    runs: Runs
    archive: Archive
    uploader: StreamUploader
    connections: int
    deadline: Deadline
    memory_mb: int
    check_etag: bool = True
    single_put: int = SINGLE_PUT

    def run_batch(self, items: tuple[MediaItem, ...], run_id: str) -> BatchResult:
        """Moves one item after the other, up to the first that is not finished here, whatever the reason: its slice
        meets that trouble again, under its own name, where the state machine can deal with it."""
        for at, item in enumerate(items):
            unfinished = BatchResult(items[at:])
            if at and not self.deadline.allows((item.size or 0) / SLOW_CONNECTION):
                return unfinished
            try:
                if self.run_slice(item, run_id).status == "IN_PROGRESS":
                    return unfinished
            except CloudSyncError as error:
                logger.warning("left to a slice", extra={"media_id": item.media_id, "category": error.category})
                return unfinished
        return BatchResult(())

    def run_slice(self, item: MediaItem, run_id: str) -> SliceResult:
        """Moves what can be moved of `item` in the time there is.

        Raises every leaf of the error tree; what was moved before stays and is gone on from.
        """
        seconds = self.deadline.remaining()
        claim = self._claim(item, run_id, seconds + LEASE_GRACE_SECONDS)
        if not claim.granted:
            archived = claim.row.status is Status.ARCHIVED and claim.row.revision == item.revision
            return SliceResult("ARCHIVED" if archived else "BUSY")
        stats = TransferStats()
        connections = min(self.connections, self.provider.capabilities.most_connections)
        options = TransferOptions(
            self.uploader, self.archive, connections, self.deadline, seconds, stats, self.check_etag, self.single_put
        )
        sources: list[SourceRow] = []
        try:
            status = self._move(options, item, run_id, sources)
        except LostLease:
            status = "BUSY"
        except MediaNotFoundError as error:
            status = self._leave(item, run_id, error.category, str(error))
        finally:
            self._note_stats(item, run_id, claim.row, stats)
        if status == "IN_PROGRESS" and stats.bytes_moved == 0:
            raise ProviderUnavailableError(f"Not one part could be moved within {seconds:.0f} s.")
        if status != "ARCHIVED":
            return SliceResult(status, stats.bytes_moved)
        proofs = [proof for proof in sources[0].proofs if all(proof in source.proofs for source in sources)]
        return SliceResult(status, stats.bytes_moved, tuple(proofs), any(source.single_stream for source in sources))

    def _claim(self, item: MediaItem, run_id: str, lease_seconds: float) -> Claim:
        """The lease of another run is taken over when that run has ended, and else respected."""
        claim = self.ledger.claim(item, run_id, lease_seconds)
        owner = claim.row.lease_owner
        if not claim.granted and owner and self.runs.has_ended(owner):
            claim = self.ledger.claim(item, run_id, lease_seconds, instead_of=owner)
        return claim

    def _note_stats(self, item: MediaItem, run_id: str, before: ItemRow, stats: TransferStats) -> None:
        """Adds this slice to what earlier slices of the same run have done."""
        again = before.effort_run == run_id
        gb_seconds = stats.seconds * self.memory_mb / 1024
        self.ledger.set_stats(
            item.media_id,
            run_id,
            {
                "effort_run": run_id,
                "run_bytes": stats.bytes_moved + (before.run_bytes if again else 0),
                "run_requests": stats.requests + (before.run_requests if again else 0),
                "run_gb_seconds": round(gb_seconds + (before.run_gb_seconds if again else 0), 3),
                "run_slices": 1 + (before.run_slices if again else 0),
            },
        )

    def _move(self, options: TransferOptions, item: MediaItem, run_id: str, archived: list[SourceRow]) -> str:
        credentials = self._usable_credentials()
        sources = self._sources(credentials, item)
        if not sources:
            return self._leave(item, run_id, "not_available_yet", "The provider does not offer the original just now.")
        limiter = RequestLimiter(options.connections)

        def renew(ended: MediaSource) -> MediaSource:
            return self._same_source(credentials, item, ended.file_number)

        for source in sources:
            link = SourceLink(source, renew, self.deadline, limiter)
            with subsegment("source"):
                transfer = SourceTransfer(options, self.ledger, self.provider.name, item, source, link, run_id)
                row = self.uploader.run(transfer.go_on())
            if row is None:
                return "IN_PROGRESS"
            archived.append(row)
        total = sum(row.size for row in archived)
        self._check_complete(sources)
        if not self.ledger.archive_item(item.media_id, run_id, bytes_total=total):
            raise LostLease
        logger.info("archived", extra={"media_id": item.media_id, "sources": len(sources), "bytes": total})
        return "ARCHIVED"

    def _check_complete(self, sources: list[MediaSource]) -> None:
        """What is offered is safe by now; an item of which the provider says that it has more is not ARCHIVED."""
        expected = max(source.file_count for source in sources)
        if len(sources) < expected:
            raise OriginalUnavailableError(
                f"The provider offers only {len(sources)} of the {expected} files of this video; those are archived."
            )

    def _leave(self, item: MediaItem, run_id: str, category: str, message: str) -> str:
        logger.info("left for a later run", extra={"media_id": item.media_id, "category": category})
        self.ledger.leave_unavailable(item.media_id, run_id, category, message)
        return "UNAVAILABLE"

    @cached_property
    def _credentials(self) -> Credentials:
        """Read once in an invocation; those that the provider refuses meanwhile end it."""
        return self.credentials.load()

    def _usable_credentials(self) -> Credentials:
        credentials = self._credentials
        if credentials.access_token is None or credentials.version == self.lease.refused_version():
            raise CredentialsExpiredError("There is no stored access token that the provider has not refused.")
        return credentials

    def _sources(self, credentials: Credentials, item: MediaItem) -> list[MediaSource]:
        """The recipes, asked for anew. A refused token is noted, so that it is renewed once for everybody."""
        token = credentials.access_token or ""
        with self.lease.noting_refusal(credentials.version):
            return retrying(lambda: self.provider.sources(token, item), self.deadline)

    def _same_source(self, credentials: Credentials, item: MediaItem, file_number: int) -> MediaSource:
        for source in self._sources(credentials, item):
            if source.file_number == file_number:
                return source
        raise OriginalUnavailableError("The provider no longer offers a source that it offered a moment ago.")
