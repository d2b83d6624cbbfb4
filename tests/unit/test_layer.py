"""The layer is built once for the same content, completely or not at all, and for the requested platform."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cloud_sync import layer, layer_content

OF_PIP = [f"six-1.17.0.dist-info/{name}" for name in ("direct_url.json", "INSTALLER", "RECORD", "REQUESTED")]
WHEELS = ("boto3/session.py", "six-1.17.0.dist-info/METADATA", "six.py")  # what is left of Pip's files: the layer's


class Pip:
    """Replaces pip: unpacks the files of two packages into the target, or fails."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.failure: str | None = None
        self.content: dict[str, str] = {}
        self.machine = "/opt/python3.13"

    def run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        target = Path(self.option("--target="))
        if self.failure is not None:
            (target / "half").mkdir(parents=True)
            return subprocess.CompletedProcess(command, 1, stdout="", stderr=self.failure)
        for name in (
            "six.py",
            "boto3/session.py",
            "boto3/__pycache__/session.cpython-313.pyc",
            "bin/jp.py",
            "six-1.17.0.dist-info/METADATA",
            *OF_PIP,
        ):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(self.machine if name in OF_PIP else self.content.get(name, name))
        return subprocess.CompletedProcess(command, 0, stdout="", stderr="")

    def option(self, start: str) -> str:
        (value,) = (word.removeprefix(start) for word in self.commands[-1] if word.startswith(start))
        return value


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    fake = Pip()
    monkeypatch.setattr("cloud_sync.layer.subprocess.run", fake.run)
    return fake


@pytest.fixture(autouse=True)
def function_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A little function code and its requirements, with a build folder of their own."""
    source = tmp_path / "python"
    (source / "cloud_sync_common" / "__pycache__").mkdir(parents=True)
    (source / "cloud_sync_common" / "ledger.py").write_text("ROWS = 1\n")
    (source / "cloud_sync_common" / "__pycache__" / "ledger.cpython-313.pyc").write_text("compiled")
    (tmp_path / "requirements.txt").write_text("six==1.17.0\n")
    monkeypatch.setattr(layer, "SOURCE", source)
    monkeypatch.setattr(layer, "REQUIREMENTS", tmp_path / "requirements.txt")
    monkeypatch.setattr(layer, "BUILDS", tmp_path / "builds")
    monkeypatch.setattr(layer, "CONTENTS", tmp_path / "contents.json")
    lock({name: name for name in WHEELS})
    return source / "cloud_sync_common"


def lock(wheels: dict[str, str]) -> None:
    """Writes, as `make lock` does, the digest of these files for every platform."""
    locked = layer_content.digest({name: sha256(text.encode()).hexdigest() for name, text in wheels.items()})
    contents = {architecture: dict.fromkeys(layer.PYTHONS, locked) for architecture in layer.PLATFORMS}
    layer.CONTENTS.write_text(json.dumps(contents))


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_layer_contains_the_function_code_and_its_wheels_under_python_and_no_leftovers(pip: Pip) -> None:
    assert files(layer.build_layer("arm64", "3.13")) == [
        "python/boto3/session.py",
        "python/cloud_sync_common/ledger.py",
        "python/six-1.17.0.dist-info/METADATA",
        "python/six.py",
    ]


def test_the_same_content_is_built_once(pip: Pip) -> None:
    first = layer.build_layer("arm64", "3.13")
    made = first.stat().st_mtime_ns
    assert layer.build_layer("arm64", "3.13") == first
    assert first.stat().st_mtime_ns == made
    assert len(pip.commands) == 1


def test_packages_that_were_installed_beside_the_function_code_stay_out_of_the_layer_and_of_the_wheels(
    pip: Pip, function_code: Path
) -> None:
    """`pip install -r requirements.txt -t python/` puts packages for the deploying machine's processor there."""
    before = layer.build_layer("arm64", "3.13")
    (function_code.parent / "six.py").write_text("for another processor")
    (function_code.parent / "boto3").mkdir()
    (function_code.parent / "boto3" / "ec2.py").write_text("another version")
    after = layer.build_layer("arm64", "3.13")
    assert after == before
    assert (after / "python/six.py").read_text() == "six.py"
    assert "python/boto3/ec2.py" not in files(after)


