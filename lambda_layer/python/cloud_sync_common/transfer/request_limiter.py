"""Limits the requests to one source: how many at once, and when to wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cloud_sync_common.exceptions import ProviderThrottledError
from cloud_sync_common.retry_utils import Deadline

_DEFAULT_WAIT = 1.0  # seconds, when a provider throttles without saying for how long


class RequestLimiter:
    """Lets up to `most` requests through at once. When the provider asks to slow down, every request waits as long as
    it said; after that one request goes first, and each one that succeeds admits one more (slow start, as RFC 5681
    describes it for connections). One for an invocation, on one event loop."""

    def __init__(self, most: int, deadline: Deadline) -> None:
        self.most = self.limit = most
        self._deadline = deadline
        self._active = 0
        self._not_before = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A turn to send a request. A ProviderThrottledError in the block slows the next ones down. Raises it for a
        pause that would not end in time."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._active < self.limit)
            self._active += 1
        try:
            await self._wait_until_allowed()
            yield
        except ProviderThrottledError as error:
            self.limit = 1
            wait = _DEFAULT_WAIT if error.retry_after is None else error.retry_after
            self._not_before = max(self._not_before, asyncio.get_running_loop().time() + wait)
            raise
        else:
            self.limit = min(self.most, self.limit + 1)
        finally:
            self._active -= 1
            async with self._changed:
                self._changed.notify_all()

    async def _wait_until_allowed(self) -> None:
        wait = self._not_before - asyncio.get_running_loop().time()
        if wait <= 0:
            return
        if not self._deadline.allows(wait):
            raise ProviderThrottledError("The provider has asked for a pause that is longer than the time left.", wait)
        await asyncio.sleep(wait)
