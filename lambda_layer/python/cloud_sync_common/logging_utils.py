"""Structured logs: JSON lines by Powertools, with the run as correlation id, and with every known secret blanked out.

No secret should ever reach a log call. This is the net under that rule: values that pass `protect` are replaced
wherever they appear, and so are bearer tokens and signed query strings that nobody announced.
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
    """These values never appear in a log line of this process from now on. Short ones are left: blanking every
    occurrence of a few letters would eat the log."""
    for secret in secrets:
        if secret and len(secret) >= 8:
            _protected.update((secret, json.dumps(secret, ensure_ascii=False)[1:-1]))  # as it is, and as in a line


def redact(text: str) -> str:
    """`text` without any protected value, bearer token or URL signature."""
    for secret in sorted(_protected, key=len, reverse=True):  # a longer one may begin with a shorter one
        text = text.replace(secret, BLANK)
    return _SIGNATURES.sub(rf"\1{BLANK}", text)


class _Formatter(LambdaPowertoolsFormatter):
    def serialize(self, log: Any) -> str:
        if correlation.run_id():
            log["correlation_id"] = correlation.run_id()
        return redact(super().serialize(log))


logger = Logger(logger_formatter=_Formatter())
