"""What an object of the archive says of itself: which file of which item it is, in which version. Pure.

Key and metadata are those of cloud_sync_common/stores/archive_keys.py. Nothing in them is trusted: whoever may write to
the bucket may have written anything. What cannot be believed is named, and the object is taken by its key alone.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import unquote

import msgspec
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.source_identity import MOST_FILES
from cloud_sync_common.stores import archive_keys
from cloud_sync_common.stores.provider_rows import month_of

POINTER, POINTER_LIMIT = ".copy", 4_096  # bytes of a pointer: a key of at most 1,024 bytes, as JSON, and two numbers
MOST_VERSIONS = 10_000  # of one file that are believed in, as in stores/ledger.py
_KEY = re.compile(
    r"(?P<provider>[a-z][a-z0-9_]{0,39})/(?P<year>[0-9]{4})/(?P<month>[0-9]{2})/(?P<item>[A-Za-z0-9_.-]{1,700})/"
    r"(?P<name>[A-Za-z0-9_.-]{1,300})"
)
_VERSION = re.compile(r"-v([1-9][0-9]{0,4})$")
_DIGEST = re.compile(r"(W/)?sha256-[0-9a-f]{64}")  # in place of what was too long (archive_keys._identifying)
_NAME_LIMIT = 1_000  # characters
_MOMENT_LIMIT = 100


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An object as S3 describes it. `checksum` is its CRC-64/NVME over all of it in base64, `restore` the header
    x-amz-restore, `modified` ISO 8601 in UTC; each is empty where S3 states none."""

    key: str
    size: int
    version_id: str = ""
    checksum: str = ""
    etag: str = ""
    storage_class: str = "STANDARD"
    restore: str = ""
    modified: str = ""
    metadata: dict[str, str] = {}


class Pointer(msgspec.Struct, frozen=True):
    """The content of a copy's own object (cloud_sync_common/transfer/copies.py; a test compares)."""

    copy_of: str
    size: int
    crc64nvme: str


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies the version of the source (provider_interface.Fingerprint), as the metadata have it, decoded.
    `is_exact`: none of it is the digest of something longer."""

    size: int
    etag: str = ""
    last_modified: str = ""
    listed: str = ""
    is_exact: bool = True


class ArchiveFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the archive. `own_key` is its own object's key, `stored` the object with its bytes: of a copy another
    one (`copy_of`). `kept_id` is the id by which ledger and archive know the item. `month` is `2026-05` or `unknown`.
    `number` is None where nothing says it. `copy` is the number of the version. `is_deleted`: a delete marker is in
    front of it. `problem` says what of it cannot be believed; empty: it is as Cloud Sync writes it."""

    own_key: str
    provider: str
    media_id: str
    kept_id: str
    month: str
    number: int | None
    copy: int
    filename: str
    captured_at: str
    stored: Stored
    said: Said | None = None
    copy_of: str = ""
    archived_at: str = ""
    is_deleted: bool = False
    problem: str = ""

    @property
    def source(self) -> tuple[str, str, str]:
        """The same for all versions of a file. One that nothing numbers is a file of its own."""
        return self.provider, self.kept_id, str(self.number or _unversioned(self.own_key, self.copy))


class Foreign(msgspec.Struct, frozen=True):
    """An object that is none of Cloud Sync's, and why."""

    key: str
    why: str


def is_ours(key: str) -> bool:
    """Whether a key is one that Cloud Sync may have made."""
    return _KEY.fullmatch(key) is not None


def provider_of(key: str) -> str:
    return key.partition("/")[0]


def month_in(key: str) -> str:
    """The month of capture in a key of ours: `2026-05`, or `unknown`."""
    _, year, month, _ = key.split("/", 3)
    return month_of(f"{year}-{month}-01")


def of_key(key: str) -> ArchiveFile:
    """What a key of ours alone says. Raises ValueError for any other."""
    found = read(Stored(key=key, size=0), {provider_of(key)})
    if isinstance(found, Foreign):
        raise ValueError(found.why)
    return found


def may_be_pointer(stored: Stored) -> bool:
    """Whether the object may only say where the bytes of its file are, so that it has to be read."""
    return stored.key.endswith(POINTER) and stored.size <= POINTER_LIMIT and _size(stored.metadata) != stored.size


