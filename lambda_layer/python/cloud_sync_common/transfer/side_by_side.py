"""Videos side by side in one invocation: on one event loop, within the connections allowed, and with one clock.

Every byte is moved by the uploader's loop. A call that blocks (to DynamoDB, to the provider's API, to S3 for anything
but media) runs in a thread, so that the other videos go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

# Videos whose links are asked for at a time: enough for small ones, and not many for a provider's API.
LINKS_AT_ONCE = 2


async def in_a_thread[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `call(...)` returns or raises. A task that is cancelled meanwhile still waits for the call: what it writes
    must not be under way when the next step begins, or when Lambda freezes the process."""
    work = asyncio.ensure_future(asyncio.to_thread(call, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # it has been looked at, so that asyncio does not log it
        raise


async def all_ended[T](work: list[Coroutine[None, None, T]]) -> list[T]:
    """The results of all, once every one has ended. Raises the first error."""
    ended = await asyncio.gather(*work, return_exceptions=True)
    results: list[T] = []
    for result in ended:
        if isinstance(result, BaseException):
            raise result
        results.append(result)
    return results


class ConnectionBudget:
    """Lets videos begin in the order in which they come, as long as all that move need at most `most` connections.

    RequestLimiter holds the requests themselves to that number. This keeps a video from beginning while others have all
    connections: it would only wait, and more videos would be unfinished when the time is up. For one event loop.
    """

    def __init__(self, most: int) -> None:
        self.most, self._used = most, 0
        self._first, self._changed = asyncio.Lock(), asyncio.Condition()

    @asynccontextmanager
    async def taken(self, count: int) -> AsyncIterator[None]:
        """Waits until `count` connections are free, at most `most`, and keeps them for the block."""
        count = min(count, self.most)
        async with self._first, self._changed:  # nobody overtakes: a video that needs many would wait for ever
            await self._changed.wait_for(lambda: self._used + count <= self.most)
            self._used += count
        try:
            yield
        finally:
            self._used -= count
            async with self._changed:
                self._changed.notify_all()


@dataclass(eq=False)
class _Share:
    seconds: float = 0.0


class SharedTime:
    """Divides the seconds of an invocation evenly among the videos under way at each moment: their sum is what is
    paid for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._since = clock, clock()
        self._under_way: list[_Share] = []

    @contextmanager
    def share(self) -> Iterator[Callable[[], float]]:
        """One more video is under way during the block. Gives what returns the video's seconds so far."""
        share = _Share()

        def so_far() -> float:
            self._divide()
            return share.seconds

        self._divide()
        self._under_way.append(share)
        try:
            yield so_far
        finally:
            self._divide()
            self._under_way.remove(share)

    def _divide(self) -> None:
        now = self._clock()
        for share in self._under_way:
            share.seconds += (now - self._since) / len(self._under_way)
        self._since = now


class Shared:
    """What the videos of one invocation share, on one event loop: `connections`, of which there are `most`; the `time`;
    and `asking` for links."""

    def __init__(self, most: int) -> None:
        self.connections, self.time = ConnectionBudget(most), SharedTime()
        self.asking = asyncio.Semaphore(LINKS_AT_ONCE)
        self.first = ""  # the media id of the item that the invocation begins with
