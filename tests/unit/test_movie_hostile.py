"""Whatever a movie is made of: reading it raises nothing, ends soon, and believes no size that the file has not."""

from __future__ import annotations

import struct

import pytest
from cloud_sync_common.movie.boxes import boxes, inner, number
from cloud_sync_common.movie.facts import MovieFacts
from cloud_sync_common.movie.reading import read_movie
from cloud_sync_common.movie.sample_table import SampleTable
from cloud_sync_common.movie.telemetry import entries, nested
from hypothesis import given, settings
from hypothesis import strategies as st

from local.gopro_notes import entry, telemetry, user_data
from local.movie_writing import box, full_box, keyed, movie_header, numbers, since_1904
from tests.unit.built_movies import CREATED, FTYP, MATTERHORN, Build, Source

WHOLE = Build(
    telemetry=[telemetry("HERO11 Black", MATTERHORN, by=by) for by in (b"GPS5", b"GPS9")],
    notes=user_data("HERO11 Black", "H22.01.02.32.00", "1", [1000]) + keyed({"com.apple.quicktime.model": "iPhone"}),
).content(index_first=True)
MANY = numbers(0xFFFFFFFF)


def everything(content: bytes) -> tuple[MovieFacts, Source]:
    """All that can be asked of a movie, and what was read for it."""
    source = Source(content)
    movie = read_movie(source)
    movie.key_picture()
    return movie.facts, source


def test_a_movie_that_is_cut_after_any_of_its_bytes_raises_nothing() -> None:
    whole, _ = everything(WHOLE)
    assert whole.camera
    known = [everything(WHOLE[:end])[0] for end in range(0, len(WHOLE), 3)]
    assert known[0] == MovieFacts()
    assert all(cut.place in (None, whole.place) and cut.camera in ("", whole.camera, "iPhone") for cut in known)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=12))
def test_a_movie_with_any_bytes_changed_raises_nothing(changes: list[tuple[int, int]]) -> None:
    content = bytearray(WHOLE)
    for place, value in changes:
        content[place] = value
    facts, source = everything(bytes(content))
    assert all(first >= 0 and first + length <= source.size for first, length in source.reads)
    assert all(
        text.isprintable() and len(text) <= 100 for text in (facts.camera, facts.firmware, facts.lens, facts.codec)
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WHOLE) - 4), st.sampled_from([0, 1, 7, 8, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
def test_a_movie_with_any_number_changed_raises_nothing(place: int, value: int) -> None:
    everything(WHOLE[:place] + numbers(value) + WHOLE[place + 4 :])


@given(st.binary(max_size=400))
def test_a_file_of_anything_raises_nothing(content: bytes) -> None:
    everything(content)
    everything(FTYP + box(b"moov", content))
    everything(FTYP + box(b"moov", box(b"trak", content), box(b"udta", content)))


def test_a_box_that_says_it_is_larger_than_the_file_has_what_is_there() -> None:
    index = box(b"moov", movie_header(since_1904(CREATED), 1000, 2000))
    assert everything(b"\x7f\xff\xff\xff" + index[4:])[0] == MovieFacts()  # larger than any index that is read
    assert everything(numbers(len(index) + 1000) + index[4:])[0].duration == 2.0


@pytest.mark.parametrize("size", [b"\0\0\0\2", b"\0\0\0\7", b"\0\0\0\1" + b"free" + bytes(7) + b"\x0f"])
def test_a_box_smaller_than_its_header_is_the_end(size: bytes) -> None:
    bad = size if len(size) > 4 else size + b"free"
    assert everything(bad + box(b"moov", movie_header(0, 1000, 2000)))[0] == MovieFacts()
    assert list(boxes(memoryview(bad + box(b"trak")))) == []


def test_a_box_of_the_size_0_reaches_to_the_end() -> None:
    index = box(b"moov", movie_header(since_1904(CREATED), 1000, 2000))
    assert everything(bytes(4) + index[4:])[0].duration == 2.0
    assert inner(memoryview(numbers(0) + b"udta" + b"all of it"), b"udta") == b"all of it"


def test_an_index_behind_many_boxes_is_not_looked_for() -> None:
    source = everything(box(b"free", bytes(20_000)) * 100 + box(b"moov", movie_header(0, 1000, 2000)))[1]
    assert len(source.reads) == 64


def test_boxes_within_boxes_without_end_are_not_followed() -> None:
    content = b""
    for _ in range(2000):
        content = box(b"moov", content)
    assert everything(content)[0] == MovieFacts()


@pytest.mark.parametrize("kind", [b"trak", b"udta", b"meta", b"free"])
def test_a_million_boxes_are_not_looked_at(kind: bytes) -> None:
    assert len(list(boxes(memoryview(box(kind) * 1_000_000)))) == 2_000
    assert everything(box(b"moov", box(kind) * 100_000))[0] == MovieFacts()


@pytest.mark.parametrize("kind", [b"stts", b"stss", b"stsc", b"stsz", b"stco"])
def test_a_table_that_announces_billions_of_entries_is_not_believed(kind: bytes) -> None:
    skip = 16 if kind == b"stsz" else 8
    place = WHOLE.index(kind) + skip
    facts, source = everything(WHOLE[:place] + MANY + WHOLE[place + 4 :])
    assert facts.camera == "HERO11 Black"
    assert sum(length for _, length in source.reads) < 2 * len(WHOLE)


def table(*, runs: bytes, sizes: bytes = numbers(1, 0xFFFFFFFF), chunks: bytes = numbers(1, 100)) -> SampleTable:
    return SampleTable(memoryview(full_box(b"stsz", sizes) + full_box(b"stsc", runs) + full_box(b"stco", chunks)))


def test_samples_that_no_table_can_place_have_no_place() -> None:
    assert table(runs=numbers(1, 1, 0, 1)).place(5) is None  # no sample in a chunk
    assert table(runs=numbers(1, 9, 1, 1)).place(0) is None  # a chunk that is not there
    assert table(runs=numbers(0)).place(0) is None
    assert table(runs=numbers(2, 5, 3, 1, 2, 3, 1)).place(0) is None  # the second run before the first
    assert table(runs=numbers(1, 1, 0xFFFFFFFF, 1)).place(4_000_000_000) is None  # too many before it
    assert table(runs=numbers(1, 1, 0xFFFFFFFF, 1)).place(50) == (150, 1)
    assert table(runs=numbers(1, 1, 1, 1), sizes=numbers(0, 3, 7)).count == 1


def test_telemetry_that_is_cut_or_announces_more_has_what_is_there() -> None:
    content = entry(b"GPSF", b"L", 4, numbers(3)) + b"GPS5l\xff\xff\xff" + bytes(20)
    assert [(found.key, len(found.content)) for found in entries(memoryview(content))] == [(b"GPSF", 4), (b"GPS5", 20)]
    assert list(nested(memoryview(b"DEVC" + struct.pack(">cBH", b"\0", 255, 65535)), b"DEVC")) == [[]]
    assert len(list(entries(memoryview(entry(b"EMPT", b"L", 0, b"") * 100_000)))) == 5_000


@pytest.mark.parametrize("length", [1, 2, 4, 8])
def test_a_number_of_which_a_part_is_missing_is_0(length: int) -> None:
    assert number(b"\xff" * length, 0, length) == 256**length - 1
    assert number(b"\xff" * (length - 1), 0, length) == 0
