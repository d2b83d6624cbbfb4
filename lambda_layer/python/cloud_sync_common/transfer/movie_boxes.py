"""Whether a movie is whole, by its boxes: their sizes must add up to the end of the file. Pure.

A movie (MP4, QuickTime and their relatives) is a chain of boxes, each of which begins with its size and its type
(ISO/IEC 14496-12, 4.2; QuickTime File Format, "Atoms"): 32 bits of size and 4 characters; size 1 means that 64 bits of
size follow; size 0 means "to the end of the file". So the place of each header follows from the one before, and only
these few bytes are looked at, never what is between them.

A file that is cut anywhere ends within a box, or before one that a movie needs, with three exceptions, which nothing
here can show. A box of the size 0 hides a cut in itself: such a movie is never called whole. So does a movie in
fragments (`moof`) without the index at its end (`mfra`). And a cut exactly between two boxes takes nothing that was
announced: where everything that a movie needs stands before it, the rest is padding or notes, and it is not missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from cloud_sync_common.provider_interface import UNKNOWN

# What cameras and phones record: action cameras also .360 and small copies .lrv, which are MP4 under another name.
# Not .insv and its like: their makers append what is no box.
_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".qt", ".360", ".lrv", ".3gp", ".3g2"})
_HEADER, _LONG_HEADER = 8, 16
# Boxes that stand in a file by themselves (ISO/IEC 14496-12, table 1; QuickTime File Format, "Movie atoms").
_KNOWN = frozenset(
    b"ftyp styp pdin moov moof mfra mdat imda free skip meta meco sidx ssix prft uuid emsg wide pnot PICT udta".split()
)
_PICTURES = frozenset({b"mdat", b"imda"})
_MOST_BOXES = 100_000  # that are followed: a day in fragments of a second
_NOTHING = -1


class Wholeness(StrEnum):
    """UNKNOWN: nothing shows that it is damaged, and nothing that it is whole."""

    WHOLE = "whole"
    DAMAGED = "damaged"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """`reason` says what is wrong with a movie that is DAMAGED; it continues a sentence that begins with the file."""

    wholeness: Wholeness
    reason: str = ""


_UNKNOWN, _WHOLE = Verdict(Wholeness.UNKNOWN), Verdict(Wholeness.WHOLE)


def is_movie_name(filename: str) -> bool:
    """Whether a file of this name is to be a movie made of boxes."""
    return PurePosixPath(filename).suffix.lower() in _SUFFIXES


class MovieBoxes:
    """The boxes of one file of `size` bytes (UNKNOWN: `ends_at` says so later). It is given the file's bytes piece by
    piece, in any order. `wanted` is the place of the next byte that it needs; below zero: it needs none."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._next, self._header = 0, b""  # where the next box begins, and what was seen of its header
        self._types: list[bytes] = []
        self._stopped = False  # at `_next` is no box, or one box too many
        self._open = False  # the last box reaches to the end, wherever that is
        self.wanted = 0
        self._set_wanted()

    def reader(self, first: int) -> BoxReader:
        """For a range of the file that begins at `first`."""
        return BoxReader(self, first)

    def ends_at(self, size: int) -> None:
        """The size of a file that did not say it before."""
        self._size = size
        self._set_wanted()

    def see(self, first: int, data: memoryview | bytes) -> None:
        """The bytes from `first` on."""
        end = first + len(data)
        while first <= self.wanted < end:
            start = self.wanted - first
            self._header += bytes(data[start : start + self._length_of_header() - len(self._header)])
            if len(self._header) == self._length_of_header():
                self._add_box()
            self._set_wanted()

    def _length_of_header(self) -> int:
        return _LONG_HEADER if self._header[:4] == b"\0\0\0\1" and len(self._header) >= _HEADER else _HEADER

    def _add_box(self) -> None:
        """The header at `_next` is complete."""
        size, kind = int.from_bytes(self._header[:4]), self._header[4:_HEADER]
        least = len(self._header)
        if least == _LONG_HEADER:
            size = int.from_bytes(self._header[_HEADER:])
        if not _is_type(kind) or (0 != size < least) or len(self._types) == _MOST_BOXES:
            self._stopped = True
            return
        self._types.append(kind)
        self._next, self._header, self._open = self._next + size, b"", size == 0

    def _set_wanted(self) -> None:
        ends = self._size != UNKNOWN and self._next + self._length_of_header() > self._size
        self.wanted = _NOTHING if self._stopped or self._open or ends else self._next + len(self._header)

    def verdict(self) -> Verdict:
        """What the boxes say that were seen until now."""
        if self._size == 0:
            return _damaged("it is empty")
        if self._size == UNKNOWN or self.wanted != _NOTHING or len(self._types) == _MOST_BOXES:
            return _UNKNOWN
        if not _KNOWN & set(self._types):
            return _damaged("it is no movie, although its name says so")
        is_complete = b"moov" in self._types and bool(_PICTURES & set(self._types))
        if self._stopped:  # a cut leaves a chain of boxes; something else was done to this file
            return _UNKNOWN if is_complete else _damaged(f"what follows its byte {self._next} is no part of a movie")
        if not self._open and self._next != self._size:
            return self._cut(is_complete=is_complete)
        return self._at_the_end()

    def _cut(self, *, is_complete: bool) -> Verdict:
        """The file ends within a box. One of a kind that nobody knows, behind all that a movie needs, may be none."""
        if self._next > self._size and is_complete and self._types[-1] not in _KNOWN:
            return _UNKNOWN
        least = self._next if self._next > self._size else self._next + self._length_of_header()
        return _damaged(f"it ends after {self._size} of at least {least} bytes")

    def _at_the_end(self) -> Verdict:
        """The boxes add up to the end of the file."""
        if b"moov" not in self._types:
            return _damaged("it has no index of its pictures (moov)")
        if not _PICTURES & set(self._types):
            return _damaged("it has an index (moov) and no pictures")
        may_go_on = self._open or (b"moof" in self._types and self._types[-1] != b"mfra")
        return _UNKNOWN if may_go_on else _WHOLE


def _is_type(kind: bytes) -> bool:
    """Whether these four bytes may be a box's type: printable ones, or QuickTime's copyright sign."""
    return all(0x20 <= byte <= 0x7E or byte == 0xA9 for byte in kind)


def _damaged(reason: str) -> Verdict:
    return Verdict(Wholeness.DAMAGED, reason)


class BoxReader:
    """Sees every byte of a range, in order, and passes on those pieces in which a header is expected."""

    def __init__(self, boxes: MovieBoxes, first: int) -> None:
        self._boxes, self._position = boxes, first

    def update(self, data: memoryview) -> None:
        first = self._position
        self._position = end = first + len(data)
        if first <= self._boxes.wanted < end:
            self._boxes.see(first, data)
