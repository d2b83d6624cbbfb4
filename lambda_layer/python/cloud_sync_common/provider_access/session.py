"""An authorised session with a provider: every call carries the stored token, and is tried again when that can help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from cloud_sync_common.exceptions import CredentialsExpiredError
from cloud_sync_common.provider_interface import Credentials, Filters, MediaItem, MediaPage, MediaSource, Provider
from cloud_sync_common.retry_utils import Deadline, retrying
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease

LISTING_ATTEMPTS, SOURCES_ATTEMPTS = 5, 4


@dataclass(frozen=True)
class AuthorisedSession:
    """One provider, called with the owner's credentials within one invocation.

    The credentials are read once. A token that the provider refuses is noted in the ledger, so that it is renewed once
    for everybody, and ends the invocation with CredentialsExpiredError.
    """

    provider: Provider
    store: CredentialStore
    lease: CredentialsLease
    deadline: Deadline

    @cached_property
    def _credentials(self) -> Credentials:
        return self.store.load()

    def require_usable_token(self) -> None:
        """Raises CredentialsExpiredError when there is no access token, or when the provider is known to refuse it."""
        credentials = self._credentials
        if credentials.access_token is None or credentials.version == self.lease.refused_version():
            raise CredentialsExpiredError("There is no stored access token that the provider has not refused.")

    def list_media(self, cursor: str | None, filters: Filters) -> MediaPage:
        """One page of the library. Raises what Provider.list_media raises."""
        return self._call(lambda token: self.provider.list_media(token, cursor, filters), LISTING_ATTEMPTS)

    def sources(self, item: MediaItem) -> list[MediaSource]:
        """The files of one item, with fresh links. Raises what Provider.sources raises."""
        return self._call(lambda token: self.provider.sources(token, item), SOURCES_ATTEMPTS)

    def _call[T](self, call: Callable[[str], T], attempts: int) -> T:
        credentials = self._credentials
        token = credentials.access_token or ""
        with self.lease.noting_refusal(credentials.version):
            return retrying(lambda: call(token), self.deadline, attempts=attempts)
