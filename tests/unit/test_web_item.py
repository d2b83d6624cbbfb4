"""The page of an item: what the catalogue, the ledger and S3 say of it, its price, and its drawings."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from cloud_sync_common.safe_text import protect
from cloud_sync_common.stores.catalogue import Catalogue
from cloud_sync_common.stores.catalogue_rows import Details, Place
from cloud_sync_common.stores.restore_jobs import Tier

from console.operations.restore.price import Amount, Load, quote
from console.web.item_pictures import HIGH, KM_WIDE, LENGTH, WIDE, is_near, map_of, marks_of
from console.web.item_words import facts_of, title_in_words
from tests.unit.console_account import SECRET, refusal
from tests.unit.console_ledger import World
from tests.unit.in_process_aws import WORK
from tests.unit.library_world import GB, ITEM, frozen, with_an_item, with_rows
from tests.unit.page_world import Browser, a_page_world
from tests.unit.test_web_library import headline, plain, row

TODAY = datetime(2026, 11, 27, 16, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(days=9)
PATH = f"/item/gopro/{ITEM}"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[World]:
    monkeypatch.setenv("HOME", str(tmp_path))
    with a_page_world(monkeypatch) as world:
        yield world


@pytest.fixture
def item(world: World) -> Browser:
    with_an_item(world, TODAY)
    return Browser.at(world)


def test_everything_that_is_known_of_an_item_is_there(item: Browser) -> None:
    text = item.get(PATH).text
    said = plain(text)
    assert (
        headline(text).startswith("Friday 27 November")
        and "GX010312.MP4, 3 files, 12:41, 12.0 GB. Safe, and asleep." in said
    )
    assert f'src="/thumbnail/gopro/2026/11/{ITEM}.jpg" width="640" height="360"' in text
    assert "Taken Friday 27 November" in said and "by GPS" in said and "HERO12 Black, firmware H23.01.02.32.00" in said
    assert "5,312 × 2,988, 59.94 a second Coded as HEVC (hvc1)" in said and "42.5674° N, 8.7571° E, 312 m" in said
    assert "3 HiLights" in said and "HiLight At 1 1:12 2 3:40 3 9:05" in said
    assert "The checksum agrees" in said and "The movie is whole" in said and "It is there" in said
    assert said.count("4,000,000,000 bytes Asleep Key") == 3 and "Version 3sL4kqtJlrpXro" in said
    assert "Archived: 12.0 GB in 3 files" in said and "First seen at GoPro" in said
    assert 'href="/library/2026-11">November 2026</a>' in text


def test_the_price_is_that_of_the_plan_by_both_speeds_and_the_form_names_the_item(item: Browser) -> None:
    text = item.get(PATH).text
    load = Load(all=Amount(3, 12 * GB), frozen=Amount(3, 12 * GB))
    slow, fast = (quote(load, tier, 7) for tier in (Tier.BULK, Tier.STANDARD))
    rows = [[f"{part:.2f}" for part in (getattr(one, name) for one in (slow, fast))] for name in (
        "retrieval", "thawed_copies", "egress", "total")]  # fmt: skip
    for cells in rows:
        assert f'<td class="n">{cells[0]}</td><td class="n">{cells[1]}</td>' in text
    assert f'action="/restores/new"><input type="hidden" name="item" value="gopro/{ITEM}">' in text


def test_it_reads_its_rows_its_objects_and_its_details_and_nothing_else(item: Browser, world: World) -> None:
    client = world.scripted("s3")
    client.asked.clear()
    item.get(PATH)
    asked = Counter(name for name, _ in client.asked)
    # Each object for how it lies and for its price; the details, the map's month, and the months that the plan has.
    assert asked == {"head_object": 6, "get_object": 2, "list_objects_v2_pages": 1}
    assert world.scripted("logs").asked == []


def test_the_log_is_asked_where_that_is_wanted(item: Browser, world: World) -> None:
    world.resource("AWS::Logs::LogGroup", "/aws/lambda/video-downloader")
    line = {"media_id": ITEM, "message": "Archived <b>", "status": "ARCHIVED"}
    event = {"timestamp": TODAY.timestamp() * 1000, "message": json.dumps(line)}
    world.answer("logs", filter_log_events={"events": [event]})
    assert "video-downloader: Archived &lt;b&gt;, ARCHIVED" in item.get(f"{PATH}?log=1").text
    assert "Ask the log, too" in item.get(PATH).text


@pytest.mark.parametrize(
    ("answer", "says", "lead"),
    [
        ({"StorageClass": None}, "Awake", "Safe, and awake."),
        ({"Restore": 'ongoing-request="true"'}, "Thawing", "Safe, and thawing."),
        ({"Restore": f'ongoing-request="false", expiry-date="{format_datetime(LATER)}"'},
         "Awake until", "Safe, and awake."),
        ({"ContentLength": 5}, "Not as it should be in S3", "Something is wrong with it"),
    ],
)  # fmt: skip
def test_how_it_lies_in_s3_is_in_words(item: Browser, world: World, answer: Any, says: str, lead: str) -> None:
    world.answer("s3", head_object=lambda **_: {**frozen(4 * GB), **answer}, list_object_versions={})
    said = plain(item.get(PATH).text)
    assert says in said and lead in said


def test_what_is_awake_costs_no_thaw(item: Browser, world: World) -> None:
    world.answer("s3", head_object=lambda **_: {**frozen(4 * GB), "StorageClass": None})
    assert "It is awake: nothing has to be thawed." in plain(item.get(PATH).text)


def test_what_the_catalogue_has_not_looked_into_has_a_place_for_its_picture(world: World) -> None:
    world.put("google_drive#f 1", "ITEM", media_id="f 1", filename="Walk.mov", status="ARCHIVED", bytes_total=7,
              captured_at="2026-05-01T10:00:00Z", archived_at="2026-05-02T02:00:00Z")  # fmt: skip
    text = Browser.at(world).get("/item/google_drive/f 1").text
    assert 'class="still none"' in text and "There is no picture of it yet" in plain(text)
    assert "Google Drive lists it" in plain(text) and "Nothing of it can be had back now." in plain(text)


def test_what_is_not_archived_says_why_and_what_mends_it(world: World) -> None:
    world.put("gopro#clip-1", "ITEM", media_id="clip-1", filename="GX1.MP4", status="FAILED", attempts=5,
              error_category="original_unavailable", error_message="gone", updated_at=TODAY.isoformat())  # fmt: skip
    text = Browser.at(world).get("/item/gopro/clip-1").text
    said = plain(text)
    assert "Get it back" not in said and "still none" not in text
    assert headline(text) == "GX1.MP4" and "It is not archived." in said and "Tried, 5 times by now" in said
    assert "Why it is not archived Not archived The provider does not offer the whole original." in said


@pytest.mark.parametrize("path", ["gopro/x", "dropbox/x", "gopro/", "index/x", f"gopro/{'x' * 2_000}", "gopro/../x"])
def test_what_is_no_item_is_not_found_and_not_looked_for_by_its_name(world: World, path: str) -> None:
    world.put("gopro#y", "ITEM", media_id="y", filename="x", status="ARCHIVED")
    assert Browser.at(world).get(f"/item/{path}").status == 404


def test_what_others_have_written_is_text(world: World) -> None:
    protect(SECRET)
    hostile = f'"><img src=x>{SECRET}\u202e'
    world.put("gopro#y", "ITEM", media_id="y", filename=hostile, status="ARCHIVED", captured_at="2026-05-01T10:00:00Z")
    world.put("gopro#y", "SOURCE#0001", status="ARCHIVED", key=f"gopro/{hostile}", size=1, checksum=hostile)
    Catalogue(world.aws.s3, WORK, "gopro").store(Details(
        provider="gopro", media_id="y", listed_at="2026-05-01T10:00:00Z", camera=hostile, lens=hostile, codec=hostile,
        captured_from=hostile, captured_at=hostile, hilights=(-1.0, 1e300), duration=1e300), b"")  # fmt: skip
    world.answer("s3", head_object=refusal("404", "HeadObject"), list_object_versions={})
    answer = Browser.at(world).get("/item/gopro/y")
    assert (
        answer.status == 200 and "<img" not in answer.text and SECRET not in answer.text and "\u202e" not in answer.text
    )


def test_a_catalogue_that_cannot_be_read_is_said(item: Browser, world: World) -> None:
    world.answer("s3", get_object=refusal("SlowDown", "GetObject"))
    assert headline(item.get(PATH).text).startswith("AWS asks to slow down (GetObject).")


def test_a_page_of_an_item_needs_nothing_that_its_policy_refuses(item: Browser, world: World) -> None:
    with_rows(world, "gopro", "2026-11", [row(1)])
    for path, scripts in ((PATH, 2), ("/library", 3), ("/library?q=x", 3)):
        text = item.get(path).text
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:|data:|https?://", text)
        assert re.findall(r"<script[^>]*>(.*?)</script>", text) == [""] * scripts
        assert not re.search(r"AKIA|ASIA|X-Amz|amazonaws", text)


def test_it_leads_on_to_those_beside_it_in_its_month(item: Browser, world: World) -> None:
    with_rows(world, "gopro", "2026-11", [
        row(1, captured_at="2026-11-27T15:00:00Z"), row(2, media_id=ITEM, captured_at="2026-11-27T15:20:00Z"),
        row(3, captured_at="2026-11-27T15:30:00Z"),
    ])  # fmt: skip
    text = item.get(PATH).text
    assert '<a rel="prev" href="/item/gopro/clip-3">Newer</a><a rel="next" href="/item/gopro/clip-1">Older</a>' in text


# What is drawn


def test_hilights_stand_where_they_are_in_time() -> None:
    assert marks_of((0.0, 50.0, 100.0, 101.0, -1.0), 100.0) == [0.0, LENGTH / 2, LENGTH]
    assert marks_of((1.0,), None) == marks_of((1.0,), 0.0) == []


def test_a_map_has_its_place_in_the_middle_and_the_others_as_far_away_as_they_are() -> None:
    here = Place(latitude=60.0, longitude=8.0)
    north, east, far = (
        Place(latitude=60.02, longitude=8.0),
        Place(latitude=60.0, longitude=8.04),
        Place(latitude=61.0, longitude=8.0),
    )
    found = map_of(here, [here, north, east, far])
    (_, up), (right, _) = found.points
    assert found.beside == 2 and is_near(here, north) and not is_near(here, far)
    assert HIGH / 2 - up == pytest.approx(2.2264 * WIDE / KM_WIDE, abs=0.1)
    assert right - WIDE / 2 == pytest.approx(2.2264 * WIDE / KM_WIDE, abs=0.1)
    assert found.bar == pytest.approx(2 * WIDE / KM_WIDE)


@pytest.mark.parametrize("place", [(0.0, 0.0), (89.9, 179.99), (-33.86, -70.6), (42.5674, 8.7571)])
def test_a_map_has_lines_anywhere_on_the_globe(place: tuple[float, float]) -> None:
    found = map_of(Place(latitude=place[0], longitude=place[1]), [])
    assert 1 <= len(found.latitudes) <= 3 and 1 <= len(found.longitudes) <= 3
    assert all(0 < line.at < HIGH for line in found.latitudes) and all(0 < line.at < WIDE for line in found.longitudes)


# What is said


def test_the_source_of_a_detail_is_named_where_it_is_not_the_movie() -> None:
    details = Details(
        provider="gopro", media_id="x", camera="MAX", lens="Wide", captured_at="2026-05-14T10:00:00",
        captured_from="movie", captured_clock="camera", taken_from={"camera": "provider", "lens": "movie"},
    )  # fmt: skip
    found = {fact.name: (fact.text, fact.source) for fact in facts_of(details)}
    assert found["Camera"] == ("MAX", "as GoPro lists it") and found["Lens"] == ("Wide", "")
    clock = "by the movie’s own header, the camera’s clock, whose zone nobody knows"
    assert found["Taken"] == ("Thursday 14 May, 10:00:00", clock)


def test_a_title_is_a_date_in_words_or_the_name() -> None:
    assert title_in_words("2025-08-14T16:32:00", "x") == ["Thursday 14 August 2025,", "16:32"]
    assert title_in_words("", "GX1.MP4") == title_in_words("never", "GX1.MP4") == ["GX1.MP4"]
