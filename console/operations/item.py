"""Everything that is known of one media item: its rows, its objects in S3, and what the log says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cloud_sync_common.filters import composed
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.archive_keys import kept_id, media_id_of
from cloud_sync_common.stores.catalogue_rows import Details
from cloud_sync_common.stores.ledger_rows import Status

from console.errors import NotFoundError, UsageError
from console.operations.catalogue import LibraryCatalogue
from console.operations.ledger import Reading, Row, partition, walk
from console.operations.library import ATTRIBUTES, Item
from console.operations.library import item_of as listed
from console.stack import Stack

MOST_NAMED = 10  # items with the same name, in the sentence about them
MOST_LINES = 50  # of the log, the last ones
_PAGES = 5  # of each log group; a page may be empty (CloudWatch Logs API reference, FilterLogEvents)
_BEFORE, _AFTER = timedelta(hours=1), timedelta(days=2)  # around the item's last change: a run, and its report
_AT_ONCE = 8
_TERM = 500  # characters of an id that the log is asked for: a pattern has 1,024 at most, with its escapes
_STANDARD = "STANDARD"  # S3 states no class then (API reference, HeadObject)
_OF_LAMBDA = "/aws/lambda/"
# The functions that say something of an item (cloud_sync/owner_policy.py allows these alone).
_TELLING = tuple(
    f"{_OF_LAMBDA}{name}"
    for name in (
        "media-lister", "video-downloader", "failure-recorder", "run-report", "archive-reconciler", "catalogue-writer",
    )
)  # fmt: skip


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """An object as S3 has it now. `problem` says why that is not known, or what differs from the ledger; `restore` is
    S3's own word on a copy that is thawed or being thawed."""

    storage_class: str = ""
    size: int | None = None
    checksum: str = ""
    version_id: str = ""
    encryption: str = ""
    locked_until: str = ""
    restore: str = ""
    problem: str = ""


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the item: what the ledger says of it (`checksum` is its CRC-64/NVME, `proofs` what has shown that it
    is the source's content), and the object. `copy_of` is the object with its bytes, where `key` only points to it."""

    number: int
    status: str
    key: str
    size: int
    checksum: str = ""
    proofs: list[str] = []
    versions: int = 1
    archived_at: str = ""
    copy_of: str = ""
    damage: str = ""
    etag_of_source: str = ""
    last_modified: str = ""
    stored: StoredObject | None = None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a function has said of the item. `run_id` is the run's."""

    at: str
    function: str
    text: str
    run_id: str = ""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The item, its attempts and its failure, its files, and the history; `details` is what the catalogue has of it."""

    item: Item
    first_seen: str
    changed_at: str
    run_id: str
    attempts: int
    category: str
    reason: str
    files: list[SourceFile]
    history: list[LogLine]
    details: Details | None = None


def known(stack: Stack, name: str, reading: Reading, *, with_log: bool = True) -> Known:
    """By an id, `provider/id`, the key of an object, or a name. Raises NotFoundError with the next step, UsageError
    where several items fit, botocore's errors."""
    return of_rows(stack, rows_of(stack, name, reading), with_log=with_log)


def of_rows(stack: Stack, rows: list[Row], *, with_log: bool = True) -> Known:
    """What is known of the item with these rows, of which there is one at least. Raises botocore's errors."""
    item = next((row for row in rows if row["sk"] == "ITEM"), {"pk": rows[0]["pk"], "sk": "ITEM"})
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        sources = [row for row in rows if row["sk"].startswith("SOURCE#")]
        files = readers.map(lambda row: _file(stack, row), sources)
        history = readers.submit(lambda: list(_history(stack, item, rows)) if with_log else [])
        details = readers.submit(_details, stack, listed(item))
        return Known(
            item=listed(item),
            first_seen=_text(item, "first_seen"),
            changed_at=_text(item, "updated_at"),
            run_id=_text(item, "run_id"),
            attempts=_number(item, "attempts"),
            category=_text(item, "error_category"),
            reason=_text(item, "error_message"),
            files=list(files),
            history=history.result(),
            details=details.result(),
        )


def _details(stack: Stack, item: Item) -> Details | None:
    """None where nothing of it was ever archived, or the catalogue has not looked into it."""
    if "WorkBucket" not in stack.outputs or (item.status != Status.ARCHIVED and item.bytes is None):
        return None
    return LibraryCatalogue(stack).details(item.provider, item.captured_at, item.media_id)


def rows_of(stack: Stack, name: str, reading: Reading) -> list[Row]:
    """The rows of the one item that is meant, by its id, `provider/id`, the key of an object, or its name. A name is
    looked for only where there is no such id: by a walk over the ledger. Raises as `known` does."""
    found: dict[str, list[Row]] = {}
    for provider, media_id in candidates(name, list(stack.secrets)):
        pk = f"{provider}#{kept_id(media_id)}"
        if rows := list(partition(stack, pk, reading)):
            found[pk] = rows
            if media_id != name:  # the provider is named: nothing else is meant
                return rows
    pks = list(found) or _named(stack, name, reading)
    if len(pks) > 1:
        raise UsageError(_several(name, pks))
    if pks:
        return found.get(pks[0]) or list(partition(stack, pks[0], reading))
    raise NotFoundError(
        f"The ledger has no item {one_line(name, 100)!r}, neither by its id nor by its name. `cloudsync list --name "
        f"'*{one_line(name, 40)}*'` looks for a part of a name; what was never listed by a run is not known."
    )


def _named(stack: Stack, name: str, reading: Reading) -> list[str]:
    """The partition keys of the items with this name, without regard to capitals and to how a letter and its marks are
    written."""
    wanted = composed(name).casefold()
    with closing(walk(stack, reading, ATTRIBUTES, "ITEM")) as rows:
        found = [row["pk"] for row in rows if composed(str(row.get("filename") or "")).casefold() == wanted]
    return [pk for pk in found if wanted and pk.partition("#")[0] in stack.secrets]


def _several(name: str, pks: list[str]) -> str:
    shown = ", ".join(sorted(one_line(pk, 100).replace("#", "/", 1) for pk in pks)[:MOST_NAMED])
    more = f" and {len(pks) - MOST_NAMED:,} more (`cloudsync list --name`)" if len(pks) > MOST_NAMED else ""
    return f"{len(pks):,} items are called {one_line(name, 100)!r}: name one of {shown}{more}."


def candidates(name: str, providers: list[str]) -> Iterator[tuple[str, str]]:
    """Which items a person may mean: the owner of a key, an id of the provider that is named, or an id of any one."""
    key = name.removeprefix("s3://").partition("/")[2] if name.startswith("s3://") else name
    first, _, rest = key.partition("/")
    provider = first.replace("-", "_")
    if provider in providers and rest:
        if media_id := media_id_of(key):
            yield provider, media_id
        yield provider, rest
    yield from ((one, name) for one in providers)


def _file(stack: Stack, row: Row) -> SourceFile:
    proofs = row.get("proofs")
    found = SourceFile(
        number=int("".join(filter(str.isdecimal, row["sk"])) or 0),
        status=_text(row, "status"),
        key=str(row.get("key", "")),
        size=_number(row, "size"),
        checksum=_text(row, "checksum"),
        proofs=[str(proof) for proof in proofs] if isinstance(proofs, list) else [],
        versions=_number(row, "copy") or 1,
        archived_at=_text(row, "archived_at"),
        copy_of=_text(row, "copy_of"),
        damage=_text(row, "damage"),
        etag_of_source=_text(row, "etag"),
        last_modified=_text(row, "last_modified"),
    )
    is_there = found.status == "ARCHIVED" and found.key
    return msgspec.structs.replace(found, stored=_stored(stack, found)) if is_there else found


def _stored(stack: Stack, file: SourceFile) -> StoredObject:
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    try:
        answer = stack.client("s3").head_object(
            Bucket=stack.output("ArchiveBucket"), Key=file.copy_of or file.key, ChecksumMode="ENABLED"
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("404", "NoSuchKey"):
            return StoredObject(problem="S3 has no such object: `cloudsync verify` compares everything.")
        if code in ("403", "AccessDenied"):
            return StoredObject(problem="These AWS credentials may not look at it.")
        raise
    return _stored_of(answer, file)


def _stored_of(answer: Any, file: SourceFile) -> StoredObject:
    until = answer.get("ObjectLockRetainUntilDate")
    size, checksum = answer["ContentLength"], answer.get("ChecksumCRC64NVME", "")
    differs = size != file.size or (checksum and file.checksum and checksum != file.checksum)
    return StoredObject(
        storage_class=answer.get("StorageClass") or _STANDARD,
        size=size,
        checksum=checksum,
        version_id=answer.get("VersionId", ""),
        encryption=answer.get("ServerSideEncryption", ""),
        locked_until=until.astimezone().isoformat(timespec="seconds") if until else "",
        restore=answer.get("Restore", ""),
        problem="It is not what the ledger says: `cloudsync verify` compares everything." if differs else "",
    )


def _history(stack: Stack, item: Row, rows: list[Row]) -> Iterator[LogLine]:
    """What the log says around the last change of the item, the first line first. It is asked for the id as a term and
    not as a field, and each line is looked at again here."""
    media_id = item["pk"].partition("#")[2]
    changed = _moment(max(_text(row, "updated_at") for row in rows))
    if changed is None:
        return
    groups = sorted(name for name in stack.resources("AWS::Logs::LogGroup") if name.startswith(_TELLING))
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        found = readers.map(lambda group: _lines(stack, group, media_id, changed), groups)
        lines = sorted((line for some in found for line in some), key=lambda line: line.at)
    yield from lines[-MOST_LINES:]


def _lines(stack: Stack, group: str, media_id: str, changed: datetime) -> list[LogLine]:
    ask: dict[str, Any] = {
        "logGroupName": group,
        "filterPattern": json.dumps(media_id[:_TERM], ensure_ascii=False),
        "startTime": int((changed - _BEFORE).timestamp() * 1000),
        "endTime": int((changed + _AFTER).timestamp() * 1000),
    }
    found: list[LogLine] = []
    for _ in range(_PAGES):
        answer = stack.client("logs").filter_log_events(**ask)
        lines = (_line(event, group, media_id) for event in answer["events"])
        found += [line for line in lines if line]
        if not answer.get("nextToken"):
            break
        ask["nextToken"] = answer["nextToken"]
    return found


def _line(event: Any, group: str, media_id: str) -> LogLine | None:
    """None for a line that is about something else."""
    try:
        fields = json.loads(event["message"])
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or fields.get("media_id") != media_id:
        return None
    said = [str(fields.get(name) or "") for name in ("message", "status", "category", "reason")]
    return LogLine(
        at=datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds"),
        function=group.removeprefix(_OF_LAMBDA),
        text=one_line(", ".join(word for word in said if word), 400),
        run_id=str(fields.get("correlation_id", "")),
    )


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _number(row: Row, name: str) -> int:
    value = row.get(name)
    return value if isinstance(value, int) else 0


def _text(row: Row, name: str) -> str:
    return one_line(str(row.get(name) or ""), 1_000)
