"""A thousand shapes of secret are tried through every way out: none leaves, whole, in part or written another way."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import re
import string
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from aws_xray_sdk.core import xray_recorder
from cloud_sync_common import safe_text
from cloud_sync_common.exceptions import ProviderContractError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.runtime.execution_errors import parse_error_output
from cloud_sync_common.runtime.handler import lambda_handler
from cloud_sync_common.safe_text import one_line, protect, redact
from cloud_sync_common.xray_utils import _name
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.test_handler import Context

type WayOut = Callable[[str], str]

TOKENS = st.text(string.ascii_letters + string.digits + "-._~+/=", min_size=8, max_size=300)
ODD = st.text(st.characters(exclude_categories=("Cs",)), min_size=8, max_size=80)
BREAKS = st.sampled_from(["\n", "\r\n", " \n  ", "\u2028", "\u0085", "\t", "\u200b", "…", "”"])
WRAPPED = st.builds(lambda one, gap, two: one + gap + two, TOKENS, BREAKS, TOKENS)
SECRETS = (TOKENS | ODD | WRAPPED).filter(lambda secret: len(set(secret)) > 4)
# What becomes of a secret, and of nothing else, in the text of somebody else.
WAYS_TO_WRITE: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON without ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON within JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "in a URL": lambda text: quote(text, safe=""),
    "in a URL in small letters": lambda text: quote(text, safe="").lower(),
    "in a form": quote_plus,
    "in a URL within a URL": lambda text: quote(quote(text, safe=""), safe=""),
    "HTML": html.escape,
    "Python": lambda text: repr(text)[1:-1],
    "Python's bytes": lambda text: repr(text.encode())[2:-1],
    "hexadecimal": lambda text: text.encode().hex().upper(),
    "Base64": lambda text: base64.b64encode(text.encode()).decode(),
    "Base64 after a user": lambda text: base64.b64encode(f"user:{text}".encode()).decode()[7:],
    "Base64 before more": lambda text: base64.urlsafe_b64encode(f"ab{text}:more".encode()).decode()[3:-8],
    "in capitals": lambda text: text.upper() if text.isascii() else text,
}


def in_a_log_line(text: str) -> str:
    return _logged(lambda: logger.warning(text, extra={"field": text, "deep": [{"x": text}]}))


def in_a_traceback(text: str) -> str:
    def fail() -> None:
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception("failed")

    return _logged(fail)


def _logged(act: Callable[[], None]) -> str:
    handler, written = logger.registered_handler, io.StringIO()
    before = handler.setStream(written)  # type: ignore[attr-defined]
    act()
    handler.setStream(before)  # type: ignore[attr-defined]
    return written.getvalue()


def by_a_foreign_logger(text: str) -> str:
    written = io.StringIO()
    handler, root = logging.StreamHandler(written), logging.getLogger()
    root.addHandler(handler)
    try:
        lambda_handler(lambda event, _context: event)({}, Context())  # each invocation begins with it
        logging.getLogger("a.library").error("headers %s", text, extra={"more": text})
    finally:
        root.removeHandler(handler)
    return written.getvalue()


def as_a_cause(text: str) -> str:
    @lambda_handler
    def handler(_event: Any, _context: Any) -> None:
        raise ProviderContractError(f"The provider says {text}.")

    with pytest.raises(ProviderContractError) as failure:
        handler({}, Context())
    return str(failure.value)


def in_a_state(text: str) -> str:
    return json.dumps(lambda_handler(lambda event, _context: {"found": [text, {text: text}]})({}, Context()))


def in_a_row(text: str) -> str:
    return parse_error_output({"Error": "E", "Cause": json.dumps({"errorMessage": text})})[1]


def in_a_mail(text: str) -> str:
    return one_line(text, 10_000)


def in_a_trace(text: str) -> str:
    return _name(text)


WAYS_OUT: list[WayOut] = [
    in_a_log_line, in_a_traceback, by_a_foreign_logger, as_a_cause, in_a_state, in_a_row, in_a_mail, in_a_trace,
]  # fmt: skip


@pytest.fixture(autouse=True)
def quiet() -> None:
    xray_recorder.configure(context_missing="IGNORE_ERROR")


def pieces(text: str) -> set[str]:
    """What a reader could still use: any twelve consecutive characters, and all of them."""
    return {text, *(text[at : at + 12] for at in range(max(0, len(text) - 11)))}


@pytest.mark.parametrize("way_out", WAYS_OUT)
@given(secret=SECRETS, written=st.sampled_from(sorted(WAYS_TO_WRITE)))
@example(secret="first-half-of-a-token\nsecond", written="as it is")
@example(secret="eyJhbGciOi.first\r\n   second-half", written="JSON")
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_secret_leaves_by_any_way_in_any_form(way_out: WayOut, secret: str, written: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(safe_text, "_secrets", safe_text._Secrets())
        protect(secret)
        foreign = WAYS_TO_WRITE[written](secret)
        left, without = way_out(f"({foreign})"), way_out("()")
    shortest = 12 if "more" in written else 8  # the end of a Base64 text depends on what follows
    assert not {piece for piece in pieces(foreign) if len(piece) >= shortest and piece in left and piece not in without}


@given(secret=TOKENS.filter(lambda token: len(set(token)) > 4), start=st.integers(0, 280), length=st.integers(12, 300))
@example(secret="0+000000000123", start=1, length=13)  # what is repeated fits an encoded form first
@settings(deadline=None, max_examples=300)
def test_no_part_of_twelve_characters_is_left(secret: str, start: int, length: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(safe_text, "_secrets", safe_text._Secrets())
        protect(secret)
        part = secret[start : start + length]
        left = redact(f"the provider cut it to ({part}) here")
    assert len(part) < 12 or left == "the provider cut it to (***) here"


def test_the_second_half_of_a_wrapped_token_is_known_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_text, "_secrets", safe_text._Secrets())
    protect("eyJhbGciOiJSU0EtT0FFUCJ9\n  dGFnXy")
    assert redact("Invalid header: dGFnXy after eyJhbGciOiJSU0EtT0FFUCJ9") == "Invalid header: *** after ***"


def test_foreign_text_becomes_one_printable_line_of_bounded_length() -> None:
    assert one_line("a.mp4\r\n\r\nNext step:\u2028sign\u0085in\x00") == "a.mp4 Next step: sign in"
    assert one_line("holiday\u202e4pm.exe\u2066\u200b\ufeff") == "holiday4pm.exe"
    assert one_line("x" * 5000, 20) == "x" * 19 + "…"
    assert one_line("\ud800 Über 🏔 видео") == "Über 🏔 видео"


@given(text=st.text())
@settings(deadline=None)
def test_one_line_is_printable_and_bounded_whatever_it_is_given(text: str) -> None:
    line = one_line(text, 50)
    assert line.isprintable() and len(line) <= 50


@given(text=st.from_regex(safe_text._SIGNATURES) | st.from_regex(safe_text._FIELDS))
@example(text="?ſİG=abc")
@example(text="authorization: basic abc")
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_what_has_the_place_of_a_token_is_always_looked_at(text: str) -> None:
    assert safe_text._may_name(text) and safe_text._A_PLACE.search(text)


def test_the_letters_beyond_ascii_that_stand_for_others_are_known() -> None:
    letters = re.compile("[a-z]", re.IGNORECASE)
    found = {chr(code) for code in range(128, sys.maxunicode + 1) if letters.fullmatch(chr(code))}
    assert found == set(safe_text._SAME_LETTERS)


def test_a_line_without_secrets_is_recognised_as_such_by_neither_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of an item in a long list, in which everything is looked at."""
    monkeypatch.setattr(safe_text, "_secrets", safe_text._Secrets())
    monkeypatch.setattr(safe_text, "_SIGNATURES", None)
    monkeypatch.setattr(safe_text, "_FIELDS", None)
    line = json.dumps({"provider": "gopro", "media_id": "item-1", "filename": "GX0100über.MP4", "month": "2026-05"})
    assert redact(line) == line and one_line("a\tb") == "a b"
