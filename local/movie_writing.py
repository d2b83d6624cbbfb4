"""Writes the boxes of movies by hand (ISO/IEC 14496-12; QuickTime File Format): indexes, tracks, sample tables."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_MATRIX = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
_FIXED = 1 << 16


def box(kind: bytes, *contents: bytes) -> bytes:
    """A box with these contents, one after the other."""
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, *contents: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box whose content begins with its version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *contents)


def numbers(*values: int, form: str = "I") -> bytes:
    """Big-endian numbers, each of this form of `struct`."""
    return struct.pack(f">{len(values)}{form}", *values)


def since_1904(moment: datetime) -> int:
    """How a movie counts time."""
    return int((moment - datetime(1904, 1, 1, tzinfo=UTC)).total_seconds())


def matrix(rotation: int = 0) -> bytes:
    """What turns a picture by so many degrees clockwise."""
    a, b, c, d = _MATRIX[rotation]
    return struct.pack(">9i", a * _FIXED, b * _FIXED, 0, c * _FIXED, d * _FIXED, 0, 0, 0, 1 << 30)


def movie_header(created: int, ticks_per_second: int, ticks: int, *, version: int = 0) -> bytes:
    """The box mvhd. `created`: seconds since 1904."""
    wide = "Q" if version else "I"
    times = struct.pack(f">{wide}{wide}I{wide}", created, created, ticks_per_second, ticks)
    rest = numbers(_FIXED) + bytes([1, 0]) + bytes(10) + matrix() + bytes(24) + numbers(2)
    return full_box(b"mvhd", times, rest, version=version)


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Where a track's samples are: their sizes in bytes, the places of its chunks in the file, how many samples each
    has, how many ticks each takes, and which can be decoded alone (counted from 1; None: each)."""

    sizes: Sequence[int]
    chunks: Sequence[int]
    each: int = 1
    step: int = 1000
    sync: Sequence[int] | None = None
    wide: bool = False

    def table(self, entry: bytes) -> bytes:
        """The box stbl, with this sample entry."""
        chunks = numbers(*self.chunks, form="Q" if self.wide else "I")
        return box(
            b"stbl",
            full_box(b"stsd", numbers(1), entry),
            full_box(b"stts", numbers(1, len(self.sizes), self.step)),
            b"" if self.sync is None else full_box(b"stss", numbers(len(self.sync), *self.sync)),
            full_box(b"stsc", numbers(1, 1, self.each, 1)),
            full_box(b"stsz", numbers(0, len(self.sizes), *self.sizes)),
            full_box(b"co64" if self.wide else b"stco", numbers(len(self.chunks)), chunks),
        )


def picture_entry(kind: bytes, width: int, height: int, *boxes: bytes) -> bytes:
    """A sample entry of pictures."""
    fields = bytes(6) + numbers(1, form="H") + bytes(16) + numbers(width, height, form="H")
    rest = numbers(72 * _FIXED, 72 * _FIXED, 0) + numbers(1, form="H") + bytes(32) + numbers(24, 0xFFFF, form="H")
    return box(kind, fields, rest, *boxes)


def track(
    number: int,
    handler: bytes,
    table: bytes,
    *,
    ticks_per_second: int,
    ticks: int,
    name: bytes = b"",
    rotation: int = 0,
    size: tuple[int, int] = (0, 0),
) -> bytes:
    """The box trak. `name` is what its handler is called."""
    width, height = size
    shape = bytes(16) + matrix(rotation) + numbers(width * _FIXED, height * _FIXED)
    head = full_box(b"tkhd", numbers(0, 0, number, 0, ticks), shape, flags=7)
    times = full_box(b"mdhd", numbers(0, 0, ticks_per_second, ticks), numbers(0x55C4, 0, form="H"))
    kind = full_box(b"hdlr", bytes(4), handler, bytes(12), name + b"\0")
    media_head = full_box(b"vmhd", bytes(8), flags=1) if handler == b"vide" else full_box(b"gmhd")
    here = box(b"dinf", full_box(b"dref", numbers(1), full_box(b"url ", flags=1)))
    return box(b"trak", head, box(b"mdia", times, kind, box(b"minf", media_head, here, table)))


def keyed(values: dict[str, str], *, plain: bool = True) -> bytes:
    """The box meta with these texts by their keys, as phones write it: plain in QuickTime movies, and with a version in
    others (QuickTime File Format, "Metadata")."""
    keys = b"".join(box(b"mdta", key.encode()) for key in values)
    items = [box(numbers(place), box(b"data", numbers(1, 0), value.encode()))
             for place, value in enumerate(values.values(), start=1)]  # fmt: skip
    contents = (
        full_box(b"hdlr", bytes(4), b"mdta", bytes(12), b"\0"),
        full_box(b"keys", numbers(len(values)), keys),
        box(b"ilst", *items),
    )
    return box(b"meta", *contents) if plain else full_box(b"meta", *contents)


def worded(kind: bytes, text: str) -> bytes:
    """A text entry of user data, such as ©xyz."""
    return box(kind, numbers(len(text.encode()), 0x15C7, form="H"), text.encode())
