"""An upload to S3: every byte with its frame and its checksum, an error that keeps S3 from storing, and stalls."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, cast

import pytest
from awscrt.checksums import crc64nvme
from cloud_sync_common.aws import aws_chunked
from cloud_sync_common.aws.aws_chunked import PIECE
from cloud_sync_common.aws.s3_upload import Stored, Upload
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    CloudSyncError,
    IntegrityError,
    OriginalUnavailableError,
    ProviderUnavailableError,
)
from cloud_sync_common.http.connection import Connection, Connections, HttpError, Origin
from cloud_sync_common.transfer import upload_stream
from cloud_sync_common.transfer.upload_stream import StreamUploader

from tests.unit.canned import CannedConnections, CannedStream

ANSWER = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n'
REFUSAL = b"HTTP/1.1 412 X\r\nContent-Length: 31\r\n\r\n<Code>PreconditionFailed</Code>"
URL = "https://bucket.example/key%20a?partNumber=1"


class Source:
    """Gives these bytes; `error` is raised instead of those from byte `until` on."""

    def __init__(self, data: bytes, until: int | None = None, error: Exception | None = None) -> None:
        self._data, self._until, self._error, self.pieces = data, until, error, list[int]()

    async def fill(self, view: memoryview) -> None:
        if self._error and self._until is not None and sum(self.pieces) >= self._until:
            raise self._error
        at = sum(self.pieces)
        view[:] = self._data[at : at + len(view)]
        self.pieces.append(len(view))


class Refusing(CannedStream):
    """Closes the connection after this many sends."""

    def __init__(self, answer: bytes, sends: int, error: Exception) -> None:
        super().__init__(answer)
        self._sends, self._error = sends, error

    async def send(self, data: bytes | memoryview) -> None:
        if not self._sends:
            raise self._error
        self._sends -= 1
        await super().send(data)


class Silent(CannedStream):
    """Takes nothing any more after this many sends."""

    def __init__(self, sends: int) -> None:
        super().__init__(b"", stall=True)
        self._sends = sends

    async def send(self, data: bytes | memoryview) -> None:
        if not self._sends:
            await asyncio.Event().wait()
        self._sends -= 1


def upload(
    source: Any, length: int, streams: CannedStream | Connections, *, before_end: Callable[[int], None] | None = None,
    hashers: tuple[Any, ...] = (),
) -> Stored:  # fmt: skip
    archive = streams if isinstance(streams, Connections) else CannedConnections([streams])
    uploader = StreamUploader(Connections(), archive)
    request = Upload(URL, aws_chunked.headers(length), length)

    async def checked(checksum: int) -> None:
        assert before_end is not None
        before_end(checksum)

    check = {"before_end": checked} if before_end else {}
    try:
        return uploader.run(uploader.upload(source, request, hashers, **check))
    finally:
        uploader.close()


def decoded(heard: bytes) -> tuple[str, bytes, bytes]:
    """The request's first line, the bytes in its chunks, and what follows the last chunk."""
    head, _, body = heard.partition(b"\r\n\r\n")
    content = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        if not int(size, 16):
            return head.partition(b"\r\n")[0].decode(), content, body
        content, body = content + body[: int(size, 16)], body[int(size, 16) :].removeprefix(b"\r\n")


