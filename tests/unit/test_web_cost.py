"""The page about cost: what it answers, the picture of what is stored, and each way to pay less with its arithmetic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cloud_sync_common import prices

from console.operations import storage
from console.operations.recommendations.recommendation import Change, of, paid, recommendation
from console.operations.storage import Measured
from console.web.spent import commands_of
from console.web.stored_picture import HEIGHT, WIDTH, scale, stored_picture
from tests.unit.console_ledger import World
from tests.unit.measured_bucket import EACH_DAY, FIRST, with_measurements
from tests.unit.page_world import Browser, a_page_world, with_a_year

GB = 10**9
TODAY = date(2026, 11, 27)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[World]:
    monkeypatch.setenv("HOME", str(tmp_path))
    with a_page_world(monkeypatch) as world:
        yield world


def plain(text: str) -> str:
    shown = re.sub(r"<(svg|title)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def cost_of(world: World) -> str:
    return Browser.at(world).get("/cost").text


def days(count: int, **bytes: int) -> list[Measured]:
    """So many days until today, with as many bytes on the last one, and a byte less of each type on the day before."""
    ages = range(count - 1, -1, -1)
    return [
        Measured(day=TODAY - timedelta(days=age), bytes={name: size - age for name, size in bytes.items()})
        for age in ages
    ]  # fmt: skip


# What it says


def test_the_headline_is_the_month_and_the_next_thing_the_largest_saving(world: World) -> None:
    with_a_year(world, datetime.now(UTC))
    text = plain(cost_of(world))
    assert re.search(r"\w+ will cost about \d+\.\d\d USD\. \d+\.\d\d USD of it until today\.", text)
    assert "USD a month less is possible. Upload straight into Deep Archive, instead of 7 days in S3 Standard" in text
    assert "2.70 USD is fixed whatever is stored" in text


def test_with_nothing_to_save_it_says_so_and_what_was_looked_at(world: World) -> None:
    text = plain(cost_of(world))
    assert text.count("Nothing would make it cheaper by a cent a month.") == 2
    assert "Looked at, and better left alone: 2 The secrets of the providers." in text
    assert "It would be 0.80 USD a month." in text


def test_a_recommendation_has_its_arithmetic_what_is_lost_and_the_command(world: World) -> None:
    with_a_year(world, datetime.now(UTC))
    text = plain(cost_of(world))
    assert "7 days in S3 Standard 573.333 GB × 7/30 of a month × 0.023 USD 3.0769" in text
    assert re.search(r"Its index [\d.]+ objects × 0.000032768 GB .* under 0.0001", text)
    assert re.search(r"Less each month \d\.\d{4} ", text) and "By the ledger, what runs archived in" in text
    assert "aws s3api abort-multipart-upload --bucket archive --key gopro/2026/10/GX010466/GX010466.MP4" in text


def test_a_command_that_a_page_would_cut_is_not_shown() -> None:
    one = recommendation("x", "X.", Change([paid("x", prices.KEY_MONTH, of(1, "keys"))]), lost="", command="a" * 601,
                         further=["b" * 600, "c"], basis="")  # fmt: skip
    assert commands_of(one) == ["b" * 600, "c"]


# What is stored over time


def test_what_cloudwatch_has_not_measured_is_said(world: World) -> None:
    assert "CloudWatch has not measured the bucket yet. It does so once a day" in plain(cost_of(world))
    with_measurements(world, datetime.now(UTC), 1)
    text = cost_of(world)
    assert "CloudWatch has measured the bucket on one day so far." in plain(text) and 'class="stored"' not in text


def test_the_picture_and_its_table_have_twelve_months(world: World) -> None:
    with_measurements(world, datetime.now(UTC))
    text = cost_of(world)
    table = text.partition('<details class="twin">')[2].partition("</table>")[0]
    assert table.count('scope="row"') == 12 and text.count('<path class="b2"') == 1
    assert 'aria-label="What is stored over time, by tier; the table below says the same"' in text


def test_the_history_is_read_day_by_day_from_one_answer(world: World) -> None:
    today = datetime.now(UTC)
    with_measurements(world, today, 3)
    found = storage.history(world.stack)
    assert [one.day for one in found] == [(today - timedelta(days=age)).date() for age in (3, 2, 1)]
    assert found[1].bytes["DeepArchiveStorage"] == FIRST + EACH_DAY
    assert "DeepArchiveStagingStorage" not in found[0].bytes
    asked = [arguments for _, arguments in world.scripted("cloudwatch").asked]
    assert len(asked) == 1 and asked[0]["StartTime"] >= datetime.now(UTC) - timedelta(days=367)


def test_bands_stand_on_each_other_and_end_at_what_is_stored() -> None:
    picture = stored_picture(days(3, DeepArchiveStorage=60 * GB, StandardStorage=20 * GB))
    assert picture is not None
    deep, standard = picture.bands
    assert [(band.name, band.now) for band in picture.bands] == [("Deep Archive", "60.0 GB"), ("Standard", "20.0 GB")]
    assert deep.path == "M0.0,60.0 500.0,60.0 1000.0,60.0 1000.0,240.0 500.0,240.0 0.0,240.0Z"
    assert standard.path.startswith("M0.0,0.0") and standard.path.endswith(" 0.0,60.0Z")
    assert picture.top == "M0.0,0.0 500.0,0.0 1000.0,0.0"


def test_overhead_is_part_of_its_tier_and_what_is_empty_has_no_band() -> None:
    sizes = {"DeepArchiveStorage": GB, "DeepArchiveObjectOverhead": GB, "DeepArchiveS3ObjectOverhead": GB}
    picture = stored_picture(days(2, **sizes))
    assert picture is not None and [(band.name, band.now) for band in picture.bands] == [("Deep Archive", "3.0 GB")]


@pytest.mark.parametrize(
    ("count", "by_month", "labels", "rows"),
    [(2, False, 2, 2), (62, False, 6, 62), (64, True, 3, 3), (366, True, 12, 12)],
)
def test_a_short_time_is_shown_by_days_and_a_long_one_by_months(
    count: int, *, by_month: bool, labels: int, rows: int
) -> None:
    picture = stored_picture(days(count, StandardStorage=GB))
    assert picture is not None
    assert (picture.by_month, len(picture.labels), len(picture.rows)) == (by_month, labels, rows)
    assert picture.labels[-1] == ("Nov" if by_month else "27 Nov") and picture.rows[0].total == "1.0 GB"


def test_one_day_is_no_picture() -> None:
    assert stored_picture([]) is stored_picture(days(1, StandardStorage=GB)) is None


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (3.66e12, (1e12, 4e12)),
        (81e9, (25e9, 1e11)),
        (1, (1, 1)),
        (999, (250, 1000)),
        (4.01e12, (2e12, 6e12)),
        (1e15, (25e13, 1e15)),
    ],
)
def test_the_scale_is_round_and_reaches_above_everything(most: float, expected: tuple[float, float]) -> None:
    assert scale(most) == expected


def test_the_unit_stands_once_at_the_top_of_the_scale() -> None:
    picture = stored_picture(days(2, StandardStorage=3_600_000_000_000))
    assert picture is not None and [tick.text for tick in picture.ticks] == ["4 TB", "3", "2", "1", "0"]
    assert [tick.y for tick in picture.ticks] == [0, 60, 120, 180, HEIGHT] and WIDTH == 1000
