"""Text that may leave the process: without a secret in any of its forms, and foreign text as one printable line.

A secret is recognised in three ways: as a whole, by each part between its line breaks, and by any twelve consecutive
characters of it. Each holds for the value itself and for what JSON, URLs, HTML, Python, Base64 and hexadecimal make of
it, in capitals or not. Bearer tokens, signatures of links and fields named after a token are recognised by their place.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

BLANK = "***"
NAME_LIMIT = 200  # characters of a foreign name in a mail
_SHORTEST, _SHORTEST_PART = 8, 6  # characters; to replace fewer would make everything unreadable
_RUN = 12  # consecutive characters of a secret that are never shown
_GRAM, _STRIDE = 8, 5  # each run of _RUN characters contains a gram that begins at a multiple of _STRIDE
_MOST_PLACES = 16  # of one gram, for secrets that repeat themselves
_CAPITALS = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}  # no other letter: the length stays
_BETWEEN_PARTS = re.compile(r"[^\w!-~]+")
_SIGNATURES = re.compile(
    r"(?i)(authorization['\"]?(?:: ?|=)b?['\"]?(?:basic|bearer)(?:\s+|%20)|"
    # Not every bearer has a token: in the name of a video it is a person.
    r"\bbearer(?:\s+|%20)(?=[\w.~+/=-]{20})(?=[\w.~+/=-]{0,200}?[0-9])|"
    r"(?:access_token|refresh_token|client_secret)(?: ?= ?|%3d)b?['\"]?|"
    r"cloudfront-(?:signature|policy)=|x-amz-security-token['\"]?: ?b?['\"]?|"
    r"(?:[?&;]|%3f|%26|\\u0026)(?:signature|x-(?:amz|goog)-signature|x-amz-security-token|policy|sig)(?:=|%3d))"
    r"[^\s\"'&;,\\]+"
)
_FIELDS = re.compile(
    r"(?i)((?<!\\)(\\*[\"'])(?:access_token|refresh_token|client_secret|secretstring|secretbinary)\2\s*:\s*b?)(\\*[\"'])"
    r"(?!\*\*\*).*?(?:(?<!\\)\3|$)"
)

# One of these characters and one of these words is in whatever the two above recognise.
_A_PLACE = re.compile(r"[^\w.-]")
_WORDS = ("bearer", "basic", "token", "secret", "sig", "policy")
_SAME_LETTERS = "\u017f\u212a\u0130\u0131"  # beyond ASCII, and yet equal to s, k and i where capitals do not matter


def _folded(text: str) -> str:
    """In small letters, and of the same length."""
    return text.lower() if text.isascii() else text.translate(_CAPITALS)


def _may_name(text: str) -> bool:
    """False for nearly every text without a token's or a signature's place, and ten times as quickly as by those."""
    folded = text.lower()
    return any(word in folded for word in _WORDS) or (
        not text.isascii() and any(letter in text for letter in _SAME_LETTERS)
    )


def _escaped_forms(text: str) -> set[str]:
    """What the usual ways to write a text into another one make of it."""
    data = text.encode("utf-8", "surrogatepass")
    return {
        *(json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)),
        *(form for safe in ("", "/", "~") for form in (quote(data, safe=safe), quote_plus(data, safe=safe))),
        *(html.escape(text, quote=quotes) for quotes in (True, False)),
        *(repr(text)[1:-1], ascii(text)[1:-1], repr(data)[2:-1], data.decode("latin-1")),
    }


def _encoded_forms(text: str) -> Iterator[str]:
    """Hexadecimal, and Base64 wherever the secret stands among the bytes that are encoded."""
    data = text.encode("utf-8", "surrogatepass")
    yield data.hex()
    for before in range(3):
        code = base64.b64encode(b"\0" * before + data).decode()
        own = code[(0, 2, 3)[before] : len(code) - (0, 3, 2)[(before + len(data)) % 3]]
        yield own
        yield own.translate(str.maketrans("+/", "-_"))


def _forms(secret: str) -> set[str]:
    """Every form of a secret: escaped up to twice (a JSON text within a JSON text), or encoded."""
    once = {secret, *_escaped_forms(secret)}
    twice = {form for text in once for form in _escaped_forms(text)}
    return {*once, *twice, *_encoded_forms(secret)}


def _agreement(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    if one == other:
        return len(one)
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _length(run: tuple[int, int]) -> int:
    return run[1] - run[0]


class _Secrets:
    """The secrets of this process, in a shape that finds them quickly."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._short: set[str] = set()
        self._grams: dict[str, list[tuple[str, int]]] = {}

    def add(self, secret: str) -> None:
        if len(secret) < _SHORTEST or secret in self._values:
            return
        self._values.add(secret)
        parts = {part for part in _BETWEEN_PARTS.split(secret) if len(part) >= _SHORTEST_PART}
        for form in {_folded(form) for text in {secret, *parts} for form in _forms(text)}:
            self._remember(form)

    def _remember(self, form: str) -> None:
        if _SHORTEST_PART <= len(form) < _RUN:
            self._short.add(form)
        for at in range(0, len(form) - _GRAM + 1, _STRIDE):
            places = self._grams.setdefault(form[at : at + _GRAM], [])
            if len(places) < _MOST_PLACES:
                places.append((form, at))

    def blanked(self, text: str) -> str:
        """`text` without them."""
        if not self._values:
            return text
        folded = _folded(text)
        if not self._may_be_in(folded):
            return text
        pieces, end = [], 0
        for start, after in self._runs(folded):
            pieces += [text[end:start], BLANK]
            end = after
        found = "".join((*pieces, text[end:]))
        folded = _folded(found)
        for short in sorted((short for short in tuple(self._short) if short in folded), key=len, reverse=True):
            found = re.sub(re.escape(short), BLANK, found, flags=re.IGNORECASE)
        return found

    def _may_be_in(self, folded: str) -> bool:
        """False for nearly every text, and quickly: a listing has a million of them."""
        grams = (folded[at : at + _GRAM] for at in range(len(folded) - _GRAM + 1))
        return not self._grams.keys().isdisjoint(grams) or any(short in folded for short in tuple(self._short))

    def _runs(self, text: str) -> Iterator[tuple[int, int]]:
        """Where `text` has at least _RUN consecutive characters of a secret, from start to end."""
        at = floor = 0
        while at <= len(text) - _GRAM:
            start, end = self._longest(text, at, floor)
            if end - start >= _RUN:
                # A repeated character fits several forms: the whole secret may show only a few places later.
                later = (self._longest(text, place, floor) for place in range(at + 1, at + _STRIDE))
                start, end = max([(start, end), *(r for r in later if r[0] <= start and end <= r[1])], key=_length)
                start += len(text[start:end]) - len(text[start:end].lstrip())  # the space before a token is no secret
                yield start, end
                at = floor = end
            else:
                at += 1

    def _longest(self, text: str, at: int, floor: int) -> tuple[int, int]:
        """The longest run of a secret's characters that includes a gram at this place, not before `floor`."""
        best = (at, at)
        for form, offset in self._grams.get(text[at : at + _GRAM], ()):
            rest, before = form[offset:], form[:offset][::-1]
            end = at + _agreement(text[at : at + len(rest)], rest)
            start = at - _agreement(text[max(floor, at - offset) : at][::-1], before)
            best = max(best, (start, end), key=_length)
        return best


