"""The tables of reported faults, attacks and facts that no test stated: each row has a test, or is a known gap."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local.fault_cases import CASES
from tests.unit import page_tables
from tests.unit.page_tables import DOCS, named_tests, rows, section, why_not_a_test

FAULTS = rows(DOCS / "reliability.md", "Faults that others reported")
FACTS = rows(DOCS / "reliability.md", "Facts that no test stated")
ATTACKS = rows(DOCS / "security.md", "What an attack found")
# Gaps that begin with the numbers of rows, such as "- F1, S2: why".
GAPS = re.findall(r"^- ((?:[EFSW]\d+(?:, )?)+): ", section(DOCS / "design.md", "Known gaps"), re.MULTILINE)
OPEN = [number for numbers in GAPS for number in numbers.split(", ")]
ALL = [*FAULTS, *FACTS, *ATTACKS]


def test_every_row_of_the_reports_is_there_once() -> None:
    assert [row[0] for row in FAULTS] == [*(f"F{number}" for number in range(1, 24)), "E1"]
    assert [row[0] for row in ATTACKS] == [f"S{number}" for number in range(1, 20)]
    assert [row[0] for row in FACTS] == [f"W{number}" for number in range(1, 26)]


@pytest.mark.parametrize("row", ALL, ids=[row[0] for row in ALL])
def test_a_row_names_tests_that_exist_and_are_not_skipped_unless_it_is_open(row: list[str]) -> None:
    tests = named_tests(row[-1])
    assert tests or row[-2].startswith("**Open:**"), "what holds has a test"
    assert [why for test in tests if (why := why_not_a_test(*test))] == []
    assert row[-1].count("::") == len(tests), "a test is written as `tests/file.py::test_name`"


@pytest.mark.parametrize("row", ALL, ids=[row[0] for row in ALL])
def test_what_is_open_is_a_known_gap_and_nothing_else_is(row: list[str]) -> None:
    assert OPEN.count(row[0]) == ("**Open:**" in row[-2])


def test_the_fault_cases_that_a_row_names_exist() -> None:
    named = {name for row in ALL for name in re.findall(r"\bcases? `(\w+)`", row[-1])}
    assert named and named <= set(CASES)


WRITTEN = """
import pytest

def test_runs(): ...

@pytest.mark.skip
def test_is_marked(): ...

@pytest.mark.parametrize("x", [1])
@pytest.mark.xfail(strict=False)
def test_may_fail(x): ...

def test_skips_itself():
    pytest.skip("not today")

def test_twice(): ...
def test_twice(): ...
"""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("test_runs", ""),
        ("test_is_marked", "is skipped"),
        ("test_may_fail", "is skipped"),
        ("test_skips_itself", "is skipped"),
        ("test_twice", "has 2 functions"),
        ("test_other", "has 0 functions"),
    ],
)
def test_a_test_that_is_missing_or_skipped_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str
) -> None:
    monkeypatch.setattr(page_tables, "ROOT", tmp_path)
    file = f"written_for_{name}.py"
    (tmp_path / file).write_text(WRITTEN)
    said = why_not_a_test(file, name)
    assert why in said and (said == "") == (why == "")
    assert "no file" in why_not_a_test("tests/none.py", name)


def test_a_file_that_is_skipped_as_a_whole_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_tables, "ROOT", tmp_path)
    (tmp_path / "whole.py").write_text("import pytest\npytestmark = pytest.mark.skip\ndef test_x(): ...\n")
    assert why_not_a_test("whole.py", "test_x") == "all of whole.py is skipped"
