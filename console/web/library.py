"""Library: the months as shelves, a month by its days, and what fits a search."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from cloud_sync_common.stores.provider_rows import UNKNOWN_MONTH
from cloud_sync_common.stores.restore_jobs import Tier
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from console.aws_refusals import explained
from console.errors import ConsoleError, NotFoundError
from console.operations import shelves
from console.operations.catalogue import LibraryCatalogue
from console.operations.restore.plan import DEFAULT_DAYS
from console.operations.restore.price import Amount, Load, quote
from console.operations.shelves import Hit, Kind, Search, Shelf, Standing
from console.stack import Stack
from console.web.page import fragment, page
from console.web.sheet import Sheet, Shot, sheet_of
from console.web.words import month_name, typed

MOST_FILES, MOST_SIZE = 1_000_000, 10**16  # of a selection whose price is asked for
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])|unknown")
_TEXT = 200  # characters of a field
KINDS = (
    (Kind.ANY, "Any kind"), (Kind.VIDEO, "Videos"), (Kind.PHOTO, "Photos"), (Kind.HILIGHTS, "With HiLights"),
    (Kind.PLACE, "With a place"),
)  # fmt: skip
STANDINGS = (
    (Standing.ARCHIVED, "Archived"), (Standing.BARE, "Without details yet"), (Standing.WAITS, "Waiting"),
    (Standing.FAILED, "Not archived"),
)  # fmt: skip
_OF_THE_LEDGER = (Standing.WAITS, Standing.FAILED)


@dataclass(frozen=True)
class Price:
    """What a selection is, and what it costs in USD to have it at home by either speed, if all of it is asleep."""

    items: int
    files: int
    bytes: int
    slow: float
    fast: float


@dataclass(frozen=True)
class MonthLink:
    """A month beside the sheet: how many of it there are, or how many of it fit."""

    month: str
    count: int
    is_current: bool


def price_of(items: int, files: int, size: int) -> Price:
    """As a plan has it for so many frozen objects, thawed for as long as one is by itself."""
    load = Load(all=Amount(files, size), frozen=Amount(files, size))
    slow, fast = (quote(load, tier, DEFAULT_DAYS).total for tier in (Tier.BULK, Tier.STANDARD))
    return Price(items, files, size, slow, fast)


class Library:
    """The pages of a stack's library. Indexes that were read stay in memory until S3 has others."""

    def __init__(self, stack: Stack, catalogue: LibraryCatalogue) -> None:
        self._stack, self._catalogue = stack, catalogue
        self._cameras: set[str] = set()

    def view(self, request: Request) -> HTMLResponse:
        """A month, the last one where none is named; with a search, what fits of it, or of all months. Without one, no
        more is read than the index of that month."""
        found, search = shelves.shelves(self._stack, self._catalogue), self._search(request)
        asked = _month_of(request)
        month = asked if asked or not search.is_empty else next((shelf.month for shelf in found), "")
        own = next((shelf for shelf in found if shelf.month == month), None)
        if asked and own is None:
            raise NotFoundError(f"Nothing is archived of {_named(asked)}.")
        hits, read = self._hits(found, own, search)
        shown = [hit for hit in hits if month in ("", hit.month)]
        sheet = sheet_of(shown, _number(request.query_params.get("page", "")), _chosen(request))
        return page(
            self._stack, "library.html", "/library",
            sheet=sheet, tray=_tray(sheet), month=month, shelf=own, all_hits=len(hits),
            years=_years(found, None if search.is_empty else Counter(hit.month for hit in hits), month),
            missing=_missing(own, shown) if search.is_empty else 0, older=_older(found, month, search),
            **_totals(found, read), **self._form(search),
        )  # fmt: skip

    def _hits(self, found: list[Shelf], own: Shelf | None, search: Search) -> tuple[list[Hit], int]:
        """Of one month alone where nothing is searched for; and of how many items."""
        if search.standing in _OF_THE_LEDGER:
            return shelves.waiting(self._stack, search), 0
        wanted = found if not search.is_empty else [own] if own else []
        entries = shelves.entries(self._catalogue, wanted)
        self._cameras.update(one.row.camera for one in entries if one.row.camera)
        return shelves.found(entries, search), len(entries)

    def _form(self, search: Search) -> dict[str, Any]:
        query = _query(search)
        return {
            "search": search,
            "query": _after("&", query),
            "asked": _after("?", query),
            "providers": list(self._stack.secrets),
            "cameras": sorted(self._cameras),
            "kinds": KINDS,
            "standings": STANDINGS,
        }

    def newest(self, most: int) -> list[Shot]:
        """The last ones, for another page; none where AWS does not say it now."""
        try:
            hits = shelves.newest(self._stack, self._catalogue, most)
        except Exception as error:
            if isinstance(error, ConsoleError) or explained(error):
                return []
            raise
        return [shot for day in sheet_of(hits, 1).days for shot in day.shots]

    def price(self, request: Request) -> HTMLResponse:
        """What a selection costs, as a part of a page: the script asks for it while boxes are ticked."""
        names = {"items": MOST_FILES, "files": MOST_FILES, "bytes": MOST_SIZE}
        items, files, size = (_number(request.query_params.get(name, ""), most) for name, most in names.items())
        return fragment("tray.html", tray=price_of(items, files, size))

    def _search(self, request: Request) -> Search:
        asked = {name: text.strip()[:_TEXT] for name, text in request.query_params.items()}
        provider = asked.get("provider", "")
        return Search(
            text=asked.get("q", ""),
            provider=self._stack.provider(provider) if provider else "",
            camera=asked.get("camera", ""),
            kind=next((kind for kind in Kind if kind == asked.get("kind")), Kind.ANY),
            standing=next((one for one in Standing if one == asked.get("status")), Standing.ARCHIVED),
        )


