"""What is measured: which peers move what, under which conditions, and how the rounds go."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks import peers
from benchmarks.measured import PeerFailed, Run, measure
from benchmarks.peers import Job, Peer
from benchmarks.quota import Quota, apart, quota
from benchmarks.rig import SMALL_FILE, TINY_FILE, Files, Rig

# A 512 MB function has 512/1769 of a vCPU (Lambda developer guide, "Configure memory"), and one second of that vCPU
# does what 0.34 s did of the machine on which the calibration was made (docs/performance.md, "From here to Lambda").
LAMBDA_MB, MB_PER_VCPU, VCPU_IN_CORES = 512, 1769, 0.34
LAMBDA_CORES = LAMBDA_MB / MB_PER_VCPU * VCPU_IN_CORES

MOST_FAILURES = 1  # of one peer in one scenario; after more it is not asked again

_SINGLE_STREAM = (peers.RCLONE_COPYURL, peers.UPLOAD_FILEOBJ, peers.NAIVE, peers.CURL_AWS)


@dataclass(frozen=True)
class Scenario:
    """`cores` is a CPU quota for each peer, None for none; `slow`: the source limits each connection."""

    key: str
    title: str
    note: str
    peers: tuple[Peer, ...]
    paths: tuple[str, ...]
    size: int  # bytes of each path
    connections: int = 4
    files_at_once: int = 1
    slow: bool = False
    cores: float | None = None


def scenarios(files: Files) -> list[Scenario]:
    """All of them, for files of these sizes."""
    small = tuple(f"small/{name}" for name in files.small_names)
    multi = (peers.RCLONE_MULTI, peers.RCLONE_MULTI_UNCHECKED)
    return [
        Scenario(
            "one",
            "One file, nothing limited",
            "What moving bytes costs: 4 connections where a peer can use them.",
            (peers.ENGINE, peers.RELAY, *multi, *_SINGLE_STREAM),
            ("one.mp4",),
            files.size,
        ),
        Scenario(
            "huge",
            "One file of eight times the size",
            "Whether memory grows with the file. The file is sparse; the bytes moved are as many as it says.",
            (peers.ENGINE,),
            ("huge.mp4",),
            files.huge_size,
        ),
        Scenario(
            "slow",
            "A source of 30 MB/s per connection",
            "A content delivery network: half the file, 8 connections where a peer can use them.",
            (peers.ENGINE, peers.RELAY, *multi, *_SINGLE_STREAM),
            ("half.mp4",),
            files.half_size,
            connections=8,
            slow=True,
        ),
        Scenario(
            "lambda",
            f"The CPU of a {LAMBDA_MB} MB function",
            f"A quota of {LAMBDA_CORES:.3f} cores for the peer alone, on a core that the servers keep off; half the "
            "file, 4 connections.",
            (peers.ENGINE, peers.RELAY, *multi, peers.RCLONE_COPYURL),
            ("half.mp4",),
            files.half_size,
            cores=LAMBDA_CORES,
        ),
        Scenario(
            "small",
            f"{files.small_count} files of 1 MB",
            "8 files at once. Requests are those of both servers together.",
            (peers.ENGINE, peers.RCLONE_COPY, peers.RCLONE_COPY_LEAN),
            small,
            SMALL_FILE,
            connections=1,
            files_at_once=8,
        ),
    ]


@dataclass
class Row:
    """What became of one peer in one scenario: its runs, and those that failed; `missing` says why there are none."""

    missing: str = ""
    runs: list[Run] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        return not self.missing and len(self.failures) <= MOST_FAILURES

    def as_json(self) -> dict[str, Any]:
        if not self.runs:
            return {"problem": self.missing or self.failures[0]}
        return {"runs": [run.as_json() for run in self.runs], "failures": self.failures}


def play(scenario: Scenario, rig: Rig, rounds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """All rounds of a scenario, the peers taking turns within each; its part of results.json."""
    rows = {peer.name: Row(peer.missing) for peer in scenario.peers}
    with contextlib.ExitStack() as stack:
        limit = None
        if scenario.cores:
            limit = replace(stack.enter_context(quota(scenario.cores)), core=stack.enter_context(apart(rig.servers)))
        for number in range(1, rounds + 1):
            for peer in scenario.peers:
                row = rows[peer.name]
                if not row.goes_on:
                    continue
                try:
                    row.runs.append(_once(scenario, peer, rig, number, limit))
                    tell(f"{scenario.key}, round {number}: {peer.name} {row.runs[-1].seconds:.1f} s")
                except PeerFailed as failed:
                    row.failures.append(str(failed))
                    tell(f"{scenario.key}, round {number}: {peer.name} {failed}")
        means = limit.means if limit else ""
    return {
        "title": scenario.title,
        "note": scenario.note + (f" By: {means}." if means else ""),
        "bytes": scenario.size * len(scenario.paths),
        "files": len(scenario.paths),
        "peers": {name: row.as_json() for name, row in rows.items()},
    }


def _once(scenario: Scenario, peer: Peer, rig: Rig, number: int, limit: Quota | None) -> Run:
    job = Job(
        rig=rig,
        base=rig.slow_source if scenario.slow else rig.source,
        paths=scenario.paths,
        size=scenario.size,
        bucket="-".join([scenario.key, "".join(c for c in peer.name if c.isalnum()).lower(), str(number)]),
        connections=scenario.connections,
        files_at_once=scenario.files_at_once,
    )
    start = None
    if not peer.reports:
        tiny = replace(job, paths=("tiny/tiny.mp4",), size=TINY_FILE, bucket=f"{job.bucket}-start")
        start = measure(peer, tiny, number, None, limit)
    return measure(peer, job, number, start, limit)


def say(line: str) -> None:
    """Progress, for whoever watches."""
    sys.stderr.write(line + "\n")
