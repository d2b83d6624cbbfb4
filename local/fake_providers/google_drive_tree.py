"""What the fake Google Drive holds: files, folders, shortcuts, shared drives, and the feed of their changes.

An item of `library.json` is a file in My Drive. These fields of it, all optional, are Drive's own: `path`, or `folder`
beside `filename` (below My Drive or the shared drive), `parent` (the id of a folder, or empty for a file that is in
none), `shared_drive` (its name), `shared_by` (another owner's address: shared with me, so without a folder, unless
`parent` is a shared folder), `mime_type`, `shortcut_to` (the id of a file), `trashed`, `starred`, `downloadable`,
`resource_key`, `created_at` and `modified_at`. An item without sources is one of Google's own documents, or a folder,
if `mime_type` says so. Further sources of an item (chapters) are files of their own, numbered.
"""

import base64
import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from local.fake_providers.library import Item, Library, LibraryError

GOOGLE = "application/vnd.google-apps."
FOLDER = f"{GOOGLE}folder"
SHORTCUT = f"{GOOGLE}shortcut"
ME = "owner@drive.example"
ROOT = "0ARootOfMyDrivePVA"

MIME_TYPES: Mapping[str, str] = {
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".mkv": "video/x-matroska",
    ".mts": "video/mp2t",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".xml": "text/xml",
    ".txt": "text/plain",
    ".zip": "application/zip",
}
"""What Drive calls a file by its extension. That .360, .insv and .braw are octet streams is an assumption: nobody has
published what Drive gives them (drive-and-dropbox.md F)."""


@dataclass(frozen=True)
class Revision:
    """One content of a file."""

    revision_id: str
    source: Path
    modified: str


@dataclass(frozen=True)
class DriveFile:
    """A file, folder or shortcut. Times are RFC 3339 with milliseconds; `shared_at` is empty unless somebody else has
    shared it; the last of `revisions` is its content, and only a file with content has any."""

    file_id: str
    name: str
    mime_type: str
    created: str
    modified: str
    parents: tuple[str, ...] = (ROOT,)
    revisions: tuple[Revision, ...] = ()
    drive_id: str = ""
    owner: str = ME
    shared_at: str = ""
    trashed: bool = False
    starred: bool = False
    downloadable: bool = True
    target: str = ""
    resource_key: str = ""
    media: Mapping[str, Any] | None = None
    pictured: bool = True
    version: int = 1

    @property
    def head(self) -> Revision | None:
        """The present content."""
        return self.revisions[-1] if self.revisions else None

    @property
    def size(self) -> int:
        """Length in bytes; 0 without content."""
        return self.head.source.stat().st_size if self.head else 0

    @property
    def is_mine(self) -> bool:
        """Whether the account owns it."""
        return self.owner == ME and not self.drive_id

    @property
    def has_thumbnail(self) -> bool:
        """Whether Drive has made a thumbnail of it, as it does of videos and pictures that it has looked at."""
        return self.size > 0 and self.pictured and self.mime_type.startswith(("video/", "image/"))

    @property
    def is_video(self) -> bool:
        """Whether an archive of videos wants it."""
        suffix = PurePosixPath(self.name).suffix.lower()
        return bool(self.revisions) and (self.mime_type.startswith("video/") or suffix in (".360", ".insv", ".braw"))


@dataclass(frozen=True)
class SharedDrive:
    """A shared drive; `lost`: the account is no member any more."""

    drive_id: str
    name: str
    created: str
    lost: bool = False


@dataclass(frozen=True)
class Change:
    """One entry of the feed: a file, or without `file_id` a shared drive, is different since `time`."""

    file_id: str
    drive_id: str
    time: str
    removed: bool = False

    @property
    def subject(self) -> str:
        """What has changed."""
        return self.file_id or self.drive_id


