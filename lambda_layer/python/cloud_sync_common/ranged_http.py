"""Ranged GETs whose every answer is checked: the right bytes of the right version of the right file, or an error.

Nothing is trusted: a 206 must carry the very Content-Range asked for, the total and the ETag must be the ones first
seen, and a body must be as long as announced.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import NoReturn

import urllib3
from awscrt.checksums import crc64nvme

from cloud_sync_common import http_client
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

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True)
class Fingerprint:
    """What identifies one version of a source: its true size in bytes and its ETag (empty when it has none)."""

    size: int
    etag: str


def probe(source: MediaSource) -> Fingerprint:
    """The source's fingerprint, by a GET of its first byte: it also proves that ranges are honoured, and works where
    a link signed for GET is refused for HEAD.

    Raises what `RangeBody.read` raises. An empty source has size 0.
    """
    response = _get(source, 0, 0, None)
    try:
        if response.status == 416 and response.headers.get("Content-Range", "").endswith("*/0"):
            return Fingerprint(0, response.headers.get("ETag", ""))
        _refuse(response)
        return _checked(response, 0, 0, None)
    finally:
        if response.status == 206:
            response.drain_conn()
            response.release_conn()
        else:
            response.close()  # it may be the whole file that is on its way


class RangeBody:
    """Bytes `start`..`end` (inclusive) of a source as a file that is read once, or again after `seek(0)`.

    A body to hand to an upload: nothing is held, and an upload that is tried again re-opens the range. `failure` keeps
    the error that the last read ended with, because an HTTP library in between may tell it as one of its own.
    `checksum` is computed as the bytes pass.
    """

    def __init__(self, source: MediaSource, start: int, end: int, expected: Fingerprint) -> None:
        self._source, self._start, self._end, self._expected = source, start, end, expected
        self._position = 0
        self._response: urllib3.BaseHTTPResponse | None = None
        self._crc = 0
        self.failure: CloudSyncError | None = None

    def __len__(self) -> int:
        return self._end - self._start + 1

    def read(self, amount: int | None = None) -> bytes:
        """Up to `amount` bytes, none at the end.

        Raises ProviderThrottledError, ProviderUnavailableError, SourceLinkExpiredError, MediaNotFoundError,
        RangeIgnoredError, SourceChangedError, ShortReadError, ProviderContractError.
        """
        try:
            return self._read(amount)
        except CloudSyncError as error:
            self.failure = error
            raise

    def _read(self, amount: int | None) -> bytes:
        left = len(self) - self._position
        wanted = left if amount is None or amount < 0 else min(amount, left)
        if wanted == 0:
            return b""
        if self._response is None:
            self._response = self._open()
        try:
            data = self._response.read(wanted)
        except urllib3.exceptions.IncompleteRead:
            raise ShortReadError(f"The source ended {left} bytes early.") from None
        except urllib3.exceptions.HTTPError as error:
            raise ProviderUnavailableError(f"The source stopped sending ({type(error).__name__}).") from None
        if not data:
            raise ShortReadError(f"The source ended {left} bytes early.")
        self._position += len(data)
        self._crc = crc64nvme(data, self._crc)
        return data

    @property
    def checksum(self) -> str:
        """CRC-64/NVME of the whole range, base64 as S3 writes it, once it has been read."""
        return base64.b64encode(self._crc.to_bytes(8, "big")).decode()

    def _open(self) -> urllib3.BaseHTTPResponse:
        start = self._start + self._position
        response = _get(self._source, start, self._end, self._expected.etag)
        try:
            _refuse(response)
            _checked(response, start, self._end, self._expected)
        except BaseException:
            response.close()
            raise
        return response

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Goes back to the start, where the next read re-opens the range; uploads ask for nothing else, except where
        the end is, to learn the length."""
        target = offset + {0: 0, 1: self._position, 2: len(self)}[whence]
        if target != self._position or self.failure:
            self.close()
            self._position, self._crc, self.failure = target, 0, None
        return target

    def close(self) -> None:
        """Gives the connection back if the range was read whole, else ends it."""
        response, self._response = self._response, None
        if response is not None:
            if self._position == len(self):
                response.drain_conn()
                response.release_conn()
            else:
                response.close()


def _get(source: MediaSource, start: int, end: int, etag: str | None) -> urllib3.BaseHTTPResponse:
    # Only what the provider put into the recipe: credentials never go to a signed link.
    headers = {**source.headers, "Range": f"bytes={start}-{end}", "Accept-Encoding": "identity"}
    if etag and not etag.startswith("W/"):
        headers["If-Match"] = etag
    return http_client.request("GET", source.url, headers=headers, doing="a request for media bytes", stream=True)


def _refuse(response: urllib3.BaseHTTPResponse) -> None:
    """Raises for every status but 206."""
    if response.status == 206:
        return
    http_client.refuse_when_busy(response, "a request for media bytes")
    _raise_for_status(response.status)


def _raise_for_status(status: int) -> NoReturn:
    if status in (401, 403, 410):
        raise SourceLinkExpiredError(f"The link to the source is no longer accepted ({status}).")
    if status == 404:
        raise MediaNotFoundError("The source is no longer there (404).")
    if status in (412, 416):
        raise SourceChangedError(f"The source is not the version that was first seen ({status}).")
    if status == 200:
        raise RangeIgnoredError("The source answered a request for a range with the whole file.")
    raise ProviderContractError(f"The source answered a request for a range with {status}.")


def _checked(response: urllib3.BaseHTTPResponse, start: int, end: int, expected: Fingerprint | None) -> Fingerprint:
    """What a 206 says of the source, once it is found to be what was asked for."""
    value = response.headers.get("Content-Range", "")
    match = _CONTENT_RANGE.fullmatch(value)
    if not match:
        raise ProviderContractError("The source sent a range without saying which.")
    first, last, total = (int(group) for group in match.groups())
    found = Fingerprint(total, response.headers.get("ETag", ""))
    if expected is not None and found != expected:
        raise SourceChangedError("The source changed while it was read: its size or ETag is another.")
    if (first, last) != (start, min(end, total - 1)):
        raise ProviderContractError(f"The source sent bytes {first}-{last} instead of {start}-{end}.")
    return found
