"""Every exchange of the transfer ends in its time, whatever a peer sends and however fast: endless heads, chunks and
trailers as well as those that come a byte at a time, from a source and from S3."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trustme
from cloud_sync_common.aws.s3_upload import Upload
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    ProviderContractError,
    ProviderUnavailableError,
    RangeIgnoredError,
    ShortReadError,
)
from cloud_sync_common.http import client, tls_stream
from cloud_sync_common.http.connection import Connections
from cloud_sync_common.provider_interface import MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.archive import NewUpload, Part
from cloud_sync_common.transfer import ranged_get, upload_stream
from cloud_sync_common.transfer.range_transfer import (
    ArchivedContent,
    Proofs,
    RangeTransfer,
    TransferOptions,
    TransferStats,
)
from cloud_sync_common.transfer.upload_stream import BufferedBody, StreamUploader

from tests.integration.canned_server import CannedServer, canned_server

LIMIT = 0.4  # seconds, of every kind
IN_TIME = 10.0  # seconds, for an exchange with two such limits on a busy machine
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
STORED = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 0\r\n\r\n'

HEADS_WITHOUT_END = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 2000),
    "lines": (HEAD, b"X: y\r\n" * 10_000),
    "one line": (HEAD + b"X: ", b"y" * 65_536),
    "a status": (b"", b"HTTP/1.1 200 " + b"y" * 65_536),
}
BODIES_WITHOUT_END = {
    "tiny chunks": (CHUNKED, b"1\r\nx\r\n" * 10_000),
    "large chunks": (CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
    "a chunk's extension": (CHUNKED + b"1;", b"y" * 65_536),
    "trailers": (CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n" * 10_000),
    "no length": (HEAD + b"\r\n", b"x" * 65_536),
    "a length": (HEAD + b"Content-Length: 9000000000\r\n\r\n", b"x" * 65_536),
}
TRICKLES = {
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 200,
    "head": HEAD + b"X: y\r\n" * 900 + b"\r\n",
    "no length": HEAD + b"\r\n" + b"x" * 5000,
    "chunks": CHUNKED + b"1\r\nx\r\n" * 1000,
    "trailers": CHUNKED + b"0\r\n" + b"X: y\r\n" * 1000,
    "length": HEAD + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000,
}


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranged_get, "ANSWER_SECONDS", LIMIT)
    monkeypatch.setattr(upload_stream, "STALL_SECONDS", LIMIT)
    monkeypatch.setattr(upload_stream, "_ANSWER_SECONDS", LIMIT)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["plain", "tls"])
def source(request: pytest.FixtureRequest, authority: trustme.CA) -> Iterator[CannedServer]:
    context = None
    if request.param == "tls":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(context)
    with canned_server(context) as server:
        yield server


@pytest.fixture
def s3() -> Iterator[CannedServer]:
    """Takes every part, unless a test says otherwise."""
    with canned_server() as server:
        server.answer = STORED
        yield server


class Archive:
    """An archive whose objects go to a canned server."""

    def __init__(self, url: str) -> None:
        self._url, self.completed, self.aborted = url, 0, 0

    def begin(self, *_: object) -> NewUpload:
        return NewUpload("upload", md5_etags=False)

    def part_upload(self, _key: str, _upload_id: str, number: int, length: int) -> Upload:
        return Upload(f"{self._url}/{number}", upload_stream.aws_chunked.headers(length), length)

    def part_stored(self, number: int, length: int, _stored: object) -> Part:
        return Part(number, length, "e", "AAAAAAAAAAA=")

    def complete(self, *_: object) -> str:
        self.completed += 1
        return "AAAAAAAAAAA="

    def abort(self, *_: object) -> None:
        self.aborted += 1


def trusting(authority: trustme.CA) -> Connections:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return Connections(tls=lambda: context)


@contextmanager
def uploader(authority: trustme.CA) -> Iterator[StreamUploader]:
    made = StreamUploader(trusting(authority), trusting(authority))
    try:
        yield made
    finally:
        made.close()


async def nothing_there(_: ArchivedContent) -> None:
    """The archive has no earlier version."""


def archived(source: str, s3: str, authority: trustme.CA, seconds: float = 60.0) -> Archive:
    """Moves the answer of a source as one stream, in an invocation of so many seconds; returns the archive, which holds
    nothing when time was up. The test fails if the end of it all comes late."""
    archive, item = Archive(s3), MediaSource(file_number=1, filename="x.mp4", url=f"{source}/x.mp4")
    begun = time.monotonic()
    with uploader(authority) as engine:
        options = TransferOptions(engine, cast(Any, archive), 1, Deadline.after(seconds), seconds, TransferStats())
        transfer = RangeTransfer(options, cast(Any, SimpleNamespace()))

        async def moved() -> ArchivedContent:
            opened = await transfer.open(item, 9)
            try:
                proofs = Proofs(item, opened.fingerprint, check_etag=False)
                return await transfer.stream(opened, "x.mp4", {}, proofs, nothing_there, lambda _: None)
            finally:
                opened.close()

        try:
            engine.run(transfer.in_time(moved()))
        finally:
            assert time.monotonic() - begun < IN_TIME
            assert archive.completed == 0 or archive.aborted == 0
    return archive


@pytest.mark.parametrize("flood", HEADS_WITHOUT_END.values(), ids=HEADS_WITHOUT_END)
def test_a_head_without_end_is_no_answer(
    source: CannedServer, s3: CannedServer, authority: trustme.CA, flood: tuple[bytes, bytes]
) -> None:
    source.answer, source.endless = flood
    with pytest.raises(ProviderUnavailableError, match="There was no answer to a request for media bytes"):
        archived(source.url, s3.url, authority)


@pytest.mark.parametrize("flood", BODIES_WITHOUT_END.values(), ids=BODIES_WITHOUT_END)
def test_a_body_without_end_ends_with_the_invocation(
    source: CannedServer, s3: CannedServer, authority: trustme.CA, flood: tuple[bytes, bytes]
) -> None:
    source.answer, source.endless = flood
    with pytest.raises((RangeIgnoredError, ShortReadError)):
        archived(source.url, s3.url, authority, seconds=LIMIT)


@pytest.mark.parametrize("trickle", TRICKLES.values(), ids=TRICKLES)
def test_an_answer_that_trickles_is_given_up(
    source: CannedServer, s3: CannedServer, authority: trustme.CA, trickle: bytes
) -> None:
    source.answer, source.every = trickle, 0.005
    with pytest.raises(ProviderUnavailableError):
        archived(source.url, s3.url, authority)


@pytest.mark.parametrize("begun", [b"", HEAD, HEAD + b"\r\nx", CHUNKED + b"5\r\nx", CHUNKED + b"0\r\n"], ids=repr)
def test_an_answer_that_stops_coming_is_given_up(
    source: CannedServer, s3: CannedServer, authority: trustme.CA, begun: bytes
) -> None:
    source.answer = begun
    with pytest.raises(ProviderUnavailableError):
        archived(source.url, s3.url, authority)


@pytest.mark.parametrize("body", [b"", b"x", bytes(700_000)], ids=["empty", "a byte", "two pieces"])
def test_a_body_without_a_length_that_ends_in_time_is_archived(
    source: CannedServer, s3: CannedServer, authority: trustme.CA, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    source.answer, source.closes = HEAD + b"Connection: close\r\n\r\n" + body, True
    if source.url.startswith("http:"):  # where TLS has no closure alert, an end is no end
        assert archived(source.url, s3.url, authority).completed == 1


ANSWERS_WITHOUT_END = HEADS_WITHOUT_END | BODIES_WITHOUT_END


@pytest.mark.parametrize("flood", ANSWERS_WITHOUT_END.values(), ids=ANSWERS_WITHOUT_END)
def test_an_answer_of_s3_without_end_is_no_answer(
    s3: CannedServer, authority: trustme.CA, flood: tuple[bytes, bytes]
) -> None:
    s3.answer, s3.endless = flood
    refused_by_s3(s3.url, authority)


@pytest.mark.parametrize("trickle", TRICKLES.values(), ids=TRICKLES)
def test_an_answer_of_s3_that_trickles_is_given_up(s3: CannedServer, authority: trustme.CA, trickle: bytes) -> None:
    s3.answer, s3.every = trickle, 0.005
    refused_by_s3(s3.url, authority)


def refused_by_s3(url: str, authority: trustme.CA) -> None:
    """Uploads ten bytes, which must fail in time."""
    begun = time.monotonic()
    upload = Archive(url).part_upload("key", "upload", 1, 10)
    with uploader(authority) as engine, pytest.raises(ArchiveUnavailableError):
        engine.run(engine.upload(BufferedBody(memoryview(bytes(10))), upload))
    assert time.monotonic() - begun < IN_TIME


@contextmanager
def listening(answer: bytes, every: float) -> Iterator[str]:
    """A server that says the same to every connection, without being asked; its URL."""
    ended = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while not ended.wait(every):
                connection.sendall(answer)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


HANDSHAKES = {
    "nothing": (b"", 0.05),
    "a byte at a time": (b"\x16", 0.005),
    "a record without end": (b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb" + b"\x03\x03", 0.05),
    "many": (b"\x16\x03\x03\x00\x00" * 1000, 0.0),
}


@pytest.mark.parametrize("handshake", HANDSHAKES.values(), ids=HANDSHAKES)
def test_a_handshake_that_does_not_end_is_given_up(
    authority: trustme.CA, handshake: tuple[bytes, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_stream, "CONNECT_SECONDS", LIMIT)
    with listening(*handshake) as url, pytest.raises(ProviderUnavailableError):
        archived(url, url, authority)
    with listening(*handshake) as url:
        refused_by_s3(url, authority)


@pytest.mark.parametrize("handshake", HANDSHAKES.values(), ids=HANDSHAKES)
def test_a_handshake_of_the_api_that_does_not_end_is_given_up(
    handshake: tuple[bytes, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", LIMIT)
    begun = time.monotonic()
    with listening(*handshake) as url, pytest.raises(ProviderUnavailableError, match="a check"):
        client.request("GET", url, doing="a check", headers={})
    assert time.monotonic() - begun < IN_TIME
    client.session().close()


FLOODS_OF_THE_API = {**ANSWERS_WITHOUT_END, "a chunk's length": (CHUNKED, b"0" * 65_536)}


@pytest.mark.parametrize("flood", FLOODS_OF_THE_API.values(), ids=FLOODS_OF_THE_API)
def test_an_answer_of_the_api_without_end_is_given_up_before_it_fills_the_memory(
    flood: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LARGEST_ANSWER", 200_000)  # it would never end without this limit
    with canned_server() as server:
        server.answer, server.endless = flood
        tracemalloc.start()
        try:
            with pytest.raises((ProviderUnavailableError, ProviderContractError)):
                client.request("GET", server.url, doing="a check", headers={})
            assert tracemalloc.get_traced_memory()[1] < 1_600_000
        finally:
            tracemalloc.stop()
            client.session().close()
