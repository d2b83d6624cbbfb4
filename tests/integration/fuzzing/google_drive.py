"""Google Drive for the fuzzed nights. Implements Fuzzed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local.fake_providers.google_drive import FakeGoogleDrive, running
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.fuzzing.answers import Path as JsonPath
from tests.integration.fuzzing.answers import Place
from tests.integration.fuzzing.harness import Fuzzed
from tests.integration.fuzzing.wires import Request

_FOR_EVER = 10**7  # seconds
_PAGE = 3  # rows of a page, of folders and of files
_FILES = {"one.mp4": 3_000, "two.mp4": 2_500, "a.mp4": 2_000, "big.mp4": 1_300_000, "still.jpg": 900}
_ITEMS: list[dict[str, Any]] = [
    {"id": "plain", "path": "Alps/GX010001.MP4", "sources": ["one.mp4"]},
    {"id": "twin", "path": "Alps/GX010001.MP4", "sources": ["two.mp4"]},
    {"id": "same", "path": "GX010002.MP4", "sources": ["one.mp4"]},
    {"id": "big", "path": "GX010003.MP4", "sources": ["big.mp4"]},
    {"id": "sphere", "path": "Größe/Day 2/Night/GS010004.360", "sources": ["a.mp4"]},
    {"id": "keyed", "path": "GX010005.MP4", "sources": ["two.mp4"], "resource_key": "0-key"},
    {"id": "locked", "path": "GX010006.MP4", "sources": ["a.mp4"], "downloadable": False},
    {"id": "notes", "path": "Notes", "mime_type": "application/vnd.google-apps.document"},
    {"id": "photo", "path": "Alps/GOPR0007.JPG", "sources": ["still.jpg"]},
]
_LATE: dict[str, Any] = {"id": "late", "path": "Alps/GX010008.MP4", "sources": ["a.mp4"],
                         "captured_at": "2026-05-20T10:00:00Z"}  # fmt: skip
_PAGES_BEFORE = 4  # of folders and files, before which it is not there yet: it is only among the changes
_LISTS = {"files": "page", "changes": "page", "changes/startPageToken": "position", "about": "user"}


def _library(folder: Path) -> Library:
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(11)  # noqa: S311 (test data)
    for name, size in _FILES.items():
        content = random.randbytes(size)
        (folder / name).write_bytes(content if name.endswith(".jpg") else movie_of(content))
    items = [{**item, "captured_at": f"2026-05-{day:02}T10:00:00Z"} for day, item in enumerate(_ITEMS, start=1)]
    (folder / "library.json").write_text(json.dumps({"items": items}))
    return Library.load(folder)


class FuzzedGoogleDrive:
    """Implements Fuzzed. Endpoints of its own are folders (pages of them), folder (one of them) and position (of the
    feed of changes)."""

    name = "google_drive"

    def __init__(self, fake: FakeGoogleDrive) -> None:
        self._fake, self.base_url = fake, fake.base_url
        fake.control.set_page_size(_PAGE)
        # Without a delay it would begin at a time that the clock of the nights does not reach.
        fake.control.add_fault(
            DriveFault.INSERT_ITEM, item=_LATE, after=_PAGES_BEFORE, times=1, delay=-inf, endpoint=DriveEndpoint.LIST
        )
        self.originals = {found["media_id"]: (Path(found["path"]).read_bytes(),) for found in fake.control.originals()}
        self.originals["late"] = ((fake.library.folder / "a.mp4").read_bytes(),)
        names = ("user", "position", "folders", "folder", "page", "links", "file", "token")
        listed = [Place("page", item["id"]) for item in (*_ITEMS, _LATE)]
        files = [
            place for media_id in self.originals for place in (Place("links", media_id), Place("file", media_id, 1))
        ]
        self.places = (*map(Place, names), *listed, *files)
        self._ids = {item["id"] for item in (*_ITEMS, _LATE)}
        self.session = {"provider": "google_drive", "access_token": fake.access_token}
        secrets = {name: getattr(fake, name) for name in ("client_id", "client_secret", "refresh_token")}
        self.oauth = {"provider": "google_drive"} | secrets

    def secrets(self) -> set[str]:
        return self._fake.secrets()

    def place_of(self, request: Request) -> Place:
        parts = urlsplit(request.target)
        query, path = parse_qs(parts.query), parts.path.removeprefix("/drive/v3/")
        if found := re.fullmatch(r"files/([\w-]+)", path):
            if found[1] not in self._ids:
                return Place("folder")
            return Place("file", found[1], 1) if query.get("alt") == ["media"] else Place("links", found[1])
        if path == "files" and "folder" in query["q"][0]:
            return Place("folders")
        return Place(_LISTS.get(path, "token" if path == "/token" else "other"))

    def part_about(self, place: Place, document: Any) -> JsonPath | None:
        if place.about is None or place.endpoint != "page":
            return ()
        for at, change in enumerate(document.get("changes", ())):
            if change.get("fileId") == place.about:
                return ("changes", at)
        rows = document.get("files", ())
        return next((("files", at) for at, row in enumerate(rows) if row.get("id") == place.about), None)


@contextmanager
def fuzzed_google_drive(folder: Path) -> Iterator[Fuzzed]:
    """The account, as long as the block runs."""
    with running(_library(folder), access_token_seconds=_FOR_EVER) as fake:
        yield FuzzedGoogleDrive(fake)
