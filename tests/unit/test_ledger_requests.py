"""What the ledger asks DynamoDB for: consistent reads, every page once, and refusals that are not taken for answers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_sync_common.exceptions import CloudSyncError, ConfigurationError
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.conditional_table import ConditionalTable
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import LedgerRow, SourceRow, Status
from cloud_sync_common.stores.row_values import now

from tests.unit.in_process_aws import InProcessAws, running_aws

CLIP = MediaItem(media_id="clip", filename="GX010001.MP4")
KEY = {"pk": "gopro#clip", "sk": "ITEM"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as account:
        yield account


class Refusing:
    """A table, and its client, that refuses each write for this reason."""

    name = "ledger"

    def __init__(self, code: str) -> None:
        self.meta = SimpleNamespace(client=self)
        self._error = ClientError({"Error": {"Code": code, "Message": "no"}}, "UpdateItem")

    def put_item(self, **_: object) -> None:
        raise self._error

    def update_item(self, **_: object) -> None:
        raise self._error


REASONS = ("ValidationException", "AccessDeniedException", "ProvisionedThroughputExceededException", "Odd")


@pytest.mark.parametrize("code", REASONS)
def test_a_write_that_is_refused_for_any_reason_but_its_condition_raises(code: str) -> None:
    rows = ConditionalTable(Refusing(code))  # type: ignore[arg-type]
    with pytest.raises((CloudSyncError, ClientError)):
        rows.create(KEY, {"status": "PENDING"})
    with pytest.raises((CloudSyncError, ClientError)):
        rows.update(KEY, {"status": "PENDING"}, condition="attribute_exists(#status)")


def test_a_ledger_that_is_missing_is_said_to_be_missing() -> None:
    rows = ConditionalTable(Refusing("ResourceNotFoundException"))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="its table is missing"):
        rows.create(KEY, {"status": "PENDING"})


def test_a_write_whose_condition_does_not_hold_is_an_answer() -> None:
    rows = ConditionalTable(Refusing("ConditionalCheckFailedException"))  # type: ignore[arg-type]
    rows.create(KEY, {"status": "PENDING"})
    assert rows.update(KEY, {"status": "PENDING"}, condition="attribute_exists(#status)") == ({}, False)


def requests(aws: InProcessAws, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Every request from now on: its operation and its parameters."""
    seen: list[tuple[str, dict[str, Any]]] = []
    client = aws.table.meta.client
    send = client._make_api_call  # type: ignore[attr-defined]

    def note(operation: str, parameters: dict[str, Any]) -> Any:
        seen.append((operation, parameters))
        return send(operation, parameters)

    monkeypatch.setattr(client, "_make_api_call", note)
    return seen


def test_renewals_are_counted_by_the_day(aws: InProcessAws, monkeypatch: pytest.MonkeyPatch) -> None:
    day = ["2026-11-26"]
    monkeypatch.setattr("cloud_sync_common.stores.credentials_lease.now", lambda: f"{day[0]}T23:00:00.000Z")
    lease = CredentialsLease(aws.table, "gopro")
    assert lease.acquire(60) and [lease.count_renewal() for _ in range(3)] == [1, 2, 3]
    day[0] = "2026-11-27"
    assert [CredentialsLease(aws.table, "gopro").count_renewal() for _ in range(2)] == [1, 2]
    assert lease.refused_version() == ""


READS: dict[str, Callable[[InProcessAws], object]] = {
    "known": lambda aws: aws.ledger.known(["clip"]),
    "states": lambda aws: aws.ledger.states(["clip"]),
    "page": lambda aws: aws.ledger.page(None),
    "rows_of": lambda aws: aws.ledger.rows_of("clip"),
    "keys_of": lambda aws: aws.ledger.keys_of("clip"),
    "sources": lambda aws: aws.ledger.sources("clip"),
    "source": lambda aws: aws.ledger.source("clip", 1),
    "run": lambda aws: aws.runs.get("run"),
    "run under way": lambda aws: aws.runs.is_under_way(),
    "last success": lambda aws: aws.runs.last_success(),
    "refused version": lambda aws: CredentialsLease(aws.table, "gopro").refused_version(),
}


@pytest.mark.parametrize("read", READS)
def test_every_read_but_that_of_an_index_is_strongly_consistent(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    seen = requests(aws, monkeypatch)
    READS[read](aws)
    ((_, parameters),) = seen
    tables = parameters.get("RequestItems", {aws.table.name: parameters}).values()
    assert [asked.get("ConsistentRead") for asked in tables] == [True]


def walk(ledger: Ledger) -> list[LedgerRow]:
    rows, place = ledger.page(None)
    while place:
        more, place = ledger.page(place)
        rows += more
        assert len(rows) < 1000, "the walk does not end"
    return rows


def test_a_ledger_of_several_pages_is_walked_once_and_each_row_seen_once(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.ledger.add_pending([MediaItem(media_id=f"clip{number}", filename="x.mp4") for number in range(7)], "run")
    client = aws.table.meta.client
    send = client._make_api_call  # type: ignore[attr-defined]

    def two_rows_a_page(operation: str, parameters: dict[str, Any]) -> Any:
        return send(operation, parameters | ({"Limit": 2} if operation == "Scan" else {}))

    monkeypatch.setattr(client, "_make_api_call", two_rows_a_page)
    assert sorted(row.media_id for row in walk(aws.ledger)) == [f"clip{number}" for number in range(7)]


def test_a_pending_item_is_seen_by_the_walk_and_has_its_provider(aws: InProcessAws) -> None:
    aws.ledger.add_pending([CLIP], "run")
    ((row,), _) = aws.ledger.page(None)
    assert (row.media_id, row.status, row.filename) == ("clip", Status.PENDING, CLIP.filename)
    assert aws.table.get_item(Key=KEY)["Item"]["provider"] == "gopro"


def test_the_rows_of_runs_and_of_the_provider_are_no_part_of_the_walk(aws: InProcessAws) -> None:
    aws.runs.begin("run", "arn")
    row = SourceRow(status=Status.ARCHIVED, key="k", size=1, checksum="c")
    aws.ledger.archive_source("clip", 1, "run", row)
    ((source,), _) = aws.ledger.page(None)
    assert source.is_source and (source.key, source.size) == ("k", 1)


def test_a_moment_is_in_utc_with_milliseconds_so_that_text_sorts_by_time() -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", now())
    assert abs(datetime.fromisoformat(now()).timestamp() - time.time()) < 60
