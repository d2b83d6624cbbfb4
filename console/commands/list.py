"""`cloudsync list`: the library as it is archived."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nlargest
from typing import TYPE_CHECKING

import click

from console.commands.detail_options import with_wanted
from console.commands.options import of_stack
from console.commands.words import table_of
from console.output import Output
from console.stack import Stack
from console.wording import clock, moment, title_of

if TYPE_CHECKING:
    from console.operations.ledger import Reading
    from console.operations.library import Item, Wanted

_NONE_KNOWN = {
    True: "Only what the catalogue has looked into fits such a filter: `cloudsync catalogue status` says what waits.",
    False: "A camera is known only of what a catalogue has looked into, and there is none yet.",
}


@click.command()
@click.option(
    "--most",
    "-n",
    default=200,
    show_default=True,
    metavar="N",
    type=click.IntRange(1),
    help="Show at most so many; with --json, all.",
)
@of_stack
@with_wanted
def command(stack: Stack, output: Output, wanted: Wanted, most: int) -> None:
    """List the library as it is archived, in the order of capture.

    Camera, length, HiLights and place are known of what the catalogue has looked into. With --json: a line about the
    list, then a line for each item as it is read, in no order, however many there are.
    """
    from console.operations import listing  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415

    reading = Reading()
    known = listing.Known(stack)
    found = listing.listed(stack, wanted, reading, output.aside.print, known)
    if output.as_json:
        shown = output.lines("library", {"environment": stack.environment, "filters": wanted}, found)
    else:
        shown = _draw(stack, output, found, most)
    if wanted.needs_details and not shown:
        output.aside.print(_NONE_KNOWN[any(known.months(provider) for provider in stack.secrets)])
    output.aside.print(_read(reading))


def _size(item: Item) -> str:
    from cloud_sync_common.runtime.wording import size_of  # noqa: PLC0415 (imported only to draw)

    return "" if item.bytes is None else size_of(item.bytes)


# The columns: how each is called, and what it says of an item. Those of the catalogue are left out where it knows none.
_FIRST: dict[str, Callable[[Item], str]] = {
    "captured": lambda item: moment(item.captured_at),
    "name": lambda item: item.filename,
}
_DETAILS: dict[str, Callable[[Item], str]] = {
    "length": lambda item: "" if item.duration is None else clock(item.duration),
    "resolution": lambda item: f"{item.width} x {item.height}" if item.width and item.height else "",
    "HiLights": lambda item: str(item.hilights) if item.hilights else "",
    "camera": lambda item: item.camera,
    "place": lambda item: f"{item.place.latitude:.4f}, {item.place.longitude:.4f}" if item.place else "",
}
_LAST: dict[str, Callable[[Item], str]] = {
    "size": _size,
    "status": lambda item: "DAMAGED" if item.damage and item.status == "ARCHIVED" else item.status,
    "provider": lambda item: title_of(item.provider),
    "id": lambda item: item.media_id,
}
_NUMBERS = ("length", "HiLights", "size")


def _draw(stack: Stack, output: Output, found: Iterable[Item], most: int) -> int:
    """Returns how many there are, or one more than `most`."""
    kept = nlargest(most + 1, found, key=lambda item: (item.captured_at, item.filename))
    details = {title: say for title, say in _DETAILS.items() if any(map(say, kept))}
    columns = {**_FIRST, **details, **_LAST}
    if len(stack.secrets) == 1:
        del columns["provider"]
    table = table_of(columns, numbers=_NUMBERS, below="id")
    for item in reversed(kept[:most]):
        table.add_row(*(say(item) for say in columns.values()))
    if kept:
        output.page.print(table)
    else:
        output.page.print("There is nothing that fits.")
    if len(kept) > most:
        output.aside.print(
            f"There are more than the last {most:,}: limit them by --month or --name, raise --most, or take --json."
        )
    return len(kept)


def _read(reading: Reading) -> str:
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (not needed for --help)

    return f"Read {count_of(reading.rows, 'row')} of the ledger in {count_of(reading.requests, 'request')}."
