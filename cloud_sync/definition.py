"""The definitions of the state machines, with each Task's Retry and TimeoutSeconds written out: of a run
(sync_workflow.asl.json), of a restore (restore_workflow.asl.json), and of a quarter's drill (restore_drill.asl.json).

A Task of those files retries `${TransientErrors}` and `${SlowErrors}`. Amazon States Language has no way to define a
Retry once and use it in several states, so this module replaces those names with the errors and the waits. It does not
import the CDK: the cost model and the tests read the definition here, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloud_sync.lambda_errors import RETRIED_SHORTLY, RETRIED_SLOWLY

FILE = Path(__file__).with_name("sync_workflow.asl.json")
RESTORE_FILE = Path(__file__).with_name("restore_workflow.asl.json")
DRILL_FILE = Path(__file__).with_name("restore_drill.asl.json")
TRANSIENT_ERRORS = "${TransientErrors}"
SLOW_ERRORS = "${SlowErrors}"

# A Task waits this much longer than its function may run, so that Lambda's own time-out is the one that is reported.
SECONDS_BEYOND_THE_FUNCTION = 60

# The exceptions of the function code are its TransientError classes.
STANDARD_RETRY: dict[str, Any] = {
    "ErrorEquals": [
        "ProviderThrottledError", "ProviderUnavailableError", "SourceLinkExpiredError", "ShortReadError",
        "ArchiveUnavailableError", *RETRIED_SHORTLY, "States.Timeout",
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 4,
    "BackoffRate": 2,
    "MaxDelaySeconds": 120,
    "JitterStrategy": "FULL",
}  # fmt: skip

# 15, 22, 33 and 50 seconds, then six times 60: about eight minutes. Lambda needs one or two to connect a function that
# was idle for weeks to its VPC again, and during that time refuses each invocation.
SLOW_RETRY: dict[str, Any] = {
    "ErrorEquals": [*RETRIED_SLOWLY],
    "IntervalSeconds": 15,
    "MaxAttempts": 10,
    "BackoffRate": 1.5,
    "MaxDelaySeconds": 60,
}

# A run that still copies after this long is ended by Step Functions; the next one continues where it was. Until then a
# first backup of 18 TB over 30 MB/s is through, and no defect can go on spending for the year that AWS allows.
MOST_SECONDS_OF_A_RUN = 7 * 24 * 3600

# S3 thaws within 48 hours by its slower tier. What still waits after that long is not waited for.
MOST_SECONDS_OF_A_RESTORE = 4 * 24 * 3600

_RETRIES = {TRANSIENT_ERRORS: STANDARD_RETRY, SLOW_ERRORS: SLOW_RETRY}


def definition(function_timeouts: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The definition of a run as it is deployed, but for the substitutions and the one number that an environment sets.

    `function_timeouts` has the time-out in seconds of each function, by the name of its substitution, such as
    `MediaLister`. Without it no Task has TimeoutSeconds. Raises KeyError for a function that it leaves out.
    """

    return _written_out(FILE, function_timeouts) | {"TimeoutSeconds": MOST_SECONDS_OF_A_RUN}


def restore_definition(function_timeouts: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The definition of a restore, as `definition`."""
    return _written_out(RESTORE_FILE, function_timeouts) | {"TimeoutSeconds": MOST_SECONDS_OF_A_RESTORE}


def drill_definition(function_timeouts: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The definition of a quarter's restore drill, as `definition`. It lasts a day longer than the restore in it, in
    which the original is read."""
    return _written_out(DRILL_FILE, function_timeouts) | {"TimeoutSeconds": MOST_SECONDS_OF_A_RESTORE + 24 * 3600}


def _written_out(file: Path, function_timeouts: Mapping[str, int] | None) -> dict[str, Any]:
    def written_out(part: dict[str, Any]) -> dict[str, Any]:
        return _with_timeout(_with_retry(part), function_timeouts)

    machine: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"), object_hook=written_out)
    return machine


def _with_retry(part: dict[str, Any]) -> dict[str, Any]:
    """A retrier of `${TransientErrors}` or `${SlowErrors}` in full; what it sets itself, such as MaxAttempts, stays.
    Any other object of the file as it is."""
    retry = _RETRIES.get(part["ErrorEquals"][0]) if "ErrorEquals" in part else None
    return retry | part | {"ErrorEquals": [*retry["ErrorEquals"]]} if retry else part


def _with_timeout(part: dict[str, Any], function_timeouts: Mapping[str, int] | None) -> dict[str, Any]:
    """A Task with the TimeoutSeconds that its function needs. Any other object of the file as it is, also the Tasks
    that wait: for a run, which ends by itself, and for S3, for as long as their input says."""
    waits = "TimeoutSecondsPath" in part
    if function_timeouts is None or waits or "FunctionName" not in part.get("Parameters", {}):
        return part
    (function,) = re.findall(r"\$\{(\w+)\}", part["Parameters"]["FunctionName"])
    return part | {"TimeoutSeconds": function_timeouts[function] + SECONDS_BEYOND_THE_FUNCTION}
