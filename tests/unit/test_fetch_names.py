"""Names of fetched files: what comes of a name that a file system cannot hold, or that would lead elsewhere."""

from __future__ import annotations

import unicodedata

import pytest
from cloud_sync_common.stores.restore_jobs import JobFile

from console.operations.restore.fetch.names import (
    JOURNAL,
    MANIFEST,
    PART,
    Layout,
    folded,
    folder_of,
    name_of,
    numbered,
    safe_name,
)


def file(**more: str) -> JobFile:
    return JobFile(**{"number": 1, "provider": "gopro", "media_id": "id-1", "key": "k", "size": 1, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["GX010042.MP4", "Ferien am See – Teil 1.mov", "海.mp4", ".hidden", "a.b.c", "👩‍👧.mp4"]
)
def test_a_name_that_every_file_system_holds_stays_as_it_is(name: str) -> None:
    assert safe_name(name, "x") == name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("a/b\\c.mp4", "a_b_c.mp4"),
        ("nul\0l.mp4", "nul_l.mp4"),
        ("line\nbreak.mp4", "line_break.mp4"),
        ("what? *.mp4", "what_ _.mp4"),
        ("10:30.mp4", "10_30.mp4"),
        ("turned\u202e4pm.exe", "turned_4pm.exe"),
        ("half\ud800.mp4", "half_.mp4"),
        ("dots...", "dots"),
        ("blank .mp4 ", "blank .mp4"),
        ("CON", "_CON"),
        ("com1.mp4", "_com1.mp4"),
        ("aux .txt", "_aux .txt"),
        ("console.mp4", "console.mp4"),
        ("clip.mp4.part", "clip.mp4.part_"),
        ("clip.PART.journal", "clip.PART.journal_"),
        (MANIFEST, f"_{MANIFEST}"),
    ],
)
def test_what_a_file_system_cannot_hold_is_replaced(name: str, safe: str) -> None:
    assert safe_name(name, "x") == safe


@pytest.mark.parametrize("name", ["", ".", "..", "...", " ", "/", "\0", "///"])
def test_a_name_of_which_nothing_is_left_becomes_the_id(name: str) -> None:
    assert name_of(file(filename=name)) == "id-1"
    assert name_of(file(filename=name, media_id="..")) == "file"


@pytest.mark.parametrize("letter", ["x", "é", "海", "👩"])
def test_a_long_name_keeps_its_extension_and_whole_characters(letter: str) -> None:
    name = safe_name(letter * 300 + ".MP4", "x")
    assert name.endswith(f"{letter}.MP4")
    assert len(f"{numbered(name, 9999)}{JOURNAL}".encode()) <= 255
    assert len(safe_name("x." + "y" * 300, "z").encode()) <= 255 - len(PART) - len(JOURNAL)


def test_further_files_of_a_name_are_numbered_before_the_extension() -> None:
    assert [numbered("a.b.MP4", number) for number in (1, 2, 10)] == ["a.b.MP4", "a.b (2).MP4", "a.b (10).MP4"]
    assert (numbered("README", 2), numbered(".hidden", 2)) == ("README (2)", ".hidden (2)")


def test_names_that_a_file_system_may_take_for_one_are_the_same_when_folded() -> None:
    accent = unicodedata.normalize("NFD", "Café.MP4")
    assert folded("café.mp4") == folded(accent) == folded("CAFÉ.mp4")
    assert folded("a.mp4") != folded("b.mp4")


@pytest.mark.parametrize(
    ("captured_at", "folder"),
    [
        ("2026-05-17T08:30:00Z", "2026-05"),
        ("2026-06-01T00:30:00+02:00", "2026-05"),
        ("", "unknown month"),
        ("soon", "unknown month"),
    ],
)
def test_a_month_is_that_of_utc(captured_at: str, folder: str) -> None:
    assert folder_of(file(filename="x", captured_at=captured_at), Layout.MONTH) == folder


@pytest.mark.parametrize(
    ("camera", "folder"),
    [("HERO12 Black", "HERO12 Black"), ("", "unknown camera"), ("../x", ".._x"), ("..", "unknown camera")],
)
def test_a_camera_is_a_folder_with_a_safe_name(camera: str, folder: str) -> None:
    assert folder_of(file(filename="x", camera=camera), Layout.CAMERA) == folder


def test_a_flat_layout_has_no_folder() -> None:
    assert folder_of(file(filename="x", camera="c"), Layout.FLAT) == ""
