"""Where a track's samples are in the file (ISO/IEC 14496-12, 8.6 and 8.7). Pure.

Only those entries are looked at that are needed: a table may announce billions of them.
"""

from __future__ import annotations

from typing import NamedTuple

from cloud_sync_common.movie.boxes import inner, number

_MOST_RUNS = 20_000  # entries of stsc that are looked at
_MOST_SAMPLES = 100_000  # before one in its chunk


class Range(NamedTuple):
    """Bytes of the file."""

    first: int
    length: int


class SampleTable:
    """Of one track; `content` is that of its `stbl`. Samples are counted from 0."""

    def __init__(self, content: memoryview) -> None:
        self._sizes, self._runs = inner(content, b"stsz"), inner(content, b"stsc")
        self._chunks, self._width = inner(content, b"stco"), 4
        if not len(self._chunks):
            self._chunks, self._width = inner(content, b"co64"), 8
        self._times, self._sync = inner(content, b"stts"), inner(content, b"stss")
        self._equal = number(self._sizes, 4)  # the size of each; 0: each has its own
        self.count = number(self._sizes, 8)
        if not self._equal:
            self.count = min(self.count, max(0, len(self._sizes) - 12) // 4)

    @property
    def equal_step(self) -> int:
        """In ticks, from each sample to the next; 0 where they differ."""
        return number(self._times, 12) if self.count and number(self._times, 8) >= self.count else 0

    @property
    def first_sync(self) -> int | None:
        """The first sample that can be decoded alone."""
        if not len(self._sync):
            return 0
        return number(self._sync, 8) - 1 if number(self._sync, 4) and number(self._sync, 8) else None

    def place(self, index: int) -> Range | None:
        """Where a sample is; None where the table does not say so."""
        found = self._chunk_of(index) if 0 <= index < self.count else None
        if found is None:
            return None
        chunk, start = found
        first = self._offset(chunk)
        if not first or index - start > _MOST_SAMPLES:
            return None
        before = self._equal * (index - start) or sum(self._size(number) for number in range(start, index))
        return Range(first + before, self._size(index))

    def _size(self, index: int) -> int:
        return self._equal or number(self._sizes, 12 + 4 * index)

    def _offset(self, chunk: int) -> int:
        """Of a chunk, counted from 1; 0 where there is none."""
        return number(self._chunks, 8 + self._width * (chunk - 1), self._width) if chunk > 0 else 0

    def _chunk_of(self, index: int) -> tuple[int, int] | None:
        """A sample's chunk, counted from 1, and the first sample of that chunk."""
        passed, runs = 0, min(number(self._runs, 4), (len(self._runs) - 8) // 12, _MOST_RUNS)
        for run in range(runs):
            at = 8 + 12 * run
            first, each = number(self._runs, at), number(self._runs, at + 4)
            after = number(self._runs, at + 12) if run + 1 < runs else 0
            if not each:
                return None
            if not after or index - passed < (after - first) * each:
                return first + (index - passed) // each, index - (index - passed) % each
            passed += max(0, after - first) * each
        return None
