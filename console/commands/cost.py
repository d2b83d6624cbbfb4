"""`cloudsync cost`: what it costs, what it will cost, and how it can cost less."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from console.commands import cost_advice
from console.commands.options import of_stack
from console.commands.words import table_of
from console.output import Output
from console.stack import Stack
from console.wording import moment, title_of

if TYPE_CHECKING:
    from console.operations.cost import Figures, MonthForecast
    from console.operations.recommendations import Recommendation
    from console.operations.runs import Run

_RUNS = 10


@click.command()
@click.option(
    "--runs",
    "most",
    default=_RUNS,
    show_default=True,
    metavar="N",
    type=click.IntRange(0, 1_000),
    help="Show at most so many of the last runs.",
)
@click.option("--deep", is_flag=True, help="Look at each file and object, too: duplicates and thawed copies.")
@of_stack
def command(stack: Stack, output: Output, most: int, *, deep: bool) -> None:
    """What runs and storage cost, a forecast for a year, and recommendations, each with what is lost by it.

    USD of us-east-1, before any free tier but what CloudWatch gives every account for ever. Your bill is with AWS.
    """
    from console.operations import cost, recommendations  # noqa: PLC0415 (not needed for --help)
    from console.operations import runs as run_operations  # noqa: PLC0415
    from console.operations.ledger import Reading  # noqa: PLC0415
    from console.operations.this_month import month_of  # noqa: PLC0415

    reading = Reading()
    found = cost.figures(stack, reading)
    runs = [run for run in run_operations.runs(stack, most) if run.estimated_usd is not None] if most else []
    year = cost.forecast(found, f"{datetime.now(UTC):%Y-%m}")
    advice = recommendations.considered(stack, found, reading, deep=deep)
    if output.as_json:
        worth, left = ([one for one in advice if one.is_worth_it is good] for good in (True, False))
        value = {"figures": found, "runs": runs, "month": month_of(found), "forecast": year}
        output.data("cost", value | {"recommendations": worth, "left_alone": left})
    else:
        _draw(output, found, runs, year, advice)


def _draw(
    output: Output, found: Figures, runs: list[Run], year: list[MonthForecast], advice: list[Recommendation]
) -> None:
    _draw_spent(output, found, runs)
    _draw_stored(output, found)
    _draw_forecast(output, found, year)
    cost_advice.draw(output, advice)
    own = found.prices.stack_region
    there = f" This stack is in {own}, whose prices differ." if own not in ("", found.prices.region) else ""
    output.aside.print(
        f"Prices of {found.prices.region} as of {found.prices.as_of}, before any free tier but CloudWatch's own.{there}"
    )


def _draw_spent(output: Output, found: Figures, runs: list[Run]) -> None:
    from cloud_sync_common.runtime.wording import size_of  # noqa: PLC0415 (imported only to draw)

    table = table_of(("month", "runs", "archived", "moved", "USD"), numbers=("runs", "archived", "moved", "USD"))
    for one in found.spent:
        table.add_row(one.month, f"{one.runs:,}", f"{one.archived:,}", size_of(one.bytes), f"{one.usd:.4f}")
    output.page.print("Spent by runs, without storage")
    output.page.print(table if found.spent else "Nothing is counted yet.")
    if runs:
        output.page.print("\nThe last runs")
        last = table_of(("began", "provider", "moved", "USD"), numbers=("moved", "USD"))
        for run in runs:
            last.add_row(
                moment(run.started_at),
                title_of(run.provider),
                size_of(run.bytes_archived or 0),
                f"{run.estimated_usd:.4f}",
            )
        output.page.print(last)


def _draw_stored(output: Output, found: Figures) -> None:
    from cloud_sync_common import prices  # noqa: PLC0415 (imported only to draw)
    from cloud_sync_common.runtime.wording import size_of  # noqa: PLC0415

    how = (
        "as CloudWatch measures it once a day"
        if found.measured
        else ("estimated from the ledger, because CloudWatch has not measured the bucket yet")
    )
    output.page.print(f"\nStored, {how}")
    table = table_of(("tier", "size", "USD a month"), numbers=("size", "USD a month"))
    for tier in found.tiers:
        table.add_row(tier.name, size_of(tier.bytes), f"{tier.usd_month:.4f}")
    output.page.print(table if found.tiers else "Nothing yet.")
    output.page.print("\nFixed, each month")
    fixed = table_of(("what", "units", "USD", "billed"), numbers=("units", "USD", "billed"))
    for line in found.fixed:
        fixed.add_row(line.name, f"{line.count:,.1f}".removesuffix(".0"), f"{line.usd:.2f}", f"{line.billed:.2f}")
    output.page.print(fixed)
    monthly, stored = sum(line.billed for line in found.fixed), sum(tier.usd_month for tier in found.tiers)
    if monthly > stored:
        equal = size_of(monthly / prices.DEEP_ARCHIVE_GB_MONTH.each * prices.GB)
        output.page.print(f"Billed are {monthly:.2f} USD, as much as {equal} cost in Deep Archive.")


def _draw_forecast(output: Output, found: Figures, year: list[MonthForecast]) -> None:
    from cloud_sync_common.runtime.wording import size_of  # noqa: PLC0415 (imported only to draw)

    from console.operations.this_month import month_of  # noqa: PLC0415

    total, now = sum(month.total for month in year), month_of(found)
    output.page.print(
        f"\nThis month: {now.expected:.2f} USD, {now.so_far:.2f} of it until today (storage {now.storage:.2f}, fixed "
        f"{now.fixed:.2f}, runs {now.runs + now.coming:.2f})."
    )
    output.page.print(
        f"The next twelve months: {total:.2f} USD, if {size_of(found.growth.bytes)} arrive each month as in "
        f"{found.growth.by} (storage {sum(m.storage for m in year):.2f}, fixed {sum(m.fixed for m in year):.2f}, runs "
        f"{sum(m.runs for m in year):.2f})."
    )
