"""The README's table of environments is the one that their dataclass makes today."""

from __future__ import annotations

from dataclasses import fields

import pytest

from cloud_sync import environments_table
from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.environments_table import BEGIN, END, renewed, table
from tests.synthesis import ROOT


def test_the_readme_shows_todays_values_of_every_environment() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert renewed(readme) == readme, "the environments have changed: make readme"


def test_every_value_of_the_dataclass_has_a_row() -> None:
    rows = {line.split("`")[1] for line in table().splitlines()[2:]}
    assert rows == {field.name for field in fields(Config)} - {"environment"}


def test_what_differs_comes_first() -> None:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table().splitlines()[2:]]
    differing = [len(set(values)) > 1 for _, *values in cells]
    assert differing == sorted(differing, reverse=True) and any(differing) and not all(differing)


def test_a_value_that_changes_changes_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    page = f"before\n{BEGIN}\n{END}\nafter\n"
    first = renewed(page)
    assert first.startswith("before\n") and first.endswith("\nafter\n")
    monkeypatch.setitem(environments_table.ENVIRONMENTS, "staging", ENVIRONMENTS["prod"])
    assert renewed(first) != first


def test_a_page_without_a_place_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        renewed("nothing")
