"""Ranged GETs. Every answer is checked: the right bytes of the right version of the right file, or an error.

Nothing is trusted: a 206 must carry the very Content-Range asked for, size, ETag, Last-Modified and what the provider
lists must be the ones first seen, and a body must be as long as announced.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from cloud_sync_common.exceptions import (
    MediaNotFoundError,
    ProviderContractError,
    ProviderUnavailableError,
    RangeIgnoredError,
    ShortReadError,
    SourceChangedError,
    SourceLinkExpiredError,
)
from cloud_sync_common.http import client as http_client
from cloud_sync_common.http.connection import Connection, Connections, EndedEarly, Head, HttpError, Origin, target_of
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint, MediaSource

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_DOING = "a request for media bytes"
ANSWER_SECONDS = 30.0
_PAGES = {"text/html", "text/xml", "application/xml", "application/xhtml+xml", "application/json"}
_AS_STORED = {"", "identity", "aws-chunked"}  # the last is left over from an upload; S3 stores it as a header
# 412: the condition does not hold, or so it says (RFC 9110, 13.1.1); 400 and 501: S3's answers to headers that it does
# not take (S3 API reference, "Error responses": InvalidArgument, NotImplemented).
_CONDITION_REFUSED = (400, 412, 501)


class _ConditionRefused(Exception):
    """The answer to a request with If-Match that may be about that header. `status` is the answer's."""

    def __init__(self, status: int) -> None:
        self.status = status


class Range:
    """An answer that promises the bytes asked for; its body is still to be read.

    `length` is in bytes, UNKNOWN when it is not announced. `honoured` is False when the source answered with the whole
    file instead of a range. To be closed, read or unread.
    """

    def __init__(
        self, connections: Connections, connection: Connection, fingerprint: Fingerprint, length: int, honoured: bool
    ) -> None:
        self._connections, self._connection = connections, connection
        self.fingerprint, self.length, self.honoured = fingerprint, length, honoured

    async def fill(self, view: memoryview) -> None:
        """Fills `view` with the next bytes. Raises ShortReadError, ProviderUnavailableError."""
        if (count := await self.read_into(view)) < len(view):
            raise ShortReadError(f"The source ended {len(view) - count} bytes or more early.")

    async def read_into(self, view: memoryview) -> int:
        """Fills `view` unless the body ends first; returns how many bytes there were. Raises as `fill` does."""
        with _source_errors():
            return await self._connection.body_into(view)

    def close(self) -> None:
        """Returns the connection to the pool when the body was read to its end, else closes it."""
        self._connections.give_back(self._connection)


@dataclass
class IfMatch:
    """Whether requests for one source carry If-Match; no longer, once the source has refused the header as such."""

    usable: bool = True


async def open_range(
    connections: Connections,
    source: MediaSource,
    first: int,
    last: int,
    expected: Fingerprint | None,
    condition: IfMatch,
) -> Range:
    """Asks for bytes `first`..`last` (inclusive) of a source. With no version expected, the last byte may lie beyond
    the end, and a source that ignores ranges is a Range that says so.

    If-Match only saves what a changed source would send: everything that identifies the version of each answer is
    compared with `expected` in any case. So a refusal that can be about the header is answered by asking without it.

    Raises ProviderThrottledError, ProviderUnavailableError, SourceLinkExpiredError, MediaNotFoundError,
    RangeIgnoredError, SourceChangedError, ProviderContractError. An empty source has size 0.
    """
    connections.check_url(source.url)
    headers, asked = _headers(source, first, last), (first, last)
    if not (condition.usable and expected and expected.has_strong_etag):
        return await _opened(connections, source, headers, asked, expected)
    try:
        return await _opened(connections, source, {**headers, "If-Match": expected.etag}, asked, expected)
    except _ConditionRefused as refusal:
        opened = await _opened(connections, source, headers, asked, expected)
        logger.warning("the source refuses If-Match; it is read without", extra={"status": refusal.status})
        condition.usable = False
        return opened


