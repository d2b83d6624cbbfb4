"""What each write leaves in the ledger, field by field, and what a write that is repeated does not change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores import ledger
from cloud_sync_common.stores.ledger_rows import ItemRow, SourceRow, Status
from cloud_sync_common.stores.row_values import typed

from tests.unit.in_process_aws import InProcessAws, running_aws

NOW, UNIX = "2026-01-11T02:05:09.123Z", 1_768_000_000
CLIP = MediaItem(media_id="clip", filename="a\nb.mp4", captured_at="2026-01-01T00:00:00Z", revision="/1")
ITEM = {"provider": "gopro", "media_id": "clip", "filename": "a b.mp4", "captured_at": CLIP.captured_at}
LEASED = ITEM | {
    "status": "IN_PROGRESS", "not_archived": "gopro", "revision": "/1", "run_id": "run-1", "lease_owner": "run-1",
    "lease_expires": UNIX + 61,
}  # fmt: skip


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.unix = float(UNIX)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(ledger, "now", lambda: NOW)
    monkeypatch.setattr(ledger, "time", type("Time", (), {"time": lambda: clock.unix, "sleep": time.sleep}))
    return clock


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as account:
        yield account


def row(aws: InProcessAws, sk: str = "ITEM") -> dict[str, Any]:
    """A row of the clip, without its key and the moment of its last change."""
    found = aws.table.get_item(Key={"pk": "gopro#clip", "sk": sk}).get("Item", {})
    return {name: value for name, value in found.items() if name not in ("pk", "sk", "updated_at")}


def test_a_new_item_is_pending_and_keeps_its_row(aws: InProcessAws) -> None:
    aws.ledger.add_pending([CLIP], "run-1")
    pending = ITEM | {"status": "PENDING", "not_archived": "gopro", "run_id": "run-1", "first_seen": NOW}
    assert row(aws) == pending
    aws.ledger.add_pending([CLIP], "run-2")
    assert row(aws) == pending


def test_a_name_is_kept_as_one_line_of_a_thousand_characters(aws: InProcessAws) -> None:
    aws.ledger.add_pending([MediaItem(media_id="clip", filename="n" * 2000)], "run-1")
    assert len(row(aws)["filename"]) == 1000


def test_a_claimed_item_is_leased_to_its_run(aws: InProcessAws) -> None:
    claim = aws.ledger.claim(CLIP, "run-1", 60)
    assert row(aws) == LEASED and (claim.granted, claim.row.lease_owner) == (True, "run-1")


@pytest.mark.parametrize(("later", "granted"), [(61.0, False), (62.0, True)])
def test_a_lease_ends_when_its_time_is_over(aws: InProcessAws, clock: Clock, later: float, granted: bool) -> None:
    aws.ledger.claim(CLIP, "run-1", 60)
    clock.unix += later
    claim = aws.ledger.claim(CLIP, "run-2", 60)
    assert claim.granted == granted and claim.row.lease_owner == ("run-2" if granted else "run-1")


def test_an_archived_item_has_its_bytes_and_neither_a_lease_nor_a_failure(aws: InProcessAws) -> None:
    aws.ledger.fail_item(CLIP, "run-0", "integrity", "Other bytes.")
    aws.ledger.claim(CLIP, "run-1", 60)
    assert aws.ledger.archive_item("clip", "run-1", bytes_total=7)
    assert row(aws) == ITEM | {
        "status": "ARCHIVED", "revision": "/1", "run_id": "run-1", "bytes_total": 7, "archived_at": NOW,
    }  # fmt: skip
    assert aws.ledger.archive_item("clip", "run-1", bytes_total=7), "the answer may have been lost"
    assert not aws.ledger.archive_item("clip", "run-2", bytes_total=7)


def test_an_archived_item_says_what_is_wrong_with_its_original_until_a_whole_one_is_archived(aws: InProcessAws) -> None:
    aws.ledger.claim(CLIP, "run-1", 60)
    assert aws.ledger.archive_item("clip", "run-1", bytes_total=7, damage="it is empty")
    assert (aws.row("clip").status, aws.row("clip").damage) == (Status.ARCHIVED, "it is empty")
    aws.ledger.claim(msgspec.structs.replace(CLIP, revision="/2"), "run-2", 60)
    assert aws.ledger.archive_item("clip", "run-2", bytes_total=7)
    assert (aws.row("clip").status, aws.row("clip").damage, "damage" in row(aws)) == (Status.ARCHIVED, "", False)


def test_an_item_that_is_not_available_is_free_and_says_why(aws: InProcessAws) -> None:
    aws.ledger.claim(CLIP, "run-1", 60)
    aws.ledger.leave_unavailable("clip", "run-1", "not_available_yet", "Not now.")
    left = {name: value for name, value in LEASED.items() if not name.startswith("lease")}
    assert row(aws) == left | {
        "status": "UNAVAILABLE", "error_category": "not_available_yet", "error_message": "Not now.",
    }  # fmt: skip


def test_a_failure_is_counted_once_for_each_run_and_frees_the_item(aws: InProcessAws) -> None:
    aws.ledger.claim(CLIP, "run-1", 60)
    failed = aws.ledger.fail_item(CLIP, "run-1", "integrity", "Other bytes.")
    left = {name: value for name, value in LEASED.items() if not name.startswith("lease")}
    assert row(aws) == left | {
        "status": "FAILED", "failed_run": "run-1", "attempts": 1,
        "error_category": "integrity", "error_message": "Other bytes.",
    }  # fmt: skip
    assert (failed.attempts, failed.status) == (1, Status.FAILED)
    assert aws.ledger.fail_item(CLIP, "run-1", "other", "Again.").error_message == "Other bytes."
    assert aws.ledger.fail_item(CLIP, "run-2", "other", "Again.").attempts == 2


def test_a_run_fails_no_item_that_is_archived_or_leased_to_another(aws: InProcessAws) -> None:
    aws.ledger.claim(CLIP, "run-1", 60)
    assert aws.ledger.fail_item(CLIP, "run-2", "integrity", "x").status is Status.IN_PROGRESS
    aws.ledger.archive_item("clip", "run-1", bytes_total=7)
    assert aws.ledger.fail_item(CLIP, "run-2", "integrity", "x").status is Status.ARCHIVED


def test_what_a_run_did_is_noted_by_the_run_that_has_the_item_and_no_other(aws: InProcessAws) -> None:
    aws.ledger.claim(CLIP, "run-1", 60)
    aws.ledger.set_stats("clip", "run-2", {"effort_run": "run-2", "run_bytes": 9})
    assert row(aws) == LEASED
    aws.ledger.set_stats("clip", "run-1", {"effort_run": "run-1", "run_gb_seconds": 2.5})
    assert row(aws) == LEASED | {"effort_run": "run-1", "run_gb_seconds": pytest.approx(2.5)}
    assert aws.row("clip").run_gb_seconds == 2.5


EFFORT = {"effort_run": "run-1", "run_bytes": 9, "run_slices": 1}


def test_the_outcome_of_an_item_is_stored_together_with_what_its_run_did(aws: InProcessAws) -> None:
    aws.ledger.claim(CLIP, "run-1", 60)
    assert not aws.ledger.leave_unavailable("clip", "run-2", "not_available_yet", "x", EFFORT)
    assert not aws.ledger.archive_item("clip", "run-2", bytes_total=7, effort=EFFORT)
    assert row(aws) == LEASED
    assert aws.ledger.leave_unavailable("clip", "run-1", "not_available_yet", "x", EFFORT)
    assert row(aws).items() >= (EFFORT | {"status": "UNAVAILABLE"}).items()
    aws.ledger.claim(CLIP, "run-1", 60)
    assert aws.ledger.archive_item("clip", "run-1", bytes_total=7, effort=EFFORT | {"run_slices": 2})
    assert row(aws).items() >= (EFFORT | {"status": "ARCHIVED", "run_slices": 2}).items()


# Sources

BEGUN = SourceRow(
    status=Status.IN_PROGRESS, key="k", size=7, etag='"e"', upload_id="u1", part_size=5, identity="front", begun=1,
    begun_by="run-1", revision="/1",
)  # fmt: skip
OF_CLIP = {"provider": "gopro", "media_id": "clip", "file_number": 1, "run_id": "run-1"}


def stored(source: SourceRow) -> dict[str, Any]:
    """The attributes of a source's row that say something."""
    return {name: getattr(source, name) for name in source.__struct_fields__} | {
        "status": source.status.value, "proofs": list(source.proofs),
    }  # fmt: skip


