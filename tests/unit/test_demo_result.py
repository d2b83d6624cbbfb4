"""What the demo says of each cloud, and when it says that all is well."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from local.demo_result import CloudResult, DemoResult, cloud_result, table_of
from local.verify import Verdict

REPORT: dict[str, Any] = {
    "status": "SUCCEEDED",
    "summary": {"new": 3, "failed": 1, "waiting": 0, "left_out": {"folder": 2, "kinds": 1, "shortcut": 1}},
}


def verdict(media_id: str, *, key: str = "k", agreed: bool = True, matched: bool = True) -> Verdict:
    return Verdict(media_id, f"{media_id}.mp4", key, 1_500_000, agreed=agreed, matched=matched)


CHAPTERS = [verdict("clip"), verdict("chapters"), verdict("chapters")]
DRIVE = cloud_result(CHAPTERS, REPORT, moved_again=0, publishes_hashes=True)
GOPRO = cloud_result(
    [verdict("clip", matched=False)],
    {"status": "SUCCEEDED", "summary": {"new": 1}},
    moved_again=0,
    publishes_hashes=False,
)


def result(*clouds: CloudResult, iam_enforced: bool = True) -> DemoResult:
    named = dict(zip(("gopro", "google_drive", "dropbox"), clouds, strict=False))
    return DemoResult.of(named, status="SUCCEEDED", iam_enforced=iam_enforced, seconds=1.0)


def printed(providers: dict[str, CloudResult], width: int = 120) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(table_of(providers))
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def test_a_cloud_counts_files_and_their_items() -> None:
    assert (DRIVE.originals, DRIVE.archived, DRIVE.hashes_matched, DRIVE.bytes) == (3, 3, 3, 4_500_000)
    assert (DRIVE.items, DRIVE.items_archived, DRIVE.items_agreed, DRIVE.failed) == (3, 2, 2, 1)


def test_an_item_is_archived_when_all_of_its_files_are() -> None:
    half = cloud_result([*CHAPTERS[:2], verdict("chapters", key="")], REPORT, moved_again=0, publishes_hashes=True)
    assert (half.archived, half.items_archived) == (2, 1)


def test_all_clouds_together_are_the_sums_and_each_is_beside_them() -> None:
    found = json.loads(json.dumps(asdict(result(GOPRO, DRIVE))))
    assert (found["items"], found["archived"], found["bytes"], found["checksums_agreed"]) == (4, 3, 6_000_000, 3)
    assert found["providers"]["google_drive"]["hashes_matched"] == 3
    assert found["providers"]["gopro"]["hashes_published"] == 0


def test_three_good_clouds_are_a_good_demo() -> None:
    assert result(GOPRO, DRIVE, DRIVE).is_good


WRONG: dict[str, CloudResult] = {
    "its run failed": replace(DRIVE, status="FAILED"),
    "there is no original": replace(DRIVE, originals=0, archived=0, checksums_agreed=0),
    "an original is not archived": replace(DRIVE, archived=2),
    "a checksum does not agree": replace(DRIVE, checksums_agreed=2),
    "a published hash was not compared": replace(DRIVE, hashes_matched=2),
    "the second run moved something": replace(DRIVE, second_run_transferred=1),
    "nobody knows what the second run moved": replace(DRIVE, second_run_transferred=-1),
}


@pytest.mark.parametrize("what", WRONG)
def test_one_cloud_that_is_not_good_fails_the_demo(what: str) -> None:
    assert not result(GOPRO, WRONG[what], DRIVE).is_good


def test_a_demo_without_enforced_iam_fails() -> None:
    assert not result(GOPRO, DRIVE, iam_enforced=False).is_good


def test_a_run_without_a_report_has_no_numbers_and_is_not_good() -> None:
    lost = cloud_result(CHAPTERS, {}, moved_again=-1, publishes_hashes=True)
    assert (lost.status, lost.items, lost.is_good) == ("MISSING", 0, False)


def test_the_table_has_a_column_for_each_cloud_and_one_for_all() -> None:
    titles, *rows = printed({"gopro": GOPRO, "google_drive": DRIVE}).splitlines()
    cells = {name: found for name, *found in (re.split(r" {2,}", row.strip()) for row in rows)}
    assert re.split(r" {2,}", titles.strip()) == ["GoPro", "Google Drive", "all"]
    assert cells["size"] == ["1.5 MB", "4.5 MB", "6.0 MB"]
    assert cells["originals"] == ["1", "3", "4"]
    assert cells["archived"] == ["1 of 1", "3 of 3", "4 of 4"]
    assert cells["published hashes matched"] == ["publishes none", "3 of 3", "3 of 3"]
    assert cells["moved by the second run"] == ["nothing", "nothing", "nothing"]


def test_the_table_says_what_was_left_alone_and_why() -> None:
    text = printed({"google_drive": DRIVE})
    for said in ("1 failed (see below)", "2 folders", "1 photo", "1 shortcut"):
        assert said in text


def test_the_table_shows_what_is_wrong() -> None:
    text = printed({"dropbox": replace(DRIVE, archived=2, second_run_transferred=7)})
    assert "2 of 3" in text and "7 bytes" in text
    assert "not known" in printed({"dropbox": replace(DRIVE, second_run_transferred=-1)})


def test_the_table_fits_into_a_terminal_of_80_characters() -> None:
    text = printed({"gopro": GOPRO, "google_drive": DRIVE, "dropbox": DRIVE}, width=80)
    assert max(map(len, text.splitlines())) <= 80 and "…" not in text
