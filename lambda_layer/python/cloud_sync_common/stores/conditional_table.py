"""Rows of the ledger table: conditional writes and consistent reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code, plain_item
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.stores.row_values import Key, Row, now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_NAME = re.compile(r"#(\w+)")  # of an attribute, wherever it stands in an expression


@contextmanager
def ledger_errors(doing: str) -> Iterator[None]:
    """As `aws_errors`, and says so when the table is missing."""
    try:
        with aws_errors(doing):
            yield
    except AwsError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        raise ConfigurationError(
            f"There is no ledger, at {doing}: its table is missing. Restore it in the DynamoDB console (point-in-time "
            "recovery), or deploy the stack again; then start the run again."
        ) from None


class ConditionalTable:
    """The rows by key. Every write names what must be true of the row. Raises ArchiveUnavailableError,
    ConfigurationError."""

    def __init__(self, table: Table) -> None:
        # The resource's own client, which converts as it does: a client may be used by several threads at once, a
        # resource may not (boto3 guide, "Resources", "Multithreading or multiprocessing with resources").
        self._client, self._name = table.meta.client, table.name

    def get(self, key: Key) -> Row:
        """The row with that key, strongly consistent; empty if there is none."""
        with ledger_errors("reading the ledger"):
            answer = self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True)
        return answer.get("Item", {})

    def create(self, key: Key, fields: Mapping[str, Any]) -> None:
        """Writes a new row. A row that exists already stays as it is."""
        try:
            with ledger_errors("writing the ledger"):
                self._client.put_item(
                    TableName=self._name,
                    Item={**key, **fields, "updated_at": now()},
                    ConditionExpression="attribute_not_exists(pk)",
                )
        except AwsError as error:
            _expect_refusal(error)

    def update(
        self,
        key: Key,
        fields: Mapping[str, Any],
        *,
        condition: str,
        remove: tuple[str, ...] = (),
        add: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        in_place: bool = False,
    ) -> tuple[Row, bool]:
        """If `condition` holds, sets `fields`, adds to the counters in `add` and removes attributes.

        `in_place` leaves the time of the last change as it is where there is one. An index is sorted by it, so that a
        change of it is two writes there, and any other change one (DynamoDB developer guide, "Global secondary
        indexes", write capacity).

        In the condition, `#name` is an attribute, and `:name` the new value of a field or one of `extra`. Returns the
        row and whether it was written; a row that was not is returned as it is (empty if there is none).
        """
        values = {**fields, "updated_at": now()}
        expression = _update_expression(values, add or {}, remove, "updated_at" if in_place else None)
        bound = {f":{name}": value for name, value in {**values, **(add or {})}.items()} | dict(extra or {})
        try:
            with ledger_errors("writing the ledger"):
                answer = self._client.update_item(
                    TableName=self._name,
                    Key=key,
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={f"#{name}": name for name in _named(f"{expression} {condition}")},
                    ExpressionAttributeValues={name: _storable(value) for name, value in bound.items()},
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except AwsError as error:
            _expect_refusal(error)
            return plain_item(error), False
        return answer["Attributes"], True


def _update_expression(
    values: Mapping[str, Any], add: Mapping[str, Any], remove: tuple[str, ...], kept: str | None
) -> str:
    clauses = {
        "SET": [
            f"#{name} = if_not_exists(#{name}, :{name})" if name == kept else f"#{name} = :{name}" for name in values
        ],
        "ADD": [f"#{name} :{name}" for name in add],
        "REMOVE": [f"#{name}" for name in remove],
    }
    return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)


def _expect_refusal(error: AwsError) -> None:
    """Raises the error again, unless it says that the condition did not hold, which is a normal answer."""
    if error_code(error) != "ConditionalCheckFailedException":
        raise error


def _named(expression: str) -> set[str]:
    return set(_NAME.findall(expression))


def _storable(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value
