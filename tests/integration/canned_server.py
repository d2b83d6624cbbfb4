"""A server on loopback that answers every request with the same bytes, and keeps what it received."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CannedServer:
    """Sends `answer` for every request, and then keeps the connection open, or closes it when `closes`; over TLS
    without its closure alert, unless `takes_leave`. With `every`, so many seconds pass before each of its bytes.
    `endless` follows the answer again and again, as fast as the other side takes it."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answer, self.closes, self.every, self.endless = b"", False, 0.0, b""
        self.takes_leave = False
        self._ended = threading.Event()
        self.received: list[str] = []
        self.connections = self.closed = 0
        self._listener, self._tls = socket.create_server(("127.0.0.1", 0)), tls
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Takes connections until the listener is closed."""
        with suppress(OSError):
            while True:
                raw, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._talk, args=(raw,), daemon=True).start()

    def _talk(self, raw: socket.socket) -> None:
        with suppress(OSError), self._secured(raw) as connection:
            self._open.append(connection)
            while request := self._request(connection):
                self.received.append(request)
                self._send(connection)
                if self.closes:
                    if self.takes_leave and isinstance(connection, ssl.SSLSocket):
                        connection.unwrap()
                    break
        self.closed += 1

    def _send(self, connection: socket.socket) -> None:
        if not self.every:
            connection.sendall(self.answer)
            while self.endless and not self._ended.is_set():
                connection.sendall(self.endless)
            return
        for byte in self.answer:
            if self._ended.wait(self.every):
                return
            connection.sendall(bytes([byte]))

    def _secured(self, raw: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(raw, server_side=True) if self._tls else raw

    @staticmethod
    def _request(connection: socket.socket) -> str:
        received = b""
        while b"\r\n\r\n" not in received or not _is_whole(received):
            piece = connection.recv(65536)
            if not piece:
                return ""
            received += piece
        return received.decode("latin-1")

    def close(self) -> None:
        """Ends all connections. Each thread closes its own: a number of a socket that is closed while another thread
        reads from it may be that of the next connection, whose bytes that thread would then take."""
        self._ended.set()
        for connection in (self._listener, *self._open):
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # so that threads stop waiting
        self._listener.close()


def _is_whole(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return len(body) >= int(lengths[0] if lengths else 0)


@contextmanager
def canned_server(tls: ssl.SSLContext | None = None) -> Iterator[CannedServer]:
    """A server that runs as long as the block."""
    server = CannedServer(tls)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
