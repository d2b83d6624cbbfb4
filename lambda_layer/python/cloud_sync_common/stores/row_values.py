"""What a row of the ledger table consists of: typed structs of its values, and the time as it is written. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

type Row = dict[str, Any]
type Key = dict[str, str]


def typed[Struct: msgspec.Struct](row: Mapping[str, Any], kind: type[Struct]) -> Struct:
    """A row as a struct. Attributes that the struct does not have are left out; numbers become int or float."""
    plain = {name: _plain(value) for name, value in row.items()}
    if not plain and "status" in kind.__struct_fields__:
        plain["status"] = "PENDING"
    return msgspec.convert(plain, kind)


def now() -> str:
    """The current time in UTC, ISO 8601 with milliseconds, so that text sorts by time."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
