"""One item on its way into the catalogue: nothing is asked for what is there already, and no trouble stops the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from cloud_sync_common.catalogue.details import Archived, is_of
from cloud_sync_common.catalogue.indexes import Indexes
from cloud_sync_common.catalogue.look import Look
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.catalogue import Catalogue
from cloud_sync_common.stores.catalogue_rows import Picture
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import ItemRow, Status


@dataclass
class Entries:
    """Enters items of one provider. `detailed`, `without_picture` and `failures` count what has become of them, the
    last by the category of the trouble."""

    ledger: Ledger
    catalogue: Catalogue
    indexes: Indexes
    look: Look
    detailed: int = 0
    without_picture: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    _troubled: set[str] = field(default_factory=set)

    def enter(self, item: MediaItem, row: ItemRow, *, is_described: bool, is_last_try: bool = False) -> None:
        """An item that is ARCHIVED. Details and picture are stored before the index learns of them. After the last try
        what was found then is all that will be. One that met trouble before is left to another invocation.

        Raises ArchiveUnavailableError and ConfigurationError where ledger or catalogue cannot be used; what is wrong
        with the item alone is counted.
        """
        if kept_id(item.media_id) in self._troubled:
            return
        item = msgspec.structs.replace(item, media_id=kept_id(item.media_id))
        sources = {n: s for n, s in self.ledger.sources(item.media_id).items() if s.status is Status.ARCHIVED}
        archived = Archived(item, row, sources, is_described)
        known = self.catalogue.details(item.captured_at, item.media_id)
        if known and is_of(known, archived):
            self.indexes.add(known.row)
            return
        self._look_into(archived, is_last_try=is_last_try)

    def _look_into(self, archived: Archived, *, is_last_try: bool) -> None:
        looked = self.look.into(archived)
        if looked.problem:
            self._note(archived.item.media_id, looked.problem)
            if not is_last_try:
                row = msgspec.structs.replace(looked.details.row, is_detailed=False, picture=Picture.NONE)
                self.indexes.add(row)
                return
        self.catalogue.store(looked.details, looked.thumbnail)
        self.indexes.add(looked.details.row)
        self.detailed += 1
        self.without_picture += looked.details.picture is Picture.NONE

    def _note(self, media_id: str, category: str) -> None:
        self.failures[category] += 1
        self._troubled.add(media_id)
        logger.warning("the catalogue lacks details", extra={"media_id": media_id, "category": category})
