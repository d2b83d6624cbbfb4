"""The ledger in DynamoDB: the state of every media item and of each of its sources.

Each item has a row (`sk` ITEM), and each of its sources another (`sk` SOURCE#0001). Every write is conditional. An item
is leased to one run at a time. S3 keeps the parts of an upload, so a source's row only says how to continue it.
docs/design.md lists the attributes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import batched
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.exceptions import ArchiveUnavailableError
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores import archive_keys
from cloud_sync_common.stores.conditional_table import ConditionalTable, ledger_errors
from cloud_sync_common.stores.ledger_rows import Claim, ItemRow, ItemState, LedgerRow, SourceRow, Status
from cloud_sync_common.stores.row_values import Key, now, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

type Effort = Mapping[str, float | str | None]  # effort_run and the run_* of ItemRow

BATCH_GET_LIMIT = 100  # keys per BatchGetItem (API reference)
NAME_LIMIT_OF_A_ROW = 1_000  # characters; the archive's metadata has the name as it is
MOMENT_LIMIT_OF_A_ROW = 100
MOST_COPIES = 10_000  # versions of one source that a walk believes in
_WRITERS = 8
_HASHES = "HASHES#"
_SORT_KEY = re.compile(r"ITEM|SOURCE#[0-9]{4,}")
_NONE: Effort = {}
_DISPUTE = ("disputed", "disputed_content", "disputed_runs", "disputed_until")
_FAILURE = ("error_category", "error_message", "attempts", "failed_run", *_DISPUTE)  # removed once an item is archived


class Ledger:
    """The items of one provider. Every method raises ArchiveUnavailableError, ConfigurationError."""

    def __init__(self, table: Table, provider: str) -> None:
        self._table, self._rows, self._provider = table, ConditionalTable(table), provider

    def known(self, media_ids: Iterable[str]) -> dict[str, ItemRow]:
        """The rows of those items that have one: one strongly consistent read per 100 ids."""
        return {media_id: _item_row(row) for media_id, row in self._items(media_ids)}

    def states(self, media_ids: Iterable[str]) -> dict[str, ItemState]:
        """As `known`, with only what a listing is compared with: whole rows take several times as long to read."""
        only = _only(*ItemState.__struct_fields__)
        return {media_id: _item_state(row) for media_id, row in self._items(media_ids, only)}

    def _items(
        self, media_ids: Iterable[str], only: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        asked = {archive_keys.kept_id(media_id): media_id for media_id in media_ids}  # DynamoDB refuses duplicate keys
        for batch in batched(asked, BATCH_GET_LIMIT):
            for row in self._batch_get([self._item_key(kept) for kept in batch], only or {}):
                yield asked[self._media_id(row)], row

    def page(self, place: str | None) -> tuple[list[LedgerRow], str | None]:
        """Up to 1 MB of the ledger from `place` (None: the start), and the place of the next page (None: no more).
        A row is known by its key alone, so that none is overlooked because an attribute is missing.

        Only reconciliation scans the ledger; a run reads by key or index.
        """
        start: dict[str, Any] = (
            {"ExclusiveStartKey": dict(zip(("pk", "sk"), json.loads(place), strict=True))} if place else {}
        )
        with ledger_errors("reading the ledger"):
            answer = self._table.scan(
                FilterExpression="begins_with(pk, :items)",
                ExpressionAttributeValues={":items": self._item_key("")["pk"]},
                ConsistentRead=True,
                **start,
            )
        last: Any = answer.get("LastEvaluatedKey")
        rows = [self._ledger_row(row) for row in answer["Items"] if not _is_of_hashes(row)]
        return rows, json.dumps([last["pk"], last["sk"]]) if last else None

    def rows_of(self, media_id: str) -> list[LedgerRow]:
        """The rows of one item and of its sources, as they are now."""
        pages = self._query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": self._item_key(media_id)["pk"]},
            ConsistentRead=True,
        )
        return [self._ledger_row(row) for page in pages for row in page["Items"] if not _is_of_hashes(row)]

    def _ledger_row(self, row: Mapping[str, Any]) -> LedgerRow:
        key = {"sk": row["sk"], "media_id": self._media_id(row)}
        if _SORT_KEY.fullmatch(row["sk"]):
            with suppress(msgspec.ValidationError):
                return typed({**row, **key}, LedgerRow)
        return LedgerRow(**key, status=Status.UNREADABLE)

    def _media_id(self, row: Mapping[str, Any]) -> str:
        return str(row["pk"]).removeprefix(self._item_key("")["pk"])

    def keys_of(self, media_id: str) -> set[str]:
        """Every key in the archive that belongs to an item: those of its sources and of their earlier versions. Of a
        copy it is the one that the object would have. A row that cannot be read names none."""
        return {key for row in self._source_rows(media_id) for key in _source_keys(row)}

    def sources(self, media_id: str) -> dict[int, SourceRow]:
        """The rows of all sources of an item, by number, in one query for up to 1 MB of them. A row that cannot be read
        is of none."""
        found = {}
        for row in self._source_rows(media_id):
            with suppress(msgspec.ValidationError, ValueError):
                found[int(str(row["sk"]).removeprefix("SOURCE#"))] = typed(row, SourceRow)
        return found

    def _source_rows(self, media_id: str) -> Iterator[dict[str, Any]]:
        pages = self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :source)",
            ExpressionAttributeValues={":pk": self._item_key(media_id)["pk"], ":source": "SOURCE#"},
            ConsistentRead=True,
        )
        return (row for page in pages for row in page["Items"])

    def _query(self, **query: Any) -> Iterator[dict[str, Any]]:
        """The pages of a query, of up to 1 MB each."""
        while True:
            with ledger_errors("reading the ledger"):
                page: Any = self._table.meta.client.query(TableName=self._table.name, **query)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _batch_get(self, keys: list[dict[str, str]], only: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The rows with these keys. BatchGetItem may return only some of them and name the rest."""
        wanted: Any = {self._table.name: {"Keys": keys, "ConsistentRead": True, **only}}
        for attempt in range(8):
            with ledger_errors("reading the ledger"):
                answer = self._table.meta.client.batch_get_item(RequestItems=wanted)
            yield from answer["Responses"].get(self._table.name, [])
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return
            time.sleep(0.05 * 2**attempt)  # exponential back-off, as the API reference advises
        raise ArchiveUnavailableError("DynamoDB did not return all rows asked for; it is throttling.")

    def backlog(self) -> int:
        """How many items are known and not archived, for any reason. The sparse index that this counts may be a second
        behind."""
        pages = self._query(
            IndexName="not-archived",
            Select="COUNT",
            KeyConditionExpression="#p = :p",
            ExpressionAttributeNames={"#p": "not_archived"},
            ExpressionAttributeValues={":p": self._provider},
        )
        return sum(page["Count"] for page in pages)

    def add_pending(self, items: Iterable[MediaItem], run_id: str) -> None:
        """Adds new items as PENDING. An item that has a row keeps it."""
        with ThreadPoolExecutor(_WRITERS) as writers:
            for done in [writers.submit(self._add_pending, item, run_id) for item in items]:
                done.result()

    def _add_pending(self, item: MediaItem, run_id: str) -> None:
        self._rows.create(
            self._item_key(item.media_id),
            {
                "provider": self._provider,
                "media_id": item.media_id,
                "filename": one_line(item.filename, NAME_LIMIT_OF_A_ROW),
                "captured_at": one_line(item.captured_at, MOMENT_LIMIT_OF_A_ROW),
                "status": Status.PENDING,
                "not_archived": self._provider,
                "run_id": run_id,
                "first_seen": now(),
            },
        )

    def claim(self, item: MediaItem, run_id: str, lease_seconds: float, *, instead_of: str = "") -> Claim:
        """Leases the item to this run, unless this revision of it is archived already or another run has the lease.

        `instead_of` names a run that has ended, whose lease may be taken over before it expires.
        """
        row, granted = self._rows.update(
            self._item_key(item.media_id),
            {
                "provider": self._provider,
                "media_id": item.media_id,
                "filename": one_line(item.filename, NAME_LIMIT_OF_A_ROW),
                "captured_at": one_line(item.captured_at, MOMENT_LIMIT_OF_A_ROW),
                "status": Status.IN_PROGRESS,
                "not_archived": self._provider,
                "revision": item.revision,
                "run_id": run_id,
                "lease_owner": run_id,
                "lease_expires": int(time.time() + lease_seconds) + 1,
            },
            condition="(attribute_not_exists(#lease_owner) OR #lease_owner IN (:lease_owner, :instead_of) OR "
            "#lease_expires < :now) AND NOT (#status = :archived AND #revision = :revision)",
            extra={":instead_of": instead_of or run_id, ":now": int(time.time()), ":archived": Status.ARCHIVED},
            in_place=True,
        )
        return Claim(granted, _item_row(row))

    def set_stats(self, media_id: str, run_id: str, stats: Effort) -> None:
        """Stores what this run has done for the item so far, where nothing else is written of it."""
        self._rows.update(
            self._item_key(media_id),
            stats,
            condition="#run_id = :this_run",
            extra={":this_run": run_id},
            in_place=True,
        )

    def archive_item(
        self, media_id: str, run_id: str, *, bytes_total: int, damage: str = "", effort: Effort = _NONE
    ) -> bool:
        """Sets the item to ARCHIVED: every source is verified. `damage` says what is wrong with the originals, `effort`
        is stored with it. False if the item is no longer leased to this run.

        If AWS carried out an earlier attempt of this call and only the answer was lost, that counts as success.
        """
        row, done = self._rows.update(
            self._item_key(media_id),
            {"status": Status.ARCHIVED, "bytes_total": bytes_total, "archived_at": now(), **effort}
            | ({"damage": damage} if damage else {}),
            remove=("lease_owner", "lease_expires", "not_archived", *_FAILURE, *([] if damage else ["damage"])),
            condition="#lease_owner = :run_id",
            extra={":run_id": run_id},
        )
        return done or (row.get("status"), row.get("run_id")) == (Status.ARCHIVED, run_id)

    def leave_unavailable(
        self, media_id: str, run_id: str, category: str, message: str, effort: Effort = _NONE
    ) -> bool:
        """Sets the item to UNAVAILABLE. This is no failure and counts no attempt; the next run tries the item again.
        `effort` is stored with it, and what else is to be noted. False if the item is no longer leased to this run."""
        _, done = self._rows.update(
            self._item_key(media_id),
            {"status": Status.UNAVAILABLE, "error_category": category, "error_message": message, **effort},
            remove=("lease_owner", "lease_expires"),
            condition="#lease_owner = :run_id",
            extra={":run_id": run_id},
        )
        return done

    def fail_item(self, item: MediaItem, run_id: str, category: str, message: str) -> ItemRow:
        """Sets the item to FAILED and counts an attempt; a second call of the same run changes nothing. Returns the
        row."""
        row, _ = self._rows.update(
            self._item_key(item.media_id),
            {
                "provider": self._provider,
                "media_id": item.media_id,
                "filename": one_line(item.filename, NAME_LIMIT_OF_A_ROW),
                "status": Status.FAILED,
                "not_archived": self._provider,
                "run_id": run_id,
                "failed_run": run_id,
                "error_category": category,
                "error_message": message,
            },
            remove=("lease_owner", "lease_expires"),
            condition="(attribute_not_exists(#failed_run) OR #failed_run <> :run_id) AND (attribute_not_exists(#status)"
            " OR #status <> :archived) AND (attribute_not_exists(#lease_owner) OR #lease_owner = :run_id)",
            extra={":archived": Status.ARCHIVED},
            add={"attempts": 1},
        )
        return _item_row(row)

    def source(self, media_id: str, file_number: int) -> SourceRow | None:
        """The row of one source of an item; None if there is none."""
        row = self._rows.get(self._source_key(media_id, file_number))
        return typed(row, SourceRow) if row else None

    def begin_source(self, media_id: str, file_number: int, run_id: str, row: SourceRow, *, replaces: str = "") -> bool:
        """Stores the upload to continue. `replaces` is the upload id that the row must still have (empty: none).

        False if another invocation was first, and its upload is the one to use. If the row has this upload already,
        because AWS carried out an earlier attempt and the answer was lost, that counts as success.
        """
        fields = {key: value for key, value in msgspec.to_builtins(row).items() if key != "checksum"}
        condition = "#upload_id = :replaces" if replaces else "attribute_not_exists(#upload_id)"
        stored, done = self._rows.update(
            self._source_key(media_id, file_number),
            {**fields, "provider": self._provider, "media_id": media_id, "file_number": file_number, "run_id": run_id},
            remove=("checksum", "archived_at"),
            condition=condition,
            extra={":replaces": replaces} if replaces else {},
        )
        return done or stored.get("upload_id") == row.upload_id

    def archive_source(self, media_id: str, file_number: int, run_id: str, row: SourceRow) -> None:
        """Sets the source to ARCHIVED, with its checksum and proofs; no upload is left to continue."""
        fields = {key: value for key, value in msgspec.to_builtins(row).items() if key != "upload_id"}
        self._rows.update(
            self._source_key(media_id, file_number),
            {
                **fields,
                "status": Status.ARCHIVED,
                "provider": self._provider,
                "media_id": media_id,
                "file_number": file_number,
                "run_id": run_id,
                "archived_at": now(),
            },
            remove=("upload_id",),
            condition="attribute_not_exists(#key) OR #key <> :key OR #status <> :status OR "
            "attribute_not_exists(#revision) OR #revision <> :revision OR attribute_not_exists(#identity) OR "
            "#identity <> :identity",
        )

    def keep_hashes(self, media_id: str, file_number: int, upload_id: str, hashes: bytes) -> None:
        """Keeps the hashes of the parts of an upload, in a row of its own, so that no index and no other reader has to
        carry them."""
        self._rows.update(
            self._hashes_key(media_id, file_number),
            {"upload_id": upload_id, "hashes": hashes},
            condition="attribute_not_exists(#hashes) OR #hashes <> :hashes",
        )

    def hashes(self, media_id: str, file_number: int, upload_id: str) -> bytes:
        """What is kept for that upload; empty if there is nothing."""
        row = self._rows.get(self._hashes_key(media_id, file_number))
        return bytes(row["hashes"]) if row.get("upload_id") == upload_id else b""

    def _hashes_key(self, media_id: str, file_number: int) -> Key:
        return {"pk": self._partition(media_id), "sk": f"{_HASHES}{file_number:04d}"}

    def _item_key(self, media_id: str) -> Key:
        return {"pk": self._partition(media_id), "sk": "ITEM"}

    def _source_key(self, media_id: str, file_number: int) -> Key:
        return {"pk": self._partition(media_id), "sk": f"SOURCE#{file_number:04d}"}

    def _partition(self, media_id: str) -> str:
        return f"{self._provider}#{archive_keys.kept_id(media_id)}"


def _is_of_hashes(row: Mapping[str, Any]) -> bool:
    return str(row["sk"]).startswith(_HASHES)


def _only(*names: str) -> dict[str, Any]:
    """A request for the partition key and these attributes alone."""
    return {
        "ProjectionExpression": ", ".join(("pk", *(f"#{name}" for name in names))),
        "ExpressionAttributeNames": {f"#{name}": name for name in names},
    }


def _item_state(row: Mapping[str, Any]) -> ItemState:
    try:
        return typed(row, ItemState)
    except msgspec.ValidationError:
        return ItemState(status=Status.UNREADABLE)


def _item_row(row: Mapping[str, Any]) -> ItemRow:
    """An item's row; one that cannot be read stops nobody: it is neither archived nor failed, so it is work."""
    try:
        return typed(row, ItemRow)
    except msgspec.ValidationError:
        return ItemRow(status=Status.UNREADABLE)


def _source_keys(row: Mapping[str, Any]) -> list[str]:
    """The keys of a source and of its earlier versions; of a row that cannot be read, none."""
    try:
        source = typed(row, SourceRow)
    except msgspec.ValidationError:
        return []
    return [*archive_keys.versions(source.own_key, min(source.copy, MOST_COPIES))]
