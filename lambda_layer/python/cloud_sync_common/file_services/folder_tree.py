"""The paths of folders, from a service that says of each folder only its name and the folder it is in."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from cloud_sync_common.exceptions import MediaNotFoundError, OriginalNotReadyError, OriginalRefusedError
from cloud_sync_common.file_services.rows import UNREADABLE, Row, name_of, word

MOST_LEVELS = 1_000  # of folders within folders: a hundred are allowed where the most are
MOST_FOLDERS = 100_000  # that are remembered, some hundred bytes each
ROOT = "root"  # what the account's own root is asked for as

type Ask = Callable[[str], Row]
"""From the id of a file or folder to its row; raises MediaNotFoundError and other errors about it alone."""

_NOT_SHOWN = (MediaNotFoundError, OriginalNotReadyError, OriginalRefusedError)  # which is no trouble of what is in it


class FolderTree:
    """What is known of the folders of one account. A row has `id`, `name`, `parents`, and `driveId` where it is in a
    drive of several accounts, whose root has that id."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}  # name and parent by id; no name: there is nothing to show
        self._root = ""

    def add(self, row: Row) -> None:
        """Adds a folder."""
        is_root = word(row, "id") == word(row, "driveId")
        self._keep(word(row, "id"), "" if is_root else name_of(row) or UNREADABLE, _parent(row))

    def path(self, row: Row, ask: Ask) -> str:
        """The path of the folder that a row is in, from the account's root, or from the first folder that it is shown.
        `ask` is called for what is not known. In Unicode's form NFC; a `/` in a name becomes `_`."""
        names, seen = list[str](), set[str]()  # legacy folders can contain each other
        folder = _parent(row)
        while folder and folder not in seen and len(seen) < MOST_LEVELS and folder != self._root_id(ask):
            seen.add(folder)
            name, folder = self._folder(folder, ask)
            if not name:
                break
            names.append(unicodedata.normalize("NFC", name.replace("/", "_")))
        return "/".join(reversed(names))

    def _folder(self, folder: str, ask: Ask) -> tuple[str, str]:
        if folder not in self._known:
            try:
                self.add(ask(folder))
            except _NOT_SHOWN:
                self._keep(folder, "", "")
        return self._known.get(folder, ("", ""))

    def _keep(self, folder: str, name: str, parent: str) -> None:
        if len(self._known) >= MOST_FOLDERS:
            self._known.clear()
        self._known[folder] = (name, parent)

    def _root_id(self, ask: Ask) -> str:
        if not self._root:
            try:
                self._root = word(ask(ROOT), "id") or ROOT
            except _NOT_SHOWN:
                self._root = ROOT  # which no folder has as its id
        return self._root


def _parent(row: Row) -> str:
    parents = row.get("parents")
    return word({"id": parents[0]}, "id") if isinstance(parents, list) and parents else ""