class Tree:
    """The files of one account and of its shared drives. Safe to change from a test's thread."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Begin anew, empty."""
        with self.lock:
            self._files: dict[str, DriveFile] = {}
            self._drives: dict[str, SharedDrive] = {}
            self.feed: list[Change] = []
            self._latest: dict[str, int] = {}
            self.version = getattr(self, "version", 0) + 1
            self._files[ROOT] = DriveFile(ROOT, "My Drive", FOLDER, EPOCH, EPOCH, parents=())

    def files(self) -> list[DriveFile]:
        """A snapshot of everything but the roots of drives, in no particular order."""
        with self.lock:
            return [file for file in self._files.values() if file.file_id != ROOT and file.file_id not in self._drives]

    def get(self, file_id: str) -> DriveFile | None:
        """The file with this id, or None; `root` is My Drive itself."""
        with self.lock:
            return self._files.get(ROOT if file_id == "root" else file_id)

    def put(self, file: DriveFile, now: str) -> None:
        """Add a file, or replace the one with the same id, and tell the feed."""
        with self.lock:
            self._files[file.file_id] = file
            self._tell(Change(file.file_id, file.drive_id, now))

    def change(self, file_id: str, now: str, **changes: Any) -> DriveFile:
        """Change fields of a file; raises KeyError for an unknown id."""
        with self.lock:
            before = self._files[file_id]
            after = replace(before, version=before.version + 1, **changes)
            self.put(after, now)
            return after

    def delete(self, file_id: str, now: str) -> None:
        """Delete a file for good; raises KeyError for an unknown id."""
        with self.lock:
            file = self._files.pop(file_id)
            self._tell(Change(file_id, file.drive_id, now, removed=True))

    def drives(self) -> list[SharedDrive]:
        """The shared drives of which the account is a member."""
        with self.lock:
            return [drive for drive in self._drives.values() if not drive.lost]

    def drive(self, drive_id: str) -> SharedDrive | None:
        """The shared drive with this id, a lost one too, or None."""
        with self.lock:
            return self._drives.get(drive_id)

    def make_drive(self, name: str, now: str) -> SharedDrive:
        """The shared drive of this name, which is created if there is none. Its id is that of its root folder."""
        with self.lock:
            drive_id = f"0A{_digest(f'drive {name}')[:14]}PVA"
            if drive_id not in self._drives:
                self._drives[drive_id] = SharedDrive(drive_id, name, now)
                self._files[drive_id] = DriveFile(drive_id, name, FOLDER, now, now, parents=(), drive_id=drive_id)
                self._tell(Change("", drive_id, now))
            return self._drives[drive_id]

    def lose_drive(self, drive_id: str, now: str) -> None:
        """End the account's membership; raises KeyError for an unknown id."""
        with self.lock:
            self._drives[drive_id] = replace(self._drives[drive_id], lost=True)
            self._tell(Change("", drive_id, now, removed=True))

    def make_folder(self, path: str, drive_id: str, now: str) -> str:
        """The id of the folder at `path` below My Drive or a shared drive; what is missing is created."""
        parent = drive_id or ROOT
        for depth, name in enumerate(parts := [part for part in path.split("/") if part], start=1):
            folder_id = f"1F{_digest(f'{drive_id}/{"/".join(parts[:depth])}')[:31]}"
            if self.get(folder_id) is None:
                self.put(DriveFile(folder_id, name, FOLDER, now, now, (parent,), drive_id=drive_id), now)
            parent = folder_id
        return parent

    def in_trash(self, file: DriveFile) -> bool:
        """Whether it, or a folder that it is in, was put into the trash. Every loop ends: a path has few folders."""
        with self.lock:
            for _ in range(100):
                if file.trashed:
                    return True
                above = self._files.get(file.parents[0]) if file.parents else None
                if above is None:
                    return False
                file = above
        return False

    def news(self, start: int) -> Iterator[tuple[int, Change]]:
        """The feed from a position on: of each file, and of each drive, only the latest change. To be read under
        the lock."""
        for position in range(start, len(self.feed)):
            change = self.feed[position]
            if self._latest[change.subject] == position:
                yield position, change

    def _tell(self, change: Change) -> None:
        self._latest[change.subject] = len(self.feed)
        self.feed.append(change)
        self.version += 1


