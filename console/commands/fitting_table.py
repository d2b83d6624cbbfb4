"""A table that reads well in a narrow terminal too."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Column, Table

_LEAST = 16  # characters of a column that has given way: an id or a key has no place where it could be broken
_GAP, _INDENT, _ENDLESS = 2, 4, 100_000


class FittingTable(Table):
    """A table without lines. Where it has no room, its widest columns give way, but no word of 16 characters is cut;
    and where not even words have room, each row is a paragraph: a line for each of its cells, behind its title. Before
    that, the last column, if it is called `below`, goes below the others of its row: an id can be copied there."""

    def __init__(self, below: str = "") -> None:
        super().__init__(box=None, pad_edge=False)
        self._below = below

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        endless = options.update(max_width=_ENDLESS)
        if options.no_wrap:  # a file
            yield from super().__rich_console__(console, endless)
            return
        room = options.max_width - _GAP * (len(self.columns) - 1)
        measured = [_measured(column, console, endless) for column in self.columns]
        if sum(widest for _, widest in measured) <= room:
            yield from super().__rich_console__(console, options)
        elif self._below == self.columns[-1].header and sum(wide for _, wide in measured[:-1]) <= room + _GAP:
            yield from self._pairs([widest for _, widest in measured[:-1]])
        elif sum(least for least, _ in measured) > room:
            yield from self._paragraphs()
        else:
            for column, width in zip(self.columns, _widths(measured, room), strict=True):
                column.width = width
            yield from super().__rich_console__(console, options)

    def _pairs(self, widths: list[int]) -> Iterator[Table | Padding]:
        """Two lines for each row: the last cell is on the second one, however long it is."""
        *columns, last = self.columns
        titles, *rows = zip(*([column.header, *column.cells] for column in columns), strict=True)
        for number, (cells, below) in enumerate(zip([titles, *rows], [last.header, *last.cells], strict=True)):
            line = Table.grid(padding=(0, _GAP, 0, 0))
            for column, width in zip(columns, widths, strict=True):
                line.add_column(justify=column.justify, width=width, style="" if number else "bold")
            line.add_row(*cells)
            yield line
            yield Padding(str(below), (0, 0, 0, _INDENT), style="" if number else "bold", expand=False)

    def _paragraphs(self) -> Iterator[Group]:
        for number, cells in enumerate(zip(*(column.cells for column in self.columns), strict=True)):
            lines = Table.grid(padding=(0, _GAP, 0, 0))
            lines.add_column(no_wrap=True)
            lines.add_column(overflow="fold")
            for column, cell in zip(self.columns, cells, strict=True):
                if cell:
                    lines.add_row(column.header, cell)
            yield Group(*([""] if number else []), lines)


def _measured(column: Column, console: Console, options: ConsoleOptions) -> tuple[int, int]:
    """The least width of a column, and the one that it would have where there is no end of room."""
    cells = [Measurement.get(console, options, cell) for cell in (column.header, *column.cells)]
    return min(_LEAST, max(cell.minimum for cell in cells)), max(cell.maximum for cell in cells)


def _widths(measured: list[tuple[int, int]], room: int) -> list[int]:
    """The widest gives way first, down to its least."""
    widths = [widest for _, widest in measured]
    while sum(widths) > room:
        widest = max((i for i, width in enumerate(widths) if width > measured[i][0]), key=lambda i: widths[i])
        widths[widest] -= 1
    return widths
