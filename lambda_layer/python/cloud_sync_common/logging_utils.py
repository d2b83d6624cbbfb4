"""Structured logs: JSON lines by Powertools, with the run as correlation id and every known secret replaced.

No secret should reach a log call. This is the second line of defence: values passed to `protect` are replaced wherever
they appear, and so are bearer tokens and signed query strings that were never passed to it. It holds for our own
logger, for what other libraries write through the handlers of the root logger, and for what Python itself would print:
warnings, and errors that end a thread or that nobody can catch.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from cloud_sync_common import correlation
from cloud_sync_common.safe_text import BLANK, escape_unseen, protect, redact, redacted

__all__ = ["BLANK", "guard_root_handlers", "log_what_python_would_print", "logger", "protect", "redact"]

_LONGEST = 20_000  # characters of one text in a line: a traceback has fewer, and CloudWatch takes 256 KiB for all
# urllib3 warns of a malformed answer with its raw headers; botocore writes whole answers at DEBUG, secrets included.
_SILENT, _QUIET = ("urllib3", "requests"), ("botocore", "boto3", "s3transfer")
_STANDARD = frozenset(vars(logging.makeLogRecord({})))


class _Formatter(LambdaPowertoolsFormatter):
    def serialize(self, log: Any) -> str:
        if correlation.run_id():
            log["correlation_id"] = correlation.run_id()
        if correlation.provider():
            log["provider"] = correlation.provider()
        return escape_unseen(redact(super().serialize(_bounded(redacted(log)))))


def _bounded(value: Any) -> Any:
    """`value` with every text in it cut to a length that a log can take."""
    match value:
        case str() if len(value) > _LONGEST:
            return f"{value[:_LONGEST]}… ({len(value)} characters)"
        case dict():
            return {name: _bounded(content) for name, content in value.items()}
        case list() | tuple():
            return [_bounded(content) for content in value]
    return value


class _Redaction(logging.Filter):
    """Gives a handler a copy of each record in which no secret is left."""

    def filter(self, record: logging.LogRecord) -> logging.LogRecord:
        in_the_text = dict.fromkeys(("args", "exc_info", "exc_text", "stack_info"))
        safe = logging.makeLogRecord(vars(record) | in_the_text | {"msg": redact(_text(record))})
        for name in set(vars(safe)) - _STANDARD:
            setattr(safe, name, _redacted(getattr(safe, name)))
        return safe


def _redacted(value: Any) -> Any:
    """A value that another library adds to a record, whatever it is."""
    try:
        return redacted(value)
    except Exception:  # of a foreign object, or of a value that contains itself
        return _unwritable(value)


def _unwritable(value: object) -> str:
    return f"what cannot be written ({type(value).__name__})"


def _text(record: logging.LogRecord) -> str:
    """The message with its traceback; without its arguments where they do not fit, or cannot be written."""
    try:
        return logging.Formatter("%(message)s").format(logging.makeLogRecord(vars(record)))
    except Exception:  # of a foreign object; a line that cannot be written must not stop what is logged
        return record.msg if isinstance(record.msg, str) else _unwritable(record.msg)


_redaction = _Redaction()


def guard_root_handlers() -> None:
    """No handler of the root logger, Lambda's own included, writes a secret from now on."""
    for handler in (*logging.getLogger().handlers, logging.lastResort):
        if handler is not None and _redaction not in handler.filters:
            handler.addFilter(_redaction)


def _cap_libraries() -> None:
    """What other libraries may log, whatever the level of the root logger: of HTTP nothing, of AWS's only warnings."""
    for name in _SILENT:
        library = logging.getLogger(name)
        library.propagate = False
        library.setLevel(logging.CRITICAL)
        library.addHandler(logging.NullHandler())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_what_python_would_print() -> None:
    """What Python writes to standard error by itself, which is the log of a function, becomes lines of the log: a
    warning, an error that ends a thread, one that nobody can catch. A line that cannot be written is left out, because
    Python would print its arguments."""
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    threading.excepthook = sys.unraisablehook = _log_lost


def _log_lost(lost: Any) -> None:
    """`lost` is what Python gives either hook."""
    error = lost.exc_value or lost.exc_type()
    logger.error("an error that nothing has caught", exc_info=(type(error), error, lost.exc_traceback))


logger = Logger(logger_formatter=_Formatter())
guard_root_handlers()
_cap_libraries()
