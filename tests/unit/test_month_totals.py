"""What is safe by month, as the reports of runs add it up: each original once, however often it is archived."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.steps.report import Listing
from cloud_sync_common.stores import month_totals
from cloud_sync_common.stores.ledger_rows import ItemRow, SourceRow, Status
from cloud_sync_common.stores.month_totals import MonthCounts, MonthTotals
from cloud_sync_common.stores.provider_rows import Month, Night, month_of, nights_in
from cloud_sync_common.transfer.item_effort import ItemEffort
from cloud_sync_common.transfer.range_transfer import TransferStats

from tests.unit.in_process_aws import InProcessAws, running_aws
from tests.unit.run_reports import failure, report, success

NOW = "2026-11-26T02:05:09.123Z"
ENDED = {"left": 0, "stopped": 0}
SPENT = {"usd": 0.02, "archived": 2, "bytes": 30}
NONE = {"usd": 0.0, "archived": 0, "bytes": 0}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    monkeypatch.setattr(month_totals, "now", lambda: NOW)
    with running_aws(monkeypatch) as aws:
        yield aws


def clip(name: str, captured_at: str = "2026-05-03T10:00:00Z", revision: str = "/1") -> MediaItem:
    return MediaItem(media_id=name, filename=f"{name}.mp4", captured_at=captured_at, revision=revision)


def archive(aws: InProcessAws, item: MediaItem, run_id: str, size: int) -> None:
    """As the downloader does it."""
    claim = aws.ledger.claim(item, run_id, 60)
    assert claim.granted
    effort = ItemEffort(claim.row, run_id, 512, TransferStats(), lambda: 0.0).so_far()
    aws.ledger.archive_source(item.media_id, 1, run_id, SourceRow(status=Status.ARCHIVED, key="k", size=size))
    assert aws.ledger.archive_item(item.media_id, run_id, bytes_total=size, effort=effort)


def run(aws: InProcessAws, run_id: str, *items: tuple[MediaItem, int]) -> None:
    """A run that archives these items and reports on them."""
    aws.runs.begin(run_id, "arn")
    aws.manifest(run_id, [item for item, _ in items])
    for item, size in items:
        archive(aws, item, run_id, size)
    report(aws, success(Listing(new=len(items)), run_id=run_id))


def row(aws: InProcessAws, sk: str) -> dict[str, Any]:
    found = aws.table.get_item(Key={"pk": "PROVIDER#gopro", "sk": sk}).get("Item", {})
    return {name: value for name, value in found.items() if name not in ("pk", "sk", "updated_at")}


def months(aws: InProcessAws) -> dict[str, tuple[int, int]]:
    return {name: (m.originals, m.bytes) for name, m in MonthTotals(aws.table, "gopro").months().items()}


def test_what_a_run_archives_is_added_to_its_months_of_capture(aws: InProcessAws) -> None:
    run(aws, "run-1", (clip("a"), 10), (clip("b"), 20), (clip("c", "2026-06-01T00:30:00+02:00"), 5), (clip("d", ""), 1))
    assert months(aws) == {"2026-05": (3, 35), "unknown": (1, 1)}
    run(aws, "run-2", (clip("e", "2026-06-01T00:30:00Z"), 100), (clip("f"), 7))
    assert months(aws) == {"2026-05": (4, 42), "2026-06": (1, 100), "unknown": (1, 1)}


def test_a_new_version_of_an_original_adds_no_original_and_the_difference_of_its_bytes(aws: InProcessAws) -> None:
    run(aws, "run-1", (clip("a"), 10), (clip("b"), 20))
    run(aws, "run-2", (clip("a", revision="/2"), 15), (clip("b", revision="/2"), 12))
    assert months(aws) == {"2026-05": (2, 27)}
    run(aws, "run-3", (clip("a", revision="/3"), 0))
    run(aws, "run-4", (clip("a", revision="/4"), 1))
    assert months(aws) == {"2026-05": (2, 13)}


def test_an_item_that_one_run_archives_twice_is_one_original(aws: InProcessAws) -> None:
    aws.manifest("run-1", [clip("a"), clip("a", revision="/2")])
    archive(aws, clip("a"), "run-1", 10)
    archive(aws, clip("a", revision="/2"), "run-1", 12)
    report(aws, success(Listing(new=2)))
    assert months(aws) == {"2026-05": (1, 12)}


def test_what_another_run_has_archived_is_not_added(aws: InProcessAws) -> None:
    archive(aws, clip("a"), "run-0", 10)
    aws.manifest("run-1", [clip("a"), clip("b")])
    aws.ledger.fail_item(clip("b"), "run-1", "integrity", "Other bytes.")
    report(aws, success(Listing(new=2)))
    assert months(aws) == {}


@pytest.mark.parametrize("again", [success(Listing(new=1)), failure({"provider": "gopro", "error": {"Error": "x"}})])
def test_a_report_that_is_repeated_adds_nothing(aws: InProcessAws, again: Any) -> None:
    run(aws, "run-1", (clip("a"), 10))
    aws.table.update_item(
        Key={"pk": "RUN#run-1", "sk": "RUN"}, UpdateExpression="REMOVE reported"
    )  # as if it had died before the note
    report(aws, again)
    assert months(aws) == {"2026-05": (1, 10)}


def test_a_run_that_failed_is_counted_too(aws: InProcessAws) -> None:
    aws.manifest("run-1", [clip("a")])
    archive(aws, clip("a"), "run-1", 10)
    report(aws, failure({"provider": "gopro", "error": {"Error": "ConfigurationError", "Cause": "x"}}))
    assert months(aws) == {"2026-05": (1, 10)}


def test_what_the_runs_of_a_month_have_cost_and_moved_is_added_up_once_each(aws: InProcessAws) -> None:
    totals = MonthTotals(aws.table, "gopro")
    for run_id in ("run-1", "run-2", "run-2"):
        totals.add(run_id, "2026-11-26T01:00:00Z", MonthCounts(), SPENT, {"left": 3, "stopped": 0})
    totals.add("run-3", "2026-12-01T00:00:00Z", MonthCounts(), NONE, ENDED)
    assert row(aws, "SPENT#2026-11") == {
        "runs": 2, "usd": Decimal("0.04"), "archived": 4, "bytes": 60, "run_id": "run-2",
        "night_26_runs": 2, "night_26_archived": 4, "night_26_bytes": 60, "night_26_left": 3, "night_26_stopped": 0,
    }  # fmt: skip
    assert row(aws, "SPENT#2026-12")["runs"] == 1


def test_a_year_of_nights_is_kept_where_step_functions_forgets_runs_after_ninety_days(aws: InProcessAws) -> None:
    totals = MonthTotals(aws.table, "gopro")
    totals.add("run-1", "2026-11-26T01:00:00Z", MonthCounts(), SPENT, {"left": 3, "stopped": 1})
    totals.add("run-2", "2026-11-26T23:30:00+01:00", MonthCounts(), SPENT, {"left": 1, "stopped": 0})
    totals.add("run-3", "2026-11-27T00:30:00+01:00", MonthCounts(), SPENT, ENDED)
    totals.add("run-4", "2026-11-28T01:00:00", MonthCounts(), NONE, {"left": 0, "stopped": 1})
    assert nights_in("2026-11", row(aws, "SPENT#2026-11")) == [
        Night(day="2026-11-26", runs=3, archived=6, bytes=90, left=0, stopped=0),
        Night(day="2026-11-28", runs=1, left=0, stopped=1),
    ]


def test_a_night_is_not_made_of_a_time_that_is_none(aws: InProcessAws) -> None:
    MonthTotals(aws.table, "gopro").add("run-1", "soon", MonthCounts(), SPENT, ENDED)
    assert nights_in("unknown", row(aws, "SPENT#unknown")) == []
    assert nights_in("2026-11", {"night_x_runs": 1, "night_07_other": 1, "night_07_runs": "1", "runs": 3}) == []


def test_the_months_are_whole_where_no_run_succeeded_before_the_first_that_is_counted(aws: InProcessAws) -> None:
    run(aws, "run-1", (clip("a"), 10))
    run(aws, "run-2")
    assert row(aws, "COUNTED") == {"since": NOW, "whole": True}


def test_the_months_of_a_stack_that_was_not_counted_before_are_counted_since_now(aws: InProcessAws) -> None:
    aws.runs.note_success("run-0", 0)
    run(aws, "run-1", (clip("a"), 10))
    assert row(aws, "COUNTED") == {"since": NOW, "whole": False}


def test_a_row_that_somebody_has_written_otherwise_fails_no_report(aws: InProcessAws) -> None:
    key = {"pk": "PROVIDER#gopro", "sk": "MONTH#2026-05"}
    aws.table.put_item(Item={**key, "originals": "many", "bytes": 1})
    run(aws, "run-1", (clip("a"), 10), (clip("b", "2026-06-01T00:30:00Z"), 5))
    assert months(aws) == {"2026-05": (0, 0), "2026-06": (1, 5)}


def test_a_count_of_everything_replaces_what_is_there_and_makes_it_whole(aws: InProcessAws) -> None:
    aws.runs.note_success("run-0", 0)
    run(aws, "run-1", (clip("a"), 10), (clip("b", "2026-06-01T00:30:00Z"), 5))
    totals = MonthTotals(aws.table, "gopro")
    assert totals.replace(MonthCounts({"2026-05": (3, 30), "2020-01": (1, 1)}), totals.months())
    assert months(aws) == {"2020-01": (1, 1), "2026-05": (3, 30), "2026-06": (0, 0)}
    assert row(aws, "COUNTED") == {"since": NOW, "whole": True} and row(aws, "MONTH#2026-05")["run_id"] == "run-1"


def test_a_run_that_was_stopped_is_missed_until_everything_is_counted(aws: InProcessAws) -> None:
    aws.runs.begin("run-0", "arn")
    aws.runs.begin("run-1", "arn", instead_of="run-0")
    report(aws, success(Listing(), run_id="run-1"))
    assert row(aws, "COUNTED") == {"since": NOW, "whole": True, "missed": "run-0"}
    MonthTotals(aws.table, "gopro").replace(MonthCounts(), {})
    assert row(aws, "COUNTED") == {"since": NOW, "whole": True}


def test_a_count_of_everything_gives_way_to_a_run_that_ended_meanwhile(aws: InProcessAws) -> None:
    run(aws, "run-1", (clip("a"), 10))
    totals = MonthTotals(aws.table, "gopro")
    before = totals.months()
    run(aws, "run-2", (clip("b"), 5))
    assert not totals.replace(MonthCounts({"2026-05": (1, 10)}), before)
    assert months(aws) == {"2026-05": (2, 15)}


@pytest.mark.parametrize(
    ("captured_at", "month"),
    [
        ("2026-05-31T23:59:59Z", "2026-05"), ("2026-05-31T23:59:59-02:00", "2026-06"), ("2026-05-01", "2026-05"),
        ("", "unknown"), ("soon", "unknown"), ("1899-12-31", "unknown"), ("1900-01-01", "1900-01"),
        ("2199-12-31", "2199-12"), ("2200-01-01", "unknown"), ("0001-01-01", "unknown"),
    ],
)  # fmt: skip
def test_a_month_is_that_of_capture_in_utc(captured_at: str, month: str) -> None:
    assert month_of(captured_at) == month


@pytest.mark.parametrize(
    ("before", "replaced"),
    [
        (ItemRow(status=Status.IN_PROGRESS), None),
        (ItemRow(status=Status.IN_PROGRESS, archived_at=NOW, bytes_total=7), 7),
        (ItemRow(status=Status.IN_PROGRESS, archived_at=NOW), 0),
        (ItemRow(status=Status.IN_PROGRESS, archived_at=NOW, bytes_total=7, effort_run="run-1"), None),
        (ItemRow(status=Status.IN_PROGRESS, archived_at=NOW, bytes_total=9, effort_run="run-1", run_replaced=7), 7),
        (ItemRow(status=Status.IN_PROGRESS, archived_at=NOW, bytes_total=9, effort_run="run-0", run_replaced=7), 9),
    ],
)
def test_each_slice_of_a_run_knows_what_was_archived_before_it(before: ItemRow, replaced: int | None) -> None:
    effort = ItemEffort(before, "run-1", 512, TransferStats(), lambda: 0.0)
    assert effort.so_far()["run_replaced"] == replaced


def test_a_month_that_is_not_there_is_empty() -> None:
    assert Month() == Month(originals=0, bytes=0, run_id="")
