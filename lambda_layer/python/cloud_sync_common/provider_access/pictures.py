"""The bytes of a picture that a provider has of an item.

A picture is a small file that nothing depends on. So one request is made, and one more where the trouble may pass;
whatever goes wrong is an error for the caller to leave aside, and says nothing of the item. No redirect is followed:
the token goes to the provider's own servers and nowhere else.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import NoReturn

from cloud_sync_common.exceptions import PictureUnavailableError, ProviderUnavailableError, SourceLinkExpiredError
from cloud_sync_common.http import address_guard
from cloud_sync_common.http.client import USER_AGENT, Traffic, refuse_when_busy
from cloud_sync_common.http.connection import Connection, Connections, Head, HttpError, Origin, target_of
from cloud_sync_common.provider_interface import PictureLink, Provider
from cloud_sync_common.retry_utils import Deadline, retrying

LARGEST = 4 * 1024 * 1024  # bytes of a picture; a thumbnail has some 30 KiB
SECONDS = 15.0  # for one request and its whole answer
ATTEMPTS, ALL_SECONDS = 2, 40.0  # with the wait between them: a provider that asks for a longer one is left alone
DOING = "the request for a picture"
_SECRET = frozenset({"authorization", "cookie"})


def is_picture(content: bytes) -> bool:
    """Whether bytes begin as those of a JPEG, a PNG or a WebP do. What a server calls them does not count."""
    is_webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return is_webp or content.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))


@cache
def _authorities() -> ssl.SSLContext:
    """Those of the system, or in SSL_CERT_FILE; reading them takes longer than a request."""
    return ssl.create_default_context()


@dataclass(frozen=True)
class PictureFetcher:
    """Fetches pictures for callers without an event loop.

    `origins` are the provider's servers, each "https://host" or "https://host:port": an Authorization is sent to no
    other. `allow_loopback`: links may lead to this machine, in the local deployment.
    """

    origins: tuple[str, ...] = ()
    allow_loopback: bool = False
    tls: Callable[[], ssl.SSLContext] = field(repr=False, default=_authorities)
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of(cls, provider: Provider, *, allow_loopback: bool = False) -> PictureFetcher:
        """The one for this provider's links."""
        return cls((*provider.media_origins, *provider.picture_origins), allow_loopback)

    def fetched(self, link: PictureLink, deadline: Deadline) -> bytes:
        """The bytes of a picture: a JPEG, a PNG or a WebP of at most 4 MiB; of a sprite, the whole sheet.

        Raises PictureUnavailableError where there is none behind the link, or none that can be used;
        SourceLinkExpiredError when link or token are not accepted; OriginalUnavailableError for an address that must
        not be connected to; ProviderThrottledError and ProviderUnavailableError.
        """
        self._check(link)
        left = Deadline.after(min(ALL_SECONDS, deadline.remaining() - deadline.margin))
        return retrying(lambda: asyncio.run(self._asked(link, left)), left, attempts=ATTEMPTS, sleep=self.sleep)

    def _check(self, link: PictureLink) -> None:
        """Raises for a link that must not be followed with these headers."""
        address_guard.check_url(link.url, allow_loopback=self.allow_loopback)
        try:
            origin = Origin.of(link.url)
        except HttpError:
            raise PictureUnavailableError("The provider gave a link to a picture that is not a valid URL.") from None
        if not _SECRET.isdisjoint(map(str.lower, link.headers)) and origin not in map(Origin.of, self.origins):
            raise PictureUnavailableError(
                "The provider gave a link to a picture on another server than its own, to which its token is not sent."
            )

    async def _asked(self, link: PictureLink, left: Deadline) -> bytes:
        connections = Connections(
            tls=self.tls, addresses=partial(address_guard.addresses, allow_loopback=self.allow_loopback)
        )
        try:
            async with asyncio.timeout(max(0.0, min(SECONDS, left.remaining()))):
                connection = await connections.take(Origin.of(link.url))
                try:
                    return await _exchanged(connection, link)
                finally:
                    connection.close()
        except (OSError, HttpError) as error:  # TimeoutError is an OSError; messages of both may name an address
            raise ProviderUnavailableError(f"There was no answer to {DOING} ({type(error).__name__}).") from None


def fetched(link: PictureLink, deadline: Deadline, origins: Sequence[str], *, allow_loopback: bool = False) -> bytes:
    """As PictureFetcher.fetched, for a single link."""
    return PictureFetcher(tuple(origins), allow_loopback).fetched(link, deadline)


async def _exchanged(connection: Connection, link: PictureLink) -> bytes:
    """One request and its answer. Raises also OSError and HttpError."""
    headers = {"User-Agent": USER_AGENT, "Accept": "image/*", "Accept-Encoding": "identity", **link.headers}
    if link.method == "POST":
        headers["Content-Length"] = "0"
    await connection.request(link.method, target_of(link.url), headers)
    head = await connection.head()
    if head.status != 200:
        _refuse(head)
    if int(head.headers.get("content-length", 0)) > LARGEST:  # h11 has looked at its shape
        _refuse_size()
    view = memoryview(bytearray(LARGEST + 1))
    count = await connection.body_into(view)
    Traffic.count(count)
    if count > LARGEST:
        _refuse_size()
    content = bytes(view[:count])
    if not is_picture(content):
        raise PictureUnavailableError("What the provider sent for a picture is neither a JPEG nor a PNG nor a WebP.")
    return content


def _refuse(head: Head) -> NoReturn:
    """Raises for every status but 200."""
    refuse_when_busy(head.status, head.headers, DOING)
    if head.status in (401, 403, 410):  # a link that has ended, or a token; Provider.pictures shows which
        raise SourceLinkExpiredError(
            f"The provider does not accept the link to a picture, or the token for it ({head.status})."
        )
    if 300 <= head.status < 400:
        raise PictureUnavailableError("The provider's link to a picture leads to another address, which is not asked.")
    raise PictureUnavailableError(f"The provider has no picture behind the link that it gave ({head.status}).")


def _refuse_size() -> NoReturn:
    raise PictureUnavailableError(f"What the provider sent for a picture is larger than {LARGEST >> 20} MiB.")
