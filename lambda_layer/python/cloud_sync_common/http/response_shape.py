"""The shape of an answer: its fields' names and types, never a value. What a log may show of one not understood."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")  # of a field; an id or a token used as a key is not shown
_MOST_FIELDS, _MOST_LEVELS = 40, 6
_KINDS = {str: "text", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def shape(body: bytes) -> Any:
    """The shape of a JSON text; of anything else only its size in bytes."""
    try:
        return _shape(msgspec.json.decode(body), _MOST_LEVELS)
    except (msgspec.DecodeError, UnicodeDecodeError):
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
    """A field's name as it is; one that looks like data (too long, or with digits in the middle of letters) is not."""
    return name if _NAME.fullmatch(name) and sum(map(str.isdigit, name)) <= 4 else f"a name of {len(name)}"
