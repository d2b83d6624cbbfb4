"""`python -m benchmarks`: measures, and writes results.json and docs/performance.md. `make bench` installs the peers.

With other sizes than the default ones it only prints the page and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import fetch, night, peers, table
from benchmarks.movie import MIB
from benchmarks.rig import HOME, Files, Rig, RigError, running
from benchmarks.scenarios import run_scenario, say, scenarios

# With these, everything takes at most 45 minutes on two cores, set-up included.
ROUNDS, SIZE_MIB, SMALL_FILES, CLIPS, LISTED = 3, 1024, 2000, 200, 100_000
CLIPS_PER_RECORDING = 10

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("--rounds", type=int, default=ROUNDS)
parser.add_argument(
    "--size-mib", type=int, default=SIZE_MIB, help="size of the file; the huge one has eight times that"
)
parser.add_argument("--small-files", type=int, default=SMALL_FILES, help="number of files of 1 MB")
parser.add_argument(
    "--clips", type=int, default=CLIPS, help="small videos of a night; it has a tenth as many large ones"
)
parser.add_argument("--listed", type=int, default=LISTED, help="videos of a night without news, which has one round")
parser.add_argument("--only", action="append", metavar="KEY", help="one scenario; may be repeated")


def machine() -> dict[str, Any]:
    """The machine on which the figures were measured."""
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return {
        "cpu": cpu if cpu != "?" else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "kernel": f"{platform.system()} {platform.release()}",
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def measure_all(arguments: argparse.Namespace) -> dict[str, Any]:
    """Runs all scenarios on a new rig. Raises RigError."""
    recordings = -(-arguments.clips // CLIPS_PER_RECORDING)
    files = Files(arguments.size_mib * MIB, arguments.small_files, arguments.clips, recordings)
    results: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "rounds": arguments.rounds,
        "machine": machine(),
        "versions": peers.versions(),
        "scenarios": {},
    }
    HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME) as folder, running(Path(folder), files) as rig:
        for scenario in scenarios(files):
            if not arguments.only or scenario.key in arguments.only:
                results["scenarios"][scenario.key] = run_scenario(scenario, rig, arguments.rounds, say)
        results |= nights(arguments, rig, files)
    if not arguments.only or "fetch" in arguments.only:
        results["scenarios"] |= fetch.scenarios(fetch.ROUNDS, arguments.size_mib * MIB // 2)
    return results


def nights(arguments: argparse.Namespace, rig: Rig, files: Files) -> dict[str, Any]:
    """The results of both nights that are asked for."""
    found: dict[str, Any] = {}
    if not arguments.only or "night" in arguments.only:
        rounds = _rounds("night", arguments.rounds, lambda: night.new_clips(rig, files))
        found["night"] = {"latencies": night.LATENCIES, **rounds}
    if not arguments.only or "listing" in arguments.only:
        rounds = _rounds("listing", 1, lambda: night.without_news(rig, arguments.listed))
        found["listing"] = {"page_seconds": night.PAGE_SECONDS, **rounds}
    return found


def _rounds(key: str, count: int, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The results of so many rounds, or why there are none: the other scenarios keep theirs."""
    rounds = []
    try:
        for number in range(1, count + 1):
            say(f"{key}, round {number}")
            rounds.append(run())
    except RigError as error:
        say(f"{key}: {error}")
        return {"problem": str(error).splitlines()[0]}
    return {"rounds": rounds}


def main() -> None:
    arguments = parser.parse_args()
    try:
        results = measure_all(arguments)
    except RigError as error:
        sys.exit(f"bench: {error}")
    sizes = (arguments.size_mib, arguments.small_files, arguments.clips, arguments.listed)
    if arguments.only or sizes != (SIZE_MIB, SMALL_FILES, CLIPS, LISTED):
        results["remark"] = "A trial run. The targets are for the default sizes, in all scenarios."
        sys.stdout.write(table.page(results))
        return
    table.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    table.main()
    say(f"written: {table.RESULTS.relative_to(table.ROOT)} and {table.PAGE.relative_to(table.ROOT)}")


if __name__ == "__main__":
    main()
