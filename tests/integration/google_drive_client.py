"""A small library and a simple client for the tests of the fake Google Drive."""

import contextlib
import json
import random
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from local.fake_providers.google_drive import FakeGoogleDrive, running
from local.fake_providers.library import Library
from local.movies import movie_of

SIZES = {
    "clip.mp4": 300_001, "twin.mp4": 200_002, "holiday.mov": 150_003, "sphere.360": 120_004, "drone.mp4": 110_005,
    "team.mp4": 100_006, "gone.mp4": 90_007, "still.jpg": 9_008, "locked.mp4": 80_009, "umlaut.mp4": 70_010,
    "other.mp4": 300_001, "empty.mp4": 0,
}  # fmt: skip

FRIEND = "friend@drive.example"
FAMILY = "Family videos"

ITEMS: list[dict[str, Any]] = [
    {"id": "clip", "filename": "GX010001.MP4", "folder": "Trips/Alps", "sources": ["clip.mp4"],
     "captured_at": "2026-05-06T10:00:00Z", "width": 3840, "height": 2160, "source_duration": "61000"},
    {"id": "twin", "filename": "GX010001.MP4", "folder": "Trips/Alps", "sources": ["twin.mp4"],
     "captured_at": "2026-05-05T10:00:00Z"},
    {"id": "holiday", "filename": "holiday.mov", "sources": ["holiday.mov"], "captured_at": "2026-05-04T10:00:00Z"},
    {"id": "sphere", "filename": "GS010003.360", "folder": "Trips", "sources": ["sphere.360"],
     "captured_at": "2026-05-03T10:00:00Z"},
    {"id": "umlaut", "filename": "Über 'Grat'.mp4", "folder": "Größe", "sources": ["umlaut.mp4"],
     "captured_at": "2026-05-02T10:00:00Z"},
    {"id": "empty", "filename": "empty.mp4", "sources": ["empty.mp4"], "captured_at": "2026-05-01T10:00:00Z"},
    {"id": "still", "filename": "still.jpg", "folder": "Trips", "sources": ["still.jpg"],
     "captured_at": "2026-04-30T10:00:00Z"},
    {"id": "locked", "filename": "locked.mp4", "folder": "Locked", "sources": ["locked.mp4"], "downloadable": False,
     "captured_at": "2026-04-29T10:00:00Z"},
    {"id": "notes", "filename": "Notes", "folder": "Papers", "mime_type": "application/vnd.google-apps.document",
     "captured_at": "2026-04-28T10:00:00Z"},
    {"id": "alias", "filename": "best.mp4", "folder": "Papers", "shortcut_to": "clip",
     "captured_at": "2026-04-27T10:00:00Z"},
    {"id": "gone", "filename": "gone.mp4", "sources": ["gone.mp4"], "trashed": True,
     "captured_at": "2026-04-26T10:00:00Z"},
    {"id": "drone", "filename": "drone.mp4", "sources": ["drone.mp4"], "shared_by": FRIEND,
     "captured_at": "2026-04-25T10:00:00Z"},
    {"id": "team", "filename": "team.mp4", "folder": "2026", "sources": ["team.mp4"], "shared_drive": FAMILY,
     "captured_at": "2026-04-24T10:00:00Z"},
]  # fmt: skip

MINE = ["clip", "twin", "holiday", "sphere", "umlaut", "empty"]
"""The videos in My Drive that can be downloaded, the latest first."""

VIDEOS = (
    "trashed = false and (mimeType contains 'video/' or mimeType contains 'application/octet-stream') "
    "and 'me' in owners"
)
ALL_DRIVES = {"supportsAllDrives": "true", "includeItemsFromAllDrives": "true"}


def write_library(folder: Path, items: list[dict[str, Any]] | None = None) -> Path:
    """Writes the files in SIZES, with the same bytes each time, and a `library.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        content = random.Random(name).randbytes(size)  # noqa: S311 - test data
        (folder / name).write_bytes(content if name.endswith(".jpg") or not size else movie_of(content))
    (folder / "library.json").write_text(json.dumps({"items": ITEMS if items is None else items}))
    return folder


@dataclass
class Client:
    """A client of a running fake, with a valid token unless another one is given."""

    fake: FakeGoogleDrive
    http: urllib3.PoolManager

    def api(self, path: str, params: dict[str, Any] | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
        """GETs a path below /drive/v3; `_` in a header's name means `-`."""
        sent = {"Authorization": f"Bearer {self.fake.access_token}"}
        sent |= {name.replace("_", "-"): text for name, text in headers.items()}
        query = f"?{urlencode(params)}" if params else ""
        return self.http.request("GET", f"{self.fake.base_url}/drive/v3/{path}{query}", headers=sent)

    def page(self, q: str = "", **params: Any) -> Any:
        """The decoded page of a list with every field."""
        return self.api("files", {"q": q, "fields": "*"} | params).json()

    def ids(self, q: str = "", **params: Any) -> list[str]:
        """The ids that a list finds, in its order, without folders."""
        rows = self.page(q, pageSize=1000, **params)["files"]
        return [row["id"] for row in rows if row["mimeType"] != "application/vnd.google-apps.folder"]

    def row(self, file_id: str, **params: Any) -> Any:
        """Every field of one file."""
        return self.api(f"files/{file_id}", {"fields": "*"} | params).json()

    def media(self, file_id: str, params: dict[str, Any] | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
        """The answer with a file's bytes."""
        return self.api(f"files/{file_id}", {"alt": "media"} | (params or {}), **headers)

    def reason(self, answer: urllib3.BaseHTTPResponse) -> tuple[int, str]:
        """The status and the reason of a refusal, whose two places for the status agree."""
        error = answer.json()["error"]
        assert error["code"] == answer.status
        return answer.status, error["errors"][0]["reason"]

    def start(self, **params: Any) -> str:
        """The present position of the feed."""
        return str(self.api("changes/startPageToken", params).json()["startPageToken"])

    def changes(self, token: str, **params: Any) -> Any:
        """The decoded page of the feed, with every field."""
        return self.api("changes", {"pageToken": token, "fields": "*"} | params).json()

    def token(self, **form: str) -> urllib3.BaseHTTPResponse:
        """POSTs to the token endpoint, as this client; `form` replaces fields of a refresh."""
        usual = {
            "grant_type": "refresh_token",
            "client_id": self.fake.client_id,
            "client_secret": self.fake.client_secret,
            "refresh_token": self.fake.refresh_token,
        }
        url = f"{self.fake.base_url}/token"
        return self.http.request("POST", url, fields=usual | form, encode_multipart=False)


@contextlib.contextmanager
def client_of(library: Library, trusting: ssl.SSLContext | None = None, **options: Any) -> Iterator[Client]:
    """A client that never retries, and its fake, which runs as long as the block."""
    with running(library, **options) as fake:
        http = urllib3.PoolManager(retries=False, timeout=30, maxsize=8, ssl_context=trusting)
        try:
            yield Client(fake, http)
        finally:
            http.clear()
