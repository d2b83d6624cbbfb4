"""Streams a source into S3: one range, one upload, one buffer, and the checksum computed on the way.

Everything runs on one event loop in one thread: a transfer is CPU-bound long before it is bound by Python's lock, and
threads that take turns at the lock cost a fifth more than tasks that do (docs/measuring.md).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial
from typing import Protocol

from awscrt.checksums import crc64nvme

from cloud_sync_common.aws import aws_chunked, clients
from cloud_sync_common.aws.s3_upload import Stored, Upload
from cloud_sync_common.exceptions import ArchiveUnavailableError, CloudSyncError, ProviderUnavailableError
from cloud_sync_common.http import address_guard
from cloud_sync_common.http.connection import Connection, Connections, HttpError, Origin, target_of

THREADS = 16  # for calls that block; each connection may have one, and so may each video
STALL_SECONDS = 30.0  # a connection that moves less than one piece in this time is closed
_ANSWER_SECONDS = 120.0  # S3 may take long to answer


class Hasher(Protocol):
    """Sees every byte of a range, in order."""

    def update(self, data: memoryview) -> None: ...


type Check = Callable[[int], Awaitable[None]]  # is given the CRC of all bytes


async def _no_objection(_: int) -> None:
    """No check."""


class BodyReader(Protocol):
    """A source of bytes."""

    async def fill(self, view: memoryview) -> None: ...


class BufferedBody:
    """Bytes in memory."""

    def __init__(self, data: memoryview) -> None:
        self._left = data

    async def fill(self, view: memoryview) -> None:
        view[:] = self._left[: len(view)]
        self._left = self._left[len(view) :]


class StreamUploader:
    """The connections of this process, and the buffers that bytes pass through."""

    def __init__(self, sources: Connections, archive: Connections) -> None:
        self.sources, self._archive = sources, archive
        self._buffers: list[memoryview] = []
        self._runner = asyncio.Runner()
        # The usual number follows from the processors: with two, calls that wait would leave none to look up a name.
        self._threads = ThreadPoolExecutor(THREADS)

    def run[T](self, work: Coroutine[None, None, T]) -> T:
        """Runs `work` to its end, on the loop that all connections belong to."""
        self._runner.get_loop().set_default_executor(self._threads)
        return self._runner.run(work, context=copy_context())  # the caller's, not that of the first call

    def close(self) -> None:
        """Closes every connection, and the loop."""
        self.sources.close()
        self._archive.close()
        self._runner.close()

    async def upload(
        self, source: BodyReader, upload: Upload, hashers: tuple[Hasher, ...] = (), before_end: Check = _no_objection
    ) -> Stored:
        """Streams a source into an upload; no more than one piece is in memory. `before_end` is called when every byte
        is read and the last ones are not sent: an error from it keeps S3 from storing anything.

        Raises what `source.fill` raises, and ArchiveUnavailableError when S3 cannot be reached or stalls. S3's
        refusals are answers.
        """
        with _archive_errors():
            connection = await self._archive.take(Origin.of(upload.url))
        buffer = self._buffers.pop() if self._buffers else aws_chunked.new_buffer()
        try:
            with _archive_errors():
                async with asyncio.timeout(STALL_SECONDS):
                    await connection.request("PUT", target_of(upload.url), upload.headers)
            checksum = await self._body(source, upload.length, connection, buffer, hashers, before_end)
            with _archive_errors():
                async with asyncio.timeout(_ANSWER_SECONDS):
                    head, body = await connection.head(), await connection.small_body()
        except BaseException:
            self._archive.drop(connection)
            raise
        finally:
            self._buffers.append(buffer)
        self._archive.give_back(connection)
        return Stored(head.status, head.headers, body, aws_chunked.encode_checksum(checksum))

    async def _body(
        self,
        source: BodyReader,
        length: int,
        connection: Connection,
        buffer: memoryview,
        hashers: tuple[Hasher, ...],
        before_end: Check,
    ) -> int:
        """Moves `length` bytes and returns their CRC. Stops early when S3 has closed the connection, as it does after
        a refusal; the caller reads that answer."""
        checksum, left, loop = 0, length, asyncio.get_running_loop()
        reading = True
        try:
            async with asyncio.timeout(STALL_SECONDS) as watchdog:
                while left:
                    count = min(aws_chunked.PIECE, left)
                    piece = buffer[aws_chunked.SPACE_BEFORE : aws_chunked.SPACE_BEFORE + count]
                    reading = True
                    await source.fill(piece)
                    checksum = crc64nvme(piece, checksum)
                    for hasher in hashers:
                        hasher.update(piece)
                    left -= count
                    if not left:
                        await before_end(checksum)
                    reading = False
                    if not await _sent(connection, aws_chunked.framed(buffer, count, None if left else checksum)):
                        break
                    watchdog.reschedule(loop.time() + STALL_SECONDS)
                if length == 0:
                    await before_end(checksum)
                    await _sent(connection, aws_chunked.trailer(0))
        except TimeoutError:
            raise _stalled(reading=reading) from None
        return checksum


async def _sent(connection: Connection, frame: bytes | memoryview) -> bool:
    """False when the connection was closed at the other end."""
    try:
        await connection.send(frame)
    except ConnectionError:
        return False
    except (OSError, HttpError) as error:
        raise _unreachable(error) from None
    return True


@contextmanager
def _archive_errors() -> Iterator[None]:
    """Translates network errors into ours."""
    try:
        yield
    except (OSError, HttpError) as error:
        raise _unreachable(error) from None


async def before_a_stall[T](reading: Awaitable[T]) -> T:
    """What reading a piece of a source gives. Raises ProviderUnavailableError when it takes more than STALL_SECONDS."""
    try:
        async with asyncio.timeout(STALL_SECONDS):
            return await reading
    except TimeoutError:
        raise _stalled(reading=True) from None


def _stalled(*, reading: bool) -> CloudSyncError:
    if reading:
        return ProviderUnavailableError(f"The source stopped sending for {STALL_SECONDS:.0f} s.")
    return ArchiveUnavailableError(f"S3 stopped listening for {STALL_SECONDS:.0f} s.")


def _unreachable(error: Exception) -> ArchiveUnavailableError:
    return ArchiveUnavailableError(f"S3 could not be reached, or stopped listening ({type(error).__name__}).")


@cache
def of_this_process(*, allow_loopback: bool = False) -> StreamUploader:
    """Connections that outlive an invocation, as long as the other side keeps them. Sources are on the public Internet,
    or, where that is allowed, on this machine."""
    return StreamUploader(
        Connections(
            addresses=partial(address_guard.addresses, allow_loopback=allow_loopback),
            check_url=partial(address_guard.check_url, allow_loopback=allow_loopback),
        ),
        Connections(tls=lambda: ssl.create_default_context(cafile=clients.ca_bundle())),
    )
