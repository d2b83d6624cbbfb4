"""When a schedule fires, how long it pauses, and the times that a clock change skips or repeats."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.config_error import ConfigError
from cloud_sync.schedule import Cron, check_schedule, longest_interval_hours, parse_cron

TODAY = date(2026, 11, 26)
ADVICE = "choose another hour, or a time zone without daylight saving time such as Etc/GMT-1, which is CET all year."


def cron(expression: str) -> Cron:
    return parse_cron(f"cron({expression})")


def days_of(expression: str, year: int, month: int) -> list[int]:
    """The days of a month on which the expression fires."""
    days = [date(year, month, 1) + timedelta(days=n) for n in range(31)]
    return [day.day for day in days if day.month == month and cron(expression).fires_on(day)]


def refusal(expression: str, time_zone: str) -> str:
    with pytest.raises(ConfigError) as caught:
        check_schedule(expression, time_zone, TODAY)
    return str(caught.value)


@pytest.mark.parametrize(
    ("expression", "days"),  # of February 2027, whose 1st is a Monday and whose 28th is a Sunday
    [
        ("0 2 ? * 1 *", [7, 14, 21, 28]),
        ("0 2 ? * SUN,WED *", [3, 7, 10, 14, 17, 21, 24, 28]),
        ("0 2 ? * MON-WED *", [1, 2, 3, 8, 9, 10, 15, 16, 17, 22, 23, 24]),
        ("0 2 ? * L *", [6, 13, 20, 27]),
        ("0 2 ? * 6L *", [26]),
        ("0 2 ? * 3#2 *", [9]),
        ("0 2 ? * 2#5 *", []),
        ("0 2 L * ? *", [28]),
        ("0 2 LW * ? *", [26]),
        ("0 2 14W * ? *", [15]),
        ("0 2 13W * ? *", [12]),
        ("0 2 28W * ? *", [26]),
        ("0 2 30W * ? *", []),
        ("0 2 10/10 * ? *", [10, 20]),
        ("0 2 */14 * ? *", [1, 15]),
        ("0 2 1-9/4,20 * ? *", [1, 5, 9, 20]),
        ("0 2 1 FEB ? 2027", [1]),
        ("0 2 1 3/3 ? *", []),
        ("0 2 1 * ? 2026/2", []),
    ],
)
def test_a_cron_expression_fires_on_the_days_that_the_user_guide_gives_it(expression: str, days: list[int]) -> None:
    assert days_of(expression, 2027, 2) == days


def test_the_weekday_nearest_to_the_first_is_in_the_same_month() -> None:
    assert days_of("0 2 1W * ? *", 2027, 5) == [3]  # the 1st is a Saturday


@pytest.mark.parametrize(
    ("expression", "time_zone", "times"),
    [
        (
            "cron(0 2 * * ? *)", "Europe/Paris",
            "02:00 does not exist on 2027-03-28, 2028-03-26 and 2029-03-25, "
            "02:00 comes twice on 2027-10-31, 2028-10-29 and 2029-10-28",
        ),
        (
            "cron(0/20 1-2 * * ? *)", "Europe/London",
            "01:00 does not exist on 2027-03-28, 2028-03-26 and 2029-03-25, "
            "01:00 comes twice on 2027-10-31, 2028-10-29 and 2029-10-28",
        ),
        (
            "cron(30 2 * * ? *)", "Australia/Sydney",
            "02:30 does not exist on 2027-10-03, 2028-10-01 and 2029-10-07, "
            "02:30 comes twice on 2027-04-04, 2028-04-02 and 2029-04-01",
        ),
        ("cron(15 2 * * ? *)", "Australia/Lord_Howe", "02:15 does not exist on 2027-10-03, 2028-10-01 and 2029-10-07"),
        ("cron(45 1 * * ? *)", "Australia/Lord_Howe", "01:45 comes twice on 2027-04-04, 2028-04-02 and 2029-04-01"),
        ("cron(0 0 * * ? *)", "America/Santiago", "00:00 does not exist on 2027-09-05, 2028-09-03 and 2029-09-02"),
        ("cron(59 0 * * ? *)", "Africa/Cairo", "00:59 does not exist on 2027-04-30, 2028-04-28 and 2029-04-27"),
        ("cron(30 23 * * ? *)", "Africa/Cairo", "23:30 comes twice on 2027-10-28, 2028-10-26 and 2029-10-25"),
        ("cron(0 0 ? * SUN *)", "Asia/Beirut", "00:00 does not exist on 2027-03-28, 2028-03-26 and 2029-03-25"),
        ("cron(0 2 ? * 1L 2028)", "Europe/Rome", "02:00 does not exist on 2028-03-26, 02:00 comes twice on 2028-10-29"),
        ("cron(0 2 29 3 ? *)", "Europe/Paris", "02:00 does not exist on 2037-03-29"),
        ("cron(30 2 ? 3 SUN 2027-2028)", "Europe/Paris", "02:30 does not exist on 2027-03-28 and 2028-03-26"),
    ],
)  # fmt: skip
def test_a_time_that_the_clock_skips_or_repeats_is_refused_with_its_next_dates(
    expression: str, time_zone: str, times: str
) -> None:
    assert refusal(expression, time_zone) == (
        f"schedule {expression!r} does not suit schedule_time_zone {time_zone}: {times}; {ADVICE}"
    )


@pytest.mark.parametrize(
    ("expression", "time_zone"),
    [
        ("cron(0 2 * * ? *)", "Etc/GMT-1"),
        ("cron(0 2 * * ? *)", "UTC"),
        ("cron(30 2 * * ? *)", "Asia/Kolkata"),
        ("cron(0 2 * * ? *)", "Asia/Tokyo"),
        ("cron(59 1 * * ? *)", "Europe/Paris"),
        ("cron(0 3 * * ? *)", "Europe/Paris"),
        ("cron(30 2 * * ? *)", "Australia/Lord_Howe"),
        ("cron(0 2 ? * MON-FRI *)", "Europe/Paris"),
        ("cron(0 2 1 * ? *)", "Europe/Paris"),
        ("cron(0 2 ? 4-9 * *)", "Europe/Paris"),
        ("cron(0 * * * ? *)", "Europe/Paris"),
        ("cron(0/5 * * * ? *)", "Africa/Cairo"),
        ("rate(1 day)", "Europe/Paris"),
    ],
)
def test_a_time_that_exists_once_on_each_of_its_days_is_accepted(expression: str, time_zone: str) -> None:
    check_schedule(expression, time_zone, TODAY)


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    zone=st.sampled_from(["Europe/Paris", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "UTC"]),
)
def test_a_daily_time_is_refused_exactly_when_a_day_of_the_next_years_lacks_it_or_has_it_twice(
    minute: int, hour: int, zone: str
) -> None:
    local = [datetime(2027, 1, 1, hour, minute) + timedelta(days=n) for n in range(4 * 365)]
    first, second = ([moment.replace(tzinfo=ZoneInfo(zone), fold=fold) for moment in local] for fold in (0, 1))
    ordinary = all(a.utcoffset() == b.utcoffset() for a, b in zip(first, second, strict=True))
    if ordinary:
        check_schedule(f"cron({minute} {hour} * * ? *)", zone, TODAY)
    else:
        assert f"{hour:02}:{minute:02} " in refusal(f"cron({minute} {hour} * * ? *)", zone)


@pytest.mark.parametrize("fields", ["0 2 * * ? 2020", "0 2 * * ? 1970-2025", "0 2 30 2 ? *", "0 2 1 1 ? 2026"])
def test_a_schedule_that_never_fires_again_is_refused(fields: str) -> None:
    assert refusal(f"cron({fields})", "UTC") == (
        f"schedule 'cron({fields})' does not fire on any day from 2026-11-26 to 2038-11-26."
    )


@pytest.mark.parametrize(
    ("expression", "time_zone", "hours"),
    [
        ("cron(0 2 * * ? *)", "Etc/GMT-1", 24),
        ("cron(0 3 * * ? *)", "Europe/Paris", 25),  # the night on which summer time ends
        ("cron(0 2,14 * * ? *)", "UTC", 12),
        ("cron(0 2,6 * * ? *)", "UTC", 20),
        ("cron(0 0,12 * * ? *)", "Europe/Paris", 13),
        ("cron(0 * * * ? *)", "UTC", 1),
        ("cron(0 * * * ? *)", "Europe/Paris", 2),  # the hour that comes twice is run once
        ("cron(* * * * ? *)", "UTC", 1),
        ("cron(0 2 ? * MON-FRI *)", "UTC", 72),
        ("cron(0 2 ? * SUN *)", "UTC", 168),
        ("cron(0 2 1 * ? *)", "UTC", 31 * 24),
        ("cron(0 2 31 * ? *)", "UTC", 61 * 24),
        ("cron(0 2 29 2 ? *)", "UTC", 1461 * 24),
        ("cron(0 0 1 1 ? 2027)", "UTC", 36 * 24),  # until the first and only run
        ("rate(5 minutes)", "UTC", 1),
        ("rate(90 minutes)", "UTC", 2),
        ("rate(1 hour)", "UTC", 1),
        ("rate(1 day)", "Europe/Paris", 24),
        ("rate(30 days)", "UTC", 720),
    ],
)
def test_the_longest_interval_is_the_longest_pause_between_two_runs(
    expression: str, time_zone: str, hours: int
) -> None:
    assert longest_interval_hours(expression, time_zone, TODAY) == hours


@given(today=st.dates(date(2024, 1, 1), date(2060, 1, 1)))
def test_the_interval_of_a_recurring_schedule_does_not_depend_on_the_day_of_synthesis(today: date) -> None:
    for fields in ("0 2 ? * MON-FRI *", "0 2 31 * ? *", "0 2 ? * 2#5 *", "0 2 29 2 ? *"):
        expression = f"cron({fields})"
        assert longest_interval_hours(expression, "UTC", today) == longest_interval_hours(expression, "UTC", TODAY)


@pytest.mark.parametrize(
    "expression",
    [
        *(f"rate({'9' * 5000} days)", f"cron({'9' * 5000} 2 * * ? *)", f"cron(0 2 {'9' * 5000}W * ? *)"),
        *(f"cron(0 2/{'9' * 5000} * * ? *)", f"cron(0 2 ? * 2#{'9' * 5000} *)", "cron(\N{SUPERSCRIPT TWO} 2 * * ? *)"),
    ],
    ids=lambda expression: expression[:14],
)
def test_a_number_without_end_is_no_schedule(expression: str) -> None:
    with pytest.raises(ConfigError):
        check_schedule(expression, "UTC", TODAY)
