"""Renewing credentials: one invocation at a time, leased in the ledger, and measured for the alarms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cloud_sync_common.exceptions import ProviderContractError, ProviderUnavailableError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.provider_interface import Credentials, Provider
from cloud_sync_common.retry_utils import Deadline, at_first, is_doubtful_refusal, retrying
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease

DAY_SECONDS = 86_400
LEASE_GRACE_SECONDS = 30  # a killed invocation's lease outlives it by this much
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class CredentialsRenewal:
    """One provider's credentials, and the means to renew them."""

    provider: Provider
    store: CredentialStore
    lease: CredentialsLease
    deadline: Deadline
    metrics: EnvironmentMetrics
    sleep: Callable[[float], None] = time.sleep

    def current(self) -> Credentials:
        """The stored credentials, after an interrupted renewal has been finished. Raises as CredentialStore.load."""
        self.store.recover()
        return self.store.load()

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

    def refreshed(self, credentials: Credentials) -> Credentials:
        """New credentials from the provider; the same ones, validated, where they cannot be renewed.

        Raises what Provider.refresh and Provider.validate raise.
        """
        return self._retrying(self.provider.refresh if credentials.renewable else self.provider.validate, credentials)

    def validated(self, credentials: Credentials) -> Credentials:
        """The same credentials, after the provider has accepted their access token. Raises as Provider.validate."""
        return self._retrying(self.provider.validate, credentials)

    def measure(self, credentials: Credentials) -> None:
        """Logs and emits how old the credentials are and, where only the owner can renew them and their end is known,
        how many days are left. That end is noted in the ledger, so that whoever asks for it needs no secret."""
        now, days = time.time(), {}
        if credentials.stored_at is not None:
            days["CredentialsAgeDays"] = round((now - credentials.stored_at) / DAY_SECONDS, 3)
        if not credentials.renewable and credentials.expires_at is not None:
            days["CredentialsDaysLeft"] = round((credentials.expires_at - now) / DAY_SECONDS, 3)
        left, age = days.get("CredentialsDaysLeft"), days.get("CredentialsAgeDays")
        logger.info("credentials", extra={"age_days": age, "days_left": left})
        self.metrics.emit(credentials.provider, days)
        ends_at = None if credentials.renewable else credentials.expires_at
        self.lease.note_seen(
            credentials.version or "", ends_at, renewable=credentials.renewable, stored_at=credentials.stored_at
        )

    def _retrying(self, call: Callable[[Credentials], Credentials], credentials: Credentials) -> Credentials:
        """An answer that makes no sense may come from a gateway on the way: it is asked for again, like no answer. So
        is a refusal, once."""
        once = at_first(is_doubtful_refusal)
        return retrying(
            lambda: call(credentials),
            self.deadline,
            sleep=self.sleep,
            also=lambda error: isinstance(error, ProviderContractError) or once(error),
        )
