"""The deadline of an invocation, and short retries within it, by tenacity.

Step Functions does the long retries. Here only errors that may pass within seconds are retried.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import tenacity

from cloud_sync_common.exceptions import (
    CredentialsExpiredError,
    ProviderThrottledError,
    SourceLinkExpiredError,
    TransientError,
)
from cloud_sync_common.logging_utils import logger


class LambdaContext(Protocol):
    """The part of Lambda's context object that we use."""

    aws_request_id: str
    memory_limit_in_mb: int

    def get_remaining_time_in_millis(self) -> int: ...


class Deadline:
    """`remaining` returns the seconds that are left; the last `margin` seconds are reserved for an orderly end."""

    def __init__(self, remaining: Callable[[], float], margin: float) -> None:
        self.remaining = remaining
        self.margin = margin

    @classmethod
    def of(cls, context: LambdaContext) -> Deadline:
        """The deadline of an invocation: the margin is a tenth of its time, at most 30 s."""
        at_start = context.get_remaining_time_in_millis() / 1000
        return cls(lambda: context.get_remaining_time_in_millis() / 1000, margin=min(30.0, at_start / 10))

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """A deadline `seconds` from now, without a margin."""
        end = time.monotonic() + seconds
        return cls(lambda: end - time.monotonic(), margin=0.0)

    def allows(self, seconds: float) -> bool:
        """Whether something that takes `seconds` would end before the margin begins."""
        return self.remaining() - self.margin >= seconds


def _wait(state: tenacity.RetryCallState) -> float:
    """Retry-After if the provider sent one, else exponential back-off with full jitter up to 8 s."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, ProviderThrottledError) and error.retry_after is not None:
        return error.retry_after
    return float(tenacity.wait_random_exponential(multiplier=0.3, max=8)(state))


def _log(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.info("retrying", extra={"attempt": state.attempt_number, "error": type(error).__name__})


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, TransientError) and not isinstance(error, SourceLinkExpiredError)


def at_first(may_pass: Callable[[BaseException], bool]) -> Callable[[BaseException], bool]:
    """`may_pass` for one error; what it holds for is believed when it comes again."""
    left = iter([True])
    return lambda error: may_pass(error) and next(left, False)


def is_doubtful_refusal(error: BaseException) -> bool:
    """Whether it refuses the token, and perhaps not in the provider's name."""
    return isinstance(error, CredentialsExpiredError) and error.doubtful


def retrying[T](
    call: Callable[[], T],
    deadline: Deadline,
    *,
    attempts: int = 4,
    sleep: Callable[[float], None] = time.sleep,
    also: Callable[[BaseException], bool] = lambda _: False,
) -> T:
    """`call()`, retried on transient errors and on those that `also` names; the last error is raised when attempts or
    time are used up.

    An expired link is not retried, because waiting does not make it valid. A wait that would not end before the
    deadline is not started, because waiting in Step Functions costs less.
    """
    return tenacity.Retrying(sleep=sleep, **_policy(deadline, attempts, also))(call)


async def retrying_async[T](
    call: Callable[[], Awaitable[T]],
    deadline: Deadline,
    *,
    attempts: int = 4,
    also: Callable[[BaseException], bool] = lambda _: False,
) -> T:
    """As `retrying`, for a coroutine."""

    async def once() -> T:  # tenacity awaits only what it recognises as a coroutine function
        return await call()

    return await tenacity.AsyncRetrying(**_policy(deadline, attempts, also))(once)


def _policy(deadline: Deadline, attempts: int, also: Callable[[BaseException], bool]) -> dict[str, Any]:
    def out_of_time(state: tenacity.RetryCallState) -> bool:
        return not deadline.allows(state.upcoming_sleep)

    return {
        "retry": tenacity.retry_if_exception(lambda error: _may_pass(error) or also(error)),
        "stop": lambda state: state.attempt_number >= attempts or out_of_time(state),
        "wait": _wait,
        "before_sleep": _log,
        "reraise": True,
    }
