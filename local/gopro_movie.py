"""Makes of a movie by ffmpeg one that looks as if a camera had recorded it: its boxes have what cameras note there.

The index (moov) is the last box of what ffmpeg writes, so it may grow without moving a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from local.gopro_notes import Fix, telemetry, user_data
from local.movie_writing import Samples, box, numbers, since_1904, track, worded

_SECOND = 1000  # ticks of the telemetry track


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A model: `by` is how it writes positions (GPS5, GPS9; empty: it has no receiver). `is_named`: it writes its model
    into the user data, as all do since HERO6."""

    model: str
    firmware: str
    by: bytes = b"GPS5"
    is_named: bool = True
    serial: str = "3461324500123"


def with_gopro_boxes(
    path: Path,
    camera: Camera,
    *,
    clock: datetime,
    hilights_ms: Sequence[int] = (),
    fixes: Sequence[Fix] = (),
) -> None:
    """Rewrites a movie. `clock` is what the camera's own clock shows, whatever its zone; each of `fixes` is one second
    of the telemetry track, which is there in any case."""
    seconds: Sequence[Fix | None] = fixes if fixes and camera.by else (None,)
    payloads = [telemetry(camera.model, fix, by=camera.by, count=count) for count, fix in enumerate(seconds)]
    notes = user_data(camera.model, camera.firmware, camera.serial, hilights_ms, model=camera.is_named)
    rewrite(path, clock=clock, notes=notes, payloads=payloads)


def rewrite(path: Path, *, clock: datetime, notes: bytes = b"", payloads: Sequence[bytes] = ()) -> None:
    """Gives a movie this time, these boxes in its index, and a telemetry track of these samples."""
    content = path.read_bytes()
    *before, (kind, index) = list(_boxes(content))
    if kind != b"moov":
        raise ValueError(f"the last box of {path.name} is {kind!r} and not its index")
    start = sum(8 + len(inside) for _, inside in before)
    media = box(b"mdat", *payloads) if payloads else b""
    parts = dict(_boxes(index))
    header = _at(parts.pop(b"mvhd"), since_1904(clock))
    tracks = [box(kind, inside) for kind, inside in _boxes(index) if kind not in (b"mvhd", b"udta")]
    sensors = _telemetry_track(payloads, start + 8, len(tracks) + 1) if payloads else b""
    path.write_bytes(content[:start] + media + box(b"moov", box(b"mvhd", header), *tracks, sensors, notes))


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The types and contents of the boxes; ffmpeg writes sizes of 32 bits for what we make."""
    first = 0
    while first < len(content):
        size = int.from_bytes(content[first : first + 4])
        if not 8 <= size <= len(content) - first:
            raise ValueError(f"a box of {size} bytes at {first}")
        yield content[first + 4 : first + 8], content[first + 8 : first + size]
        first += size


def _at(header: bytes, created: int) -> bytes:
    """A movie header with this time, and room for one more track."""
    following = int.from_bytes(header[-4:]) + 1
    return header[:4] + numbers(created, created) + header[12:-4] + numbers(following)


def _telemetry_track(payloads: Sequence[bytes], start: int, number: int) -> bytes:
    sizes = [len(payload) for payload in payloads]
    chunks = [start + sum(sizes[:first]) for first in range(len(sizes))]
    entry = box(b"gpmd", bytes(6), numbers(1, form="H"), numbers(0))
    table = Samples(sizes=sizes, chunks=chunks, step=_SECOND).table(entry)
    return track(number, b"meta", table, ticks_per_second=_SECOND, ticks=_SECOND * len(sizes), name=b"\x0bGoPro MET  ")


def place_note(latitude: float, longitude: float, altitude: float) -> bytes:
    """User data with a place, as phones and drones write it (ISO 6709)."""
    return box(b"udta", worded(b"\xa9xyz", f"{latitude:+08.4f}{longitude:+09.4f}{altitude:+.1f}/"))
