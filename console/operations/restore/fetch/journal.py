"""The journal of a file that is being fetched: which bytes of which object are on disk, and their checksums. Pure.

The first line identifies the object, each other one is a piece: its offset, its length, and its CRC-64/NVME in
hexadecimal. A line is written only when its bytes are on disk. What cannot be read ends the journal: the tail of a file
that was written when the power went is any bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from awscrt.checksums import combine_crc64nvme

_PIECE = re.compile(rb"(\d{1,19}) (\d{1,19}) ([0-9a-f]{16})", re.ASCII)
_BEGINS = b'{"bucket":'
FORMAT = 1
LONGEST = 16 * 1024 * 1024  # bytes of a piece


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The object that is fetched. `checksum` is its CRC-64/NVME in base64, `etag` has its quotes."""

    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    checksum: str
    format: int = FORMAT


class Piece(NamedTuple):
    """Bytes of the file; `crc` is their CRC-64/NVME."""

    offset: int
    length: int
    crc: int

    @property
    def end(self) -> int:
        return self.offset + self.length


def head(subject: Subject) -> bytes:
    """The first line."""
    return msgspec.json.encode(subject) + b"\n"


def lines(pieces: Iterable[Piece]) -> bytes:
    """The lines of these pieces."""
    return b"".join(b"%d %d %016x\n" % piece for piece in pieces)


def read(content: bytes) -> tuple[Subject | None, list[Piece]]:
    """The subject, None where there is no such line, and the pieces by their offsets, none of which overlap."""
    first, _, rest = content.partition(b"\n")
    try:
        subject = msgspec.json.decode(first, type=Subject)
    except (msgspec.DecodeError, RecursionError):
        return None, []
    return subject, _apart(_pieces(rest, subject.size))


def is_torn(content: bytes) -> bool:
    """Whether it is the beginning of a journal of which the first line did not reach the disk, or nothing."""
    text = content.strip(b"\0")
    return b"\n" not in text and (text.startswith(_BEGINS) or _BEGINS.startswith(text))


def _pieces(text: bytes, size: int) -> list[Piece]:
    found = []
    for line in text.split(b"\n")[:-1]:  # the last one has no end of its own
        match = _PIECE.fullmatch(line)
        if match is None:
            break
        piece = Piece(int(match[1]), int(match[2]), int(match[3], 16))
        if 0 < piece.length <= LONGEST and piece.end <= size:
            found.append(piece)
    return found


def _apart(pieces: list[Piece]) -> list[Piece]:
    kept: list[Piece] = []
    for piece in sorted(pieces):
        if not kept or piece.offset >= kept[-1].end:
            kept.append(piece)
    return kept


def missing(pieces: Iterable[Piece], size: int) -> list[tuple[int, int]]:
    """The ranges of a file that no piece has: first byte, and the one after the last."""
    found, at = [], 0
    for piece in sorted(pieces):
        if piece.offset > at:
            found.append((at, piece.offset))
        at = max(at, piece.end)
    return [*found, *([(at, size)] if at < size else [])]


def combined(pieces: Iterable[Piece]) -> int:
    """The CRC-64/NVME of a file of which these are all pieces, without reading a byte of it."""
    whole = 0
    for piece in sorted(pieces):
        whole = combine_crc64nvme(whole, piece.crc, piece.length)
    return whole
