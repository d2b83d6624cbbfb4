"""What videos side by side share: threads for what blocks, connections, and the time that is paid for."""

from __future__ import annotations

import asyncio
import threading

import pytest
from cloud_sync_common.transfer.side_by_side import ConnectionBudget, SharedTime, all_ended, in_a_thread


async def settled() -> None:
    """Every task has gone on as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_blocks_runs_in_a_thread_and_gives_its_result() -> None:
    async def both() -> list[int]:
        barrier = threading.Barrier(2)  # both are under way at once, or it breaks
        return await asyncio.gather(*(in_a_thread(barrier.wait, 10.0) for _ in range(2)))

    assert sorted(asyncio.run(both())) == [0, 1]


def test_an_error_of_what_blocks_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_a_thread(lambda: 1 // 0))


@pytest.mark.parametrize("fails", [False, True])
def test_a_task_whose_time_is_up_waits_for_the_call_that_is_under_way(fails: bool) -> None:
    begun, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    def write() -> None:
        begun.set()
        goes_on.wait(10.0)
        ended.set()
        if fails:
            raise ValueError

    async def cut_off() -> None:
        task = asyncio.create_task(in_a_thread(write))
        await asyncio.to_thread(begun.wait, 10.0)
        task.cancel()
        await settled()
        assert not task.done()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(cut_off())


def test_the_first_error_is_raised_once_every_task_has_ended() -> None:
    ended = []

    async def failing() -> None:
        raise ValueError

    async def slow() -> None:
        await settled()
        ended.append("slow")

    with pytest.raises(ValueError):  # noqa: PT011
        asyncio.run(all_ended([failing(), slow()]))
    assert ended == ["slow"]


def begun_in_order(most: int, *counts: int, ends: int | None = None) -> list[int]:
    """Which of several that want so many connections begin, when all come at once, in order, and one of them ends."""

    async def play() -> list[int]:
        budget, begun, end = ConnectionBudget(most), list[int](), asyncio.Event()

        async def one(number: int, count: int) -> None:
            async with budget.taken(count):
                begun.append(number)
                await (end.wait() if number == ends else asyncio.Future())

        tasks = [asyncio.create_task(one(number, count)) for number, count in enumerate(counts)]
        await settled()
        if ends is not None:
            end.set()
            await settled()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return begun

    return asyncio.run(play())


def test_as_many_begin_as_there_are_connections_for() -> None:
    assert begun_in_order(4, 1, 1, 1, 1, 1) == [0, 1, 2, 3]
    assert begun_in_order(4, 2, 2, 2) == [0, 1]
    assert begun_in_order(4, 2, 1, 1, 1) == [0, 1, 2]


def test_one_that_ends_makes_room_for_the_next() -> None:
    assert begun_in_order(1, 1, 1, 1, ends=0) == [0, 1]


def test_nobody_overtakes_one_that_waits_for_more_connections() -> None:
    assert begun_in_order(3, 2, 2, 1) == [0]
    assert begun_in_order(3, 2, 2, 1, ends=0) == [0, 1, 2]


def test_one_that_wants_more_connections_than_there_are_gets_them_all() -> None:
    assert begun_in_order(2, 5, 1, ends=0) == [0, 1]


def test_an_error_gives_the_connections_back() -> None:
    async def play() -> None:
        budget = ConnectionBudget(1)
        with pytest.raises(ValueError):  # noqa: PT011
            async with budget.taken(1):
                raise ValueError
        async with asyncio.timeout(10), budget.taken(1):
            pass

    asyncio.run(play())


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_seconds_of_one_video_alone_are_those_that_pass() -> None:
    clock = Clock()
    time = SharedTime(clock)
    clock.now += 50  # nothing is under way
    with time.share() as seconds:
        clock.now += 3
        assert seconds() == 3
        clock.now += 1
    clock.now += 50
    assert seconds() == 4


def test_videos_side_by_side_share_the_seconds_evenly_and_their_sum_is_what_passed() -> None:
    clock = Clock()
    time = SharedTime(clock)
    with time.share() as first:
        clock.now += 2
        with time.share() as second:
            clock.now += 4
            assert (first(), second()) == (4, 2)
            with time.share() as third:
                clock.now += 3
        clock.now += 1
    assert (first(), second(), third()) == (6, 3, 1)
