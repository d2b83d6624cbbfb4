"""What a provider of videos is to the rest of the house, and the values that pass between them.

MediaItem and MediaPage are frozen and JSON-ready and may travel through the state machine and the manifest.
MediaSource and Credentials hold tokens and signed links: their repr is masked, they are never serialised, and they
live inside one invocation only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

UNKNOWN = -1  # a size that even the source does not say


class Filters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one run is limited to. Times are ISO 8601 with an offset; the range is half-open.

    `retry_failed` also takes up videos whose attempts are exhausted.
    """

    captured_from: str | None = None
    captured_before: str | None = None
    media_ids: tuple[str, ...] = ()
    retry_failed: bool = False


class MediaItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One video at the provider.

    `captured_at` is the provider's own text (ISO 8601), empty when it gives none. `size` is the provider's claim in
    bytes, None when it makes none, and may be stale by a few kB; the true size is only known from the source itself.
    `revision` changes when the provider says that the content may have changed.
    """

    media_id: str
    filename: str
    captured_at: str = ""
    revision: str = ""
    size: int | None = None
    kind: str = ""
    source_count: int = 1


class MediaPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a listing.

    `items` can be archived now; `waiting` exist but are not ready; `ignored` are not videos. `total` is how many rows
    the provider says the whole listing has, None when it does not say.
    """

    items: tuple[MediaItem, ...]
    next_cursor: str | None = None
    waiting: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    total: int | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id on this page, whatever becomes of it: what the total counts."""
        return (*(item.media_id for item in self.items), *self.waiting, *self.ignored)


@dataclass(frozen=True)
class MediaSource:
    """A recipe for the bytes of one file of a media item, number `file_number` (from 1) of `file_count`. `expires_at`
    is Unix time. `content_hash`: `md5:<hex>`, `sha256:<hex>`, or `sha256-4mib:<hex>`, a hash of hashes of
    blocks."""

    file_number: int
    filename: str
    file_count: int = 1
    url: str = field(repr=False, default="")
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    size: int | None = None
    etag: str | None = None
    content_hash: str | None = None
    expires_at: float | None = None


@dataclass(frozen=True)
class Fingerprint:
    """What identifies one version of a source: its true size in bytes (UNKNOWN where even the source does not say) and
    its ETag (empty when it has none)."""

    size: int
    etag: str


@dataclass(frozen=True)
class Credentials:
    """What the owner stored, and what renewing it has added. `expires_at` is Unix time, None when unknown.

    `version` names the stored version that these were read from, so that a renewal replaces that one and no other;
    `stored_at` is when that was stored (Unix time).
    """

    provider: str
    access_token: str | None = field(repr=False, default=None)
    refresh_token: str | None = field(repr=False, default=None)
    client_id: str | None = field(repr=False, default=None)
    client_secret: str | None = field(repr=False, default=None)
    user_id: str | None = field(repr=False, default=None)
    expires_at: float | None = None
    version: str = ""
    stored_at: float | None = field(default=None, compare=False)

    @property
    def renewable(self) -> bool:
        """Whether a new access token can be had without the owner."""
        return self.refresh_token is not None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value in here that must never be seen."""
        values = (self.access_token, self.refresh_token, self.client_id, self.client_secret)
        return tuple(value for value in values if value)


@dataclass(frozen=True)
class Capabilities:
    """Facts about a provider that the core acts on.

    `counts_exactly`: its `total` can be held against the number of rows listed. `most_connections`: so many requests
    for media at once are welcome.
    """

    counts_exactly: bool = False
    most_connections: int = 16


class Provider(Protocol):
    """Speaks one provider's HTTP API and nothing else; reads no media bytes; trusts nothing it is told."""

    name: str
    capabilities: Capabilities

    def refresh(self, credentials: Credentials) -> Credentials:
        """Credentials that work now: a renewed access token with whatever else came back, or, where nothing can be
        renewed, the same ones after a cheap call has shown that they are accepted.

        Raises CredentialsExpiredError, ProviderUnavailableError, ProviderThrottledError, ProviderContractError.
        """
        ...

    def validate(self, credentials: Credentials) -> Credentials:
        """The same credentials, accepted."""
        ...

    def list_media(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        """One page of the library, from the start when `cursor` is None.

        Raises as `refresh` does.
        """
        ...

    def sources(self, token: str, item: MediaItem) -> list[MediaSource]:
        """The 1..n files of one item, in order; empty when the originals exist but cannot be had just now.

        Raises as `refresh` does, and MediaNotFoundError, OriginalUnavailableError.
        """
        ...