def test_an_upload_that_begins_is_noted_and_a_second_one_only_instead_of_it(aws: InProcessAws) -> None:
    assert aws.ledger.begin_source("clip", 1, "run-1", BEGUN)
    expected = stored(BEGUN) | OF_CLIP
    del expected["checksum"]
    assert row(aws, "SOURCE#0001") == expected
    assert aws.ledger.begin_source("clip", 1, "run-1", BEGUN), "the answer may have been lost"
    other = SourceRow(status=Status.IN_PROGRESS, key="k2", size=7, upload_id="u2")
    assert not aws.ledger.begin_source("clip", 1, "run-2", other)
    assert not aws.ledger.begin_source("clip", 1, "run-2", other, replaces="u0")
    assert row(aws, "SOURCE#0001") == expected
    assert aws.ledger.begin_source("clip", 1, "run-2", other, replaces="u1")
    assert row(aws, "SOURCE#0001")["upload_id"] == "u2"


DONE = SourceRow(
    status=Status.ARCHIVED, key="k", size=7, etag='"e"', checksum="sum", identity="front", revision="/1",
    proofs=("s3-checksum",), single_stream=True,
)  # fmt: skip


def test_an_archived_source_says_what_is_wrong_with_the_original(aws: InProcessAws) -> None:
    aws.ledger.archive_source("clip", 1, "run-1", msgspec.structs.replace(DONE, damage="it is empty"))
    source = aws.ledger.source("clip", 1)
    assert source is not None and source.damage == "it is empty"


