"""Google Drive for unit tests: answers in the shapes of Google's discovery document, drive.v3.json."""

from __future__ import annotations

from typing import Any

import requests

from tests.unit.gopro_service import answer
from tests.unit.routed_service import RoutedService

ROOT_ID = "0AMyDriveRootUk9PVA"
FILES, CHANGES, START = "/drive/v3/files", "/drive/v3/changes", "/drive/v3/changes/startPageToken"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MD5 = "098f6bcd4621d373cade4e832627b4f6"
FOLDER, SHORTCUT = "application/vnd.google-apps.folder", "application/vnd.google-apps.shortcut"


def video(file_id: str = "1AbcSynthetic", **other: Any) -> dict[str, Any]:
    """One file of the account itself, as `files` and `changes` have it."""
    row = {
        "id": file_id,
        "name": "GX010001.MP4",
        "mimeType": "video/mp4",
        "size": "734003200",
        "md5Checksum": MD5,
        "sha256Checksum": SHA256,
        "createdTime": "2026-01-02T10:05:00.000Z",
        "modifiedTime": "2026-01-02T10:00:00.000Z",
        "parents": [ROOT_ID],
        "trashed": False,
        "ownedByMe": True,
        "headRevisionId": "0BrevisionOne",
        "videoMediaMetadata": {"durationMillis": "61000"},
        "capabilities": {"canDownload": True},
        **other,
    }
    return {name: value for name, value in row.items() if value is not None}


def folder(file_id: str, name: str, parent: str | None = ROOT_ID, **other: Any) -> dict[str, Any]:
    """One folder."""
    parents = [parent] if parent else None
    return video(
        file_id,
        name=name,
        mimeType=FOLDER,
        parents=parents,
        size=None,
        md5Checksum=None,
        sha256Checksum=None,
        headRevisionId=None,
        videoMediaMetadata=None,
        **other,
    )


def page(*rows: dict[str, Any], following: str | None = None, **other: Any) -> dict[str, Any]:
    """The body of a page of `files`."""
    token = {"nextPageToken": following} if following else {}
    return {"incompleteSearch": False, "files": list(rows), **token, **other}


def changes(*files: dict[str, Any], following: str | None = None, **other: Any) -> dict[str, Any]:
    """The body of a page of `changes`; the last page of a feed has a new position instead of a token."""
    rows = [{"fileId": file["id"], "removed": False, "file": file} for file in files]
    token = {"nextPageToken": following} if following else {"newStartPageToken": "4712"}
    return {"changes": rows, **token, **other}


def refusal(status: int, reason: str, location: str | None = None, **headers: str) -> requests.Response:
    """An error in Google's envelope."""
    where = {"location": location, "locationType": "parameter"} if location else {}
    row = {"domain": "global", "reason": reason, "message": "Some sentence.", **where}
    return answer({"error": {"code": status, "message": "Some sentence.", "errors": [row]}}, status, **headers)


def drive(*pages: Any, folders: tuple[dict[str, Any], ...] = (), feed: tuple[Any, ...] = ()) -> RoutedService:
    """An account with these pages of files, after one page with its folders."""
    service = RoutedService()
    service.gives(START, {"startPageToken": "4711"})
    service.gives(FILES, page(*folders), *pages)
    service.gives(CHANGES, *(feed or (changes(),)))
    service.gives(f"{FILES}/root", folder(ROOT_ID, "My Drive", None))
    return service
