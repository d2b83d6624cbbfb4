"""The library: months, days, pages and searches of any size; what is chosen and its price; and its pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cloud_sync_common.safe_text import protect
from cloud_sync_common.stores.catalogue_rows import IndexRow, Picture

from console.errors import NotFoundError
from console.operations import thumbnails
from console.operations.thumbnails import Thumbnails
from console.stack import Stack
from console.web.library import price_of
from tests.unit.console_account import SECRET, refusal
from tests.unit.console_ledger import World
from tests.unit.in_process_aws import WORK
from tests.unit.library_world import SCENES, with_rows
from tests.unit.page_world import Browser, a_page_world, with_a_year

TODAY = datetime(2026, 11, 27, 16, tzinfo=UTC)
PLACE = "/thumbnail/gopro/2026/11/clip-1.jpg"
KEY = "catalogue/gopro/2026/11/clip-1/thumbnail.jpg"
OTHER_PLACES = (
    "/thumbnail/gopro/2026/11/..%2f..%2fx.jpg", "/thumbnail/gopro/2026/11/../../x.jpg", "/thumbnail/gopro/2026/11/.jpg",
    "/thumbnail/gopro/../index/gopro.jpg", "/thumbnail/index/gopro/2026-11/x.jpg", "/thumbnail/dropbox/2026/11/x.jpg",
    "/thumbnail/gopro/2026/1/x.jpg", "/thumbnail/gopro/20/2611/x.jpg", "/thumbnail/gopro/2026/11/a.b.jpg",
    "/thumbnail/gopro/2026/11/a/b.jpg", "/thumbnail/gopro/2026/11/x.jpg/details.json", "/thumbnail/gopro/2026/11/x",
    "/thumbnail/gopro/2026/11/a\\b.jpg", "/thumbnail/gopro/2026/11/a\x00.jpg", "/thumbnail/gopro/2026/11/ä.jpg",
    "/thumbnail/gopro/\uff12026/11/x.jpg", f"/thumbnail/gopro/2026/11/{'x' * 641}.jpg",
    "/thumbnail/gopro/2026/11/*.jpg",
    "/thumbnail//2026/11/x.jpg", "/thumbnail/GOPRO/2026/11/x.jpg", "/thumbnail/gopro/2026/11/.2F.jpg",
)  # fmt: skip


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[World]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    with a_page_world(monkeypatch) as world:
        yield world


def plain(text: str) -> str:
    """What is read of a page, in one line."""
    shown = re.sub(r"<(svg|title|option)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def headline(text: str) -> str:
    return plain(text.partition("<h1")[2].partition("</h1>")[0].partition(">")[2])


def values(text: str) -> list[str]:
    return re.findall(r'name="item" value="([^"]+)"', text)


def row(number: int, day: str = "2026-11-14", **more: Any) -> IndexRow:
    at = f"{day}T{number % 24:02}:{number % 60:02}:00Z"
    fields = {
        "media_id": f"clip-{number}",
        "filename": f"GX{number:06}.MP4",
        "listed_at": at,
        "captured_at": at,
        "bytes": 10**9,
        "files": 1,
        **more,
    }
    return IndexRow(**fields)


def lines(first: int, count: int, month: str) -> bytes:
    """Lines of an index as they are written, quickly."""
    line = (
        '{"media_id":"m%06d","filename":"GX%06d.MP4","listed_at":"%s","captured_at":"%s","bytes":2000000000,"files":1,'
        '"kind":"video","camera":"HERO%d Black","duration":95.5,"picture":"frame","is_detailed":true}'
    )
    times = (f"{month}-{1 + n * 28 // count:02}T{n % 24:02}:{n % 60:02}:00Z" for n in range(count))
    made = (line % (first + n, first + n, at, at, 9 + n % 4) for n, at in enumerate(times))
    return "\n".join(made).encode()


def stored(world: World, month: str, content: bytes) -> None:
    world.aws.s3.put_object(Bucket=WORK, Key=f"catalogue/index/gopro/{month}.jsonl", Body=content)


def asked_of_s3(world: World) -> Counter[str]:
    """What S3 was asked since the last call."""
    client = world.scripted("s3")
    found = Counter(name for name, _ in client.asked)
    client.asked.clear()
    return found


# A library of any size


def test_a_hundred_thousand_originals_are_browsed_a_month_at_a_time_and_searched_without_the_ledger(
    world: World,
) -> None:
    months = [f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13)]
    for number, month in enumerate(months):
        count = 10_000 if month == "2026-03" else 3_913
        stored(world, month, lines(number * 10_000, count, month))
        world.put("PROVIDER#gopro", f"MONTH#{month}", originals=count, bytes=count * 2 * 10**9, run_id="x")
    scans: list[Any] = []
    world.account.client("dynamodb").meta.events.register("before-call.dynamodb.Scan", lambda **_: scans.append(1))
    browser = Browser.at(world)
    first = browser.get("/library")
    assert headline(first.text) == "99,999 originals in your own bucket." and len(first.body) < 150_000
    assert asked_of_s3(world) == {"list_objects_v2_pages": 2, "get_object": 1}
    assert "December 2026 3,913 originals, 7.83 TB. These are 1 to 120 of 3,913." in plain(first.text)
    again = browser.get("/library/2026-12?page=33")
    assert asked_of_s3(world) == {"list_objects_v2_pages": 2} and len(values(again.text)) == 3_913 - 32 * 120
    large = browser.get("/library/2026-03?page=84")
    assert "Page 84 of 84" in plain(large.text) and len(values(large.text)) == 40 and len(large.body) < 150_000
    assert asked_of_s3(world) == {"list_objects_v2_pages": 2, "get_object": 1}
    found = browser.get("/library?camera=hero9&q=2026-03-0")
    assert headline(found.text) == "804 of 99,999 originals fit." and "1.61 TB." in plain(found.text)
    assert asked_of_s3(world) == {"list_objects_v2_pages": 2, "get_object": 22} and len(found.body) < 150_000
    browser.get("/library?q=GX12")
    assert asked_of_s3(world) == {"list_objects_v2_pages": 2} and scans == []


def test_an_index_that_has_changed_is_read_again(world: World) -> None:
    stored(world, "2026-11", lines(0, 3, "2026-11"))
    browser = Browser.at(world)
    assert len(values(browser.get("/library").text)) == 3
    stored(world, "2026-11", lines(0, 5, "2026-11"))
    assert len(values(browser.get("/library").text)) == 5


# Months and days


def test_a_month_is_read_by_its_days_the_last_one_first(world: World) -> None:
    with_rows(world, "gopro", "2026-11", [row(1), row(2), row(3, "2026-11-03", duration=761.4, files=3, hilights=2)])
    with_rows(world, "google_drive", "2026-11", [row(9, filename="Walk.mov")])
    with_rows(world, "gopro", "2026-10", [row(4, "2026-10-01")])
    text = Browser.at(world).get("/library/2026-11").text
    assert values(text) == ["google_drive/clip-9", "gopro/clip-2", "gopro/clip-1", "gopro/clip-3"]
    said = plain(text)
    assert "Saturday 14 November 3 originals, 3.0 GB Choose the day" in said
    assert "03:03 · 12:41 · 1.0 GB GX000003.MP4 3 files, 2 HiLights Choose GX000003.MP4, 03:03" in said
    assert "Walk.mov Google Drive" in said and "GX000002.MP4 GoPro" not in said
    assert 'href="/library/2026-10">Older: October 2026</a>' in text and 'href="/item/gopro/clip-2"' in text


def test_a_day_that_does_not_end_with_its_page_says_so(world: World) -> None:
    with_rows(world, "gopro", "2026-11", [row(number) for number in range(150)])
    browser = Browser.at(world)
    first, second = (browser.get(f"/library/2026-11?page={page}") for page in (1, 2))
    assert "120 originals, 120.0 GB, and more on another page" in plain(first.text)
    assert len(set(values(first.text) + values(second.text))) == 150
    assert (
        'href="/library/2026-11?page=2">Older' in first.text and 'href="/library/2026-11?page=1">Newer' in second.text
    )
    for page in ("0", "-1", "x", "9" * 30, "3", "²"):
        assert browser.get(f"/library/2026-11?page={page}").status == 200


def test_times_without_an_offset_stay_and_what_has_none_is_undated(world: World) -> None:
    with_rows(
        world, "gopro", "unknown", [row(1, captured_at="", listed_at=""), row(2, captured_at="2026-11-14T23:59:00")]
    )
    said = plain(Browser.at(world).get("/library/unknown").text)
    assert "Without a date" in said and "23:59" in said and "Undated" in said


def test_what_is_archived_and_not_in_the_catalogue_is_counted_and_what_has_no_picture_has_a_place(world: World) -> None:
    world.put("PROVIDER#gopro", "MONTH#2026-11", originals=5, bytes=9 * 10**9, run_id="x")
    world.put("PROVIDER#gopro", "MONTH#2026-09", originals=7, bytes=10**9, run_id="x")
    with_rows(world, "gopro", "2026-11", [row(1), row(2, picture=Picture.FRAME)])
    browser = Browser.at(world)
    text = browser.get("/library").text
    assert "3 originals of it are archived, and have no place here yet" in plain(text)
    assert text.count('class="still none"') == 1 and text.count('width="320" height="180"') == 1
    assert 'loading="lazy"' in text and 'src="/thumbnail/gopro/2026/11/clip-2.jpg"' in text
    assert "7 originals of it are archived" in plain(browser.get("/library/2026-09").text)


def test_an_empty_library_says_what_will_come(world: World) -> None:
    answer = Browser.at(world).get("/library")
    assert answer.status == 200 and headline(answer.text) == "Nothing is archived yet."


@pytest.mark.parametrize("month", ["2026-13", "2026", "x", "2026-11/x", "..", "2020-01", "\uff12026-11"])
def test_what_is_no_month_is_not_found(world: World, month: str) -> None:
    assert Browser.at(world).get(f"/library/{month}").status == 404


# Searches


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=gx000001", {1}), ("q=%C3%BCber+2", {2}), ("q=2026-11-03", {3}), ("camera=max", {3}), ("kind=photo", {1}),
        ("kind=video", {2, 3}), ("kind=hilights", {3}), ("kind=place", set()), ("status=bare", {1, 2}),
        ("provider=google-drive", {4}), ("provider=gopro&kind=video&camera=hero", {2}), ("q=%5Bx*", set()),
        ("kind=x&status=x", {1, 2, 3, 4}),
    ],
)  # fmt: skip
def test_a_search_finds_what_fits_all_of_it(world: World, query: str, found: set[int]) -> None:
    with_rows(world, "gopro", "2026-11", [
        row(1, kind="photo"), row(2, filename="U\u0308ber 2.MP4", kind="video", camera="HERO12"),
        row(3, "2026-11-03", kind="video", camera="MAX", hilights=1, is_detailed=True),
    ])  # fmt: skip
    with_rows(world, "google_drive", "2026-10", [row(4, "2026-10-01", is_detailed=True)])
    text = Browser.at(world).get(f"/library?{query}").text
    shown = {int(value.rpartition("-")[2]) for value in values(text)}
    assert shown == (found & {1, 2, 3} if "kind=x" in query else found)


def test_what_is_found_is_counted_by_month_and_the_form_keeps_what_was_asked(world: World) -> None:
    with_rows(world, "gopro", "2026-11", [row(1), row(2)])
    with_rows(world, "gopro", "2026-10", [row(11, "2026-10-01"), row(20, "2026-10-02", filename='"><img src=x>')])
    browser = Browser.at(world)
    text = browser.get("/library?q=GX00001").text
    assert headline(text) == "1 of 4 originals fits." and 'name="q" value="GX00001"' in text
    assert 'href="/library/2026-10?q=GX00001">October <span>1</span>' in text
    hostile = browser.get("/library?q=%22%3E%3Cimg+src%3Dx%3E&camera=%3Cb%3E").text
    assert "<img src=x" not in hostile and "<b>&" not in hostile and 'value="&#34;&gt;&lt;img src=x&gt;"' in hostile
    assert "<img src=x" not in browser.get("/library/2026-10").text


def test_a_search_without_a_hit_says_how_many_there_are(world: World) -> None:
    world.put("PROVIDER#gopro", "MONTH#2026-11", originals=4_812, bytes=10**12, run_id="x")
    text = Browser.at(world).get("/library?q=nothing").text
    assert headline(text) == "No original fits."
    assert "4,812 do without the filters." in plain(text) and 'href="/library">Take them away' in text


def test_what_waits_and_what_has_failed_is_found_with_its_mark_and_cannot_be_chosen(world: World) -> None:
    with_a_year(world, TODAY)
    browser = Browser.at(world)
    failed, waits = browser.get("/library?status=failed").text, browser.get("/library?status=waits").text
    assert "GX010482.MP4" in failed and "Not archived" in plain(failed) and values(failed) == []
    assert "Wedding, full length &lt;b&gt;.mov" in waits and "Waiting" in plain(waits) and values(waits) == []


def test_what_aws_refuses_is_a_sentence_and_what_a_provider_says_is_text(world: World) -> None:
    protect(SECRET)
    with_rows(world, "gopro", "2026-11", [row(1, filename=f"<script>{SECRET}\u202e.MP4", camera="<i>")])
    browser = Browser.at(world)
    text = browser.get("/library?camera=i").text
    assert "<script>" not in text and SECRET not in text and "\u202e" not in text and "<i>" not in text
    world.answer("s3", get_object=refusal("SlowDown", "GetObject"))
    stored(world, "2026-11", lines(0, 2, "2026-11"))
    answer = browser.get("/library")
    assert answer.status == 500 and headline(answer.text).startswith("AWS asks to slow down (GetObject).")
    assert browser.get("/library?provider=dropbox").status == 400


# What is chosen


def test_a_day_is_chosen_by_a_link_with_its_price_and_the_form_leads_to_a_restore(world: World) -> None:
    with_rows(world, "gopro", "2026-11", [row(1, files=2), row(2), row(3, "2026-11-03")])
    text = Browser.at(world).get("/library/2026-11?select=2026-11-14&select=gopro/other").text
    assert re.findall(r'value="gopro/clip-(\d)"[^>]* checked', text) == ["2", "1"]
    assert "2 originals chosen, 2.0 GB in 3 files." in plain(text)
    assert '<form class="sheet" method="post" action="/restores/new">' in text


def test_the_price_of_what_is_ticked_is_that_of_a_plan(world: World) -> None:
    browser = Browser.at(world)
    text = plain(browser.get("/library/price?items=42&files=61&bytes=131800000000").text)
    price = price_of(42, 61, 131_800_000_000)
    assert "42 originals chosen, 131.8 GB in 61 files." in text
    assert f"about {price.slow:.2f} USD within 48 hours, or {price.fast:.2f} USD within 12." in text
    assert 3 < price.slow < price.fast < 7 and asked_of_s3(world) == {}
    for query in ("", "items=x&files=-1&bytes=1e9", f"files={'9' * 40}&bytes={'9' * 40}"):
        assert browser.get(f"/library/price?{query}").status == 200


# Pictures


def test_a_thumbnail_comes_through_the_page_and_is_asked_for_once(world: World) -> None:
    world.aws.s3.put_object(Bucket=WORK, Key=KEY, Body=SCENES[0])
    browser = Browser.at(world)
    for _ in range(2):
        answer = browser.get(PLACE)
        assert (answer.status, answer.body, answer.header("content-type")) == (200, SCENES[0], "image/jpeg")
        assert answer.header("cache-control") == "no-store" and answer.header("x-content-type-options") == "nosniff"
    assert asked_of_s3(world) == {"get_object": 1}


def test_nobody_else_sees_a_thumbnail(world: World) -> None:
    world.aws.s3.put_object(Bucket=WORK, Key=KEY, Body=SCENES[0])
    assert Browser.at(world, is_open=False).get(PLACE).status == 403
    assert Browser.at(world).get(PLACE, host="evil.example").status == 421
    assert asked_of_s3(world) == {}


@pytest.mark.parametrize("path", OTHER_PLACES)
def test_nothing_but_a_thumbnail_of_the_catalogue_can_be_named(world: World, path: str) -> None:
    assert Browser.at(world).get(path).status == 404
    assert asked_of_s3(world) == {}


def test_what_is_no_picture_is_not_shown_as_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"<script>alert(1)</script>", b"", b"\xff\xd8\xff" + b"x" * 100):
        world.aws.s3.put_object(Bucket=WORK, Key=KEY, Body=content)
        monkeypatch.setattr(thumbnails, "MOST_BYTES", 50)
        assert Browser.at(world).get(PLACE).status == 404
    assert Browser.at(world).get("/thumbnail/gopro/2026/11/missing.jpg").status == 404


def test_what_is_kept_of_pictures_has_its_bounds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "MOST_KEPT", len(SCENES[0]) * 2)
    kept = Thumbnails(world.stack)
    for name in ("a", "b", "c", "a"):
        world.aws.s3.put_object(Bucket=WORK, Key=f"catalogue/gopro/2026/11/{name}/thumbnail.jpg", Body=SCENES[0])
        kept.jpeg("gopro", "2026", "11", name)
    assert asked_of_s3(world) == {"get_object": 4}
    with pytest.raises(NotFoundError):
        kept.jpeg("gopro", "2026", "11", "../a")


# Elsewhere


def test_a_stack_of_an_earlier_version_has_its_other_pages(world: World) -> None:
    outputs = {name: value for name, value in world.stack.outputs.items() if name != "WorkBucket"}
    world.stack = Stack(world.account, "dev", outputs)
    browser = Browser.at(world)
    assert browser.get("/").status == browser.get("/connections").status == 200
    assert "has no output WorkBucket" in headline(browser.get("/library").text)


def test_the_first_page_has_the_newest_pictures_and_no_word_of_them_where_s3_does_not_answer(world: World) -> None:
    with_rows(world, "gopro", "2026-11", [row(number, picture=Picture.FRAME) for number in range(9)])
    browser = Browser.at(world)
    text = browser.get("/").text
    assert text.count('src="/thumbnail/gopro/2026/11/clip-') == 6 and "14 November · 1.0 GB GX000008.MP4" in plain(text)
    world.answer("s3", list_objects_v2_pages=refusal("AccessDenied", "ListObjectsV2"))
    answer = browser.get("/")
    assert answer.status == 200 and "The newest pictures" not in answer.text
