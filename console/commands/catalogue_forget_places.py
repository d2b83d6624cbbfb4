"""`cloudsync catalogue forget-places`: where clips were taken is removed from the catalogue."""

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


@click.command("forget-places")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@of_stack
def command(stack: Stack, output: Output, *, yes: bool) -> None:
    """Remove from all details and indexes where clips were taken. The originals stay as they are.

    New places still come in with each night: `catalogue_places = false` in the environment's file, and a deployment,
    keep them out. It is refused while a run is under way.
    """
    from console.operations import catalogue_state as operations  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415

    reading = Reading()
    _ask(output, operations.forget_estimate(stack, reading), is_sure=yes)
    found = operations.forget_places(stack, counting(output, "item", "looked at"), reading)
    if output.as_json:
        output.data("forgotten-places", {"environment": stack.environment, "providers": found})
    else:
        for provider, one in found.items():
            output.page.print(
                f"{title_of(provider)}: places removed from the details of {one.details:,} and from {one.lines:,} "
                "lines of the indexes."
            )
    output.aside.print(
        f"To keep new ones out, set `catalogue_places = false` in environments/{stack.environment}.toml and deploy. "
        "The originals still have what the camera wrote into them.",
        soft_wrap=True,
    )


def _ask(output: Output, found: Estimate, *, is_sure: bool) -> None:
    """Says what it costs. Raises UsageError where nobody can be asked."""
    from cloud_sync_common.runtime.wording import count_of, usd_of  # noqa: PLC0415 (not needed for --help)

    output.aside.print(
        f"This reads the details of {count_of(found.items, 'item')}, and writes those that have a place, for "
        f"{usd_of(found.usd)} at most.",
        soft_wrap=True,
    )
    if is_sure:
        return
    if not is_terminal():
        raise UsageError("There is no terminal to ask on. Repeat the command with --yes.")
    if not click.confirm("Remove every place from the catalogue? Only the originals have them then.", err=True):
        raise DeclinedError("Nothing was changed.")
