"""docs/aws-readiness.md: every finding of the review has a verdict, and tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.synthesis import ROOT

PAGE = ROOT / "docs" / "aws-readiness.md"
VERDICTS = ("confirmed", "partly", "wrong", "either way is safe")
DEFECTS, SUSPICIONS, RIGHT = 10, 8, 17  # as the review counts them


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading."""
    text = PAGE.read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    table = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in section.splitlines() if "|" in line]
    return table[2:]


ALL = [(heading, row) for heading in ("Defects", "Suspicions", "Found right") for row in rows(heading)]


def named_tests(cell: str) -> list[tuple[str, str]]:
    """The file and the function of each test that a cell names, as pytest writes them."""
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", cell)


@pytest.mark.parametrize(("heading", "row"), ALL, ids=[f"{heading} {row[0]}" for heading, row in ALL])
def test_a_finding_has_a_verdict_and_a_test_that_exists(heading: str, row: list[str]) -> None:
    assert row[2].startswith(VERDICTS)
    tests = named_tests(row[-1])
    assert tests, "a finding is not settled without a test"
    for file, name in tests:
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_finding_of_the_review_has_a_row() -> None:
    def numbers(heading: str) -> list[int]:
        return sorted({int(re.match(r"\d+", row[0])[0]) for row in rows(heading)})  # type: ignore[index]

    assert numbers("Defects") == list(range(1, DEFECTS + 1))
    assert numbers("Suspicions") == list(range(1, SUSPICIONS + 1))
    assert numbers("Found right") == list(range(1, RIGHT + 1))
