"""The library by month, and what of it fits a search. Nothing here walks over the ledger: months are counted by the
totals of the providers' rows, items come from the catalogue's indexes, and what waits from the ledger's index of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

import msgspec
from cloud_sync_common.filters import PHOTO, VIDEO, composed
from cloud_sync_common.stores.catalogue_rows import IndexRow, index_month
from cloud_sync_common.stores.provider_rows import UNKNOWN_MONTH

from console.operations.catalogue import Entry, LibraryCatalogue
from console.operations.ledger import Reading, not_archived, rows_of_provider
from console.operations.safe import safe_of
from console.operations.waiting import NotArchived, item_of
from console.stack import Stack

MOST_WAITING = 1_000  # items that are not archived, of one provider: those that changed last
_AT_ONCE = 8


class Standing(StrEnum):
    """How an item stands. ARCHIVED is the catalogue's; the others are looked up in the ledger."""

    ARCHIVED = "archived"
    WAITS = "waits"
    FAILED = "failed"
    BARE = "bare"  # archived, and the catalogue has not looked into it yet


class Kind(StrEnum):
    """What an item is or has, of which a search takes one."""

    ANY = ""
    VIDEO = "video"
    PHOTO = "photo"
    HILIGHTS = "hilights"
    PLACE = "place"


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Which items: each that is not empty limits them. Every word of `text` is in the name, the id or the time, and
    `camera` in the camera's name, without regard to capitals."""

    text: str = ""
    provider: str = ""
    camera: str = ""
    kind: Kind = Kind.ANY
    standing: Standing = Standing.ARCHIVED

    @property
    def is_empty(self) -> bool:
        return self == Search()


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One item that is shown. `reason` says why where it is not archived."""

    provider: str
    month: str
    row: IndexRow
    standing: Standing = Standing.ARCHIVED
    reason: str = ""


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """A month, `2026-05` or `unknown`: what the ledger has archived of it, and the ETag of each provider's index of
    it."""

    month: str
    originals: int
    bytes: int
    indexes: dict[str, str]


def shelves(stack: Stack, catalogue: LibraryCatalogue, provider: str = "") -> list[Shelf]:
    """The last month first, and what has no date at the end; of one provider or of all. Raises botocore's errors."""
    names = [provider] if provider else list(stack.secrets)
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        listed = readers.map(catalogue.months, names)
        counted = readers.map(lambda name: safe_of(rows_of_provider(stack, name, Reading())).months, names)
        indexes, totals = dict(zip(names, listed, strict=True)), list(counted)
    months = {month for found in totals for month in found} | {month for found in indexes.values() for month in found}
    return [
        Shelf(
            month=month,
            originals=sum(found.get(month, (0, 0))[0] for found in totals),
            bytes=sum(found.get(month, (0, 0))[1] for found in totals),
            indexes={name: found[month] for name, found in indexes.items() if month in found},
        )
        for month in sorted(months, key=lambda month: (month != UNKNOWN_MONTH, month), reverse=True)
    ]


def entries(catalogue: LibraryCatalogue, wanted: Iterable[Shelf]) -> list[Entry]:
    """What the indexes of these months have, which are read side by side. Raises ConsoleError, botocore's errors."""
    asked = [(name, shelf.month, etag) for shelf in wanted for name, etag in shelf.indexes.items()]
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        read = list(readers.map(lambda one: catalogue.rows(*one), asked))
    return [Entry(name, month, row) for (name, month, _), rows in zip(asked, read, strict=True) for row in rows]


def newest(stack: Stack, catalogue: LibraryCatalogue, most: int) -> list[Hit]:
    """What was captured last, of the last month that has an index. Raises as `entries` does."""
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        listed = dict(zip(stack.secrets, readers.map(catalogue.months, stack.secrets), strict=True))
    months = {month for indexes in listed.values() for month in indexes if month != UNKNOWN_MONTH}
    last = max(months, default="")
    own = {provider: indexes[last] for provider, indexes in listed.items() if last in indexes}
    return found(entries(catalogue, [Shelf(month=last, originals=0, bytes=0, indexes=own)]), Search())[:most]


def found(given: Iterable[Entry], search: Search) -> list[Hit]:
    """What fits, the last capture first."""
    fits = _test_of(search)
    hits = [Hit(provider=one.provider, month=one.month, row=one.row) for one in given if fits(one.provider, one.row)]
    return _ordered(hits)


def waiting(stack: Stack, search: Search) -> list[Hit]:
    """What is not archived and fits, the last capture first; at most MOST_WAITING of each provider are looked at.
    Raises botocore's errors."""
    fits, hits = _test_of(search), list[Hit]()
    for provider in [search.provider] if search.provider else stack.secrets:
        rows, _ = not_archived(stack, provider, Reading(), MOST_WAITING)
        for item in (item_of(provider, row) for row in rows):
            row = IndexRow(media_id=item.media_id, filename=item.filename, listed_at=item.captured_at,
                           captured_at=item.captured_at, files=0)  # fmt: skip
            if _standing_of(item) is search.standing and fits(provider, row):
                hits.append(Hit(provider=provider, month=index_month(item.captured_at), row=row,
                                standing=search.standing, reason=item.category))  # fmt: skip
    return _ordered(hits)


def _standing_of(item: NotArchived) -> Standing:
    return Standing.FAILED if item.has_failed else Standing.WAITS


def _ordered(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (hit.row.captured_at, hit.row.media_id), reverse=True)


def _test_of(search: Search) -> Callable[[str, IndexRow], bool]:
    """What a search asks, each part only where it limits something: this is asked 100,000 times."""
    parts = list(_parts_of(search))

    def fits(provider: str, row: IndexRow) -> bool:
        for part in parts:  # noqa: SIM110 (all() with a generator takes twice as long)
            if not part(provider, row):
                return False
        return True

    return fits


def _parts_of(search: Search) -> Iterator[Callable[[str, IndexRow], bool]]:
    if search.provider:
        yield lambda provider, _: provider == search.provider
    if search.standing is Standing.BARE:
        yield lambda _, row: not row.is_detailed
    if search.kind:
        has = _KINDS[search.kind]
        yield lambda _, row: has(row)
    if camera := _plain(search.camera):
        yield lambda _, row: camera in _plain(row.camera)
    if words := _plain(search.text).split():
        yield lambda _, row: _has_words(row, words)


_KINDS: dict[Kind, Callable[[IndexRow], bool]] = {
    Kind.VIDEO: lambda row: row.kind == VIDEO,
    Kind.PHOTO: lambda row: row.kind == PHOTO,
    Kind.HILIGHTS: lambda row: row.hilights > 0,
    Kind.PLACE: lambda row: row.place is not None,
}


def _has_words(row: IndexRow, words: list[str]) -> bool:
    text = _plain(f"{row.filename} {row.media_id} {row.captured_at}")
    return all(word in text for word in words)


def _plain(text: str) -> str:
    """As it is compared: two ways to write a letter and its mark are one, and so are capitals."""
    return (text if text.isascii() else composed(text)).casefold()
