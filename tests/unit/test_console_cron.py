"""When a schedule fires next: as EventBridge Scheduler's user guide says, and as the infrastructure checks it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.schedule import parse_cron
from console.operations.cron import next_after

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
SINCE = datetime(2026, 11, 1, 0, 30, tzinfo=UTC)


def at(expression: str, zone: str = "UTC", now: datetime = NOW) -> str:
    moment = next_after(expression, zone, now, SINCE)
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


@pytest.mark.parametrize(
    ("expression", "zone", "moment"),
    [
        ("cron(0 2 * * ? *)", "UTC", "2026-11-27 02:00"),
        ("cron(0 2 * * ? *)", "Etc/GMT-1", "2026-11-27 01:00"),
        ("cron(30 12 * * ? *)", "UTC", "2026-11-26 12:30"),
        ("cron(0 12 * * ? *)", "UTC", "2026-11-27 12:00"),
        ("cron(0/15 * * * ? *)", "UTC", "2026-11-26 12:15"),
        ("cron(0 2 ? * MON-FRI *)", "America/New_York", "2026-11-27 07:00"),
        ("cron(0 2 L * ? *)", "UTC", "2026-11-30 02:00"),
        ("cron(0 2 29 2 ? *)", "UTC", "2028-02-29 02:00"),
        ("cron(0 2 * * ? 2026)", "UTC", "2026-11-27 02:00"),
        ("cron(0 2 * * ? 2025)", "UTC", ""),
        ("rate(1 day)", "UTC", "2026-11-27 00:30"),
        ("rate(12 hours)", "UTC", "2026-11-26 12:30"),
        ("rate(7 minutes)", "UTC", "2026-11-26 12:04"),
        ("at(2026-12-01T03:00:00)", "Europe/Paris", "2026-12-01 02:00"),
        ("at(2026-11-01T03:00:00)", "UTC", ""),
    ],
)
def test_the_next_moment_is_told_in_utc(expression: str, zone: str, moment: str) -> None:
    assert at(expression, zone) == moment


def test_a_time_that_the_clock_skips_is_none_and_one_that_comes_twice_is_one() -> None:
    spring, autumn = datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 10, 31, 0, 29, tzinfo=UTC)
    assert at("cron(30 2 * * ? *)", "Europe/Paris", spring) == "2027-03-29 00:30"
    assert at("cron(30 2 * * ? *)", "Europe/Paris", autumn) == "2027-10-31 00:30"
    assert at("cron(30 2 * * ? *)", "Europe/Paris", autumn + timedelta(minutes=2)) == "2027-11-01 01:30"


def test_a_rate_that_has_not_begun_begins_at_its_start() -> None:
    later = NOW + timedelta(days=3)
    assert next_after("rate(1 hour)", "UTC", NOW, later) == later


@pytest.mark.parametrize(
    "odd",
    ["", "soon", "cron()", "cron(0 2 * *)", "cron(x 2 * * ? *)", "cron(0/0 2 * * ? *)", "rate(0 hours)", "rate(1 year)",
     "at(never)"],
)  # fmt: skip
def test_what_is_not_understood_is_no_moment(odd: str) -> None:
    assert at(odd) == ""
    assert at("cron(0 2 * * ? *)", "Nowhere/City") == ""


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    one = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        one.map(str),
        st.tuples(one, st.integers(1, 9)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
        st.tuples(one, one).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.lists(one, min_size=1, max_size=3, unique=True).map(lambda many: ",".join(map(str, many))),
    )


DAYS = st.one_of(
    st.tuples(st.one_of(numbers(1, 31), st.sampled_from(["L", "LW", "1W", "15W", "31W"])), st.just("?")),
    st.tuples(st.just("?"), st.one_of(numbers(1, 7), st.sampled_from(["L", "6L", "3#2", "2#5", "SUN,WED", "MON-FRI"]))),
)


@settings(max_examples=60, deadline=None)
@given(numbers(0, 59), numbers(0, 23), DAYS, numbers(1, 12), st.integers(0, 800))
def test_the_next_moment_is_the_first_at_which_the_infrastructure_says_that_it_fires(
    minutes: str, hours: str, days: tuple[str, str], months: str, later: int
) -> None:
    expression, now = f"cron({minutes} {hours} {days[0]} {months} {days[1]} *)", NOW + timedelta(days=later)
    cron = parse_cron(expression)
    first = (now.date() + timedelta(days=n) for n in range(366 * 9))
    fires = (datetime.combine(day, clock, UTC) for day in first if cron.fires_on(day) for clock in cron.times)
    assert next_after(expression, "UTC", now, SINCE) == next((moment for moment in fires if moment > now), None)


def test_a_date_that_no_month_has_is_never() -> None:
    assert at("cron(0 2 30 2 ? *)") == ""
