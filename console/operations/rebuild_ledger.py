"""The ledger written anew from the objects of the archive: the rows that a run had left there.

An object says of which file it is a copy, and in which version. It does not say which revision of the item that was:
where the provider lists a version of the file itself (a hash, or a revision), that one is the item's; otherwise the
item's row has none, so that the next run asks the provider once, compares the version, and reads no byte of what is the
same. Rows that exist stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import msgspec
from cloud_sync_common.exceptions import CloudSyncError
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.ledger_rows import SourceRow, Status, repeated_in
from cloud_sync_common.stores.row_values import now

from console.errors import ConsoleError, CredentialsRefusedError, NotFoundError, UsageError
from console.operations import safe
from console.operations.ledger import Reading, by_keys
from console.operations.restore.archived import ArchiveFile, Said
from console.operations.restore.bucket import Bucket, Entry, Found, Named, Show, everything
from console.operations.safe import Safe
from console.stack import Stack

S3_CHECKSUM = (
    "s3-checksum"  # the proof that each object has (cloud_sync_common/transfer/source_rows.py; a test compares)
)
_NAME_LIMIT, _MOMENT_LIMIT = 1_000, 100  # characters, as in stores/ledger.py
_WRITERS = 8
_DENIED = ("AccessDeniedException", "AccessDenied")

type Key = tuple[str, str]


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """An item: its row, and those of its files, each by its key. `bytes` are those of the files."""

    provider: str
    item: tuple[Key, dict[str, Any]]
    sources: list[tuple[Key, SourceRow, dict[str, Any]]]
    bytes: int
    files: list[ArchiveFile]


class Counts(msgspec.Struct, kw_only=True):
    """Of one provider: what the bucket has, and which rows the ledger lacks of it."""

    items: int = 0
    files: int = 0
    bytes: int = 0
    missing_items: int = 0
    missing_files: int = 0


class Rebuild(msgspec.Struct, kw_only=True):
    """What is to be written. `left` are files that the next run has to look at itself, `others` how many are of
    providers that the stack does not back up."""

    bucket: str
    environment: str
    run_id: str
    counts: dict[str, Counts]
    rows: list[Rows]
    missing: set[Key]
    found: Found
    left: Named
    others: dict[str, int]

    @property
    def missing_items(self) -> int:
        return sum(one.missing_items for one in self.counts.values())

    @property
    def missing_files(self) -> int:
        return sum(one.missing_files for one in self.counts.values())


def planned(stack: Stack, bucket_name: str, show: Show, reading: Reading) -> Rebuild:
    """Reads the whole bucket, and the keys of the rows that there are. `bucket_name` is empty for the stack's archive.
    Raises UsageError for another bucket than that, ConsoleError while a run is under way, and botocore's errors."""
    archive = stack.output("ArchiveBucket")
    bucket = Bucket.called(stack.account, bucket_name or archive)
    if bucket.name != archive:
        raise UsageError(
            f"The stack CloudSync-{stack.environment} archives into {archive}, and its ledger can name objects of no "
            f"other bucket than that. `cloudsync restore start --bucket {bucket.name}` gets footage back from this "
            "one; docs/disaster.md says how a new stack takes it up."
        )
    _check_table(stack)
    safe.check_no_run(stack, reading)
    found = everything(bucket, _there, show)
    left, others, run_id = Named(), dict[str, int](), f"rebuild-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    good = list(_good(found.files, stack.secrets, left, others))
    rows = list(_rows(good, run_id))
    keys = [key for one in rows for key in _keys(one)]
    missing = set(keys) - by_keys(stack, keys, (), reading).keys()
    return Rebuild(
        bucket=bucket.name,
        environment=stack.environment,
        run_id=run_id,
        counts=_counted(rows, missing),
        rows=rows,
        missing=missing,
        found=found,
        left=left,
        others=others,
    )


def write(stack: Stack, rebuild: Rebuild, show: Show, reading: Reading) -> dict[str, Safe]:
    """Writes the rows that are missing, the files of an item before the item, and counts the months anew. Repeating it
    after an interruption goes on. Raises ConsoleError, botocore's errors."""
    table = stack.account.table(stack.output("LedgerTable"))
    incomplete = [one for one in rebuild.rows if rebuild.missing.intersection(_keys(one))]
    shares_contents = len(stack.secrets) > 1 or any(file.copy_of for one in rebuild.rows for file in one.files)
    writer = _Writer(table, rebuild.missing, rebuild.run_id, shares_contents=shares_contents)
    with ThreadPoolExecutor(_WRITERS) as writers:
        for count, _ in enumerate(writers.map(writer.write, incomplete), start=1):
            show(count)
    return safe.recount(stack, reading)


def _there(entries: list[Entry]) -> list[Entry]:
    """Without those that are deleted: a run would not find them."""
    return [entry for entry in entries if not entry.deleted_version]


def _check_table(stack: Stack) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    name = stack.output("LedgerTable")
    try:
        stack.client("dynamodb").get_item(TableName=name, Key={"pk": {"S": "PROVIDER#"}, "sk": {"S": "COUNTED"}})
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise NotFoundError(
            f"The ledger's table {name} is gone. First restore it from its backup or create it empty, as "
            "docs/disaster.md shows, then repeat the command."
        ) from None


