"""The quick cases of the fault matrix on the deployed stack; `make faults` runs all of them.

local/fault_cases.py states the outcome of each case, and docs/reliability.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.aws_proxy import AwsProxy
from local.deployment import Deployment
from local.fake_providers.gopro import FakeGoPro
from local.fault_cases import CASES, Case
from local.fault_matrix import Bench, run_case


@pytest.fixture(scope="module")
def bench(deployed: Deployment, gopro: FakeGoPro, aws: AwsProxy, inbox: Callable[[], Any]) -> Bench:
    return Bench(deployed, gopro, aws, inbox)


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items() if case.quick])
def test_a_fault_has_the_stated_outcome_and_the_next_run_archives_the_rest(bench: Bench, case: Case) -> None:
    result = run_case(bench, case)
    assert result.problems == []
    assert result.findings == []
