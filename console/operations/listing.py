"""The library for whoever looks at it: by the catalogue where that is whole, by the ledger elsewhere.

What is archived is taken from the indexes of the months, which are read without a walk over the table. Every other
status, and that an item is not archived any more because a later version of it waits or has failed, is the ledger's: a
query of its index. A part of which the catalogue is not whole takes a walk, and whoever looks is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.catalogue_rows import IndexRow
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.stores.provider_rows import CATALOGUE, UNDER_WAY, month_of

from console.operations import library, runs, safe
from console.operations.catalogue import LibraryCatalogue
from console.operations.ledger import Reading, Row, rows_of_provider
from console.operations.library import DAMAGED, Item, Wanted, fits
from console.stack import Stack
from console.wording import title_of

_MONTHS_NAMED = 3

type Note = Callable[[str], object]


class Known:
    """What the catalogue has of items; each month is read when the first item of it is asked for, and once."""

    def __init__(self, stack: Stack) -> None:
        self.catalogue = LibraryCatalogue(stack) if "WorkBucket" in stack.outputs else None
        self._months: dict[str, dict[str, str]] = {}
        self._rows: dict[tuple[str, str], dict[str, IndexRow]] = {}

    def months(self, provider: str) -> dict[str, str]:
        """The ETags of the indexes that there are, by month."""
        if provider not in self._months:
            self._months[provider] = self.catalogue.months(provider) if self.catalogue else {}
        return self._months[provider]

    def read(self, provider: str, months: list[str]) -> Iterator[tuple[str, list[IndexRow]]]:
        """The rows of these months; none, and no request, where there is no index."""
        there = self.months(provider)
        yield from ((month, []) for month in months if month not in there)
        if self.catalogue:
            yield from self.catalogue.by_month(provider, [(month, there[month]) for month in months if month in there])

    def detailed(self, item: Item) -> Item:
        """The item with what the catalogue knows, where there was ever a version of it in the archive."""
        was_archived = item.status == Status.ARCHIVED or item.bytes is not None
        row = self._row(item) if was_archived else None
        return _with_details(item, row) if row else item

    def _row(self, item: Item) -> IndexRow | None:
        place = item.provider, item.month
        if place not in self._rows:
            etag = self.months(item.provider).get(item.month, "")
            found = self.catalogue.rows(*place, etag) if self.catalogue and etag else []
            self._rows[place] = {kept_id(row.media_id): row for row in found}
        return self._rows[place].get(item.media_id)


def listed(stack: Stack, wanted: Wanted, reading: Reading, note: Note, known: Known | None = None) -> Iterator[Item]:
    """The items that fit, in no order, as they are read. `note` is called with a sentence for whatever of the list is
    not by the catalogue. Raises ConsoleError, botocore's errors."""
    found = _Listing(stack, wanted, reading, note, known or Known(stack)).items()
    return (item for item in found if fits(item, wanted))


def by_ledger(stack: Stack, wanted: Wanted, reading: Reading) -> Iterator[Item]:
    """The same by the ledger alone, with what the catalogue knows of each: for what must not miss one."""
    items = map(Known(stack).detailed, _walk(stack, wanted, reading))
    return (item for item in items if fits(item, wanted))


def _walk(stack: Stack, wanted: Wanted, reading: Reading) -> Iterator[Item]:
    return library.library(stack, wanted.by_ledger, reading)


