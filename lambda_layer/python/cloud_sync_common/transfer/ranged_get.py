"""Ranged GETs. Every answer is checked: the right bytes of the right version of the right file, or an error.

Nothing is trusted: a 206 must carry the very Content-Range asked for, size, ETag, Last-Modified and what the provider
lists must be the ones first seen, and a body must be as long as announced.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
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
from cloud_sync_common.safe_text import redact
from cloud_sync_common.transfer.media_host import ANY_HOST, MediaHost

# The unit is a word in any case (RFC 9110, 14.1); `*` is a total that the source does not state.
_CONTENT_RANGE = re.compile(r"bytes[ =]+(\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.ASCII | re.IGNORECASE)
_UNSATISFIED = re.compile(r"bytes[ =]+\*/(\d{1,19})", re.ASCII | re.IGNORECASE)
_MOST_ANSWERS = 1000  # for one range, from a source that sends less than asked for
_DOING = "a request for media bytes"
ANSWER_SECONDS = 30.0
_PAGES = re.compile(r"text/(html|xml)|application/(xml|json|.*\+(xml|json))")
_TEXT = re.compile(r"text/.*|application/x-ndjson")  # in an answer to which the range means nothing
# What servers call an encoding and is none: aws-chunked is left over from an upload, and S3 stores it as a header; the
# others are values of Content-Transfer-Encoding (RFC 2045). Names of character sets are none either.
_AS_STORED = {"", "identity", "none", "null", "aws-chunked", "binary", "7bit", "8bit"}
# 412: the condition does not hold, or so it says (RFC 9110, 13.1.1); 400 and 501: S3's answers to headers that it does
# not take (S3 API reference, "Error responses": InvalidArgument, NotImplemented).
_CONDITION_REFUSED = (400, 412, 501)


class _ConditionRefused(Exception):
    """The answer to a request with If-Match that may be about that header. `status` is the answer's."""

    def __init__(self, status: int) -> None:
        self.status = status


class _RangeUnusable(Exception):
    """The answer to a first request with a Range from which nothing follows about the source."""


class Range:
    """An answer that promises the bytes asked for; its body is still to be read.

    `length` is in bytes, UNKNOWN when it is not announced. `honoured` is False when the source answered with the whole
    file instead of a range. To be closed, read or unread. A source may send less than it was asked for (RFC 9110,
    15.3.7); `go_on` then asks for the rest, from the byte given.
    """

    def __init__(
        self, connections: Connections, connection: Connection, fingerprint: Fingerprint, length: int, honoured: bool
    ) -> None:
        self._connections, self._connection = connections, connection
        self.fingerprint, self.length, self.honoured = fingerprint, length, honoured
        self.announced, self._read, self._answers, self._closed = length, 0, 1, False
        self.go_on: Callable[[int], Awaitable[Range]] | None = None
        self.is_delimited = True  # False: the body ends with the connection, so that one that was cut looks whole

    async def fill(self, view: memoryview) -> None:
        """Fills `view` with the next bytes. Raises ShortReadError, ProviderUnavailableError, and what `open_range`
        raises when the rest has to be asked for."""
        if (count := await self.read_into(view)) < len(view):
            raise ShortReadError(f"The source ended {len(view) - count} bytes or more early.")

    async def read_into(self, view: memoryview) -> int:
        """Fills `view` unless the body ends first; returns how many bytes there were. Raises as `fill` does."""
        filled = 0
        while True:
            with _source_errors():
                count = await self._connection.body_into(view[filled:])
                filled, self._read = filled + count, self._read + count
                if self._read == self.announced and await self._connection.goes_on():
                    raise HttpError("the body is longer than the range")
            if filled == len(view) or self.go_on is None or not self.announced == self._read < self.length:
                return filled
            await self._ask_for_the_rest(self.go_on)

    async def _ask_for_the_rest(self, go_on: Callable[[int], Awaitable[Range]]) -> None:
        self._answers += 1
        if self._answers > _MOST_ANSWERS:
            raise ShortReadError(f"The source sends a range in more than {_MOST_ANSWERS} pieces.")
        self.close()
        rest = await go_on(self._read)
        self._connection, self._closed = rest._connection, False
        self.announced += rest.announced

    def close(self) -> None:
        """Returns the connection to the pool when the body was read to its end, else closes it."""
        if not self._closed:
            self._closed = True
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
    host: MediaHost = ANY_HOST,
) -> Range:
    """Asks for bytes `first`..`last` (inclusive) of a source. With no version expected, the last byte may lie beyond
    the end, and a source that ignores ranges is a Range that says so.

    If-Match only saves what a changed source would send: everything that identifies the version of each answer is
    compared with `expected` in any case. So a refusal that can be about the header is answered by asking without it.

    Raises ProviderThrottledError, ProviderUnavailableError, SourceLinkExpiredError, MediaNotFoundError,
    RangeIgnoredError, SourceChangedError, ProviderContractError, and what `host` makes of a refusal. An empty source
    has size 0.
    """
    connections.check_url(source.url)
    opened = await _asked_for(connections, source, (first, last), expected, condition, host)
    if opened.announced < opened.length:

        async def go_on(read: int) -> Range:
            rest = (first + read, first + opened.length - 1)
            return await _asked_for(connections, source, rest, opened.fingerprint, condition, host)

        opened.go_on = go_on
    return opened