def test_an_archived_source_has_its_checksum_and_no_upload(aws: InProcessAws) -> None:
    aws.ledger.begin_source("clip", 1, "run-1", BEGUN)
    aws.ledger.archive_source("clip", 1, "run-1", DONE)
    expected = stored(DONE) | OF_CLIP | {"archived_at": NOW}
    del expected["upload_id"]
    assert row(aws, "SOURCE#0001") == expected


@pytest.mark.parametrize("changes", [{}, {"key": "k2"}, {"revision": "/2"}, {"identity": "back"}], ids=str)
def test_a_source_is_noted_again_only_when_something_about_it_is_new(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]
) -> None:
    aws.ledger.archive_source("clip", 1, "run-1", DONE)
    again = SourceRow(**{name: getattr(DONE, name) for name in DONE.__struct_fields__} | changes | {"checksum": "new"})
    aws.ledger.archive_source("clip", 1, "run-2", again)
    assert row(aws, "SOURCE#0001")["checksum"] == ("new" if changes else "sum")


def test_a_later_upload_takes_checksum_and_end_of_the_earlier_one_away(aws: InProcessAws) -> None:
    aws.ledger.archive_source("clip", 1, "run-1", DONE)
    assert aws.ledger.begin_source("clip", 1, "run-1", BEGUN)
    assert not {"checksum", "archived_at"} & set(row(aws, "SOURCE#0001"))


def test_the_keys_of_an_item_are_those_of_all_versions_of_all_of_its_sources(aws: InProcessAws) -> None:
    for number, copy, key in ((1, 3, "g/a-01-v3.mp4"), (2, 1, "g/a-02.mp4"), (10_000, 1, "g/a-10000.mp4")):
        aws.ledger.archive_source(
            "clip", number, "run-1", SourceRow(status=Status.ARCHIVED, key=key, size=1, copy=copy)
        )
    found = aws.ledger.keys_of("clip")
    assert found == {"g/a-01.mp4", "g/a-01-v2.mp4", "g/a-01-v3.mp4", "g/a-02.mp4", "g/a-10000.mp4"}
    assert sorted(aws.ledger.sources("clip")) == [1, 2, 10_000]
    assert aws.ledger.source("clip", 3) is None and aws.ledger.keys_of("cli") == set()
    assert all(found.is_source and found.status is Status.ARCHIVED for found in aws.ledger.rows_of("clip"))


def test_an_item_without_a_row_is_pending() -> None:
    assert typed({}, ItemRow) == ItemRow(status=Status.PENDING)