@pytest.mark.parametrize("length", [0, 1, 1000, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 7])
def test_every_byte_arrives_once_in_order_with_the_checksum_of_all(length: int) -> None:
    data = (bytes(range(251)) * (length // 251 + 1))[:length]
    stream, digest = CannedStream(ANSWER), hashlib.sha256()
    stored = upload(Source(data), length, stream, hashers=(digest,))
    line, content, end = decoded(stream.heard)
    checksum = aws_chunked.encode_checksum(crc64nvme(data))
    assert line == "PUT /key%20a?partNumber=1 HTTP/1.1" and content == data
    assert end == f"{aws_chunked.CHECKSUM_HEADER}:{checksum}\r\n\r\n".encode()
    assert (stored.status, stored.checksum, stored.body, stored.headers["etag"]) == (200, checksum, b"", '"e"')
    assert digest.digest() == hashlib.sha256(data).digest()
    assert len(stream.heard.partition(b"\r\n\r\n")[2]) == aws_chunked.framed_length(length)


def test_no_more_than_one_piece_is_read_at_once() -> None:
    source = Source(bytes(2 * PIECE + 7))
    upload(source, 2 * PIECE + 7, CannedStream(ANSWER))
    assert source.pieces == [PIECE, PIECE, 7]


@pytest.mark.parametrize("length", [0, 5, PIECE, PIECE + 5])
def test_an_objection_before_the_end_keeps_the_last_bytes_from_being_sent(length: int) -> None:
    stream, asked = CannedStream(ANSWER), list[int]()

    def object_to(checksum: int) -> None:
        assert checksum == crc64nvme(bytes(length))
        asked.append(len(stream.heard))
        raise IntegrityError("another hash")

    with pytest.raises(IntegrityError):
        upload(Source(bytes(length)), length, stream, before_end=object_to)
    assert len(asked) == 1 and stream.closed and b"\r\n0\r\n" not in stream.heard
    assert aws_chunked.CHECKSUM_HEADER.encode() + b":" not in stream.heard


def test_the_check_before_the_end_is_made_once_when_all_is_read() -> None:
    source, seen = Source(bytes(PIECE + 5)), list[list[int]]()
    upload(source, PIECE + 5, CannedStream(ANSWER), before_end=lambda _: seen.append(list(source.pieces)))
    assert seen == [[PIECE, 5]]


def test_a_refusal_of_s3_is_an_answer_even_when_it_closes_the_connection() -> None:
    stream = Refusing(REFUSAL, 1, BrokenPipeError())
    source = Source(bytes(3 * PIECE))
    assert upload(source, 3 * PIECE, stream).status == 412
    assert source.pieces == [PIECE]  # nothing is read for nobody


@pytest.mark.parametrize("error", [OSError("secret link"), HttpError("secret link")])
def test_a_connection_to_s3_that_fails_is_a_transient_error_without_foreign_text(error: Exception) -> None:
    for sends in (0, 1):
        stream = Refusing(ANSWER, sends, error)
        with pytest.raises(ArchiveUnavailableError) as failure:
            upload(Source(b"data"), 4, stream)
        assert "secret" not in str(failure.value) and stream.closed


def test_an_s3_that_cannot_be_reached_is_a_transient_error() -> None:
    class Unreachable(CannedConnections):
        async def take(self, origin: Origin) -> Connection:
            raise ConnectionRefusedError

    with pytest.raises(ArchiveUnavailableError, match="ConnectionRefusedError"):
        upload(Source(b""), 0, Unreachable([]))


def test_an_answer_that_breaks_off_is_a_transient_error() -> None:
    with pytest.raises(ArchiveUnavailableError):
        upload(Source(b"data"), 4, CannedStream(ANSWER[:20]))


def test_an_error_of_the_source_is_raised_and_the_upload_is_not_ended() -> None:
    stream = CannedStream(ANSWER)
    with pytest.raises(ProviderUnavailableError, match="cut"):
        upload(Source(bytes(PIECE + 5), PIECE, ProviderUnavailableError("cut")), PIECE + 5, stream)
    assert stream.closed and aws_chunked.CHECKSUM_HEADER.encode() + b":" not in stream.heard


class Stalling:
    async def fill(self, _view: memoryview) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("source", "stream", "error", "who"),
    [
        (Stalling(), CannedStream(ANSWER), ProviderUnavailableError, "The source stopped sending"),
        (Source(b"data"), Silent(1), ArchiveUnavailableError, "S3 stopped listening"),
        (Source(b"data"), Silent(0), ArchiveUnavailableError, "TimeoutError"),
        (Source(b"data"), CannedStream(b"", stall=True), ArchiveUnavailableError, "TimeoutError"),
    ],
    ids=["source", "body", "head", "answer"],
)
def test_whoever_stalls_is_named(
    monkeypatch: pytest.MonkeyPatch, source: Any, stream: CannedStream, error: type[CloudSyncError], who: str
) -> None:
    monkeypatch.setattr(upload_stream, "STALL_SECONDS", 0.01)
    monkeypatch.setattr(upload_stream, "_ANSWER_SECONDS", 0.01)
    with pytest.raises(error, match=who):
        upload(source, 4, stream)
    assert stream.closed


@pytest.mark.parametrize(("seconds", "stalls"), [(29.0, False), (31.0, True)])
def test_a_transfer_may_take_longer_than_a_stall_as_long_as_each_piece_does_not(seconds: float, stalls: bool) -> None:
    uploader = StreamUploader(Connections(), CannedConnections([CannedStream(ANSWER)]))
    loop, now = uploader._runner.get_loop(), [0.0]
    loop.time = lambda: now[0]  # type: ignore[method-assign]

    class Slow(Source):
        async def fill(self, view: memoryview) -> None:
            now[0] += seconds
            await asyncio.sleep(0)  # so that what is due by now happens
            await asyncio.sleep(0)
            await super().fill(view)

    with pytest.raises(ProviderUnavailableError, match="30 s") if stalls else nullcontext():
        uploader.run(uploader.upload(Slow(bytes(4 * PIECE)), Upload(URL, {}, 4 * PIECE)))
    uploader.close()


def test_buffers_and_connections_are_used_again() -> None:
    both = CannedConnections([CannedStream(ANSWER)])
    uploader = StreamUploader(Connections(), both)
    request = Upload(URL, aws_chunked.headers(4), 4)
    given: list[Any] = []
    both.give_back = given.append  # type: ignore[method-assign]
    uploader.run(uploader.upload(cast(Any, Source(b"data")), request))
    assert len(given) == 1 and given[0].is_reusable and len(uploader._buffers) == 1
    uploader.close()


def test_closing_ends_every_connection_and_the_loop() -> None:
    sources, archive = Connections(), Connections()
    closed: list[Connections] = []
    for connections in (sources, archive):
        connections.close = partial(closed.append, connections)  # type: ignore[method-assign]
    uploader = StreamUploader(sources, archive)

    async def nothing() -> None: ...

    uploader.run(nothing())
    uploader.close()
    assert closed == [sources, archive]
    with pytest.raises(RuntimeError, match="closed"):
        uploader._runner.get_loop()


def test_a_process_keeps_one_uploader_whose_sources_are_on_the_internet_unless_loopback_is_allowed() -> None:
    usual, with_loopback = upload_stream.of_this_process(), upload_stream.of_this_process(allow_loopback=True)
    try:
        assert usual is upload_stream.of_this_process() and usual is not with_loopback
        url = "http://127.0.0.1:8443/1.mp4"
        with_loopback.sources.check_url(url)
        with pytest.raises(OriginalUnavailableError):
            usual.sources.check_url(url)
        assert with_loopback.sources.addresses("127.0.0.1", 443) == ["127.0.0.1"]
        with pytest.raises(OriginalUnavailableError):
            usual.sources.addresses("127.0.0.1", 443)
    finally:
        for each in (usual, with_loopback):
            each.close()
        upload_stream.of_this_process.cache_clear()
