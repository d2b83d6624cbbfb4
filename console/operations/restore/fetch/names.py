"""What a fetched file is called: its original name, made safe for what file systems cannot hold. Pure functions.

A name may come from anybody who shares a folder with the owner, so that it must not lead out of the directory; and the
directory may be on a disk that goes to another machine, so that every name suits all usual file systems.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from pathlib import PurePosixPath

from cloud_sync_common.stores.archive_keys import capture_month
from cloud_sync_common.stores.restore_jobs import JobFile

MANIFEST = "cloudsync-manifest.jsonl"
LOCK = ".cloudsync-fetch.lock"
PART, JOURNAL = ".part", ".part.journal"
_NAME_BYTES = 220  # of the 255 that a file system holds: a number and the endings above have their place
_SUFFIX_LIMIT = 20  # characters; what is longer is no extension
_UNKNOWN_MONTH, _UNKNOWN_CAMERA = "unknown month", "unknown camera"
# What Windows and its file systems cannot hold; control characters; what turns the direction of a text, by which
# `fdp.exe` may be read as another name; line separators; and half characters.
_UNSAFE = re.compile('[<>:"/\\\\|?*\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)


class Layout(StrEnum):
    """Into which folders of the directory files go: `2026-05`, a camera's name, or none."""

    MONTH = "month"
    CAMERA = "camera"
    FLAT = "flat"


def folder_of(file: JobFile, layout: Layout) -> str:
    """The folder of a file, below the directory; empty: the directory itself."""
    if layout is Layout.FLAT:
        return ""
    if layout is Layout.CAMERA:
        return safe_name(file.camera, _UNKNOWN_CAMERA) if file.camera else _UNKNOWN_CAMERA
    month = capture_month(file.captured_at)
    return _UNKNOWN_MONTH if month == "0000/00" else month.replace("/", "-")


def name_of(file: JobFile) -> str:
    """The name of a file; one that leaves nothing is called by its id."""
    return safe_name(file.filename, safe_name(file.media_id, "file"))


def safe_name(original: str, otherwise: str) -> str:
    """A name that every usual file system holds, in 220 bytes; `otherwise` if nothing of it is left."""
    plain = _UNSAFE.sub("_", original).rstrip(" .")
    if not plain.strip("_ ."):
        return otherwise
    if _DEVICES.fullmatch(plain) or plain.casefold() in (MANIFEST, LOCK):
        plain = f"_{plain}"
    if plain.casefold().endswith((PART, JOURNAL)):  # what is half fetched is called so
        plain += "_"
    return _shortened(plain)


def _shortened(name: str) -> str:
    """With its extension, and without half a character at the cut."""
    if len(name.encode()) <= _NAME_BYTES:
        return name
    suffix = PurePosixPath(f"x{name}").suffix
    suffix = suffix if len(suffix) <= _SUFFIX_LIMIT else ""
    stem = name.removesuffix(suffix).encode()[: _NAME_BYTES - len(suffix.encode())]
    return stem.decode(errors="ignore").rstrip(" .") + suffix


def numbered(name: str, number: int) -> str:
    """The name of the so-manieth file of that name: `GX010042 (2).MP4`."""
    if number == 1:
        return name
    suffix = PurePosixPath(name).suffix
    return f"{name.removesuffix(suffix)} ({number}){suffix}"


def folded(name: str) -> str:
    """What is the same for two names that a file system may take for one: those of macOS and Windows do not tell small
    letters from capital ones, nor the ways to write an accent."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
