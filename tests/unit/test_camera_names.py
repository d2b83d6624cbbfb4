"""The names of chapters as on the camera's card."""

from __future__ import annotations

import pytest
from cloud_sync_common.camera_names import CHAPTERS, chapter_names, with_extension


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ("GX010051.MP4", ["GX010051.MP4", "GX020051.MP4", "GX030051.MP4"]),
        ("GH010017.MP4", ["GH010017.MP4", "GH020017.MP4", "GH030017.MP4"]),
        ("GS010003.360", ["GS010003.360", "GS020003.360", "GS030003.360"]),
        ("gx010051.mp4", ["gx010051.mp4", "gx020051.mp4", "gx030051.mp4"]),
        ("GOPR0815.MP4", ["GOPR0815.MP4", "GP010815.MP4", "GP020815.MP4"]),
        ("gopr0815.mp4", ["gopr0815.mp4", "gp010815.mp4", "gp020815.mp4"]),
    ],
)
def test_a_recording_goes_on_under_the_next_number(first: str, names: list[str]) -> None:
    assert chapter_names(first, 3) == names


@pytest.mark.parametrize(
    "first",
    ["GX020051.MP4", "GX000051.MP4", "GP010815.MP4", "GXAA0001.MP4", "GX01051.MP4", "GX0100511.MP4", "My GX010051.MP4",
     "GX010051", "GX010051.MP4 copy", "Best of winter.mp4", "G0231111.JPG", "GZ010001.MP4", "", "GX010051.MP4/x"],
)  # fmt: skip
def test_a_name_that_no_camera_gives_a_first_chapter_says_nothing_about_the_others(first: str) -> None:
    assert chapter_names(first, 3) == []


@pytest.mark.parametrize(
    ("count", "known"), [(0, False), (1, False), (2, True), (CHAPTERS, True), (CHAPTERS + 1, False)]
)
@pytest.mark.parametrize("first", ["GX010051.MP4", "GOPR0815.MP4"])
def test_there_are_names_for_as_many_chapters_as_two_digits_count(first: str, count: int, known: bool) -> None:
    names = chapter_names(first, count)
    assert len(set(names)) == (count if known else 0)
    if first.startswith("GX"):
        assert names == sorted(names)


@pytest.mark.parametrize(
    ("filename", "path", "found"),
    [
        ("a.MP4", "/1.mov", "a.MP4"),
        ("Holiday", "/1.mov", "Holiday.mov"),
        ("Holiday v1.5", "/1", "Holiday v1.5.mp4"),
        ("Holiday", "/1.exe", "Holiday.mp4"),
    ],
)
def test_a_name_has_a_known_extension(filename: str, path: str, found: str) -> None:
    assert with_extension(filename, path, frozenset({"mp4", "mov"}), "mp4") == found
