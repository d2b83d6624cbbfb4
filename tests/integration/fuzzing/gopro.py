"""GoPro Cloud for the fuzzed nights. Implements Fuzzed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.fuzzing.answers import Path as JsonPath
from tests.integration.fuzzing.answers import Place
from tests.integration.fuzzing.harness import Fuzzed
from tests.integration.fuzzing.wires import Request

_FOR_EVER = 10**7  # seconds
_FILES = {"one.mp4": 3_000, "two.mp4": 2_500, "a.mp4": 2_000, "b.mp4": 2_100, "c.mp4": 2_200, "big.mp4": 1_300_000}
_ITEMS: list[dict[str, Any]] = [
    {"id": "plain", "filename": "GX010001.MP4", "sources": ["one.mp4"]},
    {"id": "twin", "filename": "GX010001.MP4", "sources": ["two.mp4"]},
    {"id": "chapters", "filename": "GX010002.MP4", "sources": ["a.mp4", "b.mp4", "c.mp4"]},
    {"id": "big", "filename": "GX010003.MP4", "sources": ["big.mp4"]},
    {"id": "proxyonly", "filename": "GX010004.MP4", "sources": []},
    {"id": "cooking", "filename": "GX010005.MP4", "sources": ["one.mp4"], "ready_to_view": "transcoding"},
    {"id": "edit", "type": "MultiClipEdit", "filename": "Holiday", "file_extension": "json", "file_size": None,
     "label": "baked_source", "sources": ["b.mp4"]},
]  # fmt: skip


def _library(folder: Path) -> Library:
    folder.mkdir(parents=True, exist_ok=True)
    random = Random(11)  # noqa: S311 (test data)
    for name, size in _FILES.items():
        (folder / name).write_bytes(movie_of(random.randbytes(size)))
    items = [{**item, "captured_at": f"2026-05-{day:02}T10:00:00Z"} for day, item in enumerate(_ITEMS, start=1)]
    (folder / "library.json").write_text(json.dumps({"items": items}))
    return Library.load(folder)


class FuzzedGoPro:
    """Implements Fuzzed."""

    name = "gopro"

    def __init__(self, fake: FakeGoPro) -> None:
        self._fake, self.base_url = fake, fake.base_url
        found: dict[str, list[bytes]] = {}
        for original in fake.library.originals():
            found.setdefault(original.media_id, []).append(original.path.read_bytes())
        self.originals = {media_id: tuple(files) for media_id, files in found.items()}
        whole = [Place(endpoint) for endpoint in ("user", "totals", "page", "links", "file")]
        items = [Place(endpoint, item["id"]) for item in _ITEMS for endpoint in ("page", "links")]
        files = [
            Place("file", media_id, at + 1) for media_id, files in self.originals.items() for at in range(len(files))
        ]
        self.places = (*whole, *items, *files, Place("token"))
        self.session = {"provider": "gopro", "access_token": fake.access_token}
        names = ("client_id", "client_secret", "refresh_token")
        self.oauth = {"provider": "gopro"} | {name: getattr(fake, name) for name in names}

    def secrets(self) -> set[str]:
        return self._fake.secrets()

    def place_of(self, request: Request) -> Place:
        parts = urlsplit(request.target)
        if found := re.fullmatch(r"/cdn/(\w+)/\w+/default/(\d+)\.\w+", parts.path):
            return Place("file", found[1], int(found[2]))
        if found := re.fullmatch(r"/media/(\w+)/download", parts.path):
            return Place("links", found[1])
        if parts.path == "/media/search":
            return Place("totals" if parse_qs(parts.query).get("per_page") == ["1"] else "page")
        return Place({"/v1/oauth2/token": "token", "/media/user": "user"}.get(parts.path, "other"))

    def part_about(self, place: Place, document: Any) -> JsonPath | None:
        if place.about is None or place.endpoint != "page":
            return ()
        rows = document["_embedded"]["media"]
        return next((("_embedded", "media", at) for at, row in enumerate(rows) if row["id"] == place.about), None)


@contextmanager
def fuzzed_gopro(folder: Path) -> Iterator[Fuzzed]:
    """The account, as long as the block runs."""
    options: dict[str, Any] = {"access_token_seconds": _FOR_EVER, "link_seconds": _FOR_EVER, "per_page_cap": 3}
    with running(_library(folder), **options) as fake:
        yield FuzzedGoPro(fake)
