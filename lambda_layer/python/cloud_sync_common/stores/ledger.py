"""The ledger: what is known of every media item and of each of its sources, in DynamoDB.

One row per item (`sk` ITEM) and one per source under it (`sk` SOURCE#0001). Every write is conditional. An item is
leased to one run at a time; S3 remembers the parts of an upload, so a source row keeps only how to go on with it.
docs/design.md lists the attributes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from itertools import batched
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.aws.clients import AwsError, aws_errors
from cloud_sync_common.exceptions import ArchiveUnavailableError
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores import archive_keys, conditional_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BATCH_GET_LIMIT = 100  # keys per BatchGetItem (API reference)
_WRITERS = 8
_TROUBLE = ("error_category", "error_message", "attempts", "failed_run")  # is over once an item is archived


class Status(StrEnum):
    """Where an item or a source stands."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    ARCHIVED = "ARCHIVED"
    FAILED = "FAILED"
    UNAVAILABLE = "UNAVAILABLE"


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """A media item as the ledger knows it. Sizes are bytes, lease_expires is Unix time, other times ISO 8601; run_*
    count what the run `effort_run` has done for it."""

    status: Status
    revision: str = ""
    filename: str = ""
    run_id: str = ""
    attempts: int = 0
    failed_run: str = ""
    error_category: str = ""
    error_message: str = ""
    lease_owner: str = ""
    lease_expires: int = 0
    effort_run: str = ""
    run_bytes: int = 0
    run_gb_seconds: float = 0
    run_requests: int = 0
    run_slices: int = 0


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One source of an item: where it goes, the version of it that is being moved, and the upload to go on with."""

    status: Status
    key: str
    size: int
    etag: str = ""
    upload_id: str = ""
    part_size: int = 0
    checksum: str = ""
    copy: int = 1
    proofs: tuple[str, ...] = ()  # what showed that the object is the source's content
    single_stream: bool = False  # the source could not be read in ranges


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """An item's or a source's row, as a walk over the whole ledger meets it; size and checksum are a source's."""

    sk: str
    media_id: str
    status: Status
    filename: str = ""
    key: str = ""
    size: int = 0
    checksum: str = ""

    @property
    def is_item(self) -> bool:
        return self.sk == "ITEM"


class Claim(msgspec.Struct, frozen=True):
    """The answer to `claim`: whether the item is ours now, and the row as it stands."""

    granted: bool
    row: ItemRow


