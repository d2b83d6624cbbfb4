"""`cloudsync catalogue rebuild`: the indexes of all months anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.commands.hidden_input import is_terminal
from console.commands.options import of_stack
from console.commands.words import counting
from console.errors import DeclinedError, UsageError
from console.output import Output
from console.stack import Stack
from console.wording import title_of

if TYPE_CHECKING:
    from console.operations.catalogue_state import Estimate


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@of_stack
def command(stack: Stack, output: Output, *, yes: bool) -> None:
    """Write the indexes of all months anew, from the ledger and the details that there are.

    It says what that costs and asks. Nothing of an item is lost: details and pictures stay, and the next nights look
    again into whatever has none. It is refused while a run is under way.
    """
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (not needed for --help)

    from console.operations import catalogue_state as operations  # noqa: PLC0415
    from console.operations.ledger import Reading  # noqa: PLC0415

    reading = Reading()
    _ask(output, operations.rebuild_estimate(stack, reading), is_sure=yes)
    written = operations.rebuild(stack, counting(output, "item", "read"), reading)
    if output.as_json:
        output.data("rebuilt-catalogue", {"environment": stack.environment, "items": written})
        return
    for provider, count in written.items():
        output.page.print(f"{title_of(provider)}: {count_of(count, 'item')} in the indexes.")
    output.page.print(
        "The next nights look into what has no details yet: `cloudsync catalogue status`.", soft_wrap=True
    )


def _ask(output: Output, found: Estimate, *, is_sure: bool) -> None:
    """Says what it costs. Raises UsageError where nobody can be asked."""
    from cloud_sync_common.runtime.wording import count_of, usd_of  # noqa: PLC0415 (not needed for --help)

    output.aside.print(
        f"This reads the ledger and the details of {count_of(found.items, 'item')}, and writes the indexes of "
        f"{count_of(found.months, 'month')}, for about {usd_of(found.usd)}.",
        soft_wrap=True,
    )
    if is_sure:
        return
    if not is_terminal():
        raise UsageError("There is no terminal to ask on. Repeat the command with --yes.")
    if not click.confirm("Write the indexes anew?", err=True):
        raise DeclinedError("Nothing was written.")
