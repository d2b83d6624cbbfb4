"""The bytes of one range: asked for, checked against what was asked for, and handed on a piece at a time.

The connections are those of the function code, which read into the caller's buffer with as little CPU as possible.
Through a proxy botocore reads instead.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from cloud_sync_common.http.connection import Connection, Connections, HttpError, Origin, target_of
from cloud_sync_common.stores.restore_jobs import JobFile

from console.operations.restore.fetch.outcome import StoppedError
from console.operations.restore.fetch.source import Known, ObjectChanged, Source, stopped

ANSWER_SECONDS = 60.0
STALL_SECONDS = 60.0  # for one step, which is little enough for a slow line with all its connections
_STEP = 256 * 1024
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.ASCII)
_BUSY = frozenset({408, 429, 500, 502, 503, 504})


class Unreached(Exception):
    """There was no answer, or it broke off, or S3 asks to come again. `reason` is a word for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Body(Protocol):
    """The bytes of a range, in order."""

    async def fill(self, view: memoryview) -> None:
        """Fills `view` with the next ones. Raises Unreached."""


class Receiver:
    """Opens ranges of the objects of a source."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._is_proxied = source.is_behind_a_proxy
        self._connections = Connections(tls=lambda: ssl.create_default_context(cafile=source.authorities))

    def close(self) -> None:
        self._connections.close()

    def opened(self, file: JobFile, known: Known, first: int, last: int) -> Any:
        """A context with the Body of bytes `first`..`last`, of the very version that is known. Raises Unreached,
        ObjectChanged, FileProblem, StoppedError."""
        return (self._by_botocore if self._is_proxied else self._by_connection)(file, known, first, last)

    @asynccontextmanager
    async def _by_connection(self, file: JobFile, known: Known, first: int, last: int) -> AsyncIterator[Body]:
        url, headers = _signed(lambda: self._source.request(file, first, last, known.etag))
        async with _network():
            connection = await self._connections.take(Origin.of(url))
        try:
            async with _network(), asyncio.timeout(ANSWER_SECONDS):
                await connection.request("GET", target_of(url), headers)
                answer = await connection.head()
                refused = b"" if answer.status in (200, 206) else await connection.small_body()
            if answer.status in _BUSY:
                raise Unreached(f"S3 answered {answer.status}")
            if answer.status not in (200, 206):
                raise self._source.refusal(answer.status, answer.headers, refused, file)
            _check(answer.status, answer.headers, known, first, last)
            yield _ConnectionBody(connection)
        except BaseException:
            self._connections.drop(connection)
            raise
        self._connections.give_back(connection)

    @asynccontextmanager
    async def _by_botocore(self, file: JobFile, known: Known, first: int, last: int) -> AsyncIterator[Body]:
        try:
            body = await asyncio.to_thread(self._source.body, file, first, last, known.etag)
        except Exception as error:
            raise _of_botocore(error) from None
        try:
            yield _BotocoreBody(body)
        finally:
            body.close()


class _ConnectionBody:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def fill(self, view: memoryview) -> None:
        """See Body."""
        async with _network():
            for start in range(0, len(view), _STEP):
                step = view[start : start + _STEP]
                async with asyncio.timeout(STALL_SECONDS):
                    count = await self._connection.body_into(step)
                if count < len(step):
                    raise Unreached("the answer ended early")


class _BotocoreBody:
    def __init__(self, body: Any) -> None:
        self._body = body

    async def fill(self, view: memoryview) -> None:
        """See Body."""
        try:
            data = await asyncio.to_thread(self._body.read, len(view))
        except Exception as error:
            raise _of_botocore(error) from None
        if len(data) < len(view):
            raise Unreached("the answer ended early")
        view[:] = data


@asynccontextmanager
async def _network() -> AsyncIterator[None]:
    """What can go wrong on the way is tried again; not a certificate that is not accepted."""
    try:
        yield
    except ssl.SSLCertVerificationError:
        raise StoppedError(
            "The certificate of what answered in place of S3 is not accepted: something on the way may be reading "
            "along. Where that is wanted, name its certificate with AWS_CA_BUNDLE. What is fetched stays."
        ) from None
    except (OSError, HttpError) as error:
        raise Unreached(type(error).__name__) from None


def _signed[T](sign: Callable[[], T]) -> T:
    try:
        return sign()
    except Exception as error:
        raise stopped(error) from None


def _of_botocore(error: Exception) -> Exception:
    from botocore import exceptions  # noqa: PLC0415 (only behind a proxy)

    if isinstance(error, exceptions.HTTPClientError | exceptions.ResponseStreamingError | OSError):
        return Unreached(type(error).__name__)
    return stopped(error) if isinstance(error, exceptions.BotoCoreError) else error


def _check(status: int, headers: Any, known: Known, first: int, last: int) -> None:
    """Raises ObjectChanged unless the answer is the range that was asked for, of the version that is known; Unreached
    for one that contradicts itself, which something on the way must have changed."""
    if headers.get("etag", known.etag) != known.etag:
        raise ObjectChanged
    if status == 200:
        sent = (0, known.size - 1, known.size)
    else:
        match = _RANGE.fullmatch(headers.get("content-range", ""))
        if match is None:
            raise Unreached("an answer without its range")
        sent = (int(match[1]), int(match[2]), int(match[3]))
    if sent != (first, last, known.size) or headers.get("content-length") != str(last - first + 1):
        raise Unreached("another range than was asked for")
