"""What it costs to get footage back, compared with calculations by hand."""

from __future__ import annotations

import pytest
from cloud_sync_common.prices import GB
from cloud_sync_common.stores.restore_jobs import Tier
from hypothesis import given
from hypothesis import strategies as st

from console.operations.restore.price import Amount, Load, Quote, egress, quote, retrieval, thawed_copies

TB = Amount(250, 1_000 * GB)
NOTHING = Amount()
AMOUNTS = st.builds(Amount, st.integers(1, 100_000), st.integers(0, 10**15))


def frozen(amount: Amount, tier: Tier = Tier.BULK, days: int = 7) -> Quote:
    return quote(Load(all=amount, frozen=amount), tier, days)


@pytest.mark.parametrize(
    ("tier", "usd"),
    [
        (Tier.STANDARD, 20.025),  # 1,000 GB at 0.02, 250 requests at 0.10 for 1,000
        (Tier.BULK, 2.50625),  # 1,000 GB at 0.0025, 250 requests at 0.025 for 1,000
    ],
)
def test_a_terabyte_in_250_files_is_thawed_for_what_s3_charges_by_bytes_and_requests(tier: Tier, usd: float) -> None:
    assert retrieval(TB, tier) == pytest.approx(usd)


@pytest.mark.parametrize(("days", "usd"), [(3, 2.27), (7, 5.29), (365, 276.0)])
def test_the_thawed_copies_of_a_terabyte_cost_what_s3_standard_costs_for_these_days(days: int, usd: float) -> None:
    # 1,000 GB at 0.023 a month of 730 hours, which is 30.42 days
    assert thawed_copies(TB.bytes, days) == pytest.approx(usd, abs=0.005)


def test_the_first_hundred_gigabytes_leave_aws_for_nothing_and_the_rest_of_a_terabyte_for_81_dollars() -> None:
    assert egress(100 * GB) == 0 < egress(100 * GB + 1)
    assert egress(TB.bytes) == pytest.approx(81.00)


def test_the_total_is_the_sum_of_its_parts_and_egress_is_most_of_it() -> None:
    found = frozen(TB, Tier.STANDARD, days=3)
    parts = found.retrieval + found.thawed_copies + found.egress + found.requests
    assert found.total == pytest.approx(parts)
    # two looks at each file, twelve more while it thaws, 250 beginnings and 29,803 GETs of 32 MiB, at 0.0004 for 1,000;
    # four rows of each file at 0.625 a million
    assert found.requests == pytest.approx((250 * 14 + 250 + 29_803) * 0.0004 / 1_000 + 1_000 * 0.625 / 1_000_000)
    assert found.total == pytest.approx(20.025 + 2.268 + 81.00 + 0.014, abs=0.001)


def test_what_is_hot_or_thawed_pays_no_retrieval_and_has_no_thawed_copy_of_its_own() -> None:
    found = quote(Load(all=TB, frozen=NOTHING), Tier.STANDARD, 7)
    assert (found.retrieval, found.thawed_copies, found.hours) == (0, 0, 0)
    assert found.egress == pytest.approx(81.00)


def test_what_is_being_thawed_is_paid_already_unless_it_is_to_come_faster() -> None:
    load = Load(all=TB, frozen=NOTHING, thawing=TB)
    bulk, standard = (quote(load, tier, 7) for tier in (Tier.BULK, Tier.STANDARD))
    assert (bulk.retrieval, bulk.thawed_copies, bulk.hours) == (0, 0, 48)
    assert standard.retrieval == pytest.approx(20.025) and (standard.thawed_copies, standard.hours) == (0, 12)


def test_a_thawed_copy_that_is_to_stay_longer_costs_a_request_and_its_storage() -> None:
    found = quote(Load(all=TB, frozen=NOTHING, prolonged=TB), Tier.STANDARD, 7)
    assert found.retrieval == pytest.approx(250 * 0.10 / 1_000)
    assert found.thawed_copies == pytest.approx(5.29, abs=0.005)


def test_what_stays_in_aws_pays_no_egress() -> None:
    found = quote(Load(all=TB, frozen=TB, leaves_aws=False), Tier.BULK, 7)
    assert found.egress == 0 and found.total < frozen(TB).total - 80


def test_fewer_days_than_a_tier_allows_are_priced_as_those_that_it_allows() -> None:
    assert (frozen(TB, Tier.BULK, days=1).days, frozen(TB, Tier.STANDARD, days=1).days) == (3, 1)


@given(less=AMOUNTS, more=AMOUNTS, tier=st.sampled_from(Tier), days=st.integers(1, 365))
def test_more_never_costs_less_and_bulk_never_more_than_standard(
    less: Amount, more: Amount, tier: Tier, days: int
) -> None:
    both = Amount(less.files + more.files, less.bytes + more.bytes)
    assert frozen(less, tier, days).total <= frozen(both, tier, days).total
    assert retrieval(less, Tier.BULK) <= retrieval(less, Tier.STANDARD)
