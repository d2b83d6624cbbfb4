"""Builds the Lambda layer from pinned wheels, for the configured architecture and Python, without a container engine.

pip chooses the wheels for the target platform, so any machine can build a layer for arm64. Builds are stored under
`.build/layers` and named after a hash of their content, so that a later synthesis needs no network. That folder is not
in git, so nothing in it is believed: pip takes only wheels whose hash is in lambda_layer/requirements.txt, what they
unpack to has to have the digest in lambda_layer/contents.json, and each synthesis reads every file again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from cloud_sync.layer_content import Listing, digest, digest_of, first_difference, listing, sha256

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "lambda_layer" / "python"
PACKAGE = "cloud_sync_common"
REQUIREMENTS = ROOT / "lambda_layer" / "requirements.txt"
BUILDS = ROOT / ".build" / "layers"

CONTENTS = ROOT / "lambda_layer" / "contents.json"  # what the wheels unpack to, as `make lock` found it
# Those of the layer that frame-maker has besides: what decodes pictures.
FRAMES_REQUIREMENTS = ROOT / "lambda_layer" / "frames-requirements.txt"
FRAMES_CONTENTS = ROOT / "lambda_layer" / "frames-contents.json"
FILES = "files.json"  # beside the unpacked wheels, the SHA-256 of each file

# Lambda's Python 3.12 and later run on Amazon Linux 2023, which has glibc 2.34.
PLATFORMS = {
    architecture: [f"manylinux_2_{minor}_{machine}" for minor in (34, 28, 17)] + [f"manylinux2014_{machine}"]
    for architecture, machine in (("arm64", "aarch64"), ("x86_64", "x86_64"))
}
PYTHONS = ("3.12", "3.13", "3.14")

# What pip writes that differs from one machine to another, and that no function reads.
_OF_PIP = (
    "bin",
    "**/__pycache__",
    *(f"*.dist-info/{name}" for name in ("direct_url.json", "INSTALLER", "RECORD", "REQUESTED")),
)
_READABLE, _ENTERED = 0o644, 0o755  # by everybody, as Lambda needs it, whatever this machine's umask is
_START_AGAIN = "Delete the folder .build and run this again: it is then built from wheels whose hashes are checked."


class LayerError(RuntimeError):
    """The layer could not be built, or is not what was built; the message says why and what to do."""


def build_layer(architecture: str, python_version: str) -> Path:
    """Builds the layer, unless the same content was built before, and returns its folder, which contains `python/`.

    The folder is named after what is in it. Raises LayerError when pip is missing or cannot install a wheel for the
    platform, and when a file in `.build` is not the one that was built.
    """
    wheels, files = _wheels(architecture, python_version, REQUIREMENTS, CONTENTS)
    sources = {path.relative_to(SOURCE).as_posix(): path.read_bytes() for path in _sources()}
    files |= {name: sha256(code) for name, code in sources.items()}
    target = BUILDS / f"layer-{digest(files)}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=BUILDS) as scratch:
            python = Path(scratch) / "layer" / "python"
            shutil.copytree(wheels, python, copy_function=os.link)
            for name, code in sources.items():
                (python / name).parent.mkdir(parents=True, exist_ok=True)
                (python / name).write_bytes(code)
                (python / name).chmod(_READABLE)
            _check(python, files, wheels)
            _publish(python.parent, target)
    _check(target, {f"python/{name}": hashed for name, hashed in files.items()}, target)
    return target


def build_frames_layer(architecture: str, python_version: str) -> Path:
    """The folder of the layer that frame-maker has besides, named after what is in its `python/`; FILES beside that is
    none of it. Raises LayerError as `build_layer` does."""
    wheels, files = _wheels(architecture, python_version, FRAMES_REQUIREMENTS, FRAMES_CONTENTS)
    _check(wheels, files, wheels)
    return wheels.parent


def _wheels(architecture: str, python_version: str, requirements: Path, contents: Path) -> tuple[Path, dict[str, str]]:
    """The folder of the unpacked dependencies for the platform, and what is in it by the digest that is locked.

    Installing them is the slow part, so it is done once per requirements file.
    """
    locked = _locked(architecture, python_version, contents)
    platform = architecture.encode(), python_version.encode()
    target = BUILDS / f"wheels-{digest_of(requirements.read_bytes(), *platform, locked.encode())}"
    if not target.exists():
        BUILDS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILDS) as scratch:
            unpacked = Path(scratch) / "wheels"
            install_wheels(unpacked / "python", architecture, python_version, requirements)
            files = listing(unpacked / "python")
            if digest(files) != locked:
                raise LayerError(_not_locked(architecture, python_version, contents))
            (unpacked / FILES).write_text(json.dumps(files, indent=0), encoding="utf-8")
            _publish(unpacked, target)
    return target / "python", _recorded(target / FILES, locked)


def _locked(architecture: str, python_version: str, contents: Path) -> str:
    """The digest that the layer's wheels have by the lock file, which is in git."""
    digests: dict[str, dict[str, str]] = json.loads(contents.read_text(encoding="utf-8"))
    try:
        return digests[architecture][python_version]
    except KeyError:
        raise LayerError(
            f"{contents.name} has no digest for {architecture}, Python {python_version}. Run `make lock`."
        ) from None


