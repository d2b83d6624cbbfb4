"""failure-recorder: notes why a video, or a whole run, could not go on."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import aws_clients, settings
from cloud_sync_common.door import decode, door
from cloud_sync_common.failures import FailureRequest, FailureResult, Failures
from cloud_sync_common.ledger import Ledger
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runs import Runs


@door
def handler(event: dict[str, Any], _context: LambdaContext) -> FailureResult:
    """FailureRequest -> FailureResult."""
    config = settings.load()
    request = decode(event, FailureRequest)
    table = aws_clients.table(config.ledger_table)
    failures = Failures(
        ledger=Ledger(table, request.provider),
        runs=Runs(table, request.provider),
        queue=aws_clients.sqs(),
        queue_url=config.dead_letter_queue_url,
        max_attempts=config.max_attempts,
    )
    return failures.record(request)
