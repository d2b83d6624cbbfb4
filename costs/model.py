"""The cost model: how much of each priced unit a library of N files of S bytes uses, line by line.

The prices are in `cloud_sync_common.prices`, the environments in `cloud_sync.config`, and the states that a video
enters in the state machine definition. Sizes are bytes, GB are 10^9 bytes (as AWS bills S3), memory is Lambda's MB
(2^20).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from cloud_sync_common import metrics_utils, prices
from cloud_sync_common.prices import Price
from cloud_sync_common.stores import manifest
from cloud_sync_common.transfer import part_plan

from cloud_sync.alarm_names import alarm_names
from cloud_sync.config import Config
from cloud_sync.definition import definition

MIB, GIB, GB = 1024**2, 1024**3, prices.GB
MB_PER_VCPU = 1769  # Lambda developer guide, "Configure Lambda function memory"
NETWORK = 74_400_000  # bytes per second each way: the limit of a function with 512 MB or more (demo-s3-archiving)
FLOOR_ON_LAMBDA = 4.0  # CPU-seconds per GiB on arm64 of a relay in C or Rust: 4.0 by calibration, 3.8 measured
INVOCATION_SECONDS = 900.0
ESTIMATED_WAITING = 1.5  # seconds per video in which no byte moves, as long as nobody has measured them
LAMBDA_MEMORY = 45  # MiB that Lambda's own runtime needs beside the process; an estimate
FLOW_LOG_GB = 0.01  # a month's rejected connections; an estimate
TRAIL_FILES = 12 * 24 * 30 + 24 * 30  # CloudTrail delivers about every five minutes, and a digest every hour
DAYS_PER_MONTH = 30
# What CloudWatch charges no account for, however old (cloudwatch/pricing, "Free tier"). A dashboard counts as free with
# up to 50 metrics.
ALWAYS_FREE = {prices.ALARM_MONTH: 10, prices.METRIC_MONTH: 10, prices.DASHBOARD_MONTH: 3}
METRICS_OF_A_FREE_DASHBOARD = 50
MEMORY_SIZES = (128, 256, 512, 768, 1024, 1769)


@dataclass(frozen=True)
class Library:
    """The files to archive."""

    files: int
    file_bytes: int

    @property
    def gb(self) -> float:
        return self.files * self.file_bytes / GB


@dataclass(frozen=True)
class Engine:
    """The measured engine: its CPU-seconds per GiB relative to the floor, its peak memory in MiB, and the function's
    seconds per video in which no byte moves, of those that go in one request and of those in parts."""

    times_the_floor: float
    max_rss_mib: float
    waiting: float = ESTIMATED_WAITING
    waiting_in_parts: float = ESTIMATED_WAITING

    @property
    def cpu_per_gib(self) -> float:
        """CPU-seconds per GiB on Lambda, arm64."""
        return self.times_the_floor * FLOOR_ON_LAMBDA

    def throughput(self, memory_mb: int) -> float:
        """Bytes per second of one function: its share of a vCPU, or the network."""
        vcpu = min(memory_mb / MB_PER_VCPU, 1.0)
        return min(vcpu / self.cpu_per_gib * GIB, NETWORK)

    def fits(self, memory_mb: int) -> bool:
        return self.max_rss_mib + LAMBDA_MEMORY <= memory_mb


@dataclass(frozen=True)
class Design:
    """The choices that determine the cost. `direct`: uploads go straight into Deep Archive; `part_bytes` None: part
    sizes as the engine plans them."""

    memory_mb: int = 512
    part_bytes: int | None = None
    single_put_bytes: int = part_plan.SINGLE_PUT
    states_per_child: int = 2
    batch_items: int = manifest.BATCH_ITEMS
    direct: bool = False
    extras: prices.Extras = field(default_factory=prices.Extras)

    def children(self, library: Library) -> float:
        """The number of batches of a library; each is a child execution of the map and an invocation."""
        by_size = max(manifest.BATCH_BYTES // library.file_bytes, 1)
        return library.files / min(self.batch_items, by_size)

    @classmethod
    def of_the_stack(cls, config: Config) -> Design:
        """The design of the present stack in an environment."""
        _, child = states_of_a_run()
        return cls(
            config.downloader_memory_mb,
            single_put_bytes=config.single_put_mib * MIB,
            states_per_child=len(child),
            direct=config.deep_archive_after_days == 0,
            extras=prices.Extras(config.private_network, config.audit_trail),
        )


@dataclass(frozen=True)
class Line:
    """A number of priced units, and how it was counted."""

    price: Price
    count: float
    how: str

    @property
    def usd(self) -> float:
        return self.count * self.price.each


def total(lines: list[Line]) -> float:
    return sum(line.usd for line in lines)


def usual_states(machine: dict[str, Any]) -> list[str]:
    """The states that a run (or a child of a map) enters when nothing fails and nothing is repeated."""
    entered, name = [], machine["StartAt"]
    while name:
        entered.append(name)
        state = machine["States"][name]
        name = state.get("Default") or state.get("Next")
    return entered


def states_of_a_run() -> tuple[list[str], list[str]]:
    """The usual states of a run, and those of a child of its map."""
    machine = definition()
    return usual_states(machine), usual_states(machine["States"]["EachBatch"]["ItemProcessor"])


def transfer(library: Library, design: Design, engine: Engine) -> list[Line]:
    """Compute and requests, from the provider to the archive and on into Deep Archive."""
    files, invocations = library.files, design.children(library)
    return [
        *_compute(library, design, engine),
        *_transitions(library, design),
        *_s3_requests(library, design),
        *_ledger(library, design),
        Line(prices.SECRETS_REQUEST, invocations + prices.INVOCATIONS_PER_RUN, "one read per invocation"),
        Line(
            prices.KMS_REQUEST,
            invocations + prices.INVOCATIONS_PER_RUN + _puts(library, design) * files * prices.BUCKET_KEY_SHARE,
            "one per secret read, and 1 % of the writes to S3",
        ),
        Line(
            prices.LOGS_GB,
            (files * prices.LOG_BYTES_PER_VIDEO + invocations * prices.LOG_BYTES_PER_CHILD) / GB,
            f"{prices.LOG_BYTES_PER_VIDEO:,} bytes per video and {prices.LOG_BYTES_PER_CHILD:,} per child",
        ),
        Line(prices.XRAY_TRACE, invocations, "one per child at most; most are not sampled"),
        *_extras(library, design),
    ]


def _extras(library: Library, design: Design) -> Iterator[Line]:
    """What only an environment with a private network or an audit trail pays for a transfer."""
    if design.extras.private_network:
        how = {prices.NAT_GB: "the originals, on their way in", prices.ZONE_GB: "half of them, at both ends"}
        usage = prices.network_usage(library.files * library.file_bytes)
        yield from (Line(price, gb, how[price]) for price, gb in usage.items())
    if design.extras.audit_trail:
        each = _puts(library, design) + (2 if library.file_bytes > design.single_put_bytes else 0)
        how_often = f"{library.files:,} × {each} requests to the archive"
        yield Line(prices.AUDIT_EVENT, library.files * each, how_often)


def _compute(library: Library, design: Design, engine: Engine) -> list[Line]:
    seconds = library.file_bytes / engine.throughput(design.memory_mb)
    waiting = engine.waiting if library.file_bytes <= design.single_put_bytes else engine.waiting_in_parts
    gb_seconds = library.files * (seconds + waiting) * design.memory_mb / 1024
    how = (
        f"{library.files:,} × ({library.file_bytes / 1e6:,.0f} MB ÷ {engine.throughput(design.memory_mb) / 1e6:.1f} "
        f"MB/s + {waiting:.2f} s) × {design.memory_mb}/1024 GB"
    )
    invocations = design.children(library) + prices.INVOCATIONS_PER_RUN
    return [
        Line(prices.LAMBDA_GB_SECOND, gb_seconds, how),
        Line(prices.LAMBDA_REQUEST, invocations, "one per child, four per run"),
    ]


def _transitions(library: Library, design: Design) -> list[Line]:
    """A distributed map is charged one transition for each child that it starts, in addition to the states that the
    child enters (Step Functions developer guide, "Transitions")."""
    children, run = design.children(library), len(states_of_a_run()[0])
    count = children * (design.states_per_child + 1) + run
    how = f"{children:,.0f} × ({design.states_per_child} states + 1 for the child) + {run} of the run"
    return [Line(prices.STEP_FUNCTIONS_TRANSITION, count, how)]


def _puts(library: Library, design: Design) -> int:
    """Write requests per file: one PUT, or CreateMultipartUpload, the parts and CompleteMultipartUpload."""
    if library.file_bytes <= design.single_put_bytes:
        return 1
    part_bytes = design.part_bytes or part_plan.plan_parts(library.file_bytes, INVOCATION_SECONDS).part_size
    return -(-library.file_bytes // part_bytes) + 2


def _s3_requests(library: Library, design: Design) -> list[Line]:
    """The request that completes an object in Deep Archive costs as much as a lifecycle transition into it, the others
    cost as much as in Standard (S3 user guide, "Multipart upload and pricing")."""
    files, puts = library.files, _puts(library, design)
    ordinary = puts - 1 if design.direct else puts
    listed = 0 if puts == 1 else 1
    text = "one PutObject" if puts == 1 else f"create, {puts - 2} parts, complete"
    text += "; the last is billed in the next line" if design.direct else ""
    return [
        Line(prices.S3_PUT, files * (ordinary + listed), f"{files:,} × ({text}{' and ListParts' if listed else ''})"),
        Line(prices.S3_INTO_DEEP_ARCHIVE, files, f"{files:,} objects, {'at upload' if design.direct else 'lifecycle'}"),
        Line(prices.S3_GET, files * listed, "one HeadObject for each file uploaded in parts"),
    ]


def _ledger(library: Library, design: Design) -> list[Line]:
    """Each write of a row that is in the index is repeated there, twice if its index key changes (DynamoDB developer
    guide, "Global secondary indexes", write capacity)."""
    single = library.file_bytes <= design.single_put_bytes
    writes = prices.WRITES_PER_VIDEO - (prices.WRITES_OF_AN_UPLOAD if single else 0)
    return [
        Line(
            prices.DYNAMODB_WRITE,
            library.files * writes + design.children(library) * prices.WRITES_PER_BATCH,
            f"{library.files:,} × {writes}, the index included, and {prices.WRITES_PER_BATCH} per child",
        ),
        Line(
            prices.DYNAMODB_READ,
            library.files * prices.READS_PER_VIDEO
            + design.children(library) * prices.READS_PER_BATCH
            + prices.READS_PER_RUN,
            f"{library.files:,} × {prices.READS_PER_VIDEO}, {prices.READS_PER_BATCH} per child and "
            f"{prices.READS_PER_RUN} for the settings, strongly consistent",
        ),
    ]


def standard_storage(library: Library, days: int) -> Line:
    """Storage in Standard until the lifecycle transition."""
    how = f"{library.gb:,.0f} GB × {days}/{DAYS_PER_MONTH} of a month"
    return Line(prices.STANDARD_GB_MONTH, library.gb * days / DAYS_PER_MONTH, how)


def deep_archive_storage(library: Library) -> Line:
    """Storage in Deep Archive for a month."""
    return Line(prices.DEEP_ARCHIVE_GB_MONTH, library.gb, f"{library.gb:,.0f} GB, each month")


def archive_overhead(files: float) -> list[Line]:
    """What S3 keeps besides each object of Deep Archive, for a month: its index and its name."""
    how = f"{files:,.0f} objects of {{:,}} bytes"
    return [
        Line(prices.DEEP_ARCHIVE_GB_MONTH, files * prices.INDEX_BYTES / GB, how.format(prices.INDEX_BYTES)),
        Line(prices.STANDARD_GB_MONTH, files * prices.NAME_BYTES / GB, how.format(prices.NAME_BYTES)),
    ]


def instant_retrieval(library: Library, days: int) -> list[Line]:
    """So many days in Glacier Instant Retrieval, of which 90 are billed at least, and the way there."""
    billed_days = max(days, prices.INSTANT_RETRIEVAL_LEAST_DAYS)
    how = f"{library.gb:,.0f} GB × {billed_days}/{DAYS_PER_MONTH} of a month"
    return [
        Line(prices.INSTANT_RETRIEVAL_GB_MONTH, library.gb * billed_days / DAYS_PER_MONTH, how),
        Line(prices.S3_INTO_INSTANT_RETRIEVAL, library.files, f"{library.files:,} objects, lifecycle"),
    ]


def log_storage(library: Library, design: Design, days: int) -> Line:
    """A month's logs, for as long as they are kept."""
    taken_in = library.files * prices.LOG_BYTES_PER_VIDEO + design.children(library) * prices.LOG_BYTES_PER_CHILD
    how = f"{taken_in / 1e6:,.1f} MB × {days}/{DAYS_PER_MONTH} of a month"
    return Line(prices.LOGS_STORED_GB_MONTH, taken_in / GB * days / DAYS_PER_MONTH, how)


