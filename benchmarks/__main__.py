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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import peers, table
from benchmarks.movie import MIB
from benchmarks.rig import HOME, Files, RigError, running
from benchmarks.scenarios import run_scenario, say, scenarios

SIZE_MIB, SMALL_FILES = 1024, 2000

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument(
    "--size-mib", type=int, default=SIZE_MIB, help="size of the file; the huge one has eight times that"
)
parser.add_argument("--small-files", type=int, default=SMALL_FILES, help="number of files of 1 MB")
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
    files = Files(arguments.size_mib * MIB, arguments.small_files)
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
    return results


def main() -> None:
    arguments = parser.parse_args()
    try:
        results = measure_all(arguments)
    except RigError as error:
        sys.exit(f"bench: {error}")
    if arguments.only or (arguments.size_mib, arguments.small_files) != (SIZE_MIB, SMALL_FILES):
        results["remark"] = (
            f"A trial run. The targets are for {SIZE_MIB} MiB and {SMALL_FILES} small files in all scenarios."
        )
        sys.stdout.write(table.page(results))
        return
    table.RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    table.main()
    say(f"written: {table.RESULTS.relative_to(table.ROOT)} and {table.PAGE.relative_to(table.ROOT)}")


if __name__ == "__main__":
    main()
