"""A listing that is closed by a feed of changes goes on where its cursor says, and always ends."""

from __future__ import annotations

import pytest
from cloud_sync_common.exceptions import ProviderContractError, ProviderUnavailableError
from cloud_sync_common.file_services.listing_cursor import CURSOR_LIMIT, MOST_EMPTY_PAGES, RESTARTS, FeedCursor
from hypothesis import given
from hypothesis import strategies as st


def test_a_cursor_is_its_text() -> None:
    cursor = FeedCursor().turned("t1", 3).turned("t2", 0).begun(in_feed=True, token="c1").again()
    assert FeedCursor.of(cursor.text()) == cursor
    assert FeedCursor.of(None) == FeedCursor() and FeedCursor().text() == "{}"


@pytest.mark.parametrize("text", ["", "videos 7", "[]", '{"token":7}', "\u00e9"])
def test_the_text_of_another_version_is_the_start(text: str) -> None:
    assert FeedCursor.of(text) == FeedCursor()


@given(before=st.integers(0, 60), length=st.integers(1, 60))
def test_pages_that_lead_in_a_circle_end_wherever_it_begins(before: int, length: int) -> None:
    tokens = [number if number < before else before + (number - before) % length for number in range(10_000)]
    asked: list[int] = []

    def walk() -> None:
        cursor = FeedCursor()
        for token in tokens:
            cursor = cursor.turned(f"t{token}", 1)
            asked.append(token)

    with pytest.raises(ProviderUnavailableError, match="leads back"):
        walk()
    assert len(asked) < 4 * (before + length) + 4


@given(count=st.integers(1, 300))
def test_pages_that_are_all_different_go_on(count: int) -> None:
    cursor = FeedCursor()
    for number in range(count):
        cursor = cursor.turned(f"t{number}", 1)
    assert (cursor.token, cursor.pages) == (f"t{count - 1}", count)


def test_empty_pages_are_counted_in_a_row() -> None:
    cursor = FeedCursor()
    for number in range(MOST_EMPTY_PAGES):
        cursor = cursor.turned(f"a{number}", 0)
    fed = cursor.turned("some", 1)
    assert (cursor.empty, fed.empty) == (MOST_EMPTY_PAGES, 0)
    with pytest.raises(ProviderUnavailableError, match="empty pages"):
        cursor.turned("none", 0)


def test_another_part_begins_without_what_was_noted_of_the_one_before() -> None:
    cursor = FeedCursor().turned("t1", 0).again().turned("t1", 0).begun(in_feed=True, token="t1")
    assert cursor == FeedCursor(in_feed=True, token="t1")


def test_a_part_is_begun_again_a_few_times() -> None:
    cursor = FeedCursor(in_feed=True)
    for restarts in range(1, RESTARTS + 1):
        cursor = cursor.turned("t1", 1).again()
        assert cursor == FeedCursor(in_feed=True, restarts=restarts)
    with pytest.raises(ProviderUnavailableError):
        cursor.again()


def test_a_token_that_is_too_long_to_be_kept_is_an_error() -> None:
    with pytest.raises(ProviderContractError, match="page token"):
        FeedCursor(token="t" * CURSOR_LIMIT).text()
