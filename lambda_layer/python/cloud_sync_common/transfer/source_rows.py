"""What the ledger is told of a source: that its upload has begun, and that it is archived."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync_common.exceptions import ArchiveUnavailableError, SourceChangedError
from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.transfer.earlier_copy import EarlierCopy, Readings
from cloud_sync_common.transfer.range_transfer import ArchivedContent
from cloud_sync_common.transfer.side_by_side import in_a_thread

S3_CHECKSUM, CLAIMED_SIZE = "s3-checksum", "claimed-size"
# Uploads of one source that one run begins. A source that has changed so often is not there to be copied tonight, and
# each beginning moves its bytes again.
MOST_BEGINNINGS = 5


@dataclass(frozen=True)
class SourceLedger:
    """The rows of one source, for one run. Every method raises what those of Ledger raise."""

    ledger: Ledger
    media_id: str
    file_number: int
    run_id: str

    async def row(self) -> SourceRow | None:
        return await in_a_thread(self.ledger.source, self.media_id, self.file_number)

    async def begin(self, new: SourceRow, replaces: str) -> bool:
        """Notes an upload that has started. False when another invocation was first."""
        begin = self.ledger.begin_source
        return await in_a_thread(begin, self.media_id, self.file_number, self.run_id, new, replaces=replaces)

    async def archive(self, row: SourceRow) -> None:
        await in_a_thread(self.ledger.archive_source, self.media_id, self.file_number, self.run_id, row)

    async def hashes(self, upload_id: str) -> bytes:
        """What an earlier slice has kept for this upload."""
        return await in_a_thread(self.ledger.hashes, self.media_id, self.file_number, upload_id)

    async def keep_hashes(self, upload_id: str, hashes: bytes) -> None:
        """Keeps what the next slice cannot compute without reading the parts again; nothing, where that is empty."""
        if hashes:
            await in_a_thread(self.ledger.keep_hashes, self.media_id, self.file_number, upload_id, hashes)


def beginnings(row: SourceRow | None, run_id: str, *, is_same: bool) -> int:
    """How many uploads of a source this run has begun with the next one. When these are too many, raises
    SourceChangedError, or ArchiveUnavailableError where the source is the same and its upload was lost each time."""
    count = 1 + (row.begun if row and row.begun_by == run_id else 0)
    if count <= MOST_BEGINNINGS:
        return count
    again = f"The source had to be begun anew {MOST_BEGINNINGS} times in this run, because "
    if is_same:
        raise ArchiveUnavailableError(
            f"{again}its upload is lost or something else writes its object. The next run tries it again."
        )
    raise SourceChangedError(f"{again}it changes while it is copied. The next run tries it again.")


def begun(
    source: MediaSource,
    version: Fingerprint,
    *,
    key: str,
    copy: int,
    upload_id: str,
    part_size: int,
    beginnings: int,
    run_id: str,
    earlier: EarlierCopy,
    readings: Readings,
) -> SourceRow:
    """IN_PROGRESS: an upload in parts of `part_size` bytes, the run's beginning number `beginnings` of this source."""
    return SourceRow(
        status=Status.IN_PROGRESS,
        key=key,
        size=version.size,
        etag=version.etag,
        upload_id=upload_id,
        part_size=part_size,
        copy=copy,
        last_modified=version.last_modified,
        listed=version.listed,
        identity=source.identity,
        begun=beginnings,
        begun_by=run_id,
        earlier=earlier.key,
        earlier_copy=earlier.number,
        readings=readings.count,
        readings_in=readings.month,
    )


def archived(
    item: MediaItem,
    source: MediaSource,
    version: Fingerprint,
    content: ArchivedContent,
    *,
    key: str,
    copy: int,
    readings: Readings,
) -> SourceRow:
    """ARCHIVED, with every proof that was made, and with what is wrong with the original."""
    claimed = [CLAIMED_SIZE] if content.size in (source.size, item.size) else []
    return SourceRow(
        status=Status.ARCHIVED,
        key=key,
        size=content.size,
        etag=version.etag,
        checksum=content.checksum,
        copy=copy,
        proofs=(S3_CHECKSUM, *claimed, *content.proofs),
        single_stream=content.single_stream,
        last_modified=version.last_modified,
        listed=version.listed,
        identity=source.identity,
        revision=item.revision,
        readings=readings.count,
        readings_in=readings.month if readings.count else "",
        damage=content.damage,
    )
