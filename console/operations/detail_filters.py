"""What limits a list by the details of the catalogue: how long, how near to a place. Pure."""

from __future__ import annotations

import re
from math import asin, cos, isfinite, radians, sin, sqrt
from typing import TYPE_CHECKING

import msgspec

from console.errors import UsageError

if TYPE_CHECKING:
    from cloud_sync_common.stores.catalogue_rows import Place

_EARTH_KM = 6_371.0  # its mean radius
_KM = 5.0  # around a place, unless another distance is given
_LENGTH = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s?)?", re.ASCII)
_MOST = 9  # characters of a number: nothing that is filmed is longer


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """A place in degrees (WGS 84), and the kilometres around it."""

    latitude: float
    longitude: float
    km: float = _KM

    def has(self, place: Place) -> bool:
        return is_place(place) and self._distance_to(place) <= self.km

    def _distance_to(self, place: Place) -> float:
        """In kilometres, along a sphere: half a percent off at most."""
        lat1, lat2 = radians(self.latitude), radians(place.latitude)
        half_lat, half_lon = (lat2 - lat1) / 2, radians(place.longitude - self.longitude) / 2
        chord = sin(half_lat) ** 2 + cos(lat1) * cos(lat2) * sin(half_lon) ** 2
        return 2 * _EARTH_KM * asin(min(1.0, sqrt(chord)))

    @property
    def text(self) -> str:
        return f"{self.latitude:g},{self.longitude:g} within {self.km:g} km"


def is_place(place: Place) -> bool:
    """Whether it is on this earth: an index is a file that somebody may have edited."""
    return -90 <= place.latitude <= 90 and -180 <= place.longitude <= 180


def near_of(text: str) -> Near | None:
    """None for an empty one. Raises UsageError for what is no `LAT,LON` or `LAT,LON,KM`."""
    if not text:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) in (2, 3) and all(map(isfinite, numbers)):
        near = Near(latitude=numbers[0], longitude=numbers[1], km=numbers[2] if len(numbers) == 3 else _KM)
        if abs(near.latitude) <= 90 and abs(near.longitude) <= 180 and near.km > 0:
            return near
    raise UsageError(
        "--near must be a latitude and a longitude in degrees, with kilometres if you like, such as 46.02,7.75 or "
        f"46.02,7.75,20; not {text[:100]!r}. For a south latitude: --near=-33.86,151.21"
    )


def seconds_of(text: str) -> float | None:
    """None for an empty one. Raises UsageError for what is no `90s`, `2m`, `1h30m`."""
    if not text:
        return None
    found = _LENGTH.fullmatch(text.replace(" ", "").lower())
    if found is None or not any(found.groups()) or any(len(one or "") > _MOST for one in found.groups()):
        raise UsageError(f"--longer-than must be a time such as 90s, 2m or 1h30m; not {text[:100]!r}.")
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3_600 + int(minutes or 0) * 60 + float(seconds or 0)
