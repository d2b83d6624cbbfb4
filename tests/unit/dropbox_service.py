"""Dropbox for unit tests: answers in the shapes of dropbox-api-spec (files.stone, auth.stone, common.stone)."""

from __future__ import annotations

from typing import Any

import requests

from tests.unit.gopro_service import answer
from tests.unit.routed_service import RoutedService

LIST, CONTINUE = "/2/files/list_folder", "/2/files/list_folder/continue"
METADATA, ACCOUNT = "/2/files/get_metadata", "/2/users/get_current_account"
HASH = "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358"


def video(name: str = "a.mp4", path: str = "/Trips/a.mp4", **other: Any) -> dict[str, Any]:
    """One file, as listings and get_metadata have it."""
    row = {
        ".tag": "file",
        "name": name,
        "path_lower": path.lower(),
        "path_display": path,
        "id": "id:synthFile",
        "client_modified": "2026-01-02T10:00:00Z",
        "server_modified": "2026-01-02T10:05:00Z",
        "rev": "0123456789abcdef01234",
        "size": 734_003_200,
        "is_downloadable": True,
        "content_hash": HASH,
        **other,
    }
    return {field: value for field, value in row.items() if value is not None}


def folder(path: str) -> dict[str, Any]:
    """One folder."""
    name = path.rpartition("/")[2]
    return {".tag": "folder", "name": name, "path_lower": path.lower(), "path_display": path, "id": f"id:{name}"}


def deleted(path: str) -> dict[str, Any]:
    """What used to be at a path."""
    name = path.rpartition("/")[2]
    return {".tag": "deleted", "name": name, "path_lower": path.lower(), "path_display": path}


def page(*entries: dict[str, Any], cursor: str = "cursor-1", has_more: Any = False) -> dict[str, Any]:
    """The body of a page."""
    return {"entries": list(entries), "cursor": cursor, "has_more": has_more}


def refusal(status: int, *tags: str, **headers: str) -> requests.Response:
    """An error, with its tags one within the other."""
    error: dict[str, Any] = {".tag": tags[-1]}
    for tag in reversed(tags[:-1]):
        error = {".tag": tag, tag: error}
    return answer({"error_summary": f"{'/'.join(tags)}/...", "error": error}, status, **headers)


def account(first: dict[str, Any], *others: Any) -> RoutedService:
    """An account with this first page, and these that are gone on to."""
    service = RoutedService()
    service.gives(LIST, first)
    service.gives(CONTINUE, *(others or (page(cursor="cursor-2"),)))
    return service
