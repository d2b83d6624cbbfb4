"""catalogue-writer: describes what is archived, and keeps a picture of it."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.catalogue import CatalogueRequest, CatalogueResult


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> CatalogueResult:
    """CatalogueRequest -> CatalogueResult."""
    request = decode(event, CatalogueRequest)
    return composition.catalogue_writer(request, context).write(request)
