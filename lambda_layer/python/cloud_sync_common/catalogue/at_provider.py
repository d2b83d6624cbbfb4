"""What the provider is asked of one item: how it describes it, its pictures, and ranges of its files.

Tokens and links stay in here: nothing of them is kept, logged or handed on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from cloud_sync_common.exceptions import (
    CloudSyncError,
    CredentialsExpiredError,
    OriginalUnavailableError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from cloud_sync_common.movie.byte_source import ByteSource
from cloud_sync_common.provider_access.pictures import PictureFetcher
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import MediaItem, MediaSource, PictureLink
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.ledger_rows import SourceRow
from cloud_sync_common.transfer.linked_bytes import LinkedBytes
from cloud_sync_common.transfer.media_host import MediaHost
from cloud_sync_common.transfer.offered_files import as_numbered_before
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.upload_stream import StreamUploader

MOST_BYTES = 5 * 10**9  # that a provider sends for the catalogue in one night


@dataclass
class AtProvider:
    """One provider, within one invocation. `requests` counts what it was asked, `received` the bytes that it sent of
    files and pictures tonight. Once it refuses the token or asks to slow down, or has sent as much as it may, it is not
    asked any more (`refusal`): the same error is raised without a request."""

    session: AuthorisedSession
    fetcher: PictureFetcher
    connections: StreamUploader
    deadline: Deadline
    requests: int = 0
    received: int = 0
    refusal: CloudSyncError | None = field(default=None, repr=False)

    def described(self, media_id: str) -> MediaItem | None:
        """None where the provider does not have it any more."""
        with self.asking():
            return self.session.find(media_id)

    def picture_links(self, item: MediaItem) -> list[PictureLink]:
        with self.asking():
            return self.session.pictures(item)

    def picture(self, link: PictureLink) -> bytes:
        """A JPEG, PNG or WebP."""
        with self.asking():
            content = self.fetcher.fetched(link, self.deadline)
            self.received += len(content)
            return content

    def file(self, item: MediaItem, number: int, known: Mapping[int, SourceRow]) -> ByteSource:
        """The file that has this number in the ledger, whose rows are `known`. Raises OriginalUnavailableError where it
        is not offered."""
        with self.asking():
            offered = as_numbered_before(self.session.sources(item), known)
        source = next((each for each in offered if each.file_number == number), None)
        if source is None:
            raise OriginalUnavailableError("The provider does not offer this file any more.")
        link = SourceLink(source, lambda ended: self._renewed(item, ended), self.deadline, self._limiter)
        provider = self.session.provider
        host = MediaHost(provider.refusal, provider.media_origins)
        return _Counted(self, LinkedBytes(self.connections, link, host, known[number].size))

    @property
    def name(self) -> str:
        return self.session.provider.name

    @property
    def _limiter(self) -> RequestLimiter:
        return RequestLimiter(1, self.deadline)

    def _renewed(self, item: MediaItem, ended: MediaSource) -> MediaSource:
        self.requests += 1
        return self.session.same_source(item, ended)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """A block with one request. Raises `refusal`, without one."""
        if self.received >= MOST_BYTES:
            self.refusal = ProviderUnavailableError("The catalogue has read as much as it may in one night.")
        if self.refusal:
            raise self.refusal
        self.requests += 1
        try:
            yield
        except (CredentialsExpiredError, ProviderThrottledError) as error:
            self.refusal = error
            raise


@dataclass
class _Counted:
    """A file at the provider, each read of which is a request."""

    provider: AtProvider
    content: LinkedBytes

    @property
    def size(self) -> int:
        return self.content.size

    def read(self, first: int, length: int) -> bytes:
        with self.provider.asking():
            content = self.content.read(first, length)
            self.provider.received += len(content)
            return content
