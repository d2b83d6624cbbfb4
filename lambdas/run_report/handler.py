"""run-report: ends a run, counts it, and tells its owner once what became of it."""

from __future__ import annotations

from typing import Any

from cloud_sync_common.aws import clients
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime import settings
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.report import Failed, Report, ReportRequest, Summary
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.manifest import Manifest
from cloud_sync_common.stores.runs import Runs


@lambda_handler
def handler(event: dict[str, Any], _context: LambdaContext) -> Summary | Failed:
    """ReportRequest -> Summary of a run that succeeded, or the reason of one that failed."""
    config = settings.load()
    request = decode(event, ReportRequest)
    table = clients.table(config.ledger_table)
    report = Report(
        provider=request.provider_name,
        ledger=Ledger(table, request.provider_name),
        runs=Runs(table, request.provider_name),
        manifest=Manifest(clients.s3(), config.work_bucket, request.run_id),
        topic=clients.sns(),
        topic_arn=config.alerts_topic_arn,
    )
    return report.of(request)
