"""Cost: what this month costs, of what that is made, what comes, and how to pay less."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import HTMLResponse

from console.operations import cost, recommendations
from console.operations.cost import Figures
from console.operations.ledger import Reading
from console.operations.safe import SpentMonth
from console.stack import Stack
from console.web.page import page
from console.web.pictures import bars
from console.web.words import month_name

_MONTHS_SHOWN = 12


@dataclass(frozen=True)
class Month:
    """This month in USD: what runs have cost until now, a month of what is stored now, and the fixed costs."""

    name: str
    runs: float
    storage: float
    fixed: float

    @property
    def total(self) -> float:
        """What the month will cost if no further run comes."""
        return self.runs + self.storage + self.fixed


def month_of(found: Figures) -> Month:
    """By the calendar that the ledger counts in, which is UTC."""
    this = this_month()
    return Month(
        name=month_name(this).split()[0],
        runs=sum(one.usd for one in found.spent if one.month == this),
        storage=sum(tier.usd_month for tier in found.tiers),
        fixed=sum(line.billed for line in found.fixed),
    )


def this_month() -> str:
    """`2026-11`, by UTC."""
    return f"{datetime.now(UTC):%Y-%m}"


@dataclass(frozen=True)
class Cost:
    """The page about cost of a stack."""

    stack: Stack

    def view(self, request: Request) -> HTMLResponse:  # noqa: ARG002 (as every view)
        """Reads what `cloudsync cost` reads, without looking at each file."""
        reading = Reading()
        found = cost.figures(self.stack, reading)
        month = month_of(found)
        spent = [_of_a_month(found.spent, name) for name in _months_shown(found)]
        made_of = sorted(_made_of(found, month), key=lambda part: -part[1])
        year = cost.forecast(found, this_month())
        return page(
            self.stack,
            "cost.html",
            "/cost",
            found=found,
            month_now=month,
            made_of=bars(made_of),
            spent=spent,
            spent_bars=bars([(one.month, one.usd) for one in spent]),
            year=year,
            year_bars=bars([(month_name(one.month), one.total) for one in year]),
            advice=recommendations.recommendations(self.stack, found, reading),
        )


def _made_of(found: Figures, month: Month) -> list[tuple[str, float]]:
    stored = [(tier.name, tier.usd_month) for tier in found.tiers]
    fixed = [(_times(line.name, line.count), line.billed) for line in found.fixed if line.billed]
    return [*stored, *fixed, ("Runs, until now", month.runs)]


def _times(name: str, count: float) -> str:
    return f"{name} × {count:g}" if count > 1 else name


def _months_shown(found: Figures) -> list[str]:
    """The last twelve months, without those before the first run."""
    this = this_month()
    names = [*cost.months_before(this, _MONTHS_SHOWN - 1), this]
    first = min((one.month for one in found.spent), default=this)
    return [name for name in names if name >= first]


def _of_a_month(spent: list[SpentMonth], month: str) -> SpentMonth:
    nothing = SpentMonth(month=month, runs=0, usd=0, archived=0, bytes=0)
    return next((one for one in spent if one.month == month), nothing)
