"""What a report adds up: totals are sums over the items of the run, and each of them is priced once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.prices import Extras
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.steps import report
from cloud_sync_common.steps.report import Listing, ReportRequest, RunReport, Summary
from cloud_sync_common.stores.ledger_rows import ItemRow, Status
from cloud_sync_common.stores.month_totals import MonthCounts
from cloud_sync_common.stores.run_totals import LISTED_FAILURES, Totals, log_video
from cloud_sync_common.stores.runs import LastSuccess, RunRow, RunStatus

RUN = "run-1"


def done(run: str = RUN, status: Status = Status.ARCHIVED, **effort: Any) -> ItemRow:
    return ItemRow(status=status, effort_run=run, filename="a.mp4", **effort)


def totals_of(*rows: ItemRow) -> Totals:
    totals = Totals()
    for row in rows:
        totals.count(row, RUN)
    return totals


def test_totals_are_the_sums_of_what_this_run_did() -> None:
    first = done(run_bytes=1000, run_gb_seconds=2.5, run_requests=4, run_slices=1)
    second = done(run_bytes=200, run_gb_seconds=0.25, run_requests=30, run_slices=5)
    other = done("run-0", run_bytes=7, run_gb_seconds=7, run_requests=7, run_slices=7)
    found = totals_of(first, second, other, ItemRow(status=Status.PENDING))
    assert (found.bytes_archived, found.gb_seconds, found.requests, found.slices) == (1200, 2.75, 34, 6)
    assert found.moved == 2 and found.statuses == {"ARCHIVED": 3, "PENDING": 1}


def test_an_item_of_which_no_slice_ended_was_not_moved() -> None:
    assert totals_of(done(run_bytes=1000), done(run_slices=1), done(run_slices=9)).moved == 2


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNAVAILABLE])
def test_a_failure_is_listed_with_its_file_reason_and_category(status: Status) -> None:
    row = ItemRow(status=status, filename="a.mp4", error_message="Other bytes.", error_category="integrity")
    assert totals_of(row, done()).failures == ["a.mp4: Other bytes. (integrity)"]
    assert len(totals_of(*[row] * (LISTED_FAILURES + 1)).failures) == LISTED_FAILURES
    assert totals_of(*[row] * (LISTED_FAILURES + 1)).statuses[status] == LISTED_FAILURES + 1


def test_a_damaged_original_is_counted_and_named_while_it_is_archived() -> None:
    damaged = done(damage="it is empty")
    found = totals_of(damaged, done(), done(status=Status.FAILED, damage="of the version before"))
    assert (found.damaged, found.damages) == (1, ["a.mp4: it is empty"])
    many = totals_of(*[damaged] * (LISTED_FAILURES + 1))
    assert (many.damaged, len(many.damages), many.statuses[Status.ARCHIVED]) == (21, LISTED_FAILURES, 21)


@pytest.mark.parametrize(
    ("row", "category", "reason"),
    [
        (done(damage="it is empty"), "original_damaged", "it is empty"),
        (done(), "", ""),
        (
            done(status=Status.FAILED, damage="it is empty", error_category="integrity", error_message="Other bytes."),
            "integrity",
            "Other bytes.",
        ),
    ],
)
def test_the_line_of_a_video_says_what_is_wrong_with_it(
    row: ItemRow, category: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    log_video("clip", row, RUN)
    (line,) = map(vars, caplog.records)
    assert (line["msg"], line["status"], line["category"], line["reason"]) == ("video", row.status, category, reason)


class World:
    """The ledger, the runs, the manifest and the metrics of one report; `order` is what happened in which order."""

    def __init__(self, *rows: ItemRow, backlog: int = 0) -> None:
        self.rows = {f"clip-{number}": row for number, row in enumerate(rows)}
        self.read = 0
        self.left, self.last, self.run = backlog, LastSuccess(), RunRow()
        self.emitted: dict[str, float] = {}
        self.mails: list[tuple[str, str]] = []
        self.order: list[str] = []
        self.ended: dict[str, Any] = {}

    def report(self, listing: Listing, *, extras: Extras | None = None) -> Summary:
        runs = SimpleNamespace(
            get=lambda _: self.run, bytes_read=lambda _: self.read, bytes_counted=lambda _: self.read,
            last_success=lambda: self.last,
            note_success=self.note_success, end=self.end,
            note_reported=lambda _, step: self.order.append(f"noted {step}"),
        )  # fmt: skip
        ledger = SimpleNamespace(known=self.known, backlog=lambda: self.left)
        items = [MediaItem(media_id=media_id, filename="a.mp4") for media_id in self.rows]
        manifest = SimpleNamespace(items=lambda: iter(items))
        step = RunReport(
            "gopro", cast(Any, ledger), cast(Any, runs), cast(Any, self), cast(Any, manifest), cast(Any, self),
            "arn:topic",
            cast(EnvironmentMetrics, self), 10**15, extras or Extras(),
        )  # fmt: skip
        found = step.report(ReportRequest(run_id=RUN, provider="gopro", started_at="", listing=listing))
        assert isinstance(found, Summary)
        return found

    def known(self, media_ids: Any) -> dict[str, ItemRow]:
        wanted = list(media_ids)
        assert len(wanted) <= 100
        return {media_id: self.rows[media_id] for media_id in wanted}

    def emit(self, provider: str, values: dict[str, float]) -> None:
        assert provider == "gopro"
        self.order.append("measured")
        self.emitted |= values

    def end(self, run_id: str, status: RunStatus, totals: dict[str, int]) -> None:
        self.order.append("ended")
        self.ended = {"run": run_id, "status": status, **totals}

    def add(
        self, run_id: str, began_at: str, counts: MonthCounts, spent: dict[str, float], ended: dict[str, int]
    ) -> None:
        self.order.append("added up")
        self.added = (run_id, began_at, counts.months, spent)

    def note_success(self, run_id: str, backlog: int) -> None:
        self.order.append(f"success of {run_id} with {backlog}")


@pytest.fixture(autouse=True)
def mails(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(world: World, arn: str, subject: str, text: str) -> None:
        assert arn == "arn:topic"
        world.order.append("mailed")
        world.mails.append((subject, text))

    monkeypatch.setattr(report, "send_mail", send)


MILLION = 1_000_000


@pytest.mark.parametrize(
    ("row", "listing", "usd"),
    [
        (done(run_gb_seconds=MILLION), Listing(), 13.3334),
        (done(run_requests=MILLION), Listing(), 5.03),  # and a hundredth of them reach KMS
        (done(run_slices=MILLION), Listing(), 50 + 0.2 + 5 + 3 + 5 + 3.125 + 0.25 + 3),
        (done(), Listing(new=1000), 0.05 + 0.0004 + 0.005 + 0.000375 + 0.00025),
        (done(), Listing(batches=MILLION), 75 + 0.2 + 5 + 3 + 5 + 0.625 + 0.25 + 3),
    ],
)
def test_each_total_is_priced_once(row: ItemRow, listing: Listing, usd: float) -> None:
    nothing = World(done()).report(Listing()).estimated_usd
    assert World(row).report(listing).estimated_usd - nothing == pytest.approx(usd, abs=0.0002)


def test_bytes_are_priced_where_a_gateway_processes_them() -> None:
    row = done(run_bytes=100 * 10**9)
    prices = [World(row).report(Listing(), extras=extras).estimated_usd for extras in (Extras(), Extras(True))]
    assert prices[1] - prices[0] == pytest.approx(5.5, abs=0.0002)


def test_the_summary_says_of_each_count_what_it_is() -> None:
    world = World(done(run_bytes=5), done(status=Status.FAILED), done(status=Status.UNAVAILABLE), backlog=20)
    found = world.report(Listing(listed=12, new=3, waiting=4, exhausted=2, batches=1))
    assert (found.listed, found.new, found.waiting, found.exhausted) == (12, 3, 4, 2)
    assert (found.archived, found.failed, found.unavailable, found.bytes_archived) == (1, 1, 1, 5)
    assert (found.backlog, found.failure_rate, found.status) == (24, 50.0, RunStatus.SUCCEEDED)
    assert world.ended == {"run": RUN, "status": "SUCCEEDED", "archived": 1, "failed": 1, "bytes_archived": 5}


def test_a_run_is_ended_then_mailed_then_counted_as_the_last_success_and_measured_at_the_end() -> None:
    world = World(done(), backlog=3)
    world.report(Listing())
    assert world.order == [
        "added up", "ended", "mailed", "noted mailed", f"success of {RUN} with 3", "measured", "noted measured",
    ]  # fmt: skip


def test_what_a_run_has_archived_and_spent_is_added_up_before_another_may_begin() -> None:
    world = World(done(captured_at="2026-05-01", bytes_total=9, run_bytes=7), ItemRow(status=Status.FAILED))
    world.report(Listing(new=2))
    run_id, _, months, spent = world.added
    assert (run_id, months) == (RUN, {"2026-05": (1, 9)}) and world.order[:2] == ["added up", "ended"]
    assert (spent["archived"], spent["bytes"]) == (1, 7) and spent["usd"] > 0


@pytest.mark.parametrize(("before", "growth"), [("", None), (RUN, None), ("run-0", 2)])
def test_growth_is_measured_against_another_run_only(before: str, growth: int | None) -> None:
    world = World(done(), backlog=7)
    world.last = LastSuccess(run_id=before, backlog=5)
    world.report(Listing())
    assert world.emitted.get("BacklogGrowth") == growth


def test_without_anything_tried_nothing_has_failed_and_without_a_slice_there_is_no_rate() -> None:
    world = World(ItemRow(status=Status.PENDING))
    assert world.report(Listing()).failure_rate == 0.0
    assert world.emitted["FailureRate"] == 0.0 and "SlicesPerVideo" not in world.emitted


def test_slices_are_counted_for_each_video_that_was_moved() -> None:
    world = World(done(run_slices=1), done(run_slices=4), done("run-0", run_slices=9))
    world.report(Listing())
    assert world.emitted["SlicesPerVideo"] == 2.5


@pytest.mark.parametrize(
    ("archived", "failed", "subject"),
    [
        (0, 0, "Cloud Sync: nothing new"),
        (1, 0, "Cloud Sync: 1 video archived"),
        (2, 0, "Cloud Sync: 2 videos archived"),
        (0, 1, "Cloud Sync: 0 videos archived, 1 failed"),
        (1, 2, "Cloud Sync: 1 video archived, 2 failed"),
    ],
)
def test_the_subject_says_what_happened(archived: int, failed: int, subject: str) -> None:
    world = World(*[done()] * archived, *[done(status=Status.FAILED)] * failed)
    world.report(Listing())
    assert [found for found, _ in world.mails] == [subject]


def test_a_damaged_original_is_no_failure_and_the_mail_says_what_it_means_and_what_to_do() -> None:
    world = World(done(damage="it ends after 60 of at least 100 bytes"), done())
    summary = world.report(Listing(new=2))
    assert (summary.archived, summary.failed, summary.damaged) == (2, 0, 1)
    ((subject, text),) = world.mails
    assert subject == "Cloud Sync: 2 videos archived, 1 of them damaged" and "all is well" not in text
    assert "1 video is archived byte for byte, and damaged already at the provider" in text
    assert "- a.mp4: it ends after 60 of at least 100 bytes" in text and "play them at the provider" in text
    assert "Not archived" not in text and "tried again" not in text


@pytest.mark.parametrize(
    ("listing", "says", "silent"),
    [
        (Listing(), "Next step: none, all is well.", "not ready"),
        (Listing(waiting=1), "1 video is not ready at the provider", "failed too often"),
        (Listing(exhausted=2), "2 videos have failed too often", "all is well"),
    ],
)
def test_the_mail_says_what_is_left_to_do(listing: Listing, says: str, silent: str) -> None:
    world = World(done())
    world.report(listing)
    ((_, text),) = world.mails
    assert says in text and silent not in text and f"Run {RUN}." in text
    assert ("known and not archived yet" in text) == bool(listing.waiting)
