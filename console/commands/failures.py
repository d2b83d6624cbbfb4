"""`cloudsync failures`: what is not archived and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.commands.words import hanging
from console.errors import Exit
from console.output import Output
from console.stack import Stack
from console.wording import moment, title_of

if TYPE_CHECKING:
    from console.operations.waiting import Group, Waiting


@click.command()
@click.option(
    "--provider", default="", metavar="PROVIDER", help="Only this provider; otherwise all that the stack backs up."
)
@of_stack
def command(stack: Stack, output: Output, provider: str) -> int:
    """What is not archived and why, grouped by cause, each with the step that fixes it.

    Exit code 3: something has failed. What only waits for a later run is 0.
    """
    from console.operations import waiting as operations  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415

    reading = Reading()
    names = [stack.provider(provider)] if provider else list(stack.secrets)
    found = [operations.waiting(stack, name, reading, None) for name in names]
    if output.as_json:
        output.data("failures", {"providers": found})
    else:
        for line in lines_of(found):
            output.page.print(hanging(line))
    return Exit.ATTENTION if any(one.failed for one in found) else Exit.FINE


def lines_of(found: Iterable[Waiting]) -> Iterator[str]:
    """What is not archived of some providers, line by line, as this verb and the demo show it."""
    groups = [group for one in found for group in one.groups]
    if not groups:
        yield "Everything that is known is archived."
    for number, group in enumerate(groups):
        yield from [""] if number else []
        yield _head(group)
        for item in group.examples:
            reason = f": {item.reason}" if item.reason else ""
            attempts = f", {item.attempts} attempts" if item.attempts > 1 else ""
            yield f"  {item.filename or item.media_id}{reason}"
            yield f"    {item.media_id}, captured {moment(item.captured_at)}{attempts}"
        if group.items > len(group.examples):
            yield f"  and {group.items - len(group.examples):,} more"
        yield f"  Next step: {group.fix}"


def _head(group: Group) -> str:
    state = "waiting" if group.waits else "failed"
    category = f" ({group.category})" if group.category else ""
    return f"{title_of(group.provider)}: {group.items:,} {state}. {group.meaning}{category}"
