"""`cloudsync list` and `cloudsync show`: the library as the ledger has it, and all that is known of one video."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cloud_sync_common.stores.archive_keys import kept_id

from console import main
from console.errors import Exit
from console.operations import library
from console.operations.item import candidates
from console.operations.ledger import plain
from console.operations.library import Item, Wanted, fits
from tests.unit.console_account import refusal
from tests.unit.console_ledger import World, a_world

KEY = "gopro/2026/05/clip-1/GX010001.MP4"
HEAD = {
    "ContentLength": 10, "ChecksumCRC64NVME": "crc=", "VersionId": "ver", "ServerSideEncryption": "aws:kms",
    "StorageClass": "DEEP_ARCHIVE", "Restore": 'ongoing-request="true"',
}  # fmt: skip


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        done = {"bytes_total": 10, "archived_at": "2026-06-01T00:00:00Z"}
        item(world, "clip-1", "GX010001.MP4", "2026-05-03T10:00:00Z", **done)
        item(world, "clip-2", "[red]über.mp4", "2026-06-03T10:00:00Z", damage="it is empty", camera="HERO11 Black")
        item(world, "clip-3", "GX010003.MP4", "", status="FAILED", not_archived="gopro", error_category="integrity")
        item(world, "clip-4", "a.jpg", "2025-01-01", provider="google_drive")
        item(world, "clip-5", "x.mp4", "2025-01-01", provider="dropbox")  # not of this stack
        world.put("RUN#run-1", "RUN", run_id="run-1")
        yield world


def item(
    world: World, media_id: str, filename: str, captured_at: str, provider: str = "gopro", status: str = "ARCHIVED",
    **more: Any
) -> None:  # fmt: skip
    fields = {"media_id": media_id, "filename": filename, "captured_at": captured_at, "status": status, **more}
    world.put(f"{provider}#{media_id}", "ITEM", updated_at="2026-06-01T00:00:00.000Z", **fields)
    world.put(f"{provider}#{media_id}", "SOURCE#0001", status=status, key="k", size=1)


def source(world: World, **more: Any) -> None:
    fields = {
        "status": "ARCHIVED", "key": KEY, "size": 10, "checksum": "crc=", "proofs": ["s3-checksum", "new-proof"],
        "copy": 2, "updated_at": "2026-06-01T00:00:00.000Z", **more,
    }  # fmt: skip
    world.put("gopro#clip-1", "SOURCE#0001", **fields)


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main.main(["list", "--json", *arguments]) == Exit.FINE
    head, *items = map(json.loads, capsys.readouterr().out.splitlines())
    assert (head["version"], head["kind"], head["environment"]) == (1, "library", "dev")
    return sorted(items, key=lambda one: one["media_id"])


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [one["media_id"] for one in items]


def test_json_lines_have_a_head_and_then_each_item_of_the_stack(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    found = listed(capsys)
    assert ids(found) == ["clip-1", "clip-2", "clip-3", "clip-4"]
    assert found[0] == {
        "provider": "gopro", "media_id": "clip-1", "filename": "GX010001.MP4", "captured_at": "2026-05-03T10:00:00Z",
        "month": "2026-05", "status": "ARCHIVED", "bytes": 10, "archived_at": "2026-06-01T00:00:00Z", "camera": "",
        "category": "", "damage": "", "taken_at": "", "kind": "", "duration": None, "width": None, "height": None,
        "frame_rate": None, "hilights": 0, "place": None, "picture": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--month", "2026-05"], ["clip-1"]),
        (["--month", "2026"], ["clip-1", "clip-2"]),
        (["--month", "unknown"], ["clip-3"]),
        (["--name", "gx*.mp4"], ["clip-1", "clip-3"]),
        (["--name", "GX010001.MP4", "--name", "*.jpg"], ["clip-1", "clip-4"]),
        (["--name", "[RED]ü*"], ["clip-2"]),
        (["--camera", "hero11*"], ["clip-2"]),
        (["--camera", "*"], ["clip-2"]),
        (["--provider", "google-drive"], ["clip-4"]),
        (["--status", "archived"], ["clip-1", "clip-2", "clip-4"]),
        (["--status", "FAILED"], ["clip-3"]),
        (["--status", "DAMAGED"], ["clip-2"]),
        (["--status", "FAILED", "--month", "2026"], []),
    ],
)
def test_each_filter_limits_the_list(
    world: World, capsys: pytest.CaptureFixture[str], arguments: list[str], found: list[str]
) -> None:
    assert ids(listed(capsys, *arguments)) == found


def test_what_has_failed_is_found_by_the_index_and_without_a_walk(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    main.main(["list", "--status", "failed"])
    assert capsys.readouterr().err == "Read 1 row of the ledger in 2 requests.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--month", "2026-13"], "--month must be a month such as 2026-05, a year, or unknown; not '2026-13'."),
        (["--month", "May"], "--month must be a month"),
        (["--status", "lost"], "--status must be one of PENDING, IN_PROGRESS, ARCHIVED"),
        (["--provider", "dropbox"], "--provider must be one that this stack backs up"),
    ],
)
def test_a_filter_that_does_not_fit_is_a_usage_error(
    world: World, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert main.main(["list", *arguments]) == Exit.USAGE
    printed = capsys.readouterr()
    assert printed.out == "" and sentence in printed.err


def test_people_see_the_last_ones_in_the_order_of_capture(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["list", "--most", "2", "--provider", "gopro"]) == Exit.FINE
    printed = capsys.readouterr()
    assert [line.split()[2] for line in printed.out.splitlines()[1:]] == ["GX010001.MP4", "[red]über.mp4"]
    assert "There are more than the last 2" in printed.err and "DAMAGED" in printed.out


def test_a_list_without_anything_says_so(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["list", "--name", "none"])
    assert capsys.readouterr().out == "There is nothing that fits.\n"
    sentence = "A camera is known only of what a catalogue has looked into, and there is none yet."
    for as_json in ([], ["--json"]):
        main.main(["list", "--camera", "none", *as_json])
        assert sentence in capsys.readouterr().err
    main.main(["list", "--camera", "hero*"])
    assert sentence not in capsys.readouterr().err


def test_no_more_than_a_few_pages_are_held_while_a_list_is_streamed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred thousand items are never in memory together: what was read and not taken yet is bounded."""
    read = 0

    def segment(*_: Any) -> Iterator[list[dict[str, Any]]]:
        nonlocal read
        for page in range(250):
            read += 100
            yield [{"pk": f"gopro#{page}-{n}", "sk": "ITEM", "status": "ARCHIVED"} for n in range(100)]

    monkeypatch.setattr("console.operations.ledger._segment", segment)
    most = taken = 0
    for _ in library.library(world.stack, Wanted(), library.Reading()):
        taken += 1
        most = max(most, read - taken)
    assert taken == 100_000 and most <= 100 * (1 + 4)