@lru_cache(maxsize=1024)
def stamp(moment: str | float) -> str:
    """A time as Drive writes it: 2026-01-02T10:00:00.000Z."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment).timestamp()
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


EPOCH = stamp(0.0)


def fill(tree: Tree, library: Library, now: str) -> None:
    """Begin the tree anew, with what the library describes."""
    tree.reset()
    for item in library.items():
        for file in described(tree, library, item, now):
            tree.put(file, now)


def described(tree: Tree, library: Library, item: Item, now: str) -> Iterator[DriveFile]:
    """The files of one item, whose folder and shared drive are created."""
    row = item.row
    drive_id = tree.make_drive(row["shared_drive"], now).drive_id if row.get("shared_drive") else ""
    template = DriveFile(
        file_id=item.media_id,
        name="",
        mime_type="",
        created=stamp(row["created_at"]),
        modified=stamp(row.get("modified_at") or row["captured_at"]),
        drive_id=drive_id,
        owner="" if drive_id else row.get("shared_by") or ME,
        shared_at=stamp(row["created_at"]) if row.get("shared_by") and "parent" not in row else "",
        trashed=bool(row.get("trashed", False)),
        starred=bool(row.get("starred", False)),
        downloadable=bool(row.get("downloadable", True)),
        resource_key=row.get("resource_key", ""),
        media=_video_metadata(row),
        pictured=item.picture,
    )
    for number, (folder, name, source) in enumerate(_places(library, item), start=1):
        one = replace(template, name=name, parents=_parents(tree, row, folder, drive_id, now))
        if number > 1:
            one = replace(one, file_id=f"{item.media_id}-{number}")
        yield _with_content(one, row, source)


def _parents(tree: Tree, row: Mapping[str, Any], folder: str, drive_id: str, now: str) -> tuple[str, ...]:
    if "parent" in row:
        return (row["parent"],) if row["parent"] else ()
    return () if row.get("shared_by") else (tree.make_folder(folder, drive_id, now),)


def _with_content(file: DriveFile, row: Mapping[str, Any], source: Path | None) -> DriveFile:
    if row.get("shortcut_to"):
        return replace(file, mime_type=SHORTCUT, target=row["shortcut_to"], media=None)
    if source is None:
        return replace(file, mime_type=row["mime_type"], media=None)
    mime_type = row.get("mime_type") or MIME_TYPES.get(source.suffix.lower(), "application/octet-stream")
    return replace(file, mime_type=mime_type, revisions=(revision_of(source, file.modified),))


def revision_of(source: Path, modified: str) -> Revision:
    """A revision with the content of this file."""
    return Revision(f"0B{_digest(f'{source.name} {modified}')[:42]}", source, modified)


def _places(library: Library, item: Item) -> Iterator[tuple[str, str, Path | None]]:
    """The folder, the name and the content of each file of an item. A name may contain a slash."""
    row = item.row
    if not item.sources:
        if row.get("shortcut_to") or str(row.get("mime_type", "")).startswith(GOOGLE):
            yield *_place(row, item.media_id), None
        return
    for number, source in enumerate(item.sources, start=1):
        folder, name = _place(row, f"{item.media_id}{source.suffix}")
        if not folder and source.parent != library.folder and "path" not in row and _is_scanned(library, source):
            folder = source.parent.relative_to(library.folder).as_posix()
        if number > 1:
            stem, dot, suffix = name.rpartition(".")
            name = f"{stem} chapter {number}{dot}{suffix}" if dot else f"{name} chapter {number}"
        yield folder, name, source


def _place(row: Mapping[str, Any], otherwise: str) -> tuple[str, str]:
    if not isinstance(path := row.get("path", ""), str) or not isinstance(folder := row.get("folder", ""), str):
        raise LibraryError(f'"path" or "folder" of item {row["id"]!r} is no text.')
    above, _, name = path.rpartition("/")
    return (above, name) if path else (folder, row["filename"] or otherwise)


def _is_scanned(library: Library, source: Path) -> bool:
    """Whether a file is in a folder of plain videos, whose own folders are then those of Drive."""
    return source.is_relative_to(library.folder) and not (library.folder / "library.json").exists()


def _video_metadata(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Drive's videoMediaMetadata, whose duration is text; it has no time of capture (drive.v3.json)."""
    found: dict[str, Any] = {name: row[name] for name in ("width", "height") if row.get(name)}
    if row.get("source_duration"):
        found["durationMillis"] = str(row["source_duration"])
    return found or None


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode(errors="surrogateescape")).digest()).decode()[:43]