def test_the_packages_of_the_function_code_are_those_that_git_keeps() -> None:
    root = Path(__file__).resolve().parents[2]
    ignored = subprocess.run(
        ["git", "check-ignore", "lambda_layer/python/boto3/session.py", "lambda_layer/python/six.py",
         "lambda_layer/python/cloud_sync_common/added.py"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ignored.stdout.split() == ["lambda_layer/python/boto3/session.py", "lambda_layer/python/six.py"]


def test_a_python_without_pip_is_named_with_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud_sync.layer.find_spec", lambda name: None)
    with pytest.raises(layer.LayerError) as caught:
        layer.build_layer("arm64", "3.13")
    assert str(caught.value) == (
        f"{sys.executable} has no pip, which builds the Lambda layer. Run `{sys.executable} -m ensurepip`, then again."
    )


def edit(function_code: Path) -> None:
    (function_code / "ledger.py").write_text("ROWS = 2\n")


def add(function_code: Path) -> None:
    (function_code / "report.py").touch()


def rename(function_code: Path) -> None:
    (function_code / "ledger.py").rename(function_code / "rows.py")


def move_a_boundary(function_code: Path) -> None:
    """The same bytes in the same order, with another boundary between a file's name and its content."""
    (function_code / "ledger.py").unlink()
    (function_code / "ledger.pyROWS").write_text(" = 1\n")


@pytest.mark.parametrize("change", [edit, add, rename, move_a_boundary])
def test_changed_function_code_makes_a_new_layer_without_another_call_of_pip(
    pip: Pip, function_code: Path, change: Callable[[Path], None]
) -> None:
    before = layer.build_layer("arm64", "3.13")
    content = files(before)
    change(function_code)
    after = layer.build_layer("arm64", "3.13")
    assert after != before
    assert files(before) == content  # the earlier build stays as it was
    assert (before / "python/cloud_sync_common/ledger.py").read_text() == "ROWS = 1\n"
    assert len(pip.commands) == 1


def test_compiled_files_do_not_make_a_new_layer(pip: Pip, function_code: Path) -> None:
    before = layer.build_layer("arm64", "3.13")
    (function_code / "__pycache__" / "report.cpython-313.pyc").write_text("compiled")
    assert layer.build_layer("arm64", "3.13") == before


def test_changed_requirements_are_installed_again(pip: Pip) -> None:
    before = layer.build_layer("arm64", "3.13")
    layer.REQUIREMENTS.write_text("six==1.18.0\n")
    pip.content = {"six.py": "of version 1.18.0"}
    lock({name: pip.content.get(name, name) for name in WHEELS})
    assert layer.build_layer("arm64", "3.13") != before
    assert len(pip.commands) == 2


def test_each_architecture_and_python_has_wheels_of_its_own(pip: Pip) -> None:
    platforms = [("arm64", "3.13"), ("arm64", "3.12"), ("x86_64", "3.13"), ("x86_64", "3.12")]
    for architecture, python_version in platforms * 2:
        layer.build_layer(architecture, python_version)
    assert len(pip.commands) == 4


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", "aarch64"), ("x86_64", "x86_64")])
def test_pip_installs_only_wheels_for_the_platform_of_the_functions(pip: Pip, architecture: str, machine: str) -> None:
    layer.build_layer(architecture, "3.12")
    (command,) = pip.commands
    platforms = [word.removeprefix("--platform=") for word in command if word.startswith("--platform=")]
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps", "--no-compile", "--implementation=cp"} <= set(
        command
    )
    assert pip.option("--python-version=") == "3.12"
    assert pip.option("--requirement=") == str(layer.REQUIREMENTS)
    assert f"manylinux2014_{machine}" in platforms
    # Amazon Linux 2023, under Python 3.12 and later, has glibc 2.34: a wheel for a later one would not load.
    assert all(platform.endswith(f"_{machine}") for platform in platforms)
    assert max(int(p.split("_")[2]) for p in platforms if p.startswith("manylinux_")) == 34


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("WARNING: retrying\nERROR: No matching distribution found for six", "No matching distribution"),
        ("", "no reason"),
    ],
)
def test_a_failure_of_pip_names_the_platform_the_reason_and_the_network(pip: Pip, stderr: str, reason: str) -> None:
    pip.failure = stderr
    with pytest.raises(layer.LayerError) as caught:
        layer.build_layer("arm64", "3.13")
    sentence = str(caught.value)
    assert "arm64, Python 3.13 (the first build needs the network)" in sentence
    assert reason in sentence
    assert "\n" not in sentence


def test_a_failed_build_leaves_nothing_behind_and_the_next_one_starts_again(pip: Pip) -> None:
    pip.failure = "ERROR: no network"
    with pytest.raises(layer.LayerError):
        layer.build_layer("arm64", "3.13")
    assert files(layer.BUILDS) == []
    assert list(layer.BUILDS.iterdir()) == []
    pip.failure = None
    assert "python/six.py" in files(layer.build_layer("arm64", "3.13"))


def test_an_interrupted_build_is_never_used(pip: Pip, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        layer.build_layer("arm64", "3.13")
    assert list(layer.BUILDS.glob("layer-*")) == []


def test_of_two_builds_at_once_the_second_uses_what_the_first_has_published(tmp_path: Path) -> None:
    built, target = tmp_path / "built", tmp_path / "target"
    for folder in (built, target):
        folder.mkdir()
        (folder / "by").write_text(folder.name)
    layer._publish(built, target)
    assert (target / "by").read_text() == "target"


def test_another_error_when_a_build_is_published_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="no space left"):
        layer._publish(tmp_path / "built", tmp_path / "target")
