"""archive-reconciler: compares provider, ledger and archive, and reports what disagrees."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.reconcile import ReconcileRequest, ReconcileResult


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> ReconcileResult:
    """ReconcileRequest -> ReconcileResult."""
    request = decode(event, ReconcileRequest)
    return composition.archive_reconciler(request, context).reconcile(request)