def test_a_walk_is_of_the_items_alone_and_counts_all_rows_that_it_has_read(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2, 30):
        world.put("gopro#clip-1", f"SOURCE#{number:04}", status="ARCHIVED")
    assert main.main(["list", "--name", "GX010001*"]) == Exit.FINE
    printed = capsys.readouterr()
    assert "clip-1" in printed.out and printed.err == "Read 39 rows of the ledger in 4 requests.\n"


@pytest.mark.parametrize(("stopped", "code"), [(KeyboardInterrupt, Exit.INTERRUPTED), (BrokenPipeError, Exit.FAILED)])
def test_a_list_that_is_interrupted_or_no_longer_read_ends_without_reading_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], stopped: Any, code: Exit
) -> None:
    read = 0

    def segment(*_: Any) -> Iterator[list[dict[str, Any]]]:
        nonlocal read
        while True:  # a ledger without an end
            read += 1
            yield [{"pk": f"gopro#{read}-{n}", "sk": "ITEM", "status": "ARCHIVED"} for n in range(100)]

    def write(_: Any) -> None:
        if read > 10:
            raise stopped

    monkeypatch.setattr("console.operations.ledger._segment", segment)
    monkeypatch.setattr("console.output._write", write)
    monkeypatch.setattr("console.main.os.dup2", lambda *_: None)
    assert main.main(["list", "--json"]) == code
    assert read <= 10 + 5 and "Traceback" not in capfd.readouterr().err


def test_a_glob_knows_star_and_question_mark_only() -> None:
    one = Item(provider="gopro", media_id="m", filename="a[1].MP4", captured_at="", month="unknown", status="ARCHIVED")
    assert fits(one, Wanted(names=("A[1].mp?",))) and not fits(one, Wanted(names=("a1.mp4",)))


# One item


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main.main(["show", *arguments]) == Exit.FINE
    return " ".join(capsys.readouterr().out.split())


