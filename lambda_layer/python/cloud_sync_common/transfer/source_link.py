"""A source whose signed link is renewed when it ends, and whose requests are limited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from cloud_sync_common.exceptions import MediaNotFoundError, ProviderContractError, SourceLinkExpiredError
from cloud_sync_common.provider_interface import MediaSource
from cloud_sync_common.retry_utils import Deadline, at_first, retrying_async
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.side_by_side import in_a_thread

LINK_RENEWALS = 10  # of one source, with nothing read in between
SAME_LINKS = 2  # of these renewals, those that may give the refused link again: it may be a moment's trouble


class SourceLink:
    """One source, shared by all connections that read it. `renew` asks the provider for the same source again; it may
    block."""

    def __init__(
        self,
        source: MediaSource,
        renew: Callable[[MediaSource], MediaSource],
        deadline: Deadline,
        limiter: RequestLimiter,
    ) -> None:
        self._source, self._ask_again, self._deadline, self._limiter = source, renew, deadline, limiter
        self._lock, self._renewals, self._repeated = asyncio.Lock(), 0, 0

    async def use[T](self, call: Callable[[MediaSource], Awaitable[T]]) -> T:
        """`await call(source)`, repeated after transient errors and after an answer that makes no sense, which may be a
        gateway's, and once when the source is missing; with a fresh link when the link has expired."""
        missing = at_first(lambda error: isinstance(error, MediaNotFoundError))
        while True:
            source = self._source
            try:
                result = await retrying_async(
                    lambda: self._in_turn(call, source),  # noqa: B023
                    self._deadline,
                    also=lambda error: isinstance(error, ProviderContractError) or missing(error),
                )
            except SourceLinkExpiredError:
                await self._renew(source, is_refused=True)
            else:
                self._renewals = self._repeated = (
                    0  # a link may end as often as it likes, as long as something is read before
                )
                return result

    async def _in_turn[T](self, call: Callable[[MediaSource], Awaitable[T]], source: MediaSource) -> T:
        async with self._limiter.turn():
            return await call(source)

    async def refresh(self) -> MediaSource:
        """Asks the provider for a fresh link, although this one is accepted. Returns the source as it is described
        now."""
        await self._renew(self._source, is_refused=False)
        return self._source

    async def _renew(self, ended: MediaSource, *, is_refused: bool) -> None:
        """Renews the link once for all who found the same one expired. Raises SourceLinkExpiredError when that was done
        too often, or when a link that is refused comes again and again, as one with a token beside it does."""
        async with self._lock:
            if self._source is not ended:
                return
            self._renewals += 1
            if self._renewals > LINK_RENEWALS:
                raise SourceLinkExpiredError(f"The link to the source ended {LINK_RENEWALS} times in a row.")
            fresh = await in_a_thread(self._ask_again, ended)
            self._repeated += is_refused and (fresh.url, fresh.headers) == (ended.url, ended.headers)
            if self._repeated > SAME_LINKS:
                raise SourceLinkExpiredError("The provider's server refuses a file, and there is no other link to it.")
            self._source = fresh
