"""One source whose content another object of the archive may have: looks for that, and records the copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource
from cloud_sync_common.stores import archive_keys
from cloud_sync_common.stores.archive import ObjectExists
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.transfer import source_rows
from cloud_sync_common.transfer.copies import CopyFound, store_pointer, version_of
from cloud_sync_common.transfer.earlier_copy import EarlierCopy, Readings, SameContent, number_after
from cloud_sync_common.transfer.range_transfer import ArchivedContent, TransferOptions
from cloud_sync_common.transfer.side_by_side import in_a_thread
from cloud_sync_common.transfer.source_rows import SourceLedger


class SameAsAnother(SameContent):
    """The object that was found, of another source, already has this content, so that nothing was stored."""

    def __init__(self, found: CopyFound, content: ArchivedContent) -> None:
        super().__init__(EarlierCopy(), content)
        self.found = found


@dataclass(frozen=True)
class CopiedSource:
    """Every method raises ArchiveUnavailableError, ConfigurationError. Where nobody looks for copies, none is found."""

    options: TransferOptions
    provider: str
    item: MediaItem
    ledger: SourceLedger

    @property
    def is_recorded(self) -> bool:
        """Whether the owner wants copies to be recorded instead of stored."""
        return self.options.copies is not None and self.options.copies.record

    async def before_a_byte(self, source: MediaSource, row: SourceRow | None, key: str) -> CopyFound | None:
        """The object that has the content which the provider publishes of this source. None for one that is stored by
        itself in that version. `key` would be the source's own."""
        copies, size = self.options.copies, self.item.size if source.size is None else source.size
        is_stored = row is not None and row.status is Status.ARCHIVED and not row.copy_of
        if copies is None or (row and is_stored and row.listed == source.listed):
            return None
        return await in_a_thread(copies.of_published, source, size, _folder(key))

    async def check(self, content: ArchivedContent, key: str) -> None:
        """Raises SameAsAnother when another object has the content that was read. `key` would be the source's own."""
        if self.options.copies is None:
            return
        looking = self.options.copies.of_content
        if found := await in_a_thread(looking, content.size, content.checksum, _folder(key), content.hashes):
            raise SameAsAnother(found, content)

    async def record_unread(
        self, source: MediaSource, found: CopyFound, row: SourceRow | None, key_of: Callable[[int], str], copy: int
    ) -> SourceRow:
        """As `record`, for a source of which no byte was read. What was begun of it is thrown away."""
        if row and row.upload_id:
            await in_a_thread(self.options.archive.abort, row.key, row.upload_id)
        content = ArchivedContent(found.size, found.checksum, ("content-hash",), single_stream=False)
        same = SameAsAnother(found, content)
        version, so_far = (
            version_of(source, found.size),
            Readings(row.readings_in, row.readings) if row else Readings(""),
        )
        return await self.record(source, version, same, row, so_far, key_of, copy)

    async def record(
        self,
        source: MediaSource,
        version: Fingerprint,
        same: SameAsAnother,
        row: SourceRow | None,
        readings: Readings,
        key_of: Callable[[int], str],
        copy: int,
    ) -> SourceRow:
        """Notes the source as ARCHIVED, as a copy of what was found, with a pointer under its own prefix. `key_of`
        gives the key of a version of it, and `copy` the number of the next one. Raises SourceChangedError when it has
        too many versions."""
        found, content = same.found, same.content
        number = row.copy if row and row.copy_of == found.key else copy
        key, number = await self._pointed(
            found, key_of, number, archive_keys.metadata(self.provider, self.item, source, version)
        )
        if self.options.copies:
            await in_a_thread(self.options.copies.note_copy, key, found, content.hashes)
        done = source_rows.archived(self.item, source, version, content, key=key, copy=number, readings=readings)
        done = msgspec.structs.replace(done, copy_of=found.key, agreed=found.agreed, noted=True)
        await self.ledger.archive(done)
        logger.info("recorded as a copy", extra={"media_id": self.item.media_id, "copy_of": found.key})
        return done

    async def _pointed(
        self, found: CopyFound, key_of: Callable[[int], str], number: int, metadata: dict[str, str]
    ) -> tuple[str, int]:
        """The key and the number of the pointer, once it is stored."""
        options = self.options
        while True:
            key = archive_keys.pointer_key(key_of(number))
            try:
                await store_pointer(options.archive, options.uploader, key, found, metadata)
            except ObjectExists:
                number = number_after(number)
                continue
            options.stats.requests += 1
            return key, number

    async def noted(self, row: SourceRow, content: ArchivedContent) -> SourceRow:
        """The row of a source that is stored by itself, once its content is noted for whoever looks for copies."""
        if self.options.copies is None:
            return row
        return await in_a_thread(self.options.copies.note, row, content.hashes)


def _folder(key: str) -> str:
    """What the keys of an item begin with."""
    return key.rpartition("/")[0] + "/"
