"""Writes docs/cost.md: `make cost`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cloud_sync_common import prices

from benchmarks import results
from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.storage_tiers import INSTANT_RETRIEVAL_MINIMUM_DAYS
from costs import catalogue
from costs.model import (
    ESTIMATED_WAITING,
    FLOOR_ON_LAMBDA,
    MB_PER_VCPU,
    MEMORY_SIZES,
    MIB,
    NETWORK,
    Design,
    Engine,
    Library,
    Line,
    billed,
    choose_memory,
    deep_archive_storage,
    fixed_costs,
    instant_retrieval,
    standard_storage,
    total,
    transfer,
)

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results.json", ROOT / "docs" / "cost.md"
EXAMPLE = Library(files=1_000, file_bytes=100_000_000)
TARGET_USD = 0.085
ITEMS_OF_A_CATALOGUE = 10_000
ESTIMATED_TRANSFER, ESTIMATED_TOTAL = 3.10, 3.20  # USD for the same library, estimated before development
DEPLOYED = ("dev", "staging", "prod")
# The values of an environment that cost something each month.
COSTLY = ("customer_managed_key", "detailed_monitoring", "private_network", "audit_trail")

INTRODUCTION = """# Cost

`make cost` writes this page from the cost model (`costs/model.py`), the prices (`prices.py` in the layer, which each
run's report uses too), the state machine definition and the last benchmark. All costs are in USD for us-east-1, as of
{as_of}, **before any free tier**: at this scale the free tiers of Lambda and Step Functions cover most of them.

The example throughout is a library of {gb:,.0f} GB in {files:,} files.
"""

OMITTED = """## What is not counted

A night without anything new costs {night:.4f} USD. [cost-notes.md](cost-notes.md) lists what else the sums leave out.
"""


def measured_engine() -> Engine:
    """The engine in the last benchmark. Raises results.NotMeasured."""
    found = json.loads(RESULTS.read_text())
    times_the_floor = results.ratio(found, "one", "cpu_per_gib", [results.RELAY], min)
    one, huge = results.figures(found, "one", results.ENGINE), results.figures(found, "huge", results.ENGINE)
    memory = max(one.max_rss_mib, huge.max_rss_mib)
    return Engine(times_the_floor, memory, _waiting(found, "clip"), _waiting(found, "recording"))


def _waiting(found: results.Results, kind: str) -> float:
    """Of one kind of video in the night of new clips; an estimate, where no night was measured."""
    try:
        return results.night_figures(found, kind).waiting
    except results.NotMeasured:
        return ESTIMATED_WAITING


def page(engine: Engine) -> str:
    """The whole page."""
    return "\n".join(
        [
            INTRODUCTION.format(as_of=prices.AS_OF, gb=EXAMPLE.gb, files=EXAMPLE.files),
            _transfer(engine),
            _changes(engine),
            _memory(engine),
            _routes(engine),
            _environments(engine),
            _fixed(),
            _costly(engine),
            _catalogue(),
            _prices(),
            OMITTED.format(night=_empty_night()),
        ]
    )


def plain(usd: float) -> str:
    """A price without an exponent, with at least two decimals."""
    text = f"{usd:.10f}".rstrip("0")
    return text if len(text.partition(".")[2]) >= 2 else f"{usd:.2f}"


def design_of(config: Config) -> Design:
    return Design.of_the_stack(config)


def _count(count: float) -> str:
    return f"{count:,.0f}" if count >= 100 else f"{count:.3f}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _transfer(engine: Engine) -> str:
    lines = transfer(EXAMPLE, design_of(ENVIRONMENTS["dev"]), engine)
    usd = total(lines)
    verdict = "met" if usd <= TARGET_USD else f"**not met**, {usd / TARGET_USD:.2f} times the target"
    return "\n".join(
        [
            "## Transfer: compute and requests\n",
            f"The transfer costs **{usd:.3f} USD**. The estimate before development was {ESTIMATED_TRANSFER:.2f} USD. "
            f"The target of at most {TARGET_USD:.3f} USD is {verdict}.\n",
            _table(lines),
        ]
    )


def _table(lines: list[Line], *, has_total: bool = True) -> str:
    rows = [
        f"| {line.price.name} | {line.how} | {_count(line.count)} | {plain(line.price.usd)} per {line.price.per:,} "
        f"| {line.usd:.4f} |"
        for line in lines
    ]
    head = ["| item | calculation | units | price, USD | USD |", "|---|---|---|---|---|"]
    last = [f"| **total** | | | | **{total(lines):.4f}** |"] if has_total else []
    return "\n".join([*head, *rows, *last]) + "\n"


def _changes(engine: Engine) -> str:
    """The cost of other designs, each change alone."""
    now = design_of(ENVIRONMENTS["dev"])
    changes: dict[str, Callable[[Design], Design]] = {
        "one request only for files of up to 64 MiB": lambda d: replace(d, single_put_bytes=64 * MIB),
        "one video per child execution": lambda d: replace(d, batch_items=1),
        "straight into Deep Archive": lambda d: replace(d, direct=True),
    }
    before = total(transfer(EXAMPLE, now, engine))
    rows = []
    for text, change in changes.items():
        usd = total(transfer(EXAMPLE, change(now), engine))
        rows.append(f"| {text} | {usd:.3f} | {usd - before:+.3f} |")
    return "\n".join(
        [
            "### What other designs would cost\n",
            "Each row changes one choice.\n",
            "| change | USD | difference |",
            "|---|---|---|",
            f"| none | {before:.3f} | |",
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
            rows.append(f"| {memory} | too small for {engine.max_rss_mib:.0f} MiB and Lambda's runtime | | |")
            continue
        duration = transfer(EXAMPLE, replace(design, memory_mb=memory), engine)[0]
        speed = engine.throughput(memory)
        limit = "network" if speed == NETWORK else "CPU"
        rows.append(f"| {memory} | {speed / 1e6:.1f} ({limit}) | {duration.count:,.0f} | {duration.usd:.4f} |")
    fastest = choose_memory(EXAMPLE, design, engine)
    return "\n".join(
        [
            "## The function's memory\n",
            f"Lambda allocates CPU in proportion to memory: {MB_PER_VCPU} MB are one vCPU. The engine needs "
            f"{engine.times_the_floor:.2f} times the CPU of the floor ([performance.md](performance.md)), and the "
            f"floor needs {FLOOR_ON_LAMBDA:.1f} CPU-seconds per GiB on Lambda's arm64, so the engine needs "
            f"{engine.cpu_per_gib:.1f}. No function transfers more than {NETWORK / 1e6:.1f} MB/s. Up to that limit "
            "more memory makes the transfer faster at the same cost per GB; beyond it, more memory only costs more.\n",
            "| MB | MB/s (limited by) | GB-seconds | USD |",
            "|---|---|---|---|",
            *rows,
            f"\nThe stack has **{config.downloader_memory_mb} MB**, with which the transfer is within its target. The "
            f"fastest size for at most a cent more is {fastest} MB (`downloader_memory_mb`). Each video includes "
            f"{engine.waiting:.2f} s in which no byte moves, and one in parts {engine.waiting_in_parts:.2f} s.\n",
        ]
    )


def _routes(engine: Engine) -> str:
    """Requests and storage until the library is in Deep Archive."""
    design = design_of(ENVIRONMENTS["dev"])
    rows = []
    for days in (0, 1, 7, 30):
        lines = transfer(EXAMPLE, replace(design, direct=days == 0), engine)
        requests = total([line for line in lines if line.price in (prices.S3_PUT, prices.S3_INTO_DEEP_ARCHIVE)])
        storage = standard_storage(EXAMPLE, days).usd
        name = "straight into Deep Archive" if days == 0 else f"Standard, lifecycle after {_days(days)}"
        rows.append(f"| {name} | {requests:.3f} | {storage:.3f} | {requests + storage:.3f} |")
    instant = instant_retrieval(EXAMPLE, INSTANT_RETRIEVAL_MINIMUM_DAYS)[0].usd
    return "\n".join(
        [
            "## Routes into Deep Archive\n",
            "| route | S3 requests, USD | storage in Standard, USD | total, USD |",
            "|---|---|---|---|",
            *rows,
            f"\nGlacier Instant Retrieval on the way bills at least {INSTANT_RETRIEVAL_MINIMUM_DAYS} days: "
            f"{instant:.2f} USD more, as much as {instant / deep_archive_storage(EXAMPLE).usd:.0f} months of Deep "
            "Archive. Synthesis refuses a configuration in which this tier loses money.\n",
        ]
    )


def _environments(engine: Engine) -> str:
    rows = []
    for name in DEPLOYED:
        config = ENVIRONMENTS[name]
        moved = total(transfer(EXAMPLE, design_of(config), engine))
        standard = standard_storage(EXAMPLE, config.deep_archive_after_days).usd
        archived = deep_archive_storage(EXAMPLE).usd
        rows.append(
            f"| {name} | {moved:.3f} | {standard:.3f} ({_days(config.deep_archive_after_days)}) | {archived:.3f} "
            f"| {moved + standard + archived:.2f} |"
        )
    return "\n".join(
        [
            "## Each environment, in the month in which this library arrives\n",
            "| environment | transfer | storage in Standard | Deep Archive, each month | total |",
            "|---|---|---|---|---|",
            *rows,
            f"| *estimate before development* | {ESTIMATED_TRANSFER:.2f} | | "
            f"{ESTIMATED_TOTAL - ESTIMATED_TRANSFER:.2f} | {ESTIMATED_TOTAL:.2f} |",
            "\nThe fixed costs below come on top. In prod, the transfer includes what the NAT gateway charges for each "
            "GB from the provider, and the events of the audit trail.\n",
        ]
    )


def _fixed() -> str:
    """What an environment costs a month whatever it moves, in both ways of counting."""
    lines = {name: fixed_costs(ENVIRONMENTS[name]) for name in DEPLOYED}
    every: list[prices.Price] = []
    for line in (line for found in lines.values() for line in found):
        every += [line.price] if line.price not in every else []
    rows = [f"| {price.name} | {' | '.join(_usd_of(price, lines[name]) for name in DEPLOYED)} |" for price in every]
    return "\n".join(
        [
            "## Fixed cost of each environment, each month\n",
            f"**dev costs {billed(lines['dev']):.2f} USD a month** beyond what CloudWatch gives every account free of "
            f"charge for ever, and {total(lines['dev']):.2f} USD before that.\n",
            f"| item | {' | '.join(DEPLOYED)} |",
            "|---|" + "---|" * len(DEPLOYED),
            *rows,
            f"| **before any free tier** | {' | '.join(f'**{total(lines[name]):.2f}**' for name in DEPLOYED)} |",
            f"| **billed** | {' | '.join(f'**{billed(lines[name]):.2f}**' for name in DEPLOYED)} |",
            "\n*Billed* leaves out the 10 alarms, 10 metrics and 3 dashboards of up to 50 metrics that are always "
            "free. They are of the account, not of the stack: a second environment in the same account, or anything "
            "else that uses them, pays for its own share. "
            f"dev has {_counted(lines['dev'])}; prod has {_counted(lines['prod'])}.\n",
        ]
    )


def _usd_of(price: prices.Price, lines: list[Line]) -> str:
    return next((f"{line.usd:.2f}" for line in lines if line.price == price), "")


def _counted(lines: list[Line]) -> str:
    return " and ".join(line.how for line in lines if line.price in (prices.ALARM_MONTH, prices.METRIC_MONTH))


def _costly(engine: Engine) -> str:
    """What each costly value adds to dev, alone."""
    dev = ENVIRONMENTS["dev"]
    rows = []
    for value in COSTLY:
        switched_on: dict[str, Any] = {value: True}
        with_it = replace(dev, **switched_on)
        before, after = fixed_costs(dev), fixed_costs(with_it)
        moved = total(transfer(EXAMPLE, design_of(with_it), engine)) - total(transfer(EXAMPLE, design_of(dev), engine))
        on = ", ".join(name for name in DEPLOYED if getattr(ENVIRONMENTS[name], value))
        rows.append(
            f"| `{value}` | {on} | {total(after) - total(before):.2f} | {billed(after) - billed(before):.2f} "
            f"| {moved:.2f} |"
        )
    return "\n".join(
        [
            "### What each value adds\n",
            "Each value alone, added to dev, in USD. The last column is for the transfer of the example, once.\n",
            f"| value | on in | a month, before any free tier | a month, billed | for these {EXAMPLE.gb:,.0f} GB |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _catalogue() -> str:
    """What is described costs once, and each month."""
    once, monthly = catalogue.once(ITEMS_OF_A_CATALOGUE), catalogue.each_month(ITEMS_OF_A_CATALOGUE)
    return "\n".join(
        [
            "## The catalogue\n",
            f"To describe {ITEMS_OF_A_CATALOGUE:,} items costs **{total(once):.2f} USD**, once; a run's report does "
            "not count it.\n",
            _table(once, has_total=False),
            f"To keep them described costs **{total(monthly):.4f} USD a month** ([catalogue.md](catalogue.md)).\n",
            _table(monthly, has_total=False),
        ]
    )


def _empty_night() -> float:
    """USD of a run that finds nothing new."""
    nothing = prices.RunWork(videos=0, batches=0, gb_seconds=0, requests=0, slices=0, bytes_moved=0)
    return prices.run_cost(nothing, prices.Extras())


def _prices() -> str:
    rows = [
        f"| {price.name} | {plain(price.usd)} | {price.per:,} {price.unit} | {price.source} |"
        for price in prices.PRICES
    ]
    head = [f"## Prices, {prices.AS_OF}\n", "| item | USD | per | source |", "|---|---|---|---|"]
    source = "\n[cost-notes.md](cost-notes.md) says what the sources are.\n"
    return "\n".join([*head, *rows, source])


def main() -> None:
    PAGE.write_text(page(measured_engine()))


if __name__ == "__main__":
    main()
