"""The connections of a fetch, each with a buffer for one piece: as many as are of use.

Over a distant network each connection is slow, and many are faster. Near to S3 the processor is the limit, and each
further connection only costs it time.
"""

from __future__ import annotations

import asyncio
import mmap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from console.operations.restore.fetch.outcome import Options
from console.operations.restore.fetch.receive import Receiver

_FIRST = 4  # connections
_FURTHER = 4  # a buffer of each further one is so much smaller, so that all of them take little memory
_LOOK_SECONDS = 0.25
_IDLE, _BUSY = 0.7, 0.95  # of one processor


class Slots:
    """Begins with a few connections, and uses more while this process leaves its processor idle."""

    def __init__(
        self,
        receiver: Receiver,
        options: Options,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        self.receiver, self.options = receiver, options
        self._clock, self._used = clock, used
        self._looked_at, self._used_then = clock(), used()
        self.open = min(_FIRST, options.connections)
        self._gate, self._to_close = asyncio.Semaphore(self.open), 0
        self._buffers: list[memoryview] = []
        self._made = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[memoryview]:
        """Waits for a connection that may be used, and gives its buffer."""
        await self._gate.acquire()
        buffer = self._buffers.pop() if self._buffers else self._new_buffer()
        try:
            yield buffer
        finally:
            self._buffers.append(buffer)
            self._buffers.sort(key=len)
            self._give_back()

    def _new_buffer(self) -> memoryview:
        """The first ones are large, for speed where there are no others. Each begins with a page, as writing past the
        page cache wants it."""
        size = self.options.piece_bytes if self._made < _FIRST else self.options.piece_bytes // _FURTHER
        self._made += 1
        return memoryview(mmap.mmap(-1, size))

    def _give_back(self) -> None:
        if self._to_close:
            self._to_close -= 1
        else:
            self._gate.release()

    def look(self) -> None:
        """Adds two connections while there is time for them, or takes one away; to be called often."""
        passed = self._clock() - self._looked_at
        if passed < _LOOK_SECONDS:
            return
        busy = (self._used() - self._used_then) / passed
        self._looked_at, self._used_then = self._clock(), self._used()
        if busy < _IDLE:
            for _ in range(min(2, self.options.connections - self.open)):
                self.open += 1
                self._give_back()
        elif busy > _BUSY and self.open > _FIRST:
            self.open -= 1
            self._to_close += 1
