"""Answers over HTTP as plain values, and everything that can be odd about one.

A fault is data, so that hypothesis shrinks it and prints it. It says where it strikes (an endpoint, an item, a file),
how often, and what it changes. Nothing here knows a provider.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

type Path = tuple[Any, ...]


class End(StrEnum):
    """What happens to the connection after the last byte."""

    OPEN = "it stays open"
    CLOSED = "it is closed in order"
    CUT = "it is closed without a word"
    RESET = "it is reset"
    SILENT = "it stays open, and nothing more is sent"


@dataclass(frozen=True)
class Answer:
    """One answer. `headers` leave out Content-Length, which is right unless a fault adds another."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    end: End = End.OPEN
    cut: int | None = None  # bytes that are sent, of head and body

    def with_header(self, name: str, *values: str) -> Answer:
        """The answer with only these values of a header."""
        others = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=(*others, *((name, value) for value in values)))

    @property
    def wire(self) -> bytes:
        """The bytes that are sent."""
        names = {name.lower() for name, _ in self.headers}
        length = () if "content-length" in names else (("Content-Length", str(len(self.body))),)
        lines = [f"{name}: {value}\r\n" for name, value in (*self.headers, *length) if value != NOTHING]
        head = f"HTTP/1.1 {self.status} Word\r\n{''.join(lines)}\r\n".encode("utf-8", "surrogatepass")
        return (head + self.body)[: self.cut]


NOTHING = "(no such header)"
TOKEN = "(the token)"  # replaced by the access token

# Values as they stand in a JSON text, under a name that is shorter than many of them.
ODD_JSON = {
    "20 KB": f'"{"x" * 20_000}"',
    "9,000 digits": "9" * 9_000,
    "400 digits": "4" * 400,
    "400 levels": "[" * 400 + "]" * 400,
    "5,000 levels": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "half a character": '"\\ud800"',
    "NUL": '"a\\u0000b"',
    "raw control": '"a\x01\x1f\x7fb"',
    "right to left": '"\u202egnp.\u2066exe"',
    "line separators": '"a\u2028b\u0085c\\r\\nX-Odd: 1"',
    "path": '"../../../etc/passwd"',
    "the token": f'"{TOKEN}"',
    "a link with the token": f'"https://example.com/?access_token={TOKEN}"',
}
LITERALS = (
    "null", "true", "false", "0", "1", "-1", "7", "3.0", "1.5", "1e5", "1e999", "-0.0", "NaN", "Infinity",
    "9223372036854775807", "9223372036854775808", "18446744073709551616", '""', '" "', '"0"', '"1"', '"-1"', '"1e9"',
    '"null"', '"false"', '"READY"', '"9223372036854775807"', "[]", "{}", "[[]]", '[null]', '["a"]', '{"a": 1}',
    '"\U0001f4a9"', '"2026-13-45T99:99:99Z"', '"http://127.0.0.1:1/x.mp4"', '"https://169.254.169.254/latest"',
    '"file:///etc/passwd"', '"https://[::1"', '"//x"', *ODD_JSON,
)  # fmt: skip


class How(StrEnum):
    """What is done to one value of a JSON document."""

    REPLACED = "replaced"
    DROPPED = "dropped"
    REPEATED = "repeated"  # an element of a list as it is; the name of a field with another value


@dataclass(frozen=True)
class Json:
    """Something is done to one value: the `at`th, counted in depth, in turn."""

    at: int
    how: How
    to: str = "null"  # a JSON text, or a name in ODD_JSON

    def apply(self, answer: Answer, within: Path) -> Answer:
        """The answer with the change somewhere in the part that `within` leads to. One that is no JSON, or that another
        fault has nested without end, stays as it is."""
        try:
            return self._applied(answer, within)
        except (ValueError, RecursionError):
            return answer

    def _applied(self, answer: Answer, within: Path) -> Answer:
        part = document = json.loads(answer.body)
        for step in within:
            part = part[step]
        paths = [(*within, *path) for path in _paths(part)]
        if not paths:
            return answer
        return replace(answer, body=_changed(document, paths[self.at % len(paths)], self.how, self.to))


def _paths(value: Any) -> Iterator[Path]:
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        yield (name,)
        yield from ((name, *rest) for rest in _paths(inner))


_MARK = "the odd value stands here"


def _changed(document: Any, path: Path, how: How, to: str) -> bytes:
    *before, last = path
    part = document
    for step in before:
        part = part[step]
    was = part[last]
    literal = ODD_JSON.get(to, to)
    if how is How.DROPPED:
        del part[last]
    elif how is How.REPEATED and isinstance(part, list):
        part.insert(last, was)
    else:
        part[last] = _MARK
    if how is How.REPEATED and isinstance(part, dict):
        literal = f"{json.dumps(was)}, {json.dumps(last)}: {literal}"
    return json.dumps(document).replace(json.dumps(_MARK), literal).encode("utf-8", "surrogatepass")


class Spoiling(StrEnum):
    """What is done to the bytes of a body."""

    EMPTY = "empty"
    HALF = "only its first half, and the length says so"
    MARKED = "a byte order mark before it"
    BAD_BYTE = "a byte in the middle that is no UTF-8"
    BRACKETS = "100,000 brackets"
    PAGE = "a page for people"
    TWICE = "sent twice"
    WORD = "null"
    UTF_16 = "in UTF-16"
    SPACES = "200 KB of spaces around it"


