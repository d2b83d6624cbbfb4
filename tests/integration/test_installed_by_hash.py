"""pip itself, with wheels that are made here: it installs the wheel that is locked, and no other under its name."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from cloud_sync import layer
from cloud_sync.layer_content import digest, listing
from tests.locks import ROOT


def wheel(folder: Path, content: str) -> str:
    """Makes the wheel of `six`, version 1.17.0, with this module, and returns its SHA-256."""
    folder.mkdir(exist_ok=True)
    path = folder / "six-1.17.0-py3-none-any.whl"
    about = "six-1.17.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("six.py", content)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: six\nVersion: 1.17.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/entry_points.txt", "[console_scripts]\nsix = six:main\n")
        archive.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in archive.namelist()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def from_these(wheels: Path) -> dict[str, str]:
    """pip's settings with which it finds these wheels and nothing else."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}


def installed(target: Path, settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What a person types, beside a requirements file of their own."""
    line = [sys.executable, "-m", "pip", "install", "-r", "requirements.txt", f"--target={target}"]
    return subprocess.run(
        line, cwd=target.parent, env=os.environ | settings, capture_output=True, text=True, check=False
    )


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """A lock file with the hash of a wheel, in the form of ours."""
    path = tmp_path / "requirements.txt"
    options = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("--")]
    path.write_text("\n".join([*options, f"six==1.17.0 --hash=sha256:{wheel(tmp_path / 'true', 'TRUE = 1')}"]))
    return path


def test_the_command_of_the_readme_installs_the_wheel_that_is_locked(requirements: Path) -> None:
    done = installed(requirements.parent / "target", from_these(requirements.parent / "true"))
    assert done.returncode == 0, done.stderr
    assert (requirements.parent / "target/six.py").read_text() == "TRUE = 1"


def test_the_command_of_the_readme_refuses_another_wheel_under_the_same_version(requirements: Path) -> None:
    wheel(requirements.parent / "false", "TRUE = 0")
    done = installed(requirements.parent / "target", from_these(requirements.parent / "false"))
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (requirements.parent / "target/six.py").exists()


def test_the_command_of_the_readme_builds_nothing_from_source(requirements: Path) -> None:
    """A source archive runs programs that no hash was compared of, even when its own hash is locked."""
    source = requirements.parent / "source" / "six-1.17.0.zip"
    source.parent.mkdir()
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("six-1.17.0/setup.py", "raise SystemExit('it was run')")
    with requirements.open("a") as file:
        file.write(f" --hash=sha256:{hashlib.sha256(source.read_bytes()).hexdigest()}\n")
    done = installed(requirements.parent / "target", from_these(source.parent))
    assert done.returncode != 0
    assert "No matching distribution" in done.stderr
    assert "it was run" not in done.stdout + done.stderr


@pytest.fixture
def wheels(requirements: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The layer is made of these wheels."""
    monkeypatch.setattr(layer, "REQUIREMENTS", requirements)
    for name, value in from_these(requirements.parent / "true").items():
        monkeypatch.setenv(name, value)
    return requirements.parent / "true"


def test_the_layers_wheels_unpack_to_the_same_files_wherever_they_are_unpacked(wheels: Path, tmp_path: Path) -> None:
    for name, architecture in (("one", "arm64"), ("other", "x86_64")):
        layer.install_wheels(tmp_path / name, architecture, "3.13")
    files = listing(tmp_path / "one")
    assert digest(files) == digest(listing(tmp_path / "other"))
    about = ("six-1.17.0.dist-info/METADATA", "six-1.17.0.dist-info/WHEEL", "six-1.17.0.dist-info/entry_points.txt")
    assert set(files) == {"six.py", *about}


def test_another_wheel_under_the_same_version_does_not_get_into_the_layer(wheels: Path, tmp_path: Path) -> None:
    wheel(wheels, "TRUE = 0")
    with pytest.raises(layer.LayerError, match="could not install the layer's wheels for arm64"):
        layer.install_wheels(tmp_path / "one", "arm64", "3.13")
    assert not (tmp_path / "one" / "six.py").exists()


def test_a_requirement_without_a_hash_does_not_get_into_the_layer(wheels: Path, tmp_path: Path) -> None:
    layer.REQUIREMENTS.write_text("six==1.17.0\n")
    with pytest.raises(layer.LayerError, match="could not install the layer's wheels"):
        layer.install_wheels(tmp_path / "one", "arm64", "3.13")
