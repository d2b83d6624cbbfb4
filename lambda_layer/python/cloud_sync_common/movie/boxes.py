"""The boxes of a movie (ISO/IEC 14496-12, 4.2; QuickTime File Format, "Atoms"). Pure.

A box has 32 bits of size, four characters of type, and its content; size 1 means that 64 bits of size follow, size 0
that it reaches to the end of what it is in. What a hostile file announces is never believed: a box ends with what
it is in at the latest, and nothing here recurs or makes more than it was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cloud_sync_common.movie.byte_source import RangeReader

_HEADER, _LONG_HEADER = 8, 16
_MOST_OF_A_FILE = 64  # boxes before the index: each costs a read
_MOST_OF_A_BOX = 2_000
_MOST_OF_AN_INDEX = 64 * 1024 * 1024  # bytes of moov


class Box(NamedTuple):
    """A box that was read: its type and its content."""

    kind: bytes
    content: memoryview


def number(content: memoryview | bytes, first: int, length: int = 4, *, signed: bool = False) -> int:
    """The big-endian number of so many bytes at `first`; 0 where not all of them are there."""
    data = content[first : first + length]
    return int.from_bytes(data, signed=signed) if len(data) == length else 0


def boxes(content: memoryview) -> Iterator[Box]:
    """Those in this content, one after the other. The last one may be cut."""
    first = 0
    for _ in range(_MOST_OF_A_BOX):
        header, size = _header(content[first : first + _LONG_HEADER], len(content) - first)
        if not header:
            return
        yield Box(bytes(content[first + 4 : first + _HEADER]), content[first + header : first + size])
        first += size


def inner(content: memoryview, *path: bytes) -> memoryview:
    """The content of the first box of these types, each within the one before; empty where one is missing."""
    for kind in path:
        content = next((box.content for box in boxes(content) if box.kind == kind), memoryview(b""))
    return content


def movie_index(reader: RangeReader) -> memoryview:
    """The content of the file's `moov`; empty where there is none, none near, or one too large to be read."""
    first = 0
    for _ in range(_MOST_OF_A_FILE):
        data = reader.read(first, _LONG_HEADER)
        header, size = _header(memoryview(data), _MOST_OF_AN_INDEX)
        if not header:
            break
        if data[4:_HEADER] == b"moov":
            length = size - header
            return memoryview(reader.read(first + header, length) if length <= _MOST_OF_AN_INDEX else b"")
        first += size
    return memoryview(b"")


def _header(data: memoryview, rest: int) -> tuple[int, int]:
    """How long a box's header is and how large the box; 0, 0 where none is. `rest`: from its first byte to the end of
    what it is in."""
    if len(data) < _HEADER:
        return 0, 0
    size, header = number(data, 0), _HEADER
    if size == 1:
        size, header = number(data, _HEADER, 8), _LONG_HEADER
    elif size == 0:
        size = rest
    return (header, size) if size >= header else (0, 0)
