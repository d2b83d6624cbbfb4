"""JSON as services really send it: what is odd spoils one value, and nothing around it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloud_sync_common.http.loose_json import LARGEST, LEVELS, as_object, decode, secret, text, whole_number
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("odd", "read"),
    [
        (b'"caf\xe9"', "caf\N{REPLACEMENT CHARACTER}"),
        (b'"a\\ud800b"', "a\N{REPLACEMENT CHARACTER}b"),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b"1e5", 100_000.0),
        (b"1" * 5_000, None),
        (b"NaN", None),
        (b"-Infinity", None),
        (b'"' + b"x" * 20_000 + b'"', "x" * 20_000),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_an_odd_value_is_read_as_far_as_it_can_be_and_its_neighbours_stay(odd: bytes, read: Any) -> None:
    assert decode(b'{"before": 1, "odd": ' + odd + b', "after": "2"}') == {"before": 1, "odd": read, "after": "2"}


@pytest.mark.parametrize("brackets", [b"[%s]", b'{"a":%s}'])
def test_what_is_nested_without_end_is_left_out_and_its_neighbours_stay(brackets: bytes) -> None:
    opening, closing = brackets.split(b"%s")
    deep = opening * 100_000 + b'"] \\" }"' + closing * 100_000
    found = decode(b'[{"id": "1", "deep": ' + deep + b'}, {"id": "2"}]')
    assert [row["id"] for row in found] == ["1", "2"]
    assert len(json.dumps(found)) < 20 * LEVELS


def test_a_byte_order_mark_is_nothing() -> None:
    assert decode(b'\xef\xbb\xbf{"id": 1}') == {"id": 1}


@pytest.mark.parametrize(
    "body", [b"", b"\xef\xbb\xbf", b"<html>", b'{"a": ', b"[" * 100_000, b'"open', b"{}{}", b"\xff\xfe"]
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever its text
        decode(body)


@given(st.binary())
def test_bytes_of_any_kind_give_a_value_or_are_refused(body: bytes) -> None:
    try:
        decode(body)
    except ValueError:
        return


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(0, LARGEST), st.lists))
def test_ordinary_json_is_read_as_it_is(value: Any) -> None:
    assert decode(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7), (7.0, 7), ("7", 7), (" 7 ", 7), ("7.0", 7), (1e5, 100_000), (0, 0),
        (None, None), ("", None), ("seven", None), (7.5, None), (-1, None), (True, None), ([7], None), ({}, None),
        (float("inf"), None), (1e300, None), ("9" * 5_000, None), ("²", None), (LARGEST + 1, None),
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_a_number_comes_as_a_number_as_text_or_as_a_float(value: Any, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "read"),
    [("a", "a"), ("", ""), (7, "7"), (7.0, "7"), (None, None), (True, None), ([], None), ({}, None),
     ("x" * 1_025, None), (10**400, None), (float("nan"), None)],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_text_comes_as_text_or_as_a_number(value: Any, read: str | None) -> None:
    assert text(value) == read


@pytest.mark.parametrize(("levels", "kept"), [(LEVELS, True), (LEVELS + 1, False)])
def test_so_many_levels_are_kept_and_the_next_one_is_null(levels: int, kept: bool) -> None:
    inside: Any = decode(b'{"odd": NaN, "deep": ' + b"[" * (levels - 1) + b"7" + b"]" * (levels - 1) + b"}")["deep"]
    for _ in range(LEVELS - 2):
        inside = inside[0]
    assert inside == ([7] if kept else [None])


def test_brackets_and_quotes_in_text_are_no_levels() -> None:
    text = '[{"' * LEVELS + "\\"
    assert decode(b"[NaN, %s, 7]" % json.dumps(text).encode()) == [None, text, 7]


def test_after_what_was_left_out_everything_is_read_as_before() -> None:
    deep = b"[" * (LEVELS + 5) + b"]" * (LEVELS + 5)
    assert decode(b'{"a": %s, "b": {"c": [1, NaN]}, "d": %s, "e": 2}' % (deep, deep))["b"] == {"c": [1, None]}


@pytest.mark.parametrize(("digits", "read"), [(20, int("9" * 20)), (21, None)])
def test_a_number_may_have_a_digit_more_than_the_largest(digits: int, read: int | None) -> None:
    assert decode(b"[NaN, %s]" % (b"9" * digits)) == [None, read]


@pytest.mark.parametrize(
    ("value", "read"),
    [("x" * 1024, "x" * 1024), (LARGEST, str(LARGEST)), (-LARGEST, str(-LARGEST)), (LARGEST + 1, None),
     (-LARGEST - 1, None), (False, None), (7.5, None), (-7, "-7")],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_text_has_limits(value: Any, read: str | None) -> None:
    assert text(value) == read


def test_whoever_asks_may_set_another_limit_for_text() -> None:
    assert (text("abc", 3), text("abc", 2), text(123, 3), text(123, 2)) == ("abc", None, "123", None)


@pytest.mark.parametrize(
    ("value", "number"),
    [("+7", 7), ("7.000", 7), ("7.", 7), ("7.5", None), ("-7", None), ("0" * 29 + "7", 7), ("0" * 30 + "7", None),
     (LARGEST, LARGEST), (0.0, 0), (-1.0, None), (False, None)],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_a_number_has_limits(value: Any, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "token"),
    [("abc", "abc"), (" abc\n", "abc"), ("!~", "!~"), ("a b", None), ("", None), ("  ", None), ("a\x7f", None),
     ("\u00e4", None), (7, None), (None, None), ("x" * 16_384, "x" * 16_384), ("x" * 16_385, None)],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_a_token_is_what_a_header_can_carry(value: Any, token: str | None) -> None:
    assert secret(value) == token


@pytest.mark.parametrize("value", [None, [], "a", 7, [{}]])
def test_what_is_no_object_is_an_empty_one(value: Any) -> None:
    assert as_object(value) == {} and as_object({"a": 1}) == {"a": 1}


def test_a_raw_control_character_concerns_the_value_that_it_is_in() -> None:
    found = decode(b'{"rows": [{"id": "a\x01\x1f\nb"}, {"id": "c"}]}')
    assert found == {"rows": [{"id": "a\x01\x1f\nb"}, {"id": "c"}]}
