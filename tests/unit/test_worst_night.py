"""The table of worst cases in docs/reliability.md is what the bounds in the code come to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cloud_sync.config import ENVIRONMENTS
from costs import worst_night
from costs.worst_night import CASES, PAGE, Spent, renewed, whole_night

# Every bound that the table is computed from, and what it may become by mistake.
BOUNDS: dict[str, Any] = {
    "LARGEST_ANSWER": 64 * 2**20, "LISTINGS": 4, "MOST_PAGES": 10**6, "LISTING_ATTEMPTS": 50, "NEIGHBOURS": 30,
    "SOURCES_ATTEMPTS": 9, "MAX_RENEWALS": 6, "MOST_IDLE_SLICES": 40, "BATCH_ITEMS": 1, "MOST_READINGS": 31,
    "MIN_PART": 1024, "MOST_BEGINNINGS": 10, "MOST_SECONDS_OF_A_RUN": 365 * 86_400, "TRIES": 11,
}  # fmt: skip


def test_the_page_has_the_table_of_today() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert renewed(text) == text, "make cost"


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_bound_that_changes_changes_the_table(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    before = worst_night.table()
    monkeypatch.setattr(worst_night, bound, BOUNDS[bound])
    if bound == "LISTINGS":  # max_run_gb is reached first, whatever the number: only the requests are more
        assert "4,000,000" in worst_night.table()
    assert worst_night.table() != before


@pytest.mark.parametrize(
    "value", ["max_run_gb", "max_concurrency", "downloader_memory_mb", "downloader_timeout_seconds"]
)
def test_a_value_of_the_environment_changes_what_a_night_can_cost(value: str) -> None:
    prod = ENVIRONMENTS["prod"]
    doubled = replace(prod, **{value: 2 * getattr(prod, value)})
    assert whole_night(doubled).usd(doubled) > whole_night(prod).usd(prod)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_no_single_case_of_a_day_costs_more_than_the_whole_night(environment: str) -> None:
    config = ENVIRONMENTS[environment]
    night = whole_night(config).usd(config)
    for what, of in CASES.items():
        spent = of(config)
        if spent.seconds <= 24 * 3600 and "a month" not in what and of is not worst_night.kept:
            assert spent.usd(config) <= night, what


def test_a_night_in_prod_is_calculated_by_hand() -> None:
    config = ENVIRONMENTS["prod"]
    # 500 GB, and three children with 900 s at 74.4 MB/s: 700.88 GB at 0.055 USD; three times 24 h at half a GB
    network, compute = 700.88 * 0.055, 3 * 86_400 * 0.5 * 0.0000133334
    assert Spent(0, 0, 700.88e9, 3 * 86_400 * 0.5).usd(config) == pytest.approx(network + compute)
    assert worst_night.most_read(config) == pytest.approx(700.88e9)
    assert network + compute < whole_night(config).usd(config) < network + compute + 20


def test_the_alarm_for_the_cost_is_below_what_a_night_can_cost_and_above_a_run_at_its_ceiling() -> None:
    for config in ENVIRONMENTS.values():
        usual = config.max_run_gb * (0.0013 + (0.055 if config.private_network else 0))
        assert usual < config.run_alarm_usd < whole_night(config).usd(config)


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        renewed("nothing")
