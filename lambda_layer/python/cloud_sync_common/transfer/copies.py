"""A file whose content the archive holds already, from whichever provider: it is recorded as a copy of that object
instead of moved and stored again, where the owner wants that; else it is only noted that it is there twice.

Names never count. Before a byte is read, size and a strong hash that the provider publishes have to agree with what was
computed when the other object was archived; once every byte is read, size and S3's CRC-64/NVME. The other object has to
be there, as it was, at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloud_sync_common.provider_interface import Fingerprint, MediaSource
from cloud_sync_common.stores.archive import Archive, ObjectExists
from cloud_sync_common.stores.contents import Contents, KnownContent, by_checksum, strong
from cloud_sync_common.stores.ledger_rows import SourceRow
from cloud_sync_common.transfer.side_by_side import in_a_thread
from cloud_sync_common.transfer.upload_stream import BufferedBody, StreamUploader


class Pointer(msgspec.Struct, frozen=True):
    """The content of the small object that a copy has under its own provider's prefix, as JSON: the object that has the
    bytes, their number and their CRC-64/NVME in base64."""

    copy_of: str
    size: int
    crc64nvme: str


@dataclass(frozen=True)
class CopyFound:
    """The object `key` has this content; `agreed` is the digest that shows it, such as `sha256:<hex>`."""

    key: str
    size: int
    checksum: str
    agreed: str


@dataclass(frozen=True)
class Copies:
    """What the archive holds already. `record`: whether the owner wants copies to be recorded. The methods that look
    something up block, and raise ArchiveUnavailableError, ConfigurationError."""

    archive: Archive
    contents: Contents
    record: bool = False

    def of_published(self, source: MediaSource, size: int | None, own_prefix: str) -> CopyFound | None:
        """The object with the hash that the provider publishes for a file of `size` bytes, of which nothing was read
        yet. Objects whose keys begin with `own_prefix` are versions of that file itself."""
        if not self.record or not size:
            return None
        digests = strong(source.content_hashes)
        looking = (self._found(size, digest, own_prefix, digests) for digest in digests)
        return next((found for found in looking if found), None)

    def of_content(self, size: int, checksum: str, own_prefix: str, hashes: Sequence[str] = ()) -> CopyFound | None:
        """The object that has the content which was read, all of it, and of which these hashes were computed."""
        if not self.record or not size:
            return None
        return self._found(size, by_checksum(checksum), own_prefix, hashes)

    def _found(self, size: int, digest: str, own_prefix: str, hashes: Sequence[str]) -> CopyFound | None:
        for known in self.contents.having(size, digest):
            if not known.key.startswith(own_prefix) and self._is_there(known, size, hashes):
                return CopyFound(known.key, size, known.checksum, digest)
        return None

    def _is_there(self, known: KnownContent, size: int, hashes: Sequence[str]) -> bool:
        """Whether the object holds that content itself, and is still what it was when that was noted."""
        is_other = known.copy_of or known.contradicts(hashes)
        there = None if is_other else self.archive.find(known.key)
        return there is not None and (there.size, there.checksum) == (size, known.checksum)

    def note(self, row: SourceRow, hashes: tuple[str, ...]) -> SourceRow:
        """Notes the content of a source that is in the archive now. The row says that this is done, and which object
        had the same content before; empty: none."""
        self.contents.note(row.key, row.size, row.checksum, hashes)
        return msgspec.structs.replace(row, noted=True, same_as=self._earlier(row, hashes))

    def _earlier(self, row: SourceRow, hashes: Sequence[str]) -> str:
        """The first other object with this content. Of two that were stored at the same moment, the later one to be
        noted has the other before it, and never both."""
        found = self.contents.having(row.size, by_checksum(row.checksum)) if row.size and row.checksum else []
        own = next(((known.updated_at, known.key) for known in found if known.key == row.key), None)
        in_order = sorted(found, key=lambda known: (known.updated_at, known.key))
        before = [known for known in in_order if own and (known.updated_at, known.key) < own]
        return next((known.key for known in before if self._is_there(known, row.size, hashes)), "")

    def note_copy(self, pointer_key: str, found: CopyFound, hashes: tuple[str, ...]) -> None:
        """Notes that this copy needs that object, and the hashes that the object is known to have by now."""
        self.contents.note(pointer_key, found.size, found.checksum, copy_of=found.key)
        self.contents.note(found.key, found.size, found.checksum, hashes)


async def store_pointer(
    archive: Archive, uploader: StreamUploader, key: str, found: CopyFound, metadata: dict[str, str]
) -> None:
    """Writes the object that says what its file is a copy of. An object that says so already will do. Raises
    ObjectExists when it says something else, and what StreamUploader.upload and Archive.object_stored raise."""
    body = msgspec.json.encode(Pointer(found.key, found.size, found.checksum)) + b"\n"
    upload = archive.object_upload(key, len(body), metadata, at_hand=True)
    stored = await uploader.upload(BufferedBody(memoryview(body)), upload)
    try:
        archive.object_stored(stored)
    except ObjectExists:
        there = await in_a_thread(archive.find, key)
        if there is None or (there.size, there.checksum) != (len(body), stored.checksum):
            raise


def version_of(source: MediaSource, size: int) -> Fingerprint:
    """The version of a file that was not asked for: what the provider lists of it."""
    return Fingerprint(size, "", listed=source.listed)
