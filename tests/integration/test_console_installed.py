"""The repository installed into an empty environment, as an installer of programs does it: it is the command, whole.

Packages come from where set-up gets them: pip reads the same configuration.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
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
        **kept, "PATH": "/usr/bin:/bin", "AWS_CONFIG_FILE": str(home / "none"), "AWS_REGION": "eu-west-1",
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


def test_pip_installs_the_command_into_an_empty_environment(tracked_files: Path, tmp_path: Path) -> None:
    made = done(tmp_path, sys.executable, "-m", "venv", tmp_path / "venv")
    assert made.returncode == 0, made.stderr
    programs = tmp_path / "venv" / "bin"
    installed = done(tmp_path, programs / "python", "-m", "pip", "install", "--quiet", tracked_files)
    assert installed.returncode == 0, installed.stderr
    listed = done(tmp_path, programs / "python", "-m", "pip", "list", "--format", "freeze").stdout
    names = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in listed.split()}
    assert {"cloud-sync", "click", "rich", "boto3", "msgspec"} <= names
    assert not names & {"aws-cdk-lib", "pytest", "moto", "aiohttp"}
    assert_is_whole(programs / "cloudsync", tmp_path)


@pytest.mark.parametrize("installer", [[UV, "tool", "install"]] if UV.exists() else [])
def test_an_installer_of_programs_installs_the_command(
    installer: list[str | Path], tracked_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_TOOL_DIR", str(tmp_path / "tools"))
    monkeypatch.setenv("UV_TOOL_BIN_DIR", str(tmp_path / "bin"))
    installed = done(tmp_path, *installer, "--python", sys.executable, tracked_files)
    assert installed.returncode == 0, installed.stderr
    assert_is_whole(tmp_path / "bin" / "cloudsync", tmp_path)
