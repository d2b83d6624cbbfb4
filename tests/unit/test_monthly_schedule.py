"""When the verification of each month starts: far from the runs, by day, and one provider a day."""

from __future__ import annotations

from datetime import date

import pytest

from cloud_sync.config import Config
from cloud_sync.monthly_schedule import monthly
from cloud_sync.schedule import check_schedule, side_by_side


@pytest.mark.parametrize(
    ("nightly", "expected"),
    [
        (["cron(0 2 * * ? *)"], "cron(0 14 1 * ? *)"),
        (["cron(0 2 * * ? *)", "cron(5 2 * * ? *)", "cron(10 2 * * ? *)"], "cron(5 14 1 * ? *)"),
        (["cron(0 2,14 * * ? *)"], "cron(0 8 1 * ? *)"),
        (["cron(0 14 * * ? *)"], "cron(0 6 1 * ? *)"),  # by day all the same
        (["cron(0 * * * ? *)"], "cron(30 6 1 * ? *)"),
        (["cron(30 22 ? * SUN *)"], "cron(30 10 1 * ? *)"),
        (["rate(6 hours)"], "cron(0 14 1 * ? *)"),
        (["rate(7 days)"], "cron(0 14 1 * ? *)"),
    ],
)
def test_it_is_as_far_from_the_runs_as_can_be(nightly: list[str], expected: str) -> None:
    assert monthly(nightly, 0) == expected


def test_each_provider_has_a_day_of_the_month_of_its_own() -> None:
    nightly = side_by_side("cron(0 2 * * ? *)", 3)
    days = [monthly(nightly, index).split()[2] for index in range(3)]
    assert days == ["1", "2", "3"]


@pytest.mark.parametrize(
    "zone", ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
)
def test_no_clock_change_skips_or_repeats_it(zone: str) -> None:
    for hour in range(24):
        check_schedule(monthly([f"cron(0 {hour} * * ? *)"], 0), zone, date(2026, 11, 1))


def test_an_environment_verifies_each_of_its_providers() -> None:
    config = Config("dev", providers=("gopro", "dropbox"), schedule="cron(0 3 * * ? *)")
    assert [config.verification_of(one) for one in config.backed_up] == ["cron(0 15 1 * ? *)", "cron(0 15 2 * ? *)"]
