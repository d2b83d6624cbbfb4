"""A small library and a simple client for the tests of the fake GoPro Cloud."""

import contextlib
import json
import random
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library

ACCEPT = "application/vnd.gopro.jk.media+json; version=2.0.0"

SIZES = {"clip.mp4": 300_001, "one.mp4": 90_000, "two.mp4": 80_000, "three.mp4": 70_000, "proxy.mp4": 30_000}

ITEMS: list[dict[str, Any]] = [
    {"id": "clip", "filename": "GX010001.MP4", "captured_at": "2026-05-06T10:00:00Z", "sources": ["clip.mp4"]},
    {
        "id": "chapters",
        "filename": "GX010002.MP4",
        "captured_at": "2026-05-05T10:00:00Z",
        "sources": ["one.mp4", "two.mp4", "three.mp4"],
        "proxy": "proxy.mp4",
        "concat": True,
        "width": 3840,
        "height": 2160,
    },
    {
        "id": "edit",
        "type": "MultiClipEdit",
        "filename": "",
        "file_extension": "json",
        "file_size": None,
        "captured_at": "2026-05-04T10:00:00Z",
        "label": "baked_source",
        "sources": ["one.mp4"],
    },
    {"id": "burst", "type": "Burst", "captured_at": "2026-05-03T10:00:00Z", "sources": ["one.mp4", "two.mp4"]},
    {"id": "proxyonly", "filename": "GX010003.MP4", "captured_at": "2026-05-02T10:00:00Z", "proxy": "proxy.mp4"},
    {
        "id": "cooking",
        "ready_to_view": "transcoding",
        "captured_at": "2026-05-01T10:00:00Z",
        "created_at": "2026-06-01T10:00:00Z",
        "sources": ["two.mp4"],
    },
]


def write_library(folder: Path, items: list[dict[str, Any]] | None = None) -> Path:
    """Writes the files in SIZES, with the same bytes each time, and a `library.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        (folder / name).write_bytes(random.Random(name).randbytes(size))  # noqa: S311 - test data
    (folder / "library.json").write_text(json.dumps({"items": ITEMS if items is None else items}))
    return folder


@dataclass
class Client:
    """A client of a running fake. Its methods take more headers by keyword."""

    fake: FakeGoPro
    http: urllib3.PoolManager

    def api(self, path: str, accept: str | None = ACCEPT, **headers: str) -> urllib3.BaseHTTPResponse:
        """GETs a path of the API with the current token, unless the headers contain another token or a cookie."""
        sent = {"Authorization": f"Bearer {self.fake.access_token}"} if "Cookie" not in headers else {}
        sent |= {} if accept is None else {"Accept": accept}
        return self.http.request("GET", self.fake.base_url + path, headers=sent | headers)

    def search(self, query: str = "") -> Any:
        """The decoded answer to a search."""
        return self.api(f"/media/search?{query}").json()

    def ids(self, query: str = "") -> list[str]:
        """The ids that a search finds, in its order."""
        return [row["id"] for row in self.search(query)["_embedded"]["media"]]

    def download(self, media_id: str, query: str = "") -> Any:
        """The embedded part of the answer to a download request."""
        return self.api(f"/media/{media_id}/download?{query}").json()["_embedded"]

    def originals(self, media_id: str) -> list[Any]:
        """The variations with original bytes."""
        return [entry for entry in self.download(media_id)["variations"] if entry["label"].endswith("source")]

    def link(self, media_id: str = "clip", number: int = 1) -> str:
        """A fresh link to one source."""
        return str(self.originals(media_id)[number - 1]["url"])

    def fetch(self, url: str, method: str = "GET", **headers: str) -> urllib3.BaseHTTPResponse:
        """Makes a request to the CDN; `_` in a header's name means `-`."""
        return self.http.request(method, url, headers={name.replace("_", "-"): text for name, text in headers.items()})

    def renew(self, *, as_json: bool = False, **changes: str) -> urllib3.BaseHTTPResponse:
        """Renews with the refresh token; `changes` replaces fields of the form."""
        form = {
            "grant_type": "refresh_token",
            "client_id": self.fake.client_id,
            "client_secret": self.fake.client_secret,
            "refresh_token": self.fake.refresh_token,
        } | changes
        url = f"{self.fake.base_url}/v1/oauth2/token"
        if as_json:
            return self.http.request("POST", url, json=form)
        return self.http.request("POST", url, fields=form, encode_multipart=False)


@contextlib.contextmanager
def client_of(library: Library, trusting: ssl.SSLContext | None = None, **options: Any) -> Iterator[Client]:
    """A client that never retries, and its fake, which runs as long as the block."""
    with running(library, **options) as fake:
        http = urllib3.PoolManager(retries=False, timeout=30, maxsize=8, ssl_context=trusting)
        try:
            yield Client(fake, http)
        finally:
            http.clear()
