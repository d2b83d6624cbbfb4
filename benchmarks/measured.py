"""One run of one peer in a process of its own: its resources, its requests, and whether it transferred the files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import Job, Peer, environment
from benchmarks.quota import Quota, governed, on_its_core
from benchmarks.rig import build

MOST_SECONDS = 1800


class PeerFailed(Exception):
    """A run that failed or did not transfer exactly the files; the message is for the table."""


@dataclass(frozen=True)
class Run:
    """One run, in round `number`. Seconds and CPU-seconds are those of the transfer alone, `whole_*` those of the whole
    process."""

    number: int
    seconds: float
    cpu_seconds: float
    max_rss_mib: float
    whole_seconds: float
    whole_cpu_seconds: float
    source_requests: int
    sink_requests: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(peer: Peer, job: Job, number: int, start: Run | None = None, quota: Quota | None = None) -> Run:
    """Runs `peer` once. `start` is a run with almost no data, subtracted unless the peer reports its own figures.

    Raises PeerFailed.
    """
    before = job.rig.counts()
    whole, output, errors = run(peer.command(job), environment(job), quota)
    counts = {name: value - before[name] for name, value in job.rig.counts().items()}
    expected = job.size * len(job.paths)
    if counts["payload_bytes"] != expected:
        raise PeerFailed(f"transferred {counts['payload_bytes']} bytes instead of {expected}: {_last_line(errors)}")
    phase = json.loads(output.splitlines()[-1]) if peer.reports else _without(whole, start)
    operations = {name: n for name, n in counts.items() if n and name not in ("payload_bytes", "connections", "source")}
    return Run(
        number=number,
        seconds=phase["seconds"],
        cpu_seconds=phase["cpu_seconds"],
        max_rss_mib=whole["max_rss_mib"],
        whole_seconds=whole["seconds"],
        whole_cpu_seconds=whole["cpu_seconds"],
        source_requests=counts["source"] // 2,  # see Rig
        sink_requests=operations,
    )


def run(command: list[str], variables: dict[str, str], quota: Quota | None = None) -> tuple[dict[str, float], str, str]:
    """The resources that a command used, with all processes that it waited for, its output and its errors. Raises
    PeerFailed."""
    with tempfile.TemporaryDirectory() as folder:
        result, members = Path(folder) / "result.json", quota.members if quota and quota.members else "-"
        with on_its_core(quota):
            process = subprocess.Popen(
                [str(build("measure")), str(result), members, *command],
                env=variables,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        with governed(quota, process.pid):
            try:
                output, errors = process.communicate(timeout=MOST_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                raise PeerFailed(f"not finished after {MOST_SECONDS} s") from None
        if process.returncode != 0 or not result.exists():
            raise PeerFailed(f"ended with code {process.returncode}: {_last_line(errors)}")
        return json.loads(result.read_text()), output, errors


def _last_line(errors: str) -> str:
    return (errors.strip().splitlines() or ["no error message"])[-1][:200]


def _without(whole: dict[str, float], start: Run | None) -> dict[str, float]:
    seconds, cpu = (start.whole_seconds, start.whole_cpu_seconds) if start else (0.0, 0.0)
    return {
        "seconds": max(whole["seconds"] - seconds, 0.001),
        "cpu_seconds": max(whole["cpu_seconds"] - cpu, 0.001),
    }
