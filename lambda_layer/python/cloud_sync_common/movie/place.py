"""Where something was recorded. Pure."""

from __future__ import annotations

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The first position that the camera was sure of, in degrees (WGS 84), and metres above the sea."""

    latitude: float
    longitude: float
    altitude: float | None = None


def place_of(latitude: float, longitude: float, altitude: float | None = None) -> Place | None:
    """None where this is no place on Earth, and for 0, 0, which receivers write that have not found themselves yet."""
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):  # also for what is no number
        return None
    if abs(latitude) < _NEAR_NOTHING and abs(longitude) < _NEAR_NOTHING:
        return None
    is_height = altitude is not None and _LOWEST <= altitude <= _HIGHEST
    return Place(
        latitude=round(latitude, 7),
        longitude=round(longitude, 7),
        altitude=round(altitude, 1) if altitude is not None and is_height else None,
    )


_NEAR_NOTHING = 1e-4  # degrees
_LOWEST, _HIGHEST = -12_000.0, 100_000.0  # metres: from the deepest sea to where the air ends
