"""The files of the accounts that the fault cases of Google Drive and Dropbox run on: whole movies of any bytes, small
but for two, and what lies beside movies in such accounts. At Google Drive there is also one in a shared drive, and one
of somebody else to which a shortcut leads."""

from __future__ import annotations

import json
import random
from pathlib import Path, PurePosixPath
from typing import Any

from local.fake_providers.library import Library
from local.movies import movie_of

ALPS = "/Trips/Alps"
# The id at Google Drive and the path. Two pairs have the same size, and the first pair the same name.
PATHS = {
    "1plain": f"{ALPS}/GX010042.MP4",
    "1twin": "/Trips/Lakes/GX010042.MP4",
    "1big": f"{ALPS}/GX010060.MP4",
    "1other": "/Trips/Lakes/GX010061.MP4",
    "1accent": "/Größe/Über den Grat 🏔.MP4",
    "1sphere": "/GS010003.360",
}
_SMALL, _BIG = 200_000, 20 * 1024 * 1024 + 1234  # bytes; the big ones are uploaded in parts
_SIZES = {"1big": _BIG, "1other": _BIG, "1accent": 120_001, "1sphere": 90_000}
_PHOTO: dict[str, Any] = {"id": "1photo", "path": "/GOPR0815.JPG", "sources": ["photo.jpg"]}
SHARED_DRIVE = "Family"
_OWN: dict[str, list[dict[str, Any]]] = {
    "google_drive": [
        {"id": "1notes", "path": "/Notes", "mime_type": "application/vnd.google-apps.document"},
        {"id": "1team", "path": "/GX010070.MP4", "sources": ["1accent.mp4"], "shared_drive": SHARED_DRIVE},
        {"id": "1friend", "path": "/GX010071.MP4", "sources": ["1twin.mp4"], "shared_by": "friend@drive.example"},
        {"id": "1link", "path": "/Link to a clip.mp4", "shortcut_to": "1friend"},
    ],
    "dropbox": [{"id": "1paper", "path": "/Notes.paper", "sources": ["photo.jpg"], "is_downloadable": False}],
}


def make_fault_library(folder: Path, provider: str) -> Library:
    """Makes the account of `provider` (google_drive or dropbox) in `folder`; the same bytes whenever it is called."""
    folder.mkdir(parents=True, exist_ok=True)
    for media_id in PATHS:
        content = random.Random(media_id).randbytes(_SIZES.get(media_id, _SMALL))  # noqa: S311 (made up pictures)
        (folder / _source(media_id)).write_bytes(movie_of(content))
    (folder / "photo.jpg").write_bytes(random.Random("photo").randbytes(9_000))  # noqa: S311 (a made up picture)
    videos = [{"id": media_id, "path": path, "sources": [_source(media_id)]} for media_id, path in PATHS.items()]
    items = [*videos, _PHOTO, *_OWN[provider]]
    dates = [f"2026-03-{number:02}T10:00:00Z" for number in range(1, len(items) + 1)]
    dated = [{**item, "captured_at": date} for item, date in zip(items, dates, strict=True)]
    (folder / "library.json").write_text(json.dumps({"items": dated}))
    return Library.load(folder)


def _source(media_id: str) -> str:
    return media_id + PurePosixPath(PATHS[media_id]).suffix.lower()
