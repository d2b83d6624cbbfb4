"""run-report: ends a run, counts it, and sends its owner one mail; reports on a run of all providers, or on one whose
provider is paused; or measures how long ago a run succeeded last."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.runtime.run_input import field_of
from cloud_sync_common.steps.report import Failed, ReportRequest, Summary
from cloud_sync_common.steps.report_all import REPORT_ALL, AllReportRequest, AllSummary
from cloud_sync_common.steps.report_paused import REPORT_PAUSED, PausedRequest, PausedSummary
from cloud_sync_common.steps.watch import WATCH, Watched, WatchRequest


@lambda_handler
def handler(event: dict[str, Any], _context: LambdaContext) -> Summary | Failed | AllSummary | PausedSummary | Watched:
    """ReportRequest -> Summary of a run that succeeded, or the reason of one that failed; AllReportRequest ->
    AllSummary; PausedRequest -> PausedSummary; WatchRequest -> Watched."""
    if field_of(event, "request") == WATCH:
        return composition.watch(decode(event, WatchRequest)).watch()
    if field_of(event, "request") == REPORT_ALL:
        return composition.report_of_all().report(decode(event, AllReportRequest))
    if field_of(event, "request") == REPORT_PAUSED:
        paused = decode(event, PausedRequest)
        return composition.report_of_paused(paused).report(paused)
    request = decode(event, ReportRequest)
    return composition.run_report(request).report(request)