def _not_locked(architecture: str, python_version: str, contents: Path) -> str:
    return (
        f"what pip has installed for {architecture}, Python {python_version} is not what lambda_layer/{contents.name} "
        "has the digest of. If you have changed the *requirements.in there, run `make lock`. If not, a file of a "
        "package was replaced on its way: try another network, and deploy nothing until this message is gone."
    )


def _recorded(record: Path, locked: str) -> dict[str, str]:
    """The files of the unpacked wheels, from the list beside them, which is believed when it has the locked digest."""
    try:
        files: dict[str, str] = json.loads(record.read_text(encoding="utf-8"))
        true = digest(files) == locked
    except (OSError, ValueError, AttributeError):
        true = False
    if not true:
        raise LayerError(f"{record} is not the list that was written there. {_START_AGAIN}")
    return files


def _check(python: Path, files: Listing, named: Path) -> None:
    """Raises LayerError for the first file that is not as expected, by its name in the folder `named`."""
    difference = first_difference(python, files)
    if difference:
        name, what = difference
        raise LayerError(f"{named / name} {what}. {_START_AGAIN}")


def install_wheels(target: Path, architecture: str, python_version: str, requirements: Path | None = None) -> None:
    """Unpacks the dependencies of the layer, or those of `requirements`, for the platform. The files are the same on
    every machine: what pip writes about itself is removed, and so are scripts, which name the Python of this machine.

    Raises LayerError when pip is missing or fails, as it does when the hash of a wheel is not in the requirements.
    """
    if find_spec("pip") is None:  # `uv venv` makes environments without it
        raise LayerError(
            f"{sys.executable} has no pip, which builds the Lambda layer. "
            f"Run `{sys.executable} -m ensurepip`, then again."
        )
    command = _pip(target, architecture, python_version, requirements or REQUIREMENTS)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LayerError(
            f"pip could not install the layer's wheels for {architecture}, Python {python_version} (the first build "
            f"needs the network): {reason[:500]}"
        )
    for leftover in _OF_PIP:
        for path in list(target.glob(leftover)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in target.rglob("*"):
        path.chmod(_ENTERED if path.is_dir() else _READABLE)


def _pip(target: Path, architecture: str, python_version: str, requirements: Path) -> list[str]:
    platforms = [f"--platform={platform}" for platform in PLATFORMS[architecture]]
    return [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile",
            "--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp",
            f"--python-version={python_version}", *platforms, f"--target={target}",
            f"--requirement={requirements}"]  # fmt: skip


def _publish(built: Path, target: Path) -> None:
    """Moves a finished build to its place. If another process has published the same build, that one is used."""
    try:
        built.rename(target)
    except OSError:
        if not target.exists():
            raise


def _sources() -> list[Path]:
    """The function code, and nothing beside it: `pip --target lambda_layer/python` puts packages there that are for
    the processor of this machine.
    """
    return sorted(path for path in (SOURCE / PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def main() -> None:
    """`python -m cloud_sync.layer arm64 3.13` installs the wheels in advance, so that synthesis needs no network."""
    architecture, python_version = sys.argv[1:]
    _wheels(architecture, python_version, REQUIREMENTS, CONTENTS)
    _wheels(architecture, python_version, FRAMES_REQUIREMENTS, FRAMES_CONTENTS)


if __name__ == "__main__":
    main()
