"""The rows of several items on their way into the indexes of their months."""

from __future__ import annotations

from collections import defaultdict

from cloud_sync_common.exceptions import ArchiveUnavailableError
from cloud_sync_common.stores.catalogue import Catalogue
from cloud_sync_common.stores.catalogue_rows import IndexRow, index_month

_ATTEMPTS = 5  # where another writes the same month at the same time


class Indexes:
    """Gathers rows, and writes each month once. Whoever stops before `write` has stored nothing: details that no index
    has are found by their key, and enter it then."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._waiting: defaultdict[str, dict[str, IndexRow]] = defaultdict(dict)

    def add(self, row: IndexRow) -> None:
        self._waiting[index_month(row.listed_at)][row.media_id] = row

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    def write(self) -> None:
        """Raises ArchiveUnavailableError, ConfigurationError."""
        for month in list(self._waiting):
            self._write(month, self._waiting[month])
            del self._waiting[month]

    def _write(self, month: str, rows: dict[str, IndexRow]) -> None:
        for _ in range(_ATTEMPTS):
            known = self._catalogue.index(month)
            if all(known.rows.get(media_id) == row for media_id, row in rows.items()):
                return
            if self._catalogue.replace_index(month, known, rows.values()):
                return
        raise ArchiveUnavailableError(f"The index of {month} was changed by others {_ATTEMPTS} times in a row.")
