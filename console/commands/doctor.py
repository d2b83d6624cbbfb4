"""`cloudsync doctor`: everything that has to be right, each line with its fix."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from console.aws_account import AwsAccount
from console.commands.options import of_account
from console.commands.words import table_of
from console.errors import Exit
from console.output import Output

if TYPE_CHECKING:
    from console.operations.doctor import Diagnosis


@click.command()
@click.option("--renew", is_flag=True, help="Also have the tokens renewed, by the function that does so in a run.")
@of_account
def command(account: AwsAccount, environment: str, output: Output, *, renew: bool) -> int:
    """Look at everything that has to be right: credentials, permissions, clock, schedules, mails, alarms, archive.

    Nothing is changed. Exit code 0: all is well. 3: a line says `fail`, and what to do. Without AWS credentials (4) or
    a stack (5), nothing further can be looked at.
    """
    from console.operations import doctor as operations  # noqa: PLC0415 (not needed for --help)
    from console.operations.provider_services import Services  # noqa: PLC0415

    say = output.aside.print
    found = operations.examine(account, environment, Services.of(os.environ), renews=renew, say=say)
    if output.as_json:
        output.data("doctor", {**_plain(found), "findings": found.findings})
    else:
        _draw(output, found)
    if not found.is_whole:
        return found.exit_code
    return Exit.ATTENTION if found.failures else Exit.FINE


def _plain(found: Diagnosis) -> dict[str, object]:
    return {"environment": found.environment, "is_whole": found.is_whole, "failures": found.failures}


def _draw(output: Output, found: Diagnosis) -> None:
    table = table_of(("", "about", "what was found"))
    for one in found.findings:
        table.add_row(one.outcome.value, one.about, f"{one.text} -> {one.fix}" if one.fix else one.text)
    output.page.print(table)
    if found.failures:
        output.aside.print(f"{found.failures} of {len(found.findings)} need you.")
    else:
        output.aside.print("All is well.")
    if not found.is_whole:
        output.aside.print("Nothing further could be looked at.")
