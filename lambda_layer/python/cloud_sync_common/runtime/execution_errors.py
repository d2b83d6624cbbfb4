"""Errors as Step Functions reports them."""

from __future__ import annotations

import json
from typing import Any

from cloud_sync_common.safe_text import one_line

SENTENCE_LIMIT = 700  # characters


def parse_error_output(error: dict[str, Any]) -> tuple[str, str]:
    """(name, sentence) of an error as Step Functions reports it. For a Lambda function, the cause is JSON that contains
    the sentence (Lambda developer guide, "Python function errors"); any other cause is text."""
    name, cause = str(error.get("Error", "Unknown")), error.get("Cause", "")
    try:
        sentence = json.loads(cause)["errorMessage"]
    except (TypeError, ValueError, KeyError, RecursionError):
        sentence = cause
    return one_line(name), one_line(str(sentence), SENTENCE_LIMIT)
