"""The two drawings of an item: its HiLights along its time, and where it was taken, on plain lines of the globe. Pure,
and no map is asked for from anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import cos, floor, hypot, radians

from cloud_sync_common.stores.catalogue_rows import Place

LENGTH = 1_000  # of the line of time
WIDE, HIGH = 440, 240  # of the map
KM_WIDE = 11.0  # from its left edge to its right one
MOST_BESIDE = 200  # points of other items that are drawn
_KM = 111.32  # of a degree of latitude, and of one of longitude on the equator
_STEPS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # degrees between two lines


@dataclass(frozen=True)
class Line:
    """A line of the globe at its place across the map, and what it is called."""

    at: float
    name: str


@dataclass(frozen=True)
class Map:
    """`points` are those of other items. The item itself is in the middle. `bar` is the length of two kilometres."""

    latitudes: list[Line]
    longitudes: list[Line]
    points: list[tuple[float, float]]
    bar: float
    beside: int


def marks_of(hilights: Iterable[float], duration: float | None) -> list[float]:
    """Where the HiLights are on the line; none where it is not known how long it is."""
    if not duration or duration <= 0:
        return []
    return [round(LENGTH * second / duration, 1) for second in hilights if 0 <= second <= duration]


def map_of(place: Place, others: Iterable[Place]) -> Map:
    """Around a place. Near a pole, where degrees have no width, it is as if it were at 85 degrees."""
    shrunk = cos(radians(min(abs(place.latitude), 85.0)))
    pixels = WIDE / KM_WIDE
    down, right = _KM * pixels, _KM * shrunk * pixels  # pixels of a degree

    def at(other: Place) -> tuple[float, float]:
        x = WIDE / 2 + (other.longitude - place.longitude) * right
        return round(x, 1), round(HIGH / 2 - (other.latitude - place.latitude) * down, 1)

    near = [at(one) for one in others if one != place and is_near(place, one)]
    seen = [(x, y) for x, y in near if 0 < x < WIDE and 0 < y < HIGH]
    return Map(
        latitudes=[
            Line(round(HIGH / 2 - (degree - place.latitude) * down, 1), latitude_of(degree, 2))
            for degree in _degrees(place.latitude, HIGH / 2 / down)
        ],
        longitudes=[
            Line(round(WIDE / 2 + (degree - place.longitude) * right, 1), longitude_of(degree, 2))
            for degree in _degrees(place.longitude, WIDE / 2 / right)
        ],
        points=seen[:MOST_BESIDE],
        bar=round(2 * pixels, 1),
        beside=len(near),
    )


def _degrees(middle: float, reach: float) -> list[float]:
    """Round degrees within the reach of the middle, some two or three of them, and none at the very edge."""
    step = next((step for step in _STEPS if reach * 2 / step <= 3), _STEPS[-1])
    first = floor((middle - reach) / step) + 1
    found = [round((first + number) * step, 4) for number in range(4)]
    return [degree for degree in found if abs(degree - middle) < reach * 0.9]


def is_near(place: Place, other: Place, most_km: float = 5.0) -> bool:
    """Whether it is no further away, on ground that is taken to be flat."""
    up = (other.latitude - place.latitude) * _KM
    across = (other.longitude - place.longitude) * _KM * cos(radians(place.latitude))
    return hypot(up, across) <= most_km


def latitude_of(degrees: float, digits: int = 4) -> str:
    """`42.5674° N`."""
    return f"{abs(degrees):.{digits}f}° {'N' if degrees >= 0 else 'S'}"


def longitude_of(degrees: float, digits: int = 4) -> str:
    """`8.7571° E`."""
    return f"{abs(degrees):.{digits}f}° {'E' if degrees >= 0 else 'W'}"
