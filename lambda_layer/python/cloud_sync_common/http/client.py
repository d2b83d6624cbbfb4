"""HTTP for the house: one connection pool, time-outs everywhere, no redirects, and failures as our errors.

urllib3 does the work. Its own messages name URLs, which may be signed, so they never travel: every failure is told
again in our words.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

import urllib3

from cloud_sync_common.exceptions import ProviderThrottledError, ProviderUnavailableError

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
USER_AGENT = "cloud-sync/1.0"


class Answer(Protocol):
    """What is looked at of any answer; `headers` are found by lower-case name."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


@cache
def pool() -> urllib3.PoolManager:
    """This process's connections. TLS is verified against the system's authorities."""
    return urllib3.PoolManager(
        maxsize=16,
        retries=False,
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        headers={"User-Agent": USER_AGENT},
    )


def request(
    method: str, url: str, *, headers: Mapping[str, str], doing: str, **kwargs: Any
) -> urllib3.BaseHTTPResponse:
    """One exchange; any status is returned. `doing` completes the sentence "no answer to <doing>".

    Raises ProviderUnavailableError when there is no answer at all.
    """
    try:
        return pool().request(
            method,
            url,
            headers={"User-Agent": USER_AGENT, **headers},
            redirect=False,
            **kwargs,
        )
    except urllib3.exceptions.HTTPError as error:
        raise ProviderUnavailableError(f"There was no answer to {doing} ({type(error).__name__}).") from None


def refuse_when_busy(response: Answer, doing: str) -> None:
    """Raises ProviderThrottledError for 429 and ProviderUnavailableError for 408, 425 and 5xx; else returns."""
    if response.status == 429:
        raise ProviderThrottledError(f"The provider asked us to slow down at {doing}.", retry_after(response))
    if response.status in (408, 425) or response.status >= 500:
        raise ProviderUnavailableError(f"The provider answered {response.status} to {doing}.")


def retry_after(response: Answer) -> float | None:
    """Seconds from a Retry-After header of either form (RFC 9110, 10.2.3); None when absent or unreadable."""
    value = response.headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(urllib3.Retry().parse_retry_after(value)))
    except urllib3.exceptions.InvalidHeader:
        return None
