"""failure-recorder: notes why a video, or a whole run, could not go on."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.record_failure import FailureRequest, FailureResult


@lambda_handler
def handler(event: dict[str, Any], _context: LambdaContext) -> FailureResult:
    """FailureRequest -> FailureResult."""
    request = decode(event, FailureRequest)
    return composition.failure_recorder(request).record(request)
