"""When an item was captured, by which source, and by which clock."""

from __future__ import annotations

import pytest
from cloud_sync_common.catalogue.moments import Moment, captured, in_name

GPS, LISTED, MOVIE = "2026-05-03T08:15:00Z", "2026-05-03T10:15:00+02:00", "2026-05-03T10:15:00"


def test_the_order_of_the_sources() -> None:
    said = {"gps": GPS, "listed": LISTED, "movie": MOVIE, "filename": "VID_20260503_101501.mp4"}
    assert captured(**said) == Moment(GPS, "gps", "utc")  # type: ignore[arg-type]
    said["gps"] = ""
    assert captured(**said) == Moment(LISTED, "provider", "utc")  # type: ignore[arg-type]
    said["listed_from"] = "modified_time"
    assert captured(**said) == Moment(MOVIE, "movie", "camera")  # type: ignore[arg-type]
    said["movie"] = ""
    assert captured(**said) == Moment("2026-05-03T10:15:01", "name", "camera")  # type: ignore[arg-type]
    said["filename"] = "x.mp4"
    assert captured(**said) == Moment(LISTED, "modified_time", "utc")  # type: ignore[arg-type]


def test_what_is_not_known_to_be_a_capture_time_comes_after_the_movie() -> None:
    assert captured(listed=LISTED, movie=MOVIE, is_described=False).said_by == "movie"
    assert captured(listed=LISTED, is_described=False) == Moment(LISTED, "listed", "utc")


def test_what_is_no_time_is_passed_over() -> None:
    assert captured(gps="yesterday", listed="0000", movie=MOVIE).said_by == "movie"
    assert captured() == Moment()


def test_a_time_without_an_offset_is_by_a_clock_of_an_unknown_zone() -> None:
    assert captured(listed="2026-05-03T10:15:00").clock == "camera"


@pytest.mark.parametrize(
    "filename",
    [
        "VID_20260503_101500.mp4",
        "DJI_20260503101500_0001_D.MP4",
        "2026-05-03 10.15.00.mov",
        "PXL_20260503_101500123.mp4",
    ],
)
def test_names_of_cameras_and_phones_have_the_time(filename: str) -> None:
    assert in_name(filename).at == "2026-05-03T10:15:00"


@pytest.mark.parametrize("filename", ["GX010051.MP4", "20261303_101500.mp4", "12345678901234567.mp4", "IMG_0001.MOV"])
def test_other_names_have_none(filename: str) -> None:
    assert in_name(filename) == Moment()
