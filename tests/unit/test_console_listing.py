"""`cloudsync list` by the catalogue: what it knows is shown and limits the list, and what it lacks is the ledger's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cloud_sync_common.stores.catalogue_rows import Place, index_key

from console import main
from console.errors import Exit
from console.operations import listing
from console.operations.ledger import Reading
from console.operations.library import Wanted
from tests.unit.console_account import refusal
from tests.unit.console_catalogue import MATTERHORN, Shelf, a_shelf, details_of, line

JUNE = "2026-06-03T10:00:00Z"


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """Three clips of GoPro of which the catalogue is whole, one that has failed, and one of Google Drive that no
    catalogue has."""
    with a_shelf(monkeypatch) as shelf:
        shelf.clip("clip-1")
        shelf.clip("clip-2", at=JUNE)
        shelf.clip("clip-3", at=JUNE)
        shelf.clip("failed", status="FAILED", not_archived="gopro", bytes_total=None, updated_at="2026-06-01")
        shelf.clip("drive", "a.mov", provider="google_drive")
        matterhorn: dict[str, Any] = {
            "duration": 125.4,
            "place": MATTERHORN,
            "hilights": 2,
            "width": 5312,
            "height": 2988,
        }
        shelf.index(
            line("clip-1", camera="HERO11 Black", **matterhorn),
            line("clip-2", JUNE, camera="MAX", duration=59.0, damage="it is empty"),
            line("clip-3", JUNE, is_detailed=False),
        )
        shelf.counted("2026-05", 1)
        shelf.counted("2026-06", 2)
        shelf.walked()
        yield shelf


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[dict[str, Any]], str]:
    capsys.readouterr()
    assert main.main(["list", "--json", *words]) == Exit.FINE
    printed = capsys.readouterr()
    _, *items = map(json.loads, printed.out.splitlines())
    return sorted(items, key=lambda one: one["media_id"]), printed.err


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [one["media_id"] for one in items]


def test_what_is_archived_is_by_the_catalogue_and_the_rest_by_the_ledger(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    items, said = listed(capsys)
    assert ids(items) == ["clip-1", "clip-2", "clip-3", "drive", "failed"]
    assert (items[0]["camera"], items[0]["duration"], items[0]["hilights"]) == ("HERO11 Black", 125.4, 2)
    assert items[0]["place"] == {"latitude": 45.9766, "longitude": 7.6585, "altitude": 4478.0}
    assert (items[4]["status"], items[1]["damage"], items[3]["provider"]) == ("FAILED", "it is empty", "google_drive")
    assert "catalogue" not in said


FILTERS: dict[str, tuple[list[str], list[str]]] = {
    "a camera": (["--camera", "hero*"], ["clip-1"]),
    "a length": (["--longer-than", "2m"], ["clip-1"]),
    "a shorter length": (["--longer-than", "0m30s"], ["clip-1", "clip-2"]),
    "no longer than that": (["--longer-than", "59"], ["clip-1"]),
    "HiLights": (["--hilights"], ["clip-1"]),
    "a place near by": (["--near", "46.02,7.75"], []),
    "a place in reach": (["--near", "46.02,7.75,10"], ["clip-1"]),
    "words of the name": (["--text", "mp4 CLIP-2"], ["clip-2"]),
    "words of name and camera": (["--text", "black clip"], ["clip-1"]),
    "a month": (["--month", "2026-06", "--provider", "gopro"], ["clip-2", "clip-3"]),
    "a name": (["--name", "clip-3*"], ["clip-3"]),
    "a status": (["--status", "FAILED"], ["failed"]),
    "what is archived": (["--status", "archived", "--provider", "gopro"], ["clip-1", "clip-2", "clip-3"]),
    "two at once": (["--camera", "*", "--month", "2026-05"], ["clip-1"]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_limits_a_list_by_the_catalogue(
    name: str, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    words, found = FILTERS[name]
    assert ids(listed(capsys, *words)[0]) == found


def test_what_is_damaged_is_by_the_ledger_with_what_the_catalogue_knows(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.clip("clip-1", damage="it is cut off")
    items, _ = listed(capsys, "--status", "damaged")
    assert [(one["media_id"], one["camera"]) for one in items] == [("clip-1", "HERO11 Black")]


BAD = {
    "--longer-than must be a time such as 90s": ["--longer-than", "long"],
    "not '1d'": ["--longer-than", "1d"],
    "--near must be a latitude": ["--near", "46"],
    "not '91,0'": ["--near", "91,0"],
    "not '0,181'": ["--near", "0,181"],
    "not 'nan,0'": ["--near", "nan,0"],
    "not '0,0,-1'": ["--near", "0,0,-1"],
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_length_or_a_place_that_is_none_is_a_usage_error(
    sentence: str, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["list", *BAD[sentence]]) == Exit.USAGE
    assert sentence in capsys.readouterr().err


def test_near_a_place_counts_kilometres_across_the_date_line_too(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.index(line("clip-1", place=Place(latitude=-17.0, longitude=179.99)))
    assert ids(listed(capsys, "--near=-17,-179.99,3")[0]) == ["clip-1"]
    assert ids(listed(capsys, "--near=-17,-179.99,2")[0]) == []


def test_people_see_the_columns_of_the_catalogue_where_it_knows_something(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["list", "--month", "2026-05", "--provider", "gopro", "--status", "archived"]) == Exit.FINE
    title, clip = capsys.readouterr().out.splitlines()
    columns = ["captured", "name", "length", "resolution", "HiLights", "camera", "place", "size", "status", "provider"]
    assert title.split() == [*columns, "id"]
    assert " ".join(clip.split()).startswith(
        "2026-05-03 10:00 clip-1.MP4 2:05 5312 x 2988 2 HERO11 Black 45.9766, 7.6585"
    )
    main.main(["list", "--name", "clip-3*"])
    assert "length" not in capsys.readouterr().out


def test_a_filter_that_nothing_fits_says_that_the_catalogue_knows_only_what_it_has_looked_into(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    main.main(["list", "--camera", "none"])
    assert "Only what the catalogue has looked into fits such a filter" in capsys.readouterr().err


# What is not whole


def test_an_index_with_fewer_items_than_the_months_total_is_made_up_for_by_the_ledger_and_told(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.clip("clip-4", at=JUNE)
    shelf.counted("2026-06", 3)
    items, said = listed(capsys, "--provider", "gopro")
    assert ids(items) == ["clip-1", "clip-2", "clip-3", "clip-4", "failed"]
    assert "The catalogue of GoPro lacks 1 item of 2026-06, so the ledger is read for that." in said
    assert {one["media_id"]: one["camera"] for one in items}["clip-2"] == "MAX"


def test_a_month_without_an_index_is_the_ledgers(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.clip("clip-5", at="2026-07-01T00:00:00Z")
    shelf.counted("2026-07", 1)
    items, said = listed(capsys, "--provider", "gopro")
    assert "clip-5" in ids(items) and "lacks 1 item of 2026-07" in said
    _, said = listed(capsys, "--provider", "gopro", "--month", "2026-05")
    assert "lacks" not in said


@pytest.mark.parametrize("walked", [{"complete": False}, {"complete": "yes"}])
def test_a_catalogue_that_is_not_complete_is_not_trusted_and_its_items_are_the_ledgers(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], walked: dict[str, Any]
) -> None:
    shelf.world.put("PROVIDER#gopro", "CATALOGUE", **walked)
    shelf.world.put("PROVIDER#gopro", "LAST_SUCCESS", run_id="an-earlier-run")
    shelf.clip("clip-6", at=JUNE)  # counted nowhere
    items, said = listed(capsys, "--provider", "gopro")
    assert ids(items) == ["clip-1", "clip-2", "clip-3", "clip-6", "failed"] and items[0]["camera"] == "HERO11 Black"
    assert "The catalogue of GoPro is not complete yet" in said


def test_where_all_months_are_counted_an_index_is_whole_also_before_the_nightly_walk_has_ended(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.walked(complete=False)
    shelf.world.put("PROVIDER#gopro", "COUNTED", since="2026-01-01", whole=True)
    items, said = listed(capsys, "--provider", "gopro")
    assert len(items) == 4 and "complete" not in said and shelf.dynamodb.asked["scan"] == 0
    shelf.world.put("PROVIDER#gopro", "COUNTED", since="2026-01-01", whole=True, missed="run-7")
    assert "is not complete yet" in listed(capsys, "--provider", "gopro")[1]


def test_an_item_whose_later_version_waits_is_listed_once_as_the_ledger_has_it(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.clip("clip-1", status="PENDING", not_archived="gopro", updated_at="2026-06-02")
    items, _ = listed(capsys, "--provider", "gopro", "--month", "2026-05")
    assert [(one["media_id"], one["status"], one["camera"]) for one in items] == [
        ("clip-1", "PENDING", "HERO11 Black"), ("failed", "FAILED", "")
    ]  # fmt: skip
    assert ids(listed(capsys, "--provider", "gopro", "--month", "2026-05", "--status", "ARCHIVED")[0]) == []


def test_while_a_run_is_under_way_the_list_says_what_may_be_missing(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    arn = shelf.world.night("run-1", status="RUNNING")
    shelf.world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current="run-1", execution_arn=arn)
    _, said = listed(capsys, "--provider", "gopro")
    assert "A run of GoPro is under way: what it archives is listed when it has ended." in said


def test_an_index_of_odd_lines_lists_what_can_be_read(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    key = "catalogue/index/gopro/2026-05.jsonl"
    bad = b'{"media_id": 7}\n\xff\xfe\n[]\n' + shelf.content(key)
    shelf.world.aws.s3.put_object(Bucket="work", Key=key, Body=bad)
    assert ids(listed(capsys, "--provider", "gopro", "--month", "2026-05")[0]) == ["clip-1", "failed"]


def test_a_hundred_thousand_items_are_listed_without_a_scan_of_the_table(shelf: Shelf) -> None:
    """A request for each month, and a handful besides."""
    months = [f"{year}-{month:02}" for year in range(2017, 2027) for month in range(1, 11)]
    shelf.index(*(line(f"2017-01-{number}", "2017-01-03T10:00:00Z") for number in range(1_000)))
    first = shelf.content(index_key("gopro", "2017-01"))
    for month in months:
        content = first.replace(b"2017-01", month.encode())
        shelf.world.aws.s3.put_object(Bucket="work", Key=index_key("gopro", month), Body=content)
        shelf.counted(month, 1_000)
    shelf.s3.asked.clear()
    shelf.dynamodb.asked.clear()
    reading = Reading()
    items = listing.listed(shelf.world.stack, Wanted(provider="gopro", status="ARCHIVED"), reading, pytest.fail)
    assert len({item.media_id for item in items}) == 100_000
    assert shelf.s3.asked == {"list_objects_v2": 1, "get_object": 100}
    assert shelf.dynamodb.asked == {"query": 2} and reading.requests == 2


# One item


def test_show_has_the_details_with_the_source_of_each(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.details(details_of("clip-1", picture="frame", lens="Linear"))
    assert main.main(["show", "clip-1", "--no-log"]) == Exit.FINE
    text = " ".join(capsys.readouterr().out.split())
    assert "taken 2026-05-03 10:00 (by GPS) length 2:05 (by the movie itself)" in text
    assert "picture size 5312 x 2988 at 59.94 frames a second codec hvc1 camera HERO11 Black (by the movie" in text
    assert "firmware H22.01.02.01.00 lens Linear HiLights 0:03, 1:10 place 45.97660, 7.65850, 4,478 m above" in text
    assert "thumbnail a frame of the movie size 10 B" in text and "http" not in text
    assert main.main(["show", "clip-1", "--no-log", "--json"]) == Exit.FINE
    assert json.loads(capsys.readouterr().out)["details"]["hilights"] == [3.2, 70.9]


def test_show_says_that_a_time_is_by_the_cameras_own_clock(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.details(
        details_of(
            "clip-1", captured_from="movie", captured_clock="camera", captured_at="2026-05-03T12:00:07", place=None
        )
    )
    main.main(["show", "clip-1", "--no-log"])
    text = " ".join(capsys.readouterr().out.split())
    assert "taken 2026-05-03 12:00 (by the movie itself; the camera's own clock, whose zone nobody knows)" in text
    assert "place" not in text


@pytest.mark.parametrize(
    ("captured_from", "words"),
    [("modified_time", "(when the file was last changed)"), ("a later source", "(a later source)"), ("", "")],
)
def test_show_says_what_stands_in_for_a_capture_time(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], captured_from: str, words: str
) -> None:
    shelf.details(details_of("clip-1", captured_from=captured_from))
    main.main(["show", "clip-1", "--no-log"])
    taken = [line for line in capsys.readouterr().out.splitlines() if line.startswith("taken")]
    assert [line.split("10:00 ")[1] for line in taken] == ([words] if words else [])


def test_an_item_that_was_never_archived_or_has_no_details_is_shown_without(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["show", "failed", "--no-log", "--json"]) == main.main(["show", "clip-3", "--no-log"]) == Exit.FINE
    shown, *people = capsys.readouterr().out.splitlines()
    assert json.loads(shown)["details"] is None and "length" not in "".join(people)
    assert shelf.s3.asked["get_object"] == 1


def test_credentials_that_may_not_read_the_catalogue_are_one_sentence(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise refusal("AccessDenied", "GetObject")

    monkeypatch.setattr(shelf.s3, "get_object", refuse, raising=False)
    assert main.main(["list", "--provider", "gopro"]) == Exit.CREDENTIALS
    printed = capsys.readouterr()
    assert "may not do" in printed.err and "GetObject" in printed.err and len(printed.err.splitlines()) == 1
