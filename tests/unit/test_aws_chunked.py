"""The framing of an upload, decoded by an independent implementation."""

from __future__ import annotations

import base64

import pytest
from awscrt.checksums import crc64nvme
from cloud_sync_common.aws import aws_chunked
from hypothesis import given, settings
from hypothesis import strategies as st


def framed(content: bytes) -> bytes:
    """A whole body, as the uploader sends it."""
    buffer, sent, checksum, left = aws_chunked.new_buffer(), b"", 0, len(content)
    for start in range(0, len(content), aws_chunked.PIECE):
        piece = content[start : start + aws_chunked.PIECE]
        buffer[aws_chunked.SPACE_BEFORE : aws_chunked.SPACE_BEFORE + len(piece)] = piece
        checksum, left = crc64nvme(piece, checksum), left - len(piece)
        sent += aws_chunked.framed(buffer, len(piece), None if left else checksum)
    return sent or aws_chunked.trailer(0)


def unframed(wire: bytes) -> tuple[bytes, dict[str, str]]:
    """The content and the trailers of a chunked body (RFC 9112, 7.1), by its grammar."""
    content = b""
    while True:
        size, _, wire = wire.partition(b"\r\n")
        count = int(size, 16)
        if count == 0:
            break
        assert wire[count : count + 2] == b"\r\n"
        content, wire = content + wire[:count], wire[count + 2 :]
    assert wire.endswith(b"\r\n\r\n")
    return content, dict(line.split(":", 1) for line in wire.decode().split("\r\n") if line)


PIECE = aws_chunked.PIECE
SIZES = st.integers(0, 3 * PIECE) | st.sampled_from([0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE])


@given(size=SIZES)
@settings(deadline=None, max_examples=40)
def test_content_checksum_and_announced_length_are_right(size: int) -> None:
    content = bytes(n * 7 % 251 for n in range(min(size, 997))) * (size // 997 + 1)
    wire = framed(content[:size])
    headers = aws_chunked.headers(size)
    found, trailers = unframed(wire)
    assert found == content[:size]
    assert (int(headers["Content-Length"]), int(headers["X-Amz-Decoded-Content-Length"])) == (len(wire), size)
    checksum = base64.b64decode(trailers[headers["X-Amz-Trailer"]])
    assert int.from_bytes(checksum, "big") == crc64nvme(content[:size])


@pytest.mark.parametrize("size", [5 * 1024**3, 64 * 1024**2, 8 * 1024])
def test_every_chunk_but_the_last_has_the_length_that_s3_requires(size: int) -> None:
    assert PIECE >= 8 * 1024
    overhead = aws_chunked.framed_length(size) - size
    assert overhead < 64 + (size // PIECE + 1) * 16
