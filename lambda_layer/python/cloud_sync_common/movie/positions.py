"""The first position that an action camera was sure of, from its telemetry track (`gpmd`).

Each sample of the track has about a second. Positions are in GPS5 (latitude, longitude, altitude, two speeds), for all
of which GPSF says the kind of fix (3: in three dimensions), GPSP the precision and GPSU the time; cameras since HERO11
write GPS9 too, each of whose positions has its own day since 2000, second, precision and fix (the maker's gpmf-parser,
README). Before its receiver has found itself a camera writes old positions, or 0, 0: only a fix in three dimensions
counts. An altitude is above the sea where the camera says so (GPSA: MSLV), and else above the ellipsoid, which is up to
100 m apart; both are passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cloud_sync_common.movie.byte_source import RangeReader
from cloud_sync_common.movie.place import Place, place_of
from cloud_sync_common.movie.telemetry import Entry, nested, samples, scaled
from cloud_sync_common.movie.tracks import Track

_IN_SPACE = 3  # the fix of four satellites or more
_POOREST = 10.0  # dilution of precision; GPSP has a hundred times that
_MOST_OF_A_SAMPLE = 128 * 1024  # bytes; about 10,000 are usual
# A receiver finds itself early or late: each second at first, then ever more rarely, so that hours cost few reads.
_LOOKED_AT = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072)
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class Fix(NamedTuple):
    """A position, and its time in UTC (ISO 8601; empty: not said)."""

    place: Place
    time: str


def telemetry_track(found: list[Track]) -> Track | None:
    """The movie's telemetry track."""
    return next((track for track in found if track.codec == "gpmd"), None)


def payloads(reader: RangeReader, track: Track) -> Iterator[memoryview]:
    """The samples of a telemetry track that are looked at."""
    for index in _LOOKED_AT:
        place = track.samples.place(index)
        if place is None:
            return
        if 0 < place.length <= _MOST_OF_A_SAMPLE:
            yield memoryview(reader.read(*place))


def device_name(payload: memoryview) -> str:
    """What the camera calls itself in its telemetry, such as Hero6 Black; HERO5 says Camera."""
    names = (entry.text for device in nested(payload, b"DEVC") for entry in device if entry.key == b"DVNM")
    return next(names, "")


def fix_in(payload: memoryview) -> Fix | None:
    """The first sure position of one sample of the track."""
    for stream in nested(payload, b"DEVC", b"STRM"):
        by_key = {entry.key: entry for entry in stream}
        found = _of_gps9(by_key) if b"GPS9" in by_key else _of_gps5(by_key) if b"GPS5" in by_key else None
        if found:
            return found
    return None


def _of_gps5(stream: dict[bytes, Entry]) -> Fix | None:
    kind, precision = _single(stream, b"GPSF"), _single(stream, b"GPSP")
    if kind != _IN_SPACE or (precision is not None and precision > 100 * _POOREST):
        return None
    place = next(filter(None, map(_place, _values(stream, b"GPS5"))), None)
    return Fix(place, _time(stream[b"GPSU"].text) if b"GPSU" in stream else "") if place else None


def _of_gps9(stream: dict[bytes, Entry]) -> Fix | None:
    for values in _values(stream, b"GPS9"):
        place = _place(values)
        if place and len(values) >= 9 and values[8] == _IN_SPACE and values[7] <= _POOREST:
            return Fix(place, _iso(_BEGINNING, days=values[5], seconds=values[6]))
    return None


def _single(stream: dict[bytes, Entry], key: bytes) -> float | None:
    """The number that this entry has."""
    values = next(samples(stream[key]), ()) if key in stream else ()
    return values[0] if values else None


def _values(stream: dict[bytes, Entry], key: bytes) -> Iterator[tuple[float, ...]]:
    """The samples of an entry in their units."""
    structure = stream[b"TYPE"].text if b"TYPE" in stream else ""
    scales = tuple(value for sample in samples(stream[b"SCAL"]) for value in sample) if b"SCAL" in stream else (1.0,)
    return (scaled(sample, scales) for sample in samples(stream[key], structure))


def _place(values: tuple[float, ...]) -> Place | None:
    return place_of(*values[:3]) if len(values) >= 3 else None


def _time(text: str) -> str:
    """GPSU: yymmddhhmmss.sss of this century, in UTC."""
    try:
        return _iso(datetime.strptime(f"20{text[:12]}", "%Y%m%d%H%M%S").replace(tzinfo=UTC))
    except ValueError:
        return ""


def _iso(moment: datetime, *, days: float = 0, seconds: float = 0) -> str:
    try:
        return (moment + timedelta(days=days, seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return ""
