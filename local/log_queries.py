"""Runs a saved Logs Insights query over log lines. It knows the small part of the language that our queries use.

That is `filter` (=, >, in, ispresent, and), `fields`, `stats count(*) ... by`, `sort` and `limit` (CloudWatch Logs user
guide, "Logs Insights query syntax"). Anything else is refused, so that no query passes a test because it was misread.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

type Line = dict[str, Any]

_CONDITION = re.compile(
    r"""(?P<field>@?\w+)\s*(?:=\s*"(?P<text>[^"]*)"|>\s*(?P<number>[\d.]+)|in\s*\[(?P<several>[^\]]*)\])"""
    r"|ispresent\((?P<present>@?\w+)\)"
)


class QueryError(ValueError):
    """A part of a query that is not supported here."""


def answer(query: str, lines: Iterable[Line]) -> list[Line]:
    """The result rows of the query over `lines`, each a JSON log line with `@timestamp`. Raises QueryError."""
    rows = list(lines)
    for step in _steps(query):
        verb, _, rest = step.partition(" ")
        if verb not in _VERBS:
            raise QueryError(f"the command {verb!r} is not supported here: {step!r}")
        rows = _VERBS[verb](rest.strip(), rows)
    return rows


def fields_named(query: str) -> set[str]:
    """Every field that a query names."""
    named: set[str] = set()
    for step in _steps(query):
        verb, _, rest = step.partition(" ")
        if verb == "filter":
            named |= {m["field"] or m["present"] for m in _CONDITION.finditer(rest)}
        elif verb == "fields":
            named |= {part.strip() for part in rest.split(",")}
        elif verb == "stats":
            named |= {part.strip() for part in rest.partition(" by ")[2].split(",")}
    return named


def _steps(query: str) -> list[str]:
    """The steps, without the one that names the log groups."""
    steps = [step.strip() for step in query.split("|")]
    return [step for step in steps if not step.startswith("SOURCE ")]


def _filter(rest: str, rows: list[Line]) -> list[Line]:
    conditions = []
    for part in rest.split(" and "):
        match = _CONDITION.fullmatch(part.strip())
        if not match:
            raise QueryError(f"the condition {part!r} is not supported here")
        conditions.append(_holds(match))
    return [row for row in rows if all(holds(row) for holds in conditions)]


def _holds(match: re.Match[str]) -> Callable[[Line], bool]:
    field, text, number, several, present = match.group("field", "text", "number", "several", "present")
    if present:
        return lambda row: row.get(present) not in (None, "")
    if number:
        return lambda row: isinstance(row.get(field), int | float) and row[field] > float(number)
    wanted = json.loads(f"[{several}]") if several else [text]
    return lambda row: row.get(field) in wanted


def _fields(rest: str, rows: list[Line]) -> list[Line]:
    names = [name.strip() for name in rest.split(",")]
    return [{name: row.get(name, "") for name in names} for row in rows]


def _stats(rest: str, rows: list[Line]) -> list[Line]:
    match = re.fullmatch(r"count\(\*\) as (\w+) by (.+)", rest)
    if not match:
        raise QueryError(f"the statistic {rest!r} is not supported here")
    name, groups = match[1], [part.strip() for part in match[2].split(",")]
    counts = Counter(tuple(row.get(group, "") for group in groups) for row in rows)
    return [{**dict(zip(groups, values, strict=True)), name: count} for values, count in counts.items()]


def _sort(rest: str, rows: list[Line]) -> list[Line]:
    field, _, order = rest.partition(" ")
    return sorted(rows, key=lambda row: row[field], reverse=order.strip() == "desc")


def _limit(rest: str, rows: list[Line]) -> list[Line]:
    return rows[: int(rest)]


_VERBS: dict[str, Callable[[str, list[Line]], list[Line]]] = {
    "filter": _filter,
    "fields": _fields,
    "stats": _stats,
    "sort": _sort,
    "limit": _limit,
}
