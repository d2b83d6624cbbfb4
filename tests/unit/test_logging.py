"""Log lines are JSON, carry the run id, and never contain a secret."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cloud_sync_common import correlation, safe_text
from cloud_sync_common.logging_utils import (
    BLANK,
    guard_root_handlers,
    log_what_python_would_print,
    logger,
    protect,
    redact,
)

TOKEN = "eyJhbGciOiJSU0EtT0FFUCJ9.c2VjcmV0.aXY.Y2lwaGVy.dGFn"
LINK = "https://cdn.example/1.mp4?Expires=1&Signature=c2lnbmVk~_-&Key-Pair-Id=K&X-Amz-Signature=0123abcd&sig=zzzz"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    monkeypatch.setattr(safe_text, "_secrets", safe_text._Secrets())
    return written


@contextmanager
def python_prints_nothing() -> Iterator[None]:
    """As in a function: pytest replaces these hooks by its own."""
    with pytest.MonkeyPatch.context() as patch:
        for module, hook in ((threading, "excepthook"), (sys, "unraisablehook"), (logging, "raiseExceptions")):
            patch.setattr(module, hook, getattr(module, hook))
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            log_what_python_would_print()
            yield
            logging.captureWarnings(False)


def only_line(lines: io.StringIO) -> dict[str, object]:
    (line,) = lines.getvalue().splitlines()
    return json.loads(line)


def test_a_line_is_one_json_object_with_level_message_and_extras(lines: io.StringIO) -> None:
    logger.warning("a line\nof two", extra={"media_id": "65a0", "count": 3})
    line = only_line(lines)
    assert (line["level"], line["message"], line["media_id"], line["count"]) == ("WARNING", "a line\nof two", "65a0", 3)


def test_inside_a_run_each_line_carries_its_id_and_outside_none_does(lines: io.StringIO) -> None:
    logger.info("before")
    with correlation.bound_to("run-7"):
        logger.info("inside")
        with correlation.bound_to("run-8"):
            logger.info("deeper")
        logger.info("inside again")
    logger.info("after")
    found = [json.loads(line).get("correlation_id") for line in lines.getvalue().splitlines()]
    assert found == [None, "run-7", "run-8", "run-7", None]


def test_an_exception_also_ends_a_run() -> None:
    with pytest.raises(KeyError), correlation.bound_to("run-7"):
        raise KeyError
    assert correlation.run_id() == ""


@pytest.mark.parametrize("secret", [TOKEN, 'quote"and\\backslash', "Schlüssel-für-alles", "with space/and+plus"])
def test_a_protected_secret_is_in_no_line_wherever_it_is_written(lines: io.StringIO, secret: str) -> None:
    protect(secret)
    logger.info(f"in the message {secret}", extra={"field": secret, "deep": {"list": [f"x{secret}x"]}})
    try:
        raise RuntimeError(f"in an exception {secret}")
    except RuntimeError:
        logger.exception("failed")
    written = lines.getvalue()
    assert secret not in written and json.dumps(secret)[1:-1] not in written
    first, second = (json.loads(line) for line in written.splitlines())
    assert first["message"] == f"in the message {BLANK}"
    assert (first["field"], first["deep"]) == (BLANK, {"list": [f"x{BLANK}x"]})
    assert f"in an exception {BLANK}" in str(second["exception"])


def test_a_secret_that_begins_with_another_one_is_replaced_completely(lines: io.StringIO) -> None:
    protect(TOKEN[:20], TOKEN, TOKEN[:30])
    logger.info(TOKEN)
    assert only_line(lines)["message"] == BLANK


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (f"Authorization: Bearer {TOKEN}", "Authorization: Bearer ***"),
        (f"authorization: bearer {TOKEN} and more", "authorization: bearer *** and more"),
        (f"Cookie: gp_access_token={TOKEN}; gp_user_id=7", "Cookie: gp_access_token=***; gp_user_id=7"),
        (LINK, "https://cdn.example/1.mp4?Expires=1&Signature=***&Key-Pair-Id=K&X-Amz-Signature=***&sig=***"),
        ("https://x/zip?ids=1&access_token=abcdef&page=2", "https://x/zip?ids=1&access_token=***&page=2"),
        ("https://x/?Policy=eyJ0IjoxfQ__&n=1", "https://x/?Policy=***&n=1"),
        ("https://x/1?e=1\\u0026Signature=abc\\u0026k=2", "https://x/1?e=1\\u0026Signature=***\\u0026k=2"),
        ("https://x/1?a=1&X-Goog-Signature=0123&b=2", "https://x/1?a=1&X-Goog-Signature=***&b=2"),
        ("Authorization: Bearer  abc", "Authorization: Bearer  ***"),
        ("{'authorization': b'Basic dXNlcjpw'}", "{'authorization': b'Basic ***'}"),
        (f"sent bearer%20{TOKEN}", "sent bearer%20***"),
        ("refresh_token=abc&grant_type=refresh_token", "refresh_token=***&grant_type=refresh_token"),
        ("Credentials(access_token='abc', user_id='7')", "Credentials(access_token='***', user_id='7')"),
        ("Cookie: gp_access_token = abc; n=1", "Cookie: gp_access_token = ***; n=1"),
        ("Set-Cookie: CloudFront-Signature=abc; path=/", "Set-Cookie: CloudFront-Signature=***; path=/"),
        ("X-Amz-Security-Token: abc", "X-Amz-Security-Token: ***"),
    ],
)
def test_tokens_and_signatures_that_were_not_protected_are_replaced_too(
    lines: io.StringIO, text: str, seen: str
) -> None:
    assert redact(text) == seen
    logger.info(text, extra={"field": text})
    line = only_line(lines)
    assert (line["message"], line["field"]) == (seen, seen)


def test_a_signed_link_in_an_exception_is_replaced_too(lines: io.StringIO) -> None:
    try:
        raise ConnectionError(f"GET {LINK} failed")
    except ConnectionError:
        logger.exception("failed")
    assert "c2lnbmVk" not in lines.getvalue() and "0123abcd" not in lines.getvalue()


def test_short_values_and_none_are_not_replaced(lines: io.StringIO) -> None:
    protect(None, "", "ready", "1234567")
    logger.info("ready at 1234567")
    assert only_line(lines)["message"] == "ready at 1234567"


@pytest.mark.parametrize(
    "text",
    [
        "A policy=none, a signature=plain; see https://example.org/?page=2&signed=no",
        "The bearer token was refused.",
        "Ring Bearer Smith.mp4",
        "Torchbearer 2024.MP4",
        "bearer of-a-very-long-name-without-numbers.mov",
        "the field 'access_token' in the secret; \"access_token\": null",
    ],
)
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


# Other libraries write through the handlers of the root logger, among them Lambda's own.


@pytest.fixture
def root(lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    written = io.StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(written)])
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    guard_root_handlers()
    return written


def test_a_foreign_logger_writes_no_secret(root: io.StringIO) -> None:
    protect(TOKEN)
    try:
        raise RuntimeError(f"in an exception {TOKEN}")
    except RuntimeError:
        logging.getLogger("a.library").exception("headers: %r", {"Authorization": f"Bearer {TOKEN}"})
    assert "headers: " in root.getvalue() and "in an exception ***" in root.getvalue()
    assert TOKEN not in root.getvalue() and TOKEN[:12] not in root.getvalue()


def test_an_unprotected_secret_of_aws_is_recognised_by_its_field(root: io.StringIO) -> None:
    body = json.dumps({"SecretString": json.dumps({"access_token": "never-protected-0", "note": "x"}), "Name": "n"})
    logging.getLogger("a.library").debug("Response body:\n%s", body.encode())
    assert "never-protected-0" not in root.getvalue() and "Response body" in root.getvalue()


def test_a_record_whose_arguments_do_not_fit_is_still_written(root: io.StringIO) -> None:
    record = logging.makeLogRecord({"msg": "two %s %s", "args": ("one",)})
    logging.getLogger().handlers[0].handle(record)
    assert root.getvalue() == "two %s %s\n"


@pytest.mark.parametrize("name", ["urllib3.connectionpool", "requests.sessions"])
def test_a_library_of_http_writes_nothing_at_all(root: io.StringIO, name: str) -> None:
    logging.getLogger(name).error("Failed to parse headers (url=%s): %s", LINK, f"Bearer {TOKEN}")
    assert root.getvalue() == ""


@pytest.mark.parametrize("name", ["botocore.parsers", "boto3.resources", "s3transfer.tasks"])
def test_the_libraries_of_aws_write_warnings_only(root: io.StringIO, name: str) -> None:
    logging.getLogger(name).debug("Response body: SecretString")
    logging.getLogger(name).info("Found credentials")
    logging.getLogger(name).warning("a warning")
    assert root.getvalue() == "a warning\n"


def test_a_line_has_no_character_that_breaks_it_or_turns_its_direction(lines: io.StringIO) -> None:
    logger.info("name", extra={"file": "a\u2028b\u0085c\u202egpj.exe\u200b"})
    assert lines.getvalue().strip().isprintable()
    assert only_line(lines)["file"] == "a\u2028b\u0085c\u202egpj.exe\u200b"


def test_a_line_is_bounded_whatever_it_is_given(lines: io.StringIO) -> None:
    logger.info("type", extra={"type": "x" * 1_000_000, "deep": {"list": ["y" * 1_000_000]}})
    assert len(lines.getvalue()) < 50_000 and "(1000000 characters)" in lines.getvalue()


# What is no call of a logger: Python itself writes it to standard error.


def test_a_warning_of_a_library_is_logged_without_a_secret(
    root: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    protect(TOKEN)
    with python_prints_nothing():
        warnings.warn(f"an odd header: {TOKEN}", UserWarning, stacklevel=1)
    assert "an odd header: ***" in root.getvalue()
    assert TOKEN[:12] not in root.getvalue() + capsys.readouterr().err


def test_an_error_that_ends_a_thread_is_logged_without_a_secret(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    protect(TOKEN)

    def fail() -> None:
        raise RuntimeError(f"in a thread {TOKEN}")

    with python_prints_nothing():
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    assert f"in a thread {BLANK}" in str(only_line(lines)["exception"])
    assert TOKEN[:12] not in lines.getvalue() + capsys.readouterr().err


def test_an_error_that_nobody_can_catch_is_logged_without_a_secret(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    protect(TOKEN)

    class Leaving:
        def __del__(self) -> None:
            raise RuntimeError(f"while leaving {TOKEN}")

    with python_prints_nothing():
        leaving = Leaving()
        del leaving
    assert f"while leaving {BLANK}" in str(only_line(lines)["exception"])
    assert TOKEN[:12] not in lines.getvalue() + capsys.readouterr().err


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(TOKEN)


@pytest.mark.parametrize(("message", "argument"), [("%s", Unprintable()), ("%c", 2**40), (Unprintable(), None)])
def test_a_line_that_cannot_be_written_hurts_nobody_and_shows_nothing(
    root: io.StringIO, capsys: pytest.CaptureFixture[str], message: object, argument: object
) -> None:
    protect(TOKEN)
    with python_prints_nothing():
        logging.getLogger("a.library").error(message, argument)
        logger.error(message, argument)
    assert "RuntimeError" not in root.getvalue() and TOKEN not in root.getvalue() + capsys.readouterr().err


CYCLE: dict[str, object] = {}
CYCLE["itself"] = CYCLE


@pytest.mark.parametrize(
    "value", [TOKEN.encode(), {(TOKEN, 1): [TOKEN]}, {1, TOKEN}, RuntimeError(TOKEN), Unprintable(), CYCLE]
)
def test_whatever_a_library_adds_to_a_record_hurts_nobody_and_shows_nothing(root: io.StringIO, value: object) -> None:
    protect(TOKEN)
    logging.getLogger().handlers[0].setFormatter(logging.Formatter("%(message)s %(added)s"))
    logging.getLogger("a.library").error("a line", extra={"added": value})
    assert root.getvalue().startswith("a line ") and TOKEN[:12] not in root.getvalue()


@pytest.mark.parametrize("text", ["\\" * 200_000, "\\" * 200_000 + '"access_token', '"access_token":"' * 20_000])
def test_no_text_keeps_the_redaction_busy(text: str) -> None:
    begin = time.process_time()
    redact(text)
    assert time.process_time() - begin < 2


def test_a_function_prints_nothing_by_itself() -> None:
    source = "import warnings, cloud_sync_common.composition; warnings.warn('header: Bearer 123abcdefghijklmnopq')"
    here = {"PYTHONPATH": os.pathsep.join(sys.path), "LAMBDA_TASK_ROOT": "/var/task", "AWS_XRAY_SDK_ENABLED": "false"}
    ran = subprocess.run([sys.executable, "-c", source], check=True, env=os.environ | here, capture_output=True)
    assert b"123abc" not in ran.stdout + ran.stderr
