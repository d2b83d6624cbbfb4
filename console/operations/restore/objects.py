"""What S3 has of the files that are wanted back: which version, in which storage class, thawed or not. One HEAD each,
which thaws nothing. What is wrong with a file is a sentence on it, and the others go on.

It needs a client of S3 and the name of the bucket, and neither stack nor ledger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from itertools import batched
from typing import Any
from urllib.parse import unquote

import msgspec
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.restore_jobs import FileState, JobFile

from console.operations.restore.selection import Archived

AT_ONCE = 10  # as many connections as a client of botocore keeps (botocore.config.Config, max_pool_connections)
MOST_VERSIONS = 20  # of one key that are looked at for the ledger's bytes
_AT_A_TIME = 500
_FROZEN = {"DEEP_ARCHIVE", "GLACIER"}
_STANDARD = "STANDARD"  # S3 states no class then (API reference, HeadObject)
_RESTORE = re.compile(r'(?P<name>ongoing-request|expiry-date)="(?P<value>[^"]*)"')
_KEY = re.compile(r"KMS[\w.]*|(De|En)cryptionFailure(Exception)?", re.IGNORECASE)
# An answer to HEAD has no body, and so no code but its status.
_MISSING, _DENIED = {"404", "NoSuchKey", "NoSuchVersion"}, {"403", "AccessDenied", "Forbidden"}
_UNFIT = {"400", "BadRequest", "405", "MethodNotAllowed"}

GONE = "S3 has no such object, in no version: `cloudsync verify` compares everything."
NOT_ALLOWED = (
    "These AWS credentials may not look at it (s3:GetObject): attach the managed policy CloudSyncOwner to them."
)
NO_VERSIONS = "It is gone or deleted, and these AWS credentials may not see its versions (s3:ListBucketVersions)."
NO_KEY = (
    "Its KMS key refuses, so that its bytes could not be read: in the KMS console, check that the key exists and is "
    "enabled, and that its key policy admits you."
)

type Show = Callable[[int], None]
"""Is told how many files were looked at by now."""


class Temperature(StrEnum):
    """HOT: it can be read at any time. THAWED: it can be until a moment. LOST: it cannot be had."""

    HOT = "hot"
    THAWED = "thawed"
    THAWING = "thawing"
    FROZEN = "frozen"
    LOST = "lost"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A file as a job has it (what is hot is READY, what cannot be had FAILED), and its object as S3 has it now.
    `thawed_until` is ISO 8601; `note` is a sentence about a version that is not the current one."""

    file: JobFile
    temperature: Temperature
    storage_class: str = ""
    thawed_until: str = ""
    note: str = ""


def look(s3: Any, bucket: str, files: Iterable[Archived], show: Show = lambda _: None) -> Iterator[Seen]:
    """One for each file, in their order. Raises botocore's errors for what is no file's own, such as throttling."""
    done = 0
    with ThreadPoolExecutor(AT_ONCE) as lookups:
        for some in batched(files, _AT_A_TIME):
            yield from lookups.map(lambda one: _Bucket(s3, bucket).seen(one), some)
            done += len(some)
            show(done)


class _LostError(Exception):
    """The file cannot be had; the sentence says why."""


