"""Fixtures and options of all tests: the stack of each environment, synthesised once, and `--accept-golden`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cdk_command_line import CdkCommandLine
    from tests.synthesis import Synthesis

# Node comes with the virtual environment; synthesis finds it on the path.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


# Every module may publish metrics; the stack gives each function these two variables.
os.environ["POWERTOOLS_METRICS_NAMESPACE"], os.environ["POWERTOOLS_SERVICE_NAME"] = "CloudSync", "cloud-sync"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept-golden", action="store_true", help="write the present templates as the golden ones")


@pytest.fixture(scope="session")
def synthesis(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """The stack of each environment; the import is in here because it starts Node, which few tests need."""
    from tests.synthesis import Synthesis  # noqa: PLC0415

    return Synthesis(tmp_path_factory.mktemp("synthesis"))


@pytest.fixture(scope="session")
def cdk(tmp_path_factory: pytest.TempPathFactory) -> CdkCommandLine:
    """The real CDK command line, without network and credentials; it synthesises each environment once."""
    from tests.cdk_command_line import CdkCommandLine  # noqa: PLC0415

    return CdkCommandLine(tmp_path_factory.mktemp("cdk"))
