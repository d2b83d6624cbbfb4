"""`cloudsync restore start`: has footage thawed, or goes on with the job of the same footage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from console.commands import restore_bucket
from console.commands.hidden_input import is_terminal
from console.commands.restore_bucket import of_stack_or_bucket
from console.commands.restore_options import with_choice, with_terms
from console.errors import DeclinedError, Exit, UsageError
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from console.operations.restore.bucket import Bucket
    from console.operations.restore.plan import Plan, Terms
    from console.operations.restore.selection import Choice
    from console.operations.restore.start import Started


@click.command()
@click.option("--yes", "-y", is_flag=True, help="Do not ask; without a terminal, --max-usd is needed besides.")
@of_stack_or_bucket
@with_choice
@with_terms
def command(stack: Stack | Bucket, output: Output, choice: Choice, terms: Terms, *, yes: bool) -> int:
    """Have footage thawed, for the price that is shown before. The same again goes on with the same job.

    ITEM is an id as `cloudsync list` shows it, provider/id, the key of an object in the archive, or a name. A mail says
    when all is thawed. Nothing is started above --max-usd. Exit code 3: some of it cannot be had.
    """
    from console.commands.restore_words import note_looked  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415
    from console.operations.restore import start as operations  # noqa: PLC0415
    from console.operations.restore.plan import planned  # noqa: PLC0415

    if not isinstance(stack, Stack):
        return restore_bucket.start(stack, output, choice, terms, partial(_ask, is_sure=yes))
    stack.output("RestorerArn")  # before anything is asked
    plan = planned(stack, choice, terms, Reading(), note_looked(output))
    found = operations.same_as(stack, plan)
    if found and found.goes_on:
        return _answer(output, operations.joined(found))
    plan.plan.check_ceiling()
    if plan.plan.files:
        _ask(stack, output, plan.plan, is_sure=yes)
    return _answer(output, operations.start(stack, plan, found))


def _ask(stack: Stack | Bucket, output: Output, plan: Plan, *, is_sure: bool) -> None:
    """Shows the price first. Raises UsageError where nobody can be asked."""
    from console.commands.restore_words import draw_plan  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.plan import rounded  # noqa: PLC0415

    draw_plan(output.aside, output, plan, stack.account.region)
    total = rounded(plan.quote.total)
    if is_terminal():
        if not is_sure and not click.confirm(f"Have it thawed, for about {total} USD in all?", err=True):
            raise DeclinedError("Nothing was started.")
    elif not is_sure or plan.terms.max_usd is None:
        raise UsageError(
            f"There is no terminal to ask on. Repeat the command with --yes and a ceiling, such as --max-usd {total}."
        )


def _answer(output: Output, started: Started) -> int:
    code = Exit.ATTENTION if started.failed else Exit.FINE
    if output.as_json:
        output.data("restore", started)
        return code
    if started.joined:
        output.page.print(f"This is the job {started.job_id}, which goes on; no other one was started.")
    elif started.taken_up:
        output.page.print(f"The job {started.job_id} was begun before, and goes on.")
    else:
        output.page.print(f"The job {started.job_id} has started.")
    if started.state == "READY":
        output.page.print("All that can be had can be fetched now:")
        output.page.print(f"  cloudsync restore fetch {started.job_id} DIRECTORY", soft_wrap=True)
    else:
        output.page.print("A mail says when it can be fetched. To see how far it is:")
        output.page.print(f"  cloudsync restore status {started.job_id}", soft_wrap=True)
    return code
