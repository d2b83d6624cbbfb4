"""`cloudsync restore` by what the catalogue knows: which footage it is, and from which camera."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.errors import Exit
from console.operations.restore.fetch.names import Layout, folder_of
from tests.unit.console_archive import Archive, an_archive, refused, started, told
from tests.unit.console_catalogue import MATTERHORN, MAY, Shelf, line

JUNE = "2026-06-03T10:00:00Z"
OF_THE_CATALOGUE = ["--camera", "--longer-than", "--hilights", "--near"]


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """Four clips, one of which the catalogue has not looked into."""
    with an_archive(monkeypatch) as archive:
        for media_id in ("clip-1", "clip-2", "clip-4"):
            archive.item(media_id)
        archive.item("clip-3", captured_at=JUNE)
        shelf = Shelf(archive.world)
        shelf.index(
            line("clip-1", MAY, camera="HERO11 Black", duration=125.4, place=MATTERHORN, hilights=1),
            line("clip-2", MAY, camera="MAX", duration=59.0),
            line("clip-3", JUNE, camera="HERO11 Black", duration=600.0),
        )
        yield archive


CHOICES: dict[str, tuple[list[str], int]] = {
    "everything from the camera hero*": (["--camera", "hero*"], 2),
    "everything longer than 2:00": (["--longer-than", "2m"], 2),
    "everything with HiLights": (["--hilights"], 1),
    "everything near 46.02,7.75 within 10 km": (["--near", "46.02,7.75,10"], 1),
    "everything captured in 2026-06 longer than 2:00": (["--longer-than", "2m", "--month", "2026-06"], 1),
}


@pytest.mark.parametrize("text", CHOICES)
def test_what_fits_by_the_catalogue_is_chosen_and_told_in_words(
    text: str, archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    words, files = CHOICES[text]
    plan = told(capsys, "plan", *words)["plan"]
    assert (plan["selection"], plan["files"]) == (text, files)


def test_each_file_of_a_job_has_its_camera_so_that_it_is_fetched_into_a_folder_of_that(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = started(capsys)["job_id"]
    files = {file.media_id: file for file in archive.jobs.files(job_id)}
    assert {name: file.camera for name, file in files.items()} == {
        "clip-1": "HERO11 Black", "clip-2": "MAX", "clip-3": "HERO11 Black", "clip-4": "",
    }  # fmt: skip
    assert folder_of(files["clip-1"], Layout.CAMERA) == "HERO11 Black"
    assert folder_of(files["clip-4"], Layout.CAMERA) == "unknown camera"


def test_an_item_that_is_named_has_its_camera_too(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    job_id = started(capsys, "clip-2", "clip-4")["job_id"]
    assert [file.camera for file in archive.jobs.files(job_id)] == ["MAX", ""]


def test_everything_is_by_the_ledger_so_that_what_no_catalogue_has_is_restored(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, "plan", "--everything")["plan"]["files"] == 4


def test_a_choice_by_the_catalogue_and_one_by_name_or_of_everything_are_two_ways_at_once(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["clip-1", "--hilights"], ["--everything", "--camera", "*"]):
        said = refused(capsys, "plan", *words, code=Exit.USAGE)
        assert all(option in said for option in OF_THE_CATALOGUE)


def test_a_bucket_alone_has_no_catalogue(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "plan", "--bucket", "archive", "--camera", "MAX", code=Exit.USAGE)
    assert "known to the stack's catalogue alone" in said
