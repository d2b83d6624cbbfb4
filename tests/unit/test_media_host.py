"""What a provider makes of its media host's refusals, and the servers that may see its token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cloud_sync_common.exceptions import (
    CloudSyncError,
    MediaNotFoundError,
    OriginalNotReadyError,
    OriginalRefusedError,
    OriginalUnavailableError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
    SourceLinkExpiredError,
)
from cloud_sync_common.provider_interface import REFUSAL_LIMIT, Fingerprint, MediaSource
from cloud_sync_common.transfer.media_host import MediaHost
from cloud_sync_common.transfer.ranged_get import IfMatch, open_range
from cloud_sync_common.transfer.trial_read import try_to_read

from tests.unit.canned import CannedConnections, CannedStream, awaited

TOKEN = "Bearer a-token-that-nobody-else-may-see"
SOURCE = MediaSource(1, "x.mp4", url="https://media.example/files/1?alt=media", revision="rev-1")
VERSION = Fingerprint(1000, "", "", "rev-1")
QUOTA = json.dumps({"error": {"errors": [{"reason": "downloadQuotaExceeded"}], "code": 403}}).encode()


def answer(status: int, body: bytes = b"", **headers: str) -> CannedStream:
    given = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{name}: {value}" for name, value in given.items()]
    return CannedStream("\r\n".join([f"HTTP/1.1 {status} X", *lines, "", ""]).encode() + body)


def ask(
    *streams: CannedStream,
    host: MediaHost,
    source: MediaSource = SOURCE,
    version: Fingerprint | None = VERSION,
) -> Fingerprint:
    async def asking() -> Fingerprint:
        opened = await open_range(CannedConnections(streams), source, 0, 99, version, IfMatch(), host)
        opened.close()
        return opened.fingerprint

    return awaited(asking())


class Reader:
    """A provider's `refusal`: it keeps what it is given, and answers with one error, or None."""

    def __init__(self, error: CloudSyncError | None) -> None:
        self.error, self.given = error, list[tuple[int, Mapping[str, str], bytes]]()

    def __call__(self, status: int, headers: Mapping[str, str], body: bytes) -> CloudSyncError | None:
        self.given.append((status, headers, body))
        return self.error


@pytest.mark.parametrize("version", [None, VERSION], ids=["first contact", "known version"])
@pytest.mark.parametrize(
    "error",
    [OriginalNotReadyError("quota"), OriginalRefusedError("abuse"), ProviderThrottledError("slower", 3.0)],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500])
def test_a_refusal_means_what_the_provider_makes_of_its_status_headers_and_body(
    status: int, error: CloudSyncError, version: Fingerprint | None
) -> None:
    reader, stream = Reader(error), answer(status, QUOTA, X_Reason="quota")
    with pytest.raises(type(error)) as failure:
        ask(stream, host=MediaHost(reader), version=version)
    assert failure.value is error and stream.closed
    ((given_status, headers, body),) = reader.given
    assert (given_status, headers["x-reason"], body) == (status, "quota", QUOTA)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, SourceLinkExpiredError),
        (404, MediaNotFoundError),
        (409, ProviderContractError),
        (429, ProviderThrottledError),
        (503, ProviderUnavailableError),
    ],
)
def test_what_the_provider_does_not_know_is_decided_by_the_status(status: int, error: type[CloudSyncError]) -> None:
    for host in (MediaHost(Reader(None)), MediaHost()):
        with pytest.raises(error):
            ask(answer(status, QUOTA), host=host)


@pytest.mark.parametrize("sent", [0, REFUSAL_LIMIT, 10 * REFUSAL_LIMIT])
def test_no_more_than_the_beginning_of_a_refusal_is_read(sent: int) -> None:
    reader = Reader(OriginalRefusedError("no"))
    with pytest.raises(OriginalRefusedError):
        ask(answer(403, b"x" * sent), host=MediaHost(reader))
    assert [len(body) for _, _, body in reader.given] == [min(sent, REFUSAL_LIMIT)] and REFUSAL_LIMIT == 16 * 1024


def test_a_refusal_that_breaks_off_is_read_by_its_status_and_headers() -> None:
    reader = Reader(OriginalNotReadyError("later"))
    with pytest.raises(OriginalNotReadyError):
        ask(answer(403, b'{"err', Content_Length="500"), host=MediaHost(reader))
    assert [(status, body) for status, _, body in reader.given] == [(403, b"")]


