"""The repository installed into an empty environment, as an installer of programs does it: it is the command, whole.

Packages come from where set-up gets them: pip reads the same configuration.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cloud_sync_common import __version__

from console.errors import Exit
from console.main import VERBS
from tests.synthesis import ROOT

UV = ROOT / ".local" / "lock" / "bin" / "uv"  # which `make lock` installs
SECONDS = 280.0
# Where packages are taken from, and what the loader needs; no credentials, and nothing of the clone's environment.
KEPT = re.compile(r"HOME|LANG|LD_.*|PIP_.*|UV_.*|SSL_CERT_.*|.*_(PROXY|proxy)|REQUESTS_CA_BUNDLE")


@pytest.fixture(scope="module")
def tracked_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git has, and of no other: what a clone has."""
    copy = tmp_path_factory.mktemp("clone")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    return copy


def environment(home: Path) -> dict[str, str]:
    """No credentials are found: neither in variables nor in files, nor by asking the machine."""
    kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    return {
        **kept, "PATH": "/usr/bin:/bin", "AWS_CONFIG_FILE": str(home / "none"), "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"), "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


def done(home: Path, *line: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        line, cwd=home, env=environment(home), capture_output=True, text=True, check=False, timeout=SECONDS
    )


def assert_is_whole(cloudsync: Path, home: Path) -> None:
    version = done(home, cloudsync, "--version")
    assert (version.returncode, version.stdout.strip()) == (Exit.FINE, __version__), version.stderr
    helped = done(home, cloudsync, "--help")
    assert helped.returncode == Exit.FINE and all(verb in helped.stdout for verb in VERBS)
    for verb in VERBS:
        of_verb = done(home, cloudsync, verb, "--help")
        assert (of_verb.returncode, of_verb.stderr) == (Exit.FINE, ""), verb
    runs = done(home, cloudsync, "runs")
    assert (runs.returncode, runs.stdout) == (Exit.CREDENTIALS, "")
    assert runs.stderr == (
        "cloudsync: There are no AWS credentials. Run `aws configure sso`, or name a profile with --profile or "
        "AWS_PROFILE.\n"
    )


def by_pip(files: Path, home: Path) -> Path:
    """The folder of its programs, after an installation into an environment that has nothing but pip."""
    made = done(home, sys.executable, "-m", "venv", home / "venv")
    assert made.returncode == 0, made.stderr
    programs = home / "venv" / "bin"
    installed = done(home, programs / "python", "-m", "pip", "install", "--quiet", files)
    assert installed.returncode == 0, installed.stderr
    listed = done(home, programs / "python", "-m", "pip", "list", "--format", "freeze").stdout
    names = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in listed.split()}
    assert {"cloud-sync", "click", "rich", "boto3", "msgspec"} <= names
    assert not names & {"aws-cdk-lib", "pytest", "moto", "aiohttp"}
    return programs


def by_uv(files: Path, home: Path) -> Path:
    """As a tool with an environment of its own."""
    places = [f"UV_TOOL_DIR={home / 'tools'}", f"UV_TOOL_BIN_DIR={home / 'bin'}"]
    installed = done(home, "env", *places, UV, "tool", "install", "--python", sys.executable, files)
    assert installed.returncode == 0, installed.stderr
    return home / "bin"


@pytest.mark.parametrize("install", [by_pip, *([by_uv] if UV.exists() else [])])
def test_the_command_is_installed_from_the_files_of_the_repository_and_is_whole(
    install: Callable[[Path, Path], Path], tracked_files: Path, tmp_path: Path
) -> None:
    assert_is_whole(install(tracked_files, tmp_path) / "cloudsync", tmp_path)
