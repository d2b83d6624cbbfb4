"""HTTP/1.1 over a `Stream`: h11 writes and reads the heads, bodies are read directly into the caller's buffer.

h11 is a complete, strict implementation of HTTP/1.1 that does no input or output of its own. A body with a
Content-Length, as media and S3's answers have, bypasses it.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

import h11
import idna

from cloud_sync_common.http.client import MOST_INTERIM
from cloud_sync_common.http.connecting import Addresses, every_address
from cloud_sync_common.http.tls_stream import Stream

_FIRST_READ = 16 * 1024  # bytes: enough for a head, and little of the body has to be copied
_HEAD_LIMIT = 64 * 1024
_SMALL_BODY = 1024 * 1024
_CODED_READ = 128 * 1024  # bytes of a chunked body read at once: a chunk may hold one byte, and each takes h11 its time
_IN_A_TARGET = "%!#$&'()*+,/:;=?@[]|"  # beside letters, digits and -._~; of these, browsers encode none


class HttpError(Exception):
    """The other side does not follow HTTP, or has closed the connection. The message names no URL."""


class EndedEarly(HttpError):
    """A body that ended before its announced length."""


@dataclass(frozen=True)
class Head:
    """Status and headers of an answer; the headers' names are in lower case."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Origin:
    """The server that a connection is with."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of an http or https URL; its host is written as DNS and certificates have it. Raises HttpError for
        anything else."""
        try:
            parts = urlsplit(url)
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        except (ValueError, KeyError):
            raise HttpError("the link is not an http or https URL") from None
        if not parts.hostname:
            raise HttpError("the link names no host")
        return cls(parts.scheme, _in_ascii(parts.hostname), port)

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


def _in_ascii(host: str) -> str:
    """A host name in ASCII (IDNA, as browsers do it), or an address as it is. Raises HttpError for what is neither."""
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except UnicodeError:
        raise HttpError("the link's host is not a name") from None
    labels = name.removesuffix(".").split(".")
    if ":" not in name and not all(re.fullmatch(r"[!-~]{1,63}", label) for label in labels):
        raise HttpError("the link's host is not a name")
    return name


