"""Movies made of boxes by hand, and sources that count what is read of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cloud_sync_common.movie.reading import Movie, read_movie

from local.gopro_notes import Fix
from local.movie_writing import Samples, box, movie_header, numbers, picture_entry, since_1904, track

CREATED = datetime(2026, 1, 11, 9, 12, 44, tzinfo=UTC)
MATTERHORN = Fix(latitude=45.9763, longitude=7.6586, altitude=4478.0, time=datetime(2026, 1, 11, 8, 12, 45, tzinfo=UTC))
AVCC = b"\x01\x64\x00\x28 settings of a decoder"
PICTURES = (b"first picture", b"second", b"the third picture")
FTYP = box(b"ftyp", b"mp42", bytes(4), b"mp42")


@dataclass
class Source:
    """A file in memory, which notes each read."""

    content: bytes
    reads: list[tuple[int, int]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.content)

    def read(self, first: int, length: int) -> bytes:
        self.reads.append((first, length))
        return self.content[first : first + length]


def read(content: bytes) -> Movie:
    return read_movie(Source(content))


@dataclass(kw_only=True)
class Build:
    """What the movie is to have. Each second of `telemetry` is one sample of its track; `notes` stand in its moov."""

    entry: bytes = b"avc1"
    setting: bytes = field(default_factory=lambda: box(b"avcC", AVCC))
    pictures: Sequence[bytes] = PICTURES
    size: tuple[int, int] = (1920, 1080)
    rotation: int = 0
    sync: Sequence[int] | None = (1,)
    each: int = 3
    ticks_per_second: int = 30_000
    step: int = 1001
    created: int = field(default_factory=lambda: since_1904(CREATED))
    duration: int = 12_500
    version: int = 0
    telemetry: Sequence[bytes] = ()
    notes: bytes = b""
    wide: bool = False
    between: bytes = b""

    def content(self, *, index_first: bool = False) -> bytes:
        """The movie."""
        start = len(FTYP) + len(self.between) + 8 + (len(self.index(0)) if index_first else 0)
        media = box(b"mdat", *self.pictures, *self.telemetry)
        index = self.index(start)
        return FTYP + self.between + (index + media if index_first else media + index)

    def index(self, start: int) -> bytes:
        """Its moov, where the media begin at this byte of the file."""
        header = movie_header(self.created, 1000, self.duration, version=self.version)
        return box(b"moov", header, self._pictures(start), self._telemetry(start), self.notes)

    def _pictures(self, start: int) -> bytes:
        sizes = [len(picture) for picture in self.pictures]
        chunks = [start + sum(sizes[:first]) for first in range(0, len(sizes), self.each)]
        samples = Samples(sizes=sizes, chunks=chunks, each=self.each, step=self.step, sync=self.sync, wide=self.wide)
        ticks = self.step * len(sizes)
        table = samples.table(picture_entry(self.entry, *self.size, self.setting))
        return track(
            1,
            b"vide",
            table,
            ticks_per_second=self.ticks_per_second,
            ticks=ticks,
            rotation=self.rotation,
            size=self.size,
        )

    def _telemetry(self, start: int) -> bytes:
        if not self.telemetry:
            return b""
        start += sum(map(len, self.pictures))
        sizes = [len(payload) for payload in self.telemetry]
        chunks = [start + sum(sizes[:first]) for first in range(len(sizes))]
        table = Samples(sizes=sizes, chunks=chunks, wide=self.wide).table(box(b"gpmd", bytes(6), numbers(1, form="H")))
        return track(2, b"meta", table, ticks_per_second=1000, ticks=1000 * len(sizes), name=b"GoPro MET")
