"""The account of the conformance suite at the fake Dropbox."""

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
from cloud_sync_common.providers.dropbox import Dropbox
from cloud_sync_common.transfer import upload_stream

from local.fake_providers.dropbox import FakeDropbox, running
from local.fake_providers.dropbox_faults import DropboxEndpoint, DropboxFault
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.conformance.harness import Original, Trouble

FILES = {"a.mp4": 70_001, "b.mp4": 50_000, "c.mp4": 70_001, "d.360": 40_000, "still.jpg": 9_000}
PAGE = 20  # entries, so that the account has several pages

SPECIAL: list[dict[str, Any]] = [
    {"id": "twinA", "path": "/Trips/GX010900.MP4", "sources": ["b.mp4"]},
    {"id": "twinB", "path": "/Trips/Alps/GX010900.MP4", "sources": ["a.mp4"]},
    {"id": "sphere", "path": "/Größe/GS010902.360", "sources": ["d.360"]},
    {"id": "photo", "path": "/GOPR0905.JPG", "sources": ["still.jpg"]},
    {"id": "paper", "path": "/Notes.mp4", "sources": ["a.mp4"], "is_downloadable": False},
]
_READS = frozenset(
    {
        "/oauth2/token",
        "/2/users/get_current_account",
        "/2/files/list_folder",
        "/2/files/list_folder/continue",
        "/2/files/get_metadata",
    }
)


