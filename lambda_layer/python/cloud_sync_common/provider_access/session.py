"""An authorised session with a provider: every call carries the stored token, and is tried again when that can help."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from cloud_sync_common.exceptions import (
    CloudSyncError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalUnavailableError,
    PictureUnavailableError,
    ProviderContractError,
    SourceError,
)
from cloud_sync_common.filters import Selection
from cloud_sync_common.provider_interface import (
    Credentials,
    Filters,
    MediaItem,
    MediaPage,
    MediaSource,
    PictureLink,
    Provider,
    UsesCredentials,
)
from cloud_sync_common.retry_utils import Deadline, at_first, is_doubtful_refusal, retrying
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease

LISTING_ATTEMPTS, SOURCES_ATTEMPTS, TRIAL_ATTEMPTS, PICTURES_ATTEMPTS = 5, 4, 3, 2
NEIGHBOURS = 3  # other videos that are asked for before a refusal is held against the API or the token
_DOUBTFUL = (CredentialsExpiredError, ProviderContractError)
_REFUSED = "The provider refuses to give the links of this video, although it accepts the token"

type ListMedia = Callable[[str, str | None, Filters], MediaPage]
"""Provider.list_media, or what is called in its place: from token, cursor and filters to a page."""


@dataclass(frozen=True)
class AuthorisedSession:
    """One provider, called with the owner's credentials within one invocation.

    The credentials are read once, by whichever thread is first. A token that the provider refuses is noted in the
    ledger, so that it is renewed once for everybody, and ends the invocation with CredentialsExpiredError.
    """

    provider: Provider
    store: CredentialStore
    lease: CredentialsLease
    deadline: Deadline
    sleep: Callable[[float], None] = time.sleep
    _refused: set[str] = field(default_factory=set)  # versions that the provider has refused as such
    _reading: threading.RLock = field(default_factory=threading.RLock)  # what is read once, for everybody
    _listing: threading.Lock = field(default_factory=threading.Lock)  # the same; a listing takes its time

    @property
    def _credentials(self) -> Credentials:
        with self._reading:
            return self._stored

    @cached_property
    def _stored(self) -> Credentials:
        stored = self.store.load()
        if isinstance(self.provider, UsesCredentials):
            self.provider.use(stored)
        return stored

    @cached_property
    def _refused_before(self) -> str:
        return self.lease.refused_version()

    def require_usable_token(self) -> None:
        """Raises CredentialsExpiredError when there is no access token, or when the provider is known to refuse it.
        That is looked up once: of a later refusal, the provider's answer to the next call tells."""
        credentials = self._credentials
        with self._reading:
            is_refused = credentials.version == self._refused_before
        if credentials.access_token is None or is_refused:
            name = self.provider.name.replace("_", "-")
            raise CredentialsExpiredError(
                "There is no stored access token that the provider has not refused. Unless it is renewed: `cloudsync "
                f"connect {name}`."
            )

    def selection(self, filters: Filters, now: datetime) -> Selection:
        """What these filters select at this provider."""
        can = self.provider.capabilities
        return Selection(filters, now, can.photo_kinds, can.folders_ignore_case)

    def list_media(self, cursor: str | None, filters: Filters, ask: ListMedia | None = None) -> MediaPage:
        """One page of the library; `ask` is called in place of Provider.list_media. Raises what that raises."""
        ask = ask or self.provider.list_media
        with self.lease.noting_refusal(self._credentials.version):
            return self._call(lambda token: ask(token, cursor, filters), LISTING_ATTEMPTS)

    def sources(self, item: MediaItem) -> list[MediaSource]:
        """The files of one item, with fresh links.

        Raises what Provider.sources raises. What the provider refuses for this item alone says nothing of the token or
        of the API: it is an OriginalUnavailableError.
        """
        with self.lease.noting_refusal(self._credentials.version):
            try:
                return self._sources(item)
            except _DOUBTFUL as error:
                if self._refused or not self.is_alone(item, self._is_answered):
                    raise
                reason = str(error).partition(":")[0] if isinstance(error, ProviderContractError) else _REFUSED
                raise OriginalUnavailableError(f"{reason}. It gives those of other videos.") from None

    def pictures(self, item: MediaItem) -> list[PictureLink]:
        """The provider's pictures of one item, the best first, with fresh links. Raises what Provider.pictures raises.
        The token counts as refused only where the provider refuses it as such: pictures may be kept from it, and the
        bytes of originals not."""
        with self.lease.noting_refusal(self._credentials.version):
            try:
                return self._call(lambda token: self.provider.pictures(token, item), PICTURES_ATTEMPTS)
            except CredentialsExpiredError:
                if self._refused:
                    raise
                raise PictureUnavailableError(
                    "The provider refuses to show pictures of this item, although it accepts the token."
                ) from None

    def same_source(self, item: MediaItem, ended: MediaSource) -> MediaSource:
        """The same file with a new link; it keeps its number, whatever else is offered by now. A link that is not new
        shows by another call whether its token is still accepted. Raises what `sources` raises."""
        same = [source for source in self.sources(item) if source.is_same_file(ended)]
        if len(same) != 1:
            raise OriginalUnavailableError(
                f"The provider was asked for a new link to file {ended.file_number} of this video, and does not offer "
                "that file any more. A later run looks again."
            )
        if (same[0].url, same[0].headers) == (ended.url, ended.headers):
            self._check_token()
        size = ended.size if same[0].size is None else same[0].size
        return replace(same[0], file_number=ended.file_number, file_count=ended.file_count, size=size)

    def find(self, media_id: str) -> MediaItem | None:
        """One item, asked for by itself; None when the provider says twice that it is gone. Raises what Provider.find
        raises."""

        def asked(token: str) -> MediaItem:
            if found := self.provider.find(token, media_id):
                return found
            raise MediaNotFoundError("The provider does not have this item any more.")

        with self.lease.noting_refusal(self._credentials.version):
            try:
                return self._call(asked, SOURCES_ATTEMPTS)
            except MediaNotFoundError:
                return None

    def _check_token(self) -> None:
        """Raises CredentialsExpiredError when the provider does not accept the token any more."""
        credentials = self._credentials
        with self.lease.noting_refusal(credentials.version):
            self._validate(credentials)

    def _sources(self, item: MediaItem) -> list[MediaSource]:
        return self._call(lambda token: self.provider.sources(token, item), SOURCES_ATTEMPTS)

    def is_alone(self, item: MediaItem, is_answered: Callable[[MediaItem], bool | None]) -> bool:
        """Whether a trouble concerns this video alone: there is an answer for another one, or none that could be asked
        for. `is_answered` says so of another video: True, False for the same trouble, None when it shows nothing."""
        troubled = False
        for answered in map(is_answered, self.neighbours(item)):
            if answered:
                return True
            troubled |= answered is False
        return not troubled

    def neighbours(self, item: MediaItem) -> list[MediaItem]:
        """A few other videos, to compare with. Raises what Provider.list_media raises."""
        with self._listing:
            newest = self._newest
        others = [other for other in newest if other.media_id != item.media_id]
        # From the whole page: what was uploaded on one day may share the trouble.
        return others[:: max(1, len(others) // NEIGHBOURS)][:NEIGHBOURS]

    @cached_property
    def _newest(self) -> tuple[MediaItem, ...]:
        return self._call(lambda token: self.provider.list_media(token, None, Filters()), LISTING_ATTEMPTS).items

    def _is_answered(self, item: MediaItem) -> bool:
        try:
            self._sources(item)
        except _DOUBTFUL:
            return False
        except SourceError:
            return True  # it says that the video is gone, or has no original: an answer like any other
        return True

    def _call[T](self, call: Callable[[str], T], attempts: int) -> T:
        """`call` with the token. A refusal, and an answer that makes no sense, may come from a gateway on the way and
        be over in a moment: it is believed only when it stays so, or when the provider refuses the token as such. That
        a video is missing is believed when it is said twice."""
        credentials = self._credentials

        def once() -> T:
            try:
                return call(credentials.access_token or "")
            except CredentialsExpiredError:
                self._try_token(credentials)
                raise

        return self._retrying(once, attempts, once=at_first(lambda error: isinstance(error, MediaNotFoundError)))

    def _try_token(self, credentials: Credentials) -> None:
        try:
            self._validate(credentials)
        except CredentialsExpiredError:
            self._refused.add(credentials.version)

    def _validate(self, credentials: Credentials) -> None:
        once = at_first(is_doubtful_refusal)
        self._retrying(lambda: self.provider.validate(credentials), TRIAL_ATTEMPTS, (ProviderContractError,), once)

    def _retrying[T](
        self,
        call: Callable[[], T],
        attempts: int,
        doubtful: tuple[type[CloudSyncError], ...] = _DOUBTFUL,
        once: Callable[[BaseException], bool] = lambda _: False,
    ) -> T:
        def is_doubtful(error: BaseException) -> bool:
            return (isinstance(error, doubtful) and not self._refused) or once(error)

        return retrying(call, self.deadline, attempts=attempts, sleep=self.sleep, also=is_doubtful)
