"""How long a run takes and what it costs, by what it would move. USD of us-east-1, before any free tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec
from cloud_sync_common import prices
from cloud_sync_common.exceptions import OriginalUnavailableError
from cloud_sync_common.prices import GB
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.transfer.part_plan import MIB, plan_parts

from console.operations.deployed_functions import Deployed
from console.operations.fixed_costs import DAYS_PER_MONTH
from console.operations.runs import Run, latest
from console.operations.storage import Lifecycle
from console.stack import Stack

# What the cost model has of the engine as it was last measured (docs/cost.md); a test compares.
CPU_SECONDS_PER_GIB, MB_PER_VCPU, MOST_BYTES_PER_SECOND = 8.2, 1769, 74_400_000
WAITING_SECONDS = 1.5  # of a function for each video, in which no byte moves; an estimate
LEAST_MOVED = 100_000_000  # bytes of a run whose speed says something
RUNS_LOOKED_AT = 50


@dataclass
class Work:
    """What a run would move: videos, bytes as far as they are known, and what that takes. `requests` write to S3,
    `seconds` are those of the functions."""

    videos: int = 0
    known_bytes: int = 0
    known: int = 0  # videos with a size
    batches: int = 0
    requests: int = 0
    slices: int = 0
    seconds: float = 0

    def add(self, items: Sequence[MediaItem], batches: int, deployed: Deployed) -> None:
        """Adds videos that go in so many batches."""
        self.videos += len(items)
        self.batches += batches
        for item in items:
            self.known += item.size is not None
            self.known_bytes += item.size or 0
            self.requests += requests_of(item.size or 0, deployed)
            seconds = (item.size or 0) / speed_of_a_function(deployed.downloader_memory_mb) + WAITING_SECONDS
            self.seconds += seconds
            self.slices += 1 + int(seconds // deployed.downloader_timeout_seconds)

    @property
    def bytes(self) -> int:
        """Those of unknown size count as the average of the others."""
        return round(self.known_bytes * self.videos / self.known) if self.known else 0


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes per second of a whole run; `runs` are how many have shown it, 0: it is assumed."""

    bytes_per_second: float
    runs: int


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """`hours` for all of it. `run_usd` is what moving costs, `first_usd` the storage until it is in Deep Archive,
    `month_usd` each month from then on. `runs` is how many it takes: one run reads so much at most (max_run_gb)."""

    hours: float
    runs: int
    run_usd: float
    first_usd: float
    month_usd: float


def speed_of_a_function(memory_mb: int) -> float:
    """Bytes per second: its share of a vCPU, or the network."""
    cpu = min(memory_mb / MB_PER_VCPU, 1.0)
    return min(cpu / CPU_SECONDS_PER_GIB * 1024**3, MOST_BYTES_PER_SECOND)


def requests_of(size: int, deployed: Deployed) -> int:
    """The requests that write one file to S3: one, or its parts, and two more to begin and to complete."""
    if size <= deployed.single_put_mib * MIB:
        return 1
    try:
        return plan_parts(size, deployed.downloader_timeout_seconds, deployed.connections_per_video).count + 2
    except OriginalUnavailableError:
        return 1  # it is too large for S3, and will fail


def measured_speeds(stack: Stack, deployed: Deployed) -> dict[str, Speed]:
    """By the last runs of each provider that have moved enough to tell; otherwise one function's speed. Raises
    botocore's errors."""
    runs = list(islice(latest(stack), RUNS_LOOKED_AT))
    return {provider: speed_of(runs, provider, deployed) for provider in stack.secrets}


def speed_of(runs: Sequence[Run], provider: str, deployed: Deployed) -> Speed:
    """Of all that these runs of the provider have moved together."""
    told = [
        run for run in runs if run.provider == provider and run.seconds and (run.bytes_archived or 0) >= LEAST_MOVED
    ]
    if not told:
        return Speed(bytes_per_second=speed_of_a_function(deployed.downloader_memory_mb), runs=0)
    moved, seconds = sum(run.bytes_archived or 0 for run in told), sum(run.seconds or 0 for run in told)
    return Speed(bytes_per_second=moved / seconds, runs=len(told))


def estimate(work: Work, speed: Speed, deployed: Deployed, lifecycle: Lifecycle) -> Estimate:
    """Nothing for no work but what a run costs that finds nothing."""
    usage = prices.RunWork(
        videos=work.videos,
        batches=work.batches,
        gb_seconds=work.seconds * deployed.downloader_memory_mb / 1024,
        requests=work.requests,
        slices=work.slices,
        bytes_moved=work.bytes,
    )
    gb, days = work.bytes / GB, lifecycle.deep_archive_days
    in_standard = gb * prices.STANDARD_GB_MONTH.each
    return Estimate(
        hours=round(work.bytes / speed.bytes_per_second / 3600, 4),
        runs=max(1, -(-work.bytes // (deployed.max_run_gb * GB))),
        run_usd=prices.run_cost(usage, prices.Extras(deployed.private_network, deployed.audit_trail)),
        first_usd=0.0 if days is None else in_standard * days / DAYS_PER_MONTH,
        month_usd=in_standard if days is None else gb * prices.DEEP_ARCHIVE_GB_MONTH.each,
    )
