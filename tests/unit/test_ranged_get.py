"""Answers that no faithful service gives, and that are still never taken for media."""

from __future__ import annotations

import pytest
from cloud_sync_common.exceptions import (
    CloudSyncError,
    MediaNotFoundError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
    RangeIgnoredError,
    ShortReadError,
    SourceChangedError,
    SourceLinkExpiredError,
)
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint, MediaSource
from cloud_sync_common.transfer.ranged_get import open_range

from tests.unit.canned import CannedConnections, CannedStream, awaited

SOURCE = MediaSource(file_number=1, filename="x.mp4", url="https://cdn.example/1.mp4?Expires=1&Signature=s")
VERSION = Fingerprint(1000, '"etag-1"')
HEADERS = {"Content-Range": "bytes 100-199/1000", "ETag": '"etag-1"', "Content-Length": "100"}


def cdn(status: int = 206, body: bytes = bytes(100), **changes: str | None) -> CannedStream:
    """One canned answer; a header that is None is left out."""
    headers = {**HEADERS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return CannedStream("\r\n".join([f"HTTP/1.1 {status} X", *lines, "", ""]).encode() + body)


def read(stream: CannedStream, version: Fingerprint | None = VERSION, first: int = 100, last: int = 199) -> bytes:
    async def reading() -> bytes:
        opened = await open_range(CannedConnections([stream]), SOURCE, first, last, version)
        view = memoryview(bytearray(max(opened.length, 0)))
        await opened.fill(view)
        opened.close()
        return bytes(view)

    return awaited(reading())


def first_contact(stream: CannedStream, last: int = 0) -> tuple[Fingerprint, int, bool]:
    """What the first answer tells of a source of which nothing is known."""

    async def asking() -> tuple[Fingerprint, int, bool]:
        opened = await open_range(CannedConnections([stream]), SOURCE, 0, last, None)
        opened.close()
        return opened.fingerprint, opened.length, opened.honoured

    return awaited(asking())


def test_a_range_is_asked_for_by_its_bytes_of_this_version_and_without_credentials() -> None:
    stream = cdn()
    assert read(stream) == bytes(100)
    lines = stream.heard.decode().split("\r\n")
    assert {"Range: bytes=100-199", 'If-Match: "etag-1"', "Accept-Encoding: identity"} <= set(lines)
    assert not any(line.lower().startswith(("authorization", "cookie")) for line in lines)


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_only_a_strong_etag_is_held_against_the_file(etag: str) -> None:
    stream = cdn(ETag=etag or None)
    assert read(stream, Fingerprint(1000, etag)) == bytes(100) and b"If-Match" not in stream.heard


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ETag": '"etag-2"'}, SourceChangedError),
        ({"ETag": None}, SourceChangedError),
        ({"Content_Range": "bytes 100-199/1001"}, SourceChangedError),
        ({"Content_Range": "bytes 101-200/1000"}, ProviderContractError),
        ({"Content_Range": "bytes 100-198/1000"}, ProviderContractError),
        ({"Content_Range": "bytes 100-199/*"}, ProviderContractError),
        ({"Content_Range": "items 1-2/3"}, ProviderContractError),
        ({"Content_Range": None}, ProviderContractError),
        ({"Content_Length": "99"}, ProviderContractError),
    ],
)
def test_a_range_of_another_version_or_place_is_refused_even_when_it_comes_as_206(
    changes: dict[str, str], error: type[CloudSyncError]
) -> None:
    stream = cdn(**changes)
    with pytest.raises(error):
        read(stream)
    assert stream.closed


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, RangeIgnoredError),
        (401, SourceLinkExpiredError),
        (403, SourceLinkExpiredError),
        (410, SourceLinkExpiredError),
        (404, MediaNotFoundError),
        (412, SourceChangedError),
        (416, SourceChangedError),
        (302, ProviderContractError),
        (400, ProviderContractError),
        (429, ProviderThrottledError),
        (503, ProviderUnavailableError),
    ],
)
def test_each_status_is_told_as_what_it_means_and_shows_no_link(status: int, error: type[CloudSyncError]) -> None:
    with pytest.raises(error) as failure:
        read(cdn(status, Content_Range=None))
    assert "://" not in str(failure.value) and "Signature" not in str(failure.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"Content_Type": "text/html; charset=utf-8"},
        {"Content_Type": "Application/XML"},
        {"Content_Encoding": "gzip"},
        {"Content_Encoding": "br"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("status", "content_range"), [(200, None), (206, "bytes 0-99/100")])
def test_a_page_or_a_compressed_body_is_not_media_whatever_its_status(
    changes: dict[str, str], status: int, content_range: str | None
) -> None:
    stream = cdn(status, Content_Range=content_range, **changes)
    with pytest.raises(ProviderUnavailableError):
        first_contact(stream, last=5000)
    assert stream.closed


@pytest.mark.parametrize("changes", [{"Content_Encoding": "identity"}, {"Content_Encoding": "aws-chunked"}], ids=str)
def test_an_encoding_that_changes_nothing_is_media(changes: dict[str, str]) -> None:
    assert first_contact(cdn(Content_Range="bytes 0-99/100", **changes), last=5000)[1] == 100


def test_the_wait_that_a_source_asks_for_is_kept() -> None:
    with pytest.raises(ProviderThrottledError) as failure:
        read(cdn(429, Retry_After="7"))
    assert failure.value.retry_after == 7


def test_a_body_that_ends_before_its_range_is_a_short_read() -> None:
    with pytest.raises(ShortReadError):
        read(cdn(body=bytes(99)))


def test_an_empty_file_is_a_file() -> None:
    stream = cdn(416, b"", Content_Range="bytes */0", ETag='"nothing"', Content_Length="0")
    assert first_contact(stream) == (Fingerprint(0, '"nothing"'), 0, True)


def test_the_first_answer_tells_size_and_etag() -> None:
    stream = cdn(body=b"x", Content_Range="bytes 0-0/1000", Content_Length="1")
    assert first_contact(stream) == (VERSION, 1, True)
    assert b"Range: bytes=0-0\r\n" in stream.heard and b"If-Match" not in stream.heard


def test_the_first_answer_may_be_the_whole_file() -> None:
    stream = cdn(Content_Range="bytes 0-99/100")
    assert first_contact(stream, last=5000) == (Fingerprint(100, '"etag-1"'), 100, True)


@pytest.mark.parametrize(("length", "told"), [("1000", 1000), (None, UNKNOWN)])
def test_a_source_that_ignores_ranges_or_has_no_length_says_so_at_first_contact(length: str | None, told: int) -> None:
    stream = cdn(200, bytes(1000), Content_Range=None, Content_Length=length)
    assert first_contact(stream) == (Fingerprint(told, '"etag-1"'), told, False)
