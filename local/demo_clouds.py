"""What the fakes of Google Drive and Dropbox hold in the demo: clips of the demo library in folders, and beside them
what such accounts hold as well and a backup of videos leaves alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.demo_library import DemoLibraryError, kept_library, stamp_of

VERSION = 1
NOTES = "Tent, stove, batteries, memory cards.\n"

# Names of sources are those of the demo library; `notes.txt` is made.
_DRIVE: tuple[dict[str, Any], ...] = (
    {"path": "Trips/Alps/GX010042.MP4", "sources": ["01-1.mp4"], "captured_at": "2026-01-11T09:12:44Z"},
    # Drive allows two files of one name in one folder.
    {"path": "Trips/Alps/GX010042.MP4", "sources": ["02-1.mp4"], "captured_at": "2026-03-29T15:40:02Z"},
    {"path": "Cards/GX010051.MP4", "sources": ["03-1.mp4"], "captured_at": "2026-01-24T13:05:10Z"},
    {"path": "Cards/GX020051.MP4", "sources": ["03-2.mp4"], "captured_at": "2026-01-24T13:17:10Z"},
    {"path": "Cards/GX030051.MP4", "sources": ["03-3.mp4"], "captured_at": "2026-01-24T13:29:10Z"},
    {"path": "360/GS010003.360", "sources": ["16-1.360"], "captured_at": "2026-05-09T10:10:10Z"},
    {"path": "Drone/Über dem See \U0001f3d4.mov", "sources": ["15-1.mov"], "captured_at": "2026-05-02T19:22:08Z"},
    {"path": "Exports/Best of winter", "sources": ["09-1.mp4"], "captured_at": "2026-03-15T18:00:00Z"},
    {"path": "Trips/Packing list", "mime_type": "application/vnd.google-apps.document"},
    {"path": "Trips/Budget", "mime_type": "application/vnd.google-apps.spreadsheet"},
    {"path": "Favourites/GX010042.MP4", "shortcut_to": "demo1"},
    {"path": "Cards/settings.json", "sources": ["notes.txt"], "mime_type": "application/json"},
    {"path": "Trips/GOPR0815.JPG", "sources": ["10-1.jpg"], "captured_at": "2026-03-21T11:11:11Z"},
    {"path": "Trips/From the guide.mp4", "sources": ["proxy.mp4"], "downloadable": False},
)
_DROPBOX: tuple[dict[str, Any], ...] = (
    {"path": "/Camera Uploads/2026-03-08 12.00.27.mp4", "sources": ["08-1.mp4"], "captured_at": "2026-03-08T12:00:27Z"},
    {"path": "/Trips/Alps/GX010063.MP4", "sources": ["06-1.mp4"], "captured_at": "2026-02-21T10:30:00Z"},
    {"path": "/Trips/Lakes/GX010063.MP4", "sources": ["07-1.mp4"], "captured_at": "2026-02-21T10:41:19Z"},
    {"path": "/Trips/Lakes/GH010017.MP4", "sources": ["04-1.mp4"], "captured_at": "2026-02-07T16:20:31Z"},
    {"path": "/Trips/Lakes/GH020017.MP4", "sources": ["04-2.mp4"], "captured_at": "2026-02-07T16:32:31Z"},
    {"path": "/Drone/Drone over the lake.mov", "sources": ["15-1.mov"], "captured_at": "2026-05-02T19:22:08Z"},
    {"path": "/360/GS010003.360", "sources": ["16-1.360"], "captured_at": "2026-05-09T10:10:10Z"},
    {"path": "/Größe/Über den Grat.mp4", "sources": ["13-1.mp4"], "captured_at": "2026-04-12T06:45:00Z"},
    {"path": "/Camera Uploads/2026-03-21 11.11.11.jpg", "sources": ["10-1.jpg"], "captured_at": "2026-03-21T11:11:11Z"},
    {"path": "/Documents/Packing list.txt", "sources": ["notes.txt"]},
    {"path": "/Documents/Minutes.paper", "sources": ["notes.txt"], "is_downloadable": False},
)
HELD: Mapping[str, tuple[dict[str, Any], ...]] = {"google_drive": _DRIVE, "dropbox": _DROPBOX}


def cloud_library(provider: str, demo_library: Path) -> Path:
    """The folder with this provider's library, beside that of the demo library or of the tiny one, whose clips it
    shares: they take no more room on disk. Raises DemoLibraryError."""
    folder = demo_library.with_name(f"{demo_library.name}-{provider}")
    stamp = f"{stamp_of(demo_library)} {provider} {VERSION}"
    return kept_library(folder, stamp, lambda new: _make(new, provider, demo_library / "media"))


def _make(folder: Path, provider: str, clips: Path) -> None:
    (folder / "media").mkdir(parents=True)
    items = list(_items(provider))
    for name in {source for item in items for source in item["sources"]}:
        _bring(clips, folder / name)
    text = json.dumps({"items": items}, indent=2, ensure_ascii=False)
    (folder / "library.json").write_text(text + "\n", encoding="utf-8")


def _items(provider: str) -> Iterator[dict[str, Any]]:
    for number, held in enumerate(HELD[provider], start=1):
        sources = [f"media/{name}" for name in held.get("sources", [])]
        yield {"id": f"demo{number}", "captured_at": "2026-02-01T12:00:00Z", **held, "sources": sources}


def _bring(clips: Path, file: Path) -> None:
    """A link to the clip, or a copy where the disk has no links."""
    if file.name == "notes.txt":
        file.write_text(NOTES)
        return
    try:
        os.link(clips / file.name, file)
    except FileNotFoundError:
        raise DemoLibraryError(f"{clips} has no {file.name}; delete the demo library, which is made again.") from None
    except OSError:
        shutil.copy2(clips / file.name, file)