class _Listing:
    """One list. `others` are the items of each provider that are not archived; `walked` the providers whose items are
    taken from the ledger, each with the months, or None for all."""

    def __init__(self, stack: Stack, wanted: Wanted, reading: Reading, note: Note, known: Known) -> None:
        self._stack, self._wanted, self._reading, self._note = stack, wanted, reading, note
        self._known = known
        self._others: dict[str, set[str]] = {}
        self._walked: dict[str, set[str] | None] = {}

    def items(self) -> Iterator[Item]:
        if self._is_of_ledger():
            yield from map(self._known.detailed, _walk(self._stack, self._wanted, self._reading))
            return
        for provider in [self._wanted.provider] if self._wanted.provider else list(self._stack.secrets):
            yield from self._of_provider(provider)
        if self._walked:
            yield from self._of_walk()

    def _is_of_ledger(self) -> bool:
        """What is not archived has an index of its own, and damage and odd rows are nowhere else."""
        return library.is_indexed(self._wanted) or self._wanted.status in (DAMAGED, Status.UNREADABLE)

    def _of_provider(self, provider: str) -> Iterator[Item]:
        months = self._known.months(provider)
        rows = rows_of_provider(self._stack, provider, self._reading) if months else {}
        if not months or not self._is_trusted(provider, rows):
            self._walked[provider] = None
            return
        if runs.has_current(self._stack, rows.get(UNDER_WAY, {})):
            self._note(f"A run of {title_of(provider)} is under way: what it archives is listed when it has ended.")
        yield from self._not_archived(provider)
        yield from self._archived(provider, months, safe.safe_of(rows).months)

    def _is_trusted(self, provider: str, rows: dict[str, Row]) -> bool:
        """Either the walk that fills the catalogue came to its end, or the totals of the months count everything, so
        that each index can be compared with its total."""
        counted = safe.safe_of(rows)
        is_complete = rows.get(CATALOGUE, {}).get("complete") is True
        if (is_complete or counted.is_whole) and not counted.missed:
            return True
        self._note(
            f"The catalogue of {title_of(provider)} is not complete yet, so its items are read from the ledger: "
            "`cloudsync catalogue status` says how far it is."
        )
        return False

    def _not_archived(self, provider: str) -> Iterator[Item]:
        others = self._others.setdefault(provider, set())
        for item in library.not_archived(self._stack, provider, self._reading):
            others.add(item.media_id)
            if self._wanted.status == "":
                yield self._known.detailed(item)

    def _archived(self, provider: str, months: dict[str, str], totals: dict[str, tuple[int, int]]) -> Iterator[Item]:
        others, lacking = self._others[provider], dict[str, int]()
        names = [month for month in sorted({*months, *totals}) if self._is_wanted(month)]
        for month, rows in self._known.read(provider, names):
            if (lacks := totals.get(month, (0, 0))[0] - len(rows)) > 0:
                lacking[month] = lacks
            else:
                items = (item_of(provider, row) for row in rows)
                yield from (item for item in items if item.media_id not in others)
        if lacking:
            self._walked[provider] = set(lacking)
            self._note(_lacks(provider, lacking))

    def _is_wanted(self, month: str) -> bool:
        return not self._wanted.month or month == self._wanted.month or month.startswith(f"{self._wanted.month}-")

    def _of_walk(self) -> Iterator[Item]:
        """What is not archived was found already where only some months are walked for."""
        for item in _walk(self._stack, self._wanted, self._reading):
            months = self._walked.get(item.provider, set())
            is_new = item.media_id not in self._others.get(item.provider, ())
            if months is None or (item.month in months and is_new):
                yield self._known.detailed(item)


def _lacks(provider: str, lacking: dict[str, int]) -> str:
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (not needed for --help)

    named = ", ".join(list(lacking)[:_MONTHS_NAMED])
    more = f" and {len(lacking) - _MONTHS_NAMED:,} more months" if len(lacking) > _MONTHS_NAMED else ""
    return (
        f"The catalogue of {title_of(provider)} lacks {count_of(sum(lacking.values()), 'item')} of {named}{more}, so "
        "the ledger is read for that. `cloudsync catalogue rebuild` writes the catalogue anew."
    )


def item_of(provider: str, row: IndexRow) -> Item:
    """An archived item by its line of an index."""
    item = Item(
        provider=provider,
        media_id=kept_id(row.media_id),
        filename=one_line(row.filename, 1_000),
        captured_at=one_line(row.listed_at, 1_000),
        month=month_of(row.listed_at),
        status=Status.ARCHIVED,
        bytes=row.bytes,
        archived_at=one_line(row.archived_at, 1_000),
        damage=one_line(row.damage, 1_000),
    )
    return _with_details(item, row)


def _with_details(item: Item, row: IndexRow) -> Item:
    return msgspec.structs.replace(
        item,
        camera=one_line(row.camera, 1_000) or item.camera,
        taken_at=one_line(row.captured_at, 1_000),
        kind=row.kind,
        duration=row.duration,
        width=row.width,
        height=row.height,
        frame_rate=row.frame_rate,
        hilights=row.hilights,
        place=row.place,
        picture=row.picture.value,
    )
