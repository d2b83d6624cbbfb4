"""What this month costs: until now, and in all. USD, by the calendar that the ledger counts in, which is UTC."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import msgspec

from console.operations.cost import Figures


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """What runs have cost until now and may still cost (`coming`), a month of what is stored now, and the fixed costs.
    `elapsed` is how much of the month is over, from 0 to 1."""

    month: str
    runs: float
    storage: float
    fixed: float
    coming: float = 0
    elapsed: float = 1

    @property
    def name(self) -> str:
        """`November`."""
        return f"{date(int(self.month[:4]), int(self.month[5:]), 1):%B}"

    @property
    def total(self) -> float:
        """What the month will cost if no further run comes."""
        return self.runs + self.storage + self.fixed

    @property
    def expected(self) -> float:
        """With the runs that may still come."""
        return self.total + self.coming

    @property
    def so_far(self) -> float:
        """What it has cost until now, about: what is stored now may have been less before."""
        return self.runs + self.elapsed * (self.storage + self.fixed)


def month_of(found: Figures, now: datetime | None = None) -> Month:
    """Runs go on at the pace of the months before, if there are any."""
    now = now or datetime.now(UTC)
    this = f"{now:%Y-%m}"
    begins = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    elapsed = (now - begins) / timedelta(days=monthrange(now.year, now.month)[1])
    return Month(
        month=this,
        runs=sum(one.usd for one in found.spent if one.month == this),
        storage=sum(tier.usd_month for tier in found.tiers),
        fixed=sum(line.billed for line in found.fixed),
        coming=0 if found.growth.by == this else found.growth.usd * (1 - elapsed),
        elapsed=elapsed,
    )