def target_of(url: str) -> str:
    """The target in a request line (RFC 9112, 3.2.1, origin-form). Characters that may not stand there are
    percent-encoded as UTF-8, as browsers do; what is encoded already stays as it is."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(target, safe=_IN_A_TARGET, errors="replace")


def _fields(response: h11.Response) -> dict[str, str]:
    """The headers by name. Several lines of one name are one list (RFC 9110, 5.3); the same line twice is one line."""
    lines: dict[str, list[str]] = {}
    for name, value in response.headers:
        said, text = lines.setdefault(name.decode(), []), value.decode("latin-1")
        if text not in said:
            said.append(text)
    return {name: ", ".join(said) for name, said in lines.items()}


class Connection:
    """One exchange at a time. Raises OSError and HttpError."""

    def __init__(self, origin: Origin, stream: Stream) -> None:
        self.origin: Final = origin
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
        self._early = b""  # body bytes that arrived with the head
        self._left: int | None = 0  # body bytes still to come; None when only h11 can find the end of the body
        self._keep = False

    async def request(self, method: str, target: str, headers: Mapping[str, str]) -> None:
        """Sends the head of a request. If it has a Content-Length, the body follows by `send`."""
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
        self._keep = False
        fields = [("Host", self.origin.authority), *headers.items()]
        try:
            head = self._http.send(h11.Request(method=method, target=target, headers=fields))
        except (h11.LocalProtocolError, UnicodeError):
            raise HttpError("the request cannot be written as HTTP") from None
        await self._stream.send(head or b"")

    async def send(self, data: bytes | memoryview) -> None:
        """Sends a part of the request's body."""
        await self._stream.send(data)

    async def head(self) -> Head:
        """Waits for the head of the answer, behind up to 32 interim ones."""
        view, interim = memoryview(bytearray(_FIRST_READ)), 0
        try:
            while interim <= MOST_INTERIM:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    count = await self._stream.receive_into(view)
                    if count == 0:
                        raise HttpError("the connection was closed without an answer")
                    self._http.receive_data(bytes(view[:count]))
                elif isinstance(event, h11.Response):
                    return self._head_of(event)
                else:
                    interim += 1
        except h11.RemoteProtocolError:
            raise HttpError("the answer is not HTTP") from None
        raise HttpError("the answer is announced again and again, and does not come")

    def _head_of(self, response: h11.Response) -> Head:
        headers, is_current = _fields(response), response.http_version == b"1.1"
        length, is_chunked = headers.get("content-length"), "transfer-encoding" in headers
        if is_chunked and (length is not None or not is_current):
            raise HttpError("the answer contradicts itself about where its body ends")  # RFC 9112, 6.1 and 6.3
        options = headers.get("connection", "").lower().split(",")
        is_empty = response.status_code in (204, 304)
        has_end = is_empty or is_chunked or length is not None  # without the end of the connection
        self._keep = is_current and has_end and "close" not in (option.strip() for option in options)
        if length is None or is_empty:
            self._left = None
        else:
            self._left = int(length)
            self._early = self._http.trailing_data[0]
        return Head(response.status_code, headers)

    async def body_into(self, view: memoryview) -> int:
        """Fills `view` with the next bytes of the body. Returns fewer than asked for only at the end of the body, and 0
        after it.

        Raises EndedEarly. For a body without a length, only chunks or TLS show that it ended early.
        """
        filled = 0
        while filled < len(view):
            count = await self._some_body(view[filled:])
            if count == 0:
                break
            filled += count
        return filled

    async def _some_body(self, view: memoryview) -> int:
        if self._left is None:
            return await self._some_unmeasured(view)
        wanted = min(len(view), self._left)
        if wanted == 0:
            return 0
        if self._early:
            count = min(len(self._early), wanted)
            view[:count], self._early = self._early[:count], self._early[count:]
        else:
            count = await self._stream.receive_into(view[:wanted])
        if count == 0:
            raise EndedEarly("the body ended before its announced length")
        self._left -= count
        return count

    async def _some_unmeasured(self, view: memoryview) -> int:
        """Reads a body whose end h11 finds: a chunked one, or one that ends with the connection."""
        try:
            while not self._early:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    count = await self._stream.receive_into(view[:_CODED_READ])
                    if count == 0 and self._stream.broke_off:
                        raise EndedEarly("the connection broke off in the middle of the body")
                    self._http.receive_data(bytes(view[:count]))
                elif isinstance(event, h11.Data):
                    self._early = bytes(event.data)
                else:
                    self._left, self._early = 0, self._http.trailing_data[0]
                    return 0
        except h11.RemoteProtocolError:
            raise EndedEarly("the body ended before its last chunk") from None
        count = min(len(self._early), len(view))
        view[:count], self._early = self._early[:count], self._early[count:]
        return count

    async def goes_on(self) -> bool:
        """Whether the body has another byte, once all are read that were announced in another way than by its length.
        However it ends then, it has ended."""
        if self._left is not None:
            return self._left > 0
        try:
            return await self._some_unmeasured(memoryview(bytearray(64))) > 0
        except (OSError, HttpError):
            self._keep, self._left = False, 0
            return False

    async def small_body(self) -> bytes:
        """The whole body. Raises HttpError when it is larger than 1 MiB."""
        most = _SMALL_BODY if self._left is None else min(self._left, _SMALL_BODY)
        view = memoryview(bytearray(most + 1))
        count = await self.body_into(view)
        if count > _SMALL_BODY or not self.at_end:
            raise HttpError("the answer is larger than 1 MiB")
        return bytes(view[:count])

    @property
    def at_end(self) -> bool:
        """Whether the whole body has been read."""
        return self._left == 0

    @property
    def is_reusable(self) -> bool:
        """Whether the answer ended in order, with nothing behind its end, which would be taken for the next answer."""
        return self._keep and self.at_end and not self._early

    @property
    def is_quiet(self) -> bool:
        return self._stream.is_quiet

    def close(self) -> None:
        self._keep = False
        self._stream.close()


@dataclass
class Connections:
    """Keeps connections for the next exchange with the same origin.

    `tls` creates the TLS context, before the first connection that needs one. `addresses` returns the addresses that
    may be connected to, and `check_url` raises for a link that must not be used.
    """

    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    addresses: Addresses = every_address
    check_url: Callable[[str], None] = lambda _: None
    _idle: dict[Origin, list[Connection]] = field(default_factory=dict)
    _context: ssl.SSLContext | None = None

    async def take(self, origin: Origin) -> Connection:
        """An idle connection that is still open, or a new one. Raises OSError, TimeoutError."""
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.is_quiet:
                return connection
            connection.close()
        if origin.scheme == "https" and self._context is None:
            self._context = self.tls()
        context = self._context if origin.scheme == "https" else None
        return Connection(origin, await Stream.open(origin.host, origin.port, context, self.addresses))

    def drop(self, connection: Connection) -> None:
        """Closes a connection that has failed, and the idle ones to the same origin. Lambda freezes a process between
        invocations, and then they all end together."""
        connection.close()
        for idle in self._idle.pop(connection.origin, []):
            idle.close()

    def give_back(self, connection: Connection) -> None:
        """Keeps a connection for the next exchange if the last one ended in order; otherwise closes it."""
        if connection.is_reusable:
            self._idle.setdefault(connection.origin, []).append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Closes every idle connection."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()
