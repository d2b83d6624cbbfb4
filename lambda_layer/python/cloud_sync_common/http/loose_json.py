"""JSON as services really send it: a bad byte, half a character or an odd number spoils only the value it is in.

`decode` gives plain values; the readers below take one out of an object. A field that decides nothing is read
by them and never fails; what a missing value means is for the caller to say.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import msgspec

from cloud_sync_common.safe_text import redact

LEVELS = 32  # of nesting; what lies deeper is left out
LARGEST = 2**63 - 1
TEXT_LIMIT = 1024  # characters
WORD_LIMIT = 64  # characters of what is one word, such as a type or a time
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_SECRET = re.compile(r"[!-~]{1,16384}")  # printable ASCII
_NUMBER = re.compile(r"\+?([0-9]{1,30})(?:\.0*)?")


def decode(body: bytes) -> Any:
    """The JSON value in `body`, without a byte order mark. Raises ValueError if it is not JSON."""
    plain = body.removeprefix(b"\xef\xbb\xbf")
    try:
        return msgspec.json.decode(plain)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _patient(plain.decode(errors="replace"))


def _patient(text: str) -> Any:
    """As the standard library reads it: it takes every number, half of a surrogate pair, and raw control characters."""
    value = json.loads(_shallow(text), strict=False, parse_int=integer, parse_constant=lambda _: None)
    whole = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return json.loads(whole, parse_constant=lambda _: None)


def integer(digits: str) -> int | None:
    """A number of JSON, for `parse_int`; None for one of absurd length."""
    return int(digits) if len(digits) <= len(str(LARGEST)) + 1 else None


def _shallow(text: str) -> str:
    """`text` with null for everything that is nested deeper than LEVELS."""
    depth, kept, begin = 0, [], 0
    for found in _TOKEN.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth == LEVELS + 1:
                kept.append(text[begin : found.start()] + "null")
        elif found[0] in ("]", "}"):
            begin = found.end() if depth == LEVELS + 1 else begin
            depth -= 1
    return "".join(kept) + text[begin:] if depth <= LEVELS else "".join(kept)


def as_object(value: Any) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Any, most: int = TEXT_LIMIT) -> str | None:
    """Text as text, a number as its digits; None for anything else, and for more than `most` characters."""
    if isinstance(value, float):
        value = whole_number(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) <= LARGEST else None
    return value if isinstance(value, str) and len(value) <= most else None


def plain_text(value: Any, most: int = TEXT_LIMIT) -> str | None:
    """As `text`, but None for what holds a secret of ours or a signature in any form: it is kept and shown."""
    found = text(value, most)
    return found if found is not None and all(redact(read) == read for read in {found, unquote(found)}) else None


def secret(value: Any) -> str | None:
    """A token as it can be sent in a header, without white space around it; None for anything else."""
    found = value.strip() if isinstance(value, str) else ""
    return found if _SECRET.fullmatch(found) else None


def whole_number(value: Any) -> int | None:
    """A number from 0 that comes as a number, as text or as a float without a fraction; None for anything else."""
    if isinstance(value, str):
        digits = _NUMBER.fullmatch(value.strip())
        value = int(digits[1]) if digits else None
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) and value.is_integer() else None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= LARGEST else None


def extension(value: Any) -> str:
    """The extension of a file in small letters, without a dot; empty for what has not the shape of one."""
    found = (plain_text(value, WORD_LIMIT) or "").lower()
    return found if re.fullmatch(r"[a-z0-9]{1,5}", found) else ""


def moment(value: Any) -> str:
    """A time as it came, and a digest of anything else, which tells it from others too."""
    found = text(value, WORD_LIMIT) or ""
    return found if re.fullmatch(r"[0-9TZ:. +-]*", found) else sha256(found.encode()).hexdigest()[:16]


def filename(value: Any, most: int) -> str:
    """The name of a file, cut in the middle where it is longer than `most`, so that its extension stays; empty for what
    is no name."""
    name = plain_text(value, most=LARGEST) or ""
    return name if len(name) <= most else name[: most - 20] + name[-20:]
