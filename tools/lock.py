"""Writes the lock files: every package that is installed, in one version and with the hash of each of its files.

    python -m tools.lock [OPTION OF `uv pip compile`, such as --upgrade-package=boto3]

A person writes `*requirements.in` and package.json. This makes `*requirements.txt` of the first (for every Python from
3.12 on and for every platform, wheels only), package-lock.json of the second, and lambda_layer/*contents.json, which
have the digests of what the layers' wheels unpack to. A version that is locked stays, unless an option says otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cloud_sync.layer import (
    CONTENTS,
    FRAMES_CONTENTS,
    FRAMES_REQUIREMENTS,
    PLATFORMS,
    PYTHONS,
    REQUIREMENTS,
    LayerError,
    install_wheels,
)
from cloud_sync.layer_content import digest, listing

ROOT = Path(__file__).resolve().parents[1]
UV = ROOT / ".local" / "installers" / "bin" / "uv"
EVERYTHING = "requirements-dev"  # is written first: what else goes into the same environment has the same versions
PARTS = ("requirements", "lambda_layer/requirements", "lambda_layer/frames-requirements", "tools/node-requirements")
BESIDE = (
    "benchmarks/requirements", "local/emulator-requirements", "tests/judges-requirements", "tests/sam-requirements",
    "tests/scan-requirements", "tools/installers-requirements",
)  # fmt: skip


def compiled(name: str, *options: str) -> None:
    """Writes NAME.txt from NAME.in. Raises CalledProcessError when the requirements contradict each other, for example;
    uv has said so then.
    """
    command = [str(UV), "pip", "compile", "--quiet", "--universal", "--python-version=3.12", "--generate-hashes",
               "--only-binary=:all:", "--emit-build-options", "--no-emit-index-url",
               "--custom-compile-command=make lock", *options, f"--output-file={name}.txt", f"{name}.in"]  # fmt: skip
    print(f"lock: {name}.txt", flush=True)
    subprocess.run(command, cwd=ROOT, check=True)


def npm_lock() -> None:
    """Writes package-lock.json. Raises CalledProcessError when npm cannot."""
    print("lock: package-lock.json", flush=True)
    command = ["npm", "install", "--package-lock-only", "--omit-lockfile-registry-resolved", "--ignore-scripts",
               "--no-audit", "--no-fund", "--loglevel=error"]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def layer_contents(requirements: Path) -> dict[str, dict[str, str]]:
    """The digest of what the wheels of a layer unpack to, by architecture and Python version.

    Raises LayerError when a package has no wheel for one of them.
    """
    contents: dict[str, dict[str, str]] = {}
    for architecture in PLATFORMS:
        for python_version in PYTHONS:
            print(f"lock: {requirements.name} for {architecture}, Python {python_version}", flush=True)
            with TemporaryDirectory() as scratch:
                install_wheels(Path(scratch) / "wheels", architecture, python_version, requirements)
                files = listing(Path(scratch) / "wheels")
            contents.setdefault(architecture, {})[python_version] = digest(files)
    return contents


def main() -> None:
    options = sys.argv[1:]
    try:
        compiled(EVERYTHING, *options)
        for name in PARTS:
            compiled(name, f"--constraints={EVERYTHING}.txt", *options)
        for name in BESIDE:
            compiled(name, *options)
        npm_lock()
        for contents, requirements in ((CONTENTS, REQUIREMENTS), (FRAMES_CONTENTS, FRAMES_REQUIREMENTS)):
            contents.write_text(json.dumps(layer_contents(requirements), indent=2) + "\n", encoding="utf-8")
    except (subprocess.CalledProcessError, LayerError) as error:
        sys.exit(f"lock: {error}")


if __name__ == "__main__":
    main()