def fixed_costs(config: Config) -> list[Line]:
    """What an environment costs a month even if no video is ever archived, before any free tier. A test compares each
    count with the template."""
    alarms = len(alarm_names(config))
    every = set(metrics_utils.UNITS) - metrics_utils.OF_THE_WATCH
    metrics = len(every if config.detailed_monitoring else metrics_utils.ESSENTIAL) * len(config.providers)
    return [
        Line(prices.SECRET_MONTH, len(config.providers), "the credentials"),
        Line(prices.ALARM_MONTH, alarms, f"{alarms} alarms of one metric each"),
        Line(
            prices.METRIC_MONTH,
            metrics * DAYS_PER_MONTH / prices.HOURS_PER_MONTH,
            f"{metrics} metrics, each in one hour of the day: × {DAYS_PER_MONTH}/{prices.HOURS_PER_MONTH}",
        ),
        Line(prices.DASHBOARD_MONTH, 1, "one dashboard"),
        *_fixed_extras(config),
    ]


def _fixed_extras(config: Config) -> Iterator[Line]:
    """The lines of values that only some environments have."""
    if config.is_watched:
        yield Line(
            prices.METRIC_MONTH,
            2 * DAYS_PER_MONTH / prices.HOURS_PER_MONTH * len(config.providers),
            "the watch's metric, in two hours of the day",
        )
    if config.customer_managed_key:
        yield Line(prices.KEY_MONTH, 1, "1.00 more after each of its first two yearly rotations")
    if config.private_network:
        yield Line(prices.NAT_HOUR, prices.HOURS_PER_MONTH, "one gateway, all hours of a month")
        yield Line(prices.PUBLIC_IPV4_HOUR, prices.HOURS_PER_MONTH, "the gateway's address")
        yield Line(prices.LOGS_GB, FLOW_LOG_GB, "rejected connections; an estimate")
    if config.audit_trail:
        yield Line(prices.S3_PUT, TRAIL_FILES, "a file every five minutes and a digest every hour, at most")


def billed(lines: list[Line]) -> float:
    """USD of these lines beyond what every account has free of charge for ever, if nothing else in it uses that."""
    counts: dict[Price, float] = {}
    for line in lines:
        counts[line.price] = counts.get(line.price, 0) + line.count
    return sum(max(count - ALWAYS_FREE.get(price, 0), 0) * price.each for price, count in counts.items())


def choose_memory(library: Library, design: Design, engine: Engine, within_usd: float = 0.01) -> int:
    """The fastest of MEMORY_SIZES that costs at most `within_usd` more than the cheapest for this library. Sizes too
    small for the function do not count; raises ValueError when all are."""
    costs = {
        memory: total(_compute(library, replace(design, memory_mb=memory), engine))
        for memory in MEMORY_SIZES
        if engine.fits(memory)
    }
    if not costs:
        raise ValueError(f"No memory size is enough for a process of {engine.max_rss_mib:.0f} MiB.")
    good = [memory for memory, usd in costs.items() if usd <= min(costs.values()) + within_usd]
    return max(good, key=lambda memory: (engine.throughput(memory), -memory))
