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


@pytest.mark.parametrize(("fields", "more"), [(40, None), (41, "1 more"), (43, "3 more")])
def test_forty_fields_are_shown_and_the_rest_is_counted(fields: int, more: str | None) -> None:
    shown = shape(json.dumps({f"f{chr(97 + n // 26)}{chr(97 + n % 26)}": n for n in range(fields)}).encode())
    assert shown.pop("...", None) == more and len(shown) == 40


def test_six_levels_are_shown() -> None:
    body: object = "x"
    for _ in range(7):
        body = {"a": body}
    assert shape(json.dumps(body).encode()) == {"a": {"a": {"a": {"a": {"a": {"a": "..."}}}}}}
    assert shape(json.dumps({"a": [[[[["x"]]]]]}).encode())["a"][1][1][1][1] == ["1 of", "text"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a" * 40, "a" * 40),
        ("a" * 41, "a name of 41"),
        ("a1234", "a1234"),
        ("a12345", "a name of 6"),
        ("1a", "a name of 2"),
        ("", "a name of 0"),
        ("_a.b-c", "_a.b-c"),
    ],
)
def test_a_name_that_may_be_data_is_not_shown(name: str, shown: str) -> None:
    assert shape(json.dumps({name: True}).encode()) == {shown: "boolean"}


def test_each_kind_of_value_has_a_word_and_an_empty_list_is_empty() -> None:
    body = {"a": "x", "b": True, "c": 1, "d": 1.5, "e": None, "f": [], "g": {}}
    assert shape(json.dumps(body).encode()) == {
        "a": "text", "b": "boolean", "c": "integer", "d": "number", "e": "null", "f": [], "g": {},
    }  # fmt: skip
