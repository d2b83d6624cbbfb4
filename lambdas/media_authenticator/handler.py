"""media-authenticator: checks the input of a run and sees to credentials that work."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import providers
from cloud_sync_common.aws import clients
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.runtime import run_input, settings
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.authenticate import Authenticator, AuthRequest, AuthResult
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> AuthResult:
    """AuthRequest -> AuthResult."""
    config = settings.load()
    request = decode(event, AuthRequest)
    provider = providers.get(run_input.field_of(request.input, "provider"), config.provider_base_urls)
    filters, mode = run_input.filters_of(request.input), run_input.mode_of(request.input)
    authenticator = Authenticator(
        provider=provider,
        store=CredentialStore(clients.secrets(), config.credentials_secret, provider.name),
        lease=CredentialsLease(clients.table(config.ledger_table), provider.name),
        deadline=Deadline.of(context),
    )
    credentials = authenticator.ensure(request.renewals)
    return AuthResult(
        run_id=request.run_id,
        provider=provider.name,
        filters=filters,
        mode=mode,
        kind="oauth" if credentials.renewable else "session",
        expires_at=credentials.expires_at,
        renewals=request.renewals + 1,
    )
