"""The request limiter: a maximum of concurrent requests, and fewer of them after throttling."""

from __future__ import annotations

import asyncio

import pytest
from cloud_sync_common.exceptions import ProviderThrottledError
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.transfer.request_limiter import RequestLimiter

from tests.unit.canned import awaited


async def most_at_once(limiter: RequestLimiter, requests: int) -> int:
    """The highest number of concurrent requests."""
    active = most = 0

    async def request() -> None:
        nonlocal active, most
        async with limiter.turn():
            active += 1
            most = max(most, active)
            await asyncio.sleep(0)  # lets the other requests run
            active -= 1

    await asyncio.gather(*(request() for _ in range(requests)))
    return most


async def throttle(limiter: RequestLimiter, retry_after: float | None) -> None:
    with pytest.raises(ProviderThrottledError):
        async with limiter.turn():
            raise ProviderThrottledError("slower", retry_after)


@pytest.mark.parametrize("most", [1, 3, 8])
def test_the_number_of_concurrent_requests_is_limited(most: int) -> None:
    async def reached() -> int:
        return await most_at_once(RequestLimiter(most, Deadline.after(600)), 50)

    assert awaited(reached()) == most


def test_after_throttling_the_limit_is_one_and_doubles() -> None:
    async def limits() -> list[int]:
        limiter, seen = RequestLimiter(8, Deadline.after(600)), []
        await throttle(limiter, 0)
        for _ in range(4):
            seen.append(limiter.limit)
            await most_at_once(limiter, limiter.limit)
        return seen

    assert awaited(limits()) == [1, 2, 4, 8]


def test_no_request_starts_before_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    async def turn() -> None:
        limiter = RequestLimiter(2, Deadline.after(600))
        await throttle(limiter, 30)
        with monkeypatch.context() as patch:
            patch.setattr("cloud_sync_common.transfer.request_limiter.asyncio.sleep", note)
            async with limiter.turn():
                pass

    awaited(turn())
    assert len(waits) == 1 and 29 < waits[0] <= 30


def test_other_failures_do_not_change_the_limit() -> None:
    async def limit() -> int:
        limiter = RequestLimiter(4, Deadline.after(600))
        with pytest.raises(ValueError, match="odd"):
            async with limiter.turn():
                raise ValueError("odd")
        return limiter.limit

    assert awaited(limit()) == 4


def test_a_provider_that_names_no_time_is_given_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0.9 < waits_after(monkeypatch, None)[0] <= 1.0


def test_the_longest_of_several_waits_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    (wait,) = waits_after(monkeypatch, 30, 5)
    assert 29 < wait <= 30


def test_a_wait_that_is_over_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waits_after(monkeypatch, 0) == []


def waits_after(monkeypatch: pytest.MonkeyPatch, *asked: float | None) -> list[float]:
    """How long the next request waits, after the provider has asked for these waits."""
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    async def turns() -> None:
        limiter = RequestLimiter(2, Deadline.after(600))
        with monkeypatch.context() as patch:
            patch.setattr("cloud_sync_common.transfer.request_limiter.asyncio.sleep", note)
            for retry_after in asked:
                await throttle(limiter, retry_after)
            waits.clear()  # of the turns before
            async with limiter.turn():
                pass

    awaited(turns())
    return waits


def test_successes_never_lift_the_limit_above_the_most() -> None:
    async def limit() -> int:
        limiter = RequestLimiter(3, Deadline.after(600))
        await most_at_once(limiter, 20)
        return limiter.limit

    assert awaited(limit()) == 3


def test_a_request_that_fails_gives_its_turn_back() -> None:
    async def requests() -> None:
        limiter = RequestLimiter(1, Deadline.after(600))
        for _ in range(3):
            await throttle(limiter, 0)
        async with asyncio.timeout(5):
            await most_at_once(limiter, 2)

    awaited(requests())


def test_a_pause_that_is_longer_than_the_time_left_is_not_begun() -> None:
    """Every other video of the batch would sleep until the end of the invocation."""

    async def second() -> float | None:
        limiter = RequestLimiter(2, Deadline(lambda: 100.0, margin=0.0))
        await throttle(limiter, 3600)
        with pytest.raises(ProviderThrottledError) as refused:
            async with limiter.turn():
                pytest.fail("no request is sent")
        return refused.value.retry_after

    assert awaited(second()) == pytest.approx(3600, abs=1)
