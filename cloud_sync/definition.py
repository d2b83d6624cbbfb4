"""The state machine's definition: sync_workflow.asl.json, with the Retry of each Task written out.

A Task of that file retries `${TransientErrors}`. Amazon States Language has no way to define a Retry once and use it in
several states, so this module replaces that name with the errors and the waits. It does not import the CDK: the cost
model and the tests read the definition here, too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("sync_workflow.asl.json")
TRANSIENT_ERRORS = "${TransientErrors}"

# The exceptions of the function code are its TransientError classes; the other names are AWS's, for a function that
# could not be invoked, was stopped at a limit or died (Step Functions developer guide, "Error names").
STANDARD_RETRY: dict[str, Any] = {
    "ErrorEquals": [
        "ProviderThrottledError", "ProviderUnavailableError", "SourceLinkExpiredError", "ShortReadError",
        "ArchiveUnavailableError", "Lambda.ServiceException", "Lambda.AWSLambdaException",
        "Lambda.SdkClientException", "Lambda.TooManyRequestsException", "Lambda.ClientExecutionTimeoutException",
        "Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "States.Timeout",
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 4,
    "BackoffRate": 2,
    "MaxDelaySeconds": 120,
    "JitterStrategy": "FULL",
}  # fmt: skip


def definition() -> dict[str, Any]:
    """The definition as it is deployed, but for the substitutions and the one number that an environment sets."""
    machine: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"), object_hook=_with_the_retry_written_out)
    return machine


def _with_the_retry_written_out(part: dict[str, Any]) -> dict[str, Any]:
    """A retrier of `${TransientErrors}` in full; what it sets itself, such as MaxAttempts, stays. Any other object of
    the file as it is."""
    if part.get("ErrorEquals") != [TRANSIENT_ERRORS]:
        return part
    return STANDARD_RETRY | part | {"ErrorEquals": [*STANDARD_RETRY["ErrorEquals"]]}
