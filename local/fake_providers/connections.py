"""The end of a server's connections."""

from aiohttp import web


def abort_connections(runner: web.AppRunner) -> None:
    """Cuts every connection, whatever is still to be sent: closed in order, one whose client reads no more would stay
    open."""
    for connection in runner.server.connections if runner.server else ():
        if connection.transport is not None:
            connection.transport.abort()
