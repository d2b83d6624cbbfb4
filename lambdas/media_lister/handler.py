"""media-lister: writes what is new at the provider into the run's manifest."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import aws_clients, providers, settings
from cloud_sync_common.catalog import Catalog, ListRequest, ListResult
from cloud_sync_common.credential_store import CredentialStore
from cloud_sync_common.door import decode, door
from cloud_sync_common.ledger import Ledger
from cloud_sync_common.manifest import Manifest
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.runs import CredentialsLease, Runs


@door
def handler(event: dict[str, Any], context: LambdaContext) -> ListResult:
    """ListRequest -> ListResult."""
    config = settings.load()
    request = decode(event, ListRequest)
    provider = providers.get(request.provider, config.provider_base_urls)
    table = aws_clients.table(config.ledger_table)
    catalog = Catalog(
        provider=provider,
        credentials=CredentialStore(aws_clients.secrets(), config.credentials_secret, provider.name),
        lease=CredentialsLease(table, provider.name),
        ledger=Ledger(table, provider.name),
        runs=Runs(table, provider.name),
        manifest=Manifest(aws_clients.s3(), config.work_bucket, request.run_id),
        executions=aws_clients.step_functions(),
        max_attempts=config.max_attempts,
        deadline=Deadline.of(context),
    )
    return catalog.list_new(request)
