"""The keys of originals in the archive, and the metadata stored with them. Pure functions.

`{provider}/{yyyy}/{mm}/{media_id}/{filename}` by UTC capture date. The media id separates two clips with the same name.
The sources of one item are numbered, unless each has its own name. A later version of a source gets a key of its own
next to the first.
"""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import PurePosixPath
from urllib.parse import quote

from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource
from cloud_sync_common.safe_text import redact

_NO_LETTERS = frozenset({"Mn", "Mc", "Me", "Cf"})  # marks of a letter, and what is not seen (such as U+200B)
_NAME_LIMIT = 180
_SAFE_ID_LIMIT = 640  # characters of a key's 1,024 bytes (S3 user guide, "Naming Amazon S3 objects")
# Bytes of the 2 KB that S3 allows for the names and values of all user metadata (user guide, "Working with object
# metadata"): of the id, of each thing that a server says, of a moment, and of all together.
_ID_LIMIT, _SAID_LIMIT, _MOMENT_LIMIT, _METADATA_LIMIT = 768, 200, 60, 1900
_NO_SIZE = -2  # of an object that is not one of ours
_POINTER = ".copy"


def object_key(provider: str, item: MediaItem, source: MediaSource, copy: int = 1) -> str:
    """The key of one source; `copy` is the number of its archived version, from 1."""
    escaped = safe_id(item.media_id)
    stem, extension = _stem_and_extension(source, item, escaped)
    most = max(source.file_count, source.file_number)  # a file keeps its number when others are not listed any more
    width = max(2, len(str(most)))  # so that names sort in the order of the numbers
    number = f"-{source.file_number:0{width}d}" if most > 1 and not source.own_name else ""
    version = f"-v{copy}" if copy > 1 else ""
    folder = f"{provider}/{capture_month(item.captured_at)}/{escaped}"
    return f"{folder}/{stem}{number}{version}{extension}"


def later_key(key: str, had: int, copy: int) -> str:
    """The key of version `copy` of a source, beside its version `had` under that key, whatever that is called."""
    path = PurePosixPath(key)
    stem = path.stem.removesuffix(f"-v{had}") if had > 1 else path.stem
    return str(path.with_name(f"{stem}{f'-v{copy}' if copy > 1 else ''}{path.suffix}"))


def pointer_key(key: str) -> str:
    """The key of the small object that says of which other one the file is a copy that would have had `key` itself."""
    return f"{key}{_POINTER}"


def pointed_from(key: str) -> str:
    """The key that the file of a pointer would have had; any other key is itself."""
    return key.removesuffix(_POINTER)


def kept_id(media_id: str) -> str:
    """The id by which ledger and archive know an item: the provider's, or its SHA-256 where that one is longer than a
    key can be. The kept id of a kept id is the same."""
    if len(_escaped(media_id)) <= _SAFE_ID_LIMIT:
        return media_id
    return f"sha256-{sha256(media_id.encode()).hexdigest()}"


def _stem_and_extension(source: MediaSource, item: MediaItem, safe_id: str) -> tuple[str, str]:
    """What the key is called by: the first of the two names of which something can be kept, else the id; and the first
    extension. A name in another script has its letters in the metadata, and its extension here."""
    names = [PurePosixPath(f"x{safe_name(redact(name))}") for name in (source.filename, item.filename)]
    stem = next((name.stem[1:] for name in names if name.stem[1:]), safe_id[:_NAME_LIMIT])
    return stem, next((name.suffix for name in names if name.suffix), "")


def safe_id(media_id: str) -> str:
    """The id as it stands in a key."""
    return _escaped(kept_id(media_id))


def _escaped(media_id: str) -> str:
    """The id, with every character that is not safe in a key replaced by `.` and the hexadecimal of its bytes, so that
    two ids never get the same key."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda found: "".join(f".{byte:02x}" for byte in found[0].encode()), media_id)


def media_id_of(key: str) -> str:
    """The kept id in a key that `object_key` made: the reverse of `safe_id`."""
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
    characters"). Of a name without any of them the extension is left, as in `.MP4`."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", filename) if unicodedata.category(c) not in _NO_LETTERS)
    last = re.split(r"[/\\]", plain.strip())[-1]
    named, dot, end = last.rpartition(".")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", named).lstrip("._")
    suffix = re.sub(r"[^A-Za-z0-9_-]+", "_", end)[:16]
    if dot and suffix.strip("_") and (named or mimetypes.guess_type(f"x.{suffix}")[0]):
        return f"{stem[:_NAME_LIMIT]}.{suffix}"
    return re.sub(r"[^A-Za-z0-9._-]+", "_", last).lstrip("._")[:_NAME_LIMIT]


def metadata(provider: str, item: MediaItem, source: MediaSource, fingerprint: Fingerprint) -> dict[str, str]:
    """The user metadata of an object, in ASCII: where it came from, and which version of the source it is. The original
    name is percent-encoded UTF-8."""
    stored = {
        "provider": provider,
        "media-id": _identifying(item.media_id, _ID_LIMIT),
        "file-number": str(source.file_number),
        "captured-at": _cut(quote(redact(item.captured_at), safe=":+"), _MOMENT_LIMIT),
        **_said_of(fingerprint),
    }
    used = sum(len(name) + len(value) for name, value in stored.items()) + len("filename")
    return stored | {"filename": _cut(quote(redact(source.filename or item.filename)), _METADATA_LIMIT - used)}


def _cut(written: str, most: int) -> str:
    """At most so many characters, and no half of a percent-encoded byte."""
    return re.sub(r"%[0-9A-F]?$", "", written[:most])


def _said_of(fingerprint: Fingerprint) -> dict[str, str]:
    said = {
        "source-size": str(fingerprint.size),
        "source-etag": _identifying(fingerprint.etag.strip('"'), _SAID_LIMIT),
        "source-modified": _identifying(fingerprint.last_modified, _SAID_LIMIT),
        "source-listed": _identifying(fingerprint.listed, _SAID_LIMIT),
    }
    return {name: value for name, value in said.items() if value or name in ("source-size", "source-etag")}


def _identifying(text: str, most: int) -> str:
    """Percent-encoded; what is longer than `most` characters then, as its SHA-256, which tells it apart as well. A weak
    ETag stays weak."""
    written = quote(text)
    if len(written) <= most:
        return written
    return ("W/" if text.startswith("W/") else "") + f"sha256-{sha256(text.encode()).hexdigest()}"


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
