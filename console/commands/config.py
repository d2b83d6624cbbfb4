"""`cloudsync config`: what the stack was deployed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.commands.options import of_stack
from console.commands.words import table_of
from console.errors import Exit
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from console.operations.deployed_config import Age, Deployed


@click.command()
@click.option(
    "--compare", "others", multiple=True, metavar="ENVIRONMENT", help="Only what differs from this environment's stack."
)
@of_stack
def command(stack: Stack, output: Output, others: tuple[str, ...]) -> int:
    """What the stack was deployed with: every value of docs/configuration.md, and its version.

    What may change without a deployment is shown by `cloudsync settings`. Exit code 3: the stack and this clone are of
    different versions.
    """
    from console.operations import deployed_config as operations  # noqa: PLC0415 (not needed for --help)

    stacks = [stack, *(Stack.find(stack.account, other) for other in others)]
    found = [operations.deployed(one) for one in stacks]
    names = operations.differing(found) if others else list(found[0].values)
    age = operations.age_of(found[0])
    if output.as_json:
        output.data("config", {**_plain(age), "environments": found, "differing": names if others else []})
    else:
        _draw(output, found, names, age)
    return Exit.ATTENTION if age.text else Exit.FINE


def _plain(age: Age) -> dict[str, Any]:
    return {"clone_version": age.clone_version, "is_current": not age.text, "releases_behind": age.releases_behind}


def _draw(output: Output, found: list[Deployed], names: list[str], age: Age) -> None:
    if names:
        table = table_of(("value", *(one.environment for one in found)))
        for name in names:
            table.add_row(name, *(_text(one.values.get(name, "")) for one in found))
        output.page.print(table)
    else:
        output.page.print(f"{' and '.join(one.environment for one in found)} were deployed with the same values.")
    output.aside.print(f"Deployed from version {', '.join(dict.fromkeys(one.version for one in found))}.")
    if age.text:
        output.aside.print(age.text)


def _text(value: Any) -> str:
    """A value as one writes it after `-c name=`."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
