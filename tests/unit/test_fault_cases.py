"""The cases of `make faults`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from local.aws_fault_menu import AwsFaultKind
from local.emulator import DeploymentError
from local.fake_providers.dropbox_faults import DropboxFault
from local.fault_case import Case, Outcome, fault_of, s3
from local.fault_library import PATHS, SHARED_DRIVE, make_fault_library
from local.fault_matrix import run_faults


def test_an_unknown_case_is_refused_with_the_names_that_there_are_before_anything_starts() -> None:
    output = io.StringIO()
    with pytest.raises(DeploymentError, match=r"no fault case 'rain'; there are .*short_page"):
        run_faults(Console(file=output), ["short_page", "rain"])
    assert output.getvalue() == ""


def test_a_case_whose_items_are_paths_gets_the_ids_that_they_have_now() -> None:
    faults = (
        fault_of(DropboxFault.HASH_WRONG, item="/a"),
        fault_of(DropboxFault.PAGE_SMALL),
        s3(AwsFaultKind.CONFLICT, "x"),
    )
    case = Case("case", faults, Outcome.LEFT, "later", ("/a",), items=("/a", "/b"), superseded=("/b",))
    found = case.of_ids({"/a": "id:1", "/b": "id:2"}.__getitem__)
    assert (found.items, found.affected, found.superseded) == (("id:1", "id:2"), ("id:1",), ("id:2",))
    assert [getattr(fault, "media_id", None) for fault in found.faults] == ["id:1", None, None]
    assert found.faults[1:] == faults[1:] and (found.name, found.outcome, found.reported) == ("case", "left", "later")


@pytest.mark.parametrize("provider", ["google_drive", "dropbox"])
def test_the_accounts_of_the_cases_have_the_same_bytes_each_time(tmp_path: Path, provider: str) -> None:
    first, second = (make_fault_library(tmp_path / name, provider) for name in ("first", "second"))
    assert [item.row for item in first.items()] == [item.row for item in second.items()]
    for item, same in zip(first.items(), second.items(), strict=True):
        assert [path.read_bytes() for path in item.sources] == [path.read_bytes() for path in same.sources]


def test_two_pairs_of_videos_have_the_same_size_and_other_bytes(tmp_path: Path) -> None:
    items = {
        item.media_id: item.sources[0] for item in make_fault_library(tmp_path, "google_drive").items() if item.sources
    }
    for one, other in (("1plain", "1twin"), ("1big", "1other")):
        assert items[one].stat().st_size == items[other].stat().st_size
        assert items[one].read_bytes() != items[other].read_bytes()
    assert set(PATHS) < set(items) and items["1big"].stat().st_size > 16 * 1024 * 1024


def test_at_google_drive_there_are_a_shared_drive_and_a_shortcut_to_the_file_of_another(tmp_path: Path) -> None:
    rows = {item.media_id: item.row for item in make_fault_library(tmp_path, "google_drive").items()}
    assert rows["1team"]["shared_drive"] == SHARED_DRIVE
    assert rows[rows["1link"]["shortcut_to"]]["shared_by"]
