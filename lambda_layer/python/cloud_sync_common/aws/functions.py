"""Another function of this stack, invoked and waited for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.logging_utils import logger

MOST_BYTES = 6 * 1024 * 1024  # of an event (Lambda quotas, "Invocation payload", synchronous)
_ENVELOPE = 64 * 1024  # bytes of it that are left free
# This event cannot be taken, or the function is not there: a second look would find the same (API reference, Invoke).
_REFUSED = frozenset({"RequestTooLargeException", "InvalidRequestContentException", "ResourceNotFoundException"})


@dataclass(frozen=True)
class Function:
    """A function by its name. The event and its answer stay within the process: nothing logs them."""

    client: Any  # boto3's, for Lambda
    name: str

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """What it answers; None where it ends with an error, or cannot take the event. Raises ArchiveUnavailableError,
        ConfigurationError."""
        payload = json.dumps(event).encode()
        if len(payload) > MOST_BYTES - _ENVELOPE:
            return None
        try:
            with aws_errors(f"invoking {self.name}"):
                answer = self.client.invoke(FunctionName=self.name, Payload=payload)
                content = answer["Payload"].read()
        except AwsError as error:
            if error_code(error) in _REFUSED:
                return None
            raise
        if "FunctionError" in answer:
            logger.info("a function answers with an error", extra={"function": self.name})
            return None
        return _as_object(content)


def _as_object(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
