"""Writes docs/performance.md from results.json: `python -m benchmarks.table`."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.results import TARGETS, NotMeasured, Results, figures, ratio

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results.json", ROOT / "docs" / "performance.md"

HEAD = """# Performance

This page is written by `python -m benchmarks.table` from `benchmarks/results.json`; `make bench` makes both (and what
it needs: nginx, a C compiler and OpenSSL's headers from Debian, the peers from PyPI). `make bench ROUNDS=1 SIZE_MIB=64
SMALL_FILES=100` is a try of a minute or two, which prints its page and writes nothing.

## How to read it

Everything ran on one machine, over loopback, with TLS on both sides: nginx is the source, and a small S3 written for
this purpose (`benchmarks/native/sink.c`) takes the bytes, counts its requests, and forgets them. The engine and its
peers took turns, each run a process of its own. Each figure is the median of the rounds, and each ratio the median of
the ratios within a round, because a slow minute slows both. **Ratios hold; absolute figures are this machine's**, and
drift from hour to hour.

- *CPU-s/GiB* is user and system time of the transfer itself. Python peers report it; of programs, what they need for a
  file of 1 kB is subtracted.
- *Peak memory* is the most resident memory of the process, interpreter and imports included: the engine's has
  everything that the function imports. Of a pipe it is the larger process's.
- *Requests per file* are those that reached either server.
- A run that did not move exactly the bytes that it should is a failure, whatever it says itself.
- The *floor* is the same way of moving bytes in C, without checksums and signatures (`benchmarks/native/relay.c`): what
  OpenSSL and the kernel cost by themselves.
"""

CALIBRATION = """## From here to Lambda

Nothing here ran on AWS. A public, reproducible benchmark of a near-identical job on Lambda (RustyServerless,
demo-s3-archiving: S3 to Lambda to a multipart upload, Python 3.13 and boto3, arm64) took 14.8 CPU-seconds per GiB; the
same code took 6.92 here, in the hour in which the relay prototype took 2.28, and predicts that benchmark's own Rust
figure within 10 %. In the quietest hour that gives 2.95 CPU-seconds on Lambda for one here: one second of a vCPU does
what 0.34 s of a core did. The same runs show that a function moves at most about 74 MB/s each way, from 512 MB of
memory on. `docs/cost.md` derives the function's memory from these two numbers.
"""

PROFILE = """## Where the engine's time goes, and what was tried

*A large file.* By `perf`: AES-GCM on both sides 38 % (OpenSSL), the kernel's TCP 25 %, the interpreter and its calls 15
%, copies between TLS and its memory buffers 12 %, the checksum 1 %. Tried: `ssl.SSLSocket` (1.3 times the CPU: one
system call for each record of 16 KiB), threads (1.1), pieces of 64 to 256 KiB (1.0 to 1.3) and of 1 MiB (the same, and
more than 80 MiB of memory).

*Under a quota.* A process that is stopped for 18 of every 20 ms comes back to cold caches each time. That costs the
floor and rclone a fifth more CPU per GiB than unthrottled, and the engine, whose buffers are larger and whose
instructions are an interpreter's, a third to a half, from hour to hour. Tried: pieces of 64 KiB to 1 MiB, smaller reads
alone, smaller writes alone, 1 to 4 connections, other thresholds of malloc: nothing that stands out of the noise of 15
%; and smaller windows and socket buffers (256 KiB, 1 MiB): 4 to 30 % slower.

*Small files.* The two cores are the bound, and the servers share them: for 2,000 files nginx takes 2.5 CPU-seconds, the
sink 1.5 and the engine 6.1, which are 3.0 ms a file. By `cProfile`, 1.9 ms of those are the bytes (as of a large file),
0.5 ms the signature (botocore), 0.4 ms the heads of two requests (h11), and the rest the loop. In that hour rclone took
5.5 s; a peer as lean as the floor in C would have needed 3.7 s and one that took nothing 2.0 s. Half of rclone's time
is out of reach where everything is encrypted twice on two cores. Tried: a process for each of the eight files (6.2 to
7.0 s, a third more CPU), two processes (5.6 to 6.4 s). Left alone: a signature of our own in the place of botocore's.
"""


def page(results: Results) -> str:
    """The whole page."""
    parts = [HEAD, _machine(results), _targets(results)]
    parts += [_scenario(results, key) for key in results["scenarios"]]
    return "\n".join([*parts, PROFILE, CALIBRATION])


def _machine(results: Results) -> str:
    machine, versions = results["machine"], results["versions"]
    lines = [
        "## The machine\n",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB of memory, {machine['kernel']}; "
        f"measured on {results['date']}, {results['rounds']} rounds; load before the first: {machine['load']}.\n",
        *([f"**{results['remark']}**\n"] if "remark" in results else []),
        "| | version |",
        "|---|---|",
        *(f"| {name} | {text} |" for name, text in versions.items()),
    ]
    return "\n".join(lines) + "\n"


def _targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        reached, verdict = target.judge(results)
        rows.append(f"| {target.text} | {target.bound} | {reached} | {verdict} |")
    return "\n".join(["## Targets\n", "| engine | target | reached | |", "|---|---|---|---|", *rows]) + "\n"


def _scenario(results: Results, key: str) -> str:
    played = results["scenarios"][key]
    lines = [
        f"## {played['title']}\n",
        f"{played['note']} {played['bytes'] / 1024**2:.0f} MiB in all.\n",
        "| peer | MB/s | CPU-s/GiB | against the engine | peak memory, MiB | requests per file | rounds |",
        "|---|---|---|---|---|---|---|",
        *(_row(results, key, peer) for peer in played["peers"]),
    ]
    return "\n".join(lines) + "\n"


def _row(results: Results, key: str, peer: str) -> str:
    name = peer.replace("|", "\\|")
    try:
        found = figures(results, key, peer)
    except NotMeasured as reason:
        return f"| {name} | {str(reason).removeprefix(f'{peer}: ')} | | | | | |"
    return (
        f"| {name} | {found.throughput:.0f} | {found.cpu_per_gib:.2f} | {_against(results, key, peer)} | "
        f"{found.max_rss_mib:.0f} | {found.requests_per_file:.4g} | {found.rounds}{_failed(found.failures)} |"
    )


def _failed(failures: int) -> str:
    return f", {failures} failed" if failures else ""


def _against(results: Results, key: str, peer: str) -> str:
    """How many times the engine's CPU and throughput."""
    try:
        cpu, throughput = (1 / ratio(results, key, figure, [peer], min) for figure in ("cpu_per_gib", "throughput"))
    except NotMeasured:
        return ""
    return f"{cpu:.2f} × the CPU, {throughput:.2f} × the speed"


def main() -> None:
    PAGE.write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
