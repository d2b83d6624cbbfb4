"""The library as the ledger has it: its items, by a walk that never holds them all; and which items are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

import msgspec
from cloud_sync_common.filters import composed
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.catalogue_rows import Place
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.stores.provider_rows import month_of

from console.operations.detail_filters import Near
from console.operations.ledger import Reading, Row, pages, walk
from console.stack import Stack

DAMAGED = "DAMAGED"  # beside the statuses: archived, and damaged already at the provider
STATUSES = (*(status.value for status in Status), DAMAGED)
ATTRIBUTES = (
    "pk", "sk", "status", "filename", "captured_at", "bytes_total", "archived_at", "camera", "damage", "error_category",
)  # fmt: skip


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which items: each that is not empty limits them. `month` is `2026-05` or `2026`, `names` and `camera` are globs
    without regard to capitals, `status` is one of STATUSES. `text` are words, each of them in the name or the camera.
    `longer_than` is in seconds; only the catalogue knows it, `hilights` (it has one at least), `near` and most
    cameras."""

    provider: str = ""
    month: str = ""
    names: tuple[str, ...] = ()
    camera: str = ""
    status: str = ""
    text: str = ""
    longer_than: float | None = None
    hilights: bool = False
    near: Near | None = None

    @property
    def needs_details(self) -> bool:
        """Whether it is limited by what only the catalogue knows."""
        return bool(self.camera or self.hilights or self.longer_than is not None or self.near)

    @property
    def by_ledger(self) -> Wanted:
        """What the ledger can say of it."""
        return Wanted(provider=self.provider, month=self.month, names=self.names, status=self.status)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One media item. `bytes` and `archived_at` are of its latest version that is archived; None and empty: none is.
    `captured_at` is what the provider has said, `taken_at` what has won against it in the catalogue, without an offset
    where it is by the camera's clock. From `camera` on, what the catalogue knows: empty or None where it has not looked
    into the item. `duration` is in seconds, `hilights` how many."""

    provider: str
    media_id: str
    filename: str
    captured_at: str
    month: str
    status: str
    bytes: int | None = None
    archived_at: str = ""
    camera: str = ""
    category: str = ""
    damage: str = ""
    taken_at: str = ""
    kind: str = ""
    duration: float | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    hilights: int = 0
    place: Place | None = None
    picture: str = ""


def library(stack: Stack, wanted: Wanted, reading: Reading) -> Iterator[Item]:
    """The items that fit, in no order, as they are read. What is not archived has an index; anything else takes a walk
    over the ledger. Raises botocore's errors."""
    rows = _not_archived(stack, wanted, reading) if is_indexed(wanted) else walk(stack, reading, ATTRIBUTES, "ITEM")
    return (item for item in _items(stack, rows) if fits(item, wanted))


def is_indexed(wanted: Wanted) -> bool:
    """Whether the ledger's index of what is not archived has all of it."""
    return wanted.status not in ("", DAMAGED, Status.ARCHIVED, Status.UNREADABLE)


def not_archived(stack: Stack, provider: str, reading: Reading) -> Iterator[Item]:
    """Those of a provider that are not archived, or whose later version is not."""
    return _items(stack, _not_archived(stack, Wanted(provider=provider), reading))


def _not_archived(stack: Stack, wanted: Wanted, reading: Reading) -> Iterator[Row]:
    for provider in [wanted.provider] if wanted.provider else stack.secrets:
        query = {
            "IndexName": "not-archived",
            "KeyConditionExpression": "not_archived = :p",
            "ExpressionAttributeValues": {":p": {"S": provider}},
        }
        for page in pages(stack, reading, **query):
            yield from page


def _items(stack: Stack, rows: Iterable[Row]) -> Iterator[Item]:
    return (item_of(row) for row in rows if row["sk"] == "ITEM" and row["pk"].partition("#")[0] in stack.secrets)


def item_of(row: Row) -> Item:
    """An item by its row, whatever is in it."""
    provider, _, media_id = row["pk"].partition("#")
    captured_at, size = _text(row, "captured_at"), row.get("bytes_total")
    return Item(
        provider=provider,
        media_id=media_id,
        filename=_text(row, "filename"),
        captured_at=captured_at,
        month=month_of(captured_at),
        status=_text(row, "status") or Status.UNREADABLE,
        bytes=size if isinstance(size, int) else None,
        archived_at=_text(row, "archived_at"),
        camera=_text(row, "camera"),
        category=_text(row, "error_category"),
        damage=_text(row, "damage"),
    )


def _text(row: Row, name: str) -> str:
    return one_line(str(row.get(name) or ""), 1_000)


def fits(item: Item, wanted: Wanted) -> bool:
    return _fits_ledger(item, wanted) and _fits_details(item, wanted)


def _fits_details(item: Item, wanted: Wanted) -> bool:
    return (
        (not wanted.camera or (item.camera != "" and _fits_glob(item.camera, wanted.camera)))
        and (not wanted.hilights or item.hilights > 0)
        and (wanted.longer_than is None or (item.duration is not None and item.duration > wanted.longer_than))
        and (wanted.near is None or (item.place is not None and wanted.near.has(item.place)))
        and (not wanted.text or _has_words(item, wanted.text))
    )


def _has_words(item: Item, words: str) -> bool:
    said = composed(f"{item.filename} {item.camera}").casefold()
    return all(word in said for word in composed(words).casefold().split())


def _fits_ledger(item: Item, wanted: Wanted) -> bool:
    return (
        wanted.provider in ("", item.provider)
        and (not wanted.month or item.month == wanted.month or item.month.startswith(f"{wanted.month}-"))
        and (not wanted.names or any(_fits_glob(item.filename, name) for name in wanted.names))
        and _has_status(item, wanted.status)
    )


def _has_status(item: Item, status: str) -> bool:
    if status == DAMAGED:
        return item.status == Status.ARCHIVED and item.damage != ""
    return status in ("", item.status)


def _fits_glob(text: str, glob: str) -> bool:
    """`*` and `?` only, as in the filters of a run: a bracket is a bracket."""
    return fnmatchcase(composed(text).lower(), composed(glob).lower().replace("[", "[[]"))
