"""Bytes over a TCP connection, with or without TLS, on the running event loop, with as little CPU as possible.

TLS runs in memory (`ssl.MemoryBIO`), so that the socket is read and written in large pieces. With `ssl.SSLSocket`,
every TLS record of 16 KiB needs a system call and a lock of its own, a third of the CPU of a transfer
(docs/measuring.md). TLS itself and the verification of certificates remain the standard library's.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import cast

from cloud_sync_common.http.connecting import ATTEMPT_DELAY, Addresses, in_turn, new_socket

READ_SIZE = 512 * 1024  # bytes that one system call may read; smaller reads cost more CPU, larger ones only memory
CONNECT_SECONDS = 10.0
_LONGEST_TURN = 0.05  # seconds


# Received bytes go through this buffer into the TLS of their connection at once, so all connections share it.
_ARRIVING = memoryview(bytearray(READ_SIZE))

type _ReadInto = Callable[[int, memoryview], int]  # the type of ssl.SSLObject.read when it fills a buffer


class Stream:
    """One connection. Its methods raise OSError, of which ssl.SSLError is one; a method must not run twice at once."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._loop = asyncio.get_running_loop()
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._turn_began = time.monotonic()
        self.broke_off = False  # the other side closed without the closure alert of TLS (RFC 8446, 6.1)

    @classmethod
    async def open(cls, host: str, port: int, context: ssl.SSLContext | None, addresses: Addresses) -> Stream:
        """Connects. With a `context`, does the TLS handshake and verifies the certificate of `host`.

        Raises OSError, TimeoutError.
        """
        async with asyncio.timeout(CONNECT_SECONDS):
            stream = cls(await _connected(await asyncio.to_thread(addresses, host, port), port))
            try:
                if context is not None:
                    await stream._shake_hands(context, host)
            except BaseException:
                stream.close()
                raise
        return stream

    async def _shake_hands(self, context: ssl.SSLContext, host: str) -> None:
        name = host.removesuffix(".")  # certificates have it without (RFC 6066, 3)
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                await self._refill()
        await self._flush()
        self._tls = tls

    async def receive_into(self, view: memoryview) -> int:
        """Waits for the first byte, then reads what is available into `view`. Returns the count, 0 at the end."""
        if self._tls is None:
            if time.monotonic() - self._turn_began > _LONGEST_TURN:
                await self._let_others_run()
            return await self._loop.sock_recv_into(self._raw, view)
        read, filled, wanted = cast(_ReadInto, self._tls.read), 0, len(view)
        while filled < wanted:
            try:
                count = read(wanted - filled, view[filled:])  # at most one record of 16 KiB
            except ssl.SSLWantReadError:
                if filled:
                    break
                await self._refill()
                continue
            except ssl.SSLEOFError:
                self.broke_off = True
                break
            if count == 0:  # the closure alert
                break
            filled += count
        return filled

    async def send(self, data: bytes | memoryview) -> None:
        """Sends all of `data`."""
        if self._tls is None:
            await self._loop.sock_sendall(self._raw, data)
            return
        sent = 0
        while sent < len(data):
            sent += self._tls.write(data[sent:] if sent else data)
        await self._flush()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._loop.sock_sendall(self._raw, self._outgoing.read())

    async def _let_others_run(self) -> None:
        """The loop's turn, from time to time. Where bytes are there already nothing waits, and without it no time limit
        would end a body, head or handshake that keeps arriving."""
        self._turn_began = time.monotonic()
        await asyncio.sleep(0)

    async def _refill(self) -> None:
        if time.monotonic() - self._turn_began > _LONGEST_TURN:
            await self._let_others_run()
        while True:
            try:
                count = self._raw.recv_into(_ARRIVING)
                break
            except BlockingIOError:
                await self._readable()
        if count:
            self._incoming.write(_ARRIVING[:count])
        else:
            self._incoming.write_eof()

    async def _readable(self) -> None:
        """Waits until the socket has something to read."""
        ready = asyncio.Event()
        self._loop.add_reader(self._raw, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_reader(self._raw)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has arrived since the last exchange, deciphered or not. If something has, an idle connection
        has ended, or what follows the last answer would be taken for the next one."""
        deciphered = self._tls.pending() if self._tls else 0
        return not (deciphered or self._incoming.pending or select.select([self._raw], [], [], 0)[0])

    def close(self) -> None:
        self._raw.close()


async def _connected(addresses: list[str], port: int) -> socket.socket:
    """A connection to the first address that answers; see `connecting`."""
    waiting, problem = in_turn(addresses), OSError("the name has no address")
    attempts: set[asyncio.Task[socket.socket]] = set()
    try:
        while waiting or attempts:
            if waiting:
                attempts.add(asyncio.create_task(_attempted(waiting.pop(0), port)))
            delay = ATTEMPT_DELAY if waiting else None
            ended, _ = await asyncio.wait(attempts, timeout=delay, return_when=asyncio.FIRST_COMPLETED)
            for attempt in ended:
                attempts.remove(attempt)
                try:
                    return attempt.result()
                except OSError as error:
                    problem = error
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_closed)
            attempt.cancel()
    raise problem


async def _attempted(address: str, port: int) -> socket.socket:
    raw = new_socket(address)
    try:
        await asyncio.get_running_loop().sock_connect(raw, (address, port))
    except BaseException:
        raw.close()
        raise
    return raw


def _closed(attempt: asyncio.Task[socket.socket]) -> None:
    """Closes what an attempt that nobody waits for any more has connected."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
