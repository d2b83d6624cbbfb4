"""The cases of `make faults`."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from local.emulator import DeploymentError
from local.fault_matrix import run_faults


def test_an_unknown_case_is_refused_with_the_names_that_there_are_before_anything_starts() -> None:
    output = io.StringIO()
    with pytest.raises(DeploymentError, match=r"no fault case 'rain'; there are .*short_page"):
        run_faults(Console(file=output), ["short_page", "rain"])
    assert output.getvalue() == ""
