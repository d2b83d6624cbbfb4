"""The servers that a provider's media are on: what their refusals mean, and which of them may see the provider's token.

The transfer knows no provider. This is all that it is told of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from cloud_sync_common.exceptions import CloudSyncError, OriginalUnavailableError
from cloud_sync_common.http.connection import Connection, Head, HttpError, Origin
from cloud_sync_common.provider_interface import REFUSAL_LIMIT, MediaSource

type Refusal = Callable[[int, Mapping[str, str], bytes], CloudSyncError | None]
"""Provider.refusal: from status, headers and the beginning of the body to what is meant, None where it is unknown."""

_SECRET = frozenset({"authorization", "cookie"})
_UNRANGED = 416  # says nothing but that the range does not fit


def _unknown(_status: int, _headers: Mapping[str, str], _body: bytes) -> CloudSyncError | None:
    """Nothing is known of the provider's refusals."""
    return None


@dataclass(frozen=True)
class MediaHost:
    """`refusal` and `origins` are Provider.refusal and Provider.media_origins. Without them, the status of a refusal
    says everything, and no token is sent anywhere."""

    refusal: Refusal = _unknown
    origins: tuple[str, ...] = ()

    def check_headers(self, source: MediaSource) -> None:
        """Raises OriginalUnavailableError when a request for this source would carry a token to a server that is not
        the provider's own, HttpError when its link is no URL."""
        if _SECRET.isdisjoint(map(str.lower, source.headers)):
            return
        if Origin.of(source.url) not in map(Origin.of, self.origins):
            raise OriginalUnavailableError(
                "The provider gave a link to another server than its own, to which its token is not sent. Report this "
                "with the id of the video."
            )

    async def check_refusal(self, head: Head, connection: Connection) -> None:
        """Raises what the provider means by an answer with a status of 400 or more; returns where that is unknown. A
        body that breaks off counts as an empty one."""
        if head.status < 400 or head.status == _UNRANGED:
            return
        body = b""
        with suppress(OSError, HttpError):
            view = memoryview(bytearray(REFUSAL_LIMIT))
            body = bytes(view[: await connection.body_into(view)])
        if error := self.refusal(head.status, head.headers, body):
            raise error


ANY_HOST = MediaHost()
