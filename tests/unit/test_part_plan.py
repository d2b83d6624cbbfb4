"""The division of a file into parts, for every size that S3 can store."""

from __future__ import annotations

import pytest
from cloud_sync_common.exceptions import OriginalUnavailableError
from cloud_sync_common.transfer.part_plan import SINGLE_PUT, SLOW_CONNECTION, PartPlan, largest_put, plan_parts
from hypothesis import assume, given, settings
from hypothesis import strategies as st

# S3 user guide, "Amazon S3 multipart upload limits".
MIB = 1024 * 1024
SMALLEST, LARGEST, MOST = 5 * MIB, 5 * 1024 * MIB, 10_000
LIMIT = LARGEST * MOST

SIZES = st.integers(1, LIMIT) | st.integers(1, 40 * 1024 * MIB) | st.sampled_from([1, SMALLEST, SMALLEST + 1, LIMIT])
# An invocation long enough for the largest part that S3's limit on the number of parts can require.
SECONDS = st.floats(LIMIT / MOST / SLOW_CONNECTION, 2000) | st.floats(1, 900)
CONNECTIONS = st.integers(1, 16)


def planned(size: int, seconds: float, connections: int = 4, multiple_of: int = MIB) -> PartPlan:
    """A plan; the test skips sizes that need longer invocations."""
    assume(size / MOST <= max(SMALLEST, seconds * SLOW_CONNECTION))
    return plan_parts(size, seconds, connections, multiple_of)


@given(size=SIZES, seconds=SECONDS, connections=CONNECTIONS, blocks=st.sampled_from([1, 4, 20, 100, 512]))
@settings(deadline=None)
def test_every_plan_is_within_the_limits_of_s3(size: int, seconds: float, connections: int, blocks: int) -> None:
    plan = planned(size, seconds, connections, blocks * MIB)
    assert 1 <= plan.count <= MOST
    assert SMALLEST <= plan.part_size <= LARGEST


@given(size=SIZES, seconds=SECONDS, connections=CONNECTIONS, data=st.data())
@settings(deadline=None)
def test_parts_cover_the_file_exactly(size: int, seconds: float, connections: int, data: st.DataObject) -> None:
    plan = planned(size, seconds, connections)
    assert plan.bounds(1)[0] == 0 and plan.bounds(plan.count)[1] == size - 1
    number = data.draw(st.integers(1, plan.count))
    first, last = plan.bounds(number)
    assert plan.length(number) == last - first + 1 > 0
    if number < plan.count:
        assert plan.length(number) == plan.part_size
        assert plan.bounds(number + 1)[0] == last + 1


@pytest.mark.parametrize("size", [1, SMALLEST - 1, SMALLEST, 100 * MIB, 100 * MIB + 1])
def test_the_lengths_of_the_parts_add_up_to_the_file(size: int) -> None:
    plan = plan_parts(size, 4)
    assert sum(plan.length(number) for number in range(1, plan.count + 1)) == size


@given(size=SIZES, seconds=SECONDS)
@settings(deadline=None)
def test_a_part_fits_into_the_time_unless_the_number_of_parts_requires_more(size: int, seconds: float) -> None:
    plan = planned(size, seconds)
    in_time = max(SMALLEST, seconds / 4 * SLOW_CONNECTION + MIB)
    smaller = plan.part_size - MIB
    assert plan.part_size <= in_time or -(-size // smaller) > MOST


@given(size=SIZES, seconds=SECONDS)
@settings(deadline=None)
def test_no_part_is_too_large_for_a_whole_invocation(size: int, seconds: float) -> None:
    if size / MOST > max(SMALLEST, seconds * SLOW_CONNECTION) + 1:
        with pytest.raises(OriginalUnavailableError, match="downloader_timeout_seconds"):
            plan_parts(size, seconds)
    else:
        assert planned(size, seconds).part_size <= max(SMALLEST, seconds * SLOW_CONNECTION + MIB)


@pytest.mark.parametrize(
    ("size", "part_size", "count"),
    [(100 * MIB, 32 * MIB, 4), (200 * MIB, 50 * MIB, 4), (1024 * MIB, 64 * MIB, 16), (5 * 10**12, 477 * MIB, 9_997)],
)
def test_ordinary_files_get_ordinary_parts(size: int, part_size: int, count: int) -> None:
    plan = plan_parts(size, 900)
    assert (plan.part_size, plan.count) == (part_size, count)


@pytest.mark.parametrize(
    ("blocks", "part_size"), [(20, 80), (100, 100), (8, 64), (128, 128), (129, 64), (192, 64), (512, 64)]
)
def test_parts_are_aligned_with_the_sources_blocks_unless_those_are_too_large(blocks: int, part_size: int) -> None:
    assert plan_parts(4096 * MIB, 900, 4, blocks * MIB).part_size == part_size * MIB


@pytest.mark.parametrize(("seconds", "most"), [(900, SINGLE_PUT), (20, 25_000_000), (3, SMALLEST)])
def test_a_single_request_is_for_files_that_need_at_most_a_quarter_of_the_time(seconds: float, most: int) -> None:
    assert largest_put(seconds) == most


@pytest.mark.parametrize("more", [1, LIMIT])
def test_a_file_too_large_for_s3_is_refused_with_both_sizes(more: int) -> None:
    with pytest.raises(OriginalUnavailableError, match=rf"{LIMIT}.*{LIMIT + more}"):
        plan_parts(LIMIT + more, 900)


@pytest.mark.parametrize(
    ("copied", "part"),
    [
        (20, 20), (16, 16), (100, 100), (128, 128),  # up to twice the usual size
        (129, 64), (1024, 64),  # one that takes long to move again
        (15, 64), (8, 64), (5, 64), (None, 64), (0, 64),  # each is a request to pay for
    ],
)  # fmt: skip
def test_parts_are_cut_like_the_sources_own_where_these_are_neither_small_nor_large(
    copied: int | None, part: int
) -> None:
    assert plan_parts(12_000 * MIB, 900, copied=copied and copied * MIB).part_size == part * MIB


def test_the_sources_own_parts_are_not_copied_beyond_s3s_number_of_parts_or_the_time() -> None:
    assert plan_parts(MOST * 20 * MIB, 900, copied=20 * MIB) == PartPlan(MOST * 20 * MIB, 20 * MIB)
    assert plan_parts(MOST * 20 * MIB + 1, 900, copied=20 * MIB).part_size == 64 * MIB
    assert plan_parts(1024 * MIB, 8, copied=20 * MIB).part_size < 20 * MIB  # 10 MB move in a quarter of the time
    assert plan_parts(1024 * MIB, 9, copied=20 * MIB).part_size == 20 * MIB


@given(size=SIZES, seconds=SECONDS, connections=CONNECTIONS, copied=st.integers(1, 10 * LARGEST))
@settings(deadline=None)
def test_a_plan_like_the_sources_own_is_within_the_limits_of_s3(
    size: int, seconds: float, connections: int, copied: int
) -> None:
    assume(size / MOST <= max(SMALLEST, seconds * SLOW_CONNECTION))
    plan = plan_parts(size, seconds, connections, MIB, copied)
    assert 1 <= plan.count <= MOST and SMALLEST <= plan.part_size <= LARGEST
