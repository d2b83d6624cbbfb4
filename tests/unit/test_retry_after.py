"""Retry-After in both of its forms, and whatever else a server writes there (RFC 9110, 10.2.3)."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from cloud_sync_common.http.client import retry_after
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(("value", "seconds"), [("0", 0.0), ("7", 7.0), (" 120 ", 120.0), ("21600", 21600.0)])
def test_a_number_is_seconds(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}) == seconds


@pytest.mark.parametrize("value", ["21601", "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_no_wait_is_longer_than_six_hours(value: str) -> None:
    assert retry_after({"retry-after": value}) == 21600.0


def test_a_date_is_the_time_until_then() -> None:
    seconds = retry_after({"retry-after": formatdate(time.time() + 40, usegmt=True)})
    assert seconds is not None and 30 < seconds <= 41


def test_a_date_that_has_passed_is_no_wait() -> None:
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "-1", "1.5", "7, 7", "²", "Wed, 32 Oct 2015 07:28:00 GMT"),
        *(f"Wed, 21 Oct {'9' * 5000} 07:28:00 GMT", f"Wed, 21 Oct 2015 {'9' * 5000}:28:00 GMT", f"-{'9' * 5000}"),
    ],
)
def test_what_cannot_be_read_is_as_if_it_were_absent(value: str) -> None:
    assert retry_after({"retry-after": value}) is None


def test_without_the_header_no_wait_is_known() -> None:
    assert retry_after({}) is None


@given(st.text() | st.from_regex(r"\w{3}, \d{1,3} \w{3} \d{1,8} \d\d:\d\d:\d\d [+-]?\w{3,9}", fullmatch=True))
def test_any_text_is_a_wait_or_unknown(value: str) -> None:
    seconds = retry_after({"retry-after": value})
    assert seconds is None or seconds >= 0
