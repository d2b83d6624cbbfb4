"""What the name and the times of a file say of it, for services that keep files of every kind. Pure functions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath

from cloud_sync_common.filters import PHOTO, VIDEO

VIDEO_EXTENSIONS = frozenset((
    "360", "3g2", "3gp", "avi", "braw", "dv", "flv", "insv", "m2ts", "m2v", "m4v",
    "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf", "ogv", "r3d", "webm", "wmv",
))  # fmt: skip
PHOTO_EXTENSIONS = frozenset((
    "arw", "avif", "cr2", "cr3", "dng", "gpr", "heic", "heif", "insp", "jpeg",
    "jpg", "nef", "orf", "png", "raf", "raw", "rw2", "tif", "tiff", "webp",
))  # fmt: skip
NOT_DOWNLOADABLE = "not downloadable"  # the service lists them, and does not give them out
OTHER_FILES = "neither video nor photo"  # why they are left out, in a report
# Of programs in TypeScript, which services take for videos in MPEG's transport stream.
_AMBIGUOUS = frozenset({"ts"})
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,18}(?:Z|[+-][0-9]{2}:[0-9]{2})")
# What a clock shows that was never set, in whichever zone: the zero of FAT, of Unix, of QuickTime, of Windows.
_CLOCKS_BEGIN = datetime(1980, 1, 2, 12, tzinfo=UTC)
_EXIF = re.compile(r"([0-9]{4}):([0-9]{2}):([0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})")


def kind_of(filename: str, mime_type: str = "", *, has_video_facts: bool = False) -> str:
    """VIDEO, PHOTO, or empty for another kind of file. `has_video_facts`: the service has looked inside, and knows the
    duration. The extension decides where the type says only that there are bytes."""
    extension = PurePosixPath(f"x{filename}").suffix.lower().removeprefix(".")
    if has_video_facts or extension in VIDEO_EXTENSIONS:
        return VIDEO
    if mime_type.startswith("video/") and extension not in _AMBIGUOUS:
        return VIDEO
    return PHOTO if extension in PHOTO_EXTENSIONS or mime_type.startswith("image/") else ""


def moment(text: str) -> str:
    """A time in ISO 8601 with its offset, as it came; empty for what is none, and for one before there were clocks in
    cameras: 1601, 1904, 1970 and 1980 are what programs write that do not know the time."""
    return text if _read(text) else ""


def exif_moment(text: str) -> str:
    """A time as cameras write it (Exif, DateTimeOriginal), in ISO 8601 without an offset, which it does not have; empty
    for what is none."""
    found = _EXIF.fullmatch(text)
    written = "{}-{}-{}T{}".format(*found.groups()) if found else ""
    return written if _read(f"{written}Z") else ""


def earliest(**moments: str) -> tuple[str, str]:
    """The earliest of several times of one file, and the name it was given by; both empty when none is a time.

    None of them is when it was captured, and all are later: a file is written, then uploaded, then edited. So the
    earliest is the closest. Each is ISO 8601 with an offset.
    """
    read = [(at, text, name) for name, text in moments.items() if (at := _read(text)) is not None]
    return min(read)[1:] if read else ("", "")


def _read(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text).astimezone(UTC) if _MOMENT.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None
    return found if found and found >= _CLOCKS_BEGIN else None