def write_library(folder: Path) -> Path:
    """A library of three pages: ordinary clips, and among them every special case."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in FILES.items():
        content = random.Random(name).randbytes(size)  # noqa: S311 (test data)
        (folder / name).write_bytes(content if name.endswith(".jpg") else movie_of(content))
    plain: list[dict[str, Any]] = [
        {"id": f"clip{number}", "path": f"/Clips/GX01{number:04}.MP4", "sources": [("a.mp4", "b.mp4")[number % 2]]}
        for number in range(2 * PAGE + 5)
    ]
    items = [item for pair in zip(plain, SPECIAL, strict=False) for item in pair] + plain[len(SPECIAL) :]
    for number, item in enumerate(items):
        item["captured_at"] = f"2026-{1 + number // 28:02}-{1 + number % 28:02}T10:00:00Z"
    (folder / "library.json").write_text(json.dumps({"items": items}))
    return folder


class DropboxHarness:
    """Implements Harness."""

    proxies: tuple[bytes, ...] = ()
    not_ready: frozenset[str] = frozenset()
    without_original = ""

    def __init__(self, fake: FakeDropbox) -> None:
        self.fake = fake
        fake.control.set_page_size(PAGE)
        self.provider = Dropbox(fake.base_url, fake.content_url)
        self.unreachable = Dropbox("http://127.0.0.1:1", "http://127.0.0.1:1")
        self.pictured, self.without_picture = map(fake.control.id_of, ("/GOPR0905.JPG", "/Größe/GS010902.360"))
        self.stills = frozenset({self.pictured})
        self.session = Credentials(provider="dropbox", access_token=fake.access_token)
        self.oauth = Credentials(
            provider="dropbox",
            access_token=fake.access_token,
            refresh_token=fake.refresh_token,
            client_id=fake.app_key,
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
        self.fake.control.add_fault(DropboxFault.PICTURE_MOVED, location=location)

    def calm(self) -> None:
        self.fake.control.clear_faults()

    def only_reads(self, method: str, url: str) -> bool:
        return method == "POST" and urlsplit(url).path in _READS

    def cause(self, trouble: Trouble, media_id: str | None = None) -> None:
        control = self.fake.control
        if trouble in _FAULTS:
            kind, rule = _FAULTS[trouble]
            control.add_fault(kind, media_id=media_id, **rule)
        elif trouble is Trouble.TOKEN_EXPIRED:
            control.expire_access_tokens()
        elif trouble is Trouble.LINKS_EXPIRED:
            control.expire_access_tokens()
            self.provider.refresh(self.oauth)
        elif trouble in (Trouble.REPROCESSED, Trouble.OBJECT_REPLACED):
            control.put_file(self._path_of(media_id or self._largest), "c.mp4")
        elif trouble is Trouble.TRASHED:
            control.delete(self._path_of(media_id or ""))
        elif trouble is Trouble.KIND_UNKNOWN:
            control.put_file("/hologram.insv", "a.mp4")

    @property
    def _largest(self) -> str:
        return max(self.originals, key=lambda found: len(found.content)).media_id

    def _path_of(self, media_id: str) -> str:
        found = self.provider.find(self.token, media_id)
        assert found is not None
        return f"/{found.folder}/{found.filename}" if found.folder else f"/{found.filename}"


_CHANGED = '{"items": [], "next": null}'
_FAULTS: dict[Trouble, tuple[DropboxFault, dict[str, Any]]] = {
    Trouble.RENEWAL_REFUSED: (DropboxFault.INVALID_GRANT, {}),
    Trouble.THROTTLED: (DropboxFault.THROTTLED_TEXT, {"retry_after": 7}),
    Trouble.THROTTLED_WITHOUT_A_WAIT: (DropboxFault.THROTTLED_TEXT, {"retry_after": None}),
    Trouble.SERVER_ERROR: (DropboxFault.SERVER_ERROR, {"status": 503}),
    Trouble.NO_ANSWER: (DropboxFault.ANSWER_LOST, {}),
    Trouble.VERSION_DROPPED: (DropboxFault.GATEWAY_ANSWER, {"status": 410, "body": "Gone"}),
    Trouble.TYPE_REFUSED: (DropboxFault.GATEWAY_ANSWER, {"status": 406, "body": ""}),
    Trouble.TYPE_UNSUPPORTED: (DropboxFault.GATEWAY_ANSWER, {"status": 415, "body": ""}),
    Trouble.SHAPE_CHANGED: (DropboxFault.GATEWAY_ANSWER, {"body": _CHANGED, "endpoint": DropboxEndpoint.LIST}),
    Trouble.ROW_ODD: (DropboxFault.ROW_ODD, {"values": {"client_modified": 7, "rev": None, "size": 1e5}}),
    Trouble.SHORT_PAGE: (DropboxFault.PAGE_SMALL, {"times": 1}),
    Trouble.UPLOAD_BETWEEN_PAGES: (
        DropboxFault.FILE_ADDED, {"times": 1, "path": "/Clips/GX010000.MP4", "target": "/new.mp4"},
    ),
    Trouble.ORIGINAL_GONE: (DropboxFault.NOT_DOWNLOADABLE, {}),
    Trouble.UNAVAILABLE_NOW: (DropboxFault.LOOKUP_REFUSED, {"tag": "locked", "endpoint": DropboxEndpoint.DOWNLOAD}),
    Trouble.CUT_SHORT: (DropboxFault.CONNECTION_CUT, {"byte": 1000}),
    Trouble.RANGE_IGNORED: (DropboxFault.RANGE_IGNORED, {}),
    Trouble.PICTURE_MISSING: (DropboxFault.PICTURE_REFUSED, {}),
    Trouble.PICTURE_PAGE: (DropboxFault.PICTURE_OTHER, {}),
    Trouble.PICTURE_TOO_LARGE: (DropboxFault.PICTURE_OTHER, {"what": "too large"}),
    Trouble.RANGE_SHIFTED: (DropboxFault.RANGE_SHIFTED, {}),
}  # fmt: skip


@contextmanager
def running_dropbox(folder: Path) -> Iterator[DropboxHarness]:
    """A DropboxHarness that runs as long as the block."""
    if not (folder / "library.json").exists():
        write_library(folder)
    with running(Library.load(folder)) as fake:
        try:
            yield DropboxHarness(fake)
        finally:
            http_client.session().close()
            upload_stream.of_this_process(allow_loopback=True).sources.close()
