"""Connections without a socket: what the other side sends is given beforehand, and what it receives is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, cast

from cloud_sync_common.http.connection import Connection, Connections, Origin
from cloud_sync_common.http.tls_stream import Stream


class CannedStream:
    """Gives `answer` in pieces of at most `piece` bytes, and then ends, or with `stall` never ends."""

    def __init__(self, answer: bytes, piece: int = 1 << 20, *, stall: bool = False) -> None:
        self.answer, self._piece, self._stall = answer, piece, stall
        self.heard, self.closed, self.is_quiet, self.broke_off = b"", False, True, False

    async def receive_into(self, view: memoryview) -> int:
        if not self.answer and self._stall:
            await asyncio.Event().wait()
        count = min(len(view), self._piece, len(self.answer))
        view[:count], self.answer = self.answer[:count], self.answer[count:]
        return count

    async def send(self, data: bytes | memoryview) -> None:
        self.heard += bytes(data)

    def close(self) -> None:
        self.closed = True


def connection(stream: CannedStream, url: str = "https://cdn.example/") -> Connection:
    return Connection(Origin.of(url), cast(Stream, stream))


class CannedConnections(Connections):
    """Gives connections to these streams, one after the other."""

    def __init__(self, streams: Iterable[CannedStream]) -> None:
        super().__init__()
        self.streams = list(streams)
        self._next = iter(self.streams)

    async def take(self, origin: Origin) -> Connection:
        return Connection(origin, cast(Stream, next(self._next)))


def awaited[T](work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)
