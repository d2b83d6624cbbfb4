"""Errors as Step Functions reports them, and those that must not keep a report from being sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cloud_sync_common.exceptions import CloudSyncError
from cloud_sync_common.logging_utils import logger
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


@contextmanager
def going_on() -> Iterator[None]:
    """Logs an error of the block instead of raising it: an alert matters more than numbers, counts and notes."""
    try:
        yield
    except CloudSyncError as error:
        logger.error("a step of the report failed", exc_info=error, extra={"category": error.category})
    except Exception as error:  # whatever it is: without the alert nobody would look for it
        logger.exception("a step of the report failed", extra={"error": type(error).__name__})
