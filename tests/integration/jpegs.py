"""What a JPEG says of itself, read from its markers (ITU-T T.81): a check that the pictures of tests are real ones."""

from __future__ import annotations


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height in pixels of a whole JPEG. Raises ValueError for anything else."""
    if not (content.startswith(b"\xff\xd8") and content.endswith(b"\xff\xd9")):
        raise ValueError("it does not begin and end as a JPEG does")
    at = 2
    while content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if marker in (0xC0, 0xC1, 0xC2):
            return int.from_bytes(content[at + 7 : at + 9]), int.from_bytes(content[at + 5 : at + 7])
        at += 2 + length
    raise ValueError("it has no frame")
