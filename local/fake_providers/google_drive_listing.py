"""files.list and changes.list: what is found, page by page, and what faults do to it."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from local.fake_providers.faults import ActiveFaults
from local.fake_providers.google_drive_errors import (
    all_drives_excluded,
    all_drives_unsupported,
    drive_id_misplaced,
    drive_not_found,
    invalid,
)
from local.fake_providers.google_drive_faults import DriveFault
from local.fake_providers.google_drive_files import drive_json, file_json
from local.fake_providers.google_drive_paging import PageToken, feed_position, feed_token, is_set, ordered, page_size
from local.fake_providers.google_drive_query import Query, QueryError, parsed
from local.fake_providers.google_drive_state import DriveState
from local.fake_providers.google_drive_tree import ROOT, Change, DriveFile

type Json = dict[str, Any]
type Params = Mapping[str, str]

_CORPORA = ("user", "drive", "domain", "allDrives")
_MOST_LISTS = 16


class Listing:
    """files.list. A list is not a snapshot: each page is cut from what is there when it is asked for (drive.v3.json).
    What a query finds is kept until the tree changes, so that long lists take no time for each page."""

    def __init__(self, state: DriveState) -> None:
        self._state = state
        self._found: dict[tuple[Any, ...], list[str]] = {}

    def page(self, query: Params, active: ActiveFaults) -> Json:
        """One page, with every field. Raises DriveError for a request that Drive refuses."""
        state = self._state
        size = min(page_size(query), state.most_rows)
        question, include_all = _question(query), _checked_corpus(state, query)
        start = self._start(query, active)
        found = _faulty(self._matching(query, question, include_all=include_all), question, active, state)
        end = start + _rows(size, active)
        answer: Json = {
            "kind": "drive#fileList",
            "incompleteSearch": active.find(DriveFault.INCOMPLETE_SEARCH) is not None,
            "files": _page_rows(state, found[start:end], active),
        }
        if (end < len(found) or end == start) and not active.find(DriveFault.TOKEN_LEFT_OUT):
            answer["nextPageToken"] = PageToken(end, state.clock.now() + _token_seconds(state, active)).text(query)
        return answer

    def _start(self, query: Params, active: ActiveFaults) -> int:
        """The place in the list at which the page begins."""
        if not (text := query.get("pageToken")):
            return 0
        if active.find(DriveFault.PAGE_TOKEN_REJECTED):
            raise invalid("pageToken")
        return PageToken.read(text, query, self._state.clock.now()).offset

    def _matching(self, query: Params, question: Query, *, include_all: bool) -> list[str]:
        """The ids of what the query finds, in order."""
        tree, names = self._state.tree, ("q", "orderBy", "corpora", "driveId")
        key = (tree.version, include_all, *(query.get(name, "") for name in names))
        if key not in self._found:
            files = [file for file in _corpus(self._state, query, include_all=include_all) if question.matches(file)]
            while len(self._found) >= _MOST_LISTS:
                del self._found[next(iter(self._found))]
            self._found[key] = [file.file_id for file in ordered(files, query.get("orderBy", ""))]
        return self._found[key]


def _question(query: Params) -> Query:
    try:
        return parsed(query.get("q", ""), ROOT)
    except QueryError as error:
        raise invalid("q") from error


def _checked_corpus(state: DriveState, query: Params) -> bool:
    """Whether shared drives are searched too; raises DriveError for parameters that do not fit together."""
    corpora, drive_id = query.get("corpora", ""), query.get("driveId", "")
    includes = _checked_inclusion(query)
    corpora = corpora or ("drive" if drive_id else "user")
    if corpora not in _CORPORA:
        raise invalid("corpora")
    if (corpora == "drive") is not bool(drive_id):
        raise drive_id_misplaced()
    if corpora in ("drive", "allDrives") and not includes:
        raise all_drives_excluded(corpora)
    if drive_id and state.tree.drive(drive_id) is None:
        raise drive_not_found(drive_id)
    return includes


def _corpus(state: DriveState, query: Params, *, include_all: bool) -> list[DriveFile]:
    """The files that are searched; `trashed` in a query is about whole folders, as in the JSON."""
    drive_id = query.get("driveId", "")
    tree, found = state.tree, []
    for file in tree.files():
        if state.can_see(file, include_all=include_all) and (not drive_id or file.drive_id == drive_id):
            found.append(replace(file, trashed=True) if tree.in_trash(file) else file)
    return found


def _faulty(found: list[str], question: Query, active: ActiveFaults, state: DriveState) -> list[str]:
    """What faults leave of that."""
    if some := active.find(DriveFault.PARENTS_INCOMPLETE):
        kept = set(question.parents[: some["keep"]])
        if kept:
            found = [one for one in found if (file := state.tree.get(one)) and kept.intersection(file.parents)]
    if active.find(DriveFault.INCOMPLETE_SEARCH) or active.find(DriveFault.DRIVE_LOST):
        found = [one for one in found if (file := state.tree.get(one)) and not file.drive_id]
    if active.find(DriveFault.FRESH_HIDDEN):
        found = [one for one in found if not active.find(DriveFault.FRESH_HIDDEN, one)]
    return found


def _rows(size: int, active: ActiveFaults) -> int:
    if active.find(DriveFault.PAGE_EMPTY):
        return 0
    short = active.find(DriveFault.PAGE_SHORT)
    return min(size, short["rows"]) if short else size


def _page_rows(state: DriveState, file_ids: list[str], active: ActiveFaults) -> list[Json]:
    rows = [row for file_id in file_ids for row in _shown(state, file_id, active)]
    lost = active.find(DriveFault.ROWS_LOST)
    return rows[: -lost["rows"]] if lost else rows


def _shown(state: DriveState, file_id: str, active: ActiveFaults) -> list[Json]:
    file = state.tree.get(file_id)
    if file is None:  # deleted since the list was made
        return []
    row = file_json(state.tree, file, active)
    return [row] * (2 if active.find(DriveFault.ROW_REPEATED, file_id) else 1)


def _token_seconds(state: DriveState, active: ActiveFaults) -> float:
    shorter = active.find(DriveFault.PAGE_TOKEN_SECONDS)
    return float(shorter["seconds"]) if shorter else state.page_token_seconds


def start_token(state: DriveState, query: Params) -> Json:
    """changes.getStartPageToken."""
    drive_id = _feed_of(state, query)
    token = feed_token(len(state.tree.feed), drive_id)
    return {"kind": "drive#startPageToken", "startPageToken": token}


def changes_page(state: DriveState, query: Params, active: ActiveFaults) -> Json:
    """changes.list: of each file only its latest change, as it is now. Raises DriveError for what Drive refuses."""
    drive_id, include_all = _feed_of(state, query), _checked_inclusion(query)
    token, end = query.get("pageToken", ""), len(state.tree.feed)
    if not token or active.find(DriveFault.PAGE_TOKEN_REJECTED):
        raise invalid("pageToken")
    start = feed_position(token, drive_id, end)
    size = _rows(min(page_size(query), state.most_rows), active)
    with state.tree.lock:
        news = (one for one in state.tree.news(start) if _concerns(state, one[1], drive_id, include_all))
        shown = list(islice(news, size + 1))
    rows = [row for _, change in shown[:size] for row in _change_rows(state, change, active)]
    answer: Json = {"kind": "drive#changeList", "changes": rows}
    if size < len(shown) or size == 0:
        following = shown[size - 1][0] + 1 if size else start
        return answer | {"nextPageToken": feed_token(following, drive_id)}
    return answer | {"newStartPageToken": feed_token(end, drive_id)}


def _checked_inclusion(query: Params) -> bool:
    """Whether items of shared drives are asked for, which needs another flag as well."""
    if (includes := is_set(query, "includeItemsFromAllDrives")) and not is_set(query, "supportsAllDrives"):
        raise all_drives_unsupported()
    return includes


def _feed_of(state: DriveState, query: Params) -> str:
    """The shared drive whose feed is asked for; empty for the account's own."""
    drive_id = query.get("driveId", "")
    if drive_id and not is_set(query, "supportsAllDrives"):
        raise all_drives_unsupported()
    drive = state.tree.drive(drive_id) if drive_id else None
    if drive_id and (drive is None or drive.lost):
        raise drive_not_found(drive_id)
    return drive_id


