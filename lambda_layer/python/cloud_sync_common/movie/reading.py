"""Reads a movie: its index, and those few bytes of the rest that are needed."""

from __future__ import annotations

from functools import cached_property

from cloud_sync_common.movie.boxes import movie_index
from cloud_sync_common.movie.byte_source import ByteSource, RangeReader
from cloud_sync_common.movie.facts import MovieFacts, facts_of
from cloud_sync_common.movie.key_picture import KeyPicture, key_picture
from cloud_sync_common.movie.tracks import tracks


class Movie:
    """A movie whose index was read. No content raises anything; what its source raises passes through."""

    def __init__(self, reader: RangeReader) -> None:
        self._reader = reader
        self._index = movie_index(reader)
        self._tracks = tracks(self._index)

    @cached_property
    def facts(self) -> MovieFacts:
        """What it says of itself; reads some of its telemetry, where it has any."""
        return facts_of(self._index, self._tracks, self._reader)

    def key_picture(self) -> KeyPicture | None:
        """Its first picture that can be decoded alone, of 4 MiB at most; reads it."""
        return key_picture(self._reader, self._tracks)


def read_movie(source: ByteSource) -> Movie:
    """Reads the index of a movie, wherever in the file it is."""
    return Movie(RangeReader(source))
