"""Dropbox for the fuzzed nights. Implements Fuzzed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

from local.fake_providers.dropbox import FakeDropbox, running
from local.fake_providers.dropbox_faults import DropboxFault
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.fuzzing.answers import Path as JsonPath
from tests.integration.fuzzing.answers import Place
from tests.integration.fuzzing.harness import Fuzzed
from tests.integration.fuzzing.wires import Request

_FOR_EVER = 10**7  # seconds
_PAGE = 4  # entries; folders are some of them
_FILES = {"one.mp4": 3_000, "two.mp4": 2_500, "a.mp4": 2_000, "big.mp4": 1_300_000, "still.jpg": 900}
_ITEMS: list[dict[str, Any]] = [
    {"id": "plain", "path": "/Alps/GX010001.MP4", "sources": ["one.mp4"]},
    {"id": "twin", "path": "/Alps/Day 2/GX010001.MP4", "sources": ["two.mp4"]},
    {"id": "same", "path": "/GX010002.MP4", "sources": ["one.mp4"]},
    {"id": "big", "path": "/GX010003.MP4", "sources": ["big.mp4"]},
    {"id": "sphere", "path": "/Größe/GS010004.360", "sources": ["a.mp4"]},
    {"id": "paper", "path": "/Notes.mp4", "sources": ["a.mp4"], "is_downloadable": False},
    {"id": "photo", "path": "/Alps/GOPR0005.JPG", "sources": ["still.jpg"]},
]
_SAVED = "/GX010002.MP4"  # again, with the same content, behind the last page: it is among the changes too
_LAST_PAGE = 2  # counted from 0
_ROUTES = {
    "/oauth2/token": "token",
    "/2/users/get_current_account": "user",
    "/2/files/list_folder": "page",
    "/2/files/list_folder/continue": "page",
}


def _library(folder: Path) -> Library:
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(11)  # noqa: S311 (test data)
    for name, size in _FILES.items():
        content = random.randbytes(size)
        (folder / name).write_bytes(content if name.endswith(".jpg") else movie_of(content))
    items = [{**item, "captured_at": f"2026-05-{day:02}T10:00:00Z"} for day, item in enumerate(_ITEMS, start=1)]
    (folder / "library.json").write_text(json.dumps({"items": items}))
    return Library.load(folder)


class FuzzedDropbox:
    """Implements Fuzzed."""

    name = "dropbox"

    def __init__(self, fake: FakeDropbox) -> None:
        self._fake, self.base_url = fake, fake.base_url
        fake.control.set_page_size(_PAGE)
        # Without a delay it would begin at a time that the clock of the nights does not reach.
        fake.control.add_fault(
            DropboxFault.FILE_ADDED, path=_SAVED, target=_SAVED, after=_LAST_PAGE, times=1, delay=-inf
        )
        self.originals = {found["media_id"]: (Path(found["path"]).read_bytes(),) for found in fake.control.originals()}
        whole = [Place(endpoint) for endpoint in ("user", "page", "links", "file", "token")]
        listed = [Place("page", fake.control.id_of(item["path"])) for item in _ITEMS]
        files = [
            place for media_id in self.originals for place in (Place("links", media_id), Place("file", media_id, 1))
        ]
        self.places = (*whole, *listed, *files)
        self.session = {"provider": "dropbox", "access_token": fake.access_token}
        self.oauth = {"provider": "dropbox", "client_id": fake.app_key, "refresh_token": fake.refresh_token}

    def secrets(self) -> set[str]:
        return self._fake.secrets()

    def place_of(self, request: Request) -> Place:
        path = urlsplit(request.target).path
        if path == "/2/files/get_metadata":
            return Place("links", json.loads(request.body)["path"])
        if path == "/2/files/download":
            asked = json.loads(request.headers["dropbox-api-arg"])["path"]
            found = self._fake._state.tree.find_revision(asked.removeprefix("rev:"))
            return Place("file", found.entry_id if found else asked, 1)
        return Place(_ROUTES.get(path, "other"))

    def part_about(self, place: Place, document: Any) -> JsonPath | None:
        if place.about is None or place.endpoint != "page":
            return ()
        entries = document["entries"]
        return next((("entries", at) for at, entry in enumerate(entries) if entry.get("id") == place.about), None)


@contextmanager
def fuzzed_dropbox(folder: Path) -> Iterator[Fuzzed]:
    """The account, as long as the block runs."""
    with running(_library(folder), access_token_seconds=_FOR_EVER) as fake:
        yield FuzzedDropbox(fake)
