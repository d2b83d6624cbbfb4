"""Builds the Lambda layer from pinned wheels, for the configured architecture and Python, without a container engine.

pip chooses the wheels for the target platform, so any machine can build a layer for arm64. Builds are stored under
`.build/layers` and named after a hash of their content, so that a later synthesis needs no network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "lambda_layer" / "python"
PACKAGE = "cloud_sync_common"
REQUIREMENTS = ROOT / "lambda_layer" / "requirements.txt"
BUILDS = ROOT / ".build" / "layers"

# Lambda's Python 3.12 and later run on Amazon Linux 2023, which has glibc 2.34.
_PLATFORMS = {
    architecture: [f"manylinux_2_{minor}_{machine}" for minor in (34, 28, 17)] + [f"manylinux2014_{machine}"]
    for architecture, machine in (("arm64", "aarch64"), ("x86_64", "x86_64"))
}


class LayerError(RuntimeError):
    """The layer could not be built; the message says why."""


def build_layer(architecture: str, python_version: str) -> Path:
    """Builds the layer, unless the same content was built before, and returns its folder, which contains `python/`.

    Raises LayerError when pip is missing or cannot install a wheel for the platform.
    """
    wheels = _wheels(architecture, python_version)
    digest = _digest(wheels.name.encode(), *(part for file in _sources() for part in (_name(file), file.read_bytes())))
    target = BUILDS / f"layer-{digest}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=BUILDS) as scratch:
            python = Path(scratch) / "layer" / "python"
            shutil.copytree(wheels, python, copy_function=os.link)
            for file in _sources():
                destination = python / file.relative_to(SOURCE)
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, destination)
            _publish(python.parent, target)
    return target


def _wheels(architecture: str, python_version: str) -> Path:
    """The unpacked dependencies for the platform. This is the slow part, so it is done once per requirements file."""
    target_platform = f"{python_version} {' '.join(_PLATFORMS[architecture])}"
    digest = _digest(REQUIREMENTS.read_bytes(), target_platform.encode())
    target = BUILDS / f"wheels-{digest}"
    if not target.exists():
        BUILDS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILDS) as scratch:
            unpacked = Path(scratch) / "wheels"
            _pip_install(unpacked, architecture, python_version)
            for leftover in ("bin", "**/__pycache__", "**/*.dist-info/direct_url.json"):
                for path in list(unpacked.glob(leftover)):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            _publish(unpacked, target)
    return target


def _pip_install(target: Path, architecture: str, python_version: str) -> None:
    if find_spec("pip") is None:  # `uv venv` makes environments without it
        raise LayerError(
            f"{sys.executable} has no pip, which builds the Lambda layer. "
            f"Run `{sys.executable} -m ensurepip`, then again."
        )
    platforms = [f"--platform={platform}" for platform in _PLATFORMS[architecture]]
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile",
               "--no-deps", "--only-binary=:all:", "--implementation=cp", f"--python-version={python_version}",
               *platforms, f"--target={target}", f"--requirement={REQUIREMENTS}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LayerError(
            f"pip could not install the layer's wheels for {architecture}, Python {python_version} (the first build "
            f"needs the network): {reason[:500]}"
        )


def _publish(built: Path, target: Path) -> None:
    """Moves a finished build to its place. If another process has published the same build, that one is used."""
    try:
        built.rename(target)
    except OSError:
        if not target.exists():
            raise


def _sources() -> list[Path]:
    """The function code, and nothing beside it: `pip install -t lambda_layer/python` puts packages there that are for
    the processor of this machine.
    """
    return sorted(path for path in (SOURCE / PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _name(path: Path) -> bytes:
    return path.relative_to(SOURCE).as_posix().encode()


def _digest(*parts: bytes) -> str:
    """One digest of several byte strings. Each has its length before it, so that their boundaries count."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:20]


def main() -> None:
    """`python -m cloud_sync.layer arm64 3.13` installs the wheels in advance, so that synthesis needs no network."""
    architecture, python_version = sys.argv[1:]
    _wheels(architecture, python_version)


if __name__ == "__main__":
    main()
