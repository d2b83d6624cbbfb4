"""What a movie says of itself: what it is, and when, where and with what it was recorded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloud_sync_common.movie.boxes import inner, number
from cloud_sync_common.movie.byte_source import RangeReader
from cloud_sync_common.movie.camera_notes import Notes, notes
from cloud_sync_common.movie.place import Place, place_of
from cloud_sync_common.movie.positions import device_name, fix_in, payloads, telemetry_track
from cloud_sync_common.movie.tracks import Times, Track, pictures, times
from cloud_sync_common.safe_text import one_line

_1904 = datetime(1904, 1, 1, tzinfo=UTC)
# Before that, a camera whose clock was never set speaks, or a writer that counts from 1970; after it, nobody.
_EARLIEST, _LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_ISO_6709 = re.compile(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?(?:CRS.*)?/?")


@dataclass(frozen=True, kw_only=True)
class MovieFacts:
    """None or empty: the movie does not say it, or nothing that can be.

    `duration` is in seconds; `width` and `height` are those of the picture as it is shown, in pixels; `codec` is the
    sample entry's type. `created_at` is ISO 8601, with Z where `created_clock` is "utc"; "camera" is the camera's own
    clock, whose zone nobody knows. `hilights` are in seconds. `gps_time` is that of `place`, in UTC, where a receiver
    has said both.
    """

    duration: float | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    codec: str = ""
    created_at: str = ""
    created_clock: str = ""
    camera: str = ""
    firmware: str = ""
    lens: str = ""
    hilights: tuple[float, ...] = ()
    place: Place | None = None
    gps_time: str = ""


def facts_of(index: memoryview, found: list[Track], reader: RangeReader) -> MovieFacts:
    """Of the movie with this `moov` and these tracks. `reader` reads its telemetry, where it has any."""
    said, header, picture = notes(index), times(inner(index, b"mvhd")), pictures(found)
    name, place, gps_time = _telemetry(found, reader)
    is_own_clock = said.is_action_camera or telemetry_track(found) is not None
    created_at, created_clock = _created(said, header, is_own_clock=is_own_clock)
    width, height = _shown_size(picture)
    return MovieFacts(
        duration=_duration(index, header, found),
        width=width or None,
        height=height or None,
        frame_rate=picture.rate if picture else None,
        codec=picture.codec if picture else "",
        created_at=created_at,
        created_clock=created_clock,
        camera=said.camera or name,
        firmware=said.firmware,
        lens=said.lens,
        hilights=said.hilights,
        place=place or _place(said.location),
        gps_time=gps_time,
    )


def _telemetry(found: list[Track], reader: RangeReader) -> tuple[str, Place | None, str]:
    """The camera's name, the first sure position, and its time."""
    track, name = telemetry_track(found), ""
    for payload in payloads(reader, track) if track else ():
        name = name or one_line(device_name(payload), 100)
        if fix := fix_in(payload):
            return _model(name), fix.place, fix.time
    return _model(name), None, ""


def _model(name: str) -> str:
    """As the maker writes it elsewhere. HERO5 calls itself Camera, which is no name."""
    return "" if name == "Camera" else re.sub(r"^Hero(?=\d)", "HERO", name)


def _created(said: Notes, header: Times, *, is_own_clock: bool) -> tuple[str, str]:
    """When it was made, and by which clock. The header's is UTC by the standard; action cameras write their own clock
    there, because they know no zone."""
    try:
        moment = datetime.fromisoformat(said.created)
    except ValueError:
        moment = None
    try:
        is_zoned = moment is not None and moment.tzinfo is not None and len(said.created) > _DATE
        if moment is None or len(said.created) <= _DATE:
            moment, is_zoned = _1904 + timedelta(seconds=header.created), not is_own_clock
        moment = moment.astimezone(UTC) if is_zoned else moment.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return "", ""
    if not _EARLIEST <= moment < _LATEST:
        return "", ""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return (f"{text}Z", "utc") if is_zoned else (text, "camera")


_DATE = len("2026-11-27")  # a day alone says less than the header


def _duration(index: memoryview, header: Times, found: list[Track]) -> float | None:
    """Of the whole movie; of one in fragments, what is announced of them."""
    announced = inner(index, b"mvex", b"mehd")
    wide = 8 if number(announced, 0, 1) == 1 else 4
    fragments = Times(0, header.ticks_per_second, number(announced, 4, wide))
    longest = max((track.times.seconds or 0 for track in found), default=0)
    length = header.seconds or fragments.seconds or longest
    return round(length, 3) if length else None


def _shown_size(picture: Track | None) -> tuple[int, int]:
    width, height = picture.size if picture else (0, 0)
    return (height, width) if picture and picture.rotation in (90, 270) else (width, height)


def _place(location: str) -> Place | None:
    """Of ISO 6709 in decimal degrees, which is what phones write, such as +46.0207+007.7491+1608.5/."""
    found = _ISO_6709.fullmatch(location)
    if not found:
        return None
    return place_of(float(found[1]), float(found[2]), float(found[3]) if found[3] else None)
