"""Each archived file beside its object in S3: a HEAD for its checksum, which thaws nothing.

What S3 states is the checksum that it computed when the object was written. S3 keeps it with the object and checks the
bytes that it stores by its own means; to have it compute a checksum anew is another operation (deep.py).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import blake2b
from itertools import batched
from typing import Any

import msgspec
from cloud_sync_common.provider_access.certificate import MOST_SHOWN, Choice, Compared
from cloud_sync_common.provider_access.disagreements import Disagreement, Finding
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.ledger_rows import Status

from console.operations.ledger import Reading, Row, plain_row, typed, walk
from console.stack import Stack

AT_ONCE = 10  # as many connections as a client of botocore keeps (botocore.config.Config, max_pool_connections)
_AT_A_TIME = 500  # files, whose rows are held together
_POINTER_LIMIT = 4_096  # bytes of a pointer: a key of at most 1,024 bytes, as JSON, and two numbers
_LINE = 1_100  # characters of a key: at most 1,024 bytes
ATTRIBUTES = (
    "pk", "sk", "status", "key", "size", "checksum", "copy_of", "archived_at", "damage", "disputed",
)  # fmt: skip
ODD = "the row of an archived file has no key, no size or no checksum"

type Show = Callable[[int], None]
"""Is told how many files are compared by now."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a source, as far as it is compared. A row that nobody of Cloud Sync writes is an empty one."""

    status: str = ""
    key: str = ""
    size: int = -1
    checksum: str = ""
    copy_of: str = ""
    archived_at: str = ""
    damage: str = ""

    @property
    def is_odd(self) -> bool:
        return not self.key or not self.checksum or self.size < 0

    @property
    def object_key(self) -> str:
        """Of the object with the bytes: of a copy, the one that it points to."""
        return self.copy_of or self.key


class _Pointer(msgspec.Struct, frozen=True):
    """The content of a copy's own object (cloud_sync_common/transfer/copies.py; a test compares)."""

    copy_of: str
    size: int
    crc64nvme: str


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A file as its row says by now, and what its object is otherwise. `is_gone`: it is not archived any more, because
    a later version is on its way."""

    file: File
    requests: int
    kind: Disagreement | None = None
    detail: str = ""
    is_gone: bool = False
    has_changed: bool = False


def compared(stack: Stack, providers: Iterable[str], choice: Choice, reading: Reading, show: Show) -> list[Compared]:
    """One for each provider. Walks over the ledger once. Raises botocore's errors."""
    found = {provider: Compared(provider=provider) for provider in providers}
    done = 0
    with closing(walk(stack, reading, ATTRIBUTES)) as rows, ThreadPoolExecutor(AT_ONCE) as lookups:
        chosen = chosen_rows(candidates(rows, found, choice), choice)
        for some in batched(chosen, _AT_A_TIME):
            for row, seen in zip(some, lookups.map(lambda row: _look(stack, row), some), strict=True):
                count(found[provider_of(row)], row, seen)
            done += len(some)
            show(done)
    return list(found.values())


def candidates(rows: Iterable[Row], found: Mapping[str, Compared], choice: Choice) -> Iterator[Row]:
    """The rows of archived files that are to be looked at; what is left out is counted. A file that does not say when
    it was archived is never left out."""
    for row in rows:
        counts, sk = found.get(provider_of(row)), str(row["sk"])
        if counts is None:
            continue
        if sk == "ITEM":
            counts.disputed += bool(row.get("disputed"))
        elif sk.startswith("SOURCE#"):
            if row.get("status") != Status.ARCHIVED:
                counts.unarchived += 1
            elif choice.since and row.get("archived_at") and _is_before(str(row["archived_at"]), choice.since):
                counts.earlier += 1
            else:
                yield row


def _is_before(moment: str, since: str) -> bool:
    """Both are ISO 8601 in UTC to the second or finer, and the ledger writes its offset otherwise."""
    return moment[:19] < since[:19]


def chosen_rows(rows: Iterable[Row], choice: Choice) -> Iterable[Row]:
    """All, or the sample: those whose hash with the seed is lowest. So it does not depend on the order of a walk."""
    if not choice.sample:
        return rows

    def rank(row: Row) -> bytes:
        return blake2b(f"{choice.seed}\n{row['pk']}\n{row['sk']}".encode(), digest_size=16).digest()

    return heapq.nsmallest(choice.sample, rows, key=rank)


