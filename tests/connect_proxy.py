"""A CONNECT proxy for programs that cannot be told another address: a host that they name is a port of this machine.

`HTTPS_PROXY=http://127.0.0.1:PORT program` then speaks TLS with that port; the certificate there has to be for the name
that the program asked for. Any other host is refused, and noted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from contextlib import AbstractContextManager

from local.fake_providers.serving import in_a_thread

_HOST = "127.0.0.1"
_CHUNK = 256 * 1024


class ConnectProxy:
    """Connects `ports`: host name to a port of this machine. `asked` and `refused` are the hosts named so far."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self.ports = dict(ports)
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.url = ""  # once it listens
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._accept, _HOST, 0)
        self.url = f"http://{_HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening, and cut every connection."""
        assert self._server is not None
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            # An end that is gone, or this proxy's own end, is the end of the connection and nothing else.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode().split(" ")
        host = target.rpartition(":")[0]
        self.asked.append(host)
        if method != "CONNECT" or host not in self.ports:
            self.refused.append(host)
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        there, back = await asyncio.open_connection(_HOST, self.ports[host])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_pass(reader, back), _pass(there, writer))
        finally:
            back.close()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        target.write(data)
        await target.drain()
    target.close()  # TLS has no use for one direction alone


def connect_proxy(ports: Mapping[str, int]) -> AbstractContextManager[ConnectProxy]:
    """A ConnectProxy that runs in a thread for as long as the block."""
    return in_a_thread(ConnectProxy(ports), "connect-proxy")
