"""The cost of a run, compared with a calculation by hand."""

from __future__ import annotations

import pytest
from cloud_sync_common.prices import run_cost
from hypothesis import given, settings
from hypothesis import strategies as st

COUNTS = st.integers(0, 100_000)
GB_SECONDS = st.floats(0, 1e7)


def test_the_cost_of_a_hundred_videos_is_the_sum_of_its_parts() -> None:
    # 100 videos in 10 batches and 50 more slices: 20,000 GB-s, 63 invocations, 10*3 + 50*2 + 6 state transitions,
    # 5,000 S3 requests, 100 objects into Deep Archive, 100*20 + 50*10 write units, 100*4 read units, and 63 reads of
    # the secret, which is 0.266668 + 0.0000126 + 0.0034 + 0.025 + 0.005 + 0.0015625 + 0.00005 + 0.000315 USD
    assert run_cost(videos=100, batches=10, gb_seconds=20_000, requests=5_000, slices=150) == pytest.approx(0.3020081)


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
