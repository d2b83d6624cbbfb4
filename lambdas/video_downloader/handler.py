"""video-downloader: moves a batch of videos, or one slice of one video, into the archive."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.download import BatchResult, DownloadRequest, SliceResult


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> BatchResult | SliceResult:
    """BatchRequest -> BatchResult; SliceRequest -> SliceResult."""
    request: DownloadRequest = decode(event, DownloadRequest)
    return composition.video_downloader(request, context).download(request)