_secrets = _Secrets()


def protect(*secrets: str | None) -> None:
    """From now on, nothing that leaves this process contains these values. Those of fewer than 8 characters are
    ignored: replacing every occurrence of a few letters would make the log unreadable."""
    for secret in secrets:
        if secret:
            _secrets.add(secret)


def redact(text: str) -> str:
    """`text` with every protected value, bearer token and URL signature replaced."""
    if _may_name(text) and _A_PLACE.search(text):
        text = _FIELDS.sub(rf"\1\3{BLANK}\3", _SIGNATURES.sub(rf"\1{BLANK}", text))
    return _secrets.blanked(text)


def redacted(value: Any) -> Any:
    """A value made of dicts, lists and plain values, with every text in it redacted."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {redacted(name): redacted(content) for name, content in value.items()}
        case list():
            return list(map(redacted, value))
        case tuple():
            return tuple(map(redacted, value))
        case None | bool():
            return value
    written = str(value)  # a token of digits, or of bytes; *** alone would be no JSON where a number stood
    return value if redact(written) == written else BLANK


def one_line(text: str, most: int = NAME_LIMIT) -> str:
    """Foreign text, such as the name of a file, as it may stand in a sentence of ours: without secrets, on one line,
    only characters that are seen (no controls, none that turns the direction of reading), at most `most` of them."""
    seen = (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else " " if c.isspace() or c < " " else "" for c in text)
    )
    plain = redact(" ".join(seen.split()))
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def escape_unseen(document: str) -> str:
    """A JSON document in which every character that is not seen is escaped: those at which some readers of JSON Lines
    begin a new line (U+0085, U+2028), and those that turn the direction of reading."""
    if document.isprintable():
        return document
    return "".join(c if c.isprintable() or c in "\n\r\t" else json.dumps(c)[1:-1] for c in document)
