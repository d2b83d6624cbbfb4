"""The step RecordFailure (failure-recorder): what could not be archived stays listed, with its reason.

A failure of one video is noted and never fails the run; a video that fails in several runs is handed to a person. A
reason to stop the whole run is noted on the run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.aws.clients import aws_errors
from cloud_sync_common.exceptions import category_of
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.runtime.execution_errors import parse_error_output
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.runs import Runs

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Scope(StrEnum):
    """What has failed: one video, or the whole run."""

    MEDIA = "media"
    RUN = "run"


class FailureRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The event of failure-recorder. `error` is Step Functions' error output: {"Error": name, "Cause": text}."""

    run_id: str
    provider: str
    scope: Scope
    media: MediaItem
    error: dict[str, Any]


class FailureResult(msgspec.Struct, frozen=True):
    """What was noted. `attempts` is how many runs have failed on this video so far."""

    category: str
    attempts: int = 0
    handed_over: bool = False


@dataclass(frozen=True)
class FailureRecorder:
    """Notes failures in one provider's ledger."""

    ledger: Ledger
    runs: Runs
    queue: SQSClient
    queue_url: str
    max_attempts: int

    def record(self, request: FailureRequest) -> FailureResult:
        """Raises ArchiveUnavailableError, ConfigurationError."""
        name, message = parse_error_output(request.error)
        category = category_of(name)
        logger.warning(
            "failed", extra={"media_id": request.media.media_id, "scope": request.scope, "category": category}
        )
        if request.scope is Scope.RUN:
            self.runs.stop(request.run_id, name, message)
            return FailureResult(category)
        row = self.ledger.fail_item(request.media, request.run_id, category, message)
        handed_over = row.failed_run == request.run_id and row.attempts >= self.max_attempts
        if handed_over:
            self._hand_over(request, category, message, row.attempts)
        return FailureResult(category, row.attempts, handed_over)

    def _hand_over(self, request: FailureRequest, category: str, message: str, attempts: int) -> None:
        """Everything that a person, or a program, needs to try this video again."""
        body = {
            "what": "This video has failed in every run it was given and will not be tried again by itself.",
            "again": {"provider": request.provider, "filters": {"media_ids": [request.media.media_id],
                                                                "retry_failed": True}},
            "media": msgspec.to_builtins(request.media),
            "category": category,
            "reason": message,
            "attempts": attempts,
            "run_id": request.run_id,
        }  # fmt: skip
        with aws_errors("writing to the dead-letter queue"):
            self.queue.send_message(QueueUrl=self.queue_url, MessageBody=json.dumps(body))
