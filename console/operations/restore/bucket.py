"""An archive bucket, read without ledger and stack: its objects as they are now, and what each is a copy of.

A listing names the objects, and a HEAD of each has its metadata and checksum; neither thaws anything. Of a copy, whose
own object only names another one, that one is looked at as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import batched
from typing import Any, NamedTuple

import msgspec
from cloud_sync_common.providers import PROVIDERS

from console.aws_account import AwsAccount
from console.errors import CredentialsRefusedError, NotFoundError, UsageError
from console.operations.restore import archived
from console.operations.restore.archived import ArchiveFile, Foreign, Pointer, Stored

AT_ONCE = 10  # as many connections as a client of botocore keeps (botocore.config.Config, max_pool_connections)
MOST_NAMED = 10  # objects that a report names; the others are counted
_AT_A_TIME = 1_000
_NAME = re.compile(r"(?:s3://)?([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/?")
_MISSING = ("404", "NoSuchKey", "NotFound")
_DENIED = ("403", "AccessDenied", "Forbidden")

type Show = Callable[[int], None]
"""Is told how many objects were looked at by now."""


class Entry(NamedTuple):
    """An object in a listing. `deleted_version` is empty for one that is there; else it is the newest version behind
    the delete marker."""

    key: str
    deleted_version: str = ""


type Pick = Callable[[list[Entry]], list[Entry]]
"""Which of the objects with keys of ours are looked at."""


@dataclass
class Named:
    """Things that are counted, of which the first ones are named, each as a pair of key and reason."""

    count: int = 0
    first: list[Foreign] = field(default_factory=list)

    def add(self, key: str, why: str) -> None:
        self.count += 1
        if len(self.first) < MOST_NAMED:
            self.first.append(Foreign(archived.shown(key), why))


@dataclass
class Found:
    """What a bucket has. `files` are the latest version of each file, in the order of capture; `earlier` counts the
    versions before. `foreign` are objects that are not Cloud Sync's, `deleted` those that a delete marker hides, `odd`
    those among `files` that do not say of themselves what they should; `lost` are files whose bytes cannot be had.
    `objects` counts all that are there now, `requests` what S3 was asked."""

    files: list[ArchiveFile] = field(default_factory=list)
    earlier: int = 0
    objects: int = 0
    requests: int = 0
    foreign: Named = field(default_factory=Named)
    deleted: Named = field(default_factory=Named)
    odd: Named = field(default_factory=Named)
    lost: list[Foreign] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Of the objects with the bytes, each once."""
        return sum({file.stored.key: file.stored.size for file in self.files}.values())

    @property
    def lost_named(self) -> Named:
        return Named(len(self.lost), self.lost[:MOST_NAMED])


@dataclass(frozen=True)
class Bucket:
    """One bucket of an account. Its methods raise botocore's errors."""

    account: AwsAccount
    name: str

    @classmethod
    def called(cls, account: AwsAccount, name: str) -> Bucket:
        """By its name, or `s3://NAME`. Raises UsageError for what is no name of a bucket."""
        found = _NAME.fullmatch(name)
        if not found:
            raise UsageError(f"--bucket must be the name of a bucket, such as cloud-sync-archive; not {name[:80]!r}.")
        return cls(account, found[1])

    @property
    def s3(self) -> Any:
        return self.account.client("s3")

    def provider(self, name: str) -> str:
        """The id of a provider, whether `google-drive` or `google_drive`."""
        return name.replace("-", "_")

    def head(self, key: str, version_id: str = "") -> Stored | None:
        """The object with that key as it is now, or that version of it; None if there is none."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        try:
            answer = self.s3.head_object(**self._named(key, version_id), ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return stored_of(key, answer)

    def pointer(self, key: str, version_id: str = "") -> Pointer | None:
        """What the object with that key points to; None for one that points to nothing."""
        answer = self.s3.get_object(**self._named(key, version_id))
        return archived.pointer_in(answer["Body"].read(archived.POINTER_LIMIT))

    def _named(self, key: str, version_id: str) -> dict[str, str]:
        return {"Bucket": self.name, "Key": key, **({"VersionId": version_id} if version_id else {})}

    def entries(self, found: Found) -> Iterator[Entry]:
        """Every object that is there, and those of ours that a delete marker hides. Versions of a key are listed with
        the newest first (API reference, ListObjectVersions). Raises NotFoundError, CredentialsRefusedError."""
        pages = iter(self.s3.get_paginator("list_object_versions").paginate(Bucket=self.name))
        hidden: set[str] = set()
        while page := self._next(pages):
            found.requests += 1
            hidden |= {marker["Key"] for marker in page.get("DeleteMarkers", []) if marker["IsLatest"]}
            for version in page.get("Versions", []):
                key = version["Key"]
                if version["IsLatest"]:
                    found.objects += 1
                    yield Entry(key)
                elif key in hidden and archived.is_ours(key):
                    hidden.discard(key)
                    found.deleted.add(key, f"behind the delete marker is its version {version['VersionId']}")
                    yield Entry(key, version["VersionId"])

    def _next(self, pages: Iterator[Any]) -> Any:
        """The next page; None at the end. Says what a refusal means that is about the bucket as a whole."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        try:
            return next(pages, None)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("NoSuchBucket", "404"):
                raise NotFoundError(
                    f"There is no bucket {self.name}. `aws s3 ls` with the same profile shows those of the account."
                ) from None
            if code in _DENIED:
                raise CredentialsRefusedError(
                    f"The AWS credentials may not list the bucket {self.name} (s3:ListBucketVersions), or it belongs "
                    "to another account. Name another profile with --profile, or have that permission added."
                ) from None
            raise


