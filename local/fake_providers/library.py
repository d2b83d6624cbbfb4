"""The media library that the fake serves, loaded from a folder of real files.

The file `library.json` describes the items of a folder; without it every video file in the folder is one item. Only the
sizes of files are read here: the CDN streams their bytes from disk.
"""

import hashlib
import json
import re
import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".360"})

VIDEO_TYPES = frozenset(
    {"Video", "TimeLapseVideo", "BurstVideo", "Chaptered", "Livestream", "Looped", "LoopedVideo", "ExternalVideo"}
    | {"MultiClipEdit", "Edit"}
)
"""Values of `type` for videos (gopro-api models.py; provider-apis.md 1.3)."""

PHOTO_TYPES = frozenset({"Photo", "TimeLapse", "Burst"})
"""Values of `type` for photos, of which a burst and a series have several files (provider-apis.md 1.4)."""

MEDIA_TYPES = VIDEO_TYPES | PHOTO_TYPES | {"Continuous", "Session", "Audio"}
"""Every value of `type` that the search filter knows (go2cloud; gopro-api models.py)."""

ORIGINAL_LABELS = ("source", "baked_source")
"""Labels of a variation that holds original bytes: camera files, and the rendering of an edit (rclone-PR)."""

_SERVING_KEYS = frozenset({"sources", "proxy", "label", "item_numbers", "available", "concat", "picture"})


class LibraryError(ValueError):
    """A library folder that cannot be served; the message is one sentence for the user who named it."""


@dataclass(frozen=True)
class Original:
    """One file that a complete archive must hold, byte for byte.

    `source_number` counts from 1 to `source_count`; `size` is in bytes; `filename` is the item's, and may be null.
    """

    media_id: str
    filename: str | None
    source_number: int
    source_count: int
    path: Path
    size: int


@dataclass(frozen=True)
class Item:
    """One media item: its row as the listing shows it, and its files.

    `sources` are the original files in order (chapters of a video, frames of a burst). An item without sources has
    only proxies. `item_numbers`: whether several sources have `item_number` in the download response. `picture`:
    whether the service has made pictures of it.
    """

    media_id: str
    row: Mapping[str, Any]
    sources: tuple[Path, ...]
    proxy: Path | None = None
    label: str = "source"
    item_numbers: bool = True
    available: bool = True
    concat: bool = False
    picture: bool = True

    @property
    def is_video(self) -> bool:
        """Whether the item is a video; for an unknown type the extension decides."""
        kind = self.row["type"]
        return kind in VIDEO_TYPES or (kind not in MEDIA_TYPES and f".{self.row['file_extension']}" in VIDEO_SUFFIXES)

    @property
    def is_photo(self) -> bool:
        """Whether the item is a photo, a burst or a series of photos."""
        return self.row["type"] in PHOTO_TYPES

    @property
    def is_archivable(self) -> bool:
        """Whether GoPro offers this item's original video now."""
        return self.is_video and self.is_offered

    @property
    def pictured(self) -> Path | None:
        """The file that pictures are made of, None where there are none."""
        return next(iter((*self.sources, *filter(None, [self.proxy]))), None) if self.picture else None

    @property
    def is_offered(self) -> bool:
        """Whether GoPro offers all of this item's originals now, of whatever kind it is."""
        return self.row["ready_to_view"] == "ready" and self.available and bool(self.sources)


class Library:
    """The items of one account. Safe to change from a test's thread while the server reads it."""

    def __init__(self, folder: Path, items: Iterable[Item] = ()) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._items = {item.media_id: item for item in items}
        self._at_start = dict(self._items)
        self.version = 0  # increases with each change

    @classmethod
    def load(cls, folder: Path, extra: Iterable[Path] = ()) -> Self:
        """Read `folder` (described by its `library.json`, or else scanned) and scan every folder of `extra`.

        Raises LibraryError, naming the folder and the item, for anything that cannot be served as described.
        """
        _require_folder(folder)
        items = _described_items(folder) if (folder / "library.json").exists() else _scanned_items(folder, folder)
        for more in extra:
            _require_folder(more)
            items += _scanned_items(more, None)
        return cls(folder, items)

    @classmethod
    def generated(cls, file: Path, count: int) -> Self:
        """A library of `count` videos that all have this one file, for tests of scale."""
        return cls(file.parent, _generated_items(file, count))

    def put_generated(self, file: Path, count: int) -> None:
        """Add `count` videos that all have this one file."""
        items = _generated_items(file, count)
        with self._lock:
            self._items |= {item.media_id: item for item in items}
            self.version += 1

    def items(self) -> list[Item]:
        """A snapshot of all items, in no particular order."""
        with self._lock:
            return list(self._items.values())

    def get(self, media_id: str) -> Item | None:
        """The item with that id, or None if there is none or it was trashed."""
        with self._lock:
            return self._items.get(media_id)

    def put(self, description: Mapping[str, Any]) -> Item:
        """Add an item, or replace the one with the same id; `description` is an entry of `library.json`."""
        item = _described_item(self.folder, description)
        with self._lock:
            self._items[item.media_id] = item
            self.version += 1
        return item

    def put_twin(self, captured_at: str) -> Item:
        """Add a copy of some video under a new id, as a new upload."""
        with self._lock:
            model = next((item for item in self._items.values() if item.is_archivable), None)
            if model is None:
                raise LibraryError("The library has no video to copy.")
            media_id = secrets.token_hex(12)
            dates = dict.fromkeys(("captured_at", "created_at", "updated_at"), captured_at)
            twin = replace(model, media_id=media_id, row={**model.row, "id": media_id, **dates})
            self._items[media_id] = twin
            self.version += 1
        return twin

    def trash(self, media_id: str) -> None:
        """Remove an item, as its owner can in the app; raises KeyError for an unknown id."""
        with self._lock:
            del self._items[media_id]
            self.version += 1

    def reset(self) -> None:
        """Return to the items that were loaded, and only those."""
        with self._lock:
            self._items = dict(self._at_start)
            self.version += 1

    def originals(self, *, photos: bool = False) -> list[Original]:
        """Every file that belongs in a complete archive: all sources of all archivable videos, and of `photos` too."""
        return [
            Original(item.media_id, item.row["filename"], number, len(item.sources), path, path.stat().st_size)
            for item in self.items()
            if item.is_archivable or (photos and item.is_photo and item.is_offered)
            for number, path in enumerate(item.sources, start=1)
        ]