class _Bucket:
    def __init__(self, s3: Any, name: str) -> None:
        self._s3, self._name = s3, name

    def seen(self, one: Archived) -> Seen:
        try:
            answer, note = self._found(one.file)
        except _LostError as lost:
            failed = msgspec.structs.replace(one.file, state=FileState.FAILED, problem=str(lost))
            return Seen(file=failed, temperature=Temperature.LOST)
        return _seen(one, answer, note)

    def _found(self, file: JobFile) -> tuple[Mapping[str, Any], str]:
        """The answer to a HEAD of the version that has the file's bytes, and what is to be said of it."""
        answer = self._head(file.key)
        if answer and _fits(answer, file):
            return answer, ""
        versions, is_deleted = self._versions(file.key)
        for version in versions:
            earlier = self._head(file.key, VersionId=version["VersionId"])
            if earlier and _fits(earlier, file):
                return earlier, _note(earlier, is_deleted=is_deleted)
        if answer:
            raise _LostError(_differs(answer, file))
        if versions:
            raise _LostError("It was deleted, and no version of it that S3 still has is what the ledger says.")
        raise _LostError(GONE)

    def _head(self, key: str, **version: str) -> Mapping[str, Any] | None:
        """None where there is nothing. Raises _LostError for what may not be looked at."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        ask = {"Bucket": self._name, "Key": key, **version}
        try:
            answer: Mapping[str, Any] = self._s3.head_object(**ask, ChecksumMode="ENABLED")
        except ClientError as error:
            code = _code(error)
            if code in _MISSING:
                return None
            if _KEY.fullmatch(code):
                raise _LostError(NO_KEY) from None
            if code in _DENIED | _UNFIT:
                raise _LostError(NO_KEY if self._is_there(ask) else NOT_ALLOWED) from None
            raise
        return answer

    def _is_there(self, ask: Mapping[str, str]) -> bool:
        """Whether it may be looked at but for its checksum, which alone needs its KMS key (S3 API reference,
        HeadObject)."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        try:
            self._s3.head_object(**ask)
        except ClientError as error:
            if _code(error) in _DENIED | _UNFIT | _MISSING:
                return False
            raise
        return True

    def _versions(self, key: str) -> tuple[list[Mapping[str, Any]], bool]:
        """The versions of a key, the last one first, and whether a delete marker is in front of them."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        try:
            answer = self._s3.list_object_versions(Bucket=self._name, Prefix=key, MaxKeys=MOST_VERSIONS)
        except ClientError as error:
            if _code(error) in _DENIED:
                raise _LostError(NO_VERSIONS) from None
            raise
        found = [one for one in answer.get("Versions", []) if one["Key"] == key]
        markers = [one for one in answer.get("DeleteMarkers", []) if one["Key"] == key]
        return found, any(one.get("IsLatest") for one in markers)


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _fits(answer: Mapping[str, Any], file: JobFile) -> bool:
    """What the ledger, or S3, does not say differs from nothing."""
    checksum = answer.get("ChecksumCRC64NVME", "")
    is_same = not checksum or not file.checksum or checksum == file.checksum
    return bool(answer["ContentLength"] == file.size and is_same)


def _differs(answer: Mapping[str, Any], file: JobFile) -> str:
    size = answer["ContentLength"]
    what = f"{size:,} bytes in place of {file.size:,}" if size != file.size else "another checksum"
    return f"S3 has {what}, in no version what the ledger says: `cloudsync verify` compares everything."


def _note(answer: Mapping[str, Any], *, is_deleted: bool) -> str:
    version = f"its version {one_line(str(answer.get('VersionId', '')), 100)} of {_day(answer.get('LastModified'))}"
    if is_deleted:
        return f"It was deleted (a delete marker is in front); {version} is there and is the one that comes back."
    return f"Its current version has other bytes; {version} is what the ledger says, and comes back."


def _day(moment: Any) -> str:
    return moment.strftime("%Y-%m-%d") if isinstance(moment, datetime) else "an unknown day"


def _seen(one: Archived, answer: Mapping[str, Any], note: str) -> Seen:
    temperature, until = temperature_of(answer)
    file = msgspec.structs.replace(
        one.file,
        filename=_name(one, answer),
        version_id=answer.get("VersionId") or "",
        state=FileState.READY if temperature is Temperature.HOT else FileState.WANTED,
    )
    return Seen(
        file=file,
        temperature=temperature,
        storage_class=answer.get("StorageClass") or _STANDARD,
        thawed_until=until,
        note=note,
    )


def temperature_of(answer: Mapping[str, Any]) -> tuple[Temperature, str]:
    """By the answer to a HEAD, and until when a thawed copy is there (ISO 8601)."""
    is_frozen = answer.get("StorageClass") in _FROZEN or bool(answer.get("ArchiveStatus"))
    if not is_frozen:
        return Temperature.HOT, ""
    said = {found["name"]: found["value"] for found in _RESTORE.finditer(answer.get("Restore") or "")}
    if said.get("ongoing-request") == "true":
        return Temperature.THAWING, ""
    until = _moment(said.get("expiry-date", ""))
    if until and until > datetime.now(UTC):
        return Temperature.THAWED, until.isoformat(timespec="seconds")
    return Temperature.FROZEN, ""


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _name(one: Archived, answer: Mapping[str, Any]) -> str:
    """The name that the object keeps, where the file has one of its own; else that of its chapter, else the item's. An
    object that has the bytes of a copy has another item's name."""
    kept = "" if one.is_copy else unquote((answer.get("Metadata") or {}).get("filename", ""))
    if kept and kept != one.file.filename and _has_own_name(one, kept):
        return one_line(kept, 1_000)
    return one.chapter or one.file.filename


def _has_own_name(one: Archived, kept: str) -> bool:
    """A name that is too long for the metadata is cut there."""
    return not one.file.filename.startswith(kept)
