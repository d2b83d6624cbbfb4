"""The `aws-chunked` encoding of an upload whose checksum follows its bytes, so that one pass over them is enough.

Source: S3 API reference, "Signature calculations ... Transferring payload in multiple chunks ... Including trailing
headers"; `x-amz-content-sha256` is STREAMING-UNSIGNED-PAYLOAD-TRAILER, which S3 accepts over TLS.
"""

from __future__ import annotations

import base64

PIECE = 512 * 1024  # bytes in one chunk; S3 requires at least 8 KiB in every chunk but the last
SPACE_BEFORE, SPACE_AFTER = 16, 80  # bytes around a piece, for its frame and the trailer
_TRAILER = "x-amz-checksum-crc64nvme"
CHECKSUM_HEADER = _TRAILER


def headers(length: int) -> dict[str, str]:
    """The headers of an upload of `length` bytes in this encoding."""
    return {
        "Content-Length": str(framed_length(length)),
        "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": str(length),
        "X-Amz-Trailer": _TRAILER,
        "X-Amz-Sdk-Checksum-Algorithm": "CRC64NVME",
    }


def framed_length(length: int) -> int:
    """The size in bytes of a body of `length` bytes, encoded in chunks of `PIECE`."""
    whole, rest = divmod(length, PIECE)
    sizes = whole * (PIECE + len(_frame(PIECE)) + 2) + (rest + len(_frame(rest)) + 2 if rest else 0)
    return sizes + len(trailer(0))


def _frame(count: int) -> bytes:
    return b"%x\r\n" % count


def encode_checksum(crc: int) -> str:
    """A CRC-64/NVME in the form that S3 uses: base64."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


def trailer(crc: int) -> bytes:
    """The end of the body: the last, empty chunk and the checksum of everything before it."""
    return f"0\r\n{_TRAILER}:{encode_checksum(crc)}\r\n\r\n".encode()


def new_buffer() -> memoryview:
    """A buffer for one piece and its frame; the piece begins at SPACE_BEFORE."""
    return memoryview(bytearray(SPACE_BEFORE + PIECE + SPACE_AFTER))


def framed(buffer: memoryview, count: int, crc_if_last: int | None) -> memoryview:
    """The piece of `count` bytes in `buffer` with its frame around it, and the trailer if it is the last piece."""
    before = _frame(count)
    after = b"\r\n" + (b"" if crc_if_last is None else trailer(crc_if_last))
    start, end = SPACE_BEFORE - len(before), SPACE_BEFORE + count
    buffer[start:SPACE_BEFORE] = before
    buffer[end : end + len(after)] = after
    return buffer[start : end + len(after)]
