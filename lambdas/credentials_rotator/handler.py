"""credentials-rotator: plays one step of Secrets Manager's rotation."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import aws_clients, providers, settings
from cloud_sync_common.credential_store import CredentialStore
from cloud_sync_common.credentials import Authenticator
from cloud_sync_common.door import decode, door
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.rotation import Rotation, RotationRequest, RotationResult
from cloud_sync_common.runs import CredentialsLease


@door
def handler(event: dict[str, Any], context: LambdaContext) -> RotationResult:
    """RotationRequest -> RotationResult."""
    config = settings.load()
    request = decode(event, RotationRequest)
    named_after = config.credentials_secret.partition("/")[0]  # the secret is called <provider>/credentials
    provider = providers.get(named_after, config.provider_base_urls)
    authenticator = Authenticator(
        provider=provider,
        store=CredentialStore(aws_clients.secrets(), config.credentials_secret, provider.name),
        lease=CredentialsLease(aws_clients.table(config.ledger_table), provider.name),
        deadline=Deadline.of(context),
    )
    return Rotation(authenticator, aws_clients.sns(), config.alerts_topic_arn).play(request)
