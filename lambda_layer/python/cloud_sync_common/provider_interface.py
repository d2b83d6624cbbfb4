"""The interface that every provider of videos implements, and the values that pass through it.

MediaItem and MediaPage are frozen and ready for JSON; they travel through the state machine and the manifest.
MediaSource, PictureLink and Credentials contain tokens and signed links. Their repr is masked, they are never
serialised, and they exist within one invocation only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import msgspec

from cloud_sync_common.exceptions import CloudSyncError
from cloud_sync_common.filters import PHOTO
from cloud_sync_common.filters import Filters as Filters  # noqa: PLC0414 (part of this interface)

UNKNOWN = -1  # the size of a source that does not state one


class MediaItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One video at the provider.

    `captured_at` is the provider's own text (ISO 8601), empty when there is none. `size` is in bytes as the provider
    states it, None when it does not. It may be out of date by a few kB; only the source itself has the true size.
    `revision` changes when the provider says that the content may have changed. `unusable` says why this item cannot be
    archived, whatever becomes of the others; empty: nothing is known against it.
    `folder` is the path below the account's root, with `/` between its parts and none at its ends, in Unicode's form
    NFC and otherwise as the provider shows it. `uploaded_at` is ISO 8601. `captured_at_from` names what stands in for a
    capture time that the provider does not have: "exif", "client_modified", "modified_time" or "created_time"; empty:
    the time is the provider's own capture time. `origin` is what the provider has to be told to find the item, such as
    the id of a shared drive or of a namespace.
    """

    media_id: str
    filename: str
    captured_at: str = ""
    revision: str = ""
    size: int | None = None
    kind: str = ""
    source_count: int = 1
    unusable: str = ""
    folder: str = ""
    uploaded_at: str = ""
    captured_at_from: str = ""
    origin: str = ""


class MediaPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a listing.

    `items` can be archived now; `waiting` are ids of videos that are not ready; `ignored` are ids of other media.
    `left_out` counts, by reason ("folder", "not downloadable", or a filters.Reason), what else is left alone.
    `total` is the number of rows in the whole listing as the provider states it, None when it does not.
    `later_cursors` are those of the pages after the next one, in order, where they can be known beforehand: fewer than
    the provider's `most_list_requests`, and none beyond the end.
    """

    items: tuple[MediaItem, ...]
    next_cursor: str | None = None
    waiting: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    total: int | None = None
    later_cursors: tuple[str, ...] = ()
    left_out: dict[str, int] = {}

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id on this page, of every kind; `total` counts them all."""
        return (*(item.media_id for item in self.items), *self.waiting, *self.ignored)


@dataclass(frozen=True)
class MediaSource:
    """How to get the bytes of one file of a media item, number `file_number` (from 1) of `file_count`.

    `content_hashes` are all that the provider publishes of its content, each `md5:<hex>`, `sha256:<hex>`,
    `sha256-4mib:<hex>`, a hash of the hashes of 4 MiB blocks, or `crc32c:<hex>` (a provider that states it in base64
    means its four bytes, the first one first). The first of them also names the version.
    `identity` is the provider's own way to tell this file from the others of its item, the same whenever it is asked;
    empty when the provider's numbers are enough for that. `revision` names the version that the provider lists and
    the link leads to, where there is one: by it, or by the first hash, two answers without an ETag are known to be of
    one version.
    `own_name`: no other file of the item has this filename, so that it needs no number in its key.
    `headers` go with every request for the bytes. They may hold an Authorization, which is sent only to one of the
    provider's `media_origins`.
    """

    file_number: int
    filename: str
    file_count: int = 1
    url: str = field(repr=False, default="")
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    size: int | None = None
    content_hashes: tuple[str, ...] = ()
    identity: str = ""
    revision: str = ""
    own_name: bool = False

    @property
    def listed(self) -> str:
        """What the provider's listing says of the version: the first hash, else the revision; empty: nothing."""
        return next(iter(self.content_hashes), "") or self.revision

    def is_same_file(self, other: MediaSource) -> bool:
        """Whether both are the same file of their item, perhaps in another version or with another link."""
        if self.identity or other.identity:
            return self.identity == other.identity
        return self.file_number == other.file_number


