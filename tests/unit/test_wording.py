"""Words of mails that depend on a number, the names of others' files, and the time since a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloud_sync_common.runtime.wording import count_of, file_name, reason_of, seconds_since, size_of, usd_of


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 videos"), (1, "1 video"), (2, "2 videos"), (-1, "-1 videos"), (1_200, "1,200 videos")]
)
def test_one_is_singular_and_every_other_number_plural(number: int, words: str) -> None:
    assert count_of(number, "video") == words
    assert count_of(number, "video is", "videos are") == words + (" is" if number == 1 else " are")


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_900, "999.9 kB"),
        (999_960, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (2_345_000, "2.3 MB"),
        (1_000_000_000, "1.0 GB"),
        (999_900_000_000, "999.9 GB"),
        (1_000_000_000_000, "1.00 TB"),
        (12_345_000_000_000_000, "12345.00 TB"),
    ],
)
def test_a_size_has_the_largest_unit_of_which_there_is_one(count: float, words: str) -> None:
    assert size_of(count) == words


@pytest.mark.parametrize(
    ("number", "reason", "words"),
    [
        (1, "folder", "1 folder"),
        (8, "folder", "8 folders"),
        (2, "shortcut", "2 shortcuts"),
        (1, "of Google's own documents", "1 of Google's own documents"),
        (1_200, "kinds", "1,200 of another kind (kinds)"),
        (2, "not downloadable", "2 not downloadable"),
        (1, "http://x.example/", "1 http: //x.example /"),
    ],
)
def test_what_is_left_out_agrees_with_its_number(number: int, reason: str, words: str) -> None:
    assert reason_of(number, reason) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [(0, "0 USD"), (0.00004, "0.0001 USD"), (0.0001, "0.0001 USD"), (1.5, "1.5000 USD")],
)
def test_a_small_amount_is_not_called_nothing(amount: float, words: str) -> None:
    assert usd_of(amount) == words


def test_the_name_of_a_file_is_one_line_and_no_link() -> None:
    assert file_name("https://cdn.example/a\n.mp4").startswith("https: //cdn.example /a")
    assert "\n" not in file_name("a\nb") and "://" not in file_name("x://y://z")


def test_seconds_are_counted_whatever_the_offset_and_not_from_what_is_no_moment() -> None:
    ago = datetime.now(UTC) - timedelta(seconds=90)
    for moment in (ago, ago.astimezone(timezone(timedelta(hours=5)))):
        assert seconds_since(moment.isoformat()) == pytest.approx(90, abs=20)
    assert [seconds_since(text) for text in ("", "sometime", "2026-01-01T00:00:00")] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("https:/\u200b/evil.example", "https: //evil.example"),
        ("HTTPS://EVIL.example", "HTTPS: //EVIL.example"),
        ("www.evil.example", "www .evil.example"),
        ("evil.com/login.mp4", "evil.com /login.mp4"),
        ("mailto:owner@evil.com", "mailto:owner@ evil.com"),
        ("GX010001.MP4", "GX010001.MP4"),
        ("2024/alps/day 1.MP4", "2024/alps/day 1.MP4"),
        ("Holiday @ the lake, 2/3.mov", "Holiday @ the lake, 2/3.mov"),
    ],
)
def test_the_name_of_a_file_is_no_link_in_a_mail(name: str, shown: str) -> None:
    assert file_name(name) == shown
