"""Differences between two documents lose nothing: applied to the one, they give the other."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.golden.differences import Entry, applied, differences
from tests.golden.json_text import WIDTH, one_line, pretty

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("a/~0", max_size=2),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("a/~01", max_size=2), inner, max_size=4),
    max_leaves=25,
)


@given(JSON, JSON)
@example(["a"], ["b", "c", "a"])
@example({"0": [1], "~1": {}}, {"0": [True], "/": {}})
def test_differences_turn_any_document_into_any_other(base: object, other: object) -> None:
    before = one_line(base)
    assert one_line(applied(base, differences(base, other))) == one_line(other)
    assert one_line(base) == before


@given(JSON)
def test_a_document_does_not_differ_from_itself(document: object) -> None:
    assert differences(document, document) == []


@pytest.mark.parametrize(
    ("base", "other", "entries"),
    [
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, [{"at": ["/a", "/b"], "from": 1, "to": 2}]),
        ({"a": 1, "b": 3}, {"a": 2, "b": 2}, [{"at": ["/a"], "from": 1, "to": 2}, {"at": ["/b"], "from": 3, "to": 2}]),
        ({"a": {}}, {}, [{"at": ["/a"], "removed": True}]),
        ({}, {"a/b": {}}, [{"at": ["/a~1b"], "to": {}}]),
        (["a", "c"], ["a", "b", "c"], [{"at": ["/1"], "to": "b"}]),
        (["a", "b", "c"], ["a", "c"], [{"at": [""], "from": ["a", "b", "c"], "to": ["a", "c"]}]),
        ([1], [True], [{"at": ["/0"], "from": 1, "to": True}]),
    ],
)
def test_each_difference_says_where_and_what(base: object, other: object, entries: list[Entry]) -> None:
    assert one_line(differences(base, other)) == one_line(entries)


def test_what_fits_into_a_line_is_on_one_line() -> None:
    key, comma = '  "long": ', 1
    longest = "x" * (WIDTH - len(key) - 2 - comma)
    assert pretty({"short": [1, {"a": 2}]}) == '{"short": [1, {"a": 2}]}'
    assert pretty({"long": longest, "short": []}) == f'{{\n{key}"{longest}",\n  "short": []\n}}'
    assert pretty({"long": [longest], "short": []}) == f'{{\n{key}[\n    "{longest}"\n  ],\n  "short": []\n}}'
