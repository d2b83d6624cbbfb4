"""archive-reconciler: holds provider, ledger and archive against each other, and reports."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import providers
from cloud_sync_common.aws import clients
from cloud_sync_common.retry_utils import Deadline, LambdaContext
from cloud_sync_common.runtime import settings
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.reconcile import ArchiveReconciler, ReconcileRequest, ReconcileResult
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.runs import Runs
from cloud_sync_common.stores.work_files import WorkFile


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> ReconcileResult:
    """ReconcileRequest -> ReconcileResult."""
    config = settings.load()
    request = decode(event, ReconcileRequest)
    provider = providers.get(request.provider, config.provider_base_urls)
    table, s3 = clients.table(config.ledger_table), clients.s3()
    reconciliation = ArchiveReconciler(
        provider=provider,
        credentials=CredentialStore(clients.secrets(), config.credentials_secret, provider.name),
        lease=CredentialsLease(table, provider.name),
        ledger=Ledger(table, provider.name),
        runs=Runs(table, provider.name),
        archive=Archive(s3, config.archive_bucket, config.archive_storage_class),
        listed=WorkFile(s3, config.work_bucket, request.run_id, "listed.bin", "the ids that are listed"),
        report=WorkFile(s3, config.work_bucket, request.run_id, "reconciliation.jsonl", "the reconciliation's report"),
        topic=clients.sns(),
        topic_arn=config.alerts_topic_arn,
        deadline=Deadline.of(context),
    )
    return reconciliation.go_on(request)
