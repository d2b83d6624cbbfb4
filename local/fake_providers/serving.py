"""What the fakes have in common as servers: they listen on loopback, serve from a thread or as a program, and end."""

import asyncio
import contextlib
import signal
import ssl
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from local.fake_providers.connections import abort_connections

HOST = "127.0.0.1"
_SHUTDOWN_SECONDS = 0.5


class Listeners:
    """The servers of one fake."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []

    async def listen(
        self, routes: Sequence[web.RouteDef], port: int, tls: ssl.SSLContext | None, app: web.Application | None = None
    ) -> int:
        """Listen on loopback with these routes, which are added to `app`, and return the port; 0 picks a free one."""
        app = web.Application() if app is None else app
        app.add_routes(routes)
        # Cancellation ends transfers whose client has disconnected, and those that a fault has stalled.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, HOST, port, ssl_context=tls).start()
        return int(runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening and close open connections."""
        for runner in self._runners:
            abort_connections(runner)
            await runner.cleanup()
        self._runners.clear()


class Server(Protocol):
    """A fake provider or a proxy; `start` takes its ports and `tls` by name, where it has any."""

    @property
    def start(self) -> Any: ...

    async def stop(self) -> None: ...


@contextlib.contextmanager
def in_a_thread[S: Server](server: S, name: str, **start: Any) -> Iterator[S]:
    """The server serves from a thread of that name, with its own event loop, for as long as the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=name, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(**start), loop).result()
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def until_stopped(fake: Server, printed: Sequence[str], **start: Any) -> None:
    """Serve until a signal asks to stop; once it serves, print these of its attributes and `ready`."""
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    await fake.start(**start)
    for key in printed:
        print(f"{key}={getattr(fake, key)}")
    print("ready", flush=True)
    await stopped.wait()
    await fake.stop()


def tls_of(certfile: Path | None, keyfile: Path | None) -> ssl.SSLContext | None:
    """TLS with a certificate of the user's; None without one. Raises OSError for files that cannot be used."""
    if certfile is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certfile, keyfile)
    return context
