"""The tables of reported faults, attacks and facts that no test stated: each row has a test, or is a known gap."""

from __future__ import annotations

import re

import pytest

from local.fault_cases import CASES
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