async def _asked_for(
    connections: Connections,
    source: MediaSource,
    asked: tuple[int, int],
    expected: Fingerprint | None,
    condition: IfMatch,
    host: MediaHost,
) -> Range:
    """One answer. A first one from which nothing follows is answered by asking for the whole file."""
    headers = _headers(source, *asked)
    if expected is None:
        try:
            return await _opened(connections, source, headers, asked, None, host)
        except _RangeUnusable:
            plain = {name: value for name, value in headers.items() if name != "Range"}
            return await _opened(connections, source, plain, asked, None, host)
    if not (condition.usable and expected.has_strong_etag):
        return await _opened(connections, source, headers, asked, expected, host)
    try:
        return await _opened(connections, source, {**headers, "If-Match": expected.etag}, asked, expected, host)
    except _ConditionRefused as refusal:
        opened = await _opened(connections, source, headers, asked, expected, host)
        logger.warning("the source refuses If-Match; it is read without", extra={"status": refusal.status})
        condition.usable = False
        return opened


async def _opened(
    connections: Connections,
    source: MediaSource,
    headers: Mapping[str, str],
    asked: tuple[int, int],
    expected: Fingerprint | None,
    host: MediaHost,
) -> Range:
    with _source_errors():
        host.check_headers(source)
        connection = await connections.take(Origin.of(source.url))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await connection.request("GET", target_of(source.url), headers)
                head = await connection.head()
                if "If-Match" in headers and head.status in _CONDITION_REFUSED:
                    raise _ConditionRefused(head.status)
                await host.check_refusal(head, connection)
            if "Range" in headers and expected is None and _says_too_little(head):
                raise _RangeUnusable
            return _checked(connections, connection, _Answer(head, source), asked, expected)
        except BaseException:
            connections.drop(connection)
            raise


def _headers(source: MediaSource, first: int, last: int) -> dict[str, str]:
    # Only the headers that the provider gave for this source; MediaHost.check_headers says where they may go.
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
        return Fingerprint(size, self._said("etag"), self._said("last-modified"), self.source.listed)

    def _said(self, name: str) -> str:
        """A header as it is kept, in the ledger and with the object; one that holds a secret of ours says nothing."""
        value = self.head.headers.get(name, "")
        return value if redact(value) == value else ""


def _checked(
    connections: Connections,
    connection: Connection,
    answer: _Answer,
    asked: tuple[int, int],
    expected: Fingerprint | None,
) -> Range:
    """The answer as a Range. Raises unless it is what was asked for."""
    head = answer.head
    if head.status == 416 and expected is None and _size_in_416(head) == 0:
        connection.close()
        return Range(connections, connection, answer.version(0), 0, honoured=True)
    if head.status in (200, 206):
        _refuse_what_is_no_media(head, is_known=_is_listed_so(answer))
    if head.status == 200 and expected is None:
        length = int(head.headers.get("content-length", UNKNOWN))
        _refuse_a_part_as_whole(head, length)
        whole = Range(connections, connection, answer.version(length), length, honoured=False)
        whole.is_delimited = length != UNKNOWN or "transfer-encoding" in head.headers
        return whole
    if head.status != 206:
        http_client.refuse_when_busy(head.status, head.headers, _DOING)
        _raise_for_status(head.status)
    first, last, fingerprint = _content_range(answer, expected)
    if expected is not None and not fingerprint.continues(expected):
        raise SourceChangedError(
            "The source changed while it was read: its size, its ETag, its Last-Modified or what the provider lists "
            "is another. It is begun anew."
        )
    end = min(asked[1], fingerprint.size - 1)
    _check_range(head, (first, last), (asked[0], end), fingerprint.is_certain if expected else fingerprint.shows_itself)
    opened = Range(connections, connection, fingerprint, end - first + 1, honoured=True)
    opened.announced = last - first + 1
    return opened


