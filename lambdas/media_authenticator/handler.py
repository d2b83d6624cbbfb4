"""media-authenticator: checks the input of a run and makes sure that its credentials work."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.authenticate import AuthRequest, AuthResult


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> AuthResult:
    """AuthRequest -> AuthResult."""
    request = decode(event, AuthRequest)
    return composition.authenticator(request, context).authenticate(request)
