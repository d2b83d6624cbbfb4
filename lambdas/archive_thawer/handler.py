"""archive-thawer: asks S3 to thaw the files of a restore job, sees how far they are, hears S3's events about them, and
ends the job with one mail."""

from __future__ import annotations

from typing import Any

from cloud_sync_common import composition
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.handler import decode, lambda_handler
from cloud_sync_common.runtime.run_input import field_of
from cloud_sync_common.steps.thaw import Noted, ObjectThawed, ThawAnswer, ThawRequest
from cloud_sync_common.steps.thaw_report import ThawEnded, ThawEndRequest


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> ThawAnswer | ThawEnded | Noted:
    """ThawRequest -> ThawAnswer; ThawEndRequest -> ThawEnded; S3's event ObjectThawed -> Noted."""
    if field_of(event, "detail-type"):
        return composition.archive_thawer(context).note(decode(event, ObjectThawed))
    if field_of(event, "request") in ("report", "give_up"):
        return composition.thaw_report().answer(decode(event, ThawEndRequest))
    return composition.archive_thawer(context).answer(decode(event, ThawRequest))
