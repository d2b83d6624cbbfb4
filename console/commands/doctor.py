"""`cloudsync doctor`: everything that has to be right, each line with its fix."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from console.aws_account import AwsAccount
from console.commands.options import of_account
from console.commands.words import facts_of, table_of
from console.errors import Exit
from console.output import Output
from console.wording import title_of

if TYPE_CHECKING:
    from console.operations.doctor import Diagnosis
    from console.operations.findings import Finding


_WIDE = 60  # characters of a terminal that has room for three columns


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
    lines = [(one.outcome.value, _about(one), f"{one.text} -> {one.fix}" if one.fix else one.text) for one in
             found.findings]  # fmt: skip
    if output.page.width < _WIDE:
        output.page.print(facts_of((outcome, f"{about}: {text}") for outcome, about, text in lines))
    else:
        table = table_of(("", "about", "what was found"))
        for line in lines:
            table.add_row(*line)
        output.page.print(table)
    if found.failures:
        needs = "needs" if found.failures == 1 else "need"
        output.aside.print(f"{found.failures} of {len(found.findings)} {needs} you.")
    else:
        output.aside.print("All is well.")
    if not found.is_whole:
        output.aside.print("Nothing further could be looked at.")


def _about(one: Finding) -> str:
    """`token Google Drive` for `token google_drive`, as programs get it."""
    what, blank, of = one.about.partition(" ")
    return f"{what}{blank}{title_of(of)}"
