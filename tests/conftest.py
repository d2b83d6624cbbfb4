"""Fixtures and options of all tests: the stack of each environment, synthesised once, and `--accept-golden`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.installed import installed

if TYPE_CHECKING:
    from tests.cdk_command_line import CdkCommandLine
    from tests.synthesis import Synthesis

# Node comes with the virtual environment, the CDK command line with node_modules; tests find both on the path.
PROGRAMS = (Path(sys.executable).parent, Path(__file__).resolve().parents[1] / "node_modules" / ".bin")
os.environ["PATH"] = os.pathsep.join([*map(str, PROGRAMS), os.environ["PATH"]])

# Every step may emit metrics; the stack gives each function these two.
os.environ["POWERTOOLS_METRICS_NAMESPACE"], os.environ["POWERTOOLS_SERVICE_NAME"] = "CloudSync", "cloud-sync"

# A shell has what it starts in the background ignore Ctrl-C; the programs that tests interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more about the machine, and about what runs beside, than about the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept-golden", action="store_true", help="write the present templates as the golden ones")


@pytest.fixture(scope="session")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """The stack of each environment; the import is in here because it starts Node, which few tests need."""
    installed("node")
    from tests.synthesis import Synthesis  # noqa: PLC0415

    return Synthesis(tmp_path_factory.mktemp("synthesis"))


@pytest.fixture(scope="session")
def cdk(tmp_path_factory: pytest.TempPathFactory) -> CdkCommandLine:
    """The real CDK command line, without network and credentials; it synthesises each environment once."""
    installed("node", "cdk")
    from tests.cdk_command_line import CdkCommandLine  # noqa: PLC0415

    return CdkCommandLine(tmp_path_factory.mktemp("cdk"))