def test_a_range_that_does_not_fit_is_no_refusal() -> None:
    reader = Reader(OriginalRefusedError("no"))
    empty = ask(answer(416, Content_Range="bytes */0"), host=MediaHost(reader), version=None)
    assert empty.size == 0 and reader.given == []


def test_what_the_provider_says_of_a_refused_file_is_said_at_a_trial_too() -> None:
    host = MediaHost(Reader(OriginalNotReadyError("later")))
    with pytest.raises(OriginalNotReadyError):
        awaited(try_to_read(CannedConnections([answer(403, QUOTA)]), SOURCE, host))


# The token


def served() -> CannedStream:
    return answer(206, bytes(100), Content_Range="bytes 0-99/1000")


def with_token(url: str, header: str = "Authorization") -> MediaSource:
    return replace(SOURCE, url=url, headers={header: TOKEN})


@pytest.mark.parametrize("origin", ["https://media.example", "https://media.example:443", "https://MEDIA.example/"])
def test_a_token_goes_to_the_providers_own_server(origin: str) -> None:
    stream = served()
    ask(stream, host=MediaHost(origins=("https://other.example", origin)), source=with_token(SOURCE.url))
    assert f"Authorization: {TOKEN}".encode() in stream.heard


@pytest.mark.parametrize("header", ["Authorization", "authorization", "AUTHORIZATION", "Cookie"])
@pytest.mark.parametrize(
    "url",
    [
        "https://media.example.evil.example/1",
        "https://evil.example/media.example/1",
        "https://sub.media.example/1",
        "https://media.example:8443/1",
        "http://media.example/1",
    ],
)
def test_a_token_goes_to_no_other_server_and_nothing_is_asked_of_it(url: str, header: str) -> None:
    stream = served()
    with pytest.raises(OriginalUnavailableError, match="another server") as failure:
        ask(stream, host=MediaHost(origins=("https://media.example",)), source=with_token(url, header))
    assert stream.heard == b"" and "://" not in str(failure.value) and TOKEN not in str(failure.value)


def test_a_provider_that_names_no_server_of_its_own_sends_its_token_nowhere() -> None:
    stream = served()
    with pytest.raises(OriginalUnavailableError):
        ask(stream, host=MediaHost(), source=with_token(SOURCE.url))
    assert stream.heard == b""


def test_what_is_no_secret_goes_along_to_any_server() -> None:
    stream = served()
    ask(stream, host=MediaHost(), source=replace(SOURCE, headers={"Dropbox-API-Arg": "{}"}))
    assert b"Dropbox-API-Arg: {}" in stream.heard


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_the_token_nor_without_it(status: int) -> None:
    redirect = answer(status, Location="https://elsewhere.example/1")
    elsewhere = served()
    with pytest.raises(ProviderContractError):
        ask(
            redirect,
            elsewhere,
            host=MediaHost(origins=("https://media.example",)),
            source=with_token(SOURCE.url),
        )
    assert elsewhere.heard == b""


# Files of a type that pages have


HASHED: dict[str, Any] = {"size": 1000, "content_hashes": ("sha256:00",)}


@pytest.mark.parametrize("kind", ["application/json", "text/xml", "text/html; charset=utf-8", "application/rss+xml"])
def test_a_file_of_a_pages_type_is_read_when_it_has_the_listed_size_and_a_hash(kind: str) -> None:
    source = replace(SOURCE, **HASHED)
    ranged = answer(206, bytes(100), Content_Range="bytes 0-99/1000", Content_Type=kind)
    assert ask(ranged, host=MediaHost(), source=source, version=None).listed == "sha256:00"
    whole = answer(200, bytes(1000), Content_Type=kind)
    assert ask(whole, host=MediaHost(), source=source, version=None).size == 1000


@pytest.mark.parametrize(
    "known", [{}, {"size": 1000}, {"content_hashes": ("sha256:00",)}, HASHED | {"size": 999}], ids=str
)
@pytest.mark.parametrize("status", [200, 206])
def test_a_page_is_refused_where_size_or_hash_are_unknown_or_its_size_is_another(
    status: int, known: dict[str, Any]
) -> None:
    ranged = {"Content_Range": "bytes 0-99/1000"} if status == 206 else {}
    page = answer(status, bytes(100 if ranged else 1000), Content_Type="application/json", **ranged)
    with pytest.raises(ProviderUnavailableError, match="a page"):
        ask(page, host=MediaHost(), source=replace(SOURCE, **known), version=None)
