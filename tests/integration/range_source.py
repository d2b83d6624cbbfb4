"""An HTTP server on loopback with one file, Range, ETag and If-Match, and connections that can break."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """`cuts`: each ends one response after so many bytes of body. `successor`: after so many responses this content
    replaces the first, with another ETag. Without an `etag` none is sent. With a `token`, whoever does not send it is
    refused."""

    content: bytes
    etag: str | None = '"first"'
    token: str = ""
    successor: tuple[int, bytes] | None = None
    honours_if_match: bool = True
    cuts: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextlib.contextmanager
def serving(served: Served) -> Iterator[Served]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.headers["Range"]
            if served.successor and len(served.asked) == served.successor[0]:
                served.content, served.etag = served.successor[1], served.etag and '"second"'
            if served.token and self.headers["Authorization"] != f"Bearer {served.token}":
                self._answer(401, b"", {})
                return
            served.asked.append(asked)
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", asked).groups())  # type: ignore[union-attr]
            size = len(served.content)
            body = served.content[first : last + 1]
            if served.honours_if_match and self.headers.get("If-Match", served.etag) != served.etag:
                self._answer(412, b"", {})
            elif size == 0:
                self._answer(416, b"", {"Content-Range": "bytes */0"})
            else:
                self._answer(206, body, {"Content-Range": f"bytes {first}-{first + len(body) - 1}/{size}"})

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "ETag": served.etag, "Content-Length": str(len(body))}.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            cut = served.cuts.pop() if served.cuts else len(body)
            with contextlib.suppress(ConnectionError):  # a client that has closed the connection
                self.wfile.write(body[:cut])
            self.close_connection = cut < len(body)

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/clip.mp4"
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
