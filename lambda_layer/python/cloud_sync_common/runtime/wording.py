"""Words of mails and sentences that depend on a number."""

from __future__ import annotations


def count_of(number: int, noun: str, plural: str = "") -> str:
    """`1 video`, `2 videos`; `plural` where it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
