"""`cloudsync catalogue`: how far it is, its indexes written anew, and places forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from cloud_sync_common.stores.catalogue_rows import IndexRow, details_key, index_key

from console import main
from console.commands import catalogue_forget_places, catalogue_rebuild
from console.errors import Exit
from console.operations.catalogue_state import without_place
from tests.unit.console_account import refusal
from tests.unit.console_catalogue import MATTERHORN, MAY, Shelf, a_shelf, details_of, line

JUNE = "2026-06-03T10:00:00Z"
KEY = details_key("gopro", MAY, "clip-1")


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """Three clips, the first of which was looked into. The index of May has it, and that of June one of two."""
    with a_shelf(monkeypatch) as shelf:
        shelf.clip("clip-1", damage="it is cut off")
        shelf.clip("clip-2", at=JUNE)
        shelf.clip("clip-3", at=JUNE, status="PENDING", not_archived="gopro", updated_at="2026")
        shelf.clip("never", at=JUNE, status="FAILED", bytes_total=None)
        shelf.details(details_of("clip-1"))
        shelf.index(
            line("clip-1", place=MATTERHORN, picture="provider"), line("clip-2", JUNE, is_detailed=False),
        )  # fmt: skip
        shelf.counted("2026-05", 1)
        shelf.counted("2026-06", 2)
        shelf.walked(completed_at="2026-11-26T03:00:00Z", failures=2)
        yield shelf


def rows(shelf: Shelf, month: str) -> dict[str, IndexRow]:
    lines = shelf.content(index_key("gopro", month)).splitlines()
    found = [msgspec.json.decode(one, type=IndexRow) for one in lines]
    return {row.media_id: row for row in found}


def told(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.FINE) -> dict[str, Any]:
    capsys.readouterr()
    assert main.main(["catalogue", *words, "--json"]) == code
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


# status


def test_the_status_counts_what_has_details_and_pictures_and_what_waits(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(capsys, "status", "--provider", "gopro", code=Exit.ATTENTION)
    assert found["kind"] == "catalogue" and found["providers"]["gopro"] == {
        "archived": 3, "listed": 2, "detailed": 1, "with_picture": 1, "with_place": 1, "waiting": 2,
        "oldest_waiting": "2026-06", "complete": True, "completed_at": "2026-11-26T03:00:00Z", "failures": 2,
    }  # fmt: skip


def test_people_see_a_line_for_each_provider_and_what_to_do(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.counted("2025-01", 4, provider="google_drive")
    assert main.main(["catalogue", "status"]) == Exit.ATTENTION
    text = " ".join(capsys.readouterr().out.split())
    assert "GoPro 3 1 1 1 2 2026-06" in text and "Google Drive 4 0 0 0 4 2025-01" in text
    assert "GoPro: the nightly walk came to its end at 2026-11-26 03:00." in text
    assert "GoPro: 1 item is in no index; `cloudsync catalogue rebuild` adds what is archived." in text
    assert "GoPro: an item met trouble 2 times" in text and "Google Drive: there is no catalogue yet." in text


def test_where_all_have_details_nothing_waits(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.index(line("clip-1"), line("clip-2", JUNE), line("clip-3", JUNE))
    found = told(capsys, "status")
    assert (found["providers"]["gopro"]["waiting"], found["providers"]["google_drive"]["archived"]) == (0, 0)


def test_a_row_that_nobody_of_cloud_sync_writes_is_no_walk(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.world.put("PROVIDER#gopro", "CATALOGUE", complete="yes", failures="many")
    assert told(capsys, "status", code=Exit.ATTENTION)["providers"]["gopro"]["complete"] is False


# rebuild


def test_a_rebuilt_index_has_what_the_ledger_says_is_archived_with_the_details_there_are(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.index(line("stale", "2024-01-01T00:00:00Z"))
    found = told(capsys, "rebuild", "--yes")
    assert (found["kind"], found["items"]) == ("rebuilt-catalogue", {"gopro": 3, "google_drive": 0})
    (first,) = rows(shelf, "2026-05").values()
    assert (first.camera, first.place, first.hilights, first.is_detailed) == ("HERO11 Black", MATTERHORN, 2, True)
    assert (first.damage, first.bytes, first.listed_at) == ("it is cut off", 10, MAY)
    june = rows(shelf, "2026-06")
    assert set(june) == {"clip-2", "clip-3"} and not june["clip-2"].is_detailed
    assert june["clip-2"].files == 1  # so that it can be chosen in the library
    assert rows(shelf, "2024-01") == {}
    assert "cursor" not in shelf.world.aws.table.get_item(Key={"pk": "PROVIDER#gopro", "sk": "CATALOGUE"})["Item"]


def test_before_a_rebuild_its_cost_is_said(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.counted("2026-06", 100_000)
    assert main.main(["catalogue", "rebuild"]) == Exit.USAGE
    said = capsys.readouterr().err
    assert "the details of 100,001 items, and writes the indexes of 2 months, for about 0.0431 USD." in said
    assert "There is no terminal to ask on. Repeat the command with --yes." in said
    assert rows(shelf, "2026-06").keys() == {"clip-2"}


@pytest.mark.parametrize(
    ("verb", "module", "sentence"),
    [
        ("rebuild", catalogue_rebuild, "Nothing was written."),
        ("forget-places", catalogue_forget_places, "Nothing was changed."),
    ],
)
def test_whoever_says_no_changes_nothing(
    shelf: Shelf,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    module: Any,
    sentence: str,
) -> None:
    monkeypatch.setattr(module, "is_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    assert main.main(["catalogue", verb]) == Exit.FAILED
    assert sentence in capsys.readouterr().err and shelf.s3.asked["put_object"] == 0


@pytest.mark.parametrize("verb", ["rebuild", "forget-places"])
def test_while_a_run_is_under_way_nothing_is_written(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    arn = shelf.world.night("run-1", status="RUNNING")
    shelf.world.put("PROVIDER#gopro", "RUN_UNDER_WAY", current="run-1", execution_arn=arn)
    assert main.main(["catalogue", verb, "--yes"]) == Exit.FAILED
    assert "A run of GoPro is under way" in capsys.readouterr().err and shelf.s3.asked["put_object"] == 0


def test_an_index_that_a_run_has_written_meanwhile_is_not_written_over(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise refusal("PreconditionFailed", "PutObject")

    monkeypatch.setattr(shelf.s3, "put_object", refuse, raising=False)
    assert main.main(["catalogue", "rebuild", "--yes"]) == Exit.FAILED
    assert "A run of GoPro has written the catalogue meanwhile. Repeat the command" in capsys.readouterr().err


# forget-places


def test_places_are_removed_from_details_and_indexes_and_nothing_else_of_them(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads(shelf.content(KEY))
    found = told(capsys, "forget-places", "--yes")
    assert found["providers"] == {"gopro": {"details": 1, "lines": 1}, "google_drive": {"details": 0, "lines": 0}}
    after = json.loads(shelf.content(KEY))
    assert before.pop("place") and before["taken_from"].pop("place") and after == before
    assert b"45.97" not in shelf.content(index_key("gopro", "2026-05")) and rows(shelf, "2026-05").keys() == {"clip-1"}
    again = told(capsys, "forget-places", "--yes")
    assert again["providers"]["gopro"] == {"details": 0, "lines": 0}


def test_how_to_keep_new_places_out_is_said(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["catalogue", "forget-places", "--yes"]) == Exit.FINE
    said = capsys.readouterr().err
    assert "set `catalogue_places = false` in environments/dev.toml and deploy" in said


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"7", b'{"a": 1}', b"[" * 10_000])
def test_what_has_no_place_is_left_as_it_is(content: bytes) -> None:
    assert without_place(content) is None


def test_what_a_later_version_has_put_into_details_stays() -> None:
    content = b'{"later": {"x": [1, 2.5, null]}, "place": null, "taken_from": 7}'
    assert json.loads(without_place(content) or b"") == {"later": {"x": [1, 2.5, None]}, "taken_from": 7}