def count(counts: Compared, row: Row, seen: Seen) -> None:
    """Adds what was seen of this row; its `pk` names the item."""
    counts.requests += seen.requests
    counts.changed += seen.has_changed
    if seen.is_gone:
        counts.unarchived += 1
        return
    counts.files += 1
    counts.copies += bool(seen.file.copy_of)
    counts.bytes += max(seen.file.size, 0) if not seen.file.copy_of else 0
    counts.damaged += bool(seen.file.damage)
    if seen.kind is None:
        return
    counts.findings[seen.kind] = counts.findings.get(seen.kind, 0) + 1
    if len(counts.examples) < MOST_SHOWN:
        media_id = one_line(str(row["pk"]).partition("#")[2], _LINE)
        counts.examples.append(Finding(seen.kind, media_id, one_line(seen.file.key, _LINE), seen.detail))


def _look(stack: Stack, row: Row) -> Seen:
    """A difference is looked at a second time by the row as it is now: a run may have archived a later version since
    the walk came by."""
    seen = _seen(stack, typed(row, File))
    if seen.kind is None:
        return seen
    now = typed(_now(stack, row), File)
    if now == seen.file:
        return seen
    if now.status != Status.ARCHIVED:
        return Seen(file=now, requests=seen.requests, is_gone=True, has_changed=True)
    again = _seen(stack, now)
    return msgspec.structs.replace(again, requests=seen.requests + again.requests, has_changed=True)


def _seen(stack: Stack, file: File) -> Seen:
    if file.is_odd:
        return Seen(file=file, requests=0, kind=Disagreement.ODD_ROW, detail=ODD)
    if file.copy_of and (problem := _of_pointer(stack, file)):
        return Seen(file=file, requests=1, kind=problem[0], detail=problem[1])
    kind, detail = of_object(stack, file) or (None, "")
    return Seen(file=file, requests=1 + bool(file.copy_of), kind=kind, detail=detail)


def of_object(stack: Stack, file: File) -> tuple[Disagreement, str] | None:
    """What the object with the bytes has otherwise than the row: of a copy, the object that it points to."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    key, of_copy = file.object_key, f" (a copy of {one_line(file.copy_of, _LINE)})" if file.copy_of else ""
    try:
        head = stack.client("s3").head_object(Bucket=stack.output("ArchiveBucket"), Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        if (missing := _missing(error)) is None:
            raise
        return Disagreement.MISSING_OBJECT, missing + of_copy
    size, checksum = head["ContentLength"], head.get("ChecksumCRC64NVME", "")
    version = f", version {head['VersionId']}" if head.get("VersionId") else ""
    if size != file.size:
        return Disagreement.SIZE_DIFFERS, f"{size} instead of {file.size} bytes{of_copy}{version}"
    if checksum != file.checksum:
        stated = one_line(checksum) or "none"
        return Disagreement.CHECKSUM_DIFFERS, f"{stated} instead of {one_line(file.checksum)}{of_copy}{version}"
    return None


def _of_pointer(stack: Stack, file: File) -> tuple[Disagreement, str] | None:
    """The small object of a copy, which is never frozen, is read as a whole: it has to name the same object as the
    row."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    try:
        answer = stack.client("s3").get_object(Bucket=stack.output("ArchiveBucket"), Key=file.key)
    except ClientError as error:
        if (missing := _missing(error)) is None:
            raise
        return Disagreement.MISSING_OBJECT, f"the pointer of a copy: {missing}"
    try:
        pointer = msgspec.json.decode(answer["Body"].read(_POINTER_LIMIT), type=_Pointer)
    except (msgspec.DecodeError, RecursionError):
        return Disagreement.CHECKSUM_DIFFERS, "the pointer of a copy cannot be read"
    if pointer != _Pointer(file.copy_of, file.size, file.checksum):
        return Disagreement.CHECKSUM_DIFFERS, "the pointer of a copy names another object than the ledger"
    return None


def _missing(error: Any) -> str | None:
    """Why there is no such object; None for any other refusal."""
    if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NotFound"):
        return None
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if headers.get("x-amz-delete-marker") == "true":
        return "it was deleted; the versions before are still there, below a delete marker"
    return "S3 has no such object"


def _now(stack: Stack, row: Row) -> Row:
    """The row as it is at this moment; an empty one if it is gone."""
    key = {"pk": {"S": row["pk"]}, "sk": {"S": row["sk"]}}
    answer = stack.client("dynamodb").get_item(TableName=stack.output("LedgerTable"), Key=key, ConsistentRead=True)
    return plain_row(answer.get("Item", {}))


def provider_of(row: Row) -> str:
    return str(row["pk"]).partition("#")[0]
