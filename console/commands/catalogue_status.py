"""`cloudsync catalogue status`: how far the catalogue is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.commands.words import table_of
from console.errors import Exit
from console.output import Output
from console.stack import Stack
from console.wording import moment, title_of

if TYPE_CHECKING:
    from console.operations.catalogue_state import State


@click.command()
@click.option(
    "--provider", default="", metavar="PROVIDER", help="Only this provider; otherwise all that the stack backs up."
)
@of_stack
def command(stack: Stack, output: Output, provider: str) -> int:
    """How many items have details and pictures, how many wait for the next nights, and since when they were captured.

    Each night looks into what is new, and then into a part of what is older. Exit code 3: some wait.
    """
    from console.operations.catalogue_state import state  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415

    providers = [stack.provider(provider)] if provider else list(stack.secrets)
    reading = Reading()
    states = {name: state(stack, name, reading) for name in providers}
    if output.as_json:
        output.data("catalogue", {"environment": stack.environment, "providers": states})
    else:
        _draw(output, states)
    return Exit.ATTENTION if any(one.waiting for one in states.values()) else Exit.FINE


def _draw(output: Output, states: dict[str, State]) -> None:
    numbers = ("archived", "detailed", "picture", "place", "waiting")
    table = table_of(("provider", *numbers, "oldest waiting"), numbers=numbers)
    for name, one in states.items():
        counts = (one.archived, one.detailed, one.with_picture, one.with_place, one.waiting)
        oldest = moment(one.oldest_waiting) if "T" in one.oldest_waiting else one.oldest_waiting
        table.add_row(title_of(name), *(f"{count:,}" for count in counts), oldest)
    output.page.print(table)
    for name, one in states.items():
        for line in _beside(title_of(name), one):
            output.page.print(line, soft_wrap=True)


def _beside(title: str, one: State) -> Iterator[str]:
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (imported only to draw)

    if not one.listed and one.archived:
        yield (
            f"{title}: there is no catalogue yet. A run writes it, unless `catalogue` is off (`cloudsync config`); "
            "`cloudsync catalogue rebuild` lists everything at once, without details."
        )
    elif one.complete:
        yield f"{title}: the nightly walk came to its end at {moment(one.completed_at)}."
    elif one.waiting:
        yield f"{title}: the next nights look into what waits, the oldest at the provider first."
    if one.listed < one.archived:
        lacks = count_of(one.archived - one.listed, "item is", "items are")
        yield f"{title}: {lacks} in no index; `cloudsync catalogue rebuild` adds what is archived."
    if one.failures:
        yield f"{title}: an item met trouble {count_of(one.failures, 'time')}; the log of catalogue-writer says which."
