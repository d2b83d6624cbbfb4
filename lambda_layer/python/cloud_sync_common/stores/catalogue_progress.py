"""How far the catalogue is: one row of each provider, `PROVIDER#{provider}`/`CATALOGUE`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from cloud_sync_common.stores.provider_rows import CATALOGUE
from cloud_sync_common.stores.row_values import Key, now, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MOST_TRIES = 3  # walks that look into an item which meets trouble; the last one leaves it at what the ledger says
WALKED_AGAIN_AFTER = timedelta(days=7)  # so that what a run has archived and not described is found


class CatalogueProgress(msgspec.Struct, frozen=True, kw_only=True):
    """The walk through the archive that looks into what is not in the catalogue.

    `cursor` is the last key that it is done with. Whoever removes the attribute has the walk begin again. `complete`:
    it came to the end, at `completed_at` (ISO 8601). `again` counts the items that met trouble since it began, `tries`
    the walks in a row that left some. `detailed`, `without_picture` and `failures` count since the first walk what was
    looked into, how much of that has no picture, and how often an item met trouble. `run_id` is the run whose new items
    are being looked into; where that is over, it was stopped in the middle of them.
    """

    cursor: str = ""
    complete: bool = False
    completed_at: str = ""
    again: int = 0
    tries: int = 0
    detailed: int = 0
    without_picture: int = 0
    failures: int = 0
    run_id: str = ""

    def has_to_begin(self, moment: datetime) -> bool:
        """Whether the walk begins at this moment, instead of going on from `cursor`."""
        return not self.cursor or (self.complete and (self.again > 0 or self._is_old(moment)))

    def _is_old(self, moment: datetime) -> bool:
        try:
            return datetime.fromisoformat(self.completed_at) + WALKED_AGAIN_AFTER < moment
        except (ValueError, TypeError, OverflowError):
            return True

    @property
    def is_last_try(self) -> bool:
        return self.tries >= MOST_TRIES - 1

    def begun(self, first: str) -> CatalogueProgress:
        """A walk from the beginning: every key comes after `first`."""
        return msgspec.structs.replace(self, cursor=first, complete=False, again=0)

    def ended(self) -> CatalogueProgress:
        """A walk that came to the end. After the last try nothing is left: what met trouble is left as it is."""
        tries = self.tries + 1 if self.again and not self.is_last_try else 0
        again = self.again if tries else 0
        return msgspec.structs.replace(self, complete=True, completed_at=now(), again=again, tries=tries)


class CatalogueProgresses:
    """The row. Raises ArchiveUnavailableError, ConfigurationError."""

    def __init__(self, table: Table, provider: str) -> None:
        from cloud_sync_common.stores.conditional_table import ConditionalTable  # noqa: PLC0415 (boto3 and X-Ray)

        self._rows, self._key = ConditionalTable(table), key_of(provider)

    def get(self) -> CatalogueProgress:
        """A row that cannot be read counts as none: the walk begins again."""
        try:
            return typed(self._rows.get(self._key), CatalogueProgress)
        except msgspec.ValidationError:
            return CatalogueProgress()

    def replace(self, known: CatalogueProgress, changed: CatalogueProgress) -> bool:
        """False where the cursor is another one than `known` has: another has removed it."""
        fields = {name: value for name, value in msgspec.to_builtins(changed).items() if name != "cursor" or value}
        _, done = self._rows.update(
            self._key,
            fields,
            condition="#cursor = :known_cursor" if known.cursor else "attribute_not_exists(#cursor)",
            extra={":known_cursor": known.cursor} if known.cursor else {},
        )
        return done


def key_of(provider: str) -> Key:
    return {"pk": f"PROVIDER#{provider}", "sk": CATALOGUE}
