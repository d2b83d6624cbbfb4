"""credentials-rotator: plays one step of Secrets Manager's rotation."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import providers
from cloud_sync_common.aws import clients
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.runtime import settings
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.authenticate import Authenticator
from cloud_sync_common.steps.rotate_credentials import CredentialsRotator, RotationRequest, RotationResult
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> RotationResult:
    """RotationRequest -> RotationResult."""
    config = settings.load()
    request = decode(event, RotationRequest)
    named_after = config.credentials_secret.partition("/")[0]  # the secret is called <provider>/credentials
    provider = providers.get(named_after, config.provider_base_urls)
    authenticator = Authenticator(
        provider=provider,
        store=CredentialStore(clients.secrets(), config.credentials_secret, provider.name),
        lease=CredentialsLease(clients.table(config.ledger_table), provider.name),
        deadline=Deadline.of(context),
    )
    return CredentialsRotator(authenticator, clients.sns(), config.alerts_topic_arn).play(request)
