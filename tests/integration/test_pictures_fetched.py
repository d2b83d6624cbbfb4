"""The bytes of a picture, from a server on loopback that answers whatever it likes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from cloud_sync_common.exceptions import (
    CloudSyncError,
    OriginalUnavailableError,
    PictureUnavailableError,
    ProviderThrottledError,
    ProviderUnavailableError,
    SourceLinkExpiredError,
)
from cloud_sync_common.provider_access.pictures import LARGEST, PictureFetcher, fetched
from cloud_sync_common.provider_interface import PictureLink
from cloud_sync_common.retry_utils import Deadline

from tests.integration.canned_server import CannedServer, canned_server

JPEG = b"\xff\xd8\xff\xe0" + bytes(1000) + b"\xff\xd9"
PNG, WEBP = b"\x89PNG\r\n\x1a\n" + bytes(50), b"RIFF\x24\0\0\0WEBPVP8 " + bytes(20)


@pytest.fixture
def server() -> Iterator[CannedServer]:
    with canned_server() as server:
        yield server


def answer(body: bytes = JPEG, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def got(server: CannedServer, link: PictureLink | None = None, seconds: float = 20) -> bytes:
    fetcher = PictureFetcher((server.url,), allow_loopback=True, sleep=lambda _: None)
    found = link or PictureLink("provider", f"{server.url}/secret-path/1.jpg?Signature=secret")
    return fetcher.fetched(found, Deadline.after(seconds))


def refused(server: CannedServer, seconds: float = 20) -> CloudSyncError:
    with pytest.raises(CloudSyncError) as failure:
        got(server, seconds=seconds)
    assert "secret" not in str(failure.value) and failure.value.__cause__ is None
    return failure.value


@pytest.mark.parametrize("picture", [JPEG, PNG, WEBP], ids=["jpeg", "png", "webp"])
def test_a_picture_comes_as_it_is_whatever_it_is_called(server: CannedServer, picture: bytes) -> None:
    server.answer = answer(picture, "200 OK", "Content-Type: binary/octet-stream")
    assert got(server) == picture and len(server.received) == 1


def test_a_picture_may_come_in_chunks(server: CannedServer) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.answer = head + f"{len(JPEG):x}\r\n".encode() + JPEG + b"\r\n0\r\n\r\n"
    assert got(server) == JPEG


@pytest.mark.parametrize(
    "body", [b"", b"<html>Sign in</html>", b"GIF89a" + bytes(50), b"RIFF\0\0\0\0WAVE", b"\xff\xd8", bytes(99)]
)
def test_what_does_not_begin_as_a_picture_is_none(server: CannedServer, body: bytes) -> None:
    server.answer = answer(body, "200 OK", "Content-Type: image/jpeg")
    assert isinstance(refused(server), PictureUnavailableError) and len(server.received) == 1


@pytest.mark.parametrize("announced", [True, False])
def test_a_picture_of_more_than_4_mib_is_refused(server: CannedServer, announced: bool) -> None:
    if announced:
        server.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {LARGEST + 1}\r\n\r\n".encode()
    else:
        server.answer, server.endless = b"HTTP/1.1 200 OK\r\n\r\n\xff\xd8\xff", bytes(65536)
    assert isinstance(refused(server), PictureUnavailableError)


def test_a_picture_of_exactly_4_mib_is_taken(server: CannedServer) -> None:
    server.answer = answer(JPEG.ljust(LARGEST, b"\0"))
    assert len(got(server)) == LARGEST


@pytest.mark.parametrize(
    ("status", "error", "requests"),
    [
        ("302 Found", PictureUnavailableError, 1),
        ("204 No Content", PictureUnavailableError, 1),
        ("400 Bad Request", PictureUnavailableError, 1),
        ("401 Unauthorized", SourceLinkExpiredError, 1),
        ("403 Forbidden", SourceLinkExpiredError, 1),
        ("404 Not Found", PictureUnavailableError, 1),
        ("409 Conflict", PictureUnavailableError, 1),
        ("410 Gone", SourceLinkExpiredError, 1),
        ("429 Too Many Requests", ProviderThrottledError, 2),
        ("503 Service Unavailable", ProviderUnavailableError, 2),
    ],
)
def test_a_status_has_its_meaning_and_only_what_may_pass_is_asked_for_again(
    server: CannedServer, status: str, error: type[CloudSyncError], requests: int
) -> None:
    server.answer = answer(b"", status, f"Location: {server.url}/elsewhere")
    assert type(refused(server)) is error and len(server.received) == requests


def test_a_long_wait_is_not_waited_for(server: CannedServer) -> None:
    server.answer = answer(b"", "429 Too Many Requests", "Retry-After: 600")
    assert isinstance(refused(server), ProviderThrottledError) and len(server.received) == 1


def test_a_body_that_ends_early_is_no_picture(server: CannedServer) -> None:
    server.answer, server.closes = answer(JPEG)[:-10], True
    assert isinstance(refused(server), ProviderUnavailableError) and len(server.received) == 2


def test_a_body_that_does_not_end_in_time_is_left(server: CannedServer) -> None:
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\xff\xd8\xff"
    assert isinstance(refused(server, seconds=0.3), ProviderUnavailableError)


def test_no_request_is_made_when_no_time_is_left(server: CannedServer) -> None:
    server.answer = answer()
    assert isinstance(refused(server, seconds=-1), ProviderUnavailableError) and server.received == []


def test_a_request_has_the_headers_of_its_link_and_says_who_asks(server: CannedServer) -> None:
    server.answer = answer()
    got(server, PictureLink("provider", f"{server.url}/1", {"Authorization": "Bearer t", "X-Arg": "{}"}, "POST"))
    (asked,) = server.received
    assert asked.startswith("POST /1 HTTP/1.1") and "Authorization: Bearer t" in asked and "X-Arg: {}" in asked
    assert "Content-Length: 0" in asked and "User-Agent: cloud-sync/" in asked and "Cookie" not in asked


@pytest.mark.parametrize(
    "url",
    [
        "http://pictures.example/1.jpg", "https://10.0.0.1/1.jpg", "https://169.254.169.254/latest", "ftp://x/1",
        "https://user@pictures.example/1.jpg", "https://[::1]/1.jpg", "file:///etc/passwd", "", "https://",
    ],
)  # fmt: skip
def test_no_link_leads_to_an_address_that_is_not_public(url: str) -> None:
    with pytest.raises(OriginalUnavailableError):
        fetched(PictureLink("provider", url), Deadline.after(5), ())


@pytest.mark.parametrize("header", ["Authorization", "authorization", "Cookie"])
def test_a_secret_is_sent_to_no_other_server(server: CannedServer, header: str) -> None:
    fetcher = PictureFetcher(("https://own.example",), allow_loopback=True)
    with pytest.raises(PictureUnavailableError, match="another server"):
        fetcher.fetched(PictureLink("provider", f"{server.url}/1", {header: "secret"}), Deadline.after(5))
    assert server.received == []
    server.answer = answer()
    assert replace(fetcher, origins=(server.url,)).fetched(
        PictureLink("provider", f"{server.url}/1", {header: "secret"}), Deadline.after(5)
    )