def _month_of(request: Request) -> str:
    """Raises NotFoundError for what is no month."""
    month = str(request.path_params.get("month", ""))
    if month and not _MONTH.fullmatch(month):
        raise NotFoundError("There is no such month. It is written as 2026-05.")
    return month


def _named(month: str) -> str:
    return "an unknown month" if month == UNKNOWN_MONTH else month_name(month)


def _number(text: str, most: int = 100_000) -> int:
    return min(int(text), most) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _chosen(request: Request) -> frozenset[str]:
    return frozenset(request.query_params.getlist("select"))


def _query(search: Search) -> str:
    """The search as it stands in an address; empty where there is none."""
    fields = {
        "q": search.text, "provider": typed(search.provider), "camera": search.camera, "kind": search.kind.value,
        "status": "" if search.standing is Standing.ARCHIVED else search.standing.value,
    }  # fmt: skip
    return urlencode({name: value for name, value in fields.items() if value})


def _after(mark: str, query: str) -> Markup:
    """What an address has after its path: it is never cut, as a text would be."""
    return escape(mark + query) if query else Markup()


def _years(found: Sequence[Shelf], fits: Counter[str] | None, current: str) -> list[tuple[str, list[MonthLink]]]:
    """The months by year, the last one first; with a search, those alone of which something fits."""
    counts = {one.month: one.originals for one in found} if fits is None else dict(fits)
    order = sorted(counts, key=lambda month: (month != UNKNOWN_MONTH, month), reverse=True)
    links = [MonthLink(month, counts[month], month == current) for month in order]
    return [(year, list(some)) for year, some in groupby(links, lambda one: one.month.partition("-")[0])]


def _missing(own: Shelf | None, shown: Sequence[Hit]) -> int:
    """How many archived originals of the month the catalogue does not have yet."""
    return max(own.originals - len(shown), 0) if own else 0


def _tray(sheet: Sheet) -> Price:
    chosen = sheet.chosen
    return price_of(len(chosen), sum(shot.files for shot in chosen), sum(shot.bytes for shot in chosen))


def _totals(found: Sequence[Shelf], read: int) -> dict[str, Any]:
    """What the ledger counts; of one that has not counted everything, what was read at least."""
    return {
        "originals": max(sum(one.originals for one in found), read),
        "stored": sum(one.bytes for one in found),
        "since": min((one.month for one in found if one.month != UNKNOWN_MONTH), default=""),
    }


def _older(found: Sequence[Shelf], month: str, search: Search) -> str:
    """The month before this one in which there is something."""
    names = [one.month for one in found]
    at = names.index(month) + 1 if search.is_empty and month in names else len(names)
    return names[at] if at < len(names) else ""
