"""The ledger on DynamoDB: leases, conditions and indexes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key
from cloud_sync_common.exceptions import ArchiveUnavailableError
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.ledger import Claim, Ledger, SourceRow, Status

from tests.integration.aws_on_loopback import Aws

CLIP = MediaItem(media_id="clip", filename="GX010001.MP4", captured_at="2026-05-06T10:00:00Z", revision="/1")
REPROCESSED = MediaItem(media_id="clip", filename="GX010001.MP4", revision="2026-11-01/1")


@pytest.fixture
def ledger(aws: Aws) -> Ledger:
    return Ledger(aws.table, "gopro")


def upload(upload_id: str = "u1", key: str = "k1", etag: str = '"e1"') -> SourceRow:
    return SourceRow(status=Status.IN_PROGRESS, key=key, size=100, etag=etag, upload_id=upload_id, part_size=50, copy=1)


def archived(key: str = "k1", etag: str = '"e1"', checksum: str = "AAAAAAAAAAA=", copy: int = 1) -> SourceRow:
    return SourceRow(status=Status.ARCHIVED, key=key, size=100, etag=etag, checksum=checksum, copy=copy)


def indexed(aws: Aws, index: str, partition: str, value: str) -> set[str]:
    """`sk` of the rows that an index holds for a value."""
    answer = aws.table.query(IndexName=index, KeyConditionExpression=Key(partition).eq(value))
    return {f"{row['pk']}/{row['sk']}" for row in answer["Items"]}


def archive(ledger: Ledger, item: MediaItem = CLIP, run_id: str = "run-1") -> None:
    assert ledger.claim(item, run_id, 60).granted
    assert ledger.archive_item(item.media_id, run_id, bytes_total=100)


# Items that are known


def test_what_nobody_has_seen_becomes_pending_and_what_has_a_row_keeps_it(ledger: Ledger) -> None:
    archive(ledger)
    others = [MediaItem(media_id=f"other-{number}", filename="x.mp4") for number in range(20)]
    ledger.add_pending([CLIP, *others], "run-2")
    known = ledger.known(["clip", *(item.media_id for item in others), "unheard-of"])
    assert len(known) == 21 and known["clip"].status is Status.ARCHIVED and known["clip"].run_id == "run-1"
    assert {known[item.media_id].status for item in others} == {Status.PENDING}


def test_more_ids_than_one_read_takes_are_all_found_even_when_some_come_twice(ledger: Ledger) -> None:
    items = [MediaItem(media_id=f"clip-{number:03}", filename="x.mp4") for number in range(230)]
    ledger.add_pending(items, "run-1")
    assert set(ledger.known([*(item.media_id for item in items), "clip-000", "clip-229"])) == {
        item.media_id for item in items
    }


def test_what_dynamodb_had_no_time_for_is_asked_for_again(
    aws: Aws, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.add_pending([MediaItem(media_id=name, filename="x.mp4") for name in ("a", "b", "c")], "run-1")
    client, read = aws.table.meta.client, aws.table.meta.client.batch_get_item

    def first_key_only(RequestItems: dict[str, Any]) -> Any:
        ((table, wanted),) = RequestItems.items()
        answer = read(RequestItems={table: wanted | {"Keys": wanted["Keys"][:1]}})
        left = wanted["Keys"][1:]
        return answer | {"UnprocessedKeys": {table: wanted | {"Keys": left}} if left else {}}

    monkeypatch.setattr(client, "batch_get_item", first_key_only)
    assert set(ledger.known(["a", "b", "c"])) == {"a", "b", "c"}


def test_a_table_that_never_answers_whole_is_passing_trouble_and_no_empty_ledger(
    aws: Aws, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(
        aws.table.meta.client,
        "batch_get_item",
        lambda RequestItems: {"Responses": {}, "UnprocessedKeys": RequestItems},
    )
    with pytest.raises(ArchiveUnavailableError, match="throttling"):
        ledger.known(["a"])


def test_two_providers_share_no_row(aws: Aws, ledger: Ledger) -> None:
    archive(ledger)
    other = Ledger(aws.table, "another")
    assert other.known(["clip"]) == {} and other.source("clip", 1) is None
    assert other.claim(CLIP, "run-9", 60).granted
    assert ledger.known(["clip"])["clip"].status is Status.ARCHIVED


# Leases


def test_a_claimed_item_is_in_progress_and_leased(ledger: Ledger) -> None:
    claim = ledger.claim(CLIP, "run-1", 60)
    assert claim.granted and (claim.row.status, claim.row.lease_owner) == (Status.IN_PROGRESS, "run-1")
    assert 55 < claim.row.lease_expires - time.time() <= 62
    assert claim.row.revision == "/1"


def test_of_overlapping_claims_exactly_one_is_granted(ledger: Ledger) -> None:
    barrier = Barrier(8)

    def claim(number: int) -> Claim:
        barrier.wait()
        return ledger.claim(CLIP, f"run-{number}", 60)

    with ThreadPoolExecutor(8) as callers:
        claims = list(callers.map(claim, range(8)))
    (winner,) = (number for number, found in enumerate(claims) if found.granted)
    assert {found.row.lease_owner for found in claims} == {f"run-{winner}"}


def test_a_run_that_claims_again_keeps_its_item_longer(ledger: Ledger) -> None:
    first = ledger.claim(CLIP, "run-1", 60)
    again = ledger.claim(CLIP, "run-1", 600)
    assert again.granted and again.row.lease_expires > first.row.lease_expires + 500


def test_a_lease_that_has_ended_may_be_taken(ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", -5)
    assert ledger.claim(CLIP, "run-2", 60).granted
    assert not ledger.claim(CLIP, "run-1", 60).granted


def test_the_lease_of_a_run_that_is_over_may_be_taken_at_once_and_no_others(ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", 900)
    assert not ledger.claim(CLIP, "run-3", 60, instead_of="run-2").granted
    assert ledger.claim(CLIP, "run-3", 60, instead_of="run-1").granted


def test_an_archived_item_is_never_claimed_again_in_this_revision_and_is_in_another(ledger: Ledger) -> None:
    archive(ledger)
    for run_id in ("run-1", "run-2"):
        refused = ledger.claim(CLIP, run_id, 60)
        assert not refused.granted and refused.row.status is Status.ARCHIVED
    assert ledger.claim(REPROCESSED, "run-2", 60).granted
    assert ledger.known(["clip"])["clip"].status is Status.IN_PROGRESS


def test_only_the_run_that_holds_an_item_may_end_it(ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", 60)
    assert not ledger.archive_item("clip", "run-2", bytes_total=100)
    assert not ledger.leave_unavailable("clip", "run-2", "not_available_yet", "x")
    ledger.fail_item(CLIP, "run-2", "integrity", "x")
    ledger.set_stats("clip", "run-2", {"effort_run": "run-2", "run_bytes": 7})
    row = ledger.known(["clip"])["clip"]
    assert (row.status, row.lease_owner, row.attempts, row.run_bytes) == (Status.IN_PROGRESS, "run-1", 0, 0)


def test_an_item_of_which_nothing_is_known_cannot_be_archived(ledger: Ledger) -> None:
    assert not ledger.archive_item("clip", "run-1", bytes_total=100) and ledger.known(["clip"]) == {}


# What became of an item


def test_what_is_not_archived_is_found_without_a_scan_and_leaves_the_index_then(aws: Aws, ledger: Ledger) -> None:
    others = [MediaItem(media_id=name, filename="x.mp4") for name in ("pending", "failed", "unavailable")]
    ledger.add_pending([CLIP, *others], "run-1")
    ledger.fail_item(others[1], "run-1", "integrity", "x")
    ledger.claim(others[2], "run-1", 60)
    ledger.leave_unavailable("unavailable", "run-1", "not_available_yet", "x")
    everything = {f"gopro#{item.media_id}/ITEM" for item in (CLIP, *others)}
    assert indexed(aws, "not-archived", "not_archived", "gopro") == everything
    archive(ledger)
    assert indexed(aws, "not-archived", "not_archived", "gopro") == everything - {"gopro#clip/ITEM"}


def test_what_a_run_did_is_found_without_a_scan(aws: Aws, ledger: Ledger) -> None:
    archive(ledger, run_id="run-1")
    ledger.archive_source("clip", 1, "run-1", archived())
    ledger.add_pending([MediaItem(media_id="other", filename="x.mp4")], "run-2")
    assert indexed(aws, "by-run", "run_id", "run-1") == {"gopro#clip/ITEM", "gopro#clip/SOURCE#0001"}
    assert indexed(aws, "by-run", "run_id", "run-2") == {"gopro#other/ITEM"}


def test_an_unavailable_item_counts_no_attempt_and_is_free_for_the_next_run(ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", 900)
    assert ledger.leave_unavailable("clip", "run-1", "media_not_found", "It was trashed.")
    row = ledger.known(["clip"])["clip"]
    assert (row.status, row.attempts, row.error_category) == (Status.UNAVAILABLE, 0, "media_not_found")
    assert ledger.claim(CLIP, "run-2", 60).granted


def test_an_archived_item_has_no_trouble_left_and_a_later_failure_counts_from_one(ledger: Ledger) -> None:
    for number in (1, 2):
        ledger.fail_item(CLIP, f"run-{number}", "integrity", "Other bytes.")
    archive(ledger, run_id="run-3")
    row = ledger.known(["clip"])["clip"]
    assert (row.status, row.error_category, row.error_message, row.lease_owner) == (Status.ARCHIVED, "", "", "")
    ledger.claim(REPROCESSED, "run-4", 60)
    assert ledger.fail_item(REPROCESSED, "run-4", "integrity", "Other bytes.").attempts == 1


def test_the_effort_of_a_run_is_kept_with_the_item(ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", 60)
    stats = {"effort_run": "run-1", "run_bytes": 10**13, "run_gb_seconds": 12.345, "run_requests": 9, "run_slices": 2}
    ledger.set_stats("clip", "run-1", stats)
    row = ledger.known(["clip"])["clip"]
    assert {name: getattr(row, name) for name in stats} == stats


# Sources


def test_a_source_that_nobody_has_begun_has_no_row(ledger: Ledger) -> None:
    assert ledger.source("clip", 1) is None


def test_an_upload_that_was_begun_can_be_gone_on_with(ledger: Ledger) -> None:
    assert ledger.begin_source("clip", 2, "run-1", upload())
    assert ledger.source("clip", 2) == upload() and ledger.source("clip", 1) is None


def test_of_two_uploads_that_begin_at_once_one_is_the_one_to_use(ledger: Ledger) -> None:
    assert ledger.begin_source("clip", 1, "run-1", upload("u1"))
    assert not ledger.begin_source("clip", 1, "run-1", upload("u2"))
    assert ledger.source("clip", 1) == upload("u1")


def test_an_upload_replaces_only_the_one_that_it_names(ledger: Ledger) -> None:
    ledger.begin_source("clip", 1, "run-1", upload("u1"))
    assert not ledger.begin_source("clip", 1, "run-1", upload("u3"), replaces="u2")
    assert ledger.begin_source("clip", 1, "run-1", upload("u3", "k3"), replaces="u1")
    assert ledger.source("clip", 1) == upload("u3", "k3")


def test_an_archived_source_keeps_its_proof_and_nothing_to_go_on_with(aws: Aws, ledger: Ledger) -> None:
    ledger.begin_source("clip", 1, "run-1", upload())
    ledger.archive_source("clip", 1, "run-1", archived())
    assert ledger.source("clip", 1) == archived()
    row = aws.row("gopro#clip", "SOURCE#0001")
    assert row["archived_at"] and "upload_id" not in row and row["media_id"] == "clip"


def test_noting_the_same_object_twice_changes_nothing(aws: Aws, ledger: Ledger) -> None:
    ledger.archive_source("clip", 1, "run-1", archived())
    before = aws.row("gopro#clip", "SOURCE#0001")
    ledger.archive_source("clip", 1, "run-2", archived())
    assert aws.row("gopro#clip", "SOURCE#0001") == before


@pytest.mark.parametrize("checksum", ["AAAAAAAAAAA=", "BBBBBBBBBBB="], ids=["same bytes", "other bytes"])
def test_a_later_version_takes_the_row_over_even_when_its_bytes_are_the_same(ledger: Ledger, checksum: str) -> None:
    ledger.archive_source("clip", 1, "run-1", archived())
    assert ledger.begin_source("clip", 1, "run-2", upload("u2", "k2", '"e2"'))
    later = archived("k2", '"e2"', checksum, copy=2)
    ledger.archive_source("clip", 1, "run-2", later)
    assert ledger.source("clip", 1) == later
