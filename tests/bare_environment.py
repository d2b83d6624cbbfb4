"""A virtual environment with the packages of requirements.txt and with theirs, and nothing else."""

from __future__ import annotations

import re
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.locks import written


def bare_environment(folder: Path) -> Path:
    """Makes the environment in the folder and returns the folder of its programs.

    It is a real environment of Python's own module. Its packages are links to those of this environment, where the same
    versions are installed: so it needs no network and less than a second.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for package in needed_for_deploying():
        _link(distribution(package), packages)
    return folder / "bin"


def needed_for_deploying() -> set[str]:
    """The names of the packages that `pip install -r requirements.txt` installs, and of pip."""
    waiting = ["pip", *written("requirements.in")]
    found: set[str] = set()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found:
            found.add(name)
            waiting += _requires(distribution(name))
    return found


def _requires(package: Distribution) -> Iterator[str]:
    for line in package.requires or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def _link(package: Distribution, packages: Path) -> None:
    for file in package.files or []:
        link = packages / file
        if ".." not in file.parts and not link.exists():  # some share a file
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(Path(str(package.locate_file(file))))
