"""The tables and bars of the owner's command in terminals of any width and colour."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from rich.console import Console

from console.commands import following
from console.commands.words import facts_of, table_of
from console.operations.progress import FileProgress, Progress
from console.output import Output

ID = "65a0f0c2b7e4d1a2c3b40010"
WIDE = ("captured", "name", "size", "provider", "id")
ROWS = [("2026-05-09 10:10", "GS010003.360", "6.5 MB", "google_drive", ID), ("", "[red].mp4", "51.2 MB", "gopro", ID)]


def shown(width: int, *, soft_wrap: bool = False, below: str = "") -> list[str]:
    console = Console(file=StringIO(), width=width, markup=False, highlight=False)
    table = table_of(WIDE, numbers=["size"], below=below)
    for row in ROWS:
        table.add_row(*row)
    console.print(table, soft_wrap=soft_wrap)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_table_that_has_room_has_a_line_for_each_row() -> None:
    assert shown(100) == [
        "captured          name             size  provider      id",
        f"2026-05-09 10:10  GS010003.360   6.5 MB  google_drive  {ID}",
        f"                  [red].mp4     51.2 MB  gopro         {ID}",
    ]


def test_where_it_has_none_the_widest_column_gives_way_and_no_word_is_cut() -> None:
    lines = shown(75)
    assert max(map(len, lines)) <= 75 and len(lines) == 5
    assert lines[1] == f"2026-05-09 10:10  GS010003.360   6.5 MB  google_drive  {ID[:20]}"
    assert lines[2].strip() == ID[20:]


@pytest.mark.parametrize("width", [40, 50])
def test_where_not_even_words_have_room_each_row_is_a_paragraph_without_its_empty_cells(width: int) -> None:
    assert shown(width) == [
        "captured  2026-05-09 10:10", "name      GS010003.360", "size      6.5 MB", "provider  google_drive",
        f"id        {ID}", "", "name      [red].mp4", "size      51.2 MB", "provider  gopro", f"id        {ID}",
    ]  # fmt: skip


def test_an_id_that_has_no_room_is_whole_on_a_line_of_its_own() -> None:
    assert shown(60, below="id") == [
        "captured          name             size  provider",
        "    id",
        "2026-05-09 10:10  GS010003.360   6.5 MB  google_drive",
        f"    {ID}",
        "                  [red].mp4     51.2 MB  gopro",
        f"    {ID}",
    ]


@pytest.mark.parametrize("below", ["", "id"])
@pytest.mark.parametrize("width", range(20, 130))
def test_no_terminal_is_too_narrow_and_nothing_is_lost(width: int, below: str) -> None:
    lines = shown(width, below=below)
    assert max(map(len, lines)) <= width
    text = "".join("".join(lines).split())
    assert all(text.count(word) >= 1 for word in ("gopro", "2026-05-09", "51.2", "[red].mp4"))


def test_a_file_has_a_line_for_each_row_however_long_it_is() -> None:
    assert len(shown(40, soft_wrap=True)) == 3


@pytest.mark.parametrize(("done", "total"), [(0, 0), (0, 100), (50, 100), (100, 100)])
def test_bars_have_only_colours_that_the_terminal_chooses_itself(done: int, total: int) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=80, color_system="truecolor")
    moving = [FileProgress(media_id="m", filename="m.mp4", status="IN_PROGRESS", done=done, size=total or None)]
    with following.Bars(console) as bars:
        bars([Progress(provider="gopro", run_id="n", stage="moving", videos=2, done=done, total=total, moving=moving)])
        bars._bars.refresh()
    assert isinstance(console.file, StringIO)
    used = {code for codes in re.findall(r"\x1b\[([0-9;]*)m", console.file.getvalue()) for code in codes.split(";")}
    assert used and used <= {"0", "36", "32", "90"}


def test_what_is_printed_into_a_file_has_no_blanks_at_the_ends_of_lines(capsys: pytest.CaptureFixture[str]) -> None:
    table = table_of(("name", "id"))
    for row in (("a", "b"), ("much longer", "much longer, too")):
        table.add_row(*row)
    page = Output().page
    page.print(table)
    page.print(facts_of([("a", "b"), ("c", "longer")]))
    assert capsys.readouterr().out == (
        "name         id\na            b\nmuch longer  much longer, too\na  b\nc  longer\n"
    )
