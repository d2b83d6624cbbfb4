"""The cost of a run, compared with a calculation by hand."""

from __future__ import annotations

import pytest
from cloud_sync_common.prices import monthly_storage, run_cost
from hypothesis import given, settings
from hypothesis import strategies as st

COUNTS = st.integers(0, 100_000)
GB_SECONDS = st.floats(0, 1e7)


def test_the_cost_of_a_hundred_videos_is_the_sum_of_its_parts() -> None:
    # 100 videos in 10 batches and 50 slices more: 20,000 GB-s, 5,000 S3 requests, (10*3 + 50*2 + 6) transitions, 63
    # invocations that read the secret, 100 requests into Deep Archive, (100*20 + 50*10) write and 100*4 read units
    by_hand = (
        20_000 * 0.0000133334
        + 63 * 0.20 / 1_000_000
        + 136 * 0.025 / 1_000
        + 5_000 * 0.005 / 1_000
        + 100 * 0.05 / 1_000
        + 2_500 * 0.625 / 1_000_000
        + 400 * 0.125 / 1_000_000
        + 63 * 0.05 / 10_000
    )
    assert run_cost(videos=100, batches=10, gb_seconds=20_000, requests=5_000, slices=150) == pytest.approx(by_hand)


def test_a_run_without_work_costs_almost_nothing() -> None:
    assert 0 < run_cost(videos=0, batches=0, gb_seconds=0, requests=0, slices=0) < 0.001


@given(videos=COUNTS, more=COUNTS, gb_seconds=GB_SECONDS, requests=COUNTS)
@settings(deadline=None)
def test_more_work_never_costs_less(videos: int, more: int, gb_seconds: float, requests: int) -> None:
    def cost(extra: int) -> float:
        return run_cost(
            videos=videos + extra,
            batches=videos + extra,
            gb_seconds=gb_seconds + extra,
            requests=requests + extra,
            slices=videos + extra,
        )

    assert 0 < cost(0) <= cost(more)


@pytest.mark.parametrize(("stored", "usd"), [(0, 0.0), (10**9, 0.00099), (10**12, 0.99)])
def test_a_terabyte_in_deep_archive_costs_about_a_dollar_a_month(stored: int, usd: float) -> None:
    assert monthly_storage(stored) == pytest.approx(usd)
