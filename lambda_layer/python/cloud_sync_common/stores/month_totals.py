"""What is safe and what it has cost, by month, in the provider's own rows of the ledger: so that to know it, nobody has
to walk over the ledger.

A run's report adds what the run has archived. An item of which an earlier version was archived is no further original,
and only the difference of its size is added. Where its time of capture has changed, that is in the new month; `replace`
puts right what that and reports that never came leave behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.stores.conditional_table import ConditionalTable, ledger_errors
from cloud_sync_common.stores.ledger_rows import ItemRow, Status
from cloud_sync_common.stores.provider_rows import COUNTED, LAST_SUCCESS, MONTH, SPENT, Month, month_of, of_night
from cloud_sync_common.stores.row_values import Key, now, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_NUMBERS = "(attribute_not_exists(#{0}) OR attribute_type(#{0}, :number))"
_ONCE = "(attribute_not_exists(#run_id) OR #run_id <> :run_id)"


@dataclass
class MonthCounts:
    """Originals and bytes by month of capture."""

    months: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, captured_at: str, originals: int, count: int) -> None:
        """`count` bytes, which may be fewer than none."""
        month = month_of(captured_at)
        before = self.months.get(month, (0, 0))
        self.months[month] = before[0] + originals, before[1] + count

    def add_of_run(self, row: ItemRow, run_id: str) -> None:
        """An item, if this run has archived it: what it adds to what had been archived of it before."""
        if row.status is not Status.ARCHIVED or row.effort_run != run_id:
            return
        is_new = row.run_replaced is None
        self.add(row.captured_at, int(is_new), (row.bytes_total or 0) - (row.run_replaced or 0))


class MonthTotals:
    """One provider's months. Every method raises ArchiveUnavailableError, ConfigurationError."""

    def __init__(self, table: Table, provider: str) -> None:
        self._table, self._rows, self._pk = table, ConditionalTable(table), f"PROVIDER#{provider}"

    def add(
        self,
        run_id: str,
        began_at: str,
        counts: MonthCounts,
        spent: Mapping[str, float],
        ended: Mapping[str, int],
    ) -> None:
        """Adds what a run has archived and, to the month and the night in which it began, what it has spent (the
        numbers of Spent) and how it `ended` (`left` and `stopped` of Night). A second call for the same run changes
        nothing."""
        if "since" not in self._rows.get(self._key(COUNTED)):
            self._begin(run_id)
        for month, (originals, count) in sorted(counts.months.items()):
            self._add(MONTH + month, run_id, {"originals": originals, "bytes": count})
        night = of_night(began_at, {"runs": 1, "archived": int(spent["archived"]), "bytes": int(spent["bytes"])})
        numbers = {"runs": 1, **spent, **night}
        self._add(SPENT + month_of(began_at), run_id, numbers, of_night(began_at, ended))

    def _begin(self, run_id: str) -> None:
        """The first run that is counted: if none has succeeded before, nothing was archived that is not."""
        earlier = self._rows.get(self._key(LAST_SUCCESS)).get("run_id", "")
        self._rows.update(
            self._key(COUNTED),
            {"since": now(), "whole": earlier in ("", run_id)},
            condition="attribute_not_exists(#since) OR #since > :since",
        )

    def _add(self, sk: str, run_id: str, counts: Mapping[str, Any], fields: Mapping[str, Any] | None = None) -> None:
        """A row that somebody has written otherwise stays as it is: it must not fail each report."""
        fit = " AND ".join(_NUMBERS.format(name) for name in counts)
        self._rows.update(
            self._key(sk),
            {"run_id": run_id, **(fields or {})},
            add=counts,
            condition=f"{_ONCE} AND {fit}",
            extra={":number": "N"},
        )

    def months(self) -> dict[str, Month]:
        """The months as they are counted, strongly consistent."""
        query: dict[str, Any] = {
            "TableName": self._table.name,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :month)",
            "ExpressionAttributeValues": {":pk": self._pk, ":month": MONTH},
            "ConsistentRead": True,
        }
        with ledger_errors("reading the ledger"):
            pages = list(self._table.meta.client.get_paginator("query").paginate(**query))
        rows = [row for page in pages for row in page["Items"]]
        return {str(row["sk"]).removeprefix(MONTH): month_row(row) for row in rows}

    def replace(self, counts: MonthCounts, before: Mapping[str, Month]) -> bool:
        """Writes what a walk over the whole ledger has counted. `before` is what `months` said when the walk began:
        False if a run has added something since, which the walk may have seen or not; then it has to be repeated."""
        for month in sorted({*before, *counts.months}):
            originals, count = counts.months.get(month, (0, 0))
            last = before[month].run_id if month in before else ""
            _, done = self._rows.update(
                self._key(MONTH + month),
                {"originals": originals, "bytes": count, "run_id": last},
                condition="attribute_not_exists(#run_id) OR #run_id = :run_id",
            )
            if not done:
                return False
        self._rows.update(
            self._key(COUNTED),
            {"since": now(), "whole": True},
            remove=("missed",),
            condition="attribute_not_exists(#since) OR #since <> :since OR #whole <> :whole OR "
            "attribute_exists(#missed)",
        )
        return True

    def _key(self, sk: str) -> Key:
        return {"pk": self._pk, "sk": sk}


def month_row(row: Mapping[str, Any]) -> Month:
    """An empty month for a row that nobody here writes."""
    try:
        return typed(row, Month)
    except msgspec.ValidationError:
        return Month()
