"""media-lister: writes what is new at the provider into the run's manifest."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.list_media import ListRequest, ListResult


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> ListResult:
    """ListRequest -> ListResult."""
    request = decode(event, ListRequest)
    return composition.media_lister(request, context).list_new(request)