def _generated_items(file: Path, count: int) -> list[Item]:
    """Items with capture times one minute apart."""
    first, row, items = datetime(2020, 1, 1, tzinfo=UTC), _row({"id": "", "filename": "GX010001.MP4"}, (file,)), []
    for number in range(count):
        media_id, moment = f"65b0{number:020x}", (first + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        dates = dict.fromkeys(("captured_at", "created_at", "updated_at"), moment)
        items.append(Item(media_id, {**row, "id": media_id, **dates}, (file,)))
    return items


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise LibraryError(f"There is no folder {folder}.")


def _scanned_items(folder: Path, root: Path | None) -> list[Item]:
    """Every video below `folder`; stable ids come from the path below `root`, or from the full path without a root."""
    files = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in VIDEO_SUFFIXES)
    items = []
    for path in files:
        if not path.is_file() or path.name.startswith("."):
            continue
        name = path.relative_to(root).as_posix() if root else path.resolve().as_posix()
        taken = datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        media_id = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:24]
        described = {"id": media_id, "filename": path.name, "captured_at": taken}
        items.append(Item(media_id, _row(described, (path,)), (path,)))
    return items


def _described_items(folder: Path) -> list[Item]:
    described = folder / "library.json"
    try:
        entries = json.loads(described.read_text(encoding="utf-8"))["items"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise LibraryError(f'{described} is not a JSON object with a list "items": {error!r}.') from error
    if not isinstance(entries, list):
        raise LibraryError(f'"items" in {described} is not a list.')
    items = [_described_item(folder, entry) for entry in entries]
    for media_id, count in Counter(item.media_id for item in items).items():
        if count > 1:
            raise LibraryError(f"{described} describes item {media_id!r} {count} times.")
    return items


def _described_item(folder: Path, entry: object) -> Item:
    media_id = entry.get("id") if isinstance(entry, Mapping) else None
    if not isinstance(entry, Mapping) or not isinstance(media_id, str) or not re.fullmatch("[0-9A-Za-z]+", media_id):
        raise LibraryError(f"An item of {folder} has no id of ASCII letters and digits: {entry!r}.")
    names = entry.get("sources", [])
    if not isinstance(names, list):
        raise LibraryError(f'"sources" of item {media_id!r} is not a list of paths.')
    label = entry.get("label", "source")
    if label not in ORIGINAL_LABELS:
        raise LibraryError(
            f'"label" of item {media_id!r} is {label!r}; it must be one of {", ".join(ORIGINAL_LABELS)}.'
        )
    sources = tuple(_inside(folder, name, media_id) for name in names)
    proxy = entry.get("proxy")
    return Item(
        media_id=media_id,
        row=_row(entry, sources),
        sources=sources,
        proxy=None if proxy is None else _inside(folder, proxy, media_id),
        label=label,
        item_numbers=bool(entry.get("item_numbers", True)),
        available=bool(entry.get("available", True)),
        concat=bool(entry.get("concat", False)),
        picture=bool(entry.get("picture", True)),
    )


def _inside(folder: Path, name: object, media_id: str) -> Path:
    """The file that an item names, if it is in the library's folder even after links are resolved."""
    if not isinstance(name, str) or not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise LibraryError(f"Item {media_id!r} names {name!r}, which is not a path inside {folder}.")
    if not (folder / name).is_file():
        raise LibraryError(f"Item {media_id!r} names {name!r}, which is not a file in {folder}.")
    return folder / name


def _row(entry: Mapping[str, Any], sources: tuple[Path, ...]) -> dict[str, Any]:
    """The row in the listing: the fields of the entry, and defaults of an ordinary camera clip for all others.

    As measured at GoPro: `file_size` is the sum over all chapters, `source_duration` is milliseconds in a string,
    `parent_id` is always null (go2cloud; gopro-dl docs/file-integrity.md).
    """
    filename = sources[0].name if sources else None
    suffix = (sources[0].suffix if sources else ".mp4").lstrip(".").lower()
    captured_at = entry.get("captured_at", "2026-01-01T00:00:00Z")
    created_at = entry.get("created_at", captured_at)
    usual = {
        "id": entry["id"],
        "type": "Video",
        "filename": filename,
        "file_extension": suffix,
        "file_size": sum(path.stat().st_size for path in sources),
        "source_duration": None,
        "item_count": max(1, len(sources)),
        "captured_at": captured_at,
        "created_at": created_at,
        "updated_at": created_at,
        "reprocessed_at": None,
        "camera_model": None,
        "width": None,
        "height": None,
        "resolution": None,
        "ready_to_view": "ready",
        "content_title": None,
        "composition": None,
        "parent_id": None,
        # More than /download offers, as in the real listing (go2cloud).
        "available_labels": [entry.get("label", "source"), "high_res_proxy_mp4", "mp4_low", "gpmf"],
    }
    return usual | {key: value for key, value in entry.items() if key not in _SERVING_KEYS}
