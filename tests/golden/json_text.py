"""JSON for people: keys in order, and whatever fits into one line of 120 characters on one line."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 120


def one_line(value: Any) -> str:
    """The value on one line. Equal texts mean equal JSON, which Python's `==` does not: it takes 1 for true."""
    return json.dumps(value, sort_keys=True)


def pretty(value: Any, indent: int = 0, taken: int = 0) -> str:
    """The value as text. `taken` is what its first line already holds beside the indent: its key, and a comma."""
    line = one_line(value)
    if not value or not isinstance(value, dict | list) or indent + taken + len(line) <= WIDTH:
        return line
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    keys = [f"{one_line(key)}: " for key in sorted(value)] if isinstance(value, dict) else [""] * len(value)
    values = [value[key] for key in sorted(value)] if isinstance(value, dict) else value
    inner = indent + 2
    lines = [" " * inner + key + pretty(item, inner, len(key) + 1) for key, item in zip(keys, values, strict=True)]
    return f"{opening}\n" + ",\n".join(lines) + f"\n{' ' * indent}{closing}"
