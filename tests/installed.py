"""What set-up installs and some tests need. Where it is missing, a test fails and names the command that brings it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def installed(*programs: str) -> None:
    """Fails unless these are there: a name is looked for on the path, a path from the repository's root on."""
    for program in programs:
        if shutil.which(ROOT / program if "/" in program else program) is None:
            pytest.fail(f"{program} is not installed: run `make setup-all`, then the tests again.", pytrace=False)
