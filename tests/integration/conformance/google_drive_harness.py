"""The account of the conformance suite at the fake Google Drive."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.providers.google_drive import GoogleDrive
from cloud_sync_common.transfer import upload_stream

from local.fake_providers.google_drive import FakeGoogleDrive, running
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.conformance.harness import Original, Trouble

FILES = {"a.mp4": 70_001, "b.mp4": 50_000, "c.mp4": 70_001, "d.360": 40_000, "still.jpg": 9_000}
PAGE = 20  # rows, so that the account has several pages
PAGES_OF_FOLDERS = 1  # before the first page of files

SPECIAL: list[dict[str, Any]] = [
    {"id": "twinA", "filename": "GX010900.MP4", "folder": "Trips/Alps", "sources": ["b.mp4"]},
    {"id": "twinB", "filename": "GX010900.MP4", "folder": "Trips/Alps", "sources": ["a.mp4"]},
    {"id": "sphere", "filename": "GS010902.360", "folder": "Größe", "sources": ["d.360"]},
    {"id": "photo", "filename": "GOPR0905.JPG", "sources": ["still.jpg"]},
    {"id": "pictureless", "filename": "GX010908.MP4", "sources": ["b.mp4"], "picture": False},
    {"id": "notes", "filename": "Notes", "mime_type": "application/vnd.google-apps.document"},
    {"id": "locked", "filename": "locked.mp4", "sources": ["a.mp4"], "downloadable": False},
]  # fmt: skip


def write_library(folder: Path) -> Path:
    """A library of three pages: ordinary clips, and among them every special case."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in FILES.items():
        content = random.Random(name).randbytes(size)  # noqa: S311 (test data)
        (folder / name).write_bytes(content if name.endswith(".jpg") else movie_of(content))
    plain: list[dict[str, Any]] = [
        {"id": f"clip{number:03}", "filename": f"GX01{number:04}.MP4", "sources": [("a.mp4", "b.mp4")[number % 2]]}
        for number in range(2 * PAGE + 5)
    ]
    items = [item for pair in zip(plain, SPECIAL, strict=False) for item in pair] + plain[len(SPECIAL) :]
    for number, item in enumerate(items):
        item["captured_at"] = f"2026-{1 + number // 28:02}-{1 + number % 28:02}T10:00:00Z"
    (folder / "library.json").write_text(json.dumps({"items": items}))
    return folder


class GoogleDriveHarness:
    """Implements Harness."""

    proxies: tuple[bytes, ...] = ()
    stills = frozenset({"photo"})
    not_ready: frozenset[str] = frozenset()
    without_original = ""
    pictured, without_picture = "clip001", "pictureless"

    def __init__(self, fake: FakeGoogleDrive) -> None:
        self.fake = fake
        fake.control.set_page_size(PAGE)
        self.provider = GoogleDrive(fake.base_url, fake.base_url)
        self.unreachable = GoogleDrive("http://127.0.0.1:1", "http://127.0.0.1:1")
        self.session = Credentials(provider="google_drive", access_token=fake.access_token)
        self.oauth = Credentials(
            provider="google_drive",
            access_token=fake.access_token,
            refresh_token=fake.refresh_token,
            client_id=fake.client_id,
            client_secret=fake.client_secret,
        )

    @property
    def originals(self) -> tuple[Original, ...]:
        return tuple(Original(found["media_id"], 1, 1, Path(found["path"])) for found in self.fake.control.originals())

    @property
    def token(self) -> str:
        return self.fake.access_token

    def secrets(self) -> set[str]:
        return self.fake.secrets()

    def move_pictures(self, location: str) -> None:
        self.fake.control.add_fault(DriveFault.PICTURE_MOVED, location=location)

    def calm(self) -> None:
        self.fake.control.clear_faults()

    def only_reads(self, method: str, url: str) -> bool:
        return method == "GET" or (method, urlsplit(url).path) == ("POST", "/token")

    def cause(self, trouble: Trouble, media_id: str | None = None) -> None:
        control = self.fake.control
        if trouble in _FAULTS:
            for kind, rule in _FAULTS[trouble]:
                control.add_fault(kind, media_id=media_id, **rule)
        elif trouble is Trouble.TOKEN_EXPIRED:
            control.expire_access_tokens()
        elif trouble is Trouble.LINKS_EXPIRED:
            control.expire_access_tokens()
            self.provider.refresh(self.oauth)
        elif trouble is Trouble.UPLOAD_BETWEEN_PAGES:
            control.insert_between_pages(after_page=PAGES_OF_FOLDERS + 1)
        elif trouble in (Trouble.REPROCESSED, Trouble.OBJECT_REPLACED):
            control.replace_content(media_id or self._largest, "c.mp4")
        elif trouble is Trouble.TRASHED:
            control.trash_item(media_id or "")
        elif trouble is Trouble.KIND_UNKNOWN:
            control.put_item(
                {"id": "hologram", "filename": "hologram.mp4", "mime_type": "application/x-hologram",
                 "sources": ["a.mp4"], "captured_at": "2026-09-01T10:00:00Z"}
            )  # fmt: skip

    @property
    def _largest(self) -> str:
        return max(self.originals, key=lambda found: len(found.content)).media_id


