"""The tables of docs/configuration.md show the values of today."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from cloud_sync import environments_table
from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.environments_table import (
    DEPLOYED,
    EXAMPLE_FILE,
    all_values,
    described,
    differing_values,
    example,
    marks,
    renewed,
    unit,
)
from tests.synthesis import ROOT

VALUES = {field.name for field in fields(Config)} - {"environment"}
EMPTY_PAGE = "before\n" + "".join("{}\n{}\nbetween\n".format(*marks(name)) for name in environments_table.TABLES)


def rows(table: str) -> dict[str, list[str]]:
    """The cells of each row, by the name of its value."""
    cells = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {name: rest for name, *rest in cells}


def test_the_page_shows_todays_values() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert renewed(page) == page, "The values have changed. Write them into the page with: make configuration"


def test_the_example_of_a_file_shows_todays_values() -> None:
    assert EXAMPLE_FILE.read_text(encoding="utf-8") == example(), "Write the example again with: make configuration"
    assert tomllib.loads(example()) == {}


def test_every_value_of_the_example_is_accepted_once_its_mark_is_removed(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in example().splitlines() if re.match(r"# [a-z_]+ = ", line)]
    assert {line.partition(" = ")[0] for line in lines} == VALUES
    (tmp_path / "dev.toml").write_text("\n".join(lines))
    assert Config.from_context({}, tmp_path) == replace(ENVIRONMENTS["dev"], alert_email="you@example.org")


def test_every_value_has_a_row_with_its_default_and_a_sentence() -> None:
    table = rows(all_values())
    assert set(table) == set(described()) == VALUES
    assert all(len(meaning.split()) >= 4 and meaning.endswith(".") for _, _, meaning in table.values())
    assert table["downloader_timeout_seconds"][:2] == ["900", "seconds"]
    assert (table["alert_email"][:2], table["retain_data"][:2]) == (["none", ""], ["true", ""])


def test_a_shown_value_is_one_that_the_command_line_accepts() -> None:
    for name, (shown, *_) in rows(all_values()).items():
        assert Config.from_context({"alert_email": "none", name: shown}) == replace(
            ENVIRONMENTS["dev"], alert_email="none"
        )


def test_a_value_that_ends_in_a_unit_shows_it() -> None:
    units = {name: unit(name) for name in VALUES}
    assert {units[name] for name in VALUES if name.endswith(("_days", "_mb", "_mib", "_seconds", "_usd"))} == {
        "days", "MB", "MiB", "seconds", "USD",
    }  # fmt: skip
    assert units["max_concurrency"] == units["schedule"] == ""


def test_the_values_in_which_environments_differ_are_shown_and_no_others() -> None:
    table = rows(differing_values())
    configs = [ENVIRONMENTS[name] for name in DEPLOYED]
    assert set(table) == {name for name in VALUES if len({getattr(config, name) for config in configs}) > 1}
    assert table["deep_archive_after_days"] == ["7", "7", "1"]
    assert table["audit_trail"] == ["false", "false", "true"]


def test_a_value_that_changes_changes_the_page_and_leaves_the_rest_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first = renewed(EMPTY_PAGE)
    assert first.startswith("before\n") and first.endswith("\nbetween\n") and first.count("between") == 2
    assert renewed(first) == first
    monkeypatch.setitem(environments_table.ENVIRONMENTS, "staging", ENVIRONMENTS["prod"])
    assert renewed(first) != first


@pytest.mark.parametrize("page", ["nothing", EMPTY_PAGE.replace(marks("values")[1], "")])
def test_a_page_without_a_place_for_a_table_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="no place for a table: write the lines"):
        renewed(page)
