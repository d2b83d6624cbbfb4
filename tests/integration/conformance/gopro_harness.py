"""The account of the conformance suite at the fake GoPro Cloud."""

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
from cloud_sync_common.providers.gopro import PER_PAGE, GoPro
from cloud_sync_common.transfer import upload_stream

from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.conformance.harness import Original, Trouble
from tests.integration.secret_check import secrets_of

FILES = {"a.mp4": 70_001, "b.mp4": 50_000, "c.mp4": 60_007, "d.360": 40_000, "proxy.mp4": 30_000, "still.jpg": 9_000}

BEFORE_THE_FIRST_PAGE = 2  # searches: for the number of all media, and of those with known types

SPECIAL: list[dict[str, Any]] = [
    {"id": "chapters", "filename": "GX010900.MP4", "sources": ["a.mp4", "b.mp4", "c.mp4"], "concat": True},
    {"id": "unnumbered", "filename": "GH010901.MP4", "sources": ["c.mp4", "a.mp4"], "item_numbers": False},
    {"id": "edit", "type": "MultiClipEdit", "filename": "Holiday", "file_extension": "json", "file_size": None,
     "label": "baked_source", "sources": ["b.mp4"]},
    {"id": "nameless", "filename": None, "file_size": None, "sources": ["a.mp4"]},
    {"id": "spherical", "filename": "GS010902.360", "file_size": "40000", "sources": ["d.360"]},
    {"id": "stale", "filename": "GX010000.MP4", "file_size": 1, "reprocessed_at": "2026-01-05T00:00:00Z",
     "sources": ["c.mp4"]},
    {"id": "proxyonly", "filename": "GX010904.MP4", "sources": []},
    {"id": "photo", "type": "Photo", "filename": "GOPR0905.JPG", "sources": ["still.jpg"]},
    {"id": "pictureless", "filename": "GX010908.MP4", "sources": ["b.mp4"], "picture": False},
    {"id": "burst", "type": "Burst", "filename": "GOPR0906.JPG", "sources": ["still.jpg", "still.jpg"]},
    {"id": "cooking", "filename": "GX010907.MP4", "ready_to_view": "transcoding", "sources": ["a.mp4"]},
]  # fmt: skip