def pointer_in(content: bytes) -> Pointer | None:
    """None for what is no pointer."""
    try:
        found = msgspec.json.decode(content, type=Pointer)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return found if found.size >= 0 and is_ours(found.copy_of) else None


def read(own: Stored, providers: Container[str], pointer: Pointer | None = None) -> ArchiveFile | Foreign:
    """The file that an object is, or is the pointer of. `providers` are those that this version knows."""
    place = _KEY.fullmatch(own.key)
    if place is None:
        return Foreign(own.key, "its key is none of Cloud Sync's")
    said, provider = own.metadata, place["provider"]
    if said.get("provider") != provider and ("provider" in said or provider not in providers):
        return Foreign(own.key, "its metadata name another provider than its key, or none that is known")
    kept, number, version = archive_keys.media_id_of(own.key), _number(said), _said(said)
    plain_key = archive_keys.pointed_from(own.key) if pointer else own.key
    media_id, filename = unquote(said.get("media-id", "")), _filename(said, plain_key)
    is_same = archive_keys.kept_id(media_id) == kept
    return ArchiveFile(
        own_key=own.key,
        provider=provider,
        media_id=media_id if is_same else kept,
        kept_id=kept,
        month=month_in(own.key),
        number=number,
        copy=_version(plain_key, filename),
        filename=filename,
        captured_at=_moment(said),
        stored=own,
        said=version,
        copy_of=pointer.copy_of if pointer else "",
        archived_at=own.modified,
        problem=_problem(own, pointer, is_same=is_same, number=number, version=version),
    )


def _problem(own: Stored, pointer: Pointer | None, *, is_same: bool, number: int | None, version: Said | None) -> str:
    size = pointer.size if pointer else own.size
    if not own.metadata:
        return "its metadata are gone"
    if not is_same:
        return "its metadata name another item than its key"
    if number is None or version is None:
        return "its metadata do not say which file it is"
    if version.size >= 0 and version.size != size:
        return f"it has {size:,} bytes, and its source had {version.size:,}"
    return ""


def _number(said: Mapping[str, str]) -> int | None:
    text = said.get("file-number", "")
    number = int(text) if re.fullmatch("[0-9]{1,4}", text) else 0
    return number if 1 <= number <= MOST_FILES else None


def _size(said: Mapping[str, str]) -> int | None:
    text = said.get("source-size", "")
    return int(text) if re.fullmatch("-1|[0-9]{1,18}", text) else None


def _said(said: Mapping[str, str]) -> Said | None:
    size = _size(said)
    if size is None or "source-etag" not in said:
        return None
    named = [said.get(f"source-{name}", "") for name in ("etag", "modified", "listed")]
    etag, modified, listed = map(unquote, named)
    is_exact = not any(map(_DIGEST.fullmatch, named))
    return Said(size=size, etag=_quoted(etag), last_modified=modified, listed=listed, is_exact=is_exact)


def _quoted(etag: str) -> str:
    """An ETag as it was sent: the metadata leave out the quotes at both ends (RFC 9110, 8.8.3)."""
    if not etag:
        return ""
    return f'{etag}"' if etag.startswith('W/"') else f'"{etag}"'


def _filename(said: Mapping[str, str], key: str) -> str:
    """The original name, on which only the owner's files depend: it is as the metadata have it, also where it was too
    long for them; else the last part of the key."""
    return unquote(said.get("filename", ""))[:_NAME_LIMIT] or PurePosixPath(key).name


def _moment(said: Mapping[str, str]) -> str:
    """Empty for what is no time."""
    text = unquote(said.get("captured-at", ""))[:_MOMENT_LIMIT]
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return ""
    return text


def _version(key: str, filename: str) -> int:
    """The number of the version in a key: `GX01-v2.MP4` is the second one, unless the file itself is called so."""
    stem = PurePosixPath(key).stem
    found = _VERSION.search(stem)
    number = int(found[1]) if found else 1
    if not 1 < number <= MOST_VERSIONS or PurePosixPath(f"x{archive_keys.safe_name(filename)}").stem == f"x{stem}":
        return 1
    return number


def _unversioned(key: str, copy: int) -> str:
    path = PurePosixPath(key)
    return str(path.with_name(path.stem.removesuffix(f"-v{copy}") + path.suffix)) if copy > 1 else key


def shown(text: str) -> str:
    """What an object says, as it may stand in a sentence or a table."""
    return one_line(text, _NAME_LIMIT)
