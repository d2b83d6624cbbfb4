"""The state of the fake Dropbox: an account, what it sees of the tree, its tokens, and settings."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.fake_providers.dropbox_oauth import Authorization
from local.fake_providers.dropbox_paths import is_below, lowered
from local.fake_providers.dropbox_tree import Entry, Tree
from local.fake_providers.faults import Clock, FaultRules
from local.fake_providers.gopro_state import RequestLog
from local.fake_providers.library import VIDEO_SUFFIXES, Item, Library, Original

LINK_SECONDS = 4 * 3600
"""Lifetime of a temporary link, in seconds (files.stone, get_temporary_link)."""

MOST_ENTRIES = 2000
"""The largest `limit` of a listing (files.stone, ListFolderArg)."""

HOME = "/Anna Example"
"""Where the account's own files are in the tree. It sees its home as the root, until it is in a team with a team space:
then the team's root is above it, and this is the name of the member's folder there."""

VIDEOS = VIDEO_SUFFIXES | {".m4v", ".avi", ".mkv", ".mts", ".insv", ".braw"}
"""Suffixes of the files that a complete archive has."""


class UnknownRootError(ValueError):
    """A Dropbox-API-Path-Root that is refused; `tag` is that of Dropbox's PathRootError."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


@dataclass(frozen=True)
class View:
    """The part of the tree below `prefix`, which a request sees as the whole."""

    prefix: str

    def path(self, path: str) -> str:
        """The path in the tree of one that the client named."""
        return f"{self.prefix}{path}"

    def shown(self, entry: Entry) -> str:
        """The path of an entry as the client sees it."""
        return entry.path[len(self.prefix) :]

    def contains(self, entry: Entry) -> bool:
        """Whether the client sees the entry."""
        return is_below(entry.key, lowered(self.prefix))


class Account:
    """The owner of the files, and the namespaces that are its roots: its own, and that of a team if it is in one."""

    def __init__(self) -> None:
        self.account_id = f"dbid:{secrets.token_hex(18)[:35]}"
        self.user_id = str(secrets.randbelow(10**9))
        self.email_verified = True
        self.home_namespace = str(1_000_000 + secrets.randbelow(10**6))
        self.team_namespace: str | None = None

    def join_team(self) -> str:
        """Give the account a new root, that of a team's space, above its home; returns the root's namespace."""
        self.team_namespace = str(3_000_000 + secrets.randbelow(10**6))
        return self.team_namespace

    def root_info(self) -> dict[str, Any]:
        """Dropbox's RootInfo (common.stone)."""
        ids = {"root_namespace_id": self.team_namespace or self.home_namespace}
        ids["home_namespace_id"] = self.home_namespace
        return {".tag": "team", **ids, "home_path": HOME} if self.team_namespace else {".tag": "user", **ids}

    def view(self, path_root: Mapping[str, Any] | None) -> View:
        """What a request with this Dropbox-API-Path-Root sees. Raises UnknownRootError for a root that it has not, and
        KeyError or TypeError for what is none."""
        root = path_root or {".tag": "home"}
        if (tag := root[".tag"]) == "home":
            return View(HOME)
        namespace = root[tag] if tag in ("root", "namespace_id") else None
        if tag == "root" and namespace != self.root_info()["root_namespace_id"]:
            raise UnknownRootError("invalid_root")
        return View(self.prefix(namespace))

    def prefix(self, namespace: object) -> str:
        """Where a namespace is in the tree; raises UnknownRootError for one that the account cannot see."""
        if namespace == self.home_namespace:
            return HOME
        if namespace is None or namespace != self.team_namespace:
            raise UnknownRootError("no_permission")
        return ""


@dataclass
class DropboxState:
    """The state of one fake Dropbox. `epoch` is in every cursor, so that those of an earlier one are reset;
    `content_port` is set when content has a port of its own."""

    library: Library
    clock: Clock
    tokens: Authorization
    faults: FaultRules
    account: Account = field(default_factory=Account)
    tree: Tree = field(default_factory=Tree)
    log: RequestLog = field(default_factory=RequestLog)
    link_seconds: float = LINK_SECONDS
    page_size: int = MOST_ENTRIES
    epoch: int = 0
    content_port: int | None = None

    def fill(self) -> None:
        """Begin the tree anew, with the files of the library and nothing else."""
        self.tree.reset()
        self.tree.make_folder(HOME)
        for item in self.library.items():
            for path, source in _places(self.library, item):
                self.tree.put(self._free(path), source, **described(item.row))

    def _free(self, path: str) -> str:
        """The path in the tree, with a number where another file has the name, as Dropbox renames uploads."""
        names = (str(Path(path).with_stem(f"{Path(path).stem} ({number})")) for number in range(1, 1000))
        for name in (path, *names):
            if self.tree.find(HOME + name) is None:
                return HOME + name
        raise ValueError(f"There are a thousand files with the name {path}.")

    def originals(self) -> list[Original]:
        """Every video that a complete archive has, wherever in the tree it is."""
        videos = [entry for entry in self.tree.files() if Path(entry.path).suffix.lower() in VIDEOS]
        return [
            Original(entry.entry_id, Path(entry.path).name, 1, 1, entry.source, entry.size)
            for entry in videos
            if entry.source is not None and entry.downloadable and not entry.refusal
        ]


def described(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of Entry that an item of `library.json` describes."""
    media = {key: row[key] for key in ("time_taken", "duration", "dimensions", "location") if row.get(key) is not None}
    return {
        "client_modified": row.get("client_modified") or row["captured_at"],
        "server_modified": row.get("server_modified") or row["created_at"],
        "downloadable": bool(row.get("is_downloadable", True)),
        "refusal": row.get("refusal", ""),
        "media": media or None,
    }


def _places(library: Library, item: Item) -> Iterator[tuple[str, Path]]:
    """The path of each file of an item: the one that the item describes, else where it is in the library's folder, else
    its filename. Further files of an item are numbered."""
    for number, source in enumerate(item.sources, start=1):
        path = item.row.get("path")
        if path is None and source.is_relative_to(library.folder) and not (library.folder / "library.json").exists():
            path = f"/{source.relative_to(library.folder).as_posix()}"
        path = path or f"/{item.row['filename'] or item.media_id + source.suffix}"
        if number > 1:
            path = str(Path(path).with_stem(f"{Path(path).stem} chapter {number}"))
        yield path, source