def _concerns(state: DriveState, change: Change, drive_id: str, include_all: bool) -> bool:
    """Whether a change is in this feed: that of a shared drive, or the account's with or without shared drives."""
    if drive_id:
        return change.drive_id == drive_id
    if not change.drive_id or (not change.file_id and change.removed):
        return True
    drive = state.tree.drive(change.drive_id)
    return include_all and drive is not None and not drive.lost


def _change_rows(state: DriveState, change: Change, active: ActiveFaults) -> list[Json]:
    if change.file_id and active.find(DriveFault.FRESH_HIDDEN, change.file_id):
        return []
    kind = "file" if change.file_id else "drive"
    row: Json = {"kind": "drive#change", "type": kind, "changeType": kind, "time": change.time}
    row |= {"fileId": change.file_id} if change.file_id else {"driveId": change.drive_id}
    file, drive = state.tree.get(change.file_id), state.tree.drive(change.drive_id)
    row["removed"] = change.removed or (file is None if change.file_id else drive is None)
    if change.file_id and file is not None and not row["removed"]:
        row["file"] = file_json(state.tree, file, active)
    elif not change.file_id and drive is not None and not row["removed"]:
        row["drive"] = drive_json(drive)
    return [row] * (2 if active.find(DriveFault.ROW_REPEATED, change.file_id) else 1)
