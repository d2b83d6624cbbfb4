"""How a file is cut into parts, for every size that S3 can store."""

from __future__ import annotations

import pytest
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.source_transfer import SLOW_CONNECTION, plan_parts
from hypothesis import given, settings
from hypothesis import strategies as st

# S3 user guide, "Amazon S3 multipart upload limits".
MIB = 1024 * 1024
SMALLEST, LARGEST, MOST = 5 * MIB, 5 * 1024 * MIB, 10_000
LIMIT = LARGEST * MOST

SIZES = st.integers(1, LIMIT) | st.integers(1, 40 * 1024 * MIB) | st.sampled_from([1, SMALLEST, SMALLEST + 1, LIMIT])
SECONDS = st.floats(1, 900)


@given(size=SIZES, seconds=SECONDS)
@settings(deadline=None)
def test_s3_takes_every_plan(size: int, seconds: float) -> None:
    plan = plan_parts(size, seconds)
    assert 1 <= plan.count <= MOST
    assert SMALLEST <= plan.part_size <= LARGEST


@given(size=SIZES, seconds=SECONDS, data=st.data())
@settings(deadline=None)
def test_parts_tile_the_file_exactly(size: int, seconds: float, data: st.DataObject) -> None:
    plan = plan_parts(size, seconds)
    assert plan.bounds(1)[0] == 0 and plan.bounds(plan.count)[1] == size - 1
    number = data.draw(st.integers(1, plan.count))
    first, last = plan.bounds(number)
    assert plan.length(number) == last - first + 1 > 0
    if number < plan.count:
        assert plan.length(number) == plan.part_size
        assert plan.bounds(number + 1)[0] == last + 1


@pytest.mark.parametrize("size", [1, SMALLEST - 1, SMALLEST, 100 * MIB, 100 * MIB + 1])
def test_the_parts_of_a_file_are_as_long_as_it_together(size: int) -> None:
    plan = plan_parts(size, 4)
    assert sum(plan.length(number) for number in range(1, plan.count + 1)) == size


@given(size=SIZES, seconds=SECONDS)
@settings(deadline=None)
def test_a_part_fits_into_the_time_unless_their_number_asks_for_more(size: int, seconds: float) -> None:
    plan = plan_parts(size, seconds)
    in_time = max(SMALLEST, seconds / 4 * SLOW_CONNECTION + MIB)
    smaller = plan.part_size - MIB
    assert plan.part_size <= in_time or -(-size // smaller) > MOST


@pytest.mark.parametrize("more", [1, LIMIT])
def test_what_s3_cannot_store_is_refused_with_both_sizes(more: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"{LIMIT}.*{LIMIT + more}"):
        plan_parts(LIMIT + more, 900)
