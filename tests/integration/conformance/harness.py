"""What the conformance suite needs for each provider: a running fake account with known content, and its faults.

To add a provider, write a harness and add it to HARNESSES. The tests in this folder then check everything that the rest
of the function code relies on. A provider without a harness fails all of them.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Protocol

import pytest
from cloud_sync_common.exceptions import CloudSyncError, RangeIgnoredError
from cloud_sync_common.provider_access.pictures import PictureFetcher
from cloud_sync_common.provider_interface import (
    Credentials,
    Filters,
    Fingerprint,
    MediaItem,
    MediaPage,
    MediaSource,
    PictureLink,
    Provider,
)
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.transfer import upload_stream
from cloud_sync_common.transfer.media_host import MediaHost
from cloud_sync_common.transfer.ranged_get import IfMatch, open_range

from tests.integration.secret_check import assert_no_secret


class Trouble(Enum):
    """What can go wrong at a provider. `cause` starts it for the next requests, and `calm` ends it."""

    TOKEN_EXPIRED = "every access token issued so far is refused"
    RENEWAL_REFUSED = "the refresh token is refused, like one that was used before"
    THROTTLED = "requests are throttled, with a wait of 7 seconds"
    THROTTLED_WITHOUT_A_WAIT = "requests are throttled, without a wait"
    SERVER_ERROR = "requests are answered with a server error"
    NO_ANSWER = "connections end without an answer"
    VERSION_DROPPED = "the service no longer supports the requested version (410)"
    TYPE_REFUSED = "the service no longer answers with the requested type (406)"
    TYPE_UNSUPPORTED = "the service no longer accepts requests of this type (415)"
    SHAPE_CHANGED = "the answers have another shape than before"
    ROW_ODD = "fields of the video's row, none of which decides anything, have odd values"
    SHORT_PAGE = "one page of the listing lacks some of its rows; they come later where the provider does not count"
    UPLOAD_BETWEEN_PAGES = "after the first page, a video that is newer than all others is uploaded"
    KIND_UNKNOWN = "a video of an unknown type is uploaded"
    STATE_UNKNOWN = "the video is in an unknown state"
    REPROCESSED = "the provider has changed the content of the video"
    TRASHED = "the video is still listed but was moved to the trash"
    ORIGINAL_GONE = "the original of the video is no longer offered, only smaller versions or nothing"
    UNAVAILABLE_NOW = "the originals of the video exist and cannot be had now"
    LINKS_EXPIRED = "every link issued so far has expired, with the token in it where there is one"
    CUT_SHORT = "the connection closes after 1,000 bytes of media"
    RANGE_IGNORED = "a request for a range is answered with the whole file"
    RANGE_SHIFTED = "a request for a range is answered with another one"
    PICTURE_MISSING = "there is nothing behind the links to thumbnails"
    PICTURE_PAGE = "a page is sent in place of thumbnails"
    PICTURE_TOO_LARGE = "thumbnails have more bytes than a picture may have"
    OBJECT_REPLACED = "the file was replaced by another of the same size, and so are the bytes behind links to it"


@dataclass(frozen=True)
class Original:
    """One file of a complete archive, byte for byte; number `file_number` of `file_count`."""

    media_id: str
    file_number: int
    file_count: int
    path: Path

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()


class Harness(Protocol):
    """A running fake account.

    It has more than forty videos, on more than two pages of a listing, with different times of capture. Among them are
    two with the same filename. It also has stills. What its provider's Capabilities say, it has too: one with more than
    two files (`several_files`), one that is not ready (`lists_waiting`), proxies and a video without an original
    (`has_proxies`). Without them, `not_ready` and `proxies` are empty, and so is `without_original`. The provider has
    pictures of the item `pictured`, the best of which needs the token, and none of `without_picture`.
    """

    provider: Provider
    unreachable: Provider  # the same provider at an address without a server
    oauth: Credentials
    session: Credentials
    originals: tuple[Original, ...]
    proxies: tuple[bytes, ...]  # contents that look like videos and are not originals
    stills: frozenset[str]
    not_ready: frozenset[str]
    without_original: str
    pictured: str
    without_picture: str

    @property
    def token(self) -> str:
        """An access token that is accepted now."""
        ...

    def secrets(self) -> set[str]:
        """Every token and client secret so far."""
        ...

    def cause(self, trouble: Trouble, media_id: str | None = None) -> None:
        """Starts the trouble, for one item if it is named."""
        ...

    def move_pictures(self, location: str) -> None:
        """From now on, requests for thumbnails are redirected there."""
        ...

    def calm(self) -> None:
        """Ends every trouble."""
        ...

    def only_reads(self, method: str, url: str) -> bool:
        """Whether such a request changes nothing in the account except its tokens."""
        ...


type Maker = Callable[[Path], AbstractContextManager[Harness]]


def harness_of(provider: str, makers: Mapping[str, Maker], folder: Path) -> AbstractContextManager[Harness]:
    """The harness of a provider, which runs as long as the block. Without one, the test fails."""
    if provider not in makers:
        pytest.fail(f"The provider {provider} has no harness: write one, and add it to HARNESSES.")
    return makers[provider](folder)


# What the tests do with a provider


def pages_of(harness: Harness, filters: Filters | None = None) -> Iterator[MediaPage]:
    """Every page of a listing."""
    cursor = None
    while True:
        page = harness.provider.list_media(harness.token, cursor, filters or Filters())
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


def items_of(harness: Harness, filters: Filters | None = None) -> dict[str, MediaItem]:
    """Every item of a listing by its id."""
    return {item.media_id: item for page in pages_of(harness, filters) for item in page.items}


def sources_of(harness: Harness, media_id: str) -> list[MediaSource]:
    """Fresh sources for the files of an item."""
    return harness.provider.sources(harness.token, items_of(harness)[media_id])


def pictures_of(harness: Harness, media_id: str) -> list[PictureLink]:
    """Fresh links to the pictures of an item."""
    return harness.provider.pictures(harness.token, item_of(harness, media_id))


def item_of(harness: Harness, media_id: str) -> MediaItem:
    """One item, by its id."""
    found = harness.provider.find(harness.token, media_id)
    assert found is not None
    return found


def fetched(harness: Harness, link: PictureLink) -> bytes:
    """The bytes of a picture, as the catalogue gets them; no wait between two requests takes any time."""
    fetcher = replace(PictureFetcher.of(harness.provider, allow_loopback=True), sleep=lambda _: None)
    return fetcher.fetched(link, Deadline.after(20))


def read(
    harness: Harness,
    source: MediaSource,
    fingerprint: Fingerprint | None = None,
    start: int = 0,
    end: int | None = None,
) -> bytes:
    """Bytes `start` to `end` (inclusive; all of them by default) of a source, as the archive reads them."""
    version = fingerprint or probe(harness, source)
    last = version.size - 1 if end is None else end

    async def reading() -> bytes:
        opened = await open_range(this.sources, source, start, last, version, IfMatch(), host_of(harness))
        view = memoryview(bytearray(opened.length))
        try:
            await opened.fill(view)
        finally:
            opened.close()
        return bytes(view)

    this = upload_stream.of_this_process(allow_loopback=True)
    return this.run(reading())


def host_of(harness: Harness) -> MediaHost:
    """What a transfer is told of the provider."""
    return MediaHost(harness.provider.refusal, harness.provider.media_origins)


def probe(harness: Harness, source: MediaSource) -> Fingerprint:
    """The version of a source, from its first byte. Raises RangeIgnoredError, and what `open_range` raises."""

    async def asking() -> Fingerprint:
        opened = await open_range(this.sources, source, 0, 0, None, IfMatch(), host_of(harness))
        opened.close()
        if not opened.honoured:
            raise RangeIgnoredError("The source sends the whole file.")
        return opened.fingerprint

    this = upload_stream.of_this_process(allow_loopback=True)
    return this.run(asking())


@contextmanager
def refused_with(harness: Harness, *errors: type[CloudSyncError]) -> Iterator[pytest.ExceptionInfo[CloudSyncError]]:
    """The block raises exactly one of these errors, and its traceback contains no secret and no link."""
    with pytest.raises(errors) as failure:
        yield failure
    assert type(failure.value) in errors
    assert_no_secret("".join(traceback.format_exception(failure.value)), harness.secrets())
    assert "://" not in str(failure.value)
