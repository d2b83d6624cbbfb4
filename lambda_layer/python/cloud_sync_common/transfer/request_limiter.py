"""Manners towards a source: how many requests at once, and when to wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cloud_sync_common.exceptions import ProviderThrottledError

_UNTOLD_WAIT = 1.0  # seconds, when a provider throttles and names no wait


class RequestLimiter:
    """Lets up to `most` requests at once through. When the source asks to slow down, nobody goes on before the wait it
    named is over, and then one request at first, twice as many after each round that went well (slow start, as
    RFC 5681 has it for connections)."""

    def __init__(self, most: int) -> None:
        self.most = self.limit = most
        self._active = 0
        self._not_before = 0.0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A turn to ask the source. What it raises tells how to go on."""
        await self._begin()
        try:
            yield
        except ProviderThrottledError as error:
            self.limit = 1
            wait = _UNTOLD_WAIT if error.retry_after is None else error.retry_after
            self._not_before = max(self._not_before, asyncio.get_running_loop().time() + wait)
            raise
        else:
            self.limit = min(self.most, self.limit + 1)
        finally:
            self._active -= 1
            async with self._changed:
                self._changed.notify_all()

    async def _begin(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._active < self.limit)
            self._active += 1
        wait = self._not_before - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)