@dataclass(frozen=True)
class Body:
    """Another body, with the right length."""

    spoiling: Spoiling

    def apply(self, answer: Answer, within: Path) -> Answer:
        """The answer with that body."""
        was, half = answer.body, len(answer.body) // 2
        bodies = {
            Spoiling.EMPTY: lambda: b"",
            Spoiling.HALF: lambda: was[:half],
            Spoiling.MARKED: lambda: b"\xef\xbb\xbf" + was,
            Spoiling.BAD_BYTE: lambda: was[:half] + b"\xff" + was[half:],
            Spoiling.BRACKETS: lambda: b"[" * 100_000,
            Spoiling.PAGE: lambda: b"<!doctype html><title>Back soon</title>",
            Spoiling.TWICE: lambda: was + was,
            Spoiling.WORD: lambda: b"null",
            Spoiling.UTF_16: lambda: was.decode("latin-1").encode("utf-16"),
            Spoiling.SPACES: lambda: b" " * 100_000 + was + b"\n" * 100_000,
        }
        changed = replace(answer, body=bodies[self.spoiling]())
        return changed.with_header("Content-Type", "text/html") if self.spoiling is Spoiling.PAGE else changed


@dataclass(frozen=True)
class Status:
    """Another status; with the body as it was, or with another."""

    status: int
    spoiling: Spoiling | None = None

    def apply(self, answer: Answer, within: Path) -> Answer:
        """The answer with that status."""
        changed = Body(self.spoiling).apply(answer, within) if self.spoiling else answer
        return replace(changed, status=self.status)


STATUSES = (
    100, 101, 103, 199, 200, 201, 202, 203, 204, 205, 206, 207, 226, 299, 300, 301, 302, 303, 304, 307, 308, 399, 400,
    401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 425, 426,
    428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 521, 530, 599, 600, 999,
)  # fmt: skip

HEADERS = {
    "Content-Type": ("text/html", "application/json", "text/plain; charset=utf-7", "", "x" * 2_000),
    "Content-Length": ("0", "1", "-1", "abc", "1e3", "99999999999999999999", "9223372036854775807", "10, 10", "007"),
    "Content-Range": ("bytes 0-0/1", "bytes */*", "bytes 0-9/*", "bytes 5-1/3", "items 0-1/2", "bytes 0-99999999999999"
                      "999999/99999999999999999999", "bytes -1--1/-1", "bytes 0-0/0", "", "x"),
    "ETag": ('"other"', 'W/"weak"', "", '"', "x" * 3_000, '"a", "b"', '"\u00fc"', f'"{TOKEN}"',
             '"d41d8cd98f00b204e9800998ecf8427e"', '"d41d8cd98f00b204e9800998ecf8427e-1"'),
    "Last-Modified": ("Thu, 01 Jan 1970 00:00:00 GMT", "yesterday", "", "x" * 3_000, TOKEN),
    "Content-Encoding": ("gzip", "br", "identity", "aws-chunked", "utf-8", "\u00fc", "gzip, gzip, gzip", "x" * 500),
    "Transfer-Encoding": ("chunked", "gzip", "identity", "chunked, chunked", "x"),
    "Location": ("https://example.com/", "http://[::1", "//", "", "x" * 3_000),
    "Retry-After": ("0", "1", "-1", "3600", "99999999999999999999", "1e9", "soon", "", "Fri, 31 Dec 9999 23:59:59 GMT",
                    "Wed, 21 Oct 2015 07:28:00 GMT", "\u0663"),
    "Connection": ("close", "keep-alive, close", "Upgrade", ""),
    "Set-Cookie": ("a=b", f"t={TOKEN}"),
    "X-Odd": ("x" * 60_000, "\u0085", "a\tb", f"Bearer {TOKEN}"),
}  # fmt: skip


@dataclass(frozen=True)
class Header:
    """A header with one odd value; several when `beside` the one that there is; none for NOTHING."""

    name: str
    value: str
    beside: bool = False

    def apply(self, answer: Answer, within: Path) -> Answer:
        """The answer with that header."""
        there = [value for name, value in answer.headers if name.lower() == self.name.lower()] if self.beside else []
        if self.name == "Content-Length" and self.beside:
            there = [str(len(answer.body))]
        changed = answer.with_header(self.name, *there, self.value)
        is_open = self.name == "Content-Length" and self.value == NOTHING and answer.end is End.OPEN
        return replace(changed, end=End.CLOSED) if is_open else changed


@dataclass(frozen=True)
class Cut:
    """Only so many thousandths of the head and the body are sent."""

    head: int
    body: int
    end: End

    def apply(self, answer: Answer, within: Path) -> Answer:
        """The answer that breaks off."""
        whole = answer.wire
        head = len(whole) - len(answer.body)
        sent = head * self.head // 1000 if self.head < 1000 else head + len(answer.body) * self.body // 1000
        return replace(answer, cut=sent, end=self.end)


type Change = Json | Body | Status | Header | Cut


@dataclass(frozen=True)
class Place:
    """Where a fault strikes: an endpoint of the provider, one item or all of them, one of its files or all of them.

    At an endpoint that answers for several items at once, a fault about one item changes only what is about it.
    """

    endpoint: str
    about: str | None = None
    number: int | None = None

    def covers(self, other: Place) -> bool:
        """Whether a request for `other` is meant."""
        return self.endpoint == other.endpoint and all(
            mine is None or mine == its for mine, its in ((self.about, other.about), (self.number, other.number))
        )


@dataclass(frozen=True)
class Fault:
    """A change of answers: of `times` of them (None: of all), after the first `after` that it could have changed."""

    place: Place
    change: Change
    times: int | None = None
    after: int = 0
