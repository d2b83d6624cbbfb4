"""frame-maker: makes a small JPEG of one picture of a movie or of an image. Its role allows it nothing else."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.steps.make_frame import Frame, FrameRequest


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> Frame:  # noqa: ARG001 (Lambda's signature)
    """FrameRequest -> Frame."""
    return composition.frame_maker().make(decode(event, FrameRequest))
