"""An item: its picture and details, every file with its proofs, its history, and what it costs to have it back."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.catalogue_rows import Details, IndexRow, Picture, Place, index_month
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from console.errors import ConsoleError, NotFoundError
from console.operations import item as operations
from console.operations.catalogue import LibraryCatalogue
from console.operations.causes import cause_of
from console.operations.item import Known
from console.operations.ledger import Reading, Row, partition
from console.operations.library import Item
from console.operations.restore.plan import Plan, Terms, planned
from console.operations.restore.selection import Choice
from console.operations.thumbnails import Thumbnails
from console.stack import Stack
from console.web import item_pictures, item_words
from console.web.page import page
from console.web.sheet import picture_path
from console.web.words import item_path

_AT_ONCE = 4
_MOST_ID = 1_000  # characters


@dataclass(frozen=True)
class Where:
    """A place in words, and the drawing of it."""

    place: Place
    words: str
    map: item_pictures.Map


class Items:
    """The pages of a stack's items, and their pictures."""

    def __init__(self, stack: Stack, catalogue: LibraryCatalogue) -> None:
        self._stack, self._catalogue = stack, catalogue
        self._thumbnails = Thumbnails(stack)

    def picture(self, request: Request) -> Response:
        """A thumbnail, from the work bucket through this page. The browser keeps none, as it keeps no page."""
        at = request.path_params
        content = self._thumbnails.jpeg(at["provider"], at["year"], at["month"], at["name"])
        return Response(content, media_type="image/jpeg")

    def view(self, request: Request) -> HTMLResponse:
        """By the rows of the item and a look at each of its objects. `?log=1` asks the log of its functions, too."""
        provider, media_id = request.path_params["provider"], request.path_params["media_id"]
        rows = self._rows(provider, media_id)
        with_log = request.query_params.get("log") == "1"
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            price = readers.submit(self._price, rows)
            known = operations.of_rows(self._stack, rows, with_log=with_log)
            values = self._values(known)
            return page(self._stack, "item.html", "/library", plan=price.result(), with_log=with_log, **values)

    def _rows(self, provider: str, media_id: str) -> list[Row]:
        """By its key alone: a name is not looked for. Raises NotFoundError."""
        if provider not in self._stack.secrets or not 0 < len(media_id) <= _MOST_ID:
            raise NotFoundError("There is no such original.")
        rows = list(partition(self._stack, f"{provider}#{kept_id(media_id)}", Reading()))
        if not rows:
            raise NotFoundError("There is no such original. The library shows those that there are.")
        return rows

    def _price(self, rows: list[Row]) -> Plan | None:
        """None where there is nothing that could be had back."""
        choice = Choice(items=(rows[0]["pk"].replace("#", "/", 1),))
        try:
            return planned(self._stack, choice, Terms(), Reading(), lambda _: None).plan
        except ConsoleError:
            return None

    def _values(self, known: Known) -> dict[str, Any]:
        item, details, month = known.item, known.details, self._month(known.item)
        captured_at = details.captured_at if details else item.captured_at
        has_picture = details is not None and details.picture is not Picture.NONE
        duration = details.duration if details else None
        return {
            "known": known,
            "details": details,
            "title": item_words.title_in_words(captured_at, item.filename or item.media_id),
            "lead": item_words.lead_of(known, details),
            "month": index_month(item.captured_at),
            "picture": picture_path(item.provider, item.captured_at, item.media_id) if has_picture else "",
            "facts": item_words.facts_of(details or Details(provider=item.provider, media_id=item.media_id,
                                                            captured_at=captured_at, captured_from="provider")),
            "marks": item_pictures.marks_of(details.hilights, duration) if details else [],
            "where": _where(details, month),
            "beside": _beside(item, month),
            "proofs": item_words.proofs_of(known.files, item.provider),
            "lies": item_words.lies,
            "history": item_words.history_of(known, details),
            "cause": cause_of(known.category) if known.category else None,
            "value": f"{item.provider}/{item.media_id}",
            "bucket": self._stack.output("ArchiveBucket"),
        }  # fmt: skip

    def _month(self, item: Item) -> list[IndexRow]:
        """The index of its month at its provider: it is in memory already where the library was looked at."""
        return self._catalogue.rows(item.provider, index_month(item.captured_at))


def _where(details: Details | None, month: Sequence[IndexRow]) -> Where | None:
    """With the others of its month around it."""
    if details is None or details.place is None:
        return None
    others = [row.place for row in month if row.place and row.media_id != details.media_id]
    place = details.place
    words = f"{item_pictures.latitude_of(place.latitude)}, {item_pictures.longitude_of(place.longitude)}"
    return Where(place, words, item_pictures.map_of(place, others))


def _beside(item: Item, month: Sequence[IndexRow]) -> list[tuple[str, Markup]]:
    """The originals before and after it in its month, by what a link to each is called."""
    ids = [row.media_id for row in month]
    at = ids.index(item.media_id) if item.media_id in ids else len(ids)
    places = {"Newer": at + 1, "Older": at - 1} if at < len(ids) else {}
    return [(word, item_path(item.provider, ids[to])) for word, to in places.items() if 0 <= to < len(ids)]
