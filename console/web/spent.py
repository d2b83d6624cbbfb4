"""Cost: what this month costs, of what that is made, what is stored, what comes, and how to pay less."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from console.operations import cost, recommendations, storage
from console.operations.cost import Figures
from console.operations.ledger import Reading
from console.operations.recommendations import Recommendation
from console.operations.safe import SpentMonth
from console.operations.this_month import Month, month_of
from console.stack import Stack
from console.web.page import page
from console.web.pictures import bars
from console.web.stored_picture import stored_picture
from console.web.words import MOST_CHARACTERS, month_name

_MONTHS_SHOWN = 12
_SMALLEST = 0.0001  # USD that the arithmetic shows
_WHEN = {"now": "Now, each month", "then": "Then, each month", "once": "Once, to get there"}


def this_month() -> str:
    """`2026-11`, by UTC."""
    return f"{datetime.now(UTC):%Y-%m}"


@dataclass(frozen=True)
class Cost:
    """The page about cost of a stack."""

    stack: Stack

    def view(self, request: Request) -> HTMLResponse:  # noqa: ARG002 (as every view)
        """Reads what `cloudsync cost` reads, without looking at each file, and a year of CloudWatch's measurements."""
        reading = Reading()
        with ThreadPoolExecutor(1) as readers:
            days = readers.submit(storage.history, self.stack)
            found = cost.figures(self.stack, reading)
            considered = recommendations.considered(self.stack, found, reading)
            stored = stored_picture(days.result())
        return page(
            self.stack,
            "cost.html",
            "/cost",
            found=found,
            stored=stored,
            measured_days=len(days.result()),
            **_money(found),
            **_advice(considered),
        )


def _money(found: Figures) -> dict[str, Any]:
    month, year = month_of(found), cost.forecast(found, this_month())
    spent = [_of_a_month(found.spent, name) for name in _months_shown(found)]
    return {
        "month_now": month,
        "made_of": bars(sorted(_made_of(found, month), key=lambda part: -part[1])),
        "spent": spent,
        "spent_bars": bars([(one.month, one.usd) for one in spent]),
        "year": year,
        "year_bars": bars([(month_name(one.month), one.total) for one in year]),
        "year_total": sum(one.total for one in year),
    }


def _advice(considered: list[Recommendation]) -> dict[str, Any]:
    """What is worth it with its arithmetic and commands, and what is left alone and why."""
    worth = [one for one in considered if one.is_worth_it]
    return {
        "advice": [(one, _sums(one), commands_of(one)) for one in worth],
        "names": {one.name for one in worth},
        "texts": {one.name: one.text for one in worth},
        "left_alone": [one for one in considered if not one.is_worth_it],
    }


def _sums(one: Recommendation) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """The lines of its arithmetic, by when they are paid: for what, how much, USD."""
    parts = [(title, [line for line in one.arithmetic if line.when == when]) for when, title in _WHEN.items()]
    return [(title, [_cells(line) for line in lines]) for title, lines in parts if lines]


def _cells(line: recommendations.Line) -> tuple[str, str, str]:
    what = line.what[:1].upper() + line.what[1:]
    return what, line.formula, f"{line.usd:.4f}" if line.usd >= _SMALLEST else f"under {_SMALLEST}"


def commands_of(one: Recommendation) -> list[str]:
    """Those that a page shows whole: a command that was cut is none."""
    return [command for command in (one.command, *one.further) if 0 < len(command) <= MOST_CHARACTERS]


def _made_of(found: Figures, month: Month) -> list[tuple[str, float]]:
    stored = [(tier.name, tier.usd_month) for tier in found.tiers]
    fixed = [(_times(line.name, line.count), line.billed) for line in found.fixed if line.billed]
    coming = [("Runs, still to come", month.coming)] if month.coming else []
    return [*stored, *fixed, ("Runs, until now", month.runs), *coming]


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