def test_everything_is_known_of_one_item(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.answer("s3", head_object=HEAD)
    source(world)
    text = shown(capsys, "clip-1")
    assert "GX010001.MP4 status ARCHIVED provider GoPro id clip-1 captured 2026-05-03 10:00 size 10 B" in text
    assert f"File 1 key {KEY} bytes 10 checksum CRC-64/NVME crc=; S3 says the same" in text
    assert "proofs s3-checksum: S3 has checked the CRC-64/NVME of all bytes new-proof versions 2" in text
    assert 'tier DEEP_ARCHIVE version id ver restore ongoing-request="true"' in text
    assert world.scripted("s3").asked == [
        ("head_object", {"Bucket": "archive", "Key": KEY, "ChecksumMode": "ENABLED"})
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["clip-1", "gopro/clip-1", KEY, f"s3://archive/{KEY}"])
def test_an_item_is_named_by_its_id_its_provider_and_id_or_its_key(
    world: World, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    world.answer("s3", head_object=HEAD)
    assert main.main(["show", "--json", name]) == Exit.FINE
    assert json.loads(capsys.readouterr().out)["item"]["media_id"] == "clip-1"


def test_an_id_with_a_slash_is_looked_for_as_it_is_too() -> None:
    assert list(candidates("id/with/slash", ["gopro"])) == [("gopro", "id/with/slash")]
    assert next(candidates("google-drive/a.b", ["gopro", "google_drive"])) == ("google_drive", "a.b")


def test_an_item_is_found_by_its_name_whatever_its_capitals_and_however_its_letters_are_written(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.answer("s3", head_object=HEAD)
    for name in ("gx010003.mp4", "[RED]u\u0308ber.mp4"):
        main.main(["show", "--json", "--no-log", name])
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["item"]["media_id"], second["item"]["media_id"]) == ("clip-3", "clip-2")


def test_several_items_with_one_name_are_listed_and_none_is_shown(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    item(world, "clip-6", "a.jpg", "2025-01-01")
    assert main.main(["show", "A.JPG"]) == Exit.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "2 items are called 'A.JPG': name one of google_drive/clip-4, gopro/clip-6." in printed.err
    for number in range(20):
        item(world, f"more-{number}", "a.jpg", "2025-01-01")
    main.main(["show", "a.jpg"])
    assert "22 items are called 'a.jpg'" in (said := capsys.readouterr().err) and "and 12 more" in said


def test_an_id_of_several_providers_is_shown_of_the_one_that_is_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.answer("s3", head_object=HEAD)
    item(world, "clip-4", "b.mp4", "2025-01-01")
    assert main.main(["show", "clip-4"]) == Exit.USAGE
    assert "name one of google_drive/clip-4, gopro/clip-4." in capsys.readouterr().err
    assert "provider Google Drive" in shown(capsys, "google-drive/clip-4", "--no-log")


@pytest.mark.parametrize(
    "media_id", ["a/b", "a/b/c/d", "-dash", "--json", "über \u2603", "[red]", "a" * 1_000, "é" * 1_000, " ", "a#b", "*"]
)
def test_an_id_of_odd_characters_is_shown(world: World, capsys: pytest.CaptureFixture[str], media_id: str) -> None:
    world.put(f"gopro#{kept_id(media_id)}", "ITEM", status="PENDING", filename="odd.MP4")
    assert "odd.MP4 status PENDING" in shown(capsys, "--no-log", "--", media_id)
    assert "odd.MP4 status PENDING" in shown(capsys, "--no-log", f"gopro/{media_id}")


@pytest.mark.parametrize("name", ["dropbox/clip-5", "clip-5", "x.mp4", "gopro/", "/", "s3://", "x" * 3_000])
def test_what_is_none_of_this_stacks_is_not_found(world: World, capsys: pytest.CaptureFixture[str], name: str) -> None:
    world.put("gopro#nameless", "ITEM", status="PENDING")
    assert main.main(["show", "--no-log", name]) == Exit.NOT_FOUND
    assert len(capsys.readouterr().err) < 500


def test_an_empty_id_is_a_usage_error(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["show", "--no-log", ""]) == Exit.USAGE
    assert "ITEM is empty" in capsys.readouterr().err


def test_half_a_character_is_a_usage_error(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["show", "a\udcff"]) == main.main(["list", "--json", "--name", "\udcff"]) == Exit.USAGE
    assert "A word of the command is no text in UTF-8" in capsys.readouterr().err


def test_a_file_that_is_a_copy_is_compared_by_the_object_with_its_bytes(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.answer("s3", head_object=HEAD)
    source(world, key=f"{KEY}.copy", copy_of="gopro/2026/05/clip-0/other.MP4")
    text = shown(capsys, "clip-1", "--no-log")
    assert "copy of gopro/2026/05/clip-0/other.MP4" in text and "S3 says the same" in text and "problem" not in text
    assert world.scripted("s3").asked[0][1]["Key"] == "gopro/2026/05/clip-0/other.MP4"


def test_the_log_is_asked_for_no_more_of_an_id_than_it_takes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    media_id = '"' * 640
    world.put(f"gopro#{kept_id(media_id)}", "ITEM", status="PENDING", updated_at="2026-06-01T00:00:00.000Z")
    world.resource("AWS::Logs::LogGroup", "/aws/lambda/run-report")
    world.answer("logs", filter_log_events={"events": []})
    shown(capsys, media_id)
    assert len(world.scripted("logs").asked[0][1]["filterPattern"]) <= 1_024


def test_an_unknown_item_is_not_found_and_the_next_step_is_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["show", "nothing"]) == Exit.NOT_FOUND
    said = capsys.readouterr().err
    assert "The ledger has no item 'nothing', neither by its id nor by its name. `cloudsync list --name" in said


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (refusal("404", "HeadObject"), "S3 has no such object"),
        (refusal("403", "HeadObject"), "These AWS credentials may not look at it."),
        (HEAD | {"ContentLength": 9}, "It is not what the ledger says"),
        (HEAD | {"ChecksumCRC64NVME": "other="}, "It is not what the ledger says"),
        ({"ContentLength": 10}, ""),
        (HEAD, ""),
    ],
)
def test_what_s3_says_is_compared_with_the_ledger(
    world: World, capsys: pytest.CaptureFixture[str], head: Any, problem: str
) -> None:
    world.answer("s3", head_object=head)
    source(world)
    assert main.main(["show", "clip-1", "--json"]) == Exit.FINE
    stored = json.loads(capsys.readouterr().out)["files"][0]["stored"]
    assert stored["problem"].startswith(problem) and bool(stored["problem"]) == bool(problem)
    assert problem or stored["storage_class"] in ("STANDARD", "DEEP_ARCHIVE")


def test_a_row_of_odd_values_is_shown_all_the_same(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.put("gopro#odd", "ITEM", status=7, attempts="many", filename=["x"])
    world.put("gopro#odd", "SOURCE#x", size="large", proofs="all", copy="one")
    assert "status 7" in shown(capsys, "odd", "--no-log")


def test_the_history_is_what_the_functions_have_logged_of_it_in_order(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    at = int(datetime(2026, 6, 1, 0, 0, 5, tzinfo=UTC).timestamp() * 1000)
    lines = {
        "/aws/lambda/run-report": [event(at + 9, message="video", status="ARCHIVED")],
        "/aws/lambda/video-downloader": [
            event(at, message="archived"), event(at, media_id="clip-12", message="of another"),
            event(at, text="no JSON"),
        ],
        "/aws/states/x": [event(at, message="of the state machine")],
    }  # fmt: skip
    for name in lines:
        world.resource("AWS::Logs::LogGroup", name)
    world.answer("s3", head_object=HEAD)
    world.answer("logs", filter_log_events=lambda logGroupName, **_: {"events": lines[logGroupName]})
    text = shown(capsys, "clip-1")
    assert text.endswith("video-downloader: archived 2026-06-01 00:00 run-report: video, ARCHIVED")
    _, asked = world.scripted("logs").asked[0]
    assert asked["filterPattern"] == '"clip-1"' and asked["endTime"] - asked["startTime"] == 49 * 3_600_000


def test_the_log_is_asked_for_a_bounded_number_of_pages(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.resource("AWS::Logs::LogGroup", "/aws/lambda/run-report")
    world.answer("s3", head_object=HEAD)
    world.answer("logs", filter_log_events={"events": [], "nextToken": "more"})
    shown(capsys, "clip-1")
    assert len(world.scripted("logs").asked) == 5


def event(timestamp: int, media_id: str = "clip-1", text: str = "", **fields: Any) -> dict[str, Any]:
    return {"timestamp": timestamp, "message": text or json.dumps({"media_id": media_id, **fields})}


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ({"N": "7"}, 7), ({"N": "0.25"}, 0.25), ({"N": "-3"}, -3), ({"S": "a"}, "a"), ({"NULL": True}, None),
        ({"BOOL": False}, False), ({"L": [{"N": "1"}, {"S": "b"}]}, [1, "b"]), ({"M": {"a": {"N": "1"}}}, {"a": 1}),
        ({"N": "123456789012345678"}, 123456789012345678), ({"N": "1E+2"}, 100.0),
    ],
)  # fmt: skip
def test_an_attribute_becomes_a_plain_value(attribute: dict[str, Any], value: Any) -> None:
    assert plain(attribute) == value
