"""A test that needs a program which set-up installs says so when it is missing, instead of skipping itself."""

from __future__ import annotations

import pytest

from tests.installed import installed


@pytest.mark.parametrize("program", [".local/scan/bin/no-such-scanner", "no-such-command"])
def test_a_missing_program_fails_the_test_and_names_the_command_that_installs_it(program: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=rf"{program} is not installed: run `make setup-all`"):
        installed(program)


def test_an_installed_program_is_found_by_name_and_by_path() -> None:
    installed("node", "node_modules/.bin/cdk")
