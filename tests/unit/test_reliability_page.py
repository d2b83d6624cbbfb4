"""docs/reliability.md agrees with the fault menus and the matrix: every fault has a row, and every row a test."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import pytest
from cloud_sync_common import source_identity
from cloud_sync_common.provider_access import listing
from cloud_sync_common.steps import authenticate, download
from cloud_sync_common.transfer import earlier_copy, source_rows

from local.aws_fault_menu import AwsFault, AwsFaultKind
from local.drive_fault_cases import DRIVE_CASES, DRIVE_NOT_ASKED
from local.dropbox_fault_cases import DROPBOX_CASES, DROPBOX_NOT_ASKED
from local.fake_providers.dropbox_faults import DROPBOX_MENU, DropboxFault
from local.fake_providers.fault_menu import MENU, FaultKind, Kind
from local.fake_providers.faults import Fault
from local.fake_providers.google_drive_faults import DRIVE_MENU, DriveFault
from local.fault_case import Case, Outcome
from local.fault_cases import CASES, NOT_ASKED, NOT_SURVIVED, QUICK
from tests.synthesis import ROOT
from tests.unit.outcomes import outcome_text
from tests.unit.page_tables import DOCS, rows

FILE = DOCS / "reliability.md"
PAGE = FILE.read_text(encoding="utf-8")
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


GOPRO, DRIVE, DROPBOX, AWS = (
    rows(FILE, heading) for heading in ("GoPro's faults", "Google Drive's faults", "Dropbox's faults", "AWS's faults")
)
BY_CASE = {named(line[-2])[0]: line for line in (*GOPRO, *DRIVE, *DROPBOX, *AWS)}
REPORTED = rows(FILE, "Bugs that users of other tools reported")


@dataclass(frozen=True)
class Menu:
    """One provider's faults: their rows, its cases, every kind, those that no case has, and the numbers."""

    lines: list[list[str]]
    cases: Collection[Case]
    kinds: type[Kind]
    without_case: frozenset[Kind]
    numbers: Collection[int]


GOPRO_CASES = [case for case in CASES.values() if case.provider == "gopro"]
MENUS = {
    "gopro": Menu(GOPRO, GOPRO_CASES, FaultKind, NOT_SURVIVED | NOT_ASKED, MENU),
    "google_drive": Menu(DRIVE, DRIVE_CASES, DriveFault, DRIVE_NOT_ASKED, DRIVE_MENU),
    "dropbox": Menu(DROPBOX, DROPBOX_CASES, DropboxFault, DROPBOX_NOT_ASKED, DROPBOX_MENU),
}


def test_the_tables_and_the_matrix_have_the_same_cases() -> None:
    assert sorted(BY_CASE) == sorted(CASES)
    assert len(GOPRO) + len(DRIVE) + len(DROPBOX) + len(AWS) == len(CASES)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_line_names_the_faults_and_the_outcome_of_its_case(case: Case) -> None:
    line = BY_CASE[case.name]
    assert set(named(line[-3])) == {str(fault.kind) for fault in case.faults}
    assert line[-1] == outcome_text(case)


@pytest.mark.parametrize("provider", MENUS)
def test_every_fault_of_a_provider_has_a_case_or_is_listed_as_one_that_has_none(provider: str) -> None:
    menu = MENUS[provider]
    kinds = {fault.kind for case in menu.cases for fault in case.faults if not isinstance(fault, AwsFault)}
    assert kinds | menu.without_case == set(menu.kinds) and not kinds & menu.without_case
    numbers = {number for line in menu.lines for number in line[0].split(", ")}
    only_without = {kind.menu for kind in menu.without_case} - {kind.menu for kind in kinds}
    assert {str(number) for number in set(menu.numbers) - only_without} <= numbers


@pytest.mark.parametrize("provider", ["google_drive", "dropbox"])
def test_the_cases_of_a_provider_are_of_it_and_are_named_for_it(provider: str) -> None:
    cases = MENUS[provider].cases
    assert {case.provider for case in cases} == {provider}
    assert {case.name.partition("_")[0] for case in cases} == {provider.rpartition("_")[2]}
    assert len(cases) >= 30
    assert all(case.faults or case.credentials or case.then for case in cases), "something happens in each case"


@pytest.mark.parametrize("line", REPORTED, ids=[line[0] for line in REPORTED])
def test_a_reported_bug_is_played_by_cases_with_its_fault(line: list[str]) -> None:
    cases = [CASES[name] for name in named(line[-1])]
    assert cases and all(any(_number(fault) == int(line[0]) for fault in case.faults) for case in cases)


def test_all_ten_reported_bugs_are_there() -> None:
    assert [int(line[0]) for line in REPORTED] == list(range(101, 111))


def _number(fault: Fault | AwsFault) -> int:
    return fault.kind.menu if isinstance(fault, Fault) else 0


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
    assert {CASES[name].provider for name in QUICK} == set(MENUS)


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
