"""GPMF, in which action cameras write what their sensors measure, and their settings. Pure.

An entry has four characters of key, one of type (0: its content is entries), one byte of size of a sample, two of how
many samples, and its content, filled up to a multiple of four bytes; all big-endian (the maker's gpmf-parser, README).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from cloud_sync_common.movie.boxes import number

_HEADER = 8
_MOST_ENTRIES = 5_000  # of one level
_MOST_SAMPLES = 1_000  # of one entry
_NESTED, _COMPLEX = b"\0", b"?"
# Of each type that has numbers, what `struct` calls it; TYPE describes a complex sample in the same letters.
_NUMBERS = {"b": "b", "B": "B", "s": "h", "S": "H", "l": "i", "L": "I", "f": "f", "d": "d", "j": "q", "J": "Q"}
_OTHERS = {"F": "4x", "G": "16x", "U": "16x", "c": "x", "q": "4x", "Q": "8x"}  # are passed over in a complex sample


class Entry(NamedTuple):
    """A key and its content; `size` is that of one sample in bytes."""

    key: bytes
    type: bytes
    size: int
    content: memoryview

    @property
    def text(self) -> str:
        return bytes(self.content).split(b"\0")[0].decode("latin-1").strip()


def entries(content: memoryview) -> Iterator[Entry]:
    """Those in this content, one after the other; the last one may be cut."""
    first = 0
    for _ in range(_MOST_ENTRIES):
        header = bytes(content[first : first + _HEADER])
        if len(header) < _HEADER or not header[0]:
            return
        length = header[5] * number(header, 6, 2)
        first += _HEADER
        yield Entry(header[:4], header[4:5], header[5], content[first : first + length])
        first += (length + 3) // 4 * 4


def nested(content: memoryview, *path: bytes) -> Iterator[list[Entry]]:
    """What is in each entry of these keys, each within the one before."""
    if not path:
        yield list(entries(content))
        return
    for entry in entries(content):
        if entry.key == path[0] and entry.type == _NESTED:
            yield from nested(entry.content, *path[1:])


def samples(entry: Entry, structure: str = "") -> Iterator[tuple[float, ...]]:
    """The numbers of each sample; none where they are none. `structure`: what TYPE has said of a complex one."""
    letters = structure if entry.type == _COMPLEX else _repeated(entry)
    layout = "".join(_NUMBERS.get(letter) or _OTHERS.get(letter, "") for letter in letters)
    size = struct.calcsize(f">{layout}")
    if not 0 < size <= entry.size:
        return
    for first in range(0, min(len(entry.content), _MOST_SAMPLES * entry.size) - size + 1, entry.size):
        yield struct.unpack_from(f">{layout}", entry.content, first)


def _repeated(entry: Entry) -> str:
    letter = entry.type.decode("latin-1")
    each = struct.calcsize(_NUMBERS[letter]) if letter in _NUMBERS else 0
    return letter * (entry.size // each) if each else ""


def scaled(sample: tuple[float, ...], scales: tuple[float, ...]) -> tuple[float, ...]:
    """A sample in its units: SCAL has one divisor for all of its numbers, or one for each; else empty."""
    divisors = scales * len(sample) if len(scales) == 1 else scales
    if len(divisors) < len(sample) or not all(divisors):
        return ()
    return tuple(value / divisor for value, divisor in zip(sample, divisors, strict=False))
