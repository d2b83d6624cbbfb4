"""failure-recorder: notes why a video, or a whole run, could not go on."""

from __future__ import annotations

from typing import Any

from cloud_sync_common.aws import clients
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime import settings
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.record_failure import FailureRecorder, FailureRequest, FailureResult
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.runs import Runs


@lambda_handler
def handler(event: dict[str, Any], _context: LambdaContext) -> FailureResult:
    """FailureRequest -> FailureResult."""
    config = settings.load()
    request = decode(event, FailureRequest)
    table = clients.table(config.ledger_table)
    failures = FailureRecorder(
        ledger=Ledger(table, request.provider),
        runs=Runs(table, request.provider),
        queue=clients.sqs(),
        queue_url=config.dead_letter_queue_url,
        max_attempts=config.max_attempts,
    )
    return failures.record(request)
