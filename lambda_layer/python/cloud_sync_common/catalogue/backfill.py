"""The walk through the archive that finds what is not in the catalogue: what was archived before there was one, what a
run had no time for, and what met trouble.

Objects are listed in the order of their keys, which is that of the months of capture: the oldest first, because it is
the first that a provider may delete. What the index of its month has is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched, groupby

from cloud_sync_common.catalogue.entries import Entries
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.archive import Archive, StoredObject
from cloud_sync_common.stores.archive_keys import media_id_of
from cloud_sync_common.stores.catalogue import Catalogue
from cloud_sync_common.stores.catalogue_rows import IndexRow, index_month
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import ItemRow, Status

_WRITTEN_EVERY = 50  # items, so that a slice that is killed has lost little
_LATER = timedelta(minutes=5)  # an object that is so much younger than its item is of a later version


@dataclass(frozen=True)
class _Item:
    """An item of the archive: its id, and its objects, in the order of their keys."""

    media_id: str
    objects: tuple[StoredObject, ...]

    @property
    def last_key(self) -> str:
        return self.objects[-1].key

    @property
    def month(self) -> str:
        _, year, month, *_ = [*self.objects[-1].key.split("/"), "", ""]
        return index_month(f"{year}-{month}-01")

    def is_in(self, row: IndexRow | None) -> bool:
        """Whether the index has all of it."""
        if row is None or not row.is_detailed:
            return False
        try:
            archived = datetime.fromisoformat(row.archived_at)
            return all(found.last_modified <= archived + _LATER for found in self.objects)
        except (ValueError, TypeError, OverflowError):
            return False


@dataclass
class Backfill:
    """One provider's walk, from the key `cursor` on. `may_go_on` is asked before each item, and `note` told of the
    cursor whenever all before it is in the catalogue; where that answers False, the walk is not wanted any more."""

    prefix: str
    archive: Archive
    ledger: Ledger
    catalogue: Catalogue
    entries: Entries
    may_go_on: Callable[[], bool]
    note: Callable[[str], bool]
    is_last_try: bool
    _month: str = ""
    _rows: dict[str, IndexRow] = field(default_factory=dict)

    def go_on(self, cursor: str) -> bool:
        """True at the end of the archive. Raises ArchiveUnavailableError, ConfigurationError."""
        last = ""
        while objects := self.archive.page(self.prefix, cursor):
            for items in batched(self._unknown(_items(objects)), _WRITTEN_EVERY):
                last = self._enter(items)
                self.entries.indexes.write()
                if not (last and self.note(last)) or last != items[-1].last_key:
                    return False
            cursor = objects[-1].key
            if last != cursor and not self.note(cursor):
                return False
        return True

    def _unknown(self, items: Iterable[_Item]) -> Iterator[_Item]:
        return (item for item in items if not item.is_in(self._index(item.month).get(item.media_id)))

    def _index(self, month: str) -> dict[str, IndexRow]:
        """Of one month at a time: neighbours are of the same."""
        if month != self._month or not self._month:
            self._month, self._rows = month, self.catalogue.index(month).rows
        return self._rows

    def _enter(self, items: Sequence[_Item]) -> str:
        """The last key that is done with: that of the last item, unless time or requests are used up before."""
        rows = self.ledger.known(item.media_id for item in items)
        last = ""
        for item in items:
            if not self.may_go_on():
                break
            row = rows.get(item.media_id)
            if row and row.status is Status.ARCHIVED:
                self.entries.enter(_as_kept(item, row), row, is_described=False, is_last_try=self.is_last_try)
            last = item.last_key
        return last


def _items(objects: Iterable[StoredObject]) -> Iterator[_Item]:
    for media_id, group in groupby(objects, lambda found: media_id_of(found.key)):
        yield _Item(media_id, tuple(group))


def _as_kept(item: _Item, row: ItemRow) -> MediaItem:
    """What the ledger has kept of what the provider says."""
    return MediaItem(media_id=item.media_id, filename=row.filename, captured_at=row.captured_at, revision=row.revision)
