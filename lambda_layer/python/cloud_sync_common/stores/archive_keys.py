"""The keys of originals in the archive, and the metadata stored with them. Pure functions.

`{provider}/{yyyy}/{mm}/{media_id}/{filename}` by UTC capture date. The media id separates two clips with the same name.
The sources of one item are numbered. A later version of a source gets a key of its own next to the first.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from urllib.parse import quote

from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource

_NAME_LIMIT = 180
_METADATA_LIMIT = 900  # of the 2 KB that S3 allows for all user metadata (user guide, "Working with object metadata")

_SAID_LIMIT = 200  # characters of each of what a server says
_NO_SIZE = -2  # of an object that is not one of ours


def object_key(provider: str, item: MediaItem, source: MediaSource, copy: int = 1) -> str:
    """The key of one source; `copy` is the number of its archived version, from 1."""
    safe_id = _safe_id(item.media_id)
    name = PurePosixPath(safe_name(source.filename) or safe_name(item.filename) or safe_id)
    width = max(2, len(str(source.file_count)))  # so that names sort in the order of the numbers
    number = f"-{source.file_number:0{width}d}" if source.file_count > 1 else ""
    version = f"-v{copy}" if copy > 1 else ""
    folder = f"{provider}/{capture_month(item.captured_at)}/{safe_id}"
    return f"{folder}/{name.stem}{number}{version}{name.suffix}"


def _safe_id(media_id: str) -> str:
    """The id, with every character that is not safe in a key replaced by `.` and the hexadecimal of its bytes, so that
    two ids never get the same key."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: "".join(f".{byte:02x}" for byte in found[0].encode()), media_id)


def media_id_of(key: str) -> str:
    """The media id in a key that `object_key` made: the reverse of `_safe_id`."""
    parts = key.split("/")
    safe = parts[3] if len(parts) == 5 else ""
    found = re.sub(rb"\.([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), safe.encode())
    return found.decode(errors="replace")


def versions(key: str, copy: int) -> set[str]:
    """The key of version `copy` of a source, and the keys of the versions before it."""
    path = PurePosixPath(key)
    stem = path.stem.removesuffix(f"-v{copy}") if copy > 1 else path.stem
    earlier = {str(path.with_name(f"{stem}{f'-v{n}' if n > 1 else ''}{path.suffix}")) for n in range(1, copy)}
    return {key, *earlier}


def capture_month(captured_at: str) -> str:
    """`yyyy/mm` in UTC. A time without an offset is read as UTC; an unreadable one gives 0000/00."""
    try:
        moment = datetime.fromisoformat(captured_at)
        utc = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return "0000/00"
    return f"{utc.year:04}/{utc.month:02}"


def safe_name(filename: str) -> str:
    """The last path component, with only the characters that every S3 tool handles (S3 user guide, "Safe
    characters")."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", filename) if not unicodedata.combining(c))
    last = re.split(r"[/\\]", plain.strip())[-1]
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", last).lstrip("._")
    stem, dot, suffix = safe.rpartition(".")
    return f"{stem[:_NAME_LIMIT]}{dot}{suffix[:16]}" if dot and stem else safe[:_NAME_LIMIT]


def metadata(provider: str, item: MediaItem, source: MediaSource, fingerprint: Fingerprint) -> dict[str, str]:
    """The user metadata of an object, in ASCII: where it came from, and which version of the source it is. The original
    name is percent-encoded UTF-8."""
    return {
        "provider": provider,
        "media-id": quote(item.media_id),
        "file-number": str(source.file_number),
        "captured-at": quote(item.captured_at, safe=":+"),
        "filename": re.sub(r"%[0-9A-F]?$", "", quote(source.filename or item.filename)[:_METADATA_LIMIT]),
        **_said_of(fingerprint),
    }


def _said_of(fingerprint: Fingerprint) -> dict[str, str]:
    said = {
        "source-size": str(fingerprint.size),
        "source-etag": _short(fingerprint.etag.strip('"')),
        "source-modified": _short(fingerprint.last_modified),
        "source-listed": _short(fingerprint.listed),
    }
    return {name: value for name, value in said.items() if value or name in ("source-size", "source-etag")}


def _short(said: str) -> str:
    """What a server says, in ASCII; a text of absurd length is replaced by its hash, so that the metadata stay within
    S3's limit. What is weak stays weak."""
    quoted = quote(said)
    if len(quoted) <= _SAID_LIMIT:
        return quoted
    return ("W/" if said.startswith("W/") else "") + f"sha256-{hashlib.sha256(said.encode()).hexdigest()}"


def is_version(stored: Mapping[str, str], fingerprint: Fingerprint) -> bool:
    """Whether an object's metadata identifies it, for certain, as this version of the source."""
    return _of(stored).agrees_with(_of(_said_of(fingerprint)))


def _of(said: Mapping[str, str]) -> Fingerprint:
    """The fingerprint in an object's metadata. An object that says less than ours do is of no version."""
    try:
        size = int(said["source-size"])
    except (KeyError, ValueError):
        return Fingerprint(_NO_SIZE, "")
    return Fingerprint(
        size, said.get("source-etag", ""), said.get("source-modified", ""), said.get("source-listed", "")
    )
