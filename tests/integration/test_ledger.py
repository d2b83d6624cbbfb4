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
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import Claim, ItemState, SourceRow, Status

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
    """`pk/sk` of the rows in an index for a value."""
    answer = aws.table.query(IndexName=index, KeyConditionExpression=Key(partition).eq(value))
    return {f"{row['pk']}/{row['sk']}" for row in answer["Items"]}


def archive(ledger: Ledger, item: MediaItem = CLIP, run_id: str = "run-1") -> None:
    assert ledger.claim(item, run_id, 60).granted
    assert ledger.archive_item(item.media_id, run_id, bytes_total=100)


# Known items


def test_new_items_become_pending_and_known_ones_keep_their_row(ledger: Ledger) -> None:
    archive(ledger)
    others = [MediaItem(media_id=f"other-{number}", filename="x.mp4") for number in range(20)]
    ledger.add_pending([CLIP, *others], "run-2")
    known = ledger.known(["clip", *(item.media_id for item in others), "unheard-of"])
    assert len(known) == 21 and known["clip"].status is Status.ARCHIVED and known["clip"].run_id == "run-1"
    assert {known[item.media_id].status for item in others} == {Status.PENDING}


def test_ids_beyond_one_read_are_found_even_with_duplicates(ledger: Ledger) -> None:
    items = [MediaItem(media_id=f"clip-{number:03}", filename="x.mp4") for number in range(230)]
    ledger.add_pending(items, "run-1")
    assert set(ledger.known([*(item.media_id for item in items), "clip-000", "clip-229"])) == {
        item.media_id for item in items
    }