def stored_of(key: str, answer: Any) -> Stored:
    """An object by the answer to HEAD."""
    modified = answer.get("LastModified")
    return Stored(
        key=key,
        size=answer["ContentLength"],
        version_id=answer.get("VersionId", ""),
        checksum=answer.get("ChecksumCRC64NVME", ""),
        etag=answer.get("ETag", ""),
        storage_class=answer.get("StorageClass", "STANDARD"),
        restore=answer.get("Restore", ""),
        modified=modified.isoformat(timespec="milliseconds").replace("+00:00", "Z") if modified else "",
        metadata=dict(answer.get("Metadata", {})),
    )


def everything(bucket: Bucket, pick: Pick, show: Show) -> Found:
    """The files of the bucket that `pick` lets through. Raises NotFoundError for a bucket without an object of Cloud
    Sync, CredentialsRefusedError, and what `pick` raises."""
    found, ours = Found(), list[Entry]()
    for entry in bucket.entries(found):
        if archived.is_ours(entry.key):
            ours.append(entry)
        else:
            found.foreign.add(entry.key, "its key is none of Cloud Sync's")
    wanted = pick(ours) if ours else []
    files, looked_at = list[ArchiveFile](), 0
    with ThreadPoolExecutor(AT_ONCE) as lookups:
        for some in batched(wanted, _AT_A_TIME):
            files += _taken(found, lookups.map(_look_with(bucket), some))
            looked_at += len(some)
            show(looked_at)
    if not ours or (wanted and not files and not found.lost):
        raise _no_archive(bucket, found)
    found.files = sorted(_latest(found, files), key=lambda file: (file.captured_at, file.own_key))
    return found


type _Look = tuple[int, ArchiveFile | Foreign | str]
"""The number of requests, and what the object is, or why its bytes cannot be had."""


def _taken(found: Found, looks: Iterable[tuple[Entry, _Look]]) -> Iterator[ArchiveFile]:
    """The files among what was looked at; the rest is counted."""
    for entry, (requests, one) in looks:
        found.requests += requests
        match one:
            case ArchiveFile():
                yield msgspec.structs.replace(one, is_deleted=bool(entry.deleted_version))
            case Foreign():
                found.foreign.add(one.key, one.why)
            case why:
                found.lost.append(Foreign(entry.key, why))


def _look_with(bucket: Bucket) -> Callable[[Entry], tuple[Entry, _Look]]:
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    def look(entry: Entry) -> tuple[Entry, _Look]:
        try:
            return entry, _look(bucket, entry)
        except ClientError as error:
            if error.response["Error"]["Code"] != "400":
                raise
            return entry, (1, "S3 does not describe it (400): it may be encrypted with a key of the writer")

    return look


def _look(bucket: Bucket, entry: Entry) -> _Look:
    own = bucket.head(*entry)
    if own is None:
        return 1, "it was deleted a moment ago"
    if not archived.may_be_pointer(own):
        return 1, archived.read(own, PROVIDERS)
    pointer = bucket.pointer(*entry)
    if pointer is None:
        return 2, "it is to name another object, and cannot be read"
    file = archived.read(own, PROVIDERS, pointer)
    if isinstance(file, Foreign):
        return 2, file
    stored = bucket.head(pointer.copy_of)
    if stored is None:
        return 3, f"it is a copy of {archived.shown(pointer.copy_of)}, which is not there"
    return 3, with_bytes(file, stored, pointer)


def with_bytes(file: ArchiveFile, stored: Stored, pointer: Pointer) -> ArchiveFile:
    """A copy with the object that has its bytes."""
    problem = file.problem
    if (stored.size, stored.checksum) != (pointer.size, pointer.crc64nvme):
        problem = problem or "the object that it is a copy of is another one by now"
    return msgspec.structs.replace(file, stored=stored, problem=problem)


def _latest(found: Found, files: Iterable[ArchiveFile]) -> Iterator[ArchiveFile]:
    """Of each file, the version with the highest number."""
    latest: dict[tuple[str, str, str], ArchiveFile] = {}
    for file in files:
        before = latest.get(file.source)
        if before:
            found.earlier += 1
        if not before or _age(before) < _age(file):
            latest[file.source] = file
    for file in latest.values():
        if file.problem:
            found.odd.add(file.own_key, file.problem)
        yield file


def _age(file: ArchiveFile) -> tuple[int, str, str]:
    return file.copy, file.archived_at, file.own_key


def _no_archive(bucket: Bucket, found: Found) -> NotFoundError:
    there = "it is empty"
    if found.objects:
        there = f"none of its {found.objects:,} objects has a key and metadata of Cloud Sync's"
    return NotFoundError(
        f"The bucket {bucket.name} is no archive of Cloud Sync: {there}. `aws s3 ls` shows your buckets."
    )
