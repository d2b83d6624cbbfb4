"""Pages that a program writes are what it would write now, and hold nothing that a person wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import table
from costs import page

DOCS = Path(__file__).resolve().parents[2] / "docs"
# A program's name or `make` word, "writes", and the page: the sentence with which such a page begins.
SAYS_SO = re.compile(r"`[^`]+`\s+writes\s+this\s+page")
MOST_WORDS = 120  # of a paragraph; longer ones explain, and belong to a page that a person writes

WRITTEN: dict[str, Callable[[], str]] = {
    "performance.md": lambda: table.page(json.loads(table.RESULTS.read_text())),
    "cost.md": lambda: page.page(page.measured_engine()),
}


def paragraphs(markdown: str) -> list[str]:
    """The paragraphs that are neither a heading nor a table."""
    return [part for part in re.split(r"\n\s*\n", markdown) if not part.lstrip().startswith(("#", "|"))]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_generated_page_is_what_is_generated(name: str) -> None:
    """After a change of the model, the prices, the state machine definition or the results, run `make cost`, or
    `python -m benchmarks.table`."""
    assert (DOCS / name).read_text() == WRITTEN[name]()


def test_every_page_that_says_a_program_writes_it_is_compared_with_that_program() -> None:
    assert {path.name for path in DOCS.glob("*.md") if SAYS_SO.search(path.read_text())} == set(WRITTEN)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_generated_page_explains_nothing_at_length(name: str) -> None:
    text = (DOCS / name).read_text()
    assert [part for part in paragraphs(text) if len(part.split()) > MOST_WORDS] == []
    assert not re.search(r"^#+ (How to|Profile|From this machine)", text, re.MULTILINE)
