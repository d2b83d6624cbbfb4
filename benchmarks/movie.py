"""The files of the source: whole movies of pseudo-random bytes, with the hashes that providers publish of such files.

A movie is a chain of boxes (ISO/IEC 14496-12): `ftyp`, `mdat` with the bytes, and `moov` at the end, as cameras write
it. GoPro's CDN sends the ETag that S3 gave to an upload in parts of 20 MiB (docs/gopro-api.md).
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

MIB = 1024 * 1024
ETAG_PART = 20 * MIB
_BLOCK = 4 * MIB  # of `sha256-4mib` (provider_interface.MediaSource)
_START = struct.pack(">I4s4sI4s", 20, b"ftyp", b"mp41", 0, b"mp41")
_END = struct.pack(">I4sI4s", 116, b"moov", 108, b"mvhd") + bytes(100)
_LONG_HEADER = 16  # of a box whose size has 64 bits


@dataclass(frozen=True)
class Movie:
    """A file of `size` bytes; `sparse`: its pictures are zeros that take no room on the disk."""

    size: int
    sparse: bool = False

    def write(self, path: Path, seed: int = 1) -> None:
        """Writes the same bytes whenever it is called with the same seed."""
        pictures = self.size - len(_START) - len(_END)
        with path.open("wb") as file:
            file.write(_START + struct.pack(">I4sQ", 1, b"mdat", pictures))
            if self.sparse:
                file.seek(self.size - len(_END))
            else:
                for piece in _pieces(pictures - _LONG_HEADER, seed):
                    file.write(piece)
            file.write(_END)


def _pieces(count: int, seed: int) -> Iterator[bytes]:
    generator = random.Random(seed)  # noqa: S311 (the same bytes every time)
    for start in range(0, count, MIB):
        yield generator.randbytes(min(MIB, count - start))


def etag(path: Path) -> str:
    """The ETag of an upload in parts of 20 MiB: the MD5 of the parts' MD5s, and their number."""
    empty = bytes(ETAG_PART)
    of_empty = _md5(empty)
    with path.open("rb") as file:
        digests = [of_empty if part == empty else _md5(part) for part in iter(partial(file.read, ETAG_PART), b"")]
    return f'"{_md5(b"".join(digests)).hex()}-{len(digests)}"'


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def published(path: Path, kind: str) -> str:
    """The hash of a file as a provider publishes it (provider_interface.MediaSource): `md5`, `sha256` or
    `sha256-4mib`, with its name before it."""
    with path.open("rb") as file:
        if kind != "sha256-4mib":
            return f"{kind}:{hashlib.file_digest(file, kind).hexdigest()}"
        blocks = [hashlib.sha256(block).digest() for block in iter(partial(file.read, _BLOCK), b"")]
    return f"{kind}:{hashlib.sha256(b''.join(blocks)).hexdigest()}"
