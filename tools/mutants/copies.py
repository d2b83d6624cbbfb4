"""A copy of the repository in another folder, which mutations may change, and a process there that runs tests."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

# What is installed is not copied.
LINKED = (".venv", "node_modules", ".build", ".local/emulator", ".local/judges", ".local/sam", ".local/scan")


def kept_files(root: Path) -> list[str]:
    """Every file that git keeps or would keep."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return sorted({name for name in names if name and (root / name).is_file()})


def digest(root: Path, names: Iterable[str]) -> str:
    """SHA-256 over the names and contents of files."""
    hasher = hashlib.sha256()
    for name in sorted(names):
        content = (root / name).read_bytes()
        hasher.update(f"{name}\0{len(content)}\0".encode() + content)
    return hasher.hexdigest()


def copy_repository(root: Path, target: Path) -> None:
    """Copies what git keeps, and links to what is installed; the copy is a repository as well, as some tests ask."""
    for name in kept_files(root):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target / name)
    for name in LINKED:
        if (root / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).symlink_to((root / name).resolve())
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)
    (target / ".git/info").mkdir(exist_ok=True)
    (target / ".git/info/exclude").write_text("\n".join(name.partition("/")[0] for name in LINKED))
    subprocess.run(["git", "add", "-A"], cwd=target, check=True)


class Worker:
    """A copy of the repository and a runner in it. Jobs are done one after another."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._copy, self._work = folder / "copy", folder / "work"
        self._work.mkdir(parents=True)
        copy_repository(root, self._copy)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.mutants.runner", str(self._work)],
            cwd=self._copy,
            env={**os.environ, "PYTHONPATH": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def do(self, job: dict[str, Any]) -> dict[str, Any]:
        """The answer to a job. Raises RuntimeError if the runner is gone."""
        assert self._process.stdin, self._process.stdout  # noqa: S101
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"The runner in {self._copy} ended; see {self._work / 'log.txt'}.")
        answer: dict[str, Any] = json.loads(line)
        return answer
