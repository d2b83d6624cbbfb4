"""The quick cases of the fault matrix on a deployed stack of all providers; `make faults` runs all of them.

local/fault_cases.py states the outcome of each case, and docs/reliability.md lists them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local import fault_matrix
from local.emulator import EMULATOR_PYTHON, FUNCTION_PYTHON
from local.fault_case import Case
from local.fault_cases import CASES, QUICK
from local.fault_matrix import Bench, run_case, run_restore_case
from local.restore_fault_cases import RESTORE_CASES, RESTORE_QUICK, RestoreCase
from tests.installed import installed


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    installed("node", "cdk", str(EMULATOR_PYTHON), str(FUNCTION_PYTHON))
    with fault_matrix.bench() as deployed:
        yield deployed


@pytest.mark.parametrize("case", [pytest.param(CASES[name], id=name) for name in CASES if name in QUICK])
def test_a_fault_has_the_stated_outcome_and_the_next_run_archives_the_rest(bench: Bench, case: Case) -> None:
    result = run_case(bench, case)
    assert result.problems == []
    assert result.findings == []


@pytest.mark.parametrize("case", [pytest.param(RESTORE_CASES[name], id=name) for name in sorted(RESTORE_QUICK)])
def test_a_fault_of_a_restore_has_the_stated_outcome_and_the_next_execution_goes_on(
    bench: Bench, case: RestoreCase
) -> None:
    result = run_restore_case(bench, case)
    assert result.problems == []
    assert result.findings == []
