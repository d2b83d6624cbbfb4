"""The strip of a year and the bars: each night at its place, and the same in the table."""

from __future__ import annotations

from datetime import date, timedelta

from cloud_sync_common.stores.provider_rows import Night as Counted

from console.operations.nights import Night, nights_of, weeks_until, year_of
from console.operations.runs import Run
from console.operations.safe import SpentMonth
from console.web.pictures import CELL, HEIGHT, bars, strip, year_table

TODAY = date(2026, 11, 27)  # a Friday


def run(day: str, provider: str = "gopro", status: str = "SUCCEEDED", **more: int | str) -> Run:
    fields = {"run_id": day + provider, "mode": "sync", "started_at": f"{day}T12:00:00+00:00", "archived": 1, **more}
    return Run(provider=provider, status=status, **fields)  # type: ignore[arg-type]


def spent(month: str, size: int) -> SpentMonth:
    return SpentMonth(month=month, runs=30, usd=0.5, archived=7, bytes=size)


def test_a_year_has_53_weeks_and_ends_today() -> None:
    weeks = weeks_until(TODAY)
    assert len(weeks) == 53 and weeks[-1][-1] == TODAY and weeks[0][0].weekday() == 0
    days = [day for week in weeks for day in week]
    assert days == [days[0] + timedelta(days=number) for number in range(len(days))]
    assert len(weeks_until(date(2026, 11, 30))[-1]) == 1  # a Monday


def test_a_night_is_the_sum_of_its_runs_and_its_last_run_decides() -> None:
    found = nights_of([
        run("2026-11-26", bytes_archived=5), run("2026-11-26", "dropbox", bytes_archived=7, backlog=2),
        run("2026-11-25", status="FAILED", error="E"), run("2026-11-24", mode="reconcile"), run("2026-11-23", ""),
        run("2026-11-22", status="RUNNING"),
    ])  # fmt: skip
    assert found[date(2026, 11, 26)] == Night(day=date(2026, 11, 26), runs=2, archived=2, bytes=12, left=True)
    assert (found[date(2026, 11, 25)].stopped, found[date(2026, 11, 25)].cause) == (True, "E")
    assert len(found) == 2
    again = [run("2026-11-25", status="FAILED"), run("2026-11-25", started_at="2026-11-25T13:00:00+00:00")]
    assert not nights_of(again)[date(2026, 11, 25)].stopped


def test_each_night_stands_in_the_column_of_its_week_and_the_row_of_its_day() -> None:
    nights = {TODAY - timedelta(days=n): Night(day=TODAY, archived=1, bytes=n + 1) for n in range(4)}
    first, second = strip(nights, [], TODAY)
    last = second.days[-1]
    assert (last.x, last.y, last.last, last.level) == ((26 - 1) * CELL, 4 * CELL, True, 1)
    assert last.title == "Friday 27 November: 1 new original, 1 B"
    assert [day.level for day in second.days[-4:]] == [4, 3, 2, 1]
    assert first.width + second.width == 53 * CELL - 4 and first.days[0].level == -1
    assert first.days[0].title.endswith("not known any more") and second.days[-5].title.endswith("no run")


def test_a_night_that_stopped_or_left_something_says_so() -> None:
    nights = {
        TODAY: Night(day=TODAY, stopped=True),
        TODAY - timedelta(days=1): Night(day=TODAY, left=True),
        TODAY - timedelta(days=2): Night(day=TODAY),
    }
    days = strip(nights, [], TODAY)[1].days[-3:]
    assert [day.title.partition(": ")[2] for day in days] == [
        "nothing new", "nothing new, something left waiting", "stopped"
    ]  # fmt: skip
    assert [(day.stopped, day.left, day.level) for day in days] == [(0, 0, 0), (0, 1, 0), (1, 0, 0)]


def test_nights_that_step_functions_has_forgotten_are_those_that_the_ledger_has_counted() -> None:
    remembered = {date(2026, 9, 1): Night(day=date(2026, 9, 1), runs=1, stopped=True, cause="x")}
    counted = [
        Counted(day="2026-08-31", runs=1, archived=2, bytes=10, left=1),
        Counted(day="2026-08-31", runs=1, archived=1, bytes=5, stopped=1),
        Counted(day="2026-09-01", runs=9, archived=9, bytes=9),
        Counted(day="2026-02-31", runs=1),
    ]
    assert year_of(counted, remembered) == {
        date(2026, 8, 31): Night(day=date(2026, 8, 31), runs=2, archived=3, bytes=15, left=True, stopped=True),
        **remembered,
    }


def test_a_month_whose_nights_are_forgotten_is_one_block_as_high_as_what_it_moved() -> None:
    sums = [spent("2026-02", 400), spent("2026-03", 100), spent("2026-10", 300)]
    first, second = strip({}, sums, TODAY)
    assert [block.title for block in first.months] == [
        "February 2026: 7 originals, 400 B", "March 2026: 7 originals, 100 B"
    ]  # fmt: skip
    assert [block.height for block in first.months] == [HEIGHT, HEIGHT / 4] and second.months == []
    covered = range(first.months[0].x, first.months[1].x + first.months[1].width)
    assert not [day for day in first.days if day.x in covered]


def test_names_of_months_cover_all_weeks_and_say_what_was_moved() -> None:
    halves = strip({}, [spent("2026-02", 530_000_000_000)], TODAY)
    assert [sum(label.weeks for label in half.labels) for half in halves] == [27, 26]
    labels = [label for half in halves for label in half.labels]
    assert next(label for label in labels if label.text == "Feb").size == "530 GB"


def test_the_table_has_what_the_strip_has() -> None:
    nights = {
        TODAY: Night(day=TODAY, stopped=True, left=True), date(2026, 11, 1): Night(day=TODAY, left=True),
        date(2026, 10, 1): Night(day=TODAY, archived=4, bytes=9),
    }  # fmt: skip
    rows = year_table(nights, [spent("2026-11", 800), spent("2025-10", 1)], TODAY)
    assert [(row.month, row.nights, row.left, row.stopped, row.archived, row.bytes) for row in rows] == [
        ("November 2026", 2, 1, 1, 7, 800), ("October 2026", 1, 0, 0, 4, 9)
    ]  # fmt: skip


def test_the_largest_bar_is_whole_and_nothing_is_no_bar() -> None:
    assert [(bar.text, bar.width) for bar in bars([("a", 2.0), ("b", 0.5), ("c", 0.001), ("d", 0)])] == [
        ("2.00 USD", 100), ("0.50 USD", 25), ("less than 0.01 USD", 0.05), ("0 USD", 0)
    ]  # fmt: skip
    assert bars([]) == [] and bars([("a", 0.0)])[0].width == 0
