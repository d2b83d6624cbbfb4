"""When an item was captured: which of the sources that say so has won. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

UTC, CAMERA = "utc", "camera"  # whose clock a moment is of; nobody knows the zone of a camera's
GPS, PROVIDER, MOVIE, NAME, LISTED = "gps", "provider", "movie", "name", "listed"

# How cameras and phones name files by their clock: VID_20260503_101500, DJI_20260503101500_0001, 2026-05-03 10.15.00.
_IN_A_NAME = re.compile(
    r"(?<![0-9])(20[0-9]{2})[-_.]?([01][0-9])[-_.]?([0-3][0-9])"
    r"[-_. T]?([0-2][0-9])[-_.:]?([0-5][0-9])[-_.:]?([0-5][0-9])"
)


@dataclass(frozen=True)
class Moment:
    """A time in ISO 8601, who has said it, and by which clock; all empty where nobody has."""

    at: str = ""
    said_by: str = ""
    clock: str = ""


def captured(
    *,
    gps: str = "",
    listed: str = "",
    listed_from: str = "",
    movie: str = "",
    movie_clock: str = "",
    filename: str = "",
    is_described: bool = True,
) -> Moment:
    """The best of them. A satellite's time is right, and in UTC. The provider's own capture time has often been set
    right by an app. A movie's clock is the camera's, and so is that in a name. What stands in for a capture time
    (`listed_from`, MediaItem.captured_at_from) is later than all. `is_described` is False where nobody knows whether
    `listed` is one or the other: then the movie comes first."""
    of_provider = Moment(listed, PROVIDER, _clock_of(listed))
    stands_in = Moment(listed, listed_from or LISTED, _clock_of(listed))
    is_capture_time = is_described and not listed_from
    candidates = (
        Moment(gps, GPS, UTC),
        of_provider if is_capture_time else Moment(),
        Moment(movie, MOVIE, movie_clock or CAMERA),
        in_name(filename),
        Moment() if is_capture_time else stands_in,
    )
    return next((moment for moment in candidates if _is_moment(moment.at)), Moment())


def in_name(filename: str) -> Moment:
    """The time in a file's name."""
    for found in _IN_A_NAME.finditer(filename):
        text = "{}-{}-{}T{}:{}:{}".format(*found.groups())
        if _is_moment(text):
            return Moment(text, NAME, CAMERA)
    return Moment()


def _clock_of(text: str) -> str:
    """A time without an offset is by a clock whose zone nobody knows."""
    try:
        return UTC if datetime.fromisoformat(text).tzinfo else CAMERA
    except ValueError:
        return ""


def _is_moment(text: str) -> bool:
    try:
        return bool(text) and datetime.fromisoformat(text).year > 0
    except ValueError:
        return False
