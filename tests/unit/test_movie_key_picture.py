"""The first picture that can be decoded alone, from wherever in the file it is; and how few bytes are read for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from cloud_sync_common.movie.byte_source import LEAST_READ, MOST_BYTES, MOST_READS, RangeReader
from cloud_sync_common.movie.key_picture import KeyPicture
from cloud_sync_common.movie.reading import Movie, read_movie

from local.gopro_notes import telemetry, user_data
from local.movie_writing import box, numbers
from tests.unit.built_movies import AVCC, FTYP, MATTERHORN, PICTURES, Build, Source, read

GIB = 2**30


def picture(movie: Movie) -> KeyPicture:
    found = movie.key_picture()
    assert found is not None
    return found


@pytest.mark.parametrize("index_first", [True, False])
@pytest.mark.parametrize("wide", [True, False], ids=["co64", "stco"])
@pytest.mark.parametrize("each", [1, 2, 3])
@pytest.mark.parametrize("sync", [1, 2, 3])
def test_it_is_found_by_the_sample_table(sync: int, each: int, wide: bool, index_first: bool) -> None:
    build = Build(sync=(sync,), each=each, wide=wide, pictures=PICTURES[:each] * (6 // each))
    found = picture(read(build.content(index_first=index_first)))
    assert found == KeyPicture("h264", AVCC, build.pictures[sync - 1], 0)


@pytest.mark.parametrize(
    ("entry", "setting", "codec"),
    [(b"avc1", b"avcC", "h264"), (b"avc3", b"avcC", "h264"), (b"hvc1", b"hvcC", "hevc"), (b"hev1", b"hvcC", "hevc")],
)
def test_codecs_that_can_be_decoded(entry: bytes, setting: bytes, codec: str) -> None:
    found = picture(read(Build(entry=entry, setting=box(b"pasp", bytes(8)) + box(setting, b"its settings")).content()))
    assert (found.codec, found.configuration) == (codec, b"its settings")


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_it_says_by_how_much_it_is_to_be_turned(rotation: int) -> None:
    assert picture(read(Build(rotation=rotation).content())).rotation == rotation


def test_without_a_list_of_them_each_picture_can_be_decoded_alone() -> None:
    assert picture(read(Build(sync=None).content())).sample == PICTURES[0]


@pytest.mark.parametrize(
    "build",
    [
        Build(entry=b"ap4h"),
        Build(setting=b""),
        Build(setting=box(b"avcC", bytes(70_000))),
        Build(sync=()),
        Build(sync=(0,)),
        Build(sync=(4,)),
        Build(pictures=()),
        Build(pictures=(b"",) * 3),
        Build(pictures=(bytes(4 * 2**20 + 1), b"", b"")),
    ],
    ids=["codec", "no settings", "settings", "no sync", "sync 0", "sync beyond", "none", "empty", "too large"],
)
def test_there_is_none_that_we_can_give_on(build: Build) -> None:
    assert read(build.content()).key_picture() is None


def test_a_picture_of_4_mib_is_given_on() -> None:
    assert len(picture(read(Build(pictures=(bytes(4 * 2**20),)).content())).sample) == 4 * 2**20


def test_a_picture_that_the_file_does_not_have_to_its_end_is_none() -> None:
    cut = Build(pictures=(bytes(1000), bytes(10))).content(index_first=True)[:-500]
    assert read(cut).key_picture() is None


def test_what_is_shown_does_not_contain_the_picture() -> None:
    assert repr(picture(read(Build().content()))) == "KeyPicture(codec='h264', rotation=0)"


@dataclass
class FarSource:
    """A file of many gigabytes, of which only some parts are there; all else is zeros."""

    size: int
    parts: dict[int, bytes]
    reads: list[tuple[int, int]] = field(default_factory=list)

    def read(self, first: int, length: int) -> bytes:
        self.reads.append((first, length))
        found = bytearray(length)
        for start, part in self.parts.items():
            for place in range(max(first, start), min(first + length, start + len(part))):
                found[place - first] = part[place - start]
        return bytes(found)


def test_of_a_file_of_12_gib_a_few_kilobytes_are_read() -> None:
    """Its pictures begin after 9 GiB, and its index is at its end, as cameras write it."""
    build = Build(
        wide=True, telemetry=[telemetry("HERO11 Black", MATTERHORN)], notes=user_data("HERO11 Black", "H22.01.02", "1")
    )
    index = build.index(9 * GIB)
    media = FTYP + numbers(1) + b"mdat" + numbers(12 * GIB - len(FTYP) - len(index), form="Q")
    source = FarSource(
        12 * GIB, {0: media, 9 * GIB: b"".join([*PICTURES, *build.telemetry]), 12 * GIB - len(index): index}
    )
    movie = read_movie(source)
    assert (movie.facts.camera, movie.facts.place) == ("HERO11 Black", picture_place())
    assert picture(movie).sample == PICTURES[0]
    assert len(source.reads) == 4  # the beginning, the index, the telemetry, the picture
    assert sum(length for _, length in source.reads) <= 4 * LEAST_READ


def picture_place() -> object:
    return read(Build(telemetry=[telemetry("HERO11 Black", MATTERHORN)]).content()).facts.place


def test_what_was_just_read_is_not_read_again() -> None:
    source = Source(Build().content())
    movie = read_movie(source)
    assert (movie.facts, movie.key_picture()) == (movie.facts, movie.key_picture())
    assert source.reads == [(0, source.size)]


def test_reads_and_bytes_of_one_movie_are_limited() -> None:
    source = FarSource(2**40, {})
    reader = RangeReader(source)
    assert [len(reader.read(first * GIB, 10)) for first in range(MOST_READS + 1)] == [10] * MOST_READS + [0]
    assert len(source.reads) == MOST_READS
    many = RangeReader(FarSource(2**40, {}))
    assert many.read(0, MOST_BYTES + 1) == b""
    assert len(many.read(GIB, 2**20)) == 2**20


def test_what_the_source_raises_passes_through() -> None:
    class Broken(Source):
        def read(self, first: int, length: int) -> bytes:
            raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        read_movie(Broken(Build().content()))
