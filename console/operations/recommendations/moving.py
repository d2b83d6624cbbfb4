"""What moving an original costs, by the engine as it was last measured: memory, and how many requests it takes.

A test holds the engine's figures against the benchmark, and each sum against the cost model.
"""

from __future__ import annotations

from cloud_sync_common import prices
from cloud_sync_common.exceptions import OriginalUnavailableError
from cloud_sync_common.stores import manifest
from cloud_sync_common.transfer import part_plan
from cloud_sync_common.transfer.part_plan import MIB

from console.operations.estimate import speed_of_a_function
from console.operations.recommendations.facts import Facts
from console.operations.recommendations.recommendation import Change, Cost, Recommendation, of, paid, recommendation

# Seconds of a function in which no byte moves, for an original in one request and in parts, and the most memory in MiB
# (benchmarks/results.json); Lambda's own runtime needs so much besides, by an estimate.
WAITING, WAITING_IN_PARTS, MOST_MEMORY, RUNTIME_MEMORY = 0.114, 0.441, 82, 45
SIZES = (256, 512, 768, 1024, 1769)  # MB of memory that are compared
WITHIN_USD = 0.01  # a month, for which a faster function is worth more
SECONDS = 900.0  # of an invocation, by which parts are planned
_BASIS = "the values that the stack was deployed with; the engine as it was last measured, not on AWS; {}"


def children(facts: Facts) -> float:
    """Batches of a month, each of which is an execution and an invocation of its own."""
    if not facts.files:
        return 0
    return facts.files / min(manifest.BATCH_ITEMS, max(manifest.BATCH_BYTES // max(int(facts.average), 1), 1))


def _single_put(facts: Facts) -> int:
    mib = facts.number("single_put_mib")
    return part_plan.SINGLE_PUT if mib is None else mib * MIB


def parts(size: float) -> int:
    """Of an original that goes in parts; 0: S3 has no room for it."""
    try:
        return part_plan.plan_parts(int(size), SECONDS).count
    except OriginalUnavailableError:
        return 0


def trail_events(facts: Facts) -> int:
    """Requests to the archive for an original: one, or to begin, for each part and to end, to list them and to look."""
    return 1 if facts.average <= _single_put(facts) else parts(facts.average) + 4


def memory(facts: Facts) -> Recommendation | None:
    """The fastest of the sizes that costs at most a cent a month more than the cheapest, if it is less than there is.
    A size that the engine does not fit into does not count."""
    now = facts.number("downloader_memory_mb")
    if now is None or not facts.files:
        return None
    costs = {size: _computing(facts, size) for size in SIZES if size >= MOST_MEMORY + RUNTIME_MEMORY}
    good = [size for size, cost in costs.items() if cost.usd <= min(one.usd for one in costs.values()) + WITHIN_USD]
    best = max(good, key=lambda size: (speed_of_a_function(size), -size))
    fast, slow = speed_of_a_function(now), speed_of_a_function(best)
    loss = f"{slow / 1e6:.0f} MB a second for each function, instead of {fast / 1e6:.0f}"
    return recommendation(
        "memory",
        f"Give video-downloader {best:,} MB of memory, instead of {now:,}.",
        Change([_computing(facts, now)], [costs[best]]),
        lost=f"A run takes longer: {loss}." if slow < fast else "Nothing that was measured: it is no slower.",
        command=facts.deploy(f"downloader_memory_mb={best}"),
        basis=_BASIS.format(facts.basis_of_growth),
        left_alone=f"{now:,} MB cost no more than a cent more than the cheapest size." if now <= best else "",
    )


def _computing(facts: Facts, size: int) -> Cost:
    waiting = WAITING if facts.average <= _single_put(facts) else WAITING_IN_PARTS
    seconds = facts.average / speed_of_a_function(size) + waiting
    factors = of(facts.files, "originals"), of(seconds, "s"), of(size / 1024, "GB")
    return paid(f"{size:,} MB of memory", prices.LAMBDA_GB_SECOND, *factors)


def single_put(facts: Facts) -> Recommendation | None:
    """Originals that go in parts now, and would go in one request."""
    mib, most = facts.number("single_put_mib"), part_plan.SINGLE_PUT
    if mib is None or mib * MIB >= most or not mib * MIB < facts.average <= most:
        return None
    return recommendation(
        "single-put",
        f"Upload originals of up to {most // MIB} MiB in one request, instead of up to {mib} MiB.",
        Change(_in_parts(facts), _in_one(facts)),
        lost="A connection that breaks costs what was sent of such an original before: up to 27 seconds at 5 MB a "
        "second.",
        command=facts.deploy(f"single_put_mib={most // MIB}"),
        basis=_BASIS.format(f"{facts.basis_of_growth}, as if all were of their average size"),
    )


def _in_parts(facts: Facts) -> list[Cost]:
    """To begin, the parts, to end, and to list them; a look at the object, and a row of the ledger for the upload."""
    originals, puts = of(facts.files, "originals"), parts(facts.average) + 2
    return [
        paid("requests that write, and one that lists", prices.S3_PUT, originals, of(puts + 1, "requests")),
        paid("a look at each", prices.S3_GET, originals),
        paid("a row for the upload", prices.DYNAMODB_WRITE, originals, of(prices.WRITES_OF_AN_UPLOAD, "writes")),
        *_besides(facts, puts, puts + 2, WAITING_IN_PARTS),
    ]


def _in_one(facts: Facts) -> list[Cost]:
    requests = of(facts.files, "originals"), of(1, "request")
    return [paid("requests that write", prices.S3_PUT, *requests), *_besides(facts, 1, 1, WAITING)]


def _besides(facts: Facts, puts: int, events: int, waiting: float) -> list[Cost]:
    """What the requests cost elsewhere, and the function while nothing moves. The number of audited events is the cost
    model's."""
    originals = of(facts.files, "originals")
    size = facts.number("downloader_memory_mb") or 512
    trail = [paid("events of the audit trail", prices.AUDIT_EVENT, originals, of(events, "requests"))]
    return [
        paid("KMS", prices.KMS_REQUEST, originals, of(puts * prices.BUCKET_KEY_SHARE, "requests")),
        paid("waiting", prices.LAMBDA_GB_SECOND, originals, of(waiting, "s"), of(size / 1024, "GB")),
        *(trail if facts.found.kept.trail else []),
    ]
