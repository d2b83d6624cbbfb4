"""docs/reliability.md and the fault cases of a restore agree."""

from __future__ import annotations

import re

import pytest

from local.fault_cases import CASES
from local.restore_fault_cases import RESTORE_CASES, RESTORE_QUICK, Deed, RestoreCase, RestoreOutcome
from tests.unit.page_tables import DOCS, rows

LINES = {line[1].strip("`"): line for line in rows(DOCS / "reliability.md", "Restore's faults")}
SAID = {
    RestoreOutcome.READY: "every file is ready, one mail",
    RestoreOutcome.PARTLY: 'one file says why it cannot be had ("{}"), the others are ready, one mail',
    RestoreOutcome.NOTHING: 'each file says why it cannot be had ("{}"), one mail',
    RestoreOutcome.STOPPED: "the execution stops, `{}`, one mail; the next one goes on",
    RestoreOutcome.UNHEARD: "the execution fails, for no mail could be sent; the next one goes on",
}


def test_the_table_and_the_matrix_have_the_same_cases_and_no_name_is_one_of_a_run() -> None:
    assert [*LINES] == [*RESTORE_CASES]
    assert not RESTORE_CASES.keys() & CASES.keys()


@pytest.mark.parametrize("case", RESTORE_CASES.values(), ids=RESTORE_CASES)
def test_a_line_names_the_faults_and_the_outcome_of_its_case(case: RestoreCase) -> None:
    faults, _, said = LINES[case.name]
    if case.faults:
        found = set(re.findall(r"`(\w+)` at (\w+)", faults))
        assert found == {(str(fault.kind), fault.operation) for fault in case.faults}
    else:
        assert faults == case.deed != Deed.NOTHING
    stopped = case.deed is Deed.STOPPED
    assert said == ("the next execution goes on, one mail" if stopped else SAID[case.outcome].format(case.reported))


def test_the_quick_cases_have_every_outcome() -> None:
    assert set(RESTORE_CASES) >= RESTORE_QUICK
    assert {RESTORE_CASES[name].outcome for name in RESTORE_QUICK} == set(RestoreOutcome)