def write_library(folder: Path) -> Path:
    """A library of three pages: ordinary clips, and among them every special case."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in FILES.items():
        content = random.Random(name).randbytes(size)  # noqa: S311 (test data)
        (folder / name).write_bytes(content if name.endswith(".jpg") else movie_of(content))
    plain: list[dict[str, Any]] = [
        {"id": f"clip{number:03}", "filename": f"GX01{number:04}.MP4", "sources": ["a.mp4", "b.mp4"][number % 2 :][:1]}
        for number in range(2 * PER_PAGE + 5)
    ]
    items = [item for pair in zip(plain, SPECIAL, strict=False) for item in pair] + plain[len(SPECIAL) :]
    for number, item in enumerate(items):
        item["captured_at"] = f"2026-{1 + number // 28:02}-{1 + number % 28:02}T10:00:00Z"
        item["proxy"] = "proxy.mp4"
    (folder / "library.json").write_text(json.dumps({"items": items}))
    return folder


class GoProHarness:
    """Implements Harness."""

    proxies: tuple[bytes, ...]
    stills = frozenset({"photo", "burst"})
    not_ready = frozenset({"cooking"})
    without_original = "proxyonly"
    pictured, without_picture = "clip001", "pictureless"

    def __init__(self, fake: FakeGoPro, folder: Path) -> None:
        self.fake, self._folder = fake, folder
        self.provider = GoPro(fake.base_url, fake.base_url)
        self.unreachable = GoPro("http://127.0.0.1:1", "http://127.0.0.1:1")
        self.session = Credentials(provider="gopro", access_token=fake.access_token)
        self.oauth = Credentials(
            provider="gopro",
            access_token=fake.access_token,
            refresh_token=fake.refresh_token,
            client_id=fake.client_id,
            client_secret=fake.client_secret,
        )
        self.proxies = ((folder / "proxy.mp4").read_bytes(), (folder / "still.jpg").read_bytes())

    @property
    def originals(self) -> tuple[Original, ...]:
        return tuple(
            Original(found.media_id, found.source_number, found.source_count, found.path)
            for found in self.fake.library.originals()
        )

    @property
    def token(self) -> str:
        return self.fake.access_token

    def secrets(self) -> set[str]:
        return secrets_of(self.fake)

    def move_pictures(self, location: str) -> None:
        self.fake.control.add_fault(FaultKind.PICTURE_MOVED, location=location)

    def calm(self) -> None:
        self.fake.control.clear_faults()

    def only_reads(self, method: str, url: str) -> bool:
        return method in ("GET", "HEAD") or (method, urlsplit(url).path) == ("POST", "/v1/oauth2/token")

    def cause(self, trouble: Trouble, media_id: str | None = None) -> None:
        control = self.fake.control
        if trouble in _FAULTS:
            kind, rule = _FAULTS[trouble]
            control.add_fault(kind, media_id=media_id, **rule)
        elif trouble is Trouble.TOKEN_EXPIRED:
            control.expire_access_tokens()
        elif trouble is Trouble.LINKS_EXPIRED:
            control.advance_clock(3601)
        elif trouble is Trouble.UPLOAD_BETWEEN_PAGES:
            control.insert_between_pages(after_page=BEFORE_THE_FIRST_PAGE + 1)
        elif trouble is Trouble.REPROCESSED:
            self._put(media_id, reprocessed_at="2026-11-01T00:00:00Z", sources=["c.mp4"])
        elif trouble is Trouble.KIND_UNKNOWN:
            self._put("hologram", type="Hologram", sources=["a.mp4"])
        elif trouble is Trouble.ROW_ODD:
            self.fake.control.add_fault(FaultKind.ROW_ODD, media_id=media_id)

    def _put(self, media_id: str | None, **changes: Any) -> None:
        found = self.fake.library.get(media_id or "")
        before = dict(found.row) if found else {"id": media_id, "captured_at": "2026-09-01T10:00:00Z"}
        self.fake.control.put_item(before | changes)


_FAULTS: dict[Trouble, tuple[FaultKind, dict[str, Any]]] = {
    Trouble.RENEWAL_REFUSED: (FaultKind.TOKEN_BLACKLISTED, {}),
    Trouble.THROTTLED: (FaultKind.THROTTLED, {"retry_after": 7}),
    Trouble.THROTTLED_WITHOUT_A_WAIT: (FaultKind.THROTTLED, {}),
    Trouble.SERVER_ERROR: (FaultKind.SERVER_ERROR, {"status": 503}),
    Trouble.NO_ANSWER: (FaultKind.ANSWER_LOST, {}),
    Trouble.VERSION_DROPPED: (FaultKind.CONTRACT_CHANGED, {"status": 410}),
    Trouble.TYPE_REFUSED: (FaultKind.CONTRACT_CHANGED, {"status": 406}),
    Trouble.TYPE_UNSUPPORTED: (FaultKind.CONTRACT_CHANGED, {"status": 415}),
    Trouble.SHAPE_CHANGED: (FaultKind.GATEWAY_ANSWER, {"body": '{"_embedded": {"items": []}, "total": 0}'}),
    Trouble.SHORT_PAGE: (FaultKind.SHORT_PAGE, {"times": 1, "after": BEFORE_THE_FIRST_PAGE}),
    Trouble.STATE_UNKNOWN: (FaultKind.STATE_UNKNOWN, {}),
    Trouble.TRASHED: (FaultKind.TRASHED, {}),
    Trouble.ORIGINAL_GONE: (FaultKind.NO_SOURCE, {}),
    Trouble.UNAVAILABLE_NOW: (FaultKind.UNAVAILABLE, {}),
    Trouble.CUT_SHORT: (FaultKind.CONNECTION_CUT, {"byte": 1000}),
    Trouble.RANGE_IGNORED: (FaultKind.RANGE_IGNORED, {}),
    Trouble.RANGE_SHIFTED: (FaultKind.RANGE_SHIFTED, {}),
    Trouble.PICTURE_MISSING: (FaultKind.PICTURE_REFUSED, {}),
    Trouble.PICTURE_PAGE: (FaultKind.PICTURE_OTHER, {}),
    Trouble.PICTURE_TOO_LARGE: (FaultKind.PICTURE_OTHER, {"what": "too large"}),
    Trouble.OBJECT_REPLACED: (FaultKind.OBJECT_REPLACED, {}),
}


@contextmanager
def running_gopro(folder: Path) -> Iterator[GoProHarness]:
    """A GoProHarness that runs as long as the block."""
    if not (folder / "library.json").exists():
        write_library(folder)
    with running(Library.load(folder)) as fake:
        try:
            yield GoProHarness(fake, folder)
        finally:
            http_client.session().close()
            upload_stream.of_this_process(allow_loopback=True).sources.close()
