"""A small library and a simple client for the tests of the fake Dropbox."""

from __future__ import annotations

import contextlib
import json
import random
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
import urllib3

from local.fake_providers.dropbox import HOSTS, FakeDropbox, running
from local.fake_providers.library import Library
from local.movies import movie_of

MIB = 1024 * 1024
SIZES = {"long.mp4": 9 * MIB + 1, "one.mp4": 90_000, "two.mp4": 80_000, "three.mp4": 70_000}
SCOPES = ("account_info.read", "files.content.read", "files.metadata.read")

TRIP, LONG, UMLAUT, EMPTY = "/Trips/2026/GX010001.MP4", "/Trips/Long ride.mp4", "/Über den Grat 🏔️.mov", "/empty.mp4"
PAPER, SONG, ROOT = "/Notes.paper", "/Music/film.mp4", "/root.mp4"

ITEMS: list[dict[str, Any]] = [
    {
        "id": "trip",
        "path": TRIP,
        "captured_at": "2026-05-06T10:00:00Z",
        "created_at": "2026-05-07T08:00:00Z",
        "sources": ["one.mp4"],
    },
    {"id": "long", "path": LONG, "sources": ["long.mp4"]},
    {"id": "umlaut", "path": UMLAUT, "sources": ["two.mp4"]},
    {"id": "empty", "path": EMPTY, "sources": ["empty.mp4"]},
    {"id": "paper", "path": PAPER, "sources": ["notes.txt"], "is_downloadable": False},
    {"id": "song", "path": SONG, "sources": ["three.mp4"], "refusal": "restricted_content"},
    {
        "id": "root",
        "path": ROOT,
        "sources": ["three.mp4"],
        "time_taken": "2026-05-01T09:59:00Z",
        "duration": 61_000,
        "dimensions": {"height": 1080, "width": 1920},
    },
]
FILES = {item["path"] for item in ITEMS}
FOLDERS = {"/Trips", "/Trips/2026", "/Music"}


def write_library(folder: Path, items: list[dict[str, Any]] | None = None) -> Path:
    """Writes the movies in SIZES, with the same bytes each time, an empty file, a text and a `library.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        (folder / name).write_bytes(movie_of(random.Random(name).randbytes(size)))  # noqa: S311 - test data
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "notes.txt").write_text("Notes\n")
    (folder / "library.json").write_text(json.dumps({"items": ITEMS if items is None else items}))
    return folder


@dataclass(frozen=True)
class Certificate:
    """TLS for a fake, and what its clients trust: a context, and the file of the authority."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    authority: Path


def certificate(folder: Path) -> Certificate:
    """A certificate for 127.0.0.1 and for Dropbox's names, with its authority in that folder."""
    authority = trustme.CA()
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1", *HOSTS).configure_cert(server)
    authority.configure_trust(client)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return Certificate(server, client, folder / "authority.pem")


@dataclass
class Client:
    """A client of a running fake. Its methods take more headers by keyword, with `_` for `-`."""

    fake: FakeDropbox
    http: urllib3.PoolManager

    def rpc(self, route: str, argument: object = None, **headers: str) -> urllib3.BaseHTTPResponse:
        """Calls a route of the API with the current token."""
        sent = {"Authorization": f"Bearer {self.fake.access_token}", "Content-Type": "application/json"}
        url = f"{self.fake.base_url}/2/{route}"
        return self.http.request("POST", url, headers=sent | _named(headers), body=json.dumps(argument).encode())

    def error(self, route: str, argument: object = None, **headers: str) -> tuple[int, Any]:
        """The status and the error of a refused call."""
        answer = self.rpc(route, argument, **headers)
        body = answer.json()
        assert body["error_summary"].rstrip(".").endswith("/")
        return answer.status, body["error"]

    def list(self, path: str = "", **argument: Any) -> list[Any]:
        """All entries of a listing, page after page."""
        found = self.rpc("files/list_folder", {"path": path, **argument}).json()
        entries = list(found["entries"])
        while found["has_more"]:
            found = self.rpc("files/list_folder/continue", {"cursor": found["cursor"]}).json()
            entries += found["entries"]
        return entries

    def shown(self, path: str = "", **argument: Any) -> set[str]:
        """The paths that a listing shows."""
        return {entry["path_display"] for entry in self.list(path, **argument)}

    def changes(self, cursor: str) -> Any:
        """What a cursor continues with."""
        return self.rpc("files/list_folder/continue", {"cursor": cursor}).json()

    def latest(self) -> str:
        """A cursor of now, for everything."""
        return str(self.rpc("files/list_folder/get_latest_cursor", {"path": "", "recursive": True}).json()["cursor"])

    def metadata(self, path: str, **argument: Any) -> Any:
        """The metadata of what is at a path."""
        return self.rpc("files/get_metadata", {"path": path, **argument}).json()

    def download(self, path: str, method: str = "POST", **headers: str) -> urllib3.BaseHTTPResponse:
        """Downloads what is at a path, or has that id or revision."""
        argument = json.dumps({"path": path})
        sent = {"Authorization": f"Bearer {self.fake.access_token}", "Dropbox-API-Arg": argument}
        return self.http.request(method, f"{self.fake.content_url}/2/files/download", headers=sent | _named(headers))

    def link(self, path: str) -> str:
        """A temporary link."""
        return str(self.rpc("files/get_temporary_link", {"path": path}).json()["link"])

    def fetch(self, url: str, **headers: str) -> urllib3.BaseHTTPResponse:
        """GETs a link."""
        return self.http.request("GET", url, headers=_named(headers))

    def grant(self, **form: str) -> urllib3.BaseHTTPResponse:
        """Asks the token endpoint."""
        return self.http.request("POST", f"{self.fake.base_url}/oauth2/token", fields=form, encode_multipart=False)

    def refresh(self, **changes: str) -> urllib3.BaseHTTPResponse:
        """Renews the access token as Cloud Sync does, without a secret; `changes` replaces fields of the form."""
        form = {"grant_type": "refresh_token", "client_id": self.fake.app_key, "refresh_token": self.fake.refresh_token}
        return self.grant(**form | changes)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): text for name, text in headers.items()}


@contextlib.contextmanager
def client_of(library: Library, tls: Certificate | None = None, **options: Any) -> Iterator[Client]:
    """A client that never retries, and its fake, which runs as long as the block."""
    with running(library, tls.server if tls else None, **options) as fake:
        trusting = tls.client if tls else None
        http = urllib3.PoolManager(retries=False, timeout=30, maxsize=8, ssl_context=trusting)
        try:
            yield Client(fake, http)
        finally:
            http.clear()
