"""media-lister: writes what is new at the provider into the run's manifest."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import providers
from cloud_sync_common.aws import clients
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.runtime import settings
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.list_media import ListRequest, ListResult, MediaLister
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.manifest import Manifest
from cloud_sync_common.stores.runs import Runs


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> ListResult:
    """ListRequest -> ListResult."""
    config = settings.load()
    request = decode(event, ListRequest)
    provider = providers.get(request.provider, config.provider_base_urls)
    table = clients.table(config.ledger_table)
    catalog = MediaLister(
        provider=provider,
        credentials=CredentialStore(clients.secrets(), config.credentials_secret, provider.name),
        lease=CredentialsLease(table, provider.name),
        ledger=Ledger(table, provider.name),
        runs=Runs(table, provider.name),
        manifest=Manifest(clients.s3(), config.work_bucket, request.run_id),
        executions=clients.step_functions(),
        max_attempts=config.max_attempts,
        deadline=Deadline.of(context),
    )
    return catalog.list_new(request)
