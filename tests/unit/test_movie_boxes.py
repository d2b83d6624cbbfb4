"""Whether a movie is whole, by the sizes of its boxes: each cut is found, and no whole movie is doubted."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from cloud_sync_common.provider_interface import UNKNOWN
from cloud_sync_common.transfer.movie_boxes import MovieBoxes, Verdict, Wholeness, is_movie_name
from hypothesis import given, settings
from hypothesis import strategies as st

from local.movies import SMALLEST, movie_of

WHOLE, DAMAGED, NOBODY_KNOWS = Wholeness.WHOLE, Wholeness.DAMAGED, Wholeness.UNKNOWN
NOISE = random.Random(7).randbytes(5_000)  # noqa: S311 (test data)


def box(kind: str, body: bytes = b"", *, long: bool = False, to_end: bool = False) -> bytes:
    """A box with 32 bits of size, with 64, or with the size 0."""
    if to_end:
        return b"\0\0\0\0" + kind.encode() + body
    if long:
        return b"\0\0\0\1" + kind.encode() + (16 + len(body)).to_bytes(8) + body
    return (8 + len(body)).to_bytes(4) + kind.encode() + body


def judged(content: bytes, pieces: list[tuple[int, int]] | None = None, *, size_is_said: bool = True) -> Verdict:
    """The verdict about a file whose pieces come in this order."""
    boxes = MovieBoxes(len(content) if size_is_said else UNKNOWN)
    for first, end in pieces or [(0, len(content))]:
        boxes.reader(first).update(memoryview(content)[first:end])
    if not size_is_said:
        boxes.ends_at(len(content))
    return boxes.verdict()


FTYP, MOOV, MDAT = box("ftyp", b"isom\0\0\0\0"), box("moov", NOISE[:90]), box("mdat", NOISE[:200])
LONG_MDAT, OPEN_MDAT = box("mdat", NOISE[:200], long=True), box("mdat", NOISE[:200], to_end=True)


@dataclass(frozen=True)
class Layout:
    """The boxes of a movie, in order."""

    boxes: tuple[bytes, ...]

    @property
    def content(self) -> bytes:
        return b"".join(self.boxes)

    @property
    def harmless_cuts(self) -> set[int]:
        """Where nothing is cut off but whole boxes that a movie does not need."""
        kinds = [each[4:8] for each in self.boxes]
        needed = 1 + max(kinds.index(b"moov"), kinds.index(b"mdat"))
        return {len(b"".join(self.boxes[:count])) for count in range(needed, len(self.boxes))}


bodies = st.integers(0, 60).map(lambda count: NOISE[:count])
spare = st.builds(box, st.sampled_from(["free", "skip", "wide", "uuid", "udta"]), bodies, long=st.booleans())
needed = st.permutations(["moov", "mdat"]).flatmap(
    lambda kinds: st.tuples(*(st.builds(box, st.just(kind), bodies, long=st.booleans()) for kind in kinds))
)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    some = st.lists(spare, max_size=2)
    first, second = draw(needed)
    return Layout((FTYP, *draw(some), first, *draw(some), second, *draw(some)))


@st.composite
def splits(draw: st.DrawFn, size: int) -> list[tuple[int, int]]:
    """Pieces that make up a file, in order."""
    ends = sorted({*draw(st.lists(st.integers(1, max(1, size - 1)), max_size=12)), size})
    return list(zip([0, *ends[:-1]], ends, strict=True))


# Cut at any byte


@settings(max_examples=25, deadline=None)
@given(layouts())
def test_a_movie_that_is_cut_at_any_byte_is_found(layout: Layout) -> None:
    content, harmless = layout.content, layout.harmless_cuts
    for cut in range(len(content)):
        expected = WHOLE if cut in harmless else DAMAGED
        assert judged(content[:cut]).wholeness is expected, f"cut at {cut} of {len(content)}"
        assert judged(content[:cut], size_is_said=False).wholeness is expected


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_whole_movie_is_whole_however_it_is_split(data: st.DataObject) -> None:
    content = data.draw(layouts()).content
    pieces = data.draw(splits(len(content)))
    assert judged(content, pieces) == Verdict(WHOLE)
    assert judged(content, pieces, size_is_said=False) == Verdict(WHOLE)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_the_order_of_the_parts_a_whole_movie_is_whole_once_the_missing_headers_are_seen(
    data: st.DataObject,
) -> None:
    content = data.draw(layouts()).content
    boxes = MovieBoxes(len(content))
    for first, end in data.draw(st.permutations(data.draw(splits(len(content))))):
        boxes.reader(first).update(memoryview(content)[first:end])
        assert boxes.verdict().wholeness is not DAMAGED
    while boxes.wanted >= 0:
        boxes.see(boxes.wanted, content[boxes.wanted : boxes.wanted + 16])
    assert boxes.verdict() == Verdict(WHOLE)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_the_order_of_the_parts_a_cut_movie_is_never_whole(data: st.DataObject) -> None:
    layout = data.draw(layouts())
    cut = data.draw(st.integers(1, len(layout.content) - 1).filter(lambda at: at not in layout.harmless_cuts))
    content = layout.content[:cut]
    pieces = data.draw(st.permutations(data.draw(splits(cut))))
    assert judged(content, pieces).wholeness is not WHOLE


# What the usual makers write


@pytest.mark.parametrize(
    "content",
    [
        FTYP + MDAT + MOOV,
        FTYP + LONG_MDAT + MOOV,
        FTYP + MOOV + box("free", b"\0" * 50) + MDAT,
        FTYP + MDAT + MOOV + box("free") + box("udta", NOISE[:20]),
        box("wide") + MDAT + MOOV,  # QuickTime without a brand
        FTYP + box("GoPr", NOISE[:9]) + MDAT + MOOV,  # a type that only its maker knows
        FTYP + MOOV + box("moof") + MDAT + box("moof") + MDAT + box("mfra", NOISE[:9]),
        FTYP + box("imda", NOISE[:9]) + MOOV,
        movie_of(NOISE),
        movie_of(bytes(SMALLEST)),
    ],
)
def test_the_layouts_of_the_usual_makers_are_whole(content: bytes) -> None:
    assert judged(content) == Verdict(WHOLE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\0", "it is no movie, although its name says so"),
        (NOISE, "it is no movie, although its name says so"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + NOISE, "it is no movie, although its name says so"),
        (b"<html><body>gone</body></html>", "it is no movie, although its name says so"),
        (bytes(1000), "it is no movie, although its name says so"),
        (FTYP, "it has no index of its pictures (moov)"),
        (FTYP + MDAT, "it has no index of its pictures (moov)"),
        (FTYP + OPEN_MDAT, "it has no index of its pictures (moov)"),
        (FTYP + MOOV, "it has an index (moov) and no pictures"),
        (FTYP + MDAT[:100], f"it ends after 116 of at least {len(FTYP + MDAT)} bytes"),
        (FTYP + MDAT + MOOV[:5], f"it ends after {len(FTYP + MDAT) + 5} of at least {len(FTYP + MDAT) + 8} bytes"),
        (FTYP + LONG_MDAT[:12], "it ends after 28 of at least 32 bytes"),
        (FTYP + MDAT + bytes(40), f"what follows its byte {len(FTYP + MDAT)} is no part of a movie"),
        (FTYP + MDAT + b"\0\0\0\x07moov", f"what follows its byte {len(FTYP + MDAT)} is no part of a movie"),
        (FTYP + b"\0\0\0\1mdat" + (15).to_bytes(8) + MOOV, "what follows its byte 16 is no part of a movie"),
    ],
)
def test_what_is_wrong_with_a_movie_is_said(content: bytes, reason: str) -> None:
    assert judged(content) == Verdict(DAMAGED, reason)
    assert judged(content, size_is_said=False) == Verdict(DAMAGED, reason)


@pytest.mark.parametrize(
    "content",
    [
        FTYP + MOOV + OPEN_MDAT,
        FTYP + MOOV + OPEN_MDAT[:-50],  # a cut that cannot be seen
        FTYP + MOOV + box("moof") + MDAT,  # nor one between two fragments
        FTYP + MDAT + MOOV + bytes(64),  # padding that is no box
        FTYP + MDAT + MOOV + b"\x10\0\0\0insta360 appends what is no box",
    ],
)
def test_where_nothing_can_be_shown_a_movie_is_neither_whole_nor_damaged(content: bytes) -> None:
    assert judged(content) == Verdict(NOBODY_KNOWS)


def test_a_header_that_passed_before_its_place_was_known_is_wanted() -> None:
    content, middle = FTYP + MDAT + MOOV, 100
    boxes = MovieBoxes(len(content))
    boxes.reader(middle).update(memoryview(content)[middle:])
    boxes.reader(0).update(memoryview(content)[:middle])
    assert (boxes.verdict(), boxes.wanted) == (Verdict(NOBODY_KNOWS), len(FTYP + MDAT))
    boxes.see(boxes.wanted, content[boxes.wanted : boxes.wanted + 8])
    assert (boxes.verdict(), boxes.wanted < 0) == (Verdict(WHOLE), True)


def test_a_part_that_is_read_again_changes_nothing() -> None:
    content = FTYP + LONG_MDAT + MOOV
    boxes = MovieBoxes(len(content))
    for first, end in [(0, 20), (0, 27), (0, 150), (100, 241), (100, len(content))]:
        boxes.reader(first).update(memoryview(content)[first:end])
    assert boxes.verdict() == Verdict(WHOLE)


def test_a_file_of_countless_boxes_is_not_followed_for_ever() -> None:
    boxes = MovieBoxes(8 * 200_000)
    boxes.see(0, box("free") * 200_000)
    assert (boxes.verdict(), boxes.wanted < 0) == (Verdict(NOBODY_KNOWS), True)


def test_only_pieces_in_which_a_header_is_expected_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    size, piece, looked_at = 2**30, memoryview(bytearray(512 * 1024)), list[int]()
    monkeypatch.setattr(MovieBoxes, "see", lambda _, first, __: looked_at.append(first))
    boxes = MovieBoxes(size)
    boxes.wanted = size - 8  # the last header, behind all the pictures
    reader = boxes.reader(0)
    for _ in range(size // len(piece)):
        reader.update(piece)
    assert looked_at == [size - len(piece)]


def test_of_a_file_whose_size_nobody_has_said_nothing_is_known() -> None:
    boxes = MovieBoxes(UNKNOWN)
    boxes.see(0, FTYP + MDAT + MOOV)
    assert boxes.verdict() == Verdict(NOBODY_KNOWS)


@pytest.mark.parametrize("name", ["a.mp4", "GX010042.MP4", "a.b.MoV", "GS01.360", "x.M4V", "GL01.LRV", "a.3gp", "q.qt"])
def test_these_names_are_movies(name: str) -> None:
    assert is_movie_name(name)


@pytest.mark.parametrize("name", ["a.jpg", "a.GPR", "a.wav", "a.thm", "mp4", ".mp4", "a.mp4.json", "", "a.insv"])
def test_files_of_other_names_are_not_judged(name: str) -> None:
    assert not is_movie_name(name)
