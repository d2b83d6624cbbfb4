"""What the stack costs: spent, stored, and forecast. USD of us-east-1, before any free tier but CloudWatch's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import msgspec
from cloud_sync_common import prices
from cloud_sync_common.prices import GB

from console.operations import fixed_costs, storage
from console.operations.fixed_costs import DAYS_PER_MONTH, FixedCost, Kept
from console.operations.ledger import Reading, rows_of_provider
from console.operations.safe import SpentMonth, safe_of, spent_of
from console.operations.storage import Lifecycle, Tier
from console.stack import Stack

MONTHS_OF_GROWTH = 3
REGION = "us-east-1"  # whose prices cloud_sync_common.prices has
_AT_ONCE = 8


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """What arrives in a month: bytes and originals, and what its runs cost; `by` says from which months it is taken."""

    bytes: float = 0
    originals: float = 0
    usd: float = 0
    by: str = ""


class MonthForecast(msgspec.Struct, frozen=True, kw_only=True):
    """One month from now: storage, fixed costs and runs, in USD."""

    month: str
    storage: float
    fixed: float
    runs: float

    @property
    def total(self) -> float:
        return self.storage + self.fixed + self.runs


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """The region and the month of the prices, and the region of the stack, where they may be others."""

    region: str = REGION
    as_of: str = prices.AS_OF
    stack_region: str = ""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know about cost. `measured`: the tiers are CloudWatch's; else they are estimated from the bytes
    in the ledger, which no older version counts for. `spent` is by month, the first one first."""

    environment: str
    spent: list[SpentMonth]
    tiers: list[Tier]
    measured: bool
    lifecycle: Lifecycle
    fixed: list[FixedCost]
    kept: Kept
    growth: Growth
    ledger_bytes: int
    ledger_originals: int
    prices: Prices = Prices()


def figures(stack: Stack, reading: Reading) -> Figures:
    """Raises botocore's errors."""
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        kept = readers.submit(fixed_costs.kept, stack)
        rules = readers.submit(storage.lifecycle, stack)
        tiers = readers.submit(storage.measured, stack)
        rows = list(readers.map(lambda name: rows_of_provider(stack, name, reading), stack.secrets))
    safe = [safe_of(of_one) for of_one in rows]
    count, spent = sum(one.bytes for one in safe), added_up([one for of_one in rows for one in spent_of(of_one)])
    growth = growth_of(spent, f"{datetime.now(UTC):%Y-%m}")
    return Figures(
        environment=stack.environment,
        spent=spent,
        tiers=tiers.result() or estimated(count, growth, rules.result()),
        measured=bool(tiers.result()),
        lifecycle=rules.result(),
        fixed=fixed_costs.fixed_costs(kept.result()),
        kept=kept.result(),
        growth=growth,
        ledger_bytes=count,
        ledger_originals=sum(one.originals for one in safe),
        prices=Prices(stack_region=stack.account.region),
    )


def added_up(spent: list[SpentMonth]) -> list[SpentMonth]:
    """Of all providers, by month."""
    found: dict[str, SpentMonth] = {}
    for one in spent:
        sums = found.get(one.month, SpentMonth(month=one.month, runs=0, usd=0, archived=0, bytes=0))
        found[one.month] = SpentMonth(
            month=one.month,
            runs=sums.runs + one.runs,
            usd=sums.usd + one.usd,
            archived=sums.archived + one.archived,
            bytes=sums.bytes + one.bytes,
        )
    return [found[month] for month in sorted(found)]


def growth_of(spent: list[SpentMonth], this_month: str) -> Growth:
    """The average of the last full months, without the first one, which had the first backup; of this month as far as
    it goes, where there is no other. A month without a run has nothing."""
    first = min((one.month for one in spent), default=this_month)
    full = [name for name in months_before(this_month, MONTHS_OF_GROWTH) if name > first]
    names = full or [this_month]
    found = [one for one in spent if one.month in names]
    return Growth(
        bytes=sum(one.bytes for one in found) / len(names),
        originals=sum(one.archived for one in found) / len(names),
        usd=sum(one.usd for one in found) / len(names),
        by=f"{names[0]} to {names[-1]}" if len(names) > 1 else names[0],
    )


def months_before(month: str, count: int) -> list[str]:
    """The names of so many months before this one, the first one first."""
    number = int(month[:4]) * 12 + int(month[5:]) - 1
    return [f"{one // 12:04}-{one % 12 + 1:02}" for one in range(number - count, number)]


def months_after(month: str, count: int) -> list[str]:
    number = int(month[:4]) * 12 + int(month[5:]) - 1
    return [f"{one // 12:04}-{one % 12 + 1:02}" for one in range(number + 1, number + count + 1)]


def estimated(count: int, growth: Growth, rules: Lifecycle) -> list[Tier]:
    """The tiers by the ledger's bytes: what a month's growth leaves in Standard, and the rest in Deep Archive."""
    if rules.deep_archive_days is None:
        split = {"StandardStorage": count}
    else:
        young = min(int(in_standard(growth.bytes, rules.deep_archive_days)), count)
        split = {"StandardStorage": young, "DeepArchiveStorage": count - young}
    return [storage.tier_of(name, size) for name, size in split.items() if size]


def in_standard(bytes_a_month: float, days: int) -> float:
    """Bytes that are in Standard at any time, when so many arrive in a month and leave it after so many days."""
    return bytes_a_month * days / DAYS_PER_MONTH


def forecast(found: Figures, this_month: str, months: int = 12) -> list[MonthForecast]:
    """Month by month, if as much arrives as `growth` says, nothing is deleted, and prices stay."""
    days = found.lifecycle.deep_archive_days
    stored, fixed = sum(tier.bytes for tier in found.tiers), sum(line.billed for line in found.fixed)
    return [
        MonthForecast(
            month=month,
            storage=storage_usd(stored + number * found.growth.bytes, found.growth.bytes, days),
            fixed=fixed,
            runs=found.growth.usd,
        )
        for number, month in enumerate(months_after(this_month, months), start=1)
    ]


def storage_usd(stored: float, bytes_a_month: float, days: int | None) -> float:
    """A month of storage, when so many bytes are stored at its end."""
    if days is None:
        return stored / GB * prices.STANDARD_GB_MONTH.each
    young = min(in_standard(bytes_a_month, days), stored)
    deep = (stored - young) / GB * prices.DEEP_ARCHIVE_GB_MONTH.each
    return deep + young / GB * prices.STANDARD_GB_MONTH.each
