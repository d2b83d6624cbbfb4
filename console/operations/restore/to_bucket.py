"""Thawed originals copied to another bucket, each compared with S3's checksum of the original and with the ledger's.

It can be repeated: what is there with the same bytes is left, and what has other bytes is never overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import batched, count
from typing import Any

import msgspec
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.restore_jobs import FileState, JobFile

from console.errors import UsageError
from console.operations.restore.bucket_copy import (
    MISSING,
    BucketCopy,
    DiffersError,
    Original,
    Place,
    Sizes,
    StillFrozenError,
    TakenError,
)
from console.operations.restore.fetch.names import Layout, folder_of, name_of, numbered

# Connections of one client: ten (botocore.config.Config, max_pool_connections).
_FILES, _PARTS = 4, 6
_AT_A_TIME = 200  # files whose copies are asked for together
_LOOKS = 3  # at a key that something else takes again and again
_PREFIX_LIMIT = 700  # bytes of 1,024 of a key, so that there is room for a name
_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?")
_ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
STORAGE_CLASSES = (
    "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE",
)  # fmt: skip


class Outcome(StrEnum):
    """THERE: it was there already, with the same bytes. THAWING: S3 cannot read it yet."""

    COPIED = "copied"
    THERE = "there"
    THAWING = "thawing"
    FAILED = "failed"


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file: `key` is that of its copy, `version_id` is empty where the bucket keeps no versions.
    `checksum` is S3's over the copy. `problem` says why it was not copied, or was copied twice."""

    number: int
    filename: str
    outcome: Outcome
    bytes: int = 0
    key: str = ""
    version_id: str = ""
    checksum: str = ""
    problem: str = ""

    @property
    def is_there(self) -> bool:
        return self.outcome in (Outcome.COPIED, Outcome.THERE)


type Named = tuple[JobFile, str]
"""A file, and the path that the layout gives it: `2026-05/GX010001.MP4`."""


def place_of(uri: str, storage_class: str, taken: Iterable[str]) -> Place:
    """Of `s3://BUCKET/PREFIX`. `taken` are the stack's own buckets, to which nothing is copied. Raises UsageError."""
    found = _URI.fullmatch(uri)
    if not found:
        raise UsageError(f"--to must be s3://BUCKET or s3://BUCKET/PREFIX; not {one_line(uri, 100)!r}.")
    bucket, prefix = found[1], (found[2] or "").strip("/")
    if bucket in taken:
        raise UsageError(f"{bucket} belongs to the stack, whose lifecycle rules hold there. Name another bucket.")
    if len(prefix.encode()) > _PREFIX_LIMIT:
        raise UsageError(f"--to has too long a prefix: at most {_PREFIX_LIMIT} bytes. Choose a shorter one.")
    return Place(bucket, f"{prefix}/" if prefix else "", storage_class)


