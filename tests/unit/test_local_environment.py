"""The programs that the local deployment starts have the variables that a user's Python needs, and no others."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from local.emulator import inherited


@pytest.mark.parametrize(
    "name",
    ["LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH",
     "NIX_LD", "NIX_LD_LIBRARY_PATH", "LIBPATH", "SHLIB_PATH", "LOCALE_ARCHIVE", "LOCALE_ARCHIVE_2_27", "GUIX_LOCPATH",
     "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TZDIR"],
)  # fmt: skip
def test_what_the_loader_and_the_language_of_a_users_python_need_reaches_its_programs(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "/opt/my python/lib")
    assert inherited()[name] == "/opt/my python/lib"


@pytest.mark.parametrize(
    "name",
    ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE", "AWS_ENDPOINT_URL", "CDK_DEFAULT_ACCOUNT", "PYTHONPATH",
     "PYTHONSTARTUP", "HTTPS_PROXY", "https_proxy", "MINISTACK_HOST", "GITHUB_TOKEN", "NODE_OPTIONS"],
)  # fmt: skip
def test_nothing_of_the_users_own_account_reaches_them(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "mine")
    assert name not in inherited()


def test_the_programs_of_this_python_are_found_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/opt/conda/bin")
    assert inherited()["PATH"] == os.pathsep.join([str(Path(sys.executable).parent), "/opt/conda/bin"])
    monkeypatch.delenv("PATH")
    assert inherited()["PATH"].endswith(os.pathsep + os.defpath)
