"""Structured logs: JSON lines by Powertools, with the run as correlation id and every known secret replaced.

No secret should reach a log call. This is the second line of defence: values passed to `protect` are replaced wherever
they appear, and so are bearer tokens and signed query strings that were never passed to it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from cloud_sync_common import correlation

BLANK = "***"
_protected: set[str] = set()
_SIGNATURES = re.compile(
    r"(?i)(bearer |gp_access_token=|[?&;](?:signature|x-amz-signature|x-amz-security-token|policy|access_token|sig)=)"
    r"[^\s\"'&;,\\]+"
)


def protect(*secrets: str | None) -> None:
    """From now on, these values do not appear in this process's log. Values of fewer than 8 characters are ignored:
    replacing every occurrence of a few letters would make the log unreadable."""
    for secret in secrets:
        if secret and len(secret) >= 8:
            _protected.update((secret, json.dumps(secret, ensure_ascii=False)[1:-1]))  # as it is, and in JSON


def redact(text: str) -> str:
    """`text` with every protected value, bearer token and URL signature replaced."""
    for secret in sorted(_protected, key=len, reverse=True):  # a long one may begin with a short one
        text = text.replace(secret, BLANK)
    return _SIGNATURES.sub(rf"\1{BLANK}", text)


class _Formatter(LambdaPowertoolsFormatter):
    def serialize(self, log: Any) -> str:
        if correlation.run_id():
            log["correlation_id"] = correlation.run_id()
        return redact(super().serialize(log))


logger = Logger(logger_formatter=_Formatter())
