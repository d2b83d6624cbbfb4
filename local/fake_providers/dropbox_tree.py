"""The files and folders of a Dropbox, with every revision and the order in which they changed.

Paths here begin at the root of everything that the account can see; dropbox_state.py says which part of that a request
sees.
"""

import hashlib
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from local.fake_providers.dropbox_paths import is_below, lowered, name_of, parent, stored

BLOCK = 4 * 1024 * 1024
"""Bytes of a block of the content hash (Dropbox's page on it)."""

_HASH_CHUNK = 1024 * 1024


def content_hash(path: Path) -> str:
    """Dropbox's content hash of a file: the SHA-256, in hexadecimal, of the SHA-256 of each block of 4 MiB."""
    stat = path.stat()
    return _content_hash(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _content_hash(path: Path, _size: int, _changed: int) -> str:
    whole = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while first := file.read(_HASH_CHUNK):
            block, length = hashlib.sha256(first), len(first)
            while length < BLOCK and (more := file.read(min(_HASH_CHUNK, BLOCK - length))):
                block.update(more)
                length += len(more)
            whole.update(block.digest())
    return whole.hexdigest()


@dataclass(frozen=True)
class Entry:
    """What is, or was, at a path. `path` is the one to display; a file has a `source` on disk, and `rev`, times and
    `size`; times are Dropbox's text, whole seconds in UTC. `extra` are more fields of its metadata, `media` those of
    its media info, and `refusal` is the tag with which its content is refused, empty when it is not."""

    entry_id: str
    path: str
    source: Path | None = None
    rev: str = ""
    client_modified: str = ""
    server_modified: str = ""
    deleted: bool = False
    downloadable: bool = True
    refusal: str = ""
    extra: Mapping[str, Any] | None = None
    media: Mapping[str, Any] | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is a file and there."""
        return self.source is not None and not self.deleted

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder and there."""
        return self.source is None and not self.deleted

    @property
    def key(self) -> str:
        """The lower-cased path."""
        return lowered(self.path)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.source.stat().st_size if self.source else 0


class Tree:
    """Entries by lower-cased path, and a journal of changes. Safe to change from a test's thread.

    The journal is what cursors are positions in: a listing reads it from its beginning, later calls from where the last
    one ended, and an entry that has changed since stands only at its latest place.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries: dict[str, tuple[int, Entry]] = {}
            self._journal: list[str] = []
            self._by_id: dict[str, str] = {}
            self._revisions: dict[str, Entry] = {}
            self._count = 0

    @property
    def end(self) -> int:
        """The position behind the last change."""
        with self._lock:
            return len(self._journal)

    def page(self, position: int, fits: Callable[[int, Entry], bool], most: int) -> tuple[list[Entry], int, bool]:
        """The first `most` entries that fit, among those that changed at `position` or later, in order; the position
        behind them, and whether there are more. `fits` gets the place of an entry and the entry."""
        found: list[Entry] = []
        with self._lock:
            behind = len(self._journal)
            for place in range(position, len(self._journal)):
                entry = self._at(place)
                if entry is None or not fits(place, entry):
                    continue
                if len(found) == most:
                    return found, behind, True
                found.append(entry)
                behind = place + 1
            return found, len(self._journal), False

    def before(self, position: int, fits: Callable[[int, Entry], bool], rows: int) -> int:
        """The position of the last `rows` entries that fit before `position`."""
        with self._lock:
            for place in range(position - 1, -1, -1):
                entry = self._at(place)
                rows -= entry is not None and fits(place, entry)
                if rows == 0:
                    return place
            return 0

    def _at(self, place: int) -> Entry | None:
        """The entry whose latest change is at this place."""
        latest, entry = self._entries.get(self._journal[place], (-1, None))
        return entry if latest == place else None

    def find(self, path: str) -> Entry | None:
        """What is, or was, at that path, in any case."""
        with self._lock:
            found = self._entries.get(lowered(path))
            return found[1] if found else None

    def find_id(self, entry_id: str) -> Entry | None:
        """The file or folder with that id, wherever it is now; None when it is gone."""
        with self._lock:
            path = self._by_id.get(entry_id)
            return None if path is None else self.find(path)

    def find_revision(self, rev: str) -> Entry | None:
        """The file as it was in that revision."""
        with self._lock:
            return self._revisions.get(rev)

    def files(self) -> list[Entry]:
        """Every file that is there."""
        with self._lock:
            return [entry for _, entry in self._entries.values() if entry.is_file]

    def put(self, path: str, source: Path, entry_id: str = "", **described: Any) -> Entry:
        """Write a file: a new one, or a new revision of the one there, which keeps its id and its name's case.

        Folders that are missing are made. `described` are further fields of Entry; those that are not given stay.
        Raises ValueError for the path of a folder.
        """
        kept = stored(path)
        with self._lock:
            there = self.find(kept)
            if there is not None and there.is_folder:
                raise ValueError(f"{path!r} is a folder.")
            self._make_folders(parent(kept))
            if there is not None and there.is_file:
                entry = replace(there, source=source, **described)
            else:
                shown = f"{self._display(parent(kept))}/{name_of(kept)}"
                entry = Entry(entry_id or self._new_id(shown), shown, source, **described)
            content_hash(source)  # now, not in the first listing
            return self._record(replace(entry, rev=self._new_rev(entry.entry_id)))

    def make_folder(self, path: str) -> None:
        """Make a folder, and those above it that are missing."""
        with self._lock:
            self._make_folders(stored(path))

    def delete(self, path: str) -> None:
        """Delete a file, or a folder with all that is in it, of which the journal names the folder alone. Raises
        KeyError when nothing is there."""
        with self._lock:
            gone = self._there(path)
            for entry in self._inside(gone):
                self._entries.pop(entry.key)
                self._by_id.pop(entry.entry_id, None)
            self._by_id.pop(gone.entry_id, None)
            self._record(replace(gone, deleted=True))

    def move(self, path: str, target: str) -> None:
        """Move or rename a file or folder: ids stay, revisions are new (whether Dropbox keeps them is not established).

        A rename that only changes the case stands in no journal, and what is in a renamed folder goes on showing its
        old name (files.stone; dropbox-sdk-python issue 63). Raises KeyError when nothing is there.
        """
        with self._lock:
            moved = self._there(path)
            if lowered(path) == lowered(target):
                self._entries[moved.key] = self._entries[moved.key][0], replace(moved, path=stored(target))
                return
            inside = self._inside(moved)
            self.delete(path)
            self._make_folders(parent(stored(target)))
            for entry in (moved, *inside):
                rev = self._new_rev(entry.entry_id) if entry.source else ""
                self._record(replace(entry, path=stored(target) + entry.path[len(moved.path) :], rev=rev))

    def _there(self, path: str) -> Entry:
        found = self.find(path)
        if found is None or found.deleted:
            raise KeyError(path)
        return found

    def _inside(self, folder: Entry) -> list[Entry]:
        return [entry for _, entry in self._entries.values() if is_below(entry.key, folder.key) and not entry.deleted]

    def _display(self, path: str) -> str:
        found = self.find(path)
        return found.path if found else path

    def _make_folders(self, path: str) -> None:
        if not path or ((found := self.find(path)) and found.is_folder):
            return
        self._make_folders(parent(path))
        shown = f"{self._display(parent(path))}/{name_of(path)}"
        self._record(Entry(self._new_id(shown), shown))

    def _record(self, entry: Entry) -> Entry:
        self._entries[entry.key] = len(self._journal), entry
        self._journal.append(entry.key)
        if not entry.deleted:
            self._by_id[entry.entry_id] = entry.key
        if entry.is_file:
            self._revisions[entry.rev] = entry
        return entry

    def _new_id(self, path: str) -> str:
        """An id like Dropbox's, the same whenever the same things are made in the same order."""
        self._count += 1
        digest = hashlib.sha256(f"{self._count} {path}".encode(errors="surrogateescape")).digest()
        return f"id:{urlsafe_b64encode(digest).decode()[:22]}"

    def _new_rev(self, entry_id: str) -> str:
        self._count += 1
        return hashlib.sha256(f"{entry_id} {self._count}".encode()).hexdigest()[:21]