@dataclass(frozen=True)
class PictureLink:
    """How to get one picture of an item that the provider has made: its bytes are JPEG, PNG or WebP.

    `kind` says where it is from: "provider", a thumbnail, or "sprite", a sheet with many frames of a video, of which
    `crop` (left, top, width and height in pixels) is one; None: the whole picture. A request has the method "GET", or
    "POST" with an empty body. `headers` go with it. They may hold an Authorization, which is sent only to one of the
    provider's `media_origins` or `picture_origins`. The link may itself be a secret, and ends within hours.
    """

    kind: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    method: str = "GET"
    crop: tuple[int, int, int, int] | None = None


@dataclass(frozen=True)
class Fingerprint:
    """Everything that identifies one version of a source: its true size in bytes (UNKNOWN when the source does not
    state it), its ETag and Last-Modified, and the hash or revision that the provider lists (each empty when there is
    none)."""

    size: int
    etag: str
    last_modified: str = ""
    listed: str = ""

    @property
    def has_strong_etag(self) -> bool:
        """Whether the ETag says that the bytes are the same; a weak one only says that they are equivalent (RFC 9110,
        8.8.3)."""
        return self.etag.strip('"') != "" and not self.etag.upper().startswith("W/")

    @property
    def shows_itself(self) -> bool:
        """Whether the answers themselves show that they are of one version. What the provider lists is of the moment in
        which it was asked, and the bytes behind a link may be others by the time they are read."""
        return bool(self.has_strong_etag or self.last_modified)

    @property
    def is_certain(self) -> bool:
        """Whether anything can show that two answers are of one version."""
        return bool(self.shows_itself or self.listed)

    def contradicts(self, other: Fingerprint) -> bool:
        """Whether both cannot be the same version. What only one of them states counts where no strong ETag decides."""
        sizes = UNKNOWN not in (self.size, other.size) and self.size != other.size
        times = self.last_modified != other.last_modified
        if self.has_strong_etag and not (self.last_modified and other.last_modified):
            times = False
        listed = bool(self.listed and other.listed) and self.listed != other.listed
        return sizes or self.etag != other.etag or times or listed

    @property
    def undated(self) -> Fingerprint:
        """The same version without its Last-Modified where a strong ETag identifies it, which changes whenever the
        content does (RFC 9110, 8.8.1): several servers of one file may each have another date for it."""
        return replace(self, last_modified="") if self.has_strong_etag else self

    def agrees_with(self, other: Fingerprint) -> bool:
        """Whether both are certainly the same version: nothing contradicts, and something shows it."""
        shown = self.shows_itself or (self.listed and other.listed)
        return not self.contradicts(other) and bool(shown)

    def continues(self, first: Fingerprint) -> bool:
        """Whether an answer of this version may be read as one with an answer of the version `first`: nothing
        contradicts, and what identified that one is not missing here."""
        return self.agrees_with(first) if first.is_certain else not self.contradicts(first)


