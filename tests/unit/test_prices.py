"""The cost of a run, compared with a calculation by hand."""

from __future__ import annotations

import pytest
from cloud_sync_common.prices import NETWORK_MONTH_USD, Extras, RunWork, run_cost
from hypothesis import given, settings
from hypothesis import strategies as st

COUNTS = st.integers(0, 100_000)
GB_SECONDS = st.floats(0, 1e7)


PLAIN = Extras()


def test_the_cost_of_a_hundred_videos_is_the_sum_of_its_parts() -> None:
    # 100 videos in 10 batches and 50 more slices: 20,000 GB-s, 64 invocations, 10*3 + 50*2 + 8 state transitions,
    # 5,000 S3 requests, 100 objects into Deep Archive, 100 HEADs, 100*8 + 50*5 + 10 write units, 100*3 + 60*2 read
    # units, 64 reads of the secret, 64 + 50 requests to KMS, 0.05 + 0.36 MB of log and 64 traces, which is 0.266668
    # + 0.0000128 + 0.00345 + 0.025 + 0.005 + 0.00004 + 0.0006625 + 0.0000525 + 0.00032 + 0.000342 + 0.000205
    # + 0.00032 USD
    assert run_cost(work(100, 10, 20_000, 5_000, 150), PLAIN) == pytest.approx(0.3020728)


def test_a_private_network_adds_what_the_nat_gateway_charges_for_the_bytes() -> None:
    before, with_network = (run_cost(work(bytes_moved=100 * 10**9), extras) for extras in (PLAIN, Extras(True)))
    assert with_network - before == pytest.approx(4.50 + 1.00)  # 0.045 per GB, and half of it twice 0.01 between zones


def test_an_audit_trail_adds_an_event_for_each_request_to_the_archive() -> None:
    before, audited = (run_cost(work(100, requests=900), extras) for extras in (PLAIN, Extras(audit_trail=True)))
    assert audited - before == pytest.approx(1_000 * 0.10 / 100_000)


def test_a_private_network_costs_its_gateway_and_its_address_each_month() -> None:
    assert pytest.approx(32.85 + 3.65) == NETWORK_MONTH_USD


def test_a_run_without_work_costs_almost_nothing() -> None:
    assert 0 < run_cost(work(), Extras(True, True)) < 0.001


@given(videos=COUNTS, more=COUNTS, gb_seconds=GB_SECONDS, requests=COUNTS, private=st.booleans())
@settings(deadline=None)
def test_more_work_never_costs_less(videos: int, more: int, gb_seconds: float, requests: int, private: bool) -> None:
    def cost(extra: int) -> float:
        done = work(videos + extra, videos + extra, gb_seconds + extra, requests + extra, videos + extra, extra)
        return run_cost(done, Extras(private, private))

    assert 0 < cost(0) <= cost(more)


def work(
    videos: int = 0, batches: int = 0, gb_seconds: float = 0, requests: int = 0, slices: int = 0, bytes_moved: int = 0
) -> RunWork:
    return RunWork(
        videos=videos,
        batches=batches,
        gb_seconds=gb_seconds,
        requests=requests,
        slices=slices,
        bytes_moved=bytes_moved,
    )
