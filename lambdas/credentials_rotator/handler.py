"""credentials-rotator: one step of Secrets Manager's rotation."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.rotate_credentials import RotationRequest, RotationResult


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> RotationResult:
    """RotationRequest -> RotationResult."""
    request = decode(event, RotationRequest)
    return composition.credentials_rotator(request, context).rotate(request)