@dataclass
class ToBucket:
    """Copies the files of a job. `archive` is the bucket with the originals."""

    s3: Any
    archive: str
    place: Place
    sizes: Sizes = field(default_factory=Sizes)
    _claimed: dict[str, tuple[str, str]] = field(default_factory=dict)

    def copy(self, files: Iterable[Named]) -> Generator[Copied]:
        """What became of each file, in their order. Raises ConsoleError, and botocore's errors, for what holds for all
        files: no such bucket, no permission."""
        with ThreadPoolExecutor(_PARTS) as parts, ThreadPoolExecutor(_FILES) as workers:
            copying = BucketCopy(self.s3, self.place, parts, sizes=self.sizes)
            try:
                for some in batched(files, _AT_A_TIME):
                    asked = [workers.submit(self._one, copying, file, name) for file, name in some]
                    for one in asked:
                        yield one.result()
            finally:
                copying.stop.set()  # whatever is under way, where one has failed or nobody takes the rest
                workers.shutdown(cancel_futures=True)

    def _one(self, copying: BucketCopy, file: JobFile, name: str) -> Copied:
        if file.state is FileState.FAILED:
            return _said(file, Outcome.FAILED, file.problem.rstrip("."))
        try:
            found = self._original(file)
            return found if isinstance(found, Copied) else self._placed(copying, file, found, name)
        except StillFrozenError:
            return _said(file, Outcome.THAWING)

    def _original(self, file: JobFile) -> Original | Copied:
        """As S3 has it, or why it cannot be copied."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        version = {"VersionId": file.version_id} if file.version_id else {}
        try:
            head = self.s3.head_object(Bucket=self.archive, Key=file.key, ChecksumMode="ENABLED", **version)
        except ClientError as error:
            if error.response["Error"]["Code"] not in MISSING:
                raise
            return _said(file, Outcome.FAILED, _missing(error))
        if not _is_readable(head):
            return _said(file, Outcome.THAWING)
        checksum = head.get("ChecksumCRC64NVME", "")
        if head["ContentLength"] != file.size or (file.checksum and checksum and checksum != file.checksum):
            return _said(file, Outcome.FAILED, "the archive has other bytes than the ledger says: run cloudsync verify")
        if not checksum and not file.checksum:
            return _said(file, Outcome.FAILED, "S3 keeps no checksum of it to compare a copy with: fetch it instead")
        return Original(
            bucket=self.archive,
            key=file.key,
            version_id=file.version_id or _version(head),
            etag=head["ETag"],
            size=file.size,
            checksum=checksum or file.checksum,
            head=head,
        )

    def _placed(self, copying: BucketCopy, file: JobFile, original: Original, name: str) -> Copied:
        """Under the first key that is free or has these bytes already."""
        for key in _keys(self.place.prefix + name):
            for _ in range(_LOOKS):
                there = copying.look(key)
                if there is not None and is_same(there, original):
                    return _made(file, Outcome.THERE, key, there)
                if there is not None or self._is_claimed(key, original):
                    break
                try:
                    return self._copied(copying, file, original, key)
                except TakenError:
                    continue
        raise AssertionError  # there is no last key

    def _is_claimed(self, key: str, original: Original) -> bool:
        """By another file of this job, whose copy is under way."""
        own = (original.key, original.version_id)
        return self._claimed.setdefault(key, own) != own

    def _copied(self, copying: BucketCopy, file: JobFile, original: Original, key: str) -> Copied:
        """What differs is copied once more, and removed if it differs again. Raises TakenError, StillFrozenError."""
        there, problem = None, ""
        for _ in range(2):
            try:
                copying.copy(original, key, over=there["ETag"] if there else "")
                there = copying.look(key)
            except DiffersError:
                there = None
            if there is not None and is_same(there, original):
                return _made(file, Outcome.COPIED, key, there, problem)
            problem = "the first copy differed from the original, and was made again"
        problem = "the copy differed from the original twice, and was not kept: repeat the command later"
        if there is not None and not copying.remove(key, there):
            problem = f"the copy {one_line(key)} differs from the original and cannot be removed: delete it"
        return _said(file, Outcome.FAILED, problem)


def is_same(there: Any, original: Original) -> bool:
    """Whether an object's HEAD says that it has the bytes of the original, by S3's checksum over the whole of it."""
    return bool(
        there["ContentLength"] == original.size
        and there.get("ChecksumCRC64NVME") == original.checksum
        and there.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    )


def _is_readable(head: Any) -> bool:
    if head.get("StorageClass") not in _ARCHIVED and not head.get("ArchiveStatus"):
        return True
    return 'ongoing-request="false"' in head.get("Restore", "")


def named(files: Iterable[JobFile], layout: Layout) -> Iterator[Named]:
    """As they are called in a directory into which they are fetched."""
    for file in files:
        folder = folder_of(file, layout)
        yield file, f"{folder}/{name_of(file)}" if folder else name_of(file)


def _keys(first: str) -> Iterator[str]:
    """The key itself, then with a number at the end of the name: `GX010001 (2).MP4`."""
    folder, slash, name = first.rpartition("/")
    return (f"{folder}{slash}{numbered(name, number)}" for number in count(1))


def _missing(error: Any) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if headers.get("x-amz-delete-marker") == "true":
        return "it was deleted; the versions before are still there, below a delete marker"
    return "the archive has no such version of it any more: run cloudsync verify"


def _version(head: Any) -> str:
    found = str(head.get("VersionId", ""))
    return "" if found == "null" else found


def _said(file: JobFile, outcome: Outcome, problem: str = "") -> Copied:
    return Copied(number=file.number, filename=file.filename, outcome=outcome, bytes=file.size, problem=problem)


def _made(file: JobFile, outcome: Outcome, key: str, there: Any, problem: str = "") -> Copied:
    return Copied(
        number=file.number,
        filename=file.filename,
        outcome=outcome,
        bytes=file.size,
        key=key,
        version_id=_version(there),
        checksum=there.get("ChecksumCRC64NVME", ""),
        problem=problem,
    )
