"""The scenarios: which peers transfer which files, under which conditions, in several rounds."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks import as_deployed, peers
from benchmarks.measured import PeerFailed, Run, measure
from benchmarks.peers import Job, Peer
from benchmarks.quota import Quota, apart, quota
from benchmarks.rig import SMALL_FILE, TINY_FILE, Files, Rig

# A 512 MB function has 512/1769 of a vCPU (Lambda developer guide, "Configure memory"). One second of a vCPU does as
# much as 0.34 s of a core of the calibrated machine (docs/measuring.md, "From this machine to Lambda").
LAMBDA_MB, MB_PER_VCPU, VCPU_IN_CORES = 512, 1769, 0.34
LAMBDA_CORES = LAMBDA_MB / MB_PER_VCPU * VCPU_IN_CORES

CONNECTIONS = as_deployed.config().connections_per_video
MOST_FAILURES = 1  # of one peer in one scenario; after more it does not run again

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
    connections: int = CONNECTIONS
    files_at_once: int = 1
    slow: bool = False
    cores: float | None = None


def scenarios(files: Files) -> list[Scenario]:
    """All scenarios, for files of these sizes."""
    small = tuple(f"small/{name}" for name in files.small_names)
    multi = (peers.RCLONE_MULTI, peers.RCLONE_MULTI_UNCHECKED)
    return [
        Scenario(
            "one",
            "One file without limits",
            f"The cost of the transfer itself, with {CONNECTIONS} connections if a peer supports them. *engine* is as "
            "deployed by default; the other engines differ from it in what their name says.",
            (peers.ENGINE, peers.ETAG_CHECKED, *peers.PUBLISHED, peers.RELAY, *multi, *_SINGLE_STREAM),
            ("one.mp4",),
            files.size,
        ),
        Scenario(
            "huge",
            "One file of eight times the size",
            "Does memory grow with the file? The file is sparse, but all its bytes are transferred.",
            (peers.ENGINE,),
            ("huge.mp4",),
            files.huge_size,
        ),
        Scenario(
            "slow",
            "A source of 30 MB/s per connection",
            "Like a content delivery network: half the size, with 8 connections if a peer supports them.",
            (peers.ENGINE, peers.RELAY, *multi, *_SINGLE_STREAM),
            ("half.mp4",),
            files.half_size,
            connections=8,
            slow=True,
        ),
        Scenario(
            "lambda",
            f"The CPU of a {LAMBDA_MB} MB function",
            f"A quota of {LAMBDA_CORES:.3f} cores for the peer alone, on a core that the servers do not use; half the "
            f"size, {CONNECTIONS} connections.",
            (peers.ENGINE, peers.ETAG_CHECKED, peers.RELAY, *multi, peers.RCLONE_COPYURL),
            ("half.mp4",),
            files.half_size,
            cores=LAMBDA_CORES,
        ),
        Scenario(
            "small",
            f"{files.small_count} files of 1 MB",
            "rclone moves 8 at once, the engine as many as a batch does. The requests are those to both servers "
            "together.",
            (peers.ENGINE, peers.RCLONE_COPY, peers.RCLONE_COPY_LEAN),
            small,
            SMALL_FILE,
            files_at_once=8,
        ),
    ]


@dataclass
class Row:
    """The results of one peer in one scenario: its runs and its failures; `missing`: why it could not run."""

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


def run_scenario(scenario: Scenario, rig: Rig, rounds: int, log: Callable[[str], None]) -> dict[str, Any]:
    """Runs all rounds of a scenario, each with all peers in turn; returns its part of results.json."""
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
                    log(f"{scenario.key}, round {number}: {peer.name} {row.runs[-1].seconds:.1f} s")
                except PeerFailed as failed:
                    row.failures.append(str(failed))
                    log(f"{scenario.key}, round {number}: {peer.name} {failed}")
        means = limit.means if limit else ""
    return {
        "title": scenario.title,
        "note": scenario.note + (f" The quota is set by {means}." if means else ""),
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
    """Prints a line of progress to standard error."""
    sys.stderr.write(line + "\n")
