"""What people paste into a secret: trimmed where that is harmless, and otherwise described without being quoted."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

_STRAIGHT = "\"'`"
_TYPOGRAPHIC = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb\u2039\u203a"
TOKENS = frozenset({"access_token", "refresh_token"})  # RFC 6750, 2.1: no white space


def as_object(text: str) -> dict[str, Any]:
    """The JSON object in `text`; empty if it is anything else. Line breaks within a value are accepted, so that they
    can be named."""
    try:
        value = json.loads(text.strip("\ufeff \t\r\n"), strict=False)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def why_no_object(text: str) -> str:
    """A hint at what may be wrong with a text that holds no JSON object."""
    if any(quote in text for quote in _TYPOGRAPHIC):
        return " It has typographic quotes; JSON needs straight ones."
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return " It has to begin with '{': a token by itself is not enough."
    return ""


def trimmed(value: str) -> str:
    """`value` without what is around it by accident: white space, characters that are not seen, and quotes."""
    while value and (_is_around(value[0]) or _is_around(value[-1])):
        value = value[_is_around(value[0]) :]
        value = value[: len(value) - (bool(value) and _is_around(value[-1]))]
    return value


def _is_around(character: str) -> bool:
    return (
        character in _STRAIGHT + _TYPOGRAPHIC or character.isspace() or unicodedata.category(character) in ("Cc", "Cf")
    )


def fault_of(name: str, value: str) -> str:
    """What is wrong with a trimmed value, as the rest of a sentence about its field; empty when it can be sent."""
    if "\n" in value or "\r" in value or "\u2028" in value or "\u0085" in value:
        return "has a line break in it: a terminal or a mail has wrapped it. Copy it again, in one line."
    if "…" in value or (name in TOKENS and "..." in value):
        return "has been shortened, as '…' in it shows. Copy the whole value."
    if name in TOKENS and any(c.isspace() for c in value):
        return "has white space in it. Copy it again, without what stands before and after it."
    if odd := next((c for c in value if not " " <= c <= "~"), ""):
        return f"has a character in it that no such value has (U+{ord(odd):04X}). Copy it again, as plain text."
    return ""


def texts(value: Any) -> Iterator[str]:
    """Every text and number in a JSON value."""
    match value:
        case dict():
            for content in value.values():
                yield from texts(content)
        case list():
            for content in value:
                yield from texts(content)
        case str() | int() | float():
            yield str(value)
