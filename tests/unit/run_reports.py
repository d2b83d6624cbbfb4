"""Reports on runs, for the tests of the step behind run-report."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cloud_sync_common.metrics_utils import EnvironmentMetrics
from cloud_sync_common.prices import Extras
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.steps.report import Failed, Listing, ReportRequest, RunReport, Summary
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.manifest import Manifest
from cloud_sync_common.stores.month_totals import MonthTotals

from tests.unit.in_process_aws import WORK, InProcessAws

PLAIN = Extras()
MOST_BYTES = 10**12


def clip(number: int, filename: str | None = None) -> MediaItem:
    return MediaItem(media_id=f"clip-{number:03}", filename=filename or f"GX01{number:04}.MP4", revision="/1")


def started(seconds_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat().replace("+00:00", "Z")


def report(
    aws: InProcessAws, request: ReportRequest, *, detailed: bool = True, extras: Extras = PLAIN
) -> Summary | Failed:
    step = RunReport(
        provider=request.provider_name,
        ledger=Ledger(aws.table, request.provider_name),
        runs=aws.runs,
        months=MonthTotals(aws.table, request.provider_name),
        manifest=Manifest(aws.s3, WORK, request.run_id),
        topic=aws.sns,
        topic_arn=aws.topic_arn,
        most_bytes=MOST_BYTES,
        metrics=EnvironmentMetrics("staging", detailed),
        extras=extras,
    )
    return step.report(request)


def success(listing: Listing, seconds_ago: float = 90, run_id: str = "run-1") -> ReportRequest:
    return ReportRequest(run_id=run_id, provider="gopro", started_at=started(seconds_ago), listing=listing)


def failure(state: dict[str, Any]) -> ReportRequest:
    return ReportRequest(run_id="run-1", started_at=started(5), state=state)


def metrics_in(printed: str) -> dict[str, float]:
    """The sum of each metric in the embedded metric format, which must be declared beside the values."""
    values: dict[str, float] = {}
    for line in (json.loads(line) for line in printed.splitlines() if '"_aws"' in line):
        declared = line["_aws"]["CloudWatchMetrics"][0]
        (dimensions,) = declared["Dimensions"]
        assert declared["Namespace"] == "CloudSync"
        assert sorted(dimensions) == ["environment", "provider", "service"]
        assert (line["provider"], line["service"], line["environment"]) == ("gopro", "cloud-sync", "staging")
        for metric in declared["Metrics"]:
            values[metric["Name"]] = values.get(metric["Name"], 0) + line[metric["Name"]][0]
    return values


def a_mixed_run(aws: InProcessAws) -> Listing:
    """Two videos archived, one failed, one unavailable, one not started."""
    items = [clip(number) for number in range(5)]
    aws.manifest("run-1", items)
    aws.archive(items[0], "run-1", run_bytes=1_500_000, run_gb_seconds=2.5, run_requests=4, run_slices=1)
    aws.archive(items[1], "run-1", run_bytes=500_000, run_gb_seconds=1.5, run_requests=8, run_slices=3)
    aws.ledger.fail_item(items[2], "run-1", "original_unavailable", "GoPro offers no original.")
    aws.ledger.claim(items[3], "run-1", 60)
    aws.ledger.leave_unavailable(items[3].media_id, "run-1", "not_available_yet", "Not just now.")
    aws.ledger.add_pending([items[4]], "run-1")
    return Listing(listed=12, new=5, waiting=2, exhausted=1, batches=1)