def _good(
    files: Iterable[ArchiveFile], providers: Iterable[str], left: Named, others: dict[str, int]
) -> Iterator[ArchiveFile]:
    """The files that a row can be written of."""
    known = frozenset(providers)
    for file in files:
        if file.provider not in known:
            others[file.provider] = others.get(file.provider, 0) + 1
        elif file.problem:
            left.add(file.own_key, file.problem)
        elif file.said is None or not file.said.is_exact:
            left.add(file.own_key, "its version is told only by a digest")
        else:
            yield file


def _rows(files: Iterable[ArchiveFile], run_id: str) -> Iterator[Rows]:
    in_order = sorted(files, key=lambda file: (file.provider, file.kept_id, file.number or 0))
    for (provider, kept_id), group in groupby(in_order, key=lambda file: (file.provider, file.kept_id)):
        yield _rows_of(provider, kept_id, list(group), run_id)


def _rows_of(provider: str, kept_id: str, files: list[ArchiveFile], run_id: str) -> Rows:
    pk, first = f"{provider}#{kept_id}", files[0]
    about = {"provider": provider, "media_id": first.media_id, "run_id": run_id}
    revision = first.said.listed if first.said and len(files) == 1 else ""
    sources = [source_row(file, revision) for file in files]
    item = {
        **about,
        "filename": one_line(first.filename, _NAME_LIMIT),
        "captured_at": one_line(first.captured_at, _MOMENT_LIMIT),
        "status": Status.ARCHIVED,
        "bytes_total": sum(row.size for row in sources),
        "archived_at": max(file.archived_at for file in files),
        "first_seen": min(file.archived_at for file in files),
        **({"revision": revision} if revision else {}),
        **repeated_in(sources),
    }
    return Rows(
        provider=provider,
        item=((pk, "ITEM"), item),
        sources=[
            ((pk, f"SOURCE#{file.number:04d}"), row, {**about, **_fields(row), **_of_file(file)})
            for file, row in zip(files, sources, strict=True)
        ],
        bytes=sum(row.size for row in sources),
        files=files,
    )


def source_row(file: ArchiveFile, revision: str) -> SourceRow:
    """The row of a file that is archived, as far as its object knows it. What is wrong with the movie, and what else
    had shown its content, is in no object. `noted` stays false for an original, so that a reconciliation notes it."""
    said = file.said or Said(size=file.stored.size)
    return SourceRow(
        status=Status.ARCHIVED,
        key=file.own_key,
        size=file.stored.size,
        etag=said.etag,
        checksum=file.stored.checksum,
        copy=file.copy,
        proofs=(S3_CHECKSUM,) if file.stored.checksum else (),
        last_modified=said.last_modified,
        listed=said.listed,
        revision=revision,
        copy_of=file.copy_of,
        noted=bool(file.copy_of),
    )


def _fields(row: SourceRow) -> dict[str, Any]:
    return {name: value for name, value in msgspec.to_builtins(row).items() if name != "upload_id"}


def _of_file(file: ArchiveFile) -> dict[str, Any]:
    return {"file_number": file.number, "archived_at": file.archived_at}


def _keys(rows: Rows) -> list[Key]:
    return [rows.item[0], *(key for key, _, _ in rows.sources)]


def _counted(rows: Iterable[Rows], missing: set[Key]) -> dict[str, Counts]:
    counts: dict[str, Counts] = {}
    for one in rows:
        of = counts.setdefault(one.provider, Counts())
        of.items += 1
        of.files += len(one.sources)
        of.bytes += one.bytes
        of.missing_items += one.item[0] in missing
        of.missing_files += sum(key in missing for key, _, _ in one.sources)
    return counts


class _Writer:
    """Writes rows that do not exist. `shares_contents`: other files may be copies of these, so that their contents are
    noted as well (stores/contents.py)."""

    def __init__(self, table: Any, missing: set[Key], run_id: str, *, shares_contents: bool) -> None:
        from cloud_sync_common.stores.contents import Contents  # noqa: PLC0415 (imports boto3)

        self._table, self._missing, self._run_id = table, missing, run_id
        self._contents = Contents(table) if shares_contents else None

    def write(self, rows: Rows) -> None:
        for key, row, fields in rows.sources:
            if key in self._missing:
                self._note(row)
                self._create(key, fields | {"noted": row.noted or self._contents is not None})
        if rows.item[0] in self._missing:
            self._create(*rows.item)

    def _note(self, row: SourceRow) -> None:
        if self._contents is None:
            return
        try:
            self._contents.note(row.key, row.size, row.checksum, copy_of=row.copy_of)
        except CloudSyncError as error:
            raise ConsoleError(f"{error} Repeat the command: what is written stays.") from None

    def _create(self, key: Key, fields: Mapping[str, Any]) -> None:
        """A row that has come into being meanwhile stays as it is."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

        item = {"pk": key[0], "sk": key[1], **fields, "updated_at": now()}
        try:
            self._table.meta.client.put_item(
                TableName=self._table.name, Item=item, ConditionExpression="attribute_not_exists(pk)"
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _DENIED:
                raise CredentialsRefusedError(
                    "The AWS credentials may not write the ledger's rows (dynamodb:PutItem). No policy of Cloud Sync "
                    "allows that: repeat the command as an administrator of the account."
                ) from None
            if code != "ConditionalCheckFailedException":
                raise