_CHANGED = '{"items": [], "etag": "x"}'
_FAULTS: dict[Trouble, tuple[tuple[DriveFault, dict[str, Any]], ...]] = {
    Trouble.RENEWAL_REFUSED: ((DriveFault.INVALID_GRANT, {}),),
    Trouble.THROTTLED: ((DriveFault.THROTTLED, {"retry_after": 7}),),
    Trouble.THROTTLED_WITHOUT_A_WAIT: ((DriveFault.THROTTLED, {}),),
    Trouble.SERVER_ERROR: ((DriveFault.SERVER_ERROR, {"status": 503}),),
    Trouble.NO_ANSWER: ((DriveFault.ANSWER_LOST, {}),),
    Trouble.VERSION_DROPPED: ((DriveFault.GATEWAY_ANSWER, {"status": 410, "body": "Gone"}),),
    Trouble.TYPE_REFUSED: ((DriveFault.GATEWAY_ANSWER, {"status": 406, "body": ""}),),
    Trouble.TYPE_UNSUPPORTED: ((DriveFault.GATEWAY_ANSWER, {"status": 415, "body": ""}),),
    Trouble.SHAPE_CHANGED: ((DriveFault.GATEWAY_ANSWER, {"body": _CHANGED, "endpoint": DriveEndpoint.LIST}),),
    Trouble.ROW_ODD: ((DriveFault.ROW_ODD, {}),),
    Trouble.SHORT_PAGE: ((DriveFault.PAGE_SHORT, {"times": 1, "after": PAGES_OF_FOLDERS}),),
    Trouble.ORIGINAL_GONE: ((DriveFault.NOT_DOWNLOADABLE, {}),),
    Trouble.UNAVAILABLE_NOW: ((DriveFault.DOWNLOAD_QUOTA, {}),),
    Trouble.CUT_SHORT: ((DriveFault.CONNECTION_CUT, {"byte": 1000}),),
    Trouble.RANGE_IGNORED: ((DriveFault.RANGE_IGNORED, {}),),
    Trouble.PICTURE_MISSING: ((DriveFault.PICTURE_REFUSED, {}),),
    Trouble.PICTURE_PAGE: ((DriveFault.PICTURE_OTHER, {}),),
    Trouble.PICTURE_TOO_LARGE: ((DriveFault.PICTURE_OTHER, {"what": "too large"}),),
    Trouble.RANGE_SHIFTED: ((DriveFault.RANGE_SHIFTED, {}),),
}


@contextmanager
def running_google_drive(folder: Path) -> Iterator[GoogleDriveHarness]:
    """A GoogleDriveHarness that runs as long as the block."""
    if not (folder / "library.json").exists():
        write_library(folder)
    with running(Library.load(folder)) as fake:
        try:
            yield GoogleDriveHarness(fake)
        finally:
            http_client.session().close()
            upload_stream.of_this_process(allow_loopback=True).sources.close()
