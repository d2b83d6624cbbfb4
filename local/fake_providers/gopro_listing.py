"""The listing: rows as GoPro shows them, filtered, sorted and split into pages (provider-apis.md 1.3)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.faults import ActiveFaults, Fault
from local.fake_providers.library import MEDIA_TYPES, Item

type Row = dict[str, Any]

_STATES = frozenset(
    {"registered", "uploading", "rendering", "pretranscoding", "transcoding", "stabilizing", "ready", "failure"}
)
_DEFAULT_PER_PAGE = 30
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class MalformedQueryError(ValueError):
    """A query that gets status 500 from GoPro (ranges), or one whose status is unknown (page numbers)."""


# The fields of a row that each fault changes.
_CHANGES: Mapping[FaultKind, Callable[[Row, Fault], Row]] = {
    FaultKind.SHOWN_AS_EDIT: lambda *_: {"type": "MultiClipEdit", "file_extension": "json", "file_size": None},
    FaultKind.FILENAME_NULL: lambda *_: {"filename": None},
    FaultKind.FILENAME_EMPTY: lambda *_: {"filename": ""},
    FaultKind.SAME_FILENAME: lambda _, fault: {"filename": fault["value"]},
    FaultKind.FILE_SIZE_NULL: lambda *_: {"file_size": None},
    FaultKind.FILE_SIZE_STRING: lambda row, _: {"file_size": str(row["file_size"] or 0)},
    FaultKind.FILE_SIZE_STALE: lambda row, fault: {
        "file_size": int(row["file_size"] or 0) - fault["bytes_off"],
        "reprocessed_at": row["updated_at"],
    },
    FaultKind.ROW_ODD: lambda _, fault: dict(fault["values"]),
    FaultKind.STATE_UNKNOWN: lambda _, fault: {"ready_to_view": fault["value"]},
    FaultKind.TYPE_UNKNOWN: lambda _, fault: {"type": fault["value"]},
}


def row_with_faults(item: Item, user_id: str, active: ActiveFaults) -> Row:
    """The item's row, changed by the active faults (menu numbers 7, 8, 9 and 13)."""
    row = {**item.row, "gopro_user_id": user_id}
    for kind, change in _CHANGES.items():
        if fault := active.find(kind, item.media_id):
            row |= change(row, fault)
    return row


def selected_fields(row: Row, query: Mapping[str, str]) -> Row:
    """The requested `fields` of the row; unknown names are silently ignored (go2cloud U13)."""
    if "fields" not in query:
        return row
    wanted = _words(query["fields"])
    return {name: value for name, value in row.items() if name in wanted}


def matching_rows(rows: Iterable[Row], query: Mapping[str, str]) -> list[Row]:
    """The rows that match `query`, newest first.

    Unknown values of a filter are ignored, so that a misspelt `type` alone filters nothing (go2cloud U13). Raises
    MalformedQueryError for an invalid range.
    """
    order = "created_at" if query.get("order_by") == "created_at" else "captured_at"
    filters = _filters(query)
    found = [row for row in rows if all(fits(row) for fits in filters)]
    # Sorted by id too, so that rows with equal times keep their order between pages.
    found.sort(key=lambda row: (_moment_of(row, order), row["id"]), reverse=True)
    return found


class QueryCache:
    """A cache of the rows of each query, valid until the library changes: all pages come from one list."""

    def __init__(self) -> None:
        self._version = -1
        self._rows: list[Row] = []
        self._found: dict[frozenset[tuple[str, str]], list[Row]] = {}

    def find(self, version: int, rows: Callable[[], list[Row]], query: Mapping[str, str]) -> list[Row]:
        """Like `matching_rows`, for the rows of this version of the library without faults."""
        if version != self._version:
            self._version, self._rows, self._found = version, rows(), {}
        key = frozenset((name, value) for name, value in query.items() if name not in ("page", "per_page", "fields"))
        if key not in self._found:
            self._found[key] = matching_rows(self._rows, query)
        return self._found[key]


def search_page(found: Sequence[Row], query: Mapping[str, str], per_page_cap: int) -> Row:
    """One page of the matching rows. Raises MalformedQueryError for an invalid page number."""
    page = _positive(query, "page", 1)
    per_page = min(_positive(query, "per_page", _DEFAULT_PER_PAGE), per_page_cap)
    return {
        "_embedded": {"errors": [], "media": found[(page - 1) * per_page : page * per_page]},
        "_pages": {
            "current_page": page,
            "per_page": per_page,
            "total_items": len(found),
            "total_pages": -(-len(found) // per_page),
        },
    }


def _filters(query: Mapping[str, str]) -> Sequence[Callable[[Row], bool]]:
    filters: list[Callable[[Row], bool]] = []
    if types := _words(query.get("type", "")) & MEDIA_TYPES:
        filters.append(lambda row: row["type"] in types)
    if states := _words(query.get("processing_states", "")) & (_STATES | {"unknown"}):
        filters.append(lambda row: (row["ready_to_view"] if row["ready_to_view"] in _STATES else "unknown") in states)
    if query.get("xcomposition") == "export":
        filters.append(lambda row: row["composition"] != "export")
    for name in ("captured", "created", "updated"):
        if (text := query.get(f"{name}_range")) is not None:
            filters.append(_within(f"{name}_at", text))
    return filters


def _within(field: str, text: str) -> Callable[[Row], bool]:
    """The filter of a range `ISO,ISO`, which includes its start but not its end (go2cloud U14)."""
    try:
        start, end = (_moment(part) for part in text.split(","))
    except ValueError as error:
        raise MalformedQueryError(f"{field} cannot be in {text!r}") from error
    return lambda row: bool(row[field]) and start <= _moment_of(row, field) < end


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment_of(row: Row, field: str) -> datetime:
    return _moment(row[field]) if row[field] else _LONG_AGO


def _positive(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise MalformedQueryError(f"{name}={text}")
    return int(text)


def _words(text: str) -> set[str]:
    return {word.strip() for word in text.split(",")} - {""}
