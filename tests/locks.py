"""Reads the lock files that `make lock` writes, and finds installations that do without them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Locked:
    """One version of a package, where it is needed, and the SHA-256 of each file that may be installed as it."""

    version: str
    marker: str
    hashes: frozenset[str]


def lock_files() -> list[str]:
    """The requirements files that pip installs, each beside the `.in` that a person writes."""
    folders = ("", "benchmarks", "lambda_layer", "local", "tests", "tools")
    found = [path for folder in folders for path in (ROOT / folder).glob("*requirements*.in")]
    return sorted(path.with_suffix(".txt").relative_to(ROOT).as_posix() for path in found)


def locked(text: str) -> dict[str, Locked]:
    """The packages of a lock file, by name. Raises ValueError for a line without a version or a hash."""
    lines = text.replace("\\\n", " ").splitlines()
    packages = {}
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#") and line != "--only-binary :all:":
            name, one = _package(line)
            packages[name] = one
    return packages


def _package(line: str) -> tuple[str, Locked]:
    requirement = Requirement(HASH.sub("", line).strip())
    pins = list(requirement.specifier)
    hashes = frozenset(HASH.findall(line))
    if len(pins) != 1 or pins[0].operator != "==" or "*" in pins[0].version or not hashes or requirement.url:
        raise ValueError(f"not one version with its hashes: {line[:80]}")
    marker = "" if requirement.marker is None else str(requirement.marker)
    return canonicalize_name(requirement.name), Locked(pins[0].version, marker, hashes)


def read(name: str) -> dict[str, Locked]:
    """The packages of the lock file with this name."""
    return locked((ROOT / name).read_text(encoding="utf-8"))


def written(name: str) -> dict[str, str]:
    """The packages that a person has written into an `.in` file, and the files that it names; with their versions."""
    found: dict[str, str] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        text = line.split("#")[0].strip()
        if text.startswith("-r "):
            found |= written(text.removeprefix("-r "))
        elif text:
            requirement = Requirement(text)
            found[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return found


# What may install a package, as it is written in scripts, workflows, pages and messages.
_INSTALLS = re.compile(
    r"\bpip3? (?:install|download|wheel)\b|\buv (?:pip (?:install|sync)|tool|add|run|sync)\b"
    r"|\bpipx (?:install|reinstall|inject|run|upgrade)\b"
    r"|\b(?:uvx|npx|pnpm|yarn|bunx|easy_install)\b"
    r"|\bnpm (?:install|i|add|exec|x|update|ci)\b|\buv venv\b.*--seed"
)
_BY_LOCK = re.compile(
    r"\bnpm ci\b"
    r"|\bpip install .*--require-hashes --only-binary :all:"
    r"|\bpip install -r [\w/-]*requirements(?:-dev)?\.txt"
    # The owner's command, of this folder, by a program that compares no hashes: docs/console.md says so.
    r"|\b(?:uv tool|pipx) install(?: \.)?(?=`|$)"
)


def installs_without_hashes(text: str) -> list[str]:
    """The lines that install something by its name, or in another way that no hash is compared in."""
    lines = enumerate(re.sub(r"\s*\n\s*(?=requirements)", " ", text).splitlines(), start=1)
    return [
        f"{number}: {line.strip()[:100]}"
        for number, line in lines
        if _INSTALLS.search(line) and len(_INSTALLS.findall(line)) != len(_BY_LOCK.findall(line))
    ]
