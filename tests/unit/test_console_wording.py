"""The words in which people read names, times and ages."""

from __future__ import annotations

import pytest

from console.wording import ago, days, moment, title_of, typed

MINUTE = 1 / 24 / 60


@pytest.mark.parametrize(
    ("provider", "title"),
    [("gopro", "GoPro"), ("google_drive", "Google Drive"), ("all", "all providers"), ("later", "later")],
)
def test_a_provider_has_its_own_name_for_people(provider: str, title: str) -> None:
    assert title_of(provider) == title


def test_a_provider_is_typed_with_a_dash() -> None:
    assert typed("google_drive") == "google-drive"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0.0, "just now"),
        (-1.0, "just now"),
        (0.4 * MINUTE, "just now"),
        (1.0 * MINUTE, "1 minute ago"),
        (119.0 * MINUTE, "119 minutes ago"),
        (2 / 24, "2 hours ago"),
        (1.0, "24 hours ago"),
        (2.0, "2 days ago"),
        (1_200.0, "1,200 days ago"),
    ],
)
def test_how_long_ago_something_was_is_said_in_the_unit_that_fits(count: float, words: str) -> None:
    assert ago(count) == words


def test_a_duration_is_said_without_when() -> None:
    assert (days(1 / 24), days(5 / 24), days(12)) == ("60 minutes", "5 hours", "12 days")


def test_what_is_no_time_stays_as_it_is() -> None:
    assert moment("soon") == "soon"
    assert moment("2026-11-26T01:02:03+00:00").startswith("2026-11-2")
