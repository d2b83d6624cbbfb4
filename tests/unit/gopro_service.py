"""GoPro Cloud for unit tests: answers in the shapes of docs/gopro-api.md, without any HTTP."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import requests
from cloud_sync_common.providers.gopro import PER_PAGE

TOKEN = "eyJhbGciOiJSU0EtT0FFUCJ9.Z28.cHJv.Y2lwaGVy.dGFn"
ROW: dict[str, Any] = {
    "id": "65a0f0c2b7e4d1a2c3b4d5e6",
    "type": "Video",
    "filename": "GX010001.MP4",
    "file_extension": "mp4",
    "file_size": 8_123_456_789,
    "captured_at": "2026-01-02T10:00:00Z",
    "created_at": "2026-01-03T08:00:00Z",
    "item_count": 1,
    "ready_to_view": "ready",
    "reprocessed_at": None,
}


@dataclass
class Service:
    """Replaces http_client.request: gives the answers in order, the last one repeatedly, and keeps the requests."""

    answers: list[requests.Response] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def request(self, method: str, url: str, **asked: Any) -> requests.Response:
        self.asked.append({"method": method, "url": url, **asked})
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def paths(self) -> list[str]:
        return [asked["url"].removeprefix("https://api.gopro.com") for asked in self.asked]


def answer(body: Any = b"", status: int = 200, **headers: str) -> requests.Response:
    """An answer with JSON, or with just these bytes; `_` in a header's name means `-`."""
    response = requests.Response()
    response.status_code = status
    response.headers.update({key.replace("_", "-"): value for key, value in headers.items()})
    response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    return response


def search(*rows: dict[str, Any], total: int | None = None, page: int = 1) -> dict[str, Any]:
    """The body of one page of a listing."""
    count = len(rows) if total is None else total
    pages = {"current_page": page, "per_page": PER_PAGE, "total_items": count, "total_pages": -(-count // PER_PAGE)}
    return {"_embedded": {"errors": [], "media": list(rows)}, "_pages": pages}


def variation(label: str = "source", path: str = "/source/default/1.mp4", **more: Any) -> dict[str, Any]:
    """One variation in a download answer."""
    url = f"https://cdn.example{path}?Expires=1795000000&Signature=s"
    return {"label": label, "url": url, "available": True, **more}


def download(
    *variations: dict[str, Any], filename: str | None = "GX010001.MP4", files: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The body of a download answer. As for every video, `files` contains a proxy if nothing else is said."""
    proxy = {"item_number": 1, "url": "https://cdn.example/proxy/1.mp4", "available": True}
    return {
        "filename": filename,
        "_embedded": {
            "files": [proxy] if files is None else files,
            "variations": list(variations),
            "sprites": [],
            "sidecar_files": [],
        },
    }
