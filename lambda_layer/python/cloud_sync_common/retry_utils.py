"""Time and trying again: the deadline of an invocation, and short retries inside it.

Step Functions does the long retries; here only what is over in seconds is tried again, by tenacity.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import tenacity

from cloud_sync_common.exceptions import ProviderThrottledError, SourceLinkExpiredError, TransientError
from cloud_sync_common.logging_utils import logger


class LambdaContext(Protocol):
    """What we use of Lambda's context object."""

    aws_request_id: str
    memory_limit_in_mb: int

    def get_remaining_time_in_millis(self) -> int: ...


class Deadline:
    """How many seconds are left. `margin` of them are kept for finishing in order."""

    def __init__(self, remaining: Callable[[], float], margin: float) -> None:
        self.remaining = remaining
        self.margin = margin

    @classmethod
    def of(cls, context: LambdaContext) -> Deadline:
        """The invocation's own: a tenth of its time is kept, at most 30 s."""
        at_start = context.get_remaining_time_in_millis() / 1000
        return cls(lambda: context.get_remaining_time_in_millis() / 1000, margin=min(30.0, at_start / 10))

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """One that ends `seconds` from now, with no margin."""
        end = time.monotonic() + seconds
        return cls(lambda: end - time.monotonic(), margin=0.0)

    def allows(self, seconds: float) -> bool:
        """Whether something that takes `seconds` would end before the margin."""
        return self.remaining() - self.margin >= seconds


def _wait(state: tenacity.RetryCallState) -> float:
    """Retry-After where the provider gave one, else exponential with full jitter up to 8 s."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ProviderThrottledError) and error.retry_after is not None:
        return error.retry_after
    return float(tenacity.wait_random_exponential(multiplier=0.3, max=8)(state))


def _log(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.info("trying again", extra={"attempt": state.attempt_number, "error": type(error).__name__})


def _passes(error: BaseException) -> bool:
    return isinstance(error, TransientError) and not isinstance(error, SourceLinkExpiredError)


def retrying[T](
    call: Callable[[], T],
    deadline: Deadline,
    *,
    attempts: int = 4,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """`call()`, tried again on transient errors; the last error is raised when attempts or time are used up.

    An expired link is not tried again: no wait makes it valid. Nor is a wait begun that would not fit before the
    deadline: Step Functions waits for less money.
    """

    return tenacity.Retrying(sleep=sleep, **_policy(deadline, attempts))(call)


async def retrying_async[T](call: Callable[[], Awaitable[T]], deadline: Deadline, *, attempts: int = 4) -> T:
    """As `retrying`, for what is awaited."""

    async def once() -> T:  # tenacity awaits what it sees to be a coroutine function
        return await call()

    return await tenacity.AsyncRetrying(**_policy(deadline, attempts))(once)


def _policy(deadline: Deadline, attempts: int) -> dict[str, Any]:
    def out_of_time(state: tenacity.RetryCallState) -> bool:
        return not deadline.allows(state.upcoming_sleep)

    return {
        "retry": tenacity.retry_if_exception(_passes),
        "stop": lambda state: state.attempt_number >= attempts or out_of_time(state),
        "wait": _wait,
        "before_sleep": _log,
        "reraise": True,
    }
