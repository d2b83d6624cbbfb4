"""run-report: ends a run, counts it, and tells its owner once what became of it."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import aws_clients, settings
from cloud_sync_common.door import decode, door
from cloud_sync_common.ledger import Ledger
from cloud_sync_common.manifest import Manifest
from cloud_sync_common.report import Failed, Report, ReportRequest, Summary
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runs import Runs


@door
def handler(event: dict[str, Any], _context: LambdaContext) -> Summary | Failed:
    """ReportRequest -> Summary of a run that succeeded, or the reason of one that failed."""
    config = settings.load()
    request = decode(event, ReportRequest)
    table = aws_clients.table(config.ledger_table)
    report = Report(
        provider=request.provider_name,
        ledger=Ledger(table, request.provider_name),
        runs=Runs(table, request.provider_name),
        manifest=Manifest(aws_clients.s3(), config.work_bucket, request.run_id),
        topic=aws_clients.sns(),
        topic_arn=config.alerts_topic_arn,
    )
    return report.of(request)
