"""The tracks of a movie (ISO/IEC 14496-12, 8.3 to 8.5; QuickTime File Format, "Track atoms"). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from cloud_sync_common.movie.boxes import boxes, inner, number
from cloud_sync_common.movie.sample_table import SampleTable

_MOST_TRACKS = 32
# What a track header's matrix (its a, b, c, d) does to the picture: degrees clockwise.
_TURNS = {(0, 1, -1, 0): 90, (-1, 0, 0, -1): 180, (0, -1, 1, 0): 270}
_PICTURE_FIELDS = 78  # bytes of a picture's sample entry before its boxes
_LONGEST = 366 * 86400  # seconds; longer is no movie
_FASTEST = 100_000  # pictures a second that a movie may claim
_UNKNOWN, _UNKNOWN_LONG = (1 << 32) - 1, (1 << 64) - 1  # of a length
_FIXED = 1 << 16  # numbers of 16 and 16 bits


@dataclass(frozen=True)
class Times:
    """Of a movie or a track: when it was made in seconds since 1904, and how long it is in ticks. 0: not said."""

    created: int
    ticks_per_second: int
    ticks: int

    @property
    def seconds(self) -> float | None:
        """Its length; None where it is not said, or cannot be."""
        length = self.ticks / self.ticks_per_second if self.ticks_per_second else 0.0
        return length if 0 < length < _LONGEST else None


def times(header: memoryview) -> Times:
    """Of an `mvhd` or `mdhd`: they begin alike."""
    if number(header, 0, 1) == 1:
        created, rate, ticks = number(header, 4, 8), number(header, 20), number(header, 24, 8)
        return Times(created, rate, ticks if ticks != _UNKNOWN_LONG else 0)
    created, rate, ticks = number(header, 4), number(header, 12), number(header, 16)
    return Times(created, rate, ticks if ticks != _UNKNOWN else 0)


@dataclass(frozen=True)
class Track:
    """One track; `content` is that of its `trak`."""

    content: memoryview

    @cached_property
    def handler(self) -> bytes:
        """What kind of track it is, such as vide."""
        return bytes(inner(self.content, b"mdia", b"hdlr")[8:12])

    @cached_property
    def times(self) -> Times:
        return times(inner(self.content, b"mdia", b"mdhd"))

    @cached_property
    def samples(self) -> SampleTable:
        return SampleTable(self._table)

    @cached_property
    def _table(self) -> memoryview:
        return inner(self.content, b"mdia", b"minf", b"stbl")

    @cached_property
    def _entry(self) -> tuple[bytes, memoryview]:
        """The first sample entry: its type and its content."""
        entry = next(boxes(inner(self._table, b"stsd")[8:]), None)
        return (entry.kind, entry.content) if entry else (b"", memoryview(b""))

    @property
    def codec(self) -> str:
        """The sample entry's type, such as avc1; empty where it is no text."""
        kind = self._entry[0]
        return kind.decode("ascii").strip() if all(0x20 <= byte < 0x7F for byte in kind) else ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a picture in pixels, as it is stored."""
        return number(self._entry[1], 24, 2), number(self._entry[1], 26, 2)

    def setting(self, kind: bytes) -> memoryview:
        """The content of a box of a picture's sample entry, such as avcC."""
        return inner(self._entry[1][_PICTURE_FIELDS:], kind)

    @property
    def rotation(self) -> int:
        """By how many degrees clockwise a picture is to be turned: 0, 90, 180 or 270."""
        header = inner(self.content, b"tkhd")
        first = 52 if number(header, 0, 1) == 1 else 40
        a, b, c, d = (number(header, first + at, signed=True) // _FIXED for at in (0, 4, 12, 16))
        return _TURNS.get((a, b, c, d), 0)

    @property
    def rate(self) -> float | None:
        """Samples a second: what the table says where all are equally long, else the average."""
        each, scale, ticks = self.samples.equal_step, self.times.ticks_per_second, self.times.ticks
        rate = scale / each if each else scale * self.samples.count / ticks if ticks else 0.0
        return round(rate, 3) if 0 < rate <= _FASTEST else None


def tracks(index: memoryview) -> list[Track]:
    """The tracks of a movie's `moov`."""
    return list(islice((Track(box.content) for box in boxes(index) if box.kind == b"trak"), _MOST_TRACKS))


def pictures(found: list[Track]) -> Track | None:
    """The first track of pictures."""
    return next((track for track in found if track.handler == b"vide"), None)
