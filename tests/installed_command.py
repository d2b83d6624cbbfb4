"""The owner's command, installed from the files of the repository into an empty home, as its owner would install it.

Packages come from where set-up gets them. Neither the environment of the tests nor the clone is within its reach.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.installed import installed
from tests.synthesis import ROOT

INSTALLERS = ROOT / ".local" / "installers"
SECONDS = 280.0
# Where packages are taken from, and what the loader needs; no credentials, and nothing of the clone's environment.
_KEPT = re.compile(r"LANG|LD_.*|PIP_.*|UV_(?!TOOL_|CACHE_).*|SSL_CERT_.*|.*_(PROXY|proxy)|REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class InstalledCommand:
    """`cloudsync` in a home of its own. `clone` is the copy of the repository that it was installed from, and is gone;
    `left` are the files that the installation had left there beside those of git."""

    home: Path
    python: str
    clone: Path
    left: tuple[str, ...]

    @property
    def program(self) -> Path:
        return self.home / "bin" / "cloudsync"

    @property
    def packages(self) -> Path:
        """The folder of what was installed."""
        (found,) = self.program.resolve().parent.parent.glob("lib/python*/site-packages")
        return found

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`cloudsync ARGUMENTS` with no variables but these, and no terminal."""
        own = {"HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        return _done(self.home, own | variables, self.program, *arguments)


def by_uv(home: Path) -> InstalledCommand:
    """`uv tool install`, with the Python of the tests."""
    places = {"UV_TOOL_DIR": str(home / "tools"), "UV_TOOL_BIN_DIR": str(home / "bin")}
    return _installed(home, places, "uv", "tool", "install", "--python", sys.executable)


def by_pipx(home: Path) -> InstalledCommand:
    """`pipx install`, with pip and the oldest Python that is here. Left alone it would use the uv beside it."""
    places = {"PIPX_HOME": str(home / "pipx"), "PIPX_BIN_DIR": str(home / "bin"), "PIPX_DEFAULT_BACKEND": "pip"}
    return _installed(home, places, "pipx", "install", "--python", oldest_python())


def oldest_python() -> str:
    """Python 3.12, the oldest that the command supports, where it is; else the Python of the tests."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in ("python3.12", *map(str, versions.glob("3.12.*/bin/python"))):
        path = shutil.which(candidate)
        if path and subprocess.run([path, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0:  # noqa: PLW1510
            return path
    return sys.executable


def _installed(home: Path, places: Mapping[str, str], installer: str, *line: str) -> InstalledCommand:
    program = INSTALLERS / "bin" / installer
    installed(str(program.relative_to(ROOT)))
    clone = home / "clone"
    names = tracked_files(clone)
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    caches = {"UV_CACHE_DIR": str(INSTALLERS / "cache" / "uv"), "PIP_CACHE_DIR": str(INSTALLERS / "cache" / "pip")}
    variables = {**kept, **caches, **places, "HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = _done(home, variables, program, *line, clone)
    assert done.returncode == 0, done.stderr
    files = (path for path in clone.rglob("*") if path.is_file())
    left = sorted({path.relative_to(clone).as_posix() for path in files} - names)
    shutil.rmtree(clone)
    return InstalledCommand(home, line[-1], clone, tuple(left))


def tracked_files(copy: Path) -> frozenset[str]:
    """Copies the files that git has, and no other, and returns their names: it is what a clone has."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = frozenset(name for name in listing.split("\0") if name and (ROOT / name).is_file())
    for name in names:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    return names


def _done(home: Path, variables: Mapping[str, str], *line: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        line, cwd=home, env=dict(variables), capture_output=True, text=True, check=False, timeout=SECONDS,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
