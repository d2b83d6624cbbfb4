"""Short retries within one invocation, and its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    CloudSyncError,
    ConfigurationError,
    CredentialsExpiredError,
    MediaNotFoundError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
    ShortReadError,
    SourceLinkExpiredError,
)
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.retry_utils import Deadline, retrying, retrying_async


@dataclass
class Clock:
    """Time that passes only in `sleep`."""

    now: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def deadline(self, seconds: float, margin: float = 0.0) -> Deadline:
        return Deadline(lambda: seconds - self.now, margin)


@dataclass
class Failing:
    """Raises the errors one after the other, then returns."""

    errors: list[Exception]
    calls: int = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_call_that_succeeds_is_made_once_without_a_wait(clock: Clock) -> None:
    call = Failing([])
    assert retrying(call, clock.deadline(60), sleep=clock.sleep) == "done"
    assert (call.calls, clock.sleeps) == (1, [])


@pytest.mark.parametrize(
    "error",
    [
        ProviderUnavailableError("x"),
        ProviderThrottledError("x"),
        ShortReadError("x"),
        ArchiveUnavailableError("x"),
    ],
)
def test_a_transient_error_is_retried_after_a_short_wait(clock: Clock, error: CloudSyncError) -> None:
    call = Failing([error, error])
    assert retrying(call, clock.deadline(60), sleep=clock.sleep) == "done"
    assert call.calls == 3 and len(clock.sleeps) == 2
    assert all(0 <= seconds <= 8 for seconds in clock.sleeps)


def test_each_retry_is_logged_with_its_number_and_the_kind_of_its_error(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(logger, "info", lambda text, extra: said.append((text, extra)))
    retrying(Failing([ShortReadError("x"), ArchiveUnavailableError("x")]), clock.deadline(60), sleep=clock.sleep)
    assert said == [
        ("retrying", {"attempt": 1, "error": "ShortReadError"}),
        ("retrying", {"attempt": 2, "error": "ArchiveUnavailableError"}),
    ]


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_last_error_is_raised_when_attempts_are_used_up(clock: Clock, attempts: int) -> None:
    errors: list[Exception] = [ProviderUnavailableError(str(number)) for number in range(1, 10)]
    call = Failing(errors)
    with pytest.raises(ProviderUnavailableError, match=f"^{attempts}$"):
        retrying(call, clock.deadline(600), attempts=attempts, sleep=clock.sleep)
    assert call.calls == attempts and len(clock.sleeps) == attempts - 1


@pytest.mark.parametrize(
    "error",
    [
        CredentialsExpiredError("x"),
        MediaNotFoundError("x"),
        ProviderContractError("x"),
        ConfigurationError("x"),
        ValueError("x"),
    ],
)
def test_an_error_that_no_wait_fixes_is_raised_at_once(clock: Clock, error: Exception) -> None:
    call = Failing([error])
    with pytest.raises(type(error)):
        retrying(call, clock.deadline(60), sleep=clock.sleep)
    assert (call.calls, clock.sleeps) == (1, [])


def test_an_expired_link_is_never_retried(clock: Clock) -> None:
    call = Failing([SourceLinkExpiredError("x")])
    with pytest.raises(SourceLinkExpiredError):
        retrying(call, clock.deadline(60), sleep=clock.sleep)
    assert (call.calls, clock.sleeps) == (1, [])


@pytest.mark.parametrize("seconds", [0.0, 7.0, 45.5])
def test_a_wait_that_the_provider_states_is_kept_exactly(clock: Clock, seconds: float) -> None:
    call = Failing([ProviderThrottledError("x", seconds)])
    assert retrying(call, clock.deadline(60), sleep=clock.sleep) == "done"
    assert clock.sleeps == [seconds]


def test_a_wait_that_would_end_after_the_deadline_is_not_started(clock: Clock) -> None:
    call = Failing([ProviderThrottledError("x", 61)])
    with pytest.raises(ProviderThrottledError):
        retrying(call, clock.deadline(60), sleep=clock.sleep)
    assert (call.calls, clock.sleeps) == (1, [])


def test_all_waits_count_against_the_deadline(clock: Clock) -> None:
    call = Failing([ProviderThrottledError("x", 25) for _ in range(9)])
    with pytest.raises(ProviderThrottledError):
        retrying(call, clock.deadline(60), attempts=9, sleep=clock.sleep)
    assert clock.sleeps == [25, 25]


def test_no_wait_uses_up_the_margin(clock: Clock) -> None:
    call = Failing([ProviderThrottledError("x", 50)])
    with pytest.raises(ProviderThrottledError):
        retrying(call, clock.deadline(60, margin=20), sleep=clock.sleep)
    assert clock.sleeps == []


def test_a_deadline_allows_what_ends_before_its_margin(clock: Clock) -> None:
    deadline = clock.deadline(60, margin=20)
    assert deadline.allows(40) and not deadline.allows(40.1)
    clock.now = 35
    assert deadline.allows(5) and not deadline.allows(5.1)
    clock.now = 45
    assert not deadline.allows(0)


class Context:
    aws_request_id, memory_limit_in_mb = "request", 512

    def __init__(self, left: Callable[[], float]) -> None:
        self._left = left

    def get_remaining_time_in_millis(self) -> int:
        return int(self._left() * 1000)


@pytest.mark.parametrize(("seconds", "margin"), [(900, 30), (300, 30), (60, 6), (10, 1)])
def test_an_invocation_keeps_a_tenth_of_its_time_and_at_most_half_a_minute(
    clock: Clock, seconds: float, margin: float
) -> None:
    deadline = Deadline.of(Context(lambda: seconds - clock.now))
    assert deadline.margin == margin
    clock.now = seconds - margin - 2
    assert deadline.allows(2) and not deadline.allows(2.1)


def test_a_deadline_in_seconds_runs_down(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    deadline = Deadline.after(5)
    assert deadline.remaining() == 5 and deadline.allows(5)
    clock.now = 4
    assert deadline.remaining() == 1 and not deadline.allows(1.5)


def test_a_call_is_tried_four_times_unless_somebody_says_otherwise(clock: Clock) -> None:
    call = Failing([ProviderThrottledError("x", 0) for _ in range(9)])
    with pytest.raises(ProviderThrottledError):
        retrying(call, clock.deadline(600), sleep=clock.sleep)
    assert call.calls == 4


@pytest.mark.parametrize(("errors", "calls"), [(1, 2), (3, 4), (9, 4)])
def test_a_coroutine_is_tried_four_times_too(clock: Clock, errors: int, calls: int) -> None:
    call = Failing([ProviderThrottledError("x", 0) for _ in range(errors)])

    async def calling() -> str:
        return call()

    with nullcontext() if errors < 4 else pytest.raises(ProviderThrottledError):
        assert asyncio.run(retrying_async(calling, clock.deadline(600))) == "done"
    assert call.calls == calls
