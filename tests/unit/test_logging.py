"""Log lines are JSON, carry the run id, and never contain a secret."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
from cloud_sync_common import correlation, logging_utils
from cloud_sync_common.logging_utils import BLANK, logger, protect, redact

TOKEN = "eyJhbGciOiJSU0EtT0FFUCJ9.c2VjcmV0.aXY.Y2lwaGVy.dGFn"
LINK = "https://cdn.example/1.mp4?Expires=1&Signature=c2lnbmVk~_-&Key-Pair-Id=K&X-Amz-Signature=0123abcd&sig=zzzz"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    monkeypatch.setattr(logging_utils, "_protected", set())
    return written


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


def test_text_without_secrets_stays_as_it_is() -> None:
    text = "A policy=none, a signature=plain; see https://example.org/?page=2&signed=no"
    assert redact(text) == text
