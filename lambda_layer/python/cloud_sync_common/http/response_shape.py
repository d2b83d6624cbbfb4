"""The shape of an answer: the names and types of its fields, and no values, so that it may be logged."""

from __future__ import annotations

import re
from typing import Any

from cloud_sync_common.http.loose_json import decode, plain_text

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")  # of a field; longer keys may be ids or tokens
_MOST_FIELDS, _MOST_LEVELS = 40, 6
_KINDS = {str: "text", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def shape(body: bytes) -> Any:
    """The shape of a JSON text; for anything else, only its size in bytes."""
    try:
        return _shape(decode(body), _MOST_LEVELS)
    except ValueError:
        return f"{len(body)} bytes that are not JSON"


def _shape(value: Any, levels: int) -> Any:
    match value:
        case dict() | list() if levels == 0:
            return "..."
        case dict():
            fields = list(value.items())
            shown = {_name(name): _shape(inside, levels - 1) for name, inside in fields[:_MOST_FIELDS]}
            return shown | ({"...": f"{len(fields) - _MOST_FIELDS} more"} if len(fields) > _MOST_FIELDS else {})
        case list():
            return [f"{len(value)} of", _shape(value[0], levels - 1)] if value else []
        case _:
            return _KINDS.get(type(value), "other")


def _name(name: str) -> str:
    """The name of a field, or only its length if it looks like data: too long, with more than four digits, or with a
    secret in it."""
    is_name = _NAME.fullmatch(name) and sum(map(str.isdigit, name)) <= 4 and plain_text(name)
    return name if is_name else f"a name of {len(name)}"
