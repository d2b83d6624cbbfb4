"""Rows of the ledger table: one way to write them (conditionally) and one to read them (typed)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code, plain_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def write(
    table: Table,
    key: dict[str, str],
    fields: Mapping[str, Any],
    *,
    condition: str,
    remove: tuple[str, ...] = (),
    add: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], bool]:
    """Sets `fields`, adds to counters, removes attributes, if `condition` holds: (the row afterwards, whether it did).

    In the condition `#name` is any attribute and `:name` the new value of a field or one of `extra`. Refused, the row
    is returned as it stands (empty when there is none). Raises ArchiveUnavailableError, ConfigurationError.
    """
    values = {**fields, "updated_at": now()}
    sets = [f"#{name} = :{name}" for name in values]
    adds = [f"#{name} :{name}" for name in add or {}]
    removes = [f"#{name}" for name in remove]
    clauses = [("SET", sets), ("ADD", adds), ("REMOVE", removes)]
    expression = " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses if parts)
    bound = {f":{name}": _storable(value) for name, value in {**values, **(add or {})}.items()}
    bound |= {name: _storable(value) for name, value in (extra or {}).items()}
    everything = f"{expression} {condition}"
    try:
        with aws_errors("writing the ledger"):
            answer = table.update_item(
                Key=key,
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in _named(everything)},
                ExpressionAttributeValues=bound,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
    except AwsError as error:
        expect_refusal(error)
        return plain_item(error), False
    return answer["Attributes"], True


def expect_refusal(error: AwsError) -> None:
    """Returns when a condition did not hold, which is an answer; anything else is raised again."""
    if error_code(error) != "ConditionalCheckFailedException":
        raise error


def typed[Row: msgspec.Struct](row: Mapping[str, Any], kind: type[Row]) -> Row:
    """A row's attributes as a struct; attributes it does not know are left out, numbers become int or float."""
    plain = {name: _plain(value) for name, value in row.items()}
    if not plain and "status" in kind.__struct_fields__:
        plain["status"] = "PENDING"
    return msgspec.convert(plain, kind)


def now() -> str:
    """This moment in UTC, ISO 8601 to the millisecond: text that sorts by time."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _named(expression: str) -> set[str]:
    return {word.strip("(),").removeprefix("#") for word in expression.split() if word.strip("(,").startswith("#")}


def _storable(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
