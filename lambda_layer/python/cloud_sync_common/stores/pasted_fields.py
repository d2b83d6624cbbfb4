"""What people paste into a secret: trimmed where that is harmless, and otherwise described without being quoted."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.http.loose_json import integer

_STRAIGHT = "\"'`"
_TYPOGRAPHIC = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb\u2039\u203a"
TOKENS = frozenset({"access_token", "refresh_token"})
TEXT_FIELDS = ("access_token", "refresh_token", "client_id", "client_secret", "user_id", "path_root")
IDS = frozenset({"user_id", "path_root"})  # which are no secrets
_NO_SECRETS = frozenset({"expires_at", "renewed_from"})
_LONGEST_ID = 40  # characters, of which a UUID has 36; what is longer was meant for another field
_MAY_BE_NUMBERS = IDS | {"client_id"}
# No token has white space (RFC 6750, 2.1); the others show that a cookie, a header, a link or JSON was pasted with it.
_AROUND_A_TOKEN = re.compile(r"""(?i)\s|[;,<>{}"'\\]|://|%[0-9a-f]{2}|token[=:]""")
_LATEST = 1e11  # a time beyond it is in milliseconds, or none
# What a pasted text consists of, besides secrets: words, names of fields, commands, addresses, moments.
_BETWEEN = re.compile(r"""[^!-~]+|[\s"'`,;:=&?<>(){}\[\]\\]+""")
_WORD = r"(?:[A-Z]?[a-z]{1,14}|[A-Z]{1,14})"
_NO_SECRET = re.compile(rf"[\W_]*{_WORD}(?:[\W_]+{_WORD})*[\W_]*|\d{{4}}-\d\d-\d\d(?:[T-].*)?")
_NAMES = re.compile(r"(?i)(?:gp_)?(?:access_token|refresh_token|client_id|client_secret|user_id|path_root)")


def as_object(text: str) -> dict[str, Any]:
    """The JSON object in `text`, whatever stands around it by accident; empty if it is anything else. Line breaks
    within a value are accepted, so that they can be named."""
    try:
        value = json.loads(trimmed(text), strict=False, parse_int=integer)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def why_no_object(text: str) -> str:
    """A hint at what may be wrong with a text that holds no JSON object."""
    if any(quote in text for quote in _TYPOGRAPHIC):
        return " It has typographic quotes; JSON needs straight ones."
    if not trimmed(text).startswith("{"):
        return " It has to begin with '{': a token by itself is not enough."
    return " Names and values need double quotes, with a comma between two fields and none after the last."


def moment(value: object) -> float | None:
    """A Unix time that comes as a number or as text; None for what is none."""
    try:
        found = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return found if 0 < found < _LATEST else None


def field_of(name: str, value: object, where: str) -> str | None:
    """One field as it was meant; None for one that is empty. `where` completes "The field 'client_id' in <where>".

    Raises ConfigurationError that names the field, and never quotes it.
    """
    if type(value) is int and name in _MAY_BE_NUMBERS:
        value = str(value)
    if not isinstance(value or "", str):
        raise ConfigurationError(f"The field '{name}' in {where} must be text.")
    text = trimmed(str(value or ""))
    if fault := fault_of(name, text):
        raise ConfigurationError(f"The field '{name}' in {where} {fault} Then store it again.")
    return text or None


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
    if odd := next((c for c in value if not " " <= c <= "~" and not c.isspace()), ""):
        return f"has a character in it that no such value has (U+{ord(odd):04X}). Copy it again, as plain text."
    if name in TOKENS and (around := _AROUND_A_TOKEN.search(value)):
        what = "white space" if around[0].isspace() else f"'{around[0]}'"
        return f"has {what} in it, so it is more than the token. Copy it again, without what stands around it."
    return ""


def all_secrets(text: str) -> Iterator[str]:
    """What must be shown nowhere of the text of a secret, in whichever field it is, and where it is no JSON object."""
    fields = as_object(text)
    if not fields:
        yield from parts(text)
    for name, field in fields.items():
        if name not in _NO_SECRETS and not (name in IDS and len(str(field)) <= _LONGEST_ID):
            yield from (*parts(name), *secrets_in(name, field))


def secrets_in(name: str, value: Any) -> Iterator[str]:
    """What must be shown nowhere of a field of the secret. Of a field that has to be one, everything but the names of
    fields that were pasted with it; of anything else, all that is no plain word."""
    is_one = name in TOKENS | {"client_id", "client_secret"}
    for text in texts(value):
        yield from _NAMES.split(text) if is_one else parts(text)


def parts(text: str) -> Iterator[str]:
    """What could be a secret in a text of any kind: its parts that are no plain words."""
    yield from (part for part in _BETWEEN.split(text) if not _NO_SECRET.fullmatch(part))


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
