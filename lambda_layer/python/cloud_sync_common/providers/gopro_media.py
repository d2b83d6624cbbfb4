"""What GoPro Cloud says of media: their types, and where pictures of them are. Names in brackets are the sources in
docs/gopro-api.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from cloud_sync_common.filters import PHOTO, VIDEO
from cloud_sync_common.http import loose_json
from cloud_sync_common.http.answers import Row
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import PictureLink

WORD_LIMIT, TOKEN_LIMIT, URL_LIMIT = 64, 4096, 8192  # characters that are taken
MOST_SPRITES, MOST_SHEETS, LARGEST_SHEET = 4, 1_000, 16_384  # frames on a sheet, and pixels of one
# The types that are videos (gopro-api models.py). The service ignores a filter with a misspelt value altogether.
VIDEO_TYPES = (
    "Video", "TimeLapseVideo", "BurstVideo", "Chaptered", "Livestream", "Looped", "LoopedVideo", "ExternalVideo",
    "MultiClipEdit", "Edit",
)  # fmt: skip
PHOTO_TYPES = ("Photo", "TimeLapse", "Burst")
STILL_TYPES = (*PHOTO_TYPES, "Session", "Audio")
UNCLEAR_TYPES = ("Continuous",)  # a video in some sources, a series of stills in others: the extension decides
KNOWN_TYPES = (*VIDEO_TYPES, *STILL_TYPES, *UNCLEAR_TYPES)
VIDEO_EXTENSIONS = frozenset(("mp4", "mov", "360", "m4v"))
PHOTO_EXTENSIONS = frozenset(("jpg", "jpeg", "gpr", "heic", "png"))
# The types whose item_count is the number of files: chapters (rclone-PR), pictures of a burst (go2cloud); in others it
# counts other things.
COUNTED_TYPES = ("Video", "Chaptered", "Looped", "LoopedVideo", "Burst")


def type_of(row: Row) -> str:
    """The type of a row, empty for what has not the shape of one: types are logged and kept."""
    if (kind := row.get("type")) in KNOWN_TYPES:
        return str(kind)
    found = loose_json.plain_text(kind, WORD_LIMIT) or ""
    return found if re.fullmatch(r"[A-Z][A-Za-z0-9]{0,31}", found) else ""


def kind_of(row: Row) -> str:
    """Video, photo, or empty for other media: by the type; for an unknown one, by the extension (dustin/gopro #49:
    closed lists of types break)."""
    kind, extension = type_of(row), loose_json.extension(row.get("file_extension"))
    if kind in VIDEO_TYPES or (kind not in STILL_TYPES and extension in VIDEO_EXTENSIONS):
        return VIDEO
    return PHOTO if kind in PHOTO_TYPES or (kind not in STILL_TYPES and extension in PHOTO_EXTENSIONS) else ""


def log_unknown_types(rows: list[Row]) -> None:
    """Says which types of a page are not known here."""
    unknown = {type_of(row) for row in rows} - set(KNOWN_TYPES)
    if unknown:
        logger.warning("types of media that this version does not know", extra={"kinds": sorted(unknown)[:10]})


def thumbnail(images_url: str, media_token: Any, token: str) -> Iterator[PictureLink]:
    """The thumbnail, about 450 pixels wide (dustin-lib): its address has a token of the item's own, and the request the
    session's. One client had those of all its items, and another one only 404 (docs/gopro-api.md)."""
    if found := loose_json.text(media_token, TOKEN_LIMIT):
        url = f"{images_url}/resize/450wwp/{quote(found, safe='')}"
        yield PictureLink("provider", url, {"Authorization": f"Bearer {token}"})


def sprites(rows: Any) -> Iterator[PictureLink]:
    """The frame in the middle of a sheet of frames, for each sprite of a download answer. Its link is signed, as those
    of originals are. `frame` has the size of one frame and how many there are on a sheet, beside each other: ten of
    100 x 56 pixels (dustin test/mediavid.json). Of several sheets it is the one in the middle: the last may be emptier.
    """
    for row in map(loose_json.as_object, _some(rows, MOST_SPRITES)):
        frame, sheets = loose_json.as_object(row.get("frame")), _some(row.get("urls"), MOST_SHEETS)
        sheets = [url for each in sheets if (url := loose_json.text(each, URL_LIMIT))]
        crop = _middle(frame, loose_json.whole_number(row.get("width")))
        if sheets and crop:
            yield PictureLink("sprite", sheets[(len(sheets) - 1) // 2], crop=crop)


def _some(value: Any, most: int) -> list[Any]:
    return value[:most] if isinstance(value, list) else []


def _middle(frame: Row, sheet_width: int | None) -> tuple[int, int, int, int] | None:
    """The place of the frame in the middle: rows follow where a sheet is not as wide as all its frames. None where the
    numbers make no sense."""
    count, width, height = (loose_json.whole_number(frame.get(name)) for name in ("count", "width", "height"))
    if not (count and width and height) or max(count, width, height) > LARGEST_SHEET:
        return None
    columns = min(count, max(1, (sheet_width or count * width) // width))
    row, column = divmod(count // 2, columns)
    return column * width, row * height, width, height
