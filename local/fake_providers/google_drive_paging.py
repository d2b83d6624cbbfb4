"""Numbers, order and page tokens of Drive's lists."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.fake_providers.google_drive_errors import DriveError, invalid, invalid_parameter
from local.fake_providers.google_drive_tree import FOLDER, DriveFile

DEFAULT_PAGE_SIZE = 100
MOST_ROWS = 1000
"""The largest pageSize (drive.v3.json)."""

PAGE_TOKEN_SECONDS = 6 * 3600
"""How long a page token of files.list is valid: "typically several hours" (drive.v3.json)."""

_FIXED = ("q", "orderBy", "corpora", "driveId", "spaces", "supportsAllDrives", "includeItemsFromAllDrives")
"""The parameters that must stay the same from page to page (drive.v3.json)."""

_PREFIX = "~!!~"


def page_size(query: Mapping[str, str]) -> int:
    """The number of rows that a request asks for."""
    text = query.get("pageSize")
    if text is None:
        return DEFAULT_PAGE_SIZE
    if not re.fullmatch(r"-?\d{1,10}", text, re.ASCII):
        message = f"Invalid value at 'page_size' (TYPE_INT32), \"{text}\""
        raise DriveError(400, "invalid", message, canonical="INVALID_ARGUMENT")
    if not 1 <= int(text) <= MOST_ROWS:
        message = f"Invalid value '{text}'. Values must be within the range: [1, {MOST_ROWS}]"
        raise invalid_parameter("pageSize", message)
    return int(text)


def is_set(query: Mapping[str, str], name: str) -> bool:
    """Whether a boolean parameter is true; older names of the flags for shared drives count as well."""
    older = {"supportsAllDrives": "supportsTeamDrives", "includeItemsFromAllDrives": "includeTeamDriveItems"}
    return "true" in (query.get(name, "").lower(), query.get(older.get(name, ""), "").lower())


@dataclass(frozen=True)
class PageToken:
    """Where the next page of files.list begins, in which list, and until when that can be asked."""

    offset: int
    until: float

    def text(self, query: Mapping[str, str]) -> str:
        """The token as it is sent."""
        content = json.dumps([_listing(query), self.offset, self.until]).encode()
        return _PREFIX + base64.urlsafe_b64encode(content).decode()

    @classmethod
    def read(cls, text: str, query: Mapping[str, str], now: float) -> "PageToken":
        """Read a token. One of another list, one that is too old and one that is none are refused alike."""
        try:
            listing, offset, until = json.loads(base64.urlsafe_b64decode(text.removeprefix(_PREFIX)))
        except (ValueError, TypeError) as error:
            raise invalid("pageToken") from error
        if listing != _listing(query) or now >= until:
            raise invalid("pageToken")
        return cls(offset, until)


def _listing(query: Mapping[str, str]) -> str:
    fixed = json.dumps([query.get(name) for name in _FIXED])
    return hashlib.sha256(fixed.encode()).hexdigest()[:16]


_FEED = 1000  # the position of an account's first change
_OF_DRIVE = re.compile(r"(?P<drive>[\w-]+)\.(?P<position>\d{1,12})", re.ASCII)


def feed_token(position: int, drive_id: str) -> str:
    """The position in the feed of an account, or of a shared drive: one is of no use to the other."""
    number = str(_FEED + position)
    return number if not drive_id else base64.urlsafe_b64encode(f"{drive_id}.{number}".encode()).decode()


def feed_position(token: str, drive_id: str, end: int) -> int:
    """The position that a token of the feed names. These do not expire (drive.v3.json)."""
    try:
        text = base64.urlsafe_b64decode(token).decode() if drive_id else token
    except ValueError as error:
        raise invalid("pageToken") from error
    match = _OF_DRIVE.fullmatch(text if drive_id else f"-.{text}")
    if match is None or (drive_id and match["drive"] != drive_id):
        raise invalid("pageToken")
    position = int(match["position"]) - _FEED
    if not 0 <= position <= end:
        raise invalid("pageToken")
    return position


type Key = Callable[[DriveFile], Any]

_KEYS: Mapping[str, Key] = {
    "createdTime": lambda file: file.created,
    "folder": lambda file: file.mime_type != FOLDER,
    "modifiedByMeTime": lambda file: file.modified,
    "modifiedTime": lambda file: file.modified,
    "name": lambda file: file.name.lower(),
    "name_natural": lambda file: _natural(file.name.lower()),
    "quotaBytesUsed": lambda file: file.size,
    "recency": lambda file: file.modified,
    "sharedWithMeTime": lambda file: file.shared_at,
    "starred": lambda file: not file.starred,
    "viewedByMeTime": lambda file: "",
}
"""Every key of orderBy (drive.v3.json)."""


def _natural(name: str) -> list[int | str]:
    """Text and numbers in turn: numbers in a name count as numbers."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name))]


def ordered(files: Sequence[DriveFile], order: str) -> list[DriveFile]:
    """The files in the order that `orderBy` names; without it the latest first, which Drive does not promise."""
    found = sorted(files, key=lambda file: file.file_id)
    for key in reversed([one.strip() for one in (order or "recency desc").split(",")]):
        name, _, direction = key.partition(" ")
        if name not in _KEYS or direction.strip() not in ("", "desc"):
            raise invalid("orderBy")
        found.sort(key=_KEYS[name], reverse=direction.strip() == "desc")
    return found
