"""Writes docs/performance.md from results.json: `python -m benchmarks.table`."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from statistics import median

from benchmarks.results import (
    ENGINE,
    FETCH,
    TARGETS,
    NotMeasured,
    Results,
    figures,
    listing_figures,
    night_figures,
    ratio,
)

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results.json", ROOT / "docs" / "performance.md"

HEAD = """# Performance

`python -m benchmarks.table` writes this page from `benchmarks/results.json`; `make bench` measures and writes both.
[measuring.md](measuring.md) says how to read it, where the time goes, and what the figures mean on Lambda.
"""


def page(results: Results) -> str:
    """The whole page."""
    parts = [HEAD, _machine(results), _targets(results)]
    parts += [scenario(results, key) for key in results["scenarios"]]
    parts += [of_night(results) for key, of_night in (("night", _night), ("listing", _listing)) if key in results]
    return "\n".join(parts)


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


def scenario(results: Results, key: str) -> str:
    """The section about a scenario, in which every other peer is compared with the first."""
    measured = results["scenarios"][key]
    whose = "the engine" if _ours(results, key) == ENGINE else "the first"
    lines = [
        f"## {measured['title']}\n",
        f"{measured['note']} {measured['bytes'] / 1024**2:.0f} MiB in total.\n",
        f"| peer | MB/s | CPU-s/GiB | relative to {whose} | peak memory, MiB | requests per file | rounds |",
        "|---|---|---|---|---|---|---|",
        *(_row(results, key, peer) for peer in measured["peers"]),
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
    """The peer's CPU and throughput as multiples of ours."""
    ours = _ours(results, key)
    try:
        cpu, throughput = (
            1 / ratio(results, key, figure, [peer], min, ours) for figure in ("cpu_per_gib", "throughput")
        )
    except NotMeasured:
        return ""
    return f"{cpu:.2f} × the CPU, {throughput:.2f} × the speed"


def _ours(results: Results, key: str) -> str:
    return FETCH if FETCH in results["scenarios"][key]["peers"] else ENGINE


NIGHT_KINDS = {"clip": "small", "recording": "large"}


def _night(results: Results) -> str:
    latencies = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in results["night"]["latencies"].items())
    lines = [
        "## A night of new clips\n",
        f"The deployed functions, batch after batch in one process, with these latencies: {latencies}.\n",
        "| videos | MB each | function, s | moving, s | waiting, s | CPU, s | ledger writes | requests |",
        "|---|---|---|---|---|---|---|---|",
        *(_night_row(results, kind) for kind in NIGHT_KINDS),
    ]
    with contextlib.suppress(NotMeasured):
        lines.append(_night_sums(results))
    return "\n".join(lines) + "\n"


def _night_row(results: Results, kind: str) -> str:
    try:
        found = night_figures(results, kind)
    except NotMeasured as reason:
        return f"| {NIGHT_KINDS[kind]} | {reason} | | | | | | |"
    megabytes = results["night"]["rounds"][0]["kinds"][kind]["bytes"] / found.videos / 1e6
    requests = ", ".join(f"{name} {count:.3g}" for name, count in found.requests.items())
    return (
        f"| {found.videos} {NIGHT_KINDS[kind]} | {megabytes:.0f} | {found.seconds:.2f} | {found.moving:.2f} | "
        f"{found.waiting:.2f} | {found.cpu:.3f} | {found.write_units:.3g} | {requests} |"
    )


def _night_sums(results: Results) -> str:
    kinds = [night_figures(results, kind) for kind in NIGHT_KINDS]
    seconds = sum(found.seconds * found.videos for found in kinds)
    rounds = results["night"]["rounds"]
    shared = median(of_round["shared_write_units"] for of_round in rounds)
    memory = median(of_round["max_rss_mib"] for of_round in rounds)
    listing = median(of_round["listing_seconds"] for of_round in rounds)
    return (
        f"\nEach figure is per video, of {len(rounds)} rounds. All videos take {seconds:.0f} s of the function, and "
        f"the listing {listing:.1f} s before them. Rows of the run, the batches and the credentials take {shared:.0f} "
        f"more ledger writes. Peak memory: {memory:.0f} MiB."
    )


def _listing(results: Results) -> str:
    lines = [
        "## A night without news\n",
        "| videos | seconds of the function | CPU, s | invocations | requests to the API | peak memory, MiB |",
        "|---|---|---|---|---|---|",
    ]
    try:
        found = listing_figures(results)
        lines.append(
            f"| {found.videos:,} | {found.seconds:.0f} | {found.cpu:.1f} | {found.invocations:.0f} | "
            f"{found.pages:,.0f} | {found.max_rss_mib:.0f} |"
        )
        lines.append(f"\nEach page takes {results['listing']['page_seconds'] * 1000:.0f} ms.")
    except NotMeasured as reason:
        lines.append(f"| {reason} | | | | | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    PAGE.write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
