"""docs/aws-readiness.md: every finding of the review has a verdict, and tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.unit.page_tables import DOCS, named_tests, rows, why_not_a_test

PAGE = DOCS / "aws-readiness.md"
VERDICTS = ("confirmed", "partly", "wrong", "either way is safe")
DEFECTS, SUSPICIONS, RIGHT = 10, 8, 17  # as the review counts them

ALL = [(heading, row) for heading in ("Defects", "Suspicions", "Found right") for row in rows(PAGE, heading)]


@pytest.mark.parametrize(("heading", "row"), ALL, ids=[f"{heading} {row[0]}" for heading, row in ALL])
def test_a_finding_has_a_verdict_and_a_test_that_exists(heading: str, row: list[str]) -> None:
    assert row[2].startswith(VERDICTS)
    tests = named_tests(row[-1])
    assert tests, "a finding is not settled without a test"
    assert [why for test in tests if (why := why_not_a_test(*test))] == []


def test_every_finding_of_the_review_has_a_row() -> None:
    def numbers(heading: str) -> list[int]:
        return sorted({int(re.match(r"\d+", row[0])[0]) for row in rows(PAGE, heading)})  # type: ignore[index]

    assert numbers("Defects") == list(range(1, DEFECTS + 1))
    assert numbers("Suspicions") == list(range(1, SUSPICIONS + 1))
    assert numbers("Found right") == list(range(1, RIGHT + 1))
