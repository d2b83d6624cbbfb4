"""Latency between a client and servers on loopback: a proxy that holds back the first byte of each answer.

It forwards TCP, so that TLS stays between the two ends, and copies nothing: the kernel splices one socket to the other.
What a server itself needs for an answer counts as part of the latency.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PIECE = 256 * 1024
# Bytes that are this close in time belong to one movement; every latency here but DynamoDB's is longer.
GAP_SECONDS = 0.01


@dataclass(frozen=True)
class Route:
    """The server's `port` on loopback, and the seconds from the last byte of a request to the first of its answer.
    `media` says which bytes are a movement of media: those of `answers`, of `requests`, or none (empty)."""

    port: int
    seconds: float
    media: str = ""


@dataclass
class Movement:
    """The times in which bytes of media moved, by time.monotonic(), which all processes share."""

    _moments: list[tuple[float, float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, begun: float, ended: float) -> None:
        with self._lock:
            self._moments.append((begun, ended))

    def seconds(self, begun: float, ended: float) -> float:
        """How long any bytes moved between two times."""
        with self._lock:
            moments = sorted(self._moments)
        return sum(max(0.0, min(last, ended) - max(first, begun)) for first, last in united(moments))


def united(moments: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Sorted intervals as their union; those within GAP_SECONDS of each other are one."""
    first, last = -1.0, -1.0
    for begun, ended in moments:
        if begun > last + GAP_SECONDS:
            if last >= 0:
                yield first, last
            first = begun
        last = max(last, ended)
    if last >= 0:
        yield first, last


@contextlib.contextmanager
def delayed(routes: Mapping[str, Route]) -> Iterator[tuple[dict[str, int], Movement]]:
    """Forwards while the block runs. Yields the port of each route, and the movement of media."""
    movement, listeners = Movement(), dict[str, socket.socket]()
    for name, route in routes.items():
        listeners[name] = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=_accept, args=(listeners[name], route, movement), daemon=True).start()
    try:
        yield {name: listener.getsockname()[1] for name, listener in listeners.items()}, movement
    finally:
        for listener in listeners.values():
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def _accept(listener: socket.socket, route: Route, movement: Movement) -> None:
    with contextlib.suppress(OSError):  # closed
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", route.port))
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            exchange = _Exchange(client, server, route, movement)
            for work in (exchange.requests, exchange.answers):
                threading.Thread(target=work, daemon=True).start()


@dataclass
class _Exchange:
    """One connection: what the client sends, and what the server answers."""

    client: socket.socket
    server: socket.socket
    route: Route
    movement: Movement
    _asked: float = 0.0  # when the client sent something that was not answered yet; 0: nothing
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ends: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))

    def requests(self) -> None:
        with self._pipe(self.server) as pipe:
            while length := os.splice(self.client.fileno(), pipe[1], PIECE):
                self._asked = time.monotonic()
                self._forward(pipe[0], self.server, length, is_media=self.route.media == "requests")
                with self._lock:  # unless it is answered already
                    self._asked = time.monotonic() if self._asked else 0.0

    def answers(self) -> None:
        with self._pipe(self.client) as pipe:
            while length := os.splice(self.server.fileno(), pipe[1], PIECE):
                with self._lock:
                    asked, self._asked = self._asked, 0.0
                if asked:
                    time.sleep(max(0.0, asked + self.route.seconds - time.monotonic()))
                self._forward(pipe[0], self.client, length, is_media=self.route.media == "answers")

    def _forward(self, pipe: int, target: socket.socket, length: int, *, is_media: bool) -> None:
        """What is held back because nobody reads it does not move meanwhile: each piece counts for a moment only."""
        while length:
            begun = time.monotonic()
            length -= os.splice(pipe, target.fileno(), length)
            ended = time.monotonic()
            if is_media:
                self.movement.note(max(begun, ended - GAP_SECONDS), ended)

    @contextlib.contextmanager
    def _pipe(self, target: socket.socket) -> Iterator[tuple[int, int]]:
        """Lasts until the one side has ended; then the other is told, and the second of two closes both."""
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIECE)
        try:
            with contextlib.suppress(OSError):  # a side that closed without an end
                yield reading, writing
        finally:
            for end in (reading, writing):
                os.close(end)
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)
            if self._ends.wait() == 0:
                self.client.close()
                self.server.close()
