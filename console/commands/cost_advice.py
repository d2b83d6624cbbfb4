"""How `cloudsync cost` shows recommendations: what is saved and lost, the arithmetic, and what to type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.commands.words import hanging, table_of
from console.output import Output

if TYPE_CHECKING:
    from console.operations.recommendations import Recommendation

_SMALLEST = 0.0001  # USD that the arithmetic shows


def draw(output: Output, considered: Sequence[Recommendation]) -> None:
    """What is worth it, one below the other, and what is left alone, in a line each."""
    worth = [one for one in considered if one.is_worth_it]
    output.page.print("\nHow it can cost less" if worth else "\nNothing would make it cheaper by a cent a month.")
    for one in worth:
        _draw_one(output, one, {other.name for other in worth})
    _draw_left_alone(output, [one for one in considered if not one.is_worth_it])


def _draw_left_alone(output: Output, left: Sequence[Recommendation]) -> None:
    told = [one for one in left if one.is_told]
    if told:
        output.page.print("\nLooked at, and better left alone")
    for one in told:
        output.page.print(hanging(f"  {one.text} {one.left_alone}"))
    if len(told) < len(left):
        more = f"{len(left) - len(told)} more would save less than a cent a month, or cost more"
        output.page.print(hanging(f"  {more}; `--json` has each with its reason."))


def _draw_one(output: Output, one: Recommendation, names: set[str]) -> None:
    once = f", costs {one.usd_once:.2f} once" if one.usd_once else ""
    output.page.print(f"- {one.usd_month:.2f} USD a month{once}: {one.text}")
    if one.instead_of in names:
        output.page.print(hanging(f"  Instead of {one.instead_of}, not besides."))
    sums = table_of(("when", "what", "how much", "USD"), numbers=("USD",))
    for line in one.arithmetic:
        usd = f"{line.usd:.4f}" if line.usd >= _SMALLEST else f"<{_SMALLEST}"
        sums.add_row(f"  {line.when}", line.what, line.formula, usd)
    output.page.print(sums)
    output.page.print(hanging(f"  By: {one.basis}."))
    output.page.print(hanging(f"  Lost by it: {one.lost}"))
    for command in (one.command, *one.further):
        output.page.print(f"  {command}", soft_wrap=True)  # whole, so that it can be copied
