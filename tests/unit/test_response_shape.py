"""What the log shows of an answer that is not understood: its shape and no values."""

from __future__ import annotations

import json

import pytest
from cloud_sync_common.http.response_shape import shape

TOKEN = "eyJhbGciOiJSU0EtT0FFUCJ9.Z28.cHJv.Y2lwaGVy.dGFn"


def test_the_shape_shows_names_and_types_and_no_value() -> None:
    body = {"_pages": {"total_items": 7}, "media": [{"id": "65a0", "size": None, "url": "https://x?Signature=s"}] * 2}
    assert shape(json.dumps(body).encode()) == {
        "_pages": {"total_items": "integer"},
        "media": ["2 of", {"id": "text", "size": "null", "url": "text"}],
    }


@pytest.mark.parametrize(
    "body",
    [
        {"access_token": TOKEN},
        {TOKEN: 1},
        {"by_id": {"65a0f0c2b7e4d1a2c3b40001": {"filename": "Holiday with Anna.MP4"}}},
        [TOKEN, TOKEN],
        TOKEN,
        {"deep": {"a": {"b": {"c": {"d": {"e": {"f": TOKEN}}}}}}},
    ],
)
def test_no_token_id_or_filename_is_shown_in_any_position(body: object) -> None:
    shown = json.dumps(shape(json.dumps(body).encode()))
    assert not any(secret in shown for secret in (TOKEN, "65a0f0c2b7e4d1a2c3b40001", "Anna"))


@pytest.mark.parametrize("body", [b"<html>You are signed in as Anna</html>", b"", b"\xff\xfe"])
def test_only_the_size_is_shown_of_what_is_not_json(body: bytes) -> None:
    assert shape(body) == f"{len(body)} bytes that are not JSON"


def test_what_is_nested_without_end_has_a_shape_too() -> None:
    shown = shape(b'{"id": 1, "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert shown["id"] == "integer" and len(json.dumps(shown)) < 200


def test_a_large_answer_stays_a_short_line() -> None:
    shown = shape(json.dumps({f"field_{chr(97 + n // 26)}{chr(97 + n % 26)}": n for n in range(600)}).encode())
    assert shown["..."] == "560 more" and len(json.dumps(shown)) < 2000
