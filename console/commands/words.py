"""Tables and paragraphs that several verbs use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from console.output import Output

if TYPE_CHECKING:
    from rich.padding import Padding
    from rich.table import Table

_SAY_SECONDS = 10


def table_of(titles: Iterable[str], *, numbers: Iterable[str] = (), below: str = "") -> Table:
    """A table without lines that fits any terminal; the columns of `numbers` are set to the right. Where a row has no
    room, what the column `below` has of it goes on a line of its own."""
    from console.commands.fitting_table import FittingTable  # noqa: PLC0415 (imported only to draw)

    table = FittingTable(below)
    for title in titles:
        table.add_column(title, justify="right" if title in set(numbers) else "left", overflow="fold")
    return table


def hanging(line: str) -> Padding:
    """A line that begins with blanks: what a terminal has no room for goes on below its first word."""
    from rich.padding import Padding  # noqa: PLC0415 (imported only to draw)

    text = line.lstrip(" ")
    return Padding(text, (0, 0, 0, len(line) - len(text)), expand=False)


def facts_of(facts: Iterable[tuple[str, str]]) -> Table:
    """Names and what they are, below each other. Those without a value are left out."""
    from rich.table import Table  # noqa: PLC0415 (imported only to draw)

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value:
            table.add_row(name, value)
    return table


def counting(output: Output, what: str, done: str) -> Callable[[int], None]:
    """Is called with how many are done: a line every ten seconds, such as `1,200 items written ...`."""
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (imported only to draw)

    last = time.monotonic()

    def show(count: int) -> None:
        nonlocal last
        if time.monotonic() >= last + _SAY_SECONDS:
            last = time.monotonic()
            output.aside.print(f"{count_of(count, what)} {done} ...")

    return show