class Ledger:
    """One provider's conditional_table."""

    def __init__(self, table: Table, provider: str) -> None:
        self._table, self._provider = table, provider

    def known(self, media_ids: Iterable[str]) -> dict[str, ItemRow]:
        """The rows of these items, those that have one: one read per 100 ids, strongly consistent.

        Raises ArchiveUnavailableError, ConfigurationError.
        """
        found: dict[str, ItemRow] = {}
        for batch in batched(dict.fromkeys(media_ids), BATCH_GET_LIMIT):  # DynamoDB refuses a key that comes twice
            for row in self._batch_get([self._item_key(media_id) for media_id in batch]):
                found[str(row["media_id"])] = conditional_table.typed(row, ItemRow)
        return found

    def page(self, place: str | None) -> tuple[list[LedgerRow], str | None]:
        """Up to 1 MB of the ledger from `place` (None: the start), and the place of the next page (None: none).

        For reconciling only: whatever a run needs, it gets by key or index. Raises ArchiveUnavailableError,
        ConfigurationError.
        """
        start: dict[str, Any] = (
            {"ExclusiveStartKey": dict(zip(("pk", "sk"), json.loads(place), strict=True))} if place else {}
        )
        with aws_errors("reading the ledger"):
            answer = self._table.scan(
                FilterExpression="#provider = :provider AND attribute_exists(media_id)",
                ExpressionAttributeNames={"#provider": "provider"},
                ExpressionAttributeValues={":provider": self._provider},
                ConsistentRead=True,
                **start,
            )
        last: Any = answer.get("LastEvaluatedKey")
        return [conditional_table.typed(row, LedgerRow) for row in answer["Items"]], (
            json.dumps([last["pk"], last["sk"]]) if last else None
        )

    def keys_of(self, media_id: str) -> set[str]:
        """Every key in the archive that the rows of an item name: of its sources, and of their earlier versions."""
        pages = self._query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :source)",
            ExpressionAttributeValues={":pk": self._item_key(media_id)["pk"], ":source": "SOURCE#"},
            ConsistentRead=True,
        )
        sources = (conditional_table.typed(row, SourceRow) for page in pages for row in page["Items"])
        return {key for source in sources for key in archive_keys.versions(source.key, source.copy)}

    def _query(self, **query: Any) -> Iterator[dict[str, Any]]:
        """The pages of a query's answer, each of up to 1 MB."""
        while True:
            with aws_errors("reading the ledger"):
                page: Any = self._table.query(**query)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _batch_get(self, keys: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
        """BatchGetItem returns what it had time for and names the rest."""
        wanted: Any = {self._table.name: {"Keys": keys, "ConsistentRead": True}}
        for attempt in range(8):
            with aws_errors("reading the ledger"):
                answer = self._table.meta.client.batch_get_item(RequestItems=wanted)
            yield from answer["Responses"].get(self._table.name, [])
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return
            time.sleep(0.05 * 2**attempt)  # the back-off that the API reference asks for
        raise ArchiveUnavailableError("DynamoDB did not return all rows asked for; it is throttling.")

    def backlog(self) -> int:
        """How many items are known and not archived, whatever the reason. Counted in the sparse index, which may be a
        second behind."""
        pages = self._query(
            IndexName="not-archived",
            Select="COUNT",
            KeyConditionExpression="#p = :p",
            ExpressionAttributeNames={"#p": "not_archived"},
            ExpressionAttributeValues={":p": self._provider},
        )
        return sum(page["Count"] for page in pages)

    def add_pending(self, items: Iterable[MediaItem], run_id: str) -> None:
        """Notes items that nobody has seen before; those that have a row keep it."""
        with ThreadPoolExecutor(_WRITERS) as writers:
            for done in [writers.submit(self._add_pending, item, run_id) for item in items]:
                done.result()

    def _add_pending(self, item: MediaItem, run_id: str) -> None:
        row = {
            **self._item_key(item.media_id),
            "provider": self._provider,
            "media_id": item.media_id,
            "filename": item.filename,
            "captured_at": item.captured_at,
            "status": Status.PENDING,
            "not_archived": self._provider,
            "run_id": run_id,
            "first_seen": conditional_table.now(),
            "updated_at": conditional_table.now(),
        }
        try:
            with aws_errors("writing the ledger"):
                self._table.put_item(Item=row, ConditionExpression="attribute_not_exists(pk)")
        except AwsError as error:
            conditional_table.expect_refusal(error)

    def claim(self, item: MediaItem, run_id: str, lease_seconds: float, *, instead_of: str = "") -> Claim:
        """Leases the item to this run, unless it is archived already in this revision or leased to another run.

        `instead_of` names a run that is known to have ended, whose lease may be taken over before it expires.
        """
        row, granted = self._write(
            self._item_key(item.media_id),
            {
                "provider": self._provider,
                "media_id": item.media_id,
                "filename": item.filename,
                "captured_at": item.captured_at,
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
        )
        return Claim(granted, conditional_table.typed(row, ItemRow))

    def set_stats(self, media_id: str, run_id: str, stats: Mapping[str, float | str]) -> None:
        """Notes what this run has done for the item so far (run_bytes, run_gb_seconds, run_requests, run_slices)."""
        self._write(
            self._item_key(media_id),
            stats,
            condition="#run_id = :this_run",
            extra={":this_run": run_id},
        )

    def archive_item(self, media_id: str, run_id: str, *, bytes_total: int) -> bool:
        """ARCHIVED: every source is proven. False when the item is no longer leased to this run.

        A refusal by what this very call wrote before (AWS carried it out, and its answer was lost) is no refusal.
        """
        row, done = self._write(
            self._item_key(media_id),
            {"status": Status.ARCHIVED, "bytes_total": bytes_total, "archived_at": conditional_table.now()},
            remove=("lease_owner", "lease_expires", "not_archived", *_TROUBLE),
            condition="#lease_owner = :run_id",
            extra={":run_id": run_id},
        )
        return done or (row.get("status"), row.get("run_id")) == (Status.ARCHIVED, run_id)

    def leave_unavailable(self, media_id: str, run_id: str, category: str, message: str) -> bool:
        """UNAVAILABLE: no failure, and no attempt counted; the next run looks again."""
        _, done = self._write(
            self._item_key(media_id),
            {"status": Status.UNAVAILABLE, "error_category": category, "error_message": message},
            remove=("lease_owner", "lease_expires"),
            condition="#lease_owner = :run_id",
            extra={":run_id": run_id},
        )
        return done

    def fail_item(self, item: MediaItem, run_id: str, category: str, message: str) -> ItemRow:
        """FAILED, with one attempt more; a second call of the same run changes nothing. Returns the row as it is."""
        row, _ = self._write(
            self._item_key(item.media_id),
            {
                "provider": self._provider,
                "media_id": item.media_id,
                "filename": item.filename,
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
        return conditional_table.typed(row, ItemRow)

    def source(self, media_id: str, file_number: int) -> SourceRow | None:
        """What is known of one source of an item."""
        with aws_errors("reading the ledger"):
            answer = self._table.get_item(Key=self._source_key(media_id, file_number), ConsistentRead=True)
        return conditional_table.typed(answer["Item"], SourceRow) if "Item" in answer else None

    def begin_source(self, media_id: str, file_number: int, run_id: str, row: SourceRow, *, replaces: str = "") -> bool:
        """Notes the upload to go on with. `replaces` is the upload id that the row must still have (empty: none);
        False when another invocation was first, and its upload is the one to use. That this very upload is noted
        already is no refusal: AWS carried the call out, and its answer was lost."""
        fields = {key: value for key, value in msgspec.to_builtins(row).items() if key != "checksum"}
        held = "#upload_id = :replaces" if replaces else "attribute_not_exists(#upload_id)"
        standing, done = self._write(
            self._source_key(media_id, file_number),
            {**fields, "provider": self._provider, "media_id": media_id, "file_number": file_number, "run_id": run_id},
            remove=("checksum", "archived_at"),
            condition=held,
            extra={":replaces": replaces} if replaces else {},
        )
        return done or standing.get("upload_id") == row.upload_id

    def archive_source(self, media_id: str, file_number: int, run_id: str, row: SourceRow) -> None:
        """ARCHIVED, with the proof: S3 holds the object with this checksum. Nothing is left to go on with."""
        fields = {key: value for key, value in msgspec.to_builtins(row).items() if key != "upload_id"}
        self._write(
            self._source_key(media_id, file_number),
            {
                **fields,
                "status": Status.ARCHIVED,
                "provider": self._provider,
                "media_id": media_id,
                "file_number": file_number,
                "run_id": run_id,
                "archived_at": conditional_table.now(),
            },
            remove=("upload_id",),
            condition="attribute_not_exists(#key) OR #key <> :key OR #status <> :status",
        )

    def _write(
        self,
        key: dict[str, str],
        fields: Mapping[str, Any],
        *,
        condition: str,
        remove: tuple[str, ...] = (),
        add: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> tuple[dict[str, Any], bool]:
        return conditional_table.write(
            self._table, key, fields, condition=condition, remove=remove, add=add, extra=extra
        )

    def _item_key(self, media_id: str) -> dict[str, str]:
        return {"pk": f"{self._provider}#{media_id}", "sk": "ITEM"}

    def _source_key(self, media_id: str, file_number: int) -> dict[str, str]:
        return {"pk": f"{self._provider}#{media_id}", "sk": f"SOURCE#{file_number:04d}"}
