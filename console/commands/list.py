"""`cloudsync list`: the library as it is archived."""

from __future__ import annotations

import re
from collections.abc import Iterable
from heapq import nlargest
from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.commands.words import table_of
from console.errors import UsageError
from console.output import Output
from console.stack import Stack
from console.wording import moment, title_of

if TYPE_CHECKING:
    from console.operations.ledger import Reading
    from console.operations.library import Item

_MONTH = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2]))?|unknown")
_TITLES = ("captured", "name", "size", "status", "provider", "id")
_TITLES_OF_ONE = tuple(title for title in _TITLES if title != "provider")


@click.command()
@click.option(
    "--month", default="", metavar="2026-05", help="Captured in this month, or in this year (UTC); or unknown."
)
@click.option(
    "--name", "names", multiple=True, metavar="GLOB", help="With such a name, as in 'GX*.MP4'; may be repeated."
)
@click.option(
    "--camera", default="", metavar="GLOB", help="From such a camera; none is known before there is a catalogue."
)
@click.option(
    "--provider", default="", metavar="PROVIDER", help="Only this provider; otherwise all that the stack backs up."
)
@click.option("--status", default="", metavar="STATUS", help="ARCHIVED, FAILED, PENDING, UNAVAILABLE, DAMAGED, ...")
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
def command(
    stack: Stack, output: Output, month: str, names: tuple[str, ...], camera: str, provider: str, status: str, most: int
) -> None:
    """List the library as it is archived, in the order of capture.

    With --json: a line about the list, then a line for each item as it is read, in no order, however many there are.
    """
    from console.operations import library as operations  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415

    if month and not _MONTH.fullmatch(month):
        raise UsageError(f"--month must be a month such as 2026-05, a year, or unknown; not {month!r}.")
    if status.upper() not in ("", *operations.STATUSES):
        raise UsageError(f"--status must be one of {', '.join(operations.STATUSES)}; not {status!r}.")
    wanted = operations.Wanted(
        provider=stack.provider(provider) if provider else "",
        month=month,
        names=names,
        camera=camera,
        status=status.upper(),
    )
    reading = Reading()
    found = operations.library(stack, wanted, reading)
    if output.as_json:
        shown = output.lines("library", {"environment": stack.environment, "filters": wanted}, found)
    else:
        shown = _draw(stack, output, found, most)
    if camera and not shown:
        output.aside.print("A camera is known only of what a catalogue has looked into, and there is none yet.")
    output.aside.print(_read(reading))


def _draw(stack: Stack, output: Output, found: Iterable[Item], most: int) -> int:
    """Returns how many there are, or one more than `most`."""
    from cloud_sync_common.runtime.wording import size_of  # noqa: PLC0415 (imported only to draw)

    kept = nlargest(most + 1, found, key=lambda item: (item.captured_at, item.filename))
    several = len(stack.secrets) > 1
    table = table_of(_TITLES if several else _TITLES_OF_ONE, numbers=["size"], below="id")
    for item in reversed(kept[:most]):
        size = "" if item.bytes is None else size_of(item.bytes)
        status = "DAMAGED" if item.damage and item.status == "ARCHIVED" else item.status
        provider = [title_of(item.provider)] if several else []
        table.add_row(moment(item.captured_at), item.filename, size, status, *provider, item.media_id)
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
