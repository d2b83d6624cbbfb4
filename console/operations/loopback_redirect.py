"""The browser's way back: a port of this machine that takes one answer of an authorization server (RFC 8252, 7.3).

It listens on 127.0.0.1 alone, and takes only what was sent to that address and has the `state` of this request.
"""

from __future__ import annotations

import html
import os
import queue
import secrets
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from console.errors import ConsoleError, CredentialsRefusedError

HOST = "127.0.0.1"
_REQUEST_SECONDS = 10  # that a browser may take to say what it wants: some open connections that they never use
_MOST_FIELDS = 30
_CLOSE = "You can close this window and go back to the terminal."
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address of this page has the code
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>cloudsync</title>'
    "<style>body{{font:1.1rem system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}}</style>"
    "<h1>{title}</h1><p>{sentence}</p></html>"
)

type Page = tuple[HTTPStatus, str, str]  # its status, title and sentence


class LoopbackRedirect:
    """One answer, for as long as the block runs. `title` names the service in sentences."""

    def __init__(self, title: str, port: int = 0) -> None:
        """Port 0 is a free one. Raises ConsoleError when there is none, or when that one cannot be had."""
        self.state = secrets.token_urlsafe(32)
        self._title = title
        self._answer: queue.SimpleQueue[str | ConsoleError] = queue.SimpleQueue()
        self._taken = threading.Lock()
        try:
            self._server = _Server(self, port)
        except (OSError, OverflowError) as error:
            which = f"The port {port}" if port else "No port"
            raise ConsoleError(
                f"{which} of this machine can{'not' if port else ''} be opened for the browser's answer "
                f"({type(error).__name__}). Name a free one with --port."
            ) from None
        self.port = int(self._server.server_address[1])
        self.address = f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def code(self, seconds: float) -> str:
        """Waits for the browser's answer. Raises CredentialsRefusedError when access was not given, ConsoleError when
        the answer belongs to another request, or when there is none in that time."""
        try:
            answer = self._answer.get(timeout=seconds)
        except queue.Empty:
            raise ConsoleError(
                f"There was no answer from the browser in {seconds / 60:.0f} minutes, and nothing was stored. If it "
                f"showed an error of {self._title}'s, that says what to change. If it could not open 127.0.0.1, it "
                "runs on another machine: name a port with --port, and let that one through (ssh -L)."
            ) from None
        if isinstance(answer, ConsoleError):
            raise answer
        return answer

    def page_for(self, host: str, path: str) -> tuple[Page, str | ConsoleError | None]:
        """The page for a request, and what it means for whoever waits; None for what is no answer."""
        parts = urlsplit(path)
        if host != f"{HOST}:{self.port}" or parts.path != "/":
            return (HTTPStatus.NOT_FOUND, "Nothing here", "This address is for one answer only."), None
        try:
            query = parse_qs(parts.query, max_num_fields=_MOST_FIELDS)
        except ValueError:
            query = {}
        code, error, state = (query.get(name, [""])[0] for name in ("code", "error", "state"))
        if not code and not error:
            return (HTTPStatus.NOT_FOUND, "Nothing here", "This is no answer."), None
        if not secrets.compare_digest(state.encode(), self.state.encode()):
            return (HTTPStatus.BAD_REQUEST, "Not connected", f"This answers another request. {_CLOSE}"), ConsoleError(
                "The browser's answer belongs to another request (its `state` is not ours), and was not used. Repeat "
                "the command, and use the newest window."
            )
        if error:
            return (HTTPStatus.OK, "Not connected", f"Access was not given. {_CLOSE}"), self._refused(error)
        said = f"{self._title} has answered; the terminal says how it goes on. {_CLOSE}"
        return (HTTPStatus.OK, "Thank you", said), code

    def _refused(self, error: str) -> ConsoleError:
        if error == "access_denied":
            return CredentialsRefusedError("Access was not given in the browser, and nothing was stored.")
        return ConsoleError(f"{self._title} answered with an error in the browser. Repeat the command in some minutes.")

    def take(self, answer: str | ConsoleError | None) -> None:
        """Hands on the first answer; later ones change nothing."""
        if answer is not None and self._taken.acquire(blocking=False):
            self._answer.put(answer)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # elsewhere it would let another program listen beside it

    def __init__(self, redirect: LoopbackRedirect, port: int) -> None:
        self.redirect = redirect
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        """Without the name of this machine, for which HTTPServer may wait for a name server."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that ends a connection is no news, and a traceback could show the code."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_SECONDS
    server_version, sys_version = "cloudsync", ""

    def do_GET(self) -> None:
        server: socketserver.BaseServer = self.server
        assert isinstance(server, _Server)  # noqa: S101 (it is made there, and nowhere else)
        (status, title, sentence), answer = server.redirect.page_for(self.headers.get("Host", ""), self.path)
        try:
            self._send(status, _PAGE.format(title=html.escape(title), sentence=html.escape(sentence)).encode())
        finally:
            server.redirect.take(answer)  # after the page, so that the browser has it when the program ends

    def _send(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Its lines would have the code."""
