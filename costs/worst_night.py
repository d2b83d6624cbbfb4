"""Writes the table of worst cases into docs/reliability.md: `make cost`.

What the most hostile answers can cost is computed from the bounds in the code. A bound that changes changes the table,
and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud_sync_common import prices
from cloud_sync_common.catalogue.at_provider import MOST_BYTES
from cloud_sync_common.http.client import LARGEST_ANSWER
from cloud_sync_common.movie.byte_source import LEAST_READ
from cloud_sync_common.prices import GB, RunWork
from cloud_sync_common.provider_access.listing import LISTINGS, MOST_PAGES
from cloud_sync_common.provider_access.session import LISTING_ATTEMPTS, NEIGHBOURS, SOURCES_ATTEMPTS
from cloud_sync_common.providers.gopro import LIST_REQUESTS
from cloud_sync_common.steps.authenticate import MAX_RENEWALS
from cloud_sync_common.steps.catalogue import MOST_SLICES
from cloud_sync_common.steps.download import MOST_IDLE_SLICES
from cloud_sync_common.stores.manifest import BATCH_ITEMS
from cloud_sync_common.stores.runs import LEAST_COUNTED
from cloud_sync_common.transfer.earlier_copy import MOST_READINGS
from cloud_sync_common.transfer.part_plan import MIN_PART
from cloud_sync_common.transfer.source_rows import MOST_BEGINNINGS

from cloud_sync.config import ENVIRONMENTS, Config
from cloud_sync.definition import MOST_SECONDS_OF_A_RUN, STANDARD_RETRY, definition
from costs.model import DAYS_PER_MONTH, NETWORK

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- worst night: written by costs/worst_night.py -->", "<!-- end of worst night -->"
SHOWN = ("dev", "prod")
DAY = 24 * 3600
SECONDS_OF_THE_SMALLEST = 0.1  # of a video of one byte beside others, as measured (docs/measuring.md)
BILLED_MONTHS = 6  # Deep Archive bills at least 180 days
TRIES = 1 + int(STANDARD_RETRY["MaxAttempts"])  # of an invocation, by the state machine


@dataclass(frozen=True)
class Spent:
    """The most of each that one kind of answer can make us spend in one environment. `compute` is in GB-seconds."""

    requests: float  # to the provider and to S3
    seconds: float
    bytes: float
    compute: float
    usd_besides: float = 0  # of requests and storage

    def usd(self, config: Config) -> float:
        """Compute, network and the rest."""
        network = prices.total(prices.network_usage(int(self.bytes))) if config.private_network else 0
        return self.compute * prices.LAMBDA_GB_SECOND.each + network + self.usd_besides


def slice_tries() -> int:
    """The invocations of one slice, at most."""
    batch = definition()["States"]["EachBatch"]["ItemProcessor"]["States"]
    retry: list[dict[str, Any]] = batch["EachMedia"]["ItemProcessor"]["States"]["DownloadSlice"]["Retry"]
    return 1 + int(retry[0]["MaxAttempts"])


def one_call(config: Config) -> Spent:
    """A page of the listing that never makes sense, with those that are asked for beside it."""
    requests, seconds = (LISTING_ATTEMPTS + LIST_REQUESTS - 1) * TRIES, config.lister_timeout_seconds * TRIES
    return Spent(requests, seconds, requests * LARGEST_ANSWER, seconds * config.lister_memory_mb / 1024)


def one_video_refused(config: Config) -> Spent:
    """A call for the links of one video that never makes sense, with those for its neighbours."""
    requests = (SOURCES_ATTEMPTS * (1 + NEIGHBOURS) + LISTING_ATTEMPTS) * (1 + slice_tries())
    seconds = config.downloader_timeout_seconds * (1 + slice_tries())
    return Spent(requests, seconds, requests * LARGEST_ANSWER, _downloading(config, seconds))


def refused_token(config: Config) -> Spent:
    """A token that is renewed and refused, again and again."""
    requests, seconds = MAX_RENEWALS * TRIES * 4, MAX_RENEWALS * TRIES * config.function_timeout_seconds
    return Spent(requests, seconds, requests * LARGEST_ANSWER, seconds * config.function_memory_mb / 1024)


def endless_listing(config: Config) -> Spent:
    """Pages without an end; the answers count for max_run_gb."""
    requests, seconds = LISTINGS * MOST_PAGES * LISTING_ATTEMPTS, MOST_SECONDS_OF_A_RUN
    read = min(requests * LARGEST_ANSWER, config.max_run_gb * GB + config.lister_timeout_seconds * NETWORK)
    return Spent(requests, seconds, read, seconds * config.lister_memory_mb / 1024)


def one_video_without_end(config: Config) -> Spent:
    """A video whose bytes move and do not last, with every renewal of the token and every retry."""
    invocations = 1 + MOST_IDLE_SLICES * (1 + MAX_RENEWALS) * slice_tries()
    seconds = invocations * config.downloader_timeout_seconds
    read = min(seconds * NETWORK, config.max_run_gb * GB + config.downloader_timeout_seconds * NETWORK)
    return Spent(read / MIN_PART, seconds, read, _downloading(config, seconds), read / MIN_PART * prices.S3_PUT.each)


def changing_video(config: Config) -> Spent:
    """A video of one GB that is another one whenever it is read."""
    return _gigabytes(config, MOST_BEGINNINGS)


def changed_each_night(config: Config) -> Spent:
    """A video of one GB with other bytes every night, for a month: read and stored so often."""
    spent = _gigabytes(config, MOST_READINGS)
    return Spent(
        spent.requests, spent.seconds, spent.bytes, spent.compute, spent.usd_besides + _kept(spent.bytes, config)
    )


def smallest_videos(config: Config) -> Spent:
    """New videos of one byte, as many as one run begins."""
    most = config.max_run_gb * GB // LEAST_COUNTED + config.max_concurrency * BATCH_ITEMS
    videos = min(int(DAY * config.max_concurrency / SECONDS_OF_THE_SMALLEST), most)
    work = RunWork(
        videos=videos,
        batches=videos // BATCH_ITEMS,
        gb_seconds=0,
        requests=videos,
        slices=videos,
        bytes_moved=0,
    )
    extras = prices.Extras(audit_trail=config.audit_trail)
    seconds = videos * SECONDS_OF_THE_SMALLEST
    time = seconds / config.max_concurrency
    return Spent(2 * videos, time, videos, _downloading(config, seconds), prices.run_cost(work, extras))


def whole_night(config: Config) -> Spent:
    """A day in which every child reads as fast as it can until max_run_gb, in the smallest parts, and then, as it were,
    the smallest videos, without storage. Speed and seconds per video are those of the cost model, not bounds."""
    small, read = smallest_videos(config), most_read(config)
    puts = read / MIN_PART
    compute = _downloading(config, DAY * config.max_concurrency)
    return Spent(small.requests + 2 * puts, DAY, read, compute, small.usd_besides + puts * prices.S3_PUT.each)


def kept(config: Config) -> Spent:
    """What such a night leaves in the archive, until it may be deleted without a fee."""
    read = most_read(config)
    return Spent(0, 0, 0, 0, _kept(read, config))


def catalogue(config: Config) -> Spent:
    """A catalogue that takes all the time and all the bytes that it may, with each invocation tried twice."""
    tries = 1 + int(definition()["States"]["Catalogue"]["Retry"][0]["MaxAttempts"])
    seconds = MOST_SLICES * tries * config.lister_timeout_seconds
    read = tries * MOST_BYTES
    return Spent(read / LEAST_READ, seconds, read, seconds * config.function_memory_mb / 1024)


def most_read(config: Config) -> float:
    """Bytes of one run: the ceiling, and what is under way when it is reached."""
    return config.max_run_gb * GB + config.max_concurrency * config.downloader_timeout_seconds * NETWORK


CASES = {
    "a page of the listing that never makes sense": one_call,
    "links of one video that never make sense": one_video_refused,
    "a token that is renewed and refused again and again": refused_token,
    "a listing that does not end": endless_listing,
    "one video whose bytes do not last": one_video_without_end,
    "one video of 1 GB that is another one whenever it is read": changing_video,
    "one video of 1 GB with other bytes each night, in a month, stored for six": changed_each_night,
    "new videos of one byte, as many as a run begins": smallest_videos,
    "originals that the catalogue reads for as long as it may": catalogue,
    "**a whole night of 24 hours**": whole_night,
    "what such a night leaves in the archive, for six months": kept,
}


def _gigabytes(config: Config, count: int) -> Spent:
    """So many GB, moved in the smallest parts over a slow connection of 5 MB/s."""
    read, seconds = count * GB, count * GB / 5_000_000
    return Spent(read / MIN_PART, seconds, read, _downloading(config, seconds), read / MIN_PART * prices.S3_PUT.each)


def _downloading(config: Config, seconds: float) -> float:
    return seconds * config.downloader_memory_mb / 1024


def _kept(count: float, config: Config) -> float:
    """USD for so many bytes: in Standard until the transition, and in Deep Archive."""
    standard = prices.STANDARD_GB_MONTH.each * config.deep_archive_after_days / DAYS_PER_MONTH
    return count / GB * (standard + prices.DEEP_ARCHIVE_GB_MONTH.each * BILLED_MONTHS)


def table() -> str:
    """One row for each case. Requests, time and bytes are those of dev where the environments differ."""
    head = ["what a provider answers", "requests", "time", "bytes", *(f"USD in {name}" for name in SHOWN)]
    rows = [head, ["---"] * len(head)]
    for what, of in CASES.items():
        spent = {name: of(ENVIRONMENTS[name]) for name in SHOWN}
        first = spent[SHOWN[0]]
        usd = [f"{found.usd(ENVIRONMENTS[name]):,.2f}" for name, found in spent.items()]
        rows.append([what, _count(first.requests), _time(first.seconds), _size(first.bytes), *usd])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _count(number: float) -> str:
    return f"{number:,.0f}" if number else ""


def _time(seconds: float) -> str:
    if not seconds:
        return ""
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:,.0f} h"


def _size(count: float) -> str:
    if not count:
        return ""
    return f"{count / 1e6:,.1f} MB" if count < GB else f"{count / GB:,.0f} GB"


def renewed(page: str) -> str:
    """The page with today's table. Raises ValueError if the marks are missing."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"The page has no place for the table: write the lines {BEGIN} and {END} into it.")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
