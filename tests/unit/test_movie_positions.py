"""The first sure position of a telemetry track: GPS5 and GPS9, only in three dimensions, and few samples read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cloud_sync_common.movie.byte_source import LEAST_READ
from cloud_sync_common.movie.place import Place
from cloud_sync_common.movie.positions import fix_in
from cloud_sync_common.movie.reading import read_movie
from cloud_sync_common.movie.telemetry import entries, samples, scaled

from local.gopro_notes import Fix, entry, nest, telemetry, text
from local.movie_writing import numbers
from tests.unit.built_movies import MATTERHORN, Build, Source, read

TOP = Place(latitude=45.9763, longitude=7.6586, altitude=4478.0)
LOST = replace(MATTERHORN, dimensions=0, precision=99.99)
FLAT = replace(MATTERHORN, latitude=46.1, dimensions=2)


def seconds(*fixes: Fix, by: bytes = b"GPS5") -> list[bytes]:
    return [telemetry("HERO11 Black", fix, by=by, count=count) for count, fix in enumerate(fixes)]


@pytest.mark.parametrize("by", [b"GPS5", b"GPS9"])
def test_the_first_position_in_three_dimensions_is_the_place(by: bytes) -> None:
    found = read(
        Build(telemetry=seconds(LOST, FLAT, MATTERHORN, replace(MATTERHORN, latitude=1.0), by=by)).content()
    ).facts
    assert found.place == TOP
    assert found.gps_time == "2026-01-11T08:12:45Z"


@pytest.mark.parametrize("by", [b"GPS5", b"GPS9"])
@pytest.mark.parametrize(
    "fix",
    [
        LOST,
        FLAT,
        replace(MATTERHORN, latitude=0.0, longitude=0.0),
        replace(MATTERHORN, precision=20.0),
        replace(MATTERHORN, latitude=100.0),
        replace(MATTERHORN, longitude=181.0),
    ],
    ids=["none", "two dimensions", "0, 0", "not precise", "beyond the pole", "beyond the date line"],
)
def test_nothing_else_is_a_place(fix: Fix, by: bytes) -> None:
    found = read(Build(telemetry=seconds(fix, fix, by=by)).content()).facts
    assert (found.place, found.gps_time) == (None, "")


def test_an_odd_altitude_is_left_out_of_the_place() -> None:
    fix = fix_in(memoryview(seconds(replace(MATTERHORN, altitude=200_000.0))[0]))
    assert fix is not None
    assert fix.place == Place(latitude=TOP.latitude, longitude=TOP.longitude)


def test_one_divisor_is_for_all_numbers_and_a_missing_or_zero_one_leaves_no_position() -> None:
    raw = entry(b"GPS5", b"l", 20, numbers(46_000_000, 7_000_000, 2_000_000, 0, 0, form="i"))
    fixed = entry(b"GPSF", b"L", 4, numbers(3))

    def place(*scale: bytes) -> object:
        found = fix_in(memoryview(nest(b"DEVC", nest(b"STRM", fixed, *scale, raw))))
        return found and found.place

    one = Place(latitude=46.0, longitude=7.0, altitude=2.0)
    assert place(entry(b"SCAL", b"l", 4, numbers(1_000_000))) == one
    assert place(entry(b"SCAL", b"l", 4, numbers(1_000_000, 0, 1, 1, 1))) is None
    assert place(entry(b"SCAL", b"l", 4, numbers(1_000_000, 1_000_000, 1))) is None
    assert place(text(b"SCAL", "many")) is None
    assert place() is None


def test_a_time_that_is_none_leaves_the_place() -> None:
    payload = seconds(MATTERHORN)[0].replace(b"260111081245", b"269911081245")
    assert fix_in(memoryview(payload)) == (TOP, "")


def test_a_structure_that_is_not_described_has_no_numbers() -> None:
    payload = seconds(MATTERHORN, by=b"GPS9")[0]
    assert fix_in(memoryview(payload.replace(b"TYPE", b"TYPO"))) is None
    assert fix_in(memoryview(payload.replace(b"lllllllSS", b"lllllllll"))) is None  # longer than the samples
    assert fix_in(memoryview(payload.replace(b"lllllllSS", b"lll??llSS"))) is None


def test_what_is_no_number_is_passed_over_in_a_structure() -> None:
    mark = entry(b"HLMT", b"?", 12, numbers(1500) + b"MANL" + numbers(7))
    assert list(samples(next(entries(memoryview(mark))), "LFL")) == [(1500, 7)]
    assert scaled((10.0, 20.0), (10.0,)) == (1.0, 2.0)


def test_each_second_is_looked_at_first_and_then_ever_fewer() -> None:
    source = Source(Build(telemetry=[bytes(LEAST_READ)] * 4000).content())
    assert read_movie(source).facts.place is None
    assert len(source.reads) == 3 + 24  # the two ends of the file, the index, and the samples
    assert sum(length for _, length in source.reads) < 29 * LEAST_READ


def test_a_late_fix_is_found() -> None:
    fixes = [LOST] * 25 + [MATTERHORN] * 40
    assert read(Build(telemetry=seconds(*fixes)).content()).facts.place == TOP


def test_a_sample_of_unusual_length_is_passed_over() -> None:
    huge = nest(b"DEVC", *[entry(b"JUNK", b"L", 4, bytes(4 * 10_000)) for _ in range(4)])
    assert read(Build(telemetry=[huge, *seconds(MATTERHORN)]).content()).facts.place == TOP
