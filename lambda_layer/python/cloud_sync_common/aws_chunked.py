"""The `aws-chunked` framing of an upload whose checksum follows its bytes, so that it is computed while they pass.

Source: S3 API reference, "Signature calculations ... Transferring payload in multiple chunks ... Including trailing
headers"; `x-amz-content-sha256` is STREAMING-UNSIGNED-PAYLOAD-TRAILER, which S3 takes over TLS.
"""

from __future__ import annotations

import base64

PIECE = 512 * 1024  # bytes in one chunk; S3 asks for at least 8 KiB in every chunk but the last
ROOM_BEFORE, ROOM_BEHIND = 16, 80  # bytes around a piece, for the frame and the trailer
_TRAILER = "x-amz-checksum-crc64nvme"
CHECKSUM_HEADER = _TRAILER


def headers(length: int) -> dict[str, str]:
    """What goes with a body of `length` bytes, framed."""
    return {
        "Content-Length": str(framed_length(length)),
        "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": str(length),
        "X-Amz-Trailer": _TRAILER,
        "X-Amz-Sdk-Checksum-Algorithm": "CRC64NVME",
    }


def framed_length(length: int) -> int:
    """Bytes on the wire of a body of `length` bytes in chunks of `PIECE`."""
    whole, rest = divmod(length, PIECE)
    sizes = whole * (PIECE + len(_frame(PIECE)) + 2) + (rest + len(_frame(rest)) + 2 if rest else 0)
    return sizes + len(trailer(0))


def _frame(count: int) -> bytes:
    return b"%x\r\n" % count


def encode_checksum(crc: int) -> str:
    """A CRC-64/NVME as S3 writes it."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


def trailer(crc: int) -> bytes:
    """What ends the body: the last, empty chunk and the checksum of everything before."""
    return f"0\r\n{_TRAILER}:{encode_checksum(crc)}\r\n\r\n".encode()


def buffer() -> memoryview:
    """Room for one piece and its frame; the piece's bytes go from ROOM_BEFORE on."""
    return memoryview(bytearray(ROOM_BEFORE + PIECE + ROOM_BEHIND))


def framed(room: memoryview, count: int, crc_if_last: int | None) -> memoryview:
    """The piece of `count` bytes in `room` with its frame around it, and with the trailer when it is the last."""
    before = _frame(count)
    behind = b"\r\n" + (b"" if crc_if_last is None else trailer(crc_if_last))
    start, end = ROOM_BEFORE - len(before), ROOM_BEFORE + count
    room[start:ROOM_BEFORE] = before
    room[end : end + len(behind)] = behind
    return room[start : end + len(behind)]
