"""The copy that the archive holds of an earlier version of a source: the same bytes are not stored a second time.

A provider may call a file changed, by a new revision, ETag or date, whose content is what it was. Size and checksum
show that only when every byte has been read, but before S3 is told to make an object of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync_common.exceptions import SourceChangedError
from cloud_sync_common.provider_interface import Fingerprint
from cloud_sync_common.stores import archive_keys
from cloud_sync_common.stores.archive import Archive, ArchivedObject
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.stores.row_values import now
from cloud_sync_common.transfer.range_transfer import ArchivedContent

# How often a source that is archived is read again in one calendar month, because the provider calls it changed. Each
# time moves its bytes, and may store them.
MOST_READINGS = 5
MOST_KEYS = 100  # names of one source that are tried, when objects of other versions have the first ones


class SameContent(Exception):
    """The object `copy` already has this content, so that nothing was stored."""

    def __init__(self, copy: EarlierCopy, content: ArchivedContent) -> None:
        self.copy, self.content = copy, content


@dataclass(frozen=True)
class EarlierCopy:
    """The object with the version before, by its key and its number; no key: there is none."""

    key: str = ""
    number: int = 0

    @classmethod
    def before(cls, row: SourceRow | None, key: str, number: int) -> EarlierCopy:
        """The copy that a new version of the source follows. `key` and `number` are those of the one before by name,
        for a source whose row is lost."""
        if row and row.copy_of:  # which has no bytes of its own
            return cls()
        if row and row.status is Status.ARCHIVED:
            return cls(row.key, row.copy)
        if row and row.earlier:
            return cls(row.earlier, row.earlier_copy)
        return cls(key, number) if number else cls()

    def compare(self, archive: Archive, content: ArchivedContent) -> None:
        """Raises SameContent when the object exists, and has this size and this checksum over all of its bytes."""
        there = archive.find(self.key) if self.key else None
        if there and there.checksum and (there.size, there.checksum) == (content.size, content.checksum):
            raise SameContent(self, content)


@dataclass(frozen=True)
class Readings:
    """How often a source that was archived has been read again in this month."""

    month: str
    count: int = 0

    @classmethod
    def of(cls, row: SourceRow | None) -> Readings:
        """With the present one, which is the first of a source that is in the archive now. Raises SourceChangedError
        when they are too many."""
        month = now()[:7]
        count = row.readings if row and row.readings_in == month else 0
        if row and row.status is Status.ARCHIVED:
            count += 1
        if count > MOST_READINGS:
            raise SourceChangedError(
                f"The provider calls this file changed again and again: it was read {MOST_READINGS} times this month "
                "after it had been archived. The newest copy that differed is in the archive. The file is read again "
                "next month; look at it with the provider if it keeps changing."
            )
        return cls(month, count)


def content_of(there: ArchivedObject, version: Fingerprint) -> ArchivedContent | None:
    """The content of an object in the archive, if it is that version of the source; it adds no proof."""
    if not archive_keys.is_version(there.metadata, version):
        return None
    return ArchivedContent(there.size, there.checksum, (), single_stream=False)


def number_after(copy: int) -> int:
    """The number of the next copy to try. Raises SourceChangedError."""
    if copy >= MOST_KEYS:
        raise SourceChangedError(
            f"The archive has {MOST_KEYS} other versions of this file, and no name for one more. Look at the objects "
            "with its name in the archive."
        )
    return copy + 1
