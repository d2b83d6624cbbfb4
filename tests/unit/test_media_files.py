"""What the name and the times of a file say of it."""

from __future__ import annotations

import pytest
from cloud_sync_common.file_services.media_files import earliest, exif_moment, kind_of, moment


@pytest.mark.parametrize(
    ("name", "mime_type", "kind"),
    [
        ("a.mp4", "", "video"),
        ("a.MP4", "application/octet-stream", "video"),
        (".mp4", "", "video"),
        ("a.360", "", "video"),
        ("a", "video/mp4", "video"),
        ("a.jpg", "", "photo"),
        ("a.GPR", "application/octet-stream", "photo"),
        ("a", "image/heic", "photo"),
        ("a.mp4", "image/jpeg", "video"),
        ("a.ts", "video/mp2t", ""),
        ("mp4", "", ""),
        ("a.mp4.txt", "text/plain", ""),
        ("", "", ""),
    ],
)
def test_the_extension_decides_and_then_the_type(name: str, mime_type: str, kind: str) -> None:
    assert kind_of(name, mime_type) == kind


def test_a_file_with_a_duration_is_a_video_whatever_it_is_called() -> None:
    assert kind_of("a.ts", "video/mp2t", has_video_facts=True) == "video"


def test_the_earliest_time_is_taken_whatever_its_offset() -> None:
    times = {"one": "2026-01-02T10:00:00Z", "two": "2026-01-02T10:30:00+01:00", "three": "later"}
    assert earliest(**times) == ("2026-01-02T10:30:00+01:00", "two")
    assert earliest(one="", two="soon") == earliest() == ("", "")


def test_of_two_equal_times_the_same_one_is_taken_every_time() -> None:
    same = "2026-01-02T10:00:00Z"
    assert earliest(b=same, a=same) == earliest(a=same, b=same) == (same, "a")


@pytest.mark.parametrize("text", ["2026-01-02T10:00:00Z", "2026-01-02T10:00:00.000Z", "2026-01-02T10:00:00+05:30"])
def test_a_time_stays_as_it_came(text: str) -> None:
    assert moment(text) == text


@pytest.mark.parametrize(
    "text", ["", "2026-01-02", "2026-01-02T10:00:00", "2026-13-02T10:00:00Z", "0001-01-01T00:00:00+23:00", "<b>"]
)
def test_what_is_no_time_is_empty(text: str) -> None:
    assert moment(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "1601-01-01T00:00:00Z",
        "1904-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "1979-12-31T11:00:00Z",
        "1980-01-01T23:59:59-12:00",
        "0000-00-00T00:00:00Z",
    ],
)
def test_what_a_clock_shows_that_was_never_set_is_no_time(text: str) -> None:
    assert moment(text) == ""
    assert earliest(one=text, two="2026-01-02T10:00:00Z") == ("2026-01-02T10:00:00Z", "two")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025:08:05 10:01:02", "2025-08-05T10:01:02"),
        ("2025-08-05 10:01:02", ""),
        ("0000:00:00 00:00", ""),
        ("", ""),
        ("0000:00:00 00:00:00", ""),
        ("2025:13:05 10:01:02", ""),
        ("2025:08:05 99:99:99", ""),
        ("1970:01:01 00:00:00", ""),
    ],
)
def test_a_cameras_time_has_no_offset(text: str, expected: str) -> None:
    assert exif_moment(text) == expected
