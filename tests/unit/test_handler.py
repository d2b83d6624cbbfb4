"""What every handler does: our errors pass by name, foreign ones lose their text, results become JSON."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import pytest
from cloud_sync_common import correlation
from cloud_sync_common.exceptions import (
    CloudSyncError,
    ConfigurationError,
    CredentialsExpiredError,
    ProviderThrottledError,
    UnexpectedError,
)
from cloud_sync_common.logging_utils import logger, protect
from cloud_sync_common.provider_interface import Filters, MediaItem
from cloud_sync_common.runtime.handler import decode, lambda_handler

TOKEN = "eyJhbGciOiJSU0EtT0FFUCJ9.ZG9vcg.aXY.Y2lwaGVy.dGFn"
LINK = "https://cdn.example/1.mp4?Expires=1&Signature=c2lnbmVk&Key-Pair-Id=K"


class Context:
    function_name, memory_limit_in_mb, aws_request_id = "a-function", 512, "request-1"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:a-function"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Result(msgspec.Struct):
    status: str
    filters: Filters
    media: MediaItem | None = None


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    return written


def raising(error: Exception) -> Any:
    @lambda_handler
    def handler(_event: Any, _context: Any) -> Any:
        raise error

    return handler


def test_a_struct_becomes_json() -> None:
    @lambda_handler
    def handler(_event: Any, _context: Any) -> Result:
        return Result("DONE", Filters(media_ids=("a", "b")), MediaItem(media_id="a", filename="x.mp4"))

    found = handler({"run_id": "run-1"}, Context())
    assert json.loads(json.dumps(found)) == {
        "status": "DONE",
        "filters": {"media_ids": ["a", "b"]},
        "media": {"media_id": "a", "filename": "x.mp4"},
    }


def test_a_result_that_json_cannot_express_is_a_defect() -> None:
    @lambda_handler
    def handler(_event: Any, _context: Any) -> Any:
        return {"handle": object()}

    with pytest.raises(UnexpectedError):
        handler({}, Context())


@pytest.mark.parametrize(
    "error", [CredentialsExpiredError("Sign in."), ConfigurationError("Fix it."), ProviderThrottledError("Slow.", 3.0)]
)
def test_our_own_errors_pass_unchanged(lines: io.StringIO, error: CloudSyncError) -> None:
    with pytest.raises(type(error)) as failure:
        raising(error)({"run_id": "run-1"}, Context())
    assert failure.value is error
    (line,) = (json.loads(text) for text in lines.getvalue().splitlines())
    assert (line["message"], line["error"], line["category"]) == (str(error), type(error).__name__, error.category)


@pytest.mark.parametrize("error", [ValueError(f"bad {LINK}"), KeyError(TOKEN), ConnectionError(f"Bearer {TOKEN}")])
def test_a_foreign_exception_becomes_an_unexpected_error_without_its_text(lines: io.StringIO, error: Exception) -> None:
    protect(TOKEN)
    with pytest.raises(UnexpectedError) as failure:
        raising(error)({"run_id": "run-1"}, Context())
    sentence = str(failure.value)
    assert type(error).__name__ in sentence and "see the log" in sentence
    assert failure.value.__cause__ is None and failure.value.__suppress_context__
    for text in (sentence, lines.getvalue()):
        assert TOKEN not in text and "c2lnbmVk" not in text and "cdn.example/1.mp4?Expires=1&Sig" not in sentence
    (line,) = (json.loads(text) for text in lines.getvalue().splitlines())
    assert line["error"] == type(error).__name__ and "test_handler.py" in str(line["exception"])


def test_every_line_carries_the_run_and_the_invocation(lines: io.StringIO) -> None:
    @lambda_handler
    def handler(_event: Any, _context: Any) -> dict[str, str]:
        logger.info("inside")
        return {"run": correlation.run_id()}

    assert handler({"run_id": "run-1"}, Context()) == {"run": "run-1"}
    assert handler({"run_id": "run-2"}, Context()) == {"run": "run-2"}
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["correlation_id"] for line in found] == ["run-1", "run-2"]
    assert {line["function_request_id"] for line in found} == {"request-1"}
    assert correlation.run_id() == ""


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"run_id": "r", "provider": "dropbox"}, "dropbox"),
        ({"run_id": "r", "input": {"provider": "google_drive"}}, "google_drive"),
        ({"run_id": "r", "state": {"provider": "gopro"}}, "gopro"),
        ({"run_id": "r", "state": {"provider": 3}, "input": []}, None),
        ({"run_id": "r", "provider": "x" * 100}, "x" * 64),
        ({"run_id": "r"}, None),
        (None, None),
    ],
)
def test_every_line_names_the_provider_that_the_event_is_about(
    lines: io.StringIO, event: Any, expected: str | None
) -> None:
    @lambda_handler
    def handler(_event: Any, _context: Any) -> None:
        logger.info("inside")

    handler(event, Context())
    assert json.loads(lines.getvalue()).get("provider") == expected
    assert correlation.provider() == ""


@pytest.mark.parametrize("event", [{}, None, [], "text", {"run_id": None}])
def test_an_event_of_any_shape_reaches_the_handler(event: Any) -> None:
    @lambda_handler
    def handler(given: Any, _context: Any) -> dict[str, Any]:
        return {"given": given, "run": correlation.run_id()}

    assert handler(event, Context()) == {"given": event, "run": ""}


class Request(msgspec.Struct):
    run_id: str
    attempts: int = 0


def test_a_request_that_fits_is_decoded() -> None:
    assert decode({"run_id": "run-1", "attempts": 2, "more": "ignored"}, Request) == Request("run-1", 2)


@pytest.mark.parametrize(
    ("event", "named"),
    [
        ({}, "run_id"),
        ({"run_id": 7}, "run_id"),
        ({"run_id": "r", "attempts": "two"}, "attempts"),
        (None, "object"),
        ("text", "object"),
    ],
)
def test_a_request_that_does_not_fit_names_the_field_and_not_its_value(event: Any, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as failure:
        decode(event, Request)
    assert "two" not in str(failure.value)
