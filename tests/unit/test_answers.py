"""Answers of an API: their status, the JSON in them, and when an answer means that the API has changed."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_sync_common.exceptions import ProviderContractError, ProviderThrottledError, ProviderUnavailableError
from cloud_sync_common.http.answers import changed, is_page, json_object, oauth_code, rows_in
from cloud_sync_common.http.client import refuse_when_busy

from tests.unit.gopro_service import answer


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 599])
def test_a_server_that_cannot_answer_now_is_unavailable(status: int) -> None:
    with pytest.raises(ProviderUnavailableError, match=f"answered {status} to a call"):
        refuse_when_busy(status, {}, "a call")


def test_a_server_that_asks_to_slow_down_says_for_how_long() -> None:
    with pytest.raises(ProviderThrottledError) as failure:
        refuse_when_busy(429, {"retry-after": "7"}, "a call")
    assert failure.value.retry_after == 7.0


@pytest.mark.parametrize("status", [200, 206, 301, 400, 401, 403, 404, 407, 409, 424, 426, 428, 430, 499])
def test_every_other_status_is_for_the_caller_to_judge(status: int) -> None:
    refuse_when_busy(status, {"retry-after": "7"}, "a call")


def test_the_object_in_an_answer_is_taken_out_of_it() -> None:
    assert json_object(answer({"a": 1}), "a call") == {"a": 1} and json_object(answer({}), "a call") == {}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b"null", b'"text"'])
def test_an_answer_without_an_object_has_another_shape(body: bytes) -> None:
    with pytest.raises(ProviderContractError, match="answer to a call has a different shape: its API"):
        json_object(answer(body), "a call")


def test_rows_that_are_no_objects_are_rows_without_fields() -> None:
    rows: list[Any] = [{"id": 1}, 7, None, [], {"id": None}]
    assert rows_in(rows, ("id",), answer(), "a call") == [{"id": 1}, {}, {}, {}, {"id": None}]
    assert rows_in([], ("id",), answer(), "a call") == []


@pytest.mark.parametrize("rows", [None, {}, "rows", 7])
def test_an_answer_without_a_list_of_rows_has_another_shape(rows: Any) -> None:
    with pytest.raises(ProviderContractError, match="its rows are missing"):
        rows_in(rows, ("id",), answer(), "a call")


@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        ([{"id": 1}, {"type": 2}], None),
        ([{"id": None, "type": None}], None),
        ([{"id": 1}, {"id": 2}], "type"),
        ([{"type": 1}, {"type": 2}], "id"),
        ([7, 7], "id"),
        ([{"type": 1}], None),  # what a single row lacks concerns that row
    ],
)
def test_a_field_that_decides_has_to_be_in_some_row(rows: list[Any], missing: str | None) -> None:
    if missing is None:
        assert len(rows_in(rows, ("id", "type"), answer(), "a call")) == len(rows)
        return
    with pytest.raises(ProviderContractError, match=f"no longer has the field '{missing}'"):
        rows_in(rows, ("id", "type"), answer(), "a call")


def test_a_changed_api_is_logged_by_the_shape_of_its_answer_and_by_no_value(caplog: pytest.LogCaptureFixture) -> None:
    error = changed(answer({"token": "secret"}, 418, Content_Type="TEXT/HTML; charset=x"), "a call", "It is odd")
    kept = changed(answer(), "a call", "It is odd", "all is kept.")
    assert str(error).startswith("It is odd: its API") and str(error).endswith("nothing was lost.")
    assert str(kept).endswith("all is kept.")
    line = vars(caplog.records[0])
    assert (line["doing"], line["status"], line["content_type"]) == ("a call", 418, "text/html")
    assert line["shape"] == {"token": "text"} and "secret" not in str(line)


@pytest.mark.parametrize(
    ("kind", "page"), [("text/html", True), ("TEXT/HTML; charset=x", True), ("application/xhtml+xml", True),
                       ("application/json", False), (None, False)]
)  # fmt: skip
def test_a_page_for_people_is_known_by_its_type(kind: str | None, page: bool) -> None:
    assert is_page(answer(**({"Content_Type": kind} if kind else {}))) == page


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"error": "invalid_grant"}, "invalid_grant"),
        ({"error": "of_its_own"}, "of_its_own"),
        ({"error": "unheard_of"}, ""),
        ({"error": "Invalid"}, ""),
        ({"error": ""}, ""),
        ({"error": 7}, ""),
        ({"error": "free text"}, ""),
        ({"other": "invalid_grant"}, ""),
        ([], ""),
        (b"<html>", ""),
    ],
)
def test_an_oauth_error_is_its_code_and_never_free_text(body: Any, word: str) -> None:
    assert oauth_code(answer(body, 400), "of_its_own") == word
