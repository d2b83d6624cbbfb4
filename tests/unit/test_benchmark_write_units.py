"""Write units are counted as DynamoDB bills them: the row, and each index that it is in."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.write_units import write_units

TABLE: dict[str, Any] = {
    "GlobalSecondaryIndexes": [
        {
            "KeySchema": [{"AttributeName": "group", "KeyType": "HASH"}, {"AttributeName": "time", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ]
}
KEYS_ONLY: dict[str, Any] = {
    "GlobalSecondaryIndexes": [TABLE["GlobalSecondaryIndexes"][0] | {"Projection": {"ProjectionType": "KEYS_ONLY"}}]
}


def row(**values: str) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in {"pk": "p", "sk": "s", **values}.items()}


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        ({}, row(), 1),  # in no index
        ({}, row(group="g", time="1"), 2),  # enters the index
        (row(group="g", time="1"), row(group="g", time="1", note="x"), 2),  # changes what the index copies
        (row(group="g", time="1"), row(group="g", time="2"), 3),  # moves within the index: deleted and put
        (row(group="g", time="1"), row(time="2"), 2),  # leaves the index
        (row(time="1"), row(time="2"), 1),  # was not in it, and is not
        (row(group="g", time="1"), row(group="g", time="1"), 1),  # refused, or nothing changed
        ({}, row(note="x" * 1100), 2),  # two units of 1 KB
        (row(note="x" * 3000), row(), 3),  # the larger of before and after
    ],
)
def test_units_of_a_write(before: dict[str, Any], after: dict[str, Any], units: int) -> None:
    assert write_units(TABLE, before, after) == units


def test_an_index_that_copies_only_keys_is_not_written_when_another_attribute_changes() -> None:
    assert write_units(KEYS_ONLY, row(group="g", time="1"), row(group="g", time="1", note="x")) == 1
    assert write_units(KEYS_ONLY, row(group="g", time="1"), row(group="g", time="2")) == 3
