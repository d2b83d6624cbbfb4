"""Whether credentials are stored, and whether their provider takes them. Nothing is renewed unless one asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.safe_text import protect
from cloud_sync_common.stores.credential_store import CredentialStore

from console.errors import CredentialsRefusedError
from console.operations.credentials import Health, credentials_age
from console.operations.findings import Finding, failed, noted, passed
from console.operations.ledger import Reading, rows_of_provider
from console.operations.provider_accounts import account_of
from console.operations.provider_services import Services, answering
from console.operations.provider_session import ProviderSession
from console.operations.stored_credentials import StoredCredentials
from console.stack import Stack
from console.wording import moment, typed


def secret(stack: Stack, provider: str) -> Iterator[Finding]:
    """Whether the secret is there and has a value. Raises ConsoleError, botocore's errors."""
    about = f"secret {provider}"
    StoredCredentials.of(stack, provider).owner()
    age = credentials_age(stack, provider, rows_of_provider(stack, provider, Reading()))
    if age.health is Health.MISSING:
        yield failed(about, f"Nothing is stored in {age.secret}.", f"cloudsync connect {typed(provider)}")
    elif age.health is Health.ENDS_SOON:
        fix = f"cloudsync connect {typed(provider)}"
        yield failed(
            about, f"The session in {age.secret} ends at {moment(age.ends_at)}, and does not renew itself.", fix
        )
    else:
        yield passed(about, f"{age.secret}, stored at {moment(age.stored_at)}.")


def token(
    stack: Stack, services: Services, provider: str, *, renews: bool, say: Callable[[str], None]
) -> Iterator[Finding]:
    """Asks the provider whose account the token is of. `renews`: has one renewed that has ended, by the function that
    does so in a run. Raises ConsoleError, botocore's errors."""
    if _is_empty(stack, services, provider):
        return  # `secret` says so
    if renews:
        ProviderSession(stack, services, provider, {}, say).renew(has_ended=False)
    credentials = _stored(stack, services, provider)
    protect(*credentials.secrets)
    try:
        yield _tried(services, credentials)
    except CredentialsRefusedError as error:
        yield _refused(credentials, str(error), renewed=renews)


def _tried(services: Services, credentials: Credentials) -> Finding:
    about = f"token {credentials.provider}"
    ended = credentials.expires_at is not None and credentials.expires_at <= time.time()
    if credentials.renewable and (ended or credentials.access_token is None):
        return _refused(credentials, "", renewed=False)
    account = account_of(services, credentials)
    named = account.email or account.name or account.id
    return passed(about, f"The provider takes it{f' ({named})' if named else ''}.")


def _refused(credentials: Credentials, sentence: str, *, renewed: bool) -> Finding:
    about = f"token {credentials.provider}"
    if credentials.renewable and not renewed:
        return noted(about, "It has ended, and the next run renews it; `cloudsync doctor --renew` tries that now.")
    return failed(about, sentence, f"cloudsync connect {typed(credentials.provider)}")


def _stored(stack: Stack, services: Services, provider: str) -> Credentials:
    with answering():
        return _store(stack, services, provider).load()


def _is_empty(stack: Stack, services: Services, provider: str) -> bool:
    with answering():
        return _store(stack, services, provider).is_empty


def _store(stack: Stack, services: Services, provider: str) -> CredentialStore:
    has_client_secret = services.provider(provider).capabilities.has_client_secret
    client = stack.client("secretsmanager")
    return CredentialStore(client, stack.secrets[provider], provider, has_client_secret=has_client_secret)
