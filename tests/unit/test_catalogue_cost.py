"""What the catalogue costs."""

from __future__ import annotations

import pytest
from cloud_sync_common import prices

from cloud_sync.config import ENVIRONMENTS
from costs import catalogue
from costs.model import total


def test_the_catalogue_of_ten_thousand_items_costs_less_than_a_cent_a_month() -> None:
    lines = catalogue.each_month(10_000)
    # 269 MB in Standard: 0.0062; 43 listings: 0.0002; 60 transitions: 0.0015
    assert total(lines) == pytest.approx(0.269 * 0.023 + 43 * 0.000005 + 60 * 0.000025 + 429 * 4e-7 + 0.0001, rel=0.02)
    assert total(lines) < 0.01


def test_to_describe_a_thousand_items_costs_about_two_cents_once() -> None:
    assert total(catalogue.once(1_000)) == pytest.approx(1_000 * (0.75 * 0.0000133334 + 2.1 * 0.000005), rel=0.3)


def test_the_memory_of_the_writer_is_that_of_the_environments() -> None:
    assert {config.function_memory_mb / 1024 for config in ENVIRONMENTS.values()} == {catalogue.WRITER_GB}
    assert prices.INVOCATIONS_PER_RUN == 4
