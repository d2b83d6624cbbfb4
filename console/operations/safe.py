"""How much is safe: the months of a provider's rows, and the walk that counts them anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.stores.provider_rows import (
    COUNTED,
    LAST_SUCCESS,
    MONTH,
    SPENT,
    UNKNOWN_MONTH,
    Counted,
    Month,
    Night,
    Spent,
    nights_in,
)

from console.errors import ConsoleError
from console.operations.ledger import Reading, Row, rows_of_provider, typed, walk
from console.operations.runs import is_under_way
from console.stack import Stack
from console.wording import title_of

if TYPE_CHECKING:
    from cloud_sync_common.stores.month_totals import MonthCounts

_OF_AN_ITEM = ("pk", "status", "captured_at", "bytes_total")


class Safe(msgspec.Struct, frozen=True, kw_only=True):
    """What is archived of a provider: media items, and the bytes of their latest versions, in all and by month of
    capture (`2026-05`, or `unknown`). `counted_since` is empty where everything is in it; else what was archived before
    is missing, or nothing has been counted yet (`is_counted`). `missed` is a run that was stopped and is not in it."""

    originals: int
    bytes: int
    months: dict[str, tuple[int, int]]
    first_month: str = ""
    last_month: str = ""
    counted_since: str = ""
    is_counted: bool = True
    missed: str = ""

    @property
    def is_whole(self) -> bool:
        return self.is_counted and not self.counted_since and not self.missed


class SpentMonth(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs of a month have cost and moved."""

    month: str
    runs: int
    usd: float
    archived: int
    bytes: int


def safe_of(rows: Mapping[str, Row]) -> Safe:
    """By the rows of a provider."""
    found = {sk.removeprefix(MONTH): typed(row, Month) for sk, row in rows.items() if sk.startswith(MONTH)}
    months = {name: (month.originals, month.bytes) for name, month in sorted(found.items()) if month.originals > 0}
    known = [name for name in months if name != UNKNOWN_MONTH]
    counted = typed(rows.get(COUNTED, {}), Counted)
    return Safe(
        originals=sum(originals for originals, _ in months.values()),
        bytes=sum(month.bytes for month in found.values()),
        months=months,
        first_month=known[0] if known else "",
        last_month=known[-1] if known else "",
        counted_since="" if counted.whole else counted.since,
        is_counted=bool(counted.since) or LAST_SUCCESS not in rows,
        missed=counted.missed,
    )


def spent_of(rows: Mapping[str, Row]) -> list[SpentMonth]:
    """By the rows of a provider, the first month first."""
    found = {sk.removeprefix(SPENT): typed(row, Spent) for sk, row in rows.items() if sk.startswith(SPENT)}
    return [
        SpentMonth(month=month, runs=one.runs, usd=one.usd, archived=one.archived, bytes=one.bytes)
        for month, one in sorted(found.items())
    ]


def nights_counted(rows: Mapping[str, Row]) -> list[Night]:
    """By the rows of a provider, the first night first."""
    months = sorted((sk.removeprefix(SPENT), row) for sk, row in rows.items() if sk.startswith(SPENT))
    return [night for month, row in months for night in nights_in(month, row)]


def recount(stack: Stack, reading: Reading) -> dict[str, Safe]:
    """Counts what is safe of every provider by one walk over the ledger, and writes it to the providers' rows.

    Raises ConsoleError when a run is under way or ends meanwhile: what it archives would be counted twice, or not at
    all. Raises botocore's errors and those of cloud_sync_common.stores.
    """
    from cloud_sync_common.stores.month_totals import MonthTotals  # noqa: PLC0415 (imports boto3)

    check_no_run(stack, reading)
    table = stack.account.table(stack.output("LedgerTable"))
    totals = {provider: MonthTotals(table, provider) for provider in stack.secrets}
    before = {provider: total.months() for provider, total in totals.items()}
    counts = _counted(stack, reading)
    check_no_run(stack, reading)
    for provider, total in totals.items():
        if not total.replace(counts[provider], before[provider]):
            raise ConsoleError(
                "A run has ended while the ledger was counted, so it has to be counted again: repeat it."
            )
    return {provider: safe_of(rows_of_provider(stack, provider, reading)) for provider in stack.secrets}


def _counted(stack: Stack, reading: Reading) -> dict[str, MonthCounts]:
    from cloud_sync_common.stores.month_totals import MonthCounts  # noqa: PLC0415 (imports boto3)

    counts = {provider: MonthCounts() for provider in stack.secrets}
    for row in walk(stack, reading, _OF_AN_ITEM, "ITEM"):
        provider = row["pk"].partition("#")[0]
        if provider in counts and is_safe(row):
            size = row.get("bytes_total")
            counts[provider].add(str(row.get("captured_at", "")), 1, size if isinstance(size, int) else 0)
    return counts


def is_safe(row: Row) -> bool:
    """Whether a version of the item is archived. One whose later version is not, because it waits or has failed, is
    counted by what is there."""
    return row.get("status") == Status.ARCHIVED or row.get("bytes_total") is not None


def check_no_run(stack: Stack, reading: Reading) -> None:
    """Raises ConsoleError while a run is under way, whose items are counted at its end."""
    for provider in stack.secrets:
        if is_under_way(stack, provider, reading):
            raise ConsoleError(
                f"A run of {title_of(provider)} is under way, and what it archives is counted at its end. Repeat the "
                "command then; `cloudsync run --follow` shows it."
            )
