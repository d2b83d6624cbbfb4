"""Whatever is installed is in a lock file with the hash of each of its files, and nothing is installed without one."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from cloud_sync.layer import PLATFORMS
from tests.locks import ROOT, installs_without_hashes, lock_files, locked, read, written
from tools import lock

SIX = "six==1.17.0 \\\n    --hash=sha256:" + "0" * 64
SHARED = "requirements-dev.txt"  # locks the environment of which the others are parts


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("name", lock_files())
def test_every_package_of_a_lock_file_has_one_version_and_the_hashes_of_its_files(name: str) -> None:
    """`locked` raises for a line that has not."""
    assert read(name)
    assert "--only-binary :all:" in (ROOT / name).read_text().splitlines()  # what is built here runs unhashed programs


@pytest.mark.parametrize("name", lock_files())
def test_a_lock_file_has_what_a_person_has_written_and_names_no_place_to_download_from(name: str) -> None:
    text = (ROOT / name).read_text()
    wanted = written(name.removesuffix(".txt") + ".in")
    assert {package: read(name)[package].version for package in wanted} == wanted
    assert not re.search(r"https?://|-i |-f |-index|--find-links|--trusted-host", text)


def test_make_lock_writes_every_lock_file_there_is() -> None:
    written_ones = [lock.EVERYTHING, *lock.PARTS, *lock.BESIDE]
    assert sorted(f"{name}.txt" for name in written_ones) == lock_files()
    texts = {
        path.relative_to(ROOT).as_posix() for path in tracked() if re.search(r"requirements|constraints", path.name)
    }
    assert {name for name in texts if name.endswith(".txt")} == set(lock_files())


@pytest.mark.parametrize("part", [f"{name}.txt" for name in lock.PARTS])
def test_one_environment_has_one_version_of_a_package(part: str) -> None:
    whole = read(SHARED)
    assert {name: (one.version, one.hashes) for name, one in read(part).items()} == {
        name: (whole[name].version, whole[name].hashes) for name in read(part)
    }


def test_the_layer_has_the_same_packages_whatever_python_builds_it() -> None:
    """pip would evaluate a condition for the Python that runs it, not for that of the functions."""
    for lock_file in ("requirements.txt", "frames-requirements.txt"):
        assert [name for name, one in read(f"lambda_layer/{lock_file}").items() if one.marker] == []


def test_the_content_of_the_layer_is_locked_for_every_architecture_and_python_that_can_be_configured() -> None:
    contents, of_frames = (
        json.loads((ROOT / f"lambda_layer/{name}.json").read_text()) for name in ("contents", "frames-contents")
    )
    checks = (ROOT / "cloud_sync/config.py").read_text()
    pythons = re.findall(r'"(3\.\d+)"', re.findall(r'\("python_version", \((.*?)\)\)', checks)[0])
    assert {architecture: list(digests) for architecture, digests in contents.items()} == dict.fromkeys(
        PLATFORMS, pythons
    )
    digests = [one for digests in contents.values() for one in digests.values()]
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in digests)
    assert len(set(digests)) == len(digests)
    assert {architecture: list(digests) for architecture, digests in of_frames.items()} == dict.fromkeys(
        PLATFORMS, pythons
    )
    several = [set(digests.values()) for digests in of_frames.values()]  # PyAV's wheel is the same for every Python
    assert [len(one) for one in several] == [1, 1] and several[0] != several[1]


def test_every_package_of_npm_has_its_hash_and_no_place_to_download_from() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    root = packages.pop("")
    assert {key: root[key] for key in ("dependencies", "devDependencies")} == {
        key: package[key] for key in ("dependencies", "devDependencies")
    }
    assert len(packages) >= 15
    assert {name for name, one in packages.items() if not one["integrity"].startswith("sha512-")} == set()
    assert {name for name, one in packages.items() if one.get("resolved") or one.get("link")} == set()
    assert "omit-lockfile-registry-resolved=true" in (ROOT / ".npmrc").read_text().splitlines()


def test_no_script_workflow_page_or_message_installs_anything_without_a_hash() -> None:
    texts = [
        path for path in tracked() if not path.is_relative_to(ROOT / "tests") and path.suffix not in (".txt", ".png")
    ]
    assert {ROOT / name for name in ("setup.sh", "Makefile", "README.md", ".github/workflows/ci.yml")} <= set(texts)
    found = {str(path.relative_to(ROOT)): installs_without_hashes(path.read_text(errors="replace")) for path in texts}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_of_the_programs_two_call_an_installer_and_each_is_tested_for_it() -> None:
    """test_layer.py reads the call of pip; that of npm in tools/lock.py downloads no package."""
    programs = [path for path in tracked() if path.suffix == ".py" and not path.is_relative_to(ROOT / "tests")]
    calling = {path for path in programs if re.search(r'"(pip3?|npm|npx|uv|uvx|pipx)"', path.read_text())}
    assert calling == {ROOT / "cloud_sync/layer.py", ROOT / "tools/lock.py"}
    assert "--package-lock-only" in (ROOT / "tools/lock.py").read_text()


@pytest.mark.parametrize(
    "line",
    [
        "six==1.17.0", "six", SIX.replace("==", ">="), SIX.replace("1.17.0", "1.*"), "-e .", "--index-url x",
        "six @ https://example.org/six.whl", SIX.replace("sha256", "md5"), "-r other.txt",
    ],
)  # fmt: skip
def test_a_line_of_a_lock_file_without_a_version_or_a_hash_is_detected(line: str) -> None:
    assert locked(f"# made by make lock\n--only-binary :all:\n\n{SIX}\n    # via boto3\n")["six"].version == "1.17.0"
    with pytest.raises(ValueError, match=r"."):
        locked(f"{SIX}\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "pip install pre-commit && pre-commit install", "python -m pip install -qq -r other.txt", "uvx ruff",
        "RUN pip install --no-cache-dir boto3", "npm install -g aws-cdk@2.1148.1", "npm i aws-cdk", "npx cdk deploy",
        "pip install -r requirements.txt && pip install six", "uv pip install six", "pipx install ruff",
        'pip install --require-hashes -r "$1"', "uv tool install ruff", "pipx install ./other",
    ],
)  # fmt: skip
def test_an_installation_without_hashes_is_detected(line: str) -> None:
    assert installs_without_hashes(f"make setup\n  {line}\n") == [f"2: {line}"]


@pytest.mark.parametrize(
    "line",
    ["pip install -r requirements.txt", "npm ci --omit=dev", "pip install -q --require-hashes --only-binary :all: -r x",
     "`pip install -r\nrequirements.txt -t python/`", "what pip installs", "uv pip compile requirements.in",
     "`uv tool install .` or `pipx install .`", "needs uv and pipx",
     "by `uv tool install` or `pipx install`"],
)  # fmt: skip
def test_an_installation_by_hash_is_allowed(line: str) -> None:
    assert installs_without_hashes(line) == []
