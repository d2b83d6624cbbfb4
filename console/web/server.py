"""Serves the page on this machine alone, until Ctrl-C."""

from __future__ import annotations

import os
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import uvicorn

from console.errors import UsageError
from console.web.door import ADDRESS, Door
from console.web.guard import App, Guard

_WAITING = 128  # connections that are not accepted yet
_END_SECONDS = 2  # for answers under way, after Ctrl-C


def listening(port: int) -> socket.socket:
    """A socket that only programs of this machine reach; port 0: a free one. Raises UsageError for a port that is
    taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere this option would let another program take the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        listener.listen(_WAITING)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"The port {port} cannot be used ({error.strerror}): name another one with --port, or leave it out."
        ) from None
    return listener


def serve(app: App, listener: socket.socket, *, opens: bool, told: Callable[[Door, Path], None]) -> None:
    """Until Ctrl-C. `told` is called with what opens the page; with `opens`, a browser is started with that file, whose
    name is all that other programs see of it."""
    door = Door(listener.getsockname()[1])
    with listener, door.on_a_file() as file:
        server = server_of(Guard(app, door))
        told(door, file)
        if opens:
            threading.Thread(target=_browse, args=(file,), daemon=True).start()
        with suppress(KeyboardInterrupt):  # which uvicorn raises once more when it has ended
            server.run(sockets=[listener])


def server_of(app: Guard) -> uvicorn.Server:
    """Without a log: addresses, and what a browser sends, concern nobody."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_END_SECONDS,
        )
    )


def _browse(file: Path) -> None:
    with suppress(webbrowser.Error):
        webbrowser.open(file.as_uri())
