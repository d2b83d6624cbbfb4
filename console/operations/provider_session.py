"""A session with a provider by the credentials that are stored: it lists as a run does, and stores nothing.

A token that has ended is renewed by the function that does so in a run (media-authenticator), and never here: at a
provider that gives a new refresh token with each renewal, whatever interrupts this machine between the answer and the
secret would lose the account.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cloud_sync_common import providers
from cloud_sync_common.exceptions import AuthenticationError, CredentialsExpiredError, category_of
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import Provider
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease

from console.aws_refusals import explained
from console.errors import ConsoleError, CredentialsRefusedError
from console.operations.deployed_functions import FunctionRefusal, answer
from console.operations.provider_services import Services, answering
from console.operations.stored_credentials import StoredCredentials
from console.stack import Stack
from console.wording import title_of

HOURS = 12  # that one listing may take
RENEW_BEFORE_SECONDS = 300  # ahead of the end of a token
MOST_RENEWALS = 3  # of one listing
_SENTENCE = 600
_REFUSED = (AuthenticationError.category, CredentialsExpiredError.category)


@dataclass
class ProviderSession:
    """One provider of a stack. `say` tells the owner what is being done."""

    stack: Stack
    services: Services
    provider_id: str
    options: Mapping[str, Mapping[str, Any]]
    say: Callable[[str], None]
    _renewals: int = field(init=False, default=0)

    @cached_property
    def provider(self) -> Provider:
        """Raises ConsoleError for options that do not fit."""
        with answering():
            return providers.get(self.provider_id, self.services.replaced, self.options)

    def authorised(self) -> AuthorisedSession:
        """A session whose token is usable as far as is known; one that has ended is renewed first.

        Raises CredentialsRefusedError, ConsoleError, botocore's errors.
        """
        # What AWS refuses the owner is said as such here; the code of the functions would speak of their roles.
        StoredCredentials.of(self.stack, self.provider_id).owner()
        table = self.stack.account.table(self.stack.output("LedgerTable"))
        lease = CredentialsLease(table, self.provider_id)
        with answering():
            credentials = self._store.load()
            refused = lease.refused_version() == credentials.version
        ends_soon = credentials.expires_at is not None and credentials.expires_at < time.time() + RENEW_BEFORE_SECONDS
        if credentials.renewable and (credentials.access_token is None or refused or ends_soon):
            self.renew()
        return AuthorisedSession(self.provider, self._store, lease, Deadline.after(HOURS * 3600))

    @property
    def _store(self) -> CredentialStore:
        has_client_secret = self.provider.capabilities.has_client_secret
        client, secret = self.stack.client("secretsmanager"), self.stack.secrets[self.provider_id]
        return CredentialStore(client, secret, self.provider_id, has_client_secret=has_client_secret)

    def renewed(self, error: CredentialsExpiredError) -> AuthorisedSession:
        """A session with another token, once the provider has refused the one before with that error.

        Raises CredentialsRefusedError where only the owner can get another one, and as `authorised` does.
        """
        with answering():
            is_renewable = self._store.load().renewable
        self._renewals += 1
        if not is_renewable or self._renewals > MOST_RENEWALS:
            raise CredentialsRefusedError(one_line(str(error), _SENTENCE))
        return self.authorised()

    def renew(self, *, has_ended: bool = True) -> None:
        """Has the function renew the token, as it does for a run: it knows by itself whether that is needed, which the
        caller need not know (`has_ended`).

        Raises CredentialsRefusedError when the provider refuses, or these AWS credentials may not ask the function.
        """
        name = title_of(self.provider_id)
        if has_ended:
            self.say(f"The token of {name} has ended; the function media-authenticator renews it ...")
        else:
            self.say(
                f"Asking the function media-authenticator for the token of {name}; it renews one that has ended ..."
            )
        event = {"run_id": f"plan-{uuid.uuid4().hex[:8]}", "input": {"provider": self.provider_id}, "renewals": 0}
        try:
            found = answer(self.stack, "media-authenticator", event)
        except Exception as error:
            known = explained(error)
            if not isinstance(known, CredentialsRefusedError):
                raise
            ended = f"The token of {name} has ended, and it" if has_ended else f"The token of {name}"
            raise CredentialsRefusedError(
                f"{ended} cannot be renewed from here: {known} Or start a "
                "run, which renews it (`cloudsync run`), and repeat the command."
            ) from None
        if isinstance(found, FunctionRefusal):
            sentence = one_line(found.sentence, _SENTENCE)
            kind = CredentialsRefusedError if category_of(found.error) in _REFUSED else ConsoleError
            raise kind(f"The token of {name} cannot be renewed ({one_line(found.error)}): {sentence}")
