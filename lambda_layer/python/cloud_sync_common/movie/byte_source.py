"""Reads ranges of a file that may be far away, few and little. Pure: what the source raises passes through."""

from __future__ import annotations

from typing import Protocol

LEAST_READ = 16 * 1024  # bytes; each read of a far file is a request, and what follows is often wanted next
MOST_READS, MOST_BYTES = 200, 96 * 1024 * 1024  # of one movie; after that the rest of it is as if it were not there


class ByteSource(Protocol):
    """A file: its size in bytes, and a range of it. `read` may give less than asked for, where the file ends."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    def read(self, first: int, length: int) -> bytes:
        """So many bytes, from the one at `first` on."""
        ...


class RangeReader:
    """Reads a source within limits, and keeps its last range: what is next to it costs nothing."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._first, self._kept = 0, b""
        self.reads, self.bytes = 0, 0

    def read(self, first: int, length: int) -> bytes:
        """What there is of this range; empty beyond the end of the file, and when the limits are reached."""
        length = min(length, self._source.size - first)
        if first < 0 or length <= 0:
            return b""
        within = first - self._first
        if not 0 <= within <= within + length <= len(self._kept):
            self._fetch(first, length)
            within = 0
        return self._kept[within : within + length]

    def _fetch(self, first: int, length: int) -> None:
        length = min(max(length, LEAST_READ), self._source.size - first)
        self._first, self._kept = first, b""
        if self.reads >= MOST_READS or self.bytes + length > MOST_BYTES:
            return
        self.reads += 1
        self.bytes += length
        self._kept = self._source.read(first, length)
