"""The step Authenticate (media-authenticator): checks a run's input and makes sure that its credentials work.

New credentials are stored before they are used. A renewal happens once, however many children meet a refused token at
once: it is leased in the ledger, and whoever comes second finds the new version. Tokens never leave this invocation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from cloud_sync_common.exceptions import ConfigurationError, CredentialsExpiredError, ProviderUnavailableError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_access.renewal import CredentialsRenewal
from cloud_sync_common.provider_interface import Credentials, Filters
from cloud_sync_common.runtime.run_input import (
    ALL_PROVIDERS,
    Mode,
    check_fit,
    even_if_paused,
    filters_of,
    mode_of,
    reported_by,
    unfit_of,
)
from cloud_sync_common.stores.provider_settings import Mails, StoredSettings

RENEW_BEFORE_SECONDS = 1_800  # ahead of expiry: two slices fit
MAX_RENEWALS = 3  # for one video, listing or reconciliation that comes no further in between
MOST_RENEWALS_A_DAY = 100  # for all videos: a token lives for an hour or longer
EXECUTION_NAME_LIMIT = 80  # characters (Step Functions API reference, StartExecution)


class AuthRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The event of media-authenticator: the run's input as it was given, and how often this video has been here; None:
    the run begins."""

    run_id: str
    input: Any = None
    renewals: int | None = None


class CredentialsKind(StrEnum):
    """OAuth credentials renew themselves; a session token ends and has to be replaced by the owner."""

    OAUTH = "oauth"
    SESSION = "session"


