"""archive-reconciler: holds provider, ledger and archive against each other, and reports."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import aws_clients, providers, settings
from cloud_sync_common.archive import Archive
from cloud_sync_common.credential_store import CredentialStore
from cloud_sync_common.door import decode, door
from cloud_sync_common.inventory import Inventory
from cloud_sync_common.ledger import Ledger
from cloud_sync_common.reconciliation import ReconcileRequest, ReconcileResult, Reconciliation
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.runs import CredentialsLease, Runs
from cloud_sync_common.work_files import WorkFile


@door
def handler(event: dict[str, Any], context: LambdaContext) -> ReconcileResult:
    """ReconcileRequest -> ReconcileResult."""
    config = settings.load()
    request = decode(event, ReconcileRequest)
    provider = providers.get(request.provider, config.provider_base_urls)
    table, s3 = aws_clients.table(config.ledger_table), aws_clients.s3()
    reconciliation = Reconciliation(
        provider=provider,
        credentials=CredentialStore(aws_clients.secrets(), config.credentials_secret, provider.name),
        lease=CredentialsLease(table, provider.name),
        ledger=Ledger(table, provider.name),
        runs=Runs(table, provider.name),
        archive=Archive(s3, config.archive_bucket, config.archive_storage_class),
        inventory=Inventory(s3, config.archive_bucket),
        listed=WorkFile(s3, config.work_bucket, request.run_id, "listed.bin", "the ids that are listed"),
        report=WorkFile(s3, config.work_bucket, request.run_id, "reconciliation.jsonl", "the reconciliation's report"),
        topic=aws_clients.sns(),
        topic_arn=config.alerts_topic_arn,
        deadline=Deadline.of(context),
    )
    return reconciliation.go_on(request)
