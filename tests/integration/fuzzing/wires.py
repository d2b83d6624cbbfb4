"""The wires of a run without a socket: everything that the function code sends arrives in this process, and time passes
only when something waits. So a night takes a tenth of a second, and the same faults always lead to the same night.
"""

from __future__ import annotations

import asyncio
import io
import selectors
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import botocore.awsrequest
from cloud_sync_common.http import client as http_client
from cloud_sync_common.http.connection import Connection, Connections, Origin
from cloud_sync_common.http.tls_stream import Stream
from moto.core.botocore_stubber import MockRawResponse
from werkzeug.test import EnvironBuilder

from tests.integration.aws_on_loopback import AwsServer
from tests.integration.fuzzing.answers import Answer, End

START = 1_795_000_000.0  # the time at which each night begins, in seconds since 1970
SILENCE = 30.0  # seconds until a reader gives up


class Endless(BaseException):
    """Something does not end. No handler of the function code catches it."""


@dataclass
class Clock:
    """Seconds that have passed since the night began; more than `most` are too many."""

    passed: float = 0.0
    most: float = float("inf")

    def advance(self, seconds: float) -> None:
        """Waits."""
        self.passed += max(0.0, seconds)
        if self.passed > self.most:
            raise Endless(f"the night takes longer than {self.most:.0f} s")

    def time(self) -> float:
        return START + self.passed

    def monotonic(self) -> float:
        return self.passed


class _Jumping(selectors.SelectSelector):
    """Waits by advancing the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if timeout is None:
            raise Endless("something waits for ever")
        self._clock.advance(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, without threads."""

    def __init__(self, clock: Clock) -> None:
        self._its_clock = clock
        super().__init__(_Jumping(clock))

    def time(self) -> float:
        return self._its_clock.monotonic()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass(frozen=True)
class Request:
    """One request that the function code has sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, raw: bytes) -> Request | None:
        """The request in these bytes; None when they are not all of it."""
        head, found, body = raw.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return cls(method, target, headers, body) if len(body) >= int(headers.get("content-length", 0)) else None


type Server = Callable[[Request], Answer]


class _Body(io.RawIOBase):
    """What a socket receives."""

    def __init__(self, answer: Answer, clock: Clock) -> None:
        self._rest, self._end, self._clock = answer.wire, answer.end, clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest and self._end is End.RESET:
            raise ConnectionResetError
        if not self._rest and self._end in (End.SILENT, End.OPEN):
            self._clock.advance(SILENCE)
            raise TimeoutError
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


class _Socket:
    """As much of a socket as http.client uses."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server, self._clock, self._heard = server, clock, b""

    def sendall(self, data: bytes) -> None:
        self._heard += bytes(data)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        request = Request.of(self._heard)
        assert request is not None, "a request that is not complete"
        return io.BufferedReader(_Body(self._server(request), self._clock))

    def settimeout(self, _: float | None) -> None: ...

    def shutdown(self, _: int) -> None: ...

    def close(self) -> None: ...


def api_connections(server: Server, clock: Clock) -> type[http_client._Watched]:
    """The class of connections that urllib3 makes to the provider's API."""

    class InProcess(http_client._Watched):
        is_connected = False  # type: ignore[assignment]

        def _new_conn(self) -> socket.socket:
            return cast(socket.socket, _Socket(server, clock))

    return InProcess


class _SourceStream:
    """A connection to the server that has the media."""

    def __init__(self, server: Server) -> None:
        self._server, self._heard, self._rest = server, b"", b""
        self._end, self.broke_off = End.OPEN, False

    async def send(self, data: bytes | memoryview) -> None:
        self._heard += bytes(data)
        if request := Request.of(self._heard):
            answer = self._server(request)
            self._heard, self._rest, self._end = b"", self._rest + answer.wire, answer.end

    async def receive_into(self, view: memoryview) -> int:
        if not self._rest:
            match self._end:
                case End.RESET:
                    raise ConnectionResetError
                case End.SILENT | End.OPEN:
                    await asyncio.Event().wait()
            self.broke_off = self._end is End.CUT
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    @property
    def is_quiet(self) -> bool:
        return self._end is End.OPEN and not self._rest

    def close(self) -> None: ...


@dataclass
class SourceConnections(Connections):
    """Connections to the servers that have the media; what may be connected to is checked as ever."""

    server: Server | None = None

    async def take(self, origin: Origin) -> Connection:
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.is_quiet:
                return connection
        assert self.server is not None
        return Connection(origin, cast(Stream, _SourceStream(self.server)))


class ArchiveConnections(Connections):
    """Connections to S3, in moto."""

    def __init__(self, aws: AwsServer) -> None:
        super().__init__()
        self._aws = aws

    async def take(self, origin: Origin) -> Connection:
        return Connection(origin, cast(Stream, _SourceStream(self._answer)))

    def _answer(self, request: Request) -> Answer:
        status, headers, body = aws_answer(self._aws, request.method, request.target, request.headers, request.body)
        return Answer(status, tuple((name, value) for name, value in headers if name.lower() != "content-length"), body)


def aws_answer(aws: AwsServer, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any, bytes]:
    """Status, headers and body of AWS's answer."""
    given = EnvironBuilder(target, "http://aws", method=method, headers=dict(headers), data=body).get_environ()
    seen: list[Any] = []
    content = b"".join(aws(given, lambda status, headers: seen.extend((int(status.split(" ")[0]), headers))))
    return seen[0], seen[1], content


def boto_handler(aws: AwsServer) -> Callable[..., botocore.awsrequest.AWSResponse]:
    """A handler of botocore's event before-send, which answers in place of the network."""

    def answer(request: Any, **_: Any) -> botocore.awsrequest.AWSResponse:
        target = "/" + request.url.partition("//")[2].partition("/")[2]
        headers = {
            name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        body = request.body or b""
        data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
        status, found, content = aws_answer(aws, request.method, target, headers, data)
        return botocore.awsrequest.AWSResponse(request.url, status, dict(found), MockRawResponse(content))

    return answer
