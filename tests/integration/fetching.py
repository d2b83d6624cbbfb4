"""What the tests of fetching share: small pieces, so that a small file has many, and what is in the directory then."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.operations.restore.fetch.engine import fetch
from console.operations.restore.fetch.manifest import Entry
from console.operations.restore.fetch.names import LOCK, MANIFEST
from console.operations.restore.fetch.outcome import Fetched, Options
from tests.integration.object_server import ObjectServer, serving

KIB = 1024
SMALL = Options(piece_bytes=32 * KIB, range_bytes=128 * KIB, sync_bytes=64 * KIB, connections=4, backoff=0.001, tries=3)


@pytest.fixture
def server() -> Iterator[ObjectServer]:
    with serving() as found:
        yield found


def content(seed: int, size: int = 300 * KIB) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 (a sequence that a seed repeats)


def fetched(server: ObjectServer, into: Path, *keys: str, options: Options = SMALL, **of_files: Any) -> Fetched:
    """Fetches the files of these objects, or of all; `of_files` are fields of each."""
    files = [server.file(key, number, **of_files) for number, key in enumerate(keys or server.objects, 1)]
    return fetch(files, server.source(), str(into), options)


def names(folder: Path) -> set[str]:
    """Every file below a folder, but for what a fetch notes of itself."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return found - {MANIFEST, LOCK}


def entries(folder: Path) -> dict[str, Entry]:
    """The manifest, by path."""
    lines = (folder / MANIFEST).read_bytes().splitlines()
    return {entry.name: entry for entry in (msgspec.json.decode(line, type=Entry) for line in lines)}
