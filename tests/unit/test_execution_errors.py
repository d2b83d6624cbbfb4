"""Errors as Step Functions reports them: a name and a sentence, whatever they hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloud_sync_common.runtime.execution_errors import SENTENCE_LIMIT, parse_error_output


@pytest.mark.parametrize(
    ("error", "found"),
    [
        ({"Error": "E", "Cause": json.dumps({"errorMessage": "It is so.", "errorType": "E"})}, ("E", "It is so.")),
        ({"Error": "E", "Cause": "plain text"}, ("E", "plain text")),
        ({"Error": "E", "Cause": json.dumps({"other": 1})}, ("E", '{"other": 1}')),
        ({"Error": "E", "Cause": json.dumps(["errorMessage"])}, ("E", '["errorMessage"]')),
        ({"Error": "E", "Cause": json.dumps({"errorMessage": 7})}, ("E", "7")),
        ({"Error": "E", "Cause": None}, ("E", "None")),
        ({"Error": "E"}, ("E", "")),
        ({"Error": "E", "Cause": "[" * 100_000}, ("E", "[" * (SENTENCE_LIMIT - 1) + "…")),
        ({}, ("Unknown", "")),
        ({"Error": "two\nlines", "Cause": "two\nlines"}, ("two lines", "two lines")),
    ],
)
def test_an_error_has_a_name_and_a_sentence(error: dict[str, Any], found: tuple[str, str]) -> None:
    assert parse_error_output(error) == found


@pytest.mark.parametrize(("length", "whole"), [(SENTENCE_LIMIT, True), (SENTENCE_LIMIT + 1, False)])
def test_a_sentence_has_at_most_its_limit(length: int, whole: bool) -> None:
    _, sentence = parse_error_output({"Error": "E", "Cause": "a" * length})
    assert len(sentence) <= SENTENCE_LIMIT and (sentence == "a" * length) == whole