async def _opened(
    connections: Connections,
    source: MediaSource,
    headers: Mapping[str, str],
    asked: tuple[int, int],
    expected: Fingerprint | None,
) -> Range:
    with _source_errors():
        connection = await connections.take(Origin.of(source.url))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await connection.request("GET", target_of(source.url), headers)
                head = await connection.head()
            if "If-Match" in headers and head.status in _CONDITION_REFUSED:
                raise _ConditionRefused(head.status)
            return _checked(connections, connection, _Answer(head, source), asked, expected)
        except BaseException:
            connections.drop(connection)
            raise


def _headers(source: MediaSource, first: int, last: int) -> dict[str, str]:
    # Only the headers that the provider gave for this source: credentials never go to a signed link.
    return {
        "User-Agent": http_client.USER_AGENT,
        "Accept": "*/*",
        **source.headers,
        "Range": f"bytes={first}-{last}",
        "Accept-Encoding": "identity",
    }


@contextmanager
def _source_errors() -> Iterator[None]:
    """Translates network errors into ours; a foreign text may contain the link."""
    try:
        yield
    except EndedEarly:
        raise ShortReadError("The source ended early.") from None
    except (OSError, HttpError) as error:
        raise ProviderUnavailableError(
            f"There was no answer to {_DOING}, or it broke off ({type(error).__name__})."
        ) from None


@dataclass(frozen=True)
class _Answer:
    """The head of an answer, and the source that was asked for."""

    head: Head
    source: MediaSource

    def version(self, size: int) -> Fingerprint:
        headers = self.head.headers
        listed = self.source.content_hash or self.source.revision
        return Fingerprint(size, headers.get("etag", ""), headers.get("last-modified", ""), listed)


def _checked(
    connections: Connections,
    connection: Connection,
    answer: _Answer,
    asked: tuple[int, int],
    expected: Fingerprint | None,
) -> Range:
    """The answer as a Range. Raises unless it is what was asked for."""
    head = answer.head
    if head.status == 416 and expected is None and head.headers.get("content-range", "").endswith("*/0"):
        connection.close()
        return Range(connections, connection, answer.version(0), 0, honoured=True)
    if head.status in (200, 206):
        _refuse_what_is_no_media(head)
    if head.status == 200 and expected is None:
        length = int(head.headers.get("content-length", UNKNOWN))
        return Range(connections, connection, answer.version(length), length, honoured=False)
    if head.status != 206:
        http_client.refuse_when_busy(head.status, head.headers, _DOING)
        _raise_for_status(head.status)
    first, last, fingerprint = _content_range(answer)
    if expected is not None and fingerprint.contradicts(expected):
        raise SourceChangedError(
            "The source changed while it was read: its size, its ETag, its Last-Modified or what the provider lists "
            "is another. It is begun anew."
        )
    if (first, last) != (asked[0], min(asked[1], fingerprint.size - 1)):
        raise ProviderContractError(f"The source sent bytes {first}-{last} instead of {asked[0]}-{asked[1]}.")
    length = last - first + 1
    if int(head.headers.get("content-length", length)) != length:
        raise ProviderContractError("The source announced a range and another length of it.")
    return Range(connections, connection, fingerprint, length, honoured=True)


def _refuse_what_is_no_media(head: Head) -> None:
    """Refuses a page instead of the bytes, which CDNs and firewalls send, even with status 200 (CloudFront developer
    guide, "Custom error responses"), and bytes in another encoding than the stored ones."""
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _PAGES:
        raise ProviderUnavailableError(f"The source answered {_DOING} with a page ({kind}).")
    if head.headers.get("content-encoding", "").strip().lower() not in _AS_STORED:
        raise ProviderUnavailableError("The source sent its bytes compressed, which nobody had asked for.")


def _content_range(answer: _Answer) -> tuple[int, int, Fingerprint]:
    """First and last byte of an answer, and the fingerprint of the whole source."""
    match = _CONTENT_RANGE.fullmatch(answer.head.headers.get("content-range", ""))
    if not match:
        raise ProviderContractError("The source sent a range without saying which.")
    first, last, total = (int(group) for group in match.groups())
    return first, last, answer.version(total)


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