def _check_range(head: Head, sent: tuple[int, int], asked: tuple[int, int], rest_is_known: bool) -> None:
    """Raises unless what is sent begins where it was asked to begin, and ends there, or earlier where it will be known
    whether the rest belongs to it."""
    first, last = sent
    if first != asked[0] or not first <= last <= asked[1]:
        raise ProviderContractError(f"The source sent bytes {first}-{last} instead of {asked[0]}-{asked[1]}.")
    if int(head.headers.get("content-length", last - first + 1)) != last - first + 1:
        raise ProviderContractError("The source announced a range and another length of it.")
    if last < asked[1] and not rest_is_known:
        raise ShortReadError(
            "The source sends less than asked for, and nothing would show that the rest belongs to it."
        )


def _refuse_a_part_as_whole(head: Head, length: int) -> None:
    """A 200 is the whole file; one that names a range of a file of another size is a part of it, whose status something
    on the way has changed."""
    match = _CONTENT_RANGE.fullmatch(head.headers.get("content-range", "").strip())
    if match and (int(match[1]), int(match[2]), match[3]) != (0, length - 1, str(length)):
        raise ProviderUnavailableError("The source sent a part of the file and called it the whole one.")


def _size_in_416(head: Head) -> int | None:
    match = _UNSATISFIED.fullmatch(head.headers.get("content-range", "").strip())
    return int(match[1]) if match else None


def _says_too_little(head: Head) -> bool:
    """Whether an answer leaves open how long the source is: a 416 without its length, as S3 sends it for an empty
    object, or a 206 without a total."""
    if head.status == 416:
        return _size_in_416(head) is None
    return head.status == 206 and head.headers.get("content-range", "").strip().endswith("/*")


def _is_listed_so(answer: _Answer) -> bool:
    """Whether a file is as long as the provider lists it, with a hash by which its content is checked: then it may be
    of any type, also of one that pages have."""
    said = answer.head.headers.get("content-range", "").rpartition("/")[2].strip()
    size = said if answer.head.status == 206 else answer.head.headers.get("content-length", "")
    return bool(answer.source.content_hashes) and size == str(answer.source.size)


def _refuse_what_is_no_media(head: Head, *, is_known: bool) -> None:
    """Refuses a page instead of the bytes, which CDNs and firewalls send, even with status 200 (CloudFront developer
    guide, "Custom error responses"), unless the file is known to be of any type; and bytes in another encoding than the
    stored ones."""
    said = head.headers.get("content-type", "").lower().split(",")  # more than one where there are several lines
    kinds = [each.partition(";")[0].strip() for each in said]
    is_page = any(_PAGES.fullmatch(kind) or (head.status == 200 and _TEXT.fullmatch(kind)) for kind in kinds)
    if is_page and not is_known:
        raise ProviderUnavailableError(f"The source answered {_DOING} with a page or a text.")
    if not all(_is_no_coding(coding) for coding in head.headers.get("content-encoding", "").split(",")):
        raise ProviderUnavailableError("The source sent its bytes compressed, which nobody had asked for.")


def _is_no_coding(coding: str) -> bool:
    """Whether a value of Content-Encoding says nothing about the bytes: a character set, or what is listed above."""
    name = coding.strip().lower()
    if name in _AS_STORED:
        return True
    try:
        "".encode(name)  # raises for codings that are no character set
    except (LookupError, ValueError):
        return False
    return True


def _content_range(answer: _Answer, expected: Fingerprint | None) -> tuple[int, int, Fingerprint]:
    """First and last byte of an answer, and the fingerprint of the whole source; a size that is not stated is the
    expected one."""
    match = _CONTENT_RANGE.fullmatch(answer.head.headers.get("content-range", "").strip())
    if not match or (match[3] == "*" and expected is None):
        raise ProviderContractError("The source sent a range without saying which.")
    size = expected.size if expected and match[3] == "*" else int(match[3])
    return int(match[1]), int(match[2]), answer.version(size)


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