class RunToStart(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's run: the name of its execution, and the input. Step Functions starts a name once only, so that a
    start that is repeated begins no second run."""

    provider: str
    name: str
    input: dict[str, Any]


class AuthResult(msgspec.Struct, frozen=True, kw_only=True):
    """The state that a run continues with; it holds no secret. `expires_at` is Unix time, `renewals` how often this
    video has asked. `reported_by` is the run that sends the mail of this one's success, empty: this run itself. A run
    of all providers has no `kind`, but `runs`, one of each provider. `mails` are those that the owner wants. Of a
    provider that is `paused`, nothing was asked."""

    run_id: str
    provider: str
    filters: Filters
    mode: Mode
    kind: CredentialsKind | None = None
    reported_by: str = ""
    mails: Mails = Mails.EVERY_NIGHT
    paused: bool = False
    runs: tuple[RunToStart, ...] = ()
    expires_at: float | None = None
    renewals: int = 0


@dataclass(frozen=True)
class Authenticator:
    """Keeps one provider's credentials working. `lasting_filters` are those of the environment for this provider, which
    a run has where neither its input nor the settings say anything else."""

    renewal: CredentialsRenewal
    lasting_filters: Mapping[str, Any] = field(default_factory=dict)
    read_settings: Callable[[], StoredSettings] = StoredSettings

    def authenticate(self, request: AuthRequest) -> AuthResult:
        """Checks the input, and answers when the provider accepts the credentials, or is paused. Raises as `ensure`
        does, and ConfigurationError for settings that cannot be read."""
        result = self._begun(request) if request.renewals is None else self._without_settings(request)
        if result.paused:
            return result
        credentials = self.ensure(request.renewals or 0)
        return msgspec.structs.replace(
            result,
            kind=CredentialsKind.OAUTH if credentials.renewable else CredentialsKind.SESSION,
            expires_at=credentials.expires_at,
            renewals=(request.renewals or 0) + 1,
        )

    def _begun(self, request: AuthRequest) -> AuthResult:
        """What a run begins with, by its input and the settings of this moment: a run that is under way goes on as it
        began."""
        stored, by_hand = self.read_settings(), even_if_paused(request.input)
        result = self._without_settings(request, stored.settings.filters)
        paused = stored.settings.paused and not by_hand
        logger.info("settings", extra={"settings_version": stored.version, "paused": paused})
        return msgspec.structs.replace(result, mails=stored.settings.mails, paused=paused)

    def _without_settings(self, request: AuthRequest, chosen: Mapping[str, Any] | None = None) -> AuthResult:
        provider = self.renewal.provider
        filters = filters_of(request.input, self.lasting_filters, provider.name, chosen)
        mode = mode_of(request.input)
        check_fit(filters, provider.name, provider.capabilities.unfit_filters)
        return AuthResult(
            run_id=request.run_id,
            provider=provider.name,
            filters=filters,
            mode=mode,
            reported_by=reported_by(request.input),
        )

    def ensure(self, renewals: int = 0) -> Credentials:
        """Credentials that the provider accepts. `renewals` is how often the caller has been here before.

        Raises CredentialsExpiredError, ConfigurationError, ProviderUnavailableError, ProviderThrottledError,
        ProviderContractError, ArchiveUnavailableError.
        """
        if renewals >= MAX_RENEWALS:
            raise CredentialsExpiredError(
                "The provider keeps refusing tokens that it has just issued or accepted. Store new credentials."
            )
        credentials = self.renewal.current()
        if renewals == 0:
            self.renewal.measure(credentials)
        if not credentials.renewable:
            accepted = self.renewal.validated(credentials)
            self.renewal.lease.note_accepted(credentials.version)
            return accepted
        if self._is_accepted(credentials) and not _ends_soon(credentials):
            return credentials
        return self._renew(credentials)

    def _is_accepted(self, credentials: Credentials) -> bool:
        """As far as is known: there is a token, and it has not been refused."""
        return credentials.access_token is not None and credentials.version != self.renewal.lease.refused_version()

    def _renew(self, stale: Credentials) -> Credentials:
        """One renewal for everybody who needs one now."""
        with self.renewal.leased():
            credentials = self.renewal.current()
            if credentials.version != stale.version and self._is_accepted(credentials):
                return credentials
            self._count_renewal()
            renewed = self.renewal.store.replace(credentials, self.renewal.refreshed(credentials))
            logger.info("credentials renewed", extra={"rotated": renewed.refresh_token != credentials.refresh_token})
            if renewed.access_token is None:
                raise ProviderUnavailableError(
                    "The provider gave a new refresh token only; it is stored and used next."
                )
            return renewed

    def _count_renewal(self) -> None:
        """Raises CredentialsExpiredError when there were too many today."""
        if self.renewal.lease.count_renewal() > MOST_RENEWALS_A_DAY:
            raise CredentialsExpiredError(
                f"The credentials were renewed {MOST_RENEWALS_A_DAY} times today, because the provider refuses each "
                "token soon. No more are asked for before tomorrow (UTC). Store new credentials if this goes on."
            )


@dataclass(frozen=True)
class AllProviders:
    """Makes one run of each provider out of a run of all. Each looks after its own credentials, so that those of one
    cannot hold up another. `unfit_filters` are those by which nothing of a provider can be judged."""

    names: tuple[str, ...]
    unfit_filters: Mapping[str, Collection[str]] = field(default_factory=dict)

    def authenticate(self, request: AuthRequest) -> AuthResult:
        """Checks the input, once for all, before any run of it starts. Raises ConfigurationError."""
        filters, mode = filters_of(request.input), mode_of(request.input)
        self._check_fit(filters)
        even_if_paused(request.input)
        if reported_by(request.input):
            raise ConfigurationError(
                "The input's field 'reported_by' has no meaning with provider 'all', which reports its runs itself; "
                "leave it out."
            )
        if mode is Mode.RECONCILE:
            raise ConfigurationError(
                f"The input's field 'provider' must name one provider with mode 'reconcile', which compares the "
                f"archive with one of them: {', '.join(self.names)}."
            )
        return AuthResult(
            run_id=request.run_id,
            provider=ALL_PROVIDERS,
            filters=filters,
            mode=mode,
            runs=tuple(_run_of(provider, request) for provider in self.names),
        )

    def _check_fit(self, filters: Filters) -> None:
        """Raises ConfigurationError for a filter by which nothing of one of the providers can be judged."""
        for provider in self.names:
            for name in unfit_of(filters, self.unfit_filters.get(provider, ())):
                others = [other for other in self.names if other != provider]
                alone = f", or start a run of each other provider by itself: {', '.join(others)}" if others else ""
                raise ConfigurationError(
                    f"The filter '{name}' in the input's field 'filters' has no meaning for {provider}, which has no "
                    f"{name}; leave it out{alone}."
                )


def _run_of(provider: str, request: AuthRequest) -> RunToStart:
    kept = EXECUTION_NAME_LIMIT - len(provider) - 1
    given = {**request.input, "provider": provider, "reported_by": request.run_id}
    return RunToStart(provider=provider, name=f"{request.run_id[:kept]}-{provider}", input=given)


def _ends_soon(credentials: Credentials) -> bool:
    return credentials.expires_at is not None and credentials.expires_at < time.time() + RENEW_BEFORE_SECONDS
