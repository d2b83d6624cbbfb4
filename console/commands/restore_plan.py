"""`cloudsync restore plan`: what it would cost to have footage back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.commands import restore_bucket
from console.commands.restore_bucket import of_stack_or_bucket
from console.commands.restore_options import with_choice, with_terms
from console.errors import Exit
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from console.operations.restore.bucket import Bucket
    from console.operations.restore.plan import Terms
    from console.operations.restore.selection import Choice


@click.command()
@of_stack_or_bucket
@with_choice
@with_terms
def command(stack: Stack | Bucket, output: Output, choice: Choice, terms: Terms) -> int:
    """What it would cost to have footage back, how long it takes, and what cannot be had; nothing is started.

    ITEM is an id as `cloudsync list` shows it, provider/id, the key of an object in the archive, or a name. S3 is asked
    for each object. Exit code 3: something cannot be had, or the total is above --max-usd.
    """
    from console.commands.restore_words import draw_plan, note_looked  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415
    from console.operations.restore.plan import planned  # noqa: PLC0415

    if not isinstance(stack, Stack):
        return restore_bucket.plan(stack, output, choice, terms)
    plan = planned(stack, choice, terms, Reading(), note_looked(output)).plan
    if output.as_json:
        value = {"plan": plan, "total_usd": plan.quote.total, "is_above_ceiling": plan.is_above_ceiling}
        output.data("restore-plan", value)
    else:
        draw_plan(output.page, output, plan, stack.account.region)
        if not plan.is_above_ceiling and plan.files:
            output.aside.print("`cloudsync restore start` with the same words starts it.")
    return Exit.ATTENTION if plan.lost or plan.unreadable or plan.is_above_ceiling else Exit.FINE
