"""Movies made of boxes, whose pictures are any bytes: for tests that need no picture."""

from __future__ import annotations

SMALLEST = 32


def movie_of(content: bytes) -> bytes:
    """The same number of bytes, at least SMALLEST, as a whole movie: ftyp, mdat and moov (ISO/IEC 14496-12). All but
    the first 24 and the last 8 bytes are those of `content`."""
    length = len(content)
    if length < SMALLEST:
        raise ValueError(f"a movie needs {SMALLEST} bytes, and these are {length}")
    mdat = (length - 24).to_bytes(4) + b"mdat"
    return b"\0\0\0\x10ftypisom\0\0\0\0" + mdat + content[24:-8] + b"\0\0\0\x08moov"
