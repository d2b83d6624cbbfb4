"""Work that goes on side by side on one event loop, and what must not be interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Hashable, Iterable
from contextlib import asynccontextmanager
from typing import Any


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all to their end. The first error ends the others, which may put things in order first, and is raised as it
    is, in no group."""
    tasks = [asyncio.ensure_future(one) for one in work]
    if not tasks:
        return
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class OneAtATime:
    """Lets only one go on with a thing; whoever else comes with the same one waits."""

    def __init__(self) -> None:
        self._busy: set[Hashable] = set()
        self._ended = asyncio.Condition()

    @asynccontextmanager
    async def alone(self, thing: Hashable) -> AsyncIterator[None]:
        """Goes on when nobody else has it."""
        async with self._ended:
            await self._ended.wait_for(lambda: thing not in self._busy)
            self._busy.add(thing)
        try:
            yield
        finally:
            self._busy.discard(thing)
            async with self._ended:
                self._ended.notify_all()


async def uninterrupted[T](work: Coroutine[Any, Any, T]) -> T:
    """Waits for what a thread does, to its end even when this is to end early: what it uses must not be given away
    before."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
