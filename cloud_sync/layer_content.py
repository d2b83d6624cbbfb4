"""What a folder contains, byte for byte, so that a file which was planted, changed or removed afterwards is noticed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

type Listing = Mapping[str, str]  # the hexadecimal SHA-256 of each file, by its path in the folder


def listing(folder: Path) -> dict[str, str]:
    """Every file of the folder. What is neither file nor folder, such as a link, has a word in place of a hash."""
    return {
        path.relative_to(folder).as_posix(): _of(path) for path in sorted(folder.rglob("*")) if not _is_folder(path)
    }


def digest(files: Listing) -> str:
    """One digest for names and contents of all the files, whatever their order, times and permissions."""
    return digest_of(*(part for name in sorted(files) for part in (os.fsencode(name), files[name].encode())))


def digest_of(*parts: bytes) -> str:
    """One hexadecimal SHA-256 of several byte strings. Each has its length before it, so that boundaries count."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def first_difference(folder: Path, expected: Listing) -> tuple[str, str] | None:
    """The name of the first file that is not as expected, and what is wrong with it; None when the folder contains
    exactly the expected files.
    """
    found = listing(folder)
    for name in sorted(found.keys() | expected.keys()):
        if name not in expected:
            return name, "does not belong there"
        if name not in found:
            return name, "is missing"
        if found[name] != expected[name]:
            return name, "has been changed"
    return None


def sha256(content: bytes) -> str:
    """The hash of one file's content, as in a listing."""
    return hashlib.sha256(content).hexdigest()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _of(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return "neither a file nor a folder"
    return sha256(path.read_bytes())
