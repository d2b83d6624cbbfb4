"""docs/reliability.md agrees with the fault menus and the matrix: every fault has a row, and every row a test."""

from __future__ import annotations

import re

import pytest
from cloud_sync_common import source_identity
from cloud_sync_common.provider_access import listing
from cloud_sync_common.steps import authenticate, download
from cloud_sync_common.transfer import earlier_copy, source_rows

from local.aws_fault_menu import AwsFault, AwsFaultKind
from local.fake_providers.fault_menu import MENU, FaultKind
from local.fault_cases import CASES, NOT_SURVIVED, QUICK, Case, Outcome
from tests.synthesis import ROOT
from tests.unit.page_tables import DOCS, rows

FILE = DOCS / "reliability.md"
PAGE = FILE.read_text(encoding="utf-8")
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


PROVIDER, AWS = rows(FILE, "The provider's faults"), rows(FILE, "AWS's faults")
BY_CASE = {named(line[-2])[0]: line for line in (*PROVIDER, *AWS)}


def outcome_text(case: Case) -> str:
    categories = " or ".join(f"`{category}`" for category in case.reported.split(" or "))
    words = {
        Outcome.ARCHIVED: "archived in the same run",
        Outcome.FAILED: f"`FAILED`, {categories}; archived by the next run",
        Outcome.LEFT: "left for the next run" + (f", {categories}" if case.reported else ""),
        Outcome.STOPPED: f"the run stops, {categories}, one alert; the next run archives",
        Outcome.UNHEARD: f"archived in the same run, which ends with {categories}, for no mail could be sent",
    }[case.outcome]
    words += ", and listed as damaged" if case.damaged else ""
    words += f", with {case.then}" if case.then else ""
    return words + ("; a stray upload stays until the lifecycle rule aborts it" if case.stray else "")


def test_the_tables_and_the_matrix_have_the_same_cases() -> None:
    assert sorted(BY_CASE) == sorted(CASES)
    assert len(PROVIDER) + len(AWS) == len(CASES)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_line_names_the_faults_and_the_outcome_of_its_case(case: Case) -> None:
    line = BY_CASE[case.name]
    assert set(named(line[-3])) == {str(fault.kind) for fault in case.faults}
    assert line[-1] == outcome_text(case)


def test_every_fault_of_the_provider_has_a_case_or_is_listed_as_not_survived() -> None:
    kinds = {fault.kind for case in CASES.values() for fault in case.faults if not isinstance(fault, AwsFault)}
    assert kinds | NOT_SURVIVED == set(FaultKind) and not kinds & NOT_SURVIVED
    numbers = {number for line in PROVIDER for number in line[0].split(", ")}
    assert {str(number) for number in MENU} <= numbers


def test_every_fault_of_aws_has_a_case() -> None:
    kinds = {fault.kind for case in CASES.values() for fault in case.faults if isinstance(fault, AwsFault)}
    assert kinds == set(AwsFaultKind)


def test_faults_that_are_not_survived_are_listed_with_their_test() -> None:
    section = " ".join(" ".join(line) for line in rows(FILE, "What is not survived"))
    assert {str(kind) for kind in NOT_SURVIVED} <= set(named(section))
    tests = [name for name in named(section) if name.startswith("test_")]
    assert tests and all(f"def {name}(" in TESTS for name in tests)


def test_every_test_file_that_the_page_names_exists() -> None:
    files = re.findall(r"tests/[\w/]+(?:\.py)?", PAGE)
    assert len(files) > 5
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_the_quick_cases_have_every_outcome() -> None:
    assert set(CASES) >= QUICK
    assert {CASES[name].outcome for name in QUICK} == set(Outcome)


BOUNDS = {
    "a source that is another one whenever it is read": (source_rows.MOST_BEGINNINGS,),
    "a source that is called changed each night": (earlier_copy.MOST_READINGS,),
    "a video whose bytes move in slice after slice": (download.MOST_IDLE_SLICES,),
    "a token that is refused soon": (authenticate.MAX_RENEWALS, authenticate.MOST_RENEWALS_A_DAY),
    "a listing that does not end, or": (listing.MOST_PAGES, listing.MOST_ROWS, listing.LISTINGS),
    "a video of absurdly many files": (source_identity.MOST_FILES,),
    "objects that have the names": (earlier_copy.MOST_KEYS,),
}


@pytest.mark.parametrize("begin", BOUNDS)
def test_a_bound_is_as_large_as_the_page_says(begin: str) -> None:
    (bound,) = (line[1] for line in rows(FILE, "What a night may cost at worst") if line[0].startswith(begin))
    said = re.findall(r"[0-9]+(?:,[0-9]{3})*|three|five", bound.lower())
    for most in BOUNDS[begin]:
        assert {3: "three", 5: "five"}.get(most, f"{most:,}") in said
