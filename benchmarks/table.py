"""Writes docs/performance.md from results.json: `python -m benchmarks.table`."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.results import TARGETS, NotMeasured, Results, figures, ratio

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results.json", ROOT / "docs" / "performance.md"

HEAD = """# Performance

`python -m benchmarks.table` writes this page from `benchmarks/results.json`; `make bench` measures and writes both.
[measuring.md](measuring.md) says how to read it, where the time goes, and what the figures mean on Lambda.
"""


def page(results: Results) -> str:
    """The whole page."""
    parts = [HEAD, _machine(results), _targets(results)]
    parts += [_scenario(results, key) for key in results["scenarios"]]
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