@dataclass(frozen=True)
class Credentials:
    """What the owner stored, with what renewals have added. `expires_at` is Unix time, None when unknown.

    `refresh_ends_at` is when the refresh token itself ends (Unix time), where the answer to its last renewal said so;
    None when it has not, and it is not stored.

    `version` names the version of the secret that these were read from, so that a renewal replaces that version and no
    other. `stored_at` is the time it was stored (Unix time). `path_root` is the id of the namespace that paths begin in
    (the root namespace of a team), None for the account's own.
    """

    provider: str
    access_token: str | None = field(repr=False, default=None)
    refresh_token: str | None = field(repr=False, default=None)
    client_id: str | None = field(repr=False, default=None)
    client_secret: str | None = field(repr=False, default=None)
    user_id: str | None = field(repr=False, default=None)
    path_root: str | None = None
    expires_at: float | None = None
    version: str = ""
    stored_at: float | None = field(default=None, compare=False)
    refresh_ends_at: float | None = field(default=None, compare=False)

    @property
    def renewable(self) -> bool:
        """Whether the provider gives a new access token without the owner: OAuth credentials, not a session token."""
        return self.refresh_token is not None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must never appear in a log or a message."""
        values = (self.access_token, self.refresh_token, self.client_id, self.client_secret)
        return tuple(value for value in values if value)


@dataclass(frozen=True)
class Capabilities:
    """Facts about a provider that the rest of the code acts on.

    `counts_exactly`: a listing's `total` equals the number of its rows. `most_connections`: how many requests for media
    the provider accepts at once. `most_list_requests`: how many pages of one listing may be asked for at once, which is
    one where the cursor of a page is only in the page before it. `has_client_secret`: a renewal needs the client's
    secret, which it does not where PKCE stands in for it.
    `several_files`: an item can have more than one file. `lists_waiting`: a listing names videos that are not ready
    yet. `has_proxies`: there are smaller versions of a video beside its original, and perhaps without it.
    `photo_kinds`: the kinds of items (MediaItem) that are photos; all others are videos. `folders_ignore_case`: whether
    two folders whose names differ in case alone are the same one. `unfit_filters`: the filters by which no item of this
    provider can be judged, because it has no such thing.
    """

    counts_exactly: bool = False
    most_connections: int = 16
    most_list_requests: int = 1
    has_client_secret: bool = True
    several_files: bool = False
    lists_waiting: bool = False
    has_proxies: bool = False
    photo_kinds: frozenset[str] = frozenset({PHOTO})
    folders_ignore_case: bool = False
    unfit_filters: frozenset[str] = frozenset()


REFUSAL_LIMIT = 16 * 1024  # bytes of a refusal's body that are read


class Provider(Protocol):
    """Speaks one provider's HTTP API and nothing else. It reads no media bytes, and checks every answer.

    All methods but `refusal` raise CredentialsExpiredError when the provider refuses the token,
    ProviderUnavailableError, ProviderThrottledError, ProviderContractError when the API has changed, and
    ConfigurationError when no request can be sent.

    `media_origins`: where a source's Authorization may go, each "https://host" or "https://host:port"; none where links
    are signed. `picture_origins`: the same for a picture's, beside those.
    """

    name: str
    capabilities: Capabilities
    media_origins: tuple[str, ...]
    picture_origins: tuple[str, ...]

    def validate(self, credentials: Credentials) -> Credentials:
        """Shows by one cheap call that the provider accepts the access token, for credentials of both kinds. Nothing
        is renewed: the same credentials come back, with `user_id` added where it was unknown."""
        ...

    def refresh(self, credentials: Credentials) -> Credentials:
        """Renewed credentials: a new access token, its `expires_at` where the provider states it, and the new refresh
        token where the provider replaces it; the rest as it was. The old refresh token may be invalid from then on, so
        the caller stores the answer before it uses it.

        Only for credentials that are `renewable`; raises ConfigurationError for others, without any request.
        """
        ...

    def list_media(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        """One page of the library, from the start when `cursor` is None.

        Photos are listed only if the filters' kinds include them. The rest of the filters is looked at by whoever lists
        (filters.Selection); a provider may use their dates in its own query, and counts in `left_out` what that query
        does not show, as far as it knows.

        A cursor is the provider's own text of at most 2 KiB. Where the provider has a feed of changes, its cursors also
        say which part of the listing comes next: the position of the feed is noted first, then everything is listed,
        then the feed is read from that position until it is empty. So an id may come twice; the later row is the true
        one.
        """
        ...

    def find(self, token: str, media_id: str) -> MediaItem | None:
        """One item, asked for by itself. None when the provider says that it is gone, in the trash, or not this
        account's any more; absence is believed only then, never because a listing lacks it."""
        ...

    def sources(self, token: str, item: MediaItem) -> list[MediaSource]:
        """The files of one item, at least one, in order; empty when the originals exist but are not available now.

        Raises MediaNotFoundError, OriginalUnavailableError, OriginalNotReadyError, OriginalRefusedError, and what all
        methods raise.
        """
        ...

    def pictures(self, token: str, item: MediaItem) -> list[PictureLink]:
        """The pictures that the provider has of one item, the best first; empty where it has none. A link may turn out
        to lead to nothing, and then the next one is worth asking for.

        Raises MediaNotFoundError, OriginalNotReadyError, OriginalRefusedError, and what all methods raise. None of it
        says anything of the item's originals.
        """
        ...

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes, /) -> CloudSyncError | None:
        """What the media host means by an answer with a status of 400 or more, but for 416, which is about the range.
        `headers` have names in lower case; `body` has at most REFUSAL_LIMIT bytes, its first ones. Makes no request.

        None: nothing that this provider knows, and the status alone decides. OriginalNotReadyError and
        OriginalRefusedError leave the item for later runs, and count no attempt; SourceLinkExpiredError has the source
        asked for again; errors that concern the whole provider are ProviderThrottledError and ProviderUnavailableError.
        """
        ...


@runtime_checkable
class UsesCredentials(Protocol):
    """A provider whose every request has to say something of the credentials beside the token, such as the namespace in
    which paths begin (Credentials.path_root)."""

    def use(self, credentials: Credentials) -> None:
        """Takes that from the credentials, once they have been read, and before any other method is called. Raises
        ConfigurationError for what cannot be sent."""
        ...
