"""Listings: cursors, pages of entries, and metadata as faults change it."""

import base64
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from local.fake_providers.dropbox_faults import DropboxFault
from local.fake_providers.dropbox_paths import is_below, lowered, name_of, parent
from local.fake_providers.dropbox_state import MOST_ENTRIES, DropboxState, View
from local.fake_providers.dropbox_tree import Entry, content_hash
from local.fake_providers.faults import ActiveFaults, Fault

type Row = dict[str, Any]

_DEFAULT_LIMIT = 500  # Dropbox names none
_WRONG_HASH = "5" * 64


class CursorError(ValueError):
    """Text that is no cursor of this fake."""


@dataclass(frozen=True)
class Query:
    """What a listing asks for, and how far it has come: all of it is in the cursor. `path` is lower-cased and that in
    the tree, `begun` is where the journal ended when the listing began: what was deleted later is always shown."""

    path: str
    prefix: str
    recursive: bool
    limit: int
    deleted: bool
    undownloadable: bool
    epoch: int
    position: int = 0
    begun: int = 0

    @property
    def cursor(self) -> str:
        """The text that a client keeps."""
        return base64.urlsafe_b64encode(json.dumps(list(asdict(self).values())).encode()).decode()

    @classmethod
    def read(cls, cursor: object) -> Self:
        """The query of a cursor; raises CursorError."""
        try:
            return cls(*json.loads(base64.urlsafe_b64decode(str(cursor))))
        except (ValueError, TypeError) as error:
            raise CursorError(str(cursor)) from error

    def fits(self, place: int, entry: Entry) -> bool:
        """Whether the listing shows the entry whose latest change is at this place of the journal."""
        if not (is_below(entry.key, self.path) if self.recursive else parent(entry.key) == self.path):
            return False
        if entry.deleted:
            return self.deleted or place >= self.begun
        return entry.downloadable or self.undownloadable


def begin(state: DropboxState, view: View, path: str, argument: Mapping[str, Any]) -> Query:
    """The query of a new listing of `path`, which is one in the tree. Raises ValueError for a limit that Dropbox does
    not take."""
    limit = argument.get("limit") or _DEFAULT_LIMIT
    if type(limit) is not int or not 1 <= limit <= MOST_ENTRIES:
        raise ValueError(f"limit: {limit!r} is not in 1..{MOST_ENTRIES}")
    return Query(
        path=lowered(path),
        prefix=view.prefix,
        recursive=bool(argument.get("recursive")),
        limit=limit,
        deleted=bool(argument.get("include_deleted")),
        undownloadable=bool(argument.get("include_non_downloadable_files", True)),
        epoch=state.epoch,
        begun=state.tree.end,
    )


def page(state: DropboxState, query: Query, active: ActiveFaults) -> Row:
    """The next page of a listing."""
    if active.find(DropboxFault.PAGE_EMPTY):
        return {"entries": [], "cursor": query.cursor, "has_more": True}
    small = active.find(DropboxFault.PAGE_SMALL)
    most = min([query.limit, state.page_size, *([small["rows"]] if small else [])])
    start = query.position
    if repeated := active.find(DropboxFault.ENTRIES_REPEATED):
        start = state.tree.before(start, query.fits, repeated["rows"])
    entries, position, more = state.tree.page(start, query.fits, most)
    rows = [row(View(query.prefix), entry, active) for entry in entries]
    _happen(state, active)
    after = replace(query, position=max(position, query.position))
    return {"entries": rows, "cursor": after.cursor, "has_more": more}


def _happen(state: DropboxState, active: ActiveFaults) -> None:
    """What its owner does after a page."""
    home = state.account.view(None)
    if (fault := active.find(DropboxFault.FILE_DELETED)) and state.tree.find(home.path(fault["path"])):
        state.tree.delete(home.path(fault["path"]))
    fault = active.find(DropboxFault.FILE_ADDED)
    model = state.tree.find(home.path(fault["path"])) if fault else None
    if fault and model and model.source:
        times = {"client_modified": model.client_modified, "server_modified": model.server_modified}
        state.tree.put(home.path(fault["target"]), model.source, **times)


def row(view: View, entry: Entry, active: ActiveFaults) -> Row:
    """The metadata of an entry, with its tag, as the view shows it and the active faults change it."""
    shown = view.shown(entry)
    place = {"name": name_of(shown), "path_lower": lowered(shown), "path_display": shown}
    if entry.deleted:
        return {".tag": "deleted", **place}
    if entry.source is None:
        return {".tag": "folder", **place, "id": entry.entry_id}
    found: Row = {
        ".tag": "file",
        **place,
        "id": entry.entry_id,
        "client_modified": entry.client_modified,
        "server_modified": entry.server_modified,
        "rev": entry.rev,
        "size": entry.size,
        "is_downloadable": entry.downloadable,
        "content_hash": content_hash(entry.source),
    }
    if not entry.downloadable:
        found |= _EXPORT
    return _changed(found, entry, active)


_EXPORT: Row = {"is_downloadable": False, "export_info": {"export_as": "html", "export_options": ["html", "markdown"]}}
"""What marks a file that only exists by being exported, such as one of Dropbox Paper."""


def _folders_in_capitals(found: Row, _fault: Fault) -> Row:
    folders, slash, name = found["path_display"].rpartition("/")
    return {"path_display": f"{folders.upper()}{slash}{name}"}


def _with_other_case(found: Row, _fault: Fault) -> Row:
    def swapped(path: str) -> str:
        suffix = Path(path).suffix
        return path.removesuffix(suffix) + suffix.swapcase()

    return {key: swapped(found[key]) for key in ("name", "path_display")}


def _decomposed(found: Row, _fault: Fault) -> Row:
    return {key: unicodedata.normalize("NFD", found[key]) for key in ("name", "path_display")}


# The fields that each fault changes; None stands for a field that is absent.
_CHANGES: Mapping[DropboxFault, Callable[[Row, Fault], Row]] = {
    DropboxFault.EXTENSION_CASE: _with_other_case,
    DropboxFault.NOT_DOWNLOADABLE: lambda *_: _EXPORT,
    DropboxFault.FOLDER_CASE: _folders_in_capitals,
    DropboxFault.NAME_DECOMPOSED: _decomposed,
    DropboxFault.HASH_WRONG: lambda *_: {"content_hash": _WRONG_HASH},
    DropboxFault.HASH_MISSING: lambda *_: {"content_hash": None},
    DropboxFault.SIZE_WRONG: lambda found, fault: {"size": found["size"] - fault["bytes_off"]},
    DropboxFault.PATHS_MISSING: lambda *_: {"path_lower": None, "path_display": None},
}


def _changed(found: Row, entry: Entry, active: ActiveFaults) -> Row:
    for kind, change in _CHANGES.items():
        if fault := active.find(kind, entry.entry_id):
            found = found | change(found, fault)
    found = {key: value for key, value in found.items() if value is not None}
    odd = active.find(DropboxFault.ROW_ODD, entry.entry_id)
    return found | dict(odd["values"]) if odd else found
