"""A fetch that is killed, again and again, ends with every byte right, and reads nothing again that its journal has."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cloud_sync_common.stores.restore_jobs import JobFile

from console.operations.restore.fetch.manifest import Entry
from console.operations.restore.fetch.names import LOCK, MANIFEST
from tests.integration.killed_fetch import noted, run
from tests.integration.object_server import ObjectServer, serving

KIB = 1024
SIZES = {"a/GX010001.MP4": 420 * KIB, "b/GX010001.MP4": 300 * KIB + 1, "c/empty.mp4": 0, "d/one.jpg": 1}
SEEDS, KILLS = range(26), 2  # 52 points


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with serving() as found:
        for number, (key, size) in enumerate(SIZES.items()):
            found.put(key, random.Random(number).randbytes(size))  # noqa: S311 (a sequence that a seed repeats)
        yield found


@pytest.fixture(scope="module")
def files(server: ObjectServer) -> list[JobFile]:
    return [server.file(key, number, version_id="v1") for number, key in enumerate(SIZES, 1)]


@pytest.fixture(scope="module")
def steps(server: ObjectServer, files: list[JobFile], tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many things a fetch does to the disk when nothing happens."""
    said = run(server, files, tmp_path_factory.mktemp("undisturbed"))
    assert said[1]
    count: int = said[0]
    return count


def contents(into: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in into.rglob("*") if path.is_file() and path.name != LOCK}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_fetch_goes_on_where_it_was(
    server: ObjectServer, files: list[JobFile], steps: int, tmp_path: Path, seed: int
) -> None:
    choice = random.Random(seed)  # noqa: S311 (a sequence that a seed repeats)
    for _ in range(KILLS):
        run(server, files, tmp_path, choice.randint(1, steps), choice.randrange(3))
        _check_names(server, tmp_path)
    had, before = noted(tmp_path), len(server.asked)
    said = run(server, files, tmp_path)
    assert said[1]
    for key, first, end in server.asked[before:]:
        assert not [piece for piece in had.get(key, []) if piece.offset < end and first < piece.end]
    found = contents(tmp_path)
    entries = [msgspec.json.decode(line, type=Entry) for line in found.pop(MANIFEST).splitlines()]
    assert set(found) == {"GX010001.MP4", "GX010001 (2).MP4", "empty.mp4", "one.jpg"}
    assert sorted(found.values()) == sorted(thing.content for thing in server.objects.values())
    assert sorted(entry.name for entry in entries) == sorted(f"2026-05/{name}" for name in found)


def _check_names(server: ObjectServer, into: Path) -> None:
    """Whatever has the name of a whole file is one."""
    whole = [thing.content for thing in server.objects.values()]
    for name, content in contents(into).items():
        assert name.endswith((".part", ".journal", ".new", ".jsonl")) or content in whole
