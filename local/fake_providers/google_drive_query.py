"""The search language of files.list, `q`: the terms that backup programs use (Drive guides, "Search query terms").

`or` binds least, then `and`, then `not`. Text is between single quotes, in which a backslash hides a quote or another
backslash. Anything else is what Drive answers with 400 "Invalid Value" at `q`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from local.fake_providers.google_drive_tree import DriveFile

type Predicate = Callable[[DriveFile], bool]

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z][A-Za-z.]*)|(?P<sign><=|>=|!=|[=<>()]))")

_ORDERED: dict[str, Callable[[datetime, datetime], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_TIMES: dict[str, Callable[[DriveFile], str]] = {
    "modifiedTime": lambda file: file.modified,
    "createdTime": lambda file: file.created,
    "viewedByMeTime": lambda file: "",
    "sharedWithMeTime": lambda file: file.shared_at,
}
_FLAGS: dict[str, Predicate] = {
    "trashed": lambda file: file.trashed,
    "starred": lambda file: file.starred,
    "sharedWithMe": lambda file: bool(file.shared_at),
}


class QueryError(ValueError):
    """A query that Drive does not understand."""


@dataclass(frozen=True)
class Query:
    """A parsed `q`. `parents` are the folders that it asks for, in order, if it asks for more than one of them with
    `or`: the form of which some children are lost (rclone issues 9810, 3114, 4289)."""

    matches: Predicate
    parents: tuple[str, ...] = ()


def parsed(text: str, root: str) -> Query:
    """The query; an empty one finds everything. `root` is the id for which the word root stands. Raises QueryError."""
    if not text.strip():
        return Query(lambda file: True)
    parser = _Parser(_tokens(text), root)
    matches = parser.alternatives()
    parser.end()
    return Query(matches, tuple(parser.parents) if len(parser.parents) > 1 else ())


def _tokens(text: str) -> list[str]:
    found, position = [], 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise QueryError(f"unexpected character at {position}")
        found.append(match.group().strip())
        position = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[str], root: str) -> None:
        self._tokens, self._root = tokens, root
        self.parents: list[str] = []

    def end(self) -> None:
        if self._tokens:
            raise QueryError(f"unexpected {self._tokens[0]}")

    def alternatives(self) -> Predicate:
        either = [self._conjunction()]
        while self._took("or"):
            either.append(self._conjunction())
        return lambda file: any(predicate(file) for predicate in either)

    def _conjunction(self) -> Predicate:
        both = [self._negation()]
        while self._took("and"):
            both.append(self._negation())
        return lambda file: all(predicate(file) for predicate in both)

    def _negation(self) -> Predicate:
        if self._took("not"):
            inner = self._negation()
            return lambda file: not inner(file)
        if self._took("("):
            inner = self.alternatives()
            if not self._took(")"):
                raise QueryError("a bracket is not closed")
            return inner
        return self._term()

    def _term(self) -> Predicate:
        first = self._next()
        if first.startswith("'"):
            return self._membership(_unquoted(first))
        operator, value = self._next(), self._next()
        if first in _FLAGS and operator in ("=", "!=") and value in ("true", "false"):
            flag, wanted = _FLAGS[first], (value == "true") == (operator == "=")
            return lambda file: flag(file) is wanted
        if first in _FLAGS or not value.startswith("'"):
            raise QueryError(f"{first} {operator} {value}")
        return _comparison(first, operator, _unquoted(value))

    def _membership(self, value: str) -> Predicate:
        operator, collection = self._next(), self._next()
        if operator != "in":
            raise QueryError(operator)
        if collection == "parents":
            parent = self._root if value == "root" else value
            self.parents.append(parent)
            return lambda file: parent in file.parents
        if collection in ("owners", "writers", "readers"):
            return lambda file: _is_of(file, value, collection)
        raise QueryError(collection)

    def _took(self, word: str) -> bool:
        if self._tokens and self._tokens[0] == word:
            del self._tokens[0]
            return True
        return False

    def _next(self) -> str:
        if not self._tokens:
            raise QueryError("the query ends too early")
        return self._tokens.pop(0)


def _is_of(file: DriveFile, who: str, collection: str) -> bool:
    """Whether a file is someone's; a file of a shared drive has no owner."""
    if collection == "owners":
        return not file.drive_id and who in (("me",) if file.is_mine else (file.owner,))
    return who in ("me", file.owner)


def _comparison(field: str, operator: str, value: str) -> Predicate:
    if field in _TIMES:
        return _time_comparison(_TIMES[field], operator, value)
    texts: dict[str, Callable[[DriveFile], str]] = {
        "name": lambda file: file.name,
        "mimeType": lambda file: file.mime_type,
        "shortcutDetails.targetId": lambda file: file.target,
    }
    if field not in texts:
        raise QueryError(field)
    shown = texts[field]
    if operator == "contains" and field == "name":
        return lambda file: _begins(file.name, value)
    if operator == "contains" and field == "mimeType":
        return lambda file: file.mime_type.startswith(value)
    if operator not in ("=", "!="):
        raise QueryError(operator)
    # Case does not count (rclone backend/drive/drive.go, list: "the `=` operator is case insensitive").
    return lambda file: (shown(file).lower() == value.lower()) is (operator == "=")


def _begins(name: str, value: str) -> bool:
    """`contains` finds only beginnings of words in a name (Drive guides; drive-and-dropbox.md B)."""
    return any(name[start.start() :].lower().startswith(value.lower()) for start in re.finditer(r"(?<!\w)\w", name))


def _time_comparison(shown: Callable[[DriveFile], str], operator: str, value: str) -> Predicate:
    if operator not in _ORDERED:
        raise QueryError(operator)
    try:
        moment = _moment(value)
    except ValueError as error:
        raise QueryError(value) from error
    ordered = _ORDERED[operator]
    return lambda file: bool(shown(file)) and ordered(_moment(shown(file)), moment)


def _moment(text: str) -> datetime:
    """RFC 3339; UTC where no zone is named."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