def test_what_a_listing_is_compared_with_is_read_without_the_rest_of_a_row(
    aws: Aws, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(ledger)
    ledger.fail_item(MediaItem(media_id="failed", filename="x.mp4"), "run-1", "integrity", "why")
    aws.table.put_item(Item={"pk": "gopro#odd", "sk": "ITEM", "status": "DONE"})
    aws.table.put_item(Item={"pk": "gopro#bare", "sk": "ITEM", "filename": "x.mp4"})
    answers: list[Any] = []
    client, read = aws.table.meta.client, aws.table.meta.client.batch_get_item

    def watched(**asked: Any) -> Any:
        answers.append(read(**asked))
        return answers[-1]

    monkeypatch.setattr(client, "batch_get_item", watched)
    states = ledger.states(["clip", "failed", "odd", "bare", "unheard-of"])
    assert states == {
        "clip": ItemState(status=Status.ARCHIVED, revision=CLIP.revision),
        "failed": ItemState(status=Status.FAILED, attempts=1),
        "odd": ItemState(status=Status.UNREADABLE),
        "bare": ItemState(status=Status.UNREADABLE),
    }
    ((rows,),) = (answer["Responses"].values() for answer in answers)
    assert {name for row in rows for name in row} == {"pk", "status", "revision", "attempts"}


def test_unprocessed_keys_are_requested_again(aws: Aws, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.add_pending([MediaItem(media_id=name, filename="x.mp4") for name in ("a", "b", "c")], "run-1")
    client, read = aws.table.meta.client, aws.table.meta.client.batch_get_item

    def first_key_only(RequestItems: dict[str, Any]) -> Any:
        ((table, wanted),) = RequestItems.items()
        answer = read(RequestItems={table: wanted | {"Keys": wanted["Keys"][:1]}})
        left = wanted["Keys"][1:]
        return answer | {"UnprocessedKeys": {table: wanted | {"Keys": left}} if left else {}}

    monkeypatch.setattr(client, "batch_get_item", first_key_only)
    assert set(ledger.known(["a", "b", "c"])) == {"a", "b", "c"}


def test_keys_that_stay_unprocessed_are_a_transient_error_and_not_an_empty_ledger(
    aws: Aws, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(
        aws.table.meta.client,
        "batch_get_item",
        lambda RequestItems: {"Responses": {}, "UnprocessedKeys": RequestItems},
    )
    with pytest.raises(ArchiveUnavailableError, match="throttling"):
        ledger.known(["a"])
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4]  # seconds, twice as long each time


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


def test_exactly_one_of_several_concurrent_claims_is_granted(ledger: Ledger) -> None:
    barrier = Barrier(8)

    def claim(number: int) -> Claim:
        barrier.wait()
        return ledger.claim(CLIP, f"run-{number}", 60)

    with ThreadPoolExecutor(8) as callers:
        claims = list(callers.map(claim, range(8)))
    (winner,) = (number for number, found in enumerate(claims) if found.granted)
    assert {found.row.lease_owner for found in claims} == {f"run-{winner}"}


def test_a_second_claim_of_the_same_run_extends_the_lease(ledger: Ledger) -> None:
    first = ledger.claim(CLIP, "run-1", 60)
    again = ledger.claim(CLIP, "run-1", 600)
    assert again.granted and again.row.lease_expires > first.row.lease_expires + 500


def test_an_expired_lease_may_be_taken(ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", -5)
    assert ledger.claim(CLIP, "run-2", 60).granted
    assert not ledger.claim(CLIP, "run-1", 60).granted


def test_only_the_lease_of_a_named_ended_run_may_be_taken_early(ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", 900)
    assert not ledger.claim(CLIP, "run-3", 60, instead_of="run-2").granted
    assert ledger.claim(CLIP, "run-3", 60, instead_of="run-1").granted


def test_an_archived_item_can_be_claimed_only_in_another_revision(ledger: Ledger) -> None:
    archive(ledger)
    for run_id in ("run-1", "run-2"):
        refused = ledger.claim(CLIP, run_id, 60)
        assert not refused.granted and refused.row.status is Status.ARCHIVED
    assert ledger.claim(REPROCESSED, "run-2", 60).granted
    assert ledger.known(["clip"])["clip"].status is Status.IN_PROGRESS


def test_only_the_run_with_the_lease_may_finish_an_item(ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", 60)
    assert not ledger.archive_item("clip", "run-2", bytes_total=100)
    assert not ledger.leave_unavailable("clip", "run-2", "not_available_yet", "x")
    ledger.fail_item(CLIP, "run-2", "integrity", "x")
    ledger.set_stats("clip", "run-2", {"effort_run": "run-2", "run_bytes": 7})
    row = ledger.known(["clip"])["clip"]
    assert (row.status, row.lease_owner, row.attempts, row.run_bytes) == (Status.IN_PROGRESS, "run-1", 0, 0)


def test_an_unknown_item_cannot_be_archived(ledger: Ledger) -> None:
    assert not ledger.archive_item("clip", "run-1", bytes_total=100) and ledger.known(["clip"]) == {}


# Results of items


def test_items_that_are_not_archived_are_in_an_index_until_they_are(aws: Aws, ledger: Ledger) -> None:
    others = [MediaItem(media_id=name, filename="x.mp4") for name in ("pending", "failed", "unavailable")]
    ledger.add_pending([CLIP, *others], "run-1")
    ledger.fail_item(others[1], "run-1", "integrity", "x")
    ledger.claim(others[2], "run-1", 60)
    ledger.leave_unavailable("unavailable", "run-1", "not_available_yet", "x")
    everything = {f"gopro#{item.media_id}/ITEM" for item in (CLIP, *others)}
    assert indexed(aws, "not-archived", "not_archived", "gopro") == everything
    archive(ledger)
    assert indexed(aws, "not-archived", "not_archived", "gopro") == everything - {"gopro#clip/ITEM"}


def test_an_item_that_is_claimed_without_having_been_listed_is_in_the_index(aws: Aws, ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", 60)
    assert indexed(aws, "not-archived", "not_archived", "gopro") == {"gopro#clip/ITEM"}
    archive(ledger)
    ledger.claim(REPROCESSED, "run-2", 60)
    assert indexed(aws, "not-archived", "not_archived", "gopro") == {"gopro#clip/ITEM"}


def test_a_claim_and_stats_leave_a_row_where_it_is_in_the_index(aws: Aws, ledger: Ledger) -> None:
    ledger.add_pending([CLIP], "run-1")
    before = aws.row("gopro#clip", "ITEM")["updated_at"]
    ledger.claim(CLIP, "run-1", 60)
    ledger.set_stats("clip", "run-1", {"effort_run": "run-1", "run_bytes": 7})
    assert aws.row("gopro#clip", "ITEM")["updated_at"] == before
    ledger.leave_unavailable("clip", "run-1", "not_available_yet", "x")
    assert aws.row("gopro#clip", "ITEM")["updated_at"] > before


def test_an_unavailable_item_counts_no_attempt_and_is_free_for_the_next_run(ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", 900)
    assert ledger.leave_unavailable("clip", "run-1", "media_not_found", "It was trashed.")
    row = ledger.known(["clip"])["clip"]
    assert (row.status, row.attempts, row.error_category) == (Status.UNAVAILABLE, 0, "media_not_found")
    assert ledger.claim(CLIP, "run-2", 60).granted


def test_an_archived_item_has_no_error_and_a_later_failure_counts_from_one(ledger: Ledger) -> None:
    for number in (1, 2):
        ledger.fail_item(CLIP, f"run-{number}", "integrity", "Other bytes.")
    archive(ledger, run_id="run-3")
    row = ledger.known(["clip"])["clip"]
    assert (row.status, row.error_category, row.error_message, row.lease_owner) == (Status.ARCHIVED, "", "", "")
    ledger.claim(REPROCESSED, "run-4", 60)
    assert ledger.fail_item(REPROCESSED, "run-4", "integrity", "Other bytes.").attempts == 1


def test_the_stats_of_a_run_are_stored_with_the_item(ledger: Ledger) -> None:
    ledger.claim(CLIP, "run-1", 60)
    stats = {"effort_run": "run-1", "run_bytes": 10**13, "run_gb_seconds": 12.345, "run_requests": 9, "run_slices": 2}
    ledger.set_stats("clip", "run-1", stats)
    row = ledger.known(["clip"])["clip"]
    assert {name: getattr(row, name) for name in stats} == stats


# Sources


def test_a_source_that_was_not_started_has_no_row(ledger: Ledger) -> None:
    assert ledger.source("clip", 1) is None


def test_an_upload_that_was_started_can_be_resumed(ledger: Ledger) -> None:
    assert ledger.begin_source("clip", 2, "run-1", upload())
    assert ledger.source("clip", 2) == upload() and ledger.source("clip", 1) is None


def test_only_one_of_two_concurrent_uploads_is_recorded(ledger: Ledger) -> None:
    assert ledger.begin_source("clip", 1, "run-1", upload("u1"))
    assert not ledger.begin_source("clip", 1, "run-1", upload("u2"))
    assert ledger.source("clip", 1) == upload("u1")


def test_an_upload_replaces_only_the_one_that_it_names(ledger: Ledger) -> None:
    ledger.begin_source("clip", 1, "run-1", upload("u1"))
    assert not ledger.begin_source("clip", 1, "run-1", upload("u3"), replaces="u2")
    assert ledger.begin_source("clip", 1, "run-1", upload("u3", "k3"), replaces="u1")
    assert ledger.source("clip", 1) == upload("u3", "k3")


def test_an_archived_source_keeps_its_checksum_and_no_upload(aws: Aws, ledger: Ledger) -> None:
    ledger.begin_source("clip", 1, "run-1", upload())
    ledger.archive_source("clip", 1, "run-1", archived())
    assert ledger.source("clip", 1) == archived()
    row = aws.row("gopro#clip", "SOURCE#0001")
    assert row["archived_at"] and "upload_id" not in row and row["media_id"] == "clip"


def test_recording_the_same_object_twice_changes_nothing(aws: Aws, ledger: Ledger) -> None:
    ledger.archive_source("clip", 1, "run-1", archived())
    before = aws.row("gopro#clip", "SOURCE#0001")
    ledger.archive_source("clip", 1, "run-2", archived())
    assert aws.row("gopro#clip", "SOURCE#0001") == before


@pytest.mark.parametrize("checksum", ["AAAAAAAAAAA=", "BBBBBBBBBBB="], ids=["same bytes", "other bytes"])
def test_a_later_version_replaces_the_row_even_with_the_same_bytes(ledger: Ledger, checksum: str) -> None:
    ledger.archive_source("clip", 1, "run-1", archived())
    assert ledger.begin_source("clip", 1, "run-2", upload("u2", "k2", '"e2"'))
    later = archived("k2", '"e2"', checksum, copy=2)
    ledger.archive_source("clip", 1, "run-2", later)
    assert ledger.source("clip", 1) == later


# Ids and texts of absurd length


@pytest.mark.parametrize("media_id", ["x" * 1_000, "x" * 20_000, "é" * 2_000], ids=len)
def test_an_item_with_an_id_of_absurd_length_has_rows_like_any_other(ledger: Ledger, media_id: str) -> None:
    item = MediaItem(media_id=media_id, filename="x.mp4", captured_at="2026" * 200_000)
    ledger.add_pending([item, CLIP], "run-1")
    assert ledger.known([media_id, "clip"]).keys() == {media_id, "clip"}
    archive(ledger, item)
    ledger.archive_source(media_id, 1, "run-1", archived())
    assert ledger.known([media_id])[media_id].status is Status.ARCHIVED
    assert ledger.known([media_id + "y"]) == {} and ledger.sources(media_id).keys() == {1}
    (kept,) = {row.media_id for row in ledger.rows_of(media_id)}
    assert ledger.keys_of(kept) == ledger.keys_of(media_id) == {"k1"}
