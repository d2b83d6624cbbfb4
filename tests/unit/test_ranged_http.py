"""Answers that no faithful service gives, and that are still never taken for media."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3
from cloud_sync_common import http_client, ranged_http
from cloud_sync_common.exceptions import (
    CloudSyncError,
    MediaNotFoundError,
    ProviderContractError,
    ProviderUnavailableError,
    RangeIgnoredError,
    ShortReadError,
    SourceChangedError,
    SourceLinkExpiredError,
)
from cloud_sync_common.provider_interface import MediaSource
from cloud_sync_common.ranged_http import Fingerprint, RangeBody

SOURCE = MediaSource(file_number=1, filename="x.mp4", url="https://cdn.example/1.mp4?Expires=1&Signature=s")
VERSION = Fingerprint(1000, '"etag-1"')


@dataclass
class Cdn:
    """Gives this answer to everything; keeps what was asked."""

    status: int = 206
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = bytes(100)
    asked: list[dict[str, str]] = field(default_factory=list)

    def request(self, _method: str, _url: str, *, headers: dict[str, str], **_: Any) -> urllib3.BaseHTTPResponse:
        self.asked.append(headers)
        return urllib3.HTTPResponse(io.BytesIO(self.body), self.headers, self.status, preload_content=False)


@pytest.fixture
def cdn(monkeypatch: pytest.MonkeyPatch) -> Cdn:
    cdn = Cdn(headers={"Content-Range": "bytes 100-199/1000", "ETag": '"etag-1"'})
    monkeypatch.setattr(http_client, "request", cdn.request)
    return cdn


def read(source: MediaSource = SOURCE, version: Fingerprint = VERSION) -> bytes:
    body = RangeBody(source, 100, 199, version)
    return b"".join(iter(lambda: body.read(64), b""))


def test_a_range_is_asked_for_by_its_bytes_of_this_version_and_without_credentials(cdn: Cdn) -> None:
    assert read() == bytes(100)
    assert cdn.asked == [{"Range": "bytes=100-199", "If-Match": '"etag-1"', "Accept-Encoding": "identity"}]


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_only_a_strong_etag_is_held_against_the_file(cdn: Cdn, etag: str) -> None:
    cdn.headers["ETag"] = etag
    assert read(version=Fingerprint(1000, etag)) == bytes(100) and "If-Match" not in cdn.asked[0]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"ETag": '"etag-2"'}, SourceChangedError),
        ({"ETag": ""}, SourceChangedError),
        ({"Content-Range": "bytes 100-199/1001"}, SourceChangedError),
        ({"Content-Range": "bytes 101-200/1000"}, ProviderContractError),
        ({"Content-Range": "bytes 100-198/1000"}, ProviderContractError),
        ({"Content-Range": "bytes 100-199/*"}, ProviderContractError),
        ({"Content-Range": "items 1-2/3"}, ProviderContractError),
        ({"Content-Range": ""}, ProviderContractError),
    ],
)
def test_a_range_of_another_version_or_place_is_refused_even_when_it_comes_as_206(
    cdn: Cdn, changes: dict[str, str], error: type[CloudSyncError]
) -> None:
    cdn.headers |= changes
    with pytest.raises(error):
        read()


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
        (503, ProviderUnavailableError),
    ],
)
def test_each_status_is_told_as_what_it_means_and_shows_no_link(
    cdn: Cdn, status: int, error: type[CloudSyncError]
) -> None:
    cdn.status = status
    with pytest.raises(error) as failure:
        read()
    assert "://" not in str(failure.value) and "Signature" not in str(failure.value)
    with pytest.raises(error):
        ranged_http.probe(SOURCE)


def test_a_body_that_ends_before_its_range_is_a_short_read(cdn: Cdn) -> None:
    cdn.body = bytes(99)
    with pytest.raises(ShortReadError):
        read()


def test_an_empty_file_is_a_file(cdn: Cdn) -> None:
    cdn.status, cdn.body, cdn.headers = 416, b"", {"Content-Range": "bytes */0", "ETag": '"nothing"'}
    assert ranged_http.probe(SOURCE) == Fingerprint(0, '"nothing"')


def test_a_probe_tells_size_and_etag_from_one_byte(cdn: Cdn) -> None:
    cdn.headers["Content-Range"], cdn.body = "bytes 0-0/1000", b"x"
    assert ranged_http.probe(SOURCE) == VERSION
    assert cdn.asked[0]["Range"] == "bytes=0-0" and "If-Match" not in cdn.asked[0]
