"""Write units as DynamoDB bills them on demand: for the row, and for each index that it is in (developer guide, "Write
request units" and "Global secondary indexes", provisioned throughput)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

type Row = Mapping[str, Mapping[str, Any]]  # attributes as DynamoDB's JSON has them: {"name": {"S": "text"}}
UNIT = 1024  # bytes


def write_units(table: Mapping[str, Any], before: Row, after: Row) -> int:
    """The units of one write that turned a row from `before` into `after`; an empty row is none. `table` is the
    definition of the table, as CreateTable takes it. A write that was refused is billed like one."""
    return _units(before, after) + sum(
        _of_index(index, before, after) for index in table.get("GlobalSecondaryIndexes", [])
    )


def _of_index(index: Mapping[str, Any], before: Row, after: Row) -> int:
    old, new = _entry(index, before), _entry(index, after)
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    if old == new:
        return 0
    if old and new and all(old[name] == new[name] for name in keys):
        return _units(old, new)
    return sum(_units(entry, {}) for entry in (old, new) if entry)  # the old one is deleted, the new one is put


def _entry(index: Mapping[str, Any], row: Row) -> Row:
    """What an index has of a row: nothing unless the row has all of its keys."""
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    if not all(name in row for name in keys):
        return {}
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return row
    kept = {*keys, "pk", "sk", *projection.get("NonKeyAttributes", ())}
    return {name: value for name, value in row.items() if name in kept}


def _units(*rows: Row) -> int:
    return max(1, *(-(-_size(row) // UNIT) for row in rows))


def _size(row: Row) -> int:
    """About the size of a row in bytes; a number takes about a byte for two digits (developer guide, "Item sizes")."""
    return sum(
        len(name.encode()) + (len(str(text)) // 2 + 1 if kind == "N" else len(str(text).encode()))
        for name, value in row.items()
        for kind, text in value.items()
    )
