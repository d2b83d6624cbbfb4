"""The room behind media-authenticator: credentials that work, stored before they are used.

A renewal happens once however many children meet a refused token at once: it is leased in the ledger, and whoever
comes second finds the new version. Tokens never leave this invocation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from cloud_sync_common.exceptions import CredentialsExpiredError, ProviderUnavailableError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.metrics_utils import emit
from cloud_sync_common.provider_interface import Credentials, Filters, Provider
from cloud_sync_common.retry_utils import Deadline, retrying
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease

RENEW_BEFORE_SECONDS = 1_800  # ahead of expiry: two slices fit
DAY_SECONDS = 86_400
LEASE_GRACE_SECONDS = 30  # a killed invocation's lease outlives it by this much
POLL_SECONDS = 0.5
MAX_RENEWALS = 3  # of one video in one run


class AuthRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The event of media-authenticator: the run's input as it was given, and how often this video has been here."""

    run_id: str
    input: Any = None
    renewals: int = 0


class AuthResult(msgspec.Struct, frozen=True, kw_only=True):
    """The state that a run goes on with: no secret is in it. `kind` is oauth or session, `expires_at` Unix time,
    `renewals` how often this video has asked, `mode` what the run is for: sync or reconcile."""

    run_id: str
    provider: str
    filters: Filters
    kind: str
    mode: str
    expires_at: float | None = None
    renewals: int = 0


@dataclass(frozen=True)
class Authenticator:
    """Keeps one provider's credentials working."""

    provider: Provider
    store: CredentialStore
    lease: CredentialsLease
    deadline: Deadline
    sleep: Callable[[float], None] = time.sleep

    def ensure(self, renewals: int = 0) -> Credentials:
        """Credentials that the provider accepts. `renewals` is how often the caller has been here before.

        Raises CredentialsExpiredError, ConfigurationError, ProviderUnavailableError, ProviderThrottledError,
        ProviderContractError, ArchiveUnavailableError.
        """
        if renewals >= MAX_RENEWALS:
            raise CredentialsExpiredError(
                "The provider keeps refusing tokens that it has just issued or accepted. Store new credentials."
            )
        self.store.recover()
        credentials = self.store.load()
        if renewals == 0:
            measure(credentials)
        if not credentials.renewable:
            return self.ask(credentials)
        if self._is_accepted(credentials) and not _ends_soon(credentials):
            return credentials
        return self._renew(credentials)

    def _is_accepted(self, credentials: Credentials) -> bool:
        """As far as is known: there is a token, and it has not been refused."""
        return credentials.access_token is not None and credentials.version != self.lease.refused_version()

    def _renew(self, stale: Credentials) -> Credentials:
        """One renewal for everybody who needs one now."""
        with self.leased():
            self.store.recover()
            credentials = self.store.load()
            if credentials.version != stale.version and self._is_accepted(credentials):
                return credentials
            renewed = self.store.replace(credentials, self.ask(credentials))
            logger.info("credentials renewed", extra={"rotated": renewed.refresh_token != credentials.refresh_token})
            return renewed

    @contextmanager
    def leased(self) -> Iterator[None]:
        """Nobody else renews as long as the block runs. Raises ProviderUnavailableError when that takes too long."""
        while not self.lease.acquire(self.deadline.remaining() + LEASE_GRACE_SECONDS):
            if not self.deadline.allows(POLL_SECONDS):
                raise ProviderUnavailableError("Another invocation has been renewing the credentials for too long.")
            self.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            self.lease.release()

    def ask(self, credentials: Credentials) -> Credentials:
        """Renewed credentials, or, where they cannot be renewed, the same ones after the provider has accepted them."""
        call = self.provider.refresh if credentials.renewable else self.provider.validate
        return retrying(lambda: call(credentials), self.deadline)


def measure(credentials: Credentials) -> None:
    """How old the credentials are and, where nobody but the owner can renew them and their end is known, how many days
    are left."""
    now, days = time.time(), {}
    if credentials.stored_at is not None:
        days["CredentialsAgeDays"] = (now - credentials.stored_at) / DAY_SECONDS
    if not credentials.renewable and credentials.expires_at is not None:
        days["CredentialsDaysLeft"] = (credentials.expires_at - now) / DAY_SECONDS
    if days:
        emit(credentials.provider, {name: round(value, 3) for name, value in days.items()})


def _ends_soon(credentials: Credentials) -> bool:
    return credentials.expires_at is not None and credentials.expires_at < time.time() + RENEW_BEFORE_SECONDS
