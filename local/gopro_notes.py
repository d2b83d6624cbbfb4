"""What a GoPro notes in a movie: the boxes of its user data, and its telemetry (GPMF).

Written after public descriptions: gpmf-parser's README, ExifTool's GoPro.pm and QuickTime.pm, and programs that read
HiLights (GoPro-Highlight-Parser).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from local.movie_writing import box, numbers

_SCALES = (10_000_000, 10_000_000, 1000, 1000, 100)
_MOMENTS = 18  # positions a second of GPS5; GPS9 has 10
_MOMENTS_OF_GPS9 = 10
_LENGTH_OF_HMMT = 100  # HiLights that the box has room for


@dataclass(frozen=True, kw_only=True)
class Fix:
    """One second's position: degrees, metres, the kind of fix (0: none, 2 or 3 dimensions), and when."""

    latitude: float
    longitude: float
    altitude: float
    time: datetime
    dimensions: int = 3
    precision: float = 1.5  # dilution of precision


def entry(key: bytes, kind: bytes, size: int, content: bytes) -> bytes:
    """One entry of GPMF: samples of `size` bytes, of this type."""
    head = key + kind + struct.pack(">BH", size, len(content) // size if size else 0)
    return head + content + bytes(-len(content) % 4)


def text(key: bytes, content: str) -> bytes:
    """An entry with a text."""
    return entry(key, b"c", 1, content.encode("latin-1"))


def nest(key: bytes, *entries: bytes) -> bytes:
    """An entry of entries."""
    content = b"".join(entries)
    return key + b"\0" + struct.pack(">BH", 4, len(content) // 4) + content


def _device(number: int, name: str, *entries: bytes) -> bytes:
    return nest(b"DEVC", entry(b"DVID", b"L", 4, numbers(number)), text(b"DVNM", name), *entries)


def telemetry(camera: str, fix: Fix | None, *, by: bytes = b"GPS5", count: int = 0) -> bytes:
    """One second of the telemetry track. `by` is GPS5, or GPS9 as since HERO11; `count` says which second it is.
    Without a fix: of a camera that has no receiver."""
    name = "Camera" if camera.startswith("HERO5") else camera.replace("HERO", "Hero")
    motion = nest(b"STRM", text(b"STNM", "Accelerometer"), entry(b"SCAL", b"s", 2, numbers(418, form="h")),
                  entry(b"ACCL", b"s", 6, numbers(4101, -12, 87, form="h") * 4))  # fmt: skip
    place = b"" if fix is None else _gps9(fix, count) if by == b"GPS9" else _gps5(fix, count)
    return _device(1, name, motion, place)


def _gps5(fix: Fix, count: int) -> bytes:
    values = _raw(fix)
    return nest(
        b"STRM",
        entry(b"STMP", b"J", 8, numbers(1_000_000 * count, form="Q")),
        entry(b"TSMP", b"L", 4, numbers(_MOMENTS * (count + 1))),
        text(b"STNM", "GPS (Lat., Long., Alt., 2D speed, 3D speed)"),
        entry(b"GPSF", b"L", 4, numbers(fix.dimensions)),
        entry(b"GPSU", b"U", 16, f"{fix.time.astimezone(UTC):%y%m%d%H%M%S}.000".encode()),
        entry(b"GPSP", b"S", 2, numbers(round(100 * fix.precision), form="H")),
        entry(b"UNIT", b"c", 3, b"degdegm\0\0m/sm/s"),
        entry(b"SCAL", b"l", 4, numbers(*_SCALES, form="i")),
        entry(b"GPSA", b"F", 4, b"MSLV"),
        entry(b"GPS5", b"l", 20, numbers(*values, form="i") * _MOMENTS),
    )


def _gps9(fix: Fix, count: int) -> bytes:
    since = fix.time - datetime(2000, 1, 1, tzinfo=UTC)
    sample = struct.pack(">7i2H", *_raw(fix), since.days, 1000 * since.seconds, round(100 * fix.precision),
                         fix.dimensions)  # fmt: skip
    return nest(
        b"STRM",
        entry(b"STMP", b"J", 8, numbers(1_000_000 * count, form="Q")),
        entry(b"TSMP", b"L", 4, numbers(_MOMENTS_OF_GPS9 * (count + 1))),
        text(b"STNM", "Lat., Long., Alt., 2D, 3D, days, secs, DOP, fix"),
        text(b"TYPE", "lllllllSS"),
        entry(b"SCAL", b"l", 4, numbers(*_SCALES, 1, 1000, 100, 1, form="i")),
        entry(b"GPSA", b"F", 4, b"MSLV"),
        entry(b"GPS9", b"?", 32, sample * _MOMENTS_OF_GPS9),
    )


def _raw(fix: Fix) -> Sequence[int]:
    """In GPS5's integers; it stands still."""
    values = (fix.latitude, fix.longitude, fix.altitude, 0.0, 0.0)
    return [round(value * scale) for value, scale in zip(values, _SCALES, strict=True)]


def user_data(camera: str, firmware: str, serial: str, hilights_ms: Iterable[int] = (), *, model: bool = True) -> bytes:
    """The box udta. `model`: with the box GPMF, which has the camera's name, as since HERO6."""
    marks = sorted(hilights_ms)
    hash_of_camera = sha256(serial.encode()).digest()
    room = [len(marks), *marks, *[0] * (_LENGTH_OF_HMMT - len(marks))]
    return box(
        b"udta",
        box(b"FIRM", firmware.encode() + b"\0"),
        box(b"LENS", f"LAJ{serial}".encode() + b"\0"),
        box(b"CAME", hash_of_camera[:16]),
        box(b"SETT", numbers(0x3F014, 0, 0)),
        box(b"MUID", hash_of_camera),
        box(b"HMMT", numbers(*room)),
        box(b"GPMF", settings(camera, firmware, serial, marks)) if model else b"",
    )


def settings(camera: str, firmware: str, serial: str, hilights_ms: Sequence[int] = ()) -> bytes:
    """The content of the box GPMF of the user data."""
    marks = b"".join(
        struct.pack(">IIIiif4sff", mark, mark, mark, 0, 0, 0.0, b"MANL", 100.0, 0.0) for mark in hilights_ms
    )
    return _device(
        1,
        "Video Global Settings",
        entry(b"VERS", b"B", 1, bytes([8, 1, 2])),
        text(b"FMWR", firmware),
        text(b"LINF", f"LAJ{serial}"),
        text(b"CASN", f"C{serial}"),
        text(b"MINF", camera),
    ) + _device(
        2,
        "Highlights",
        nest(b"STRM", text(b"STNM", "Highlights"), text(b"TYPE", "LLLllfFff"), entry(b"HLMT", b"?", 36, marks)),
    )
