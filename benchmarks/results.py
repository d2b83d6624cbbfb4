"""Reads results.json: medians of rounds, ratios between peers, and whether each target of the project is met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

GIB = 1024**3
ENGINE, RELAY, UPLOAD_FILEOBJ = "engine", "floor: relay in C", "boto3 upload_fileobj"
RCLONE = "rclone"
FETCH, AWS_CP, S5CMD = "cloudsync restore fetch", "aws s3 cp --recursive", "s5cmd cp"
SINGLE_STREAM = ("rclone copyurl", UPLOAD_FILEOBJ, "naive loop", "curl | aws s3 cp -")

type Results = dict[str, Any]


class NotMeasured(Exception):
    """The results lack a figure that a target needs; the message says which."""


@dataclass(frozen=True)
class Figures:
    """One peer in one scenario, medians over the rounds. Throughput is in MB/s (10^6), memory in MiB."""

    throughput: float
    seconds: float
    cpu_per_gib: float
    max_rss_mib: float
    requests_per_file: float
    rounds: int
    failures: int = 0


def figures(results: Results, scenario: str, peer: str) -> Figures:
    """The figures of a peer. Raises NotMeasured."""
    measured = results["scenarios"].get(scenario, {"peers": {}})
    row = measured["peers"].get(peer, {"problem": "not run"})
    if "problem" in row:
        raise NotMeasured(f"{peer}: {row['problem']}")
    runs = row["runs"]
    seconds = median(run["seconds"] for run in runs)
    requests = median(run["source_requests"] + sum(run["sink_requests"].values()) for run in runs)
    return Figures(
        throughput=measured["bytes"] / seconds / 1e6,
        seconds=seconds,
        cpu_per_gib=median(run["cpu_seconds"] for run in runs) / (measured["bytes"] / GIB),
        max_rss_mib=median(run["max_rss_mib"] for run in runs),
        requests_per_file=requests / measured["files"],
        rounds=len(runs),
        failures=len(row.get("failures", [])),
    )


def measured_peers(results: Results, scenario: str, prefix: str = "") -> dict[str, Figures]:
    """The figures of all measured peers whose names have this prefix."""
    found = {}
    for peer in results["scenarios"].get(scenario, {"peers": {}})["peers"]:
        if peer.startswith(prefix):
            try:
                found[peer] = figures(results, scenario, peer)
            except NotMeasured:
                continue
    return found


def ratio(
    results: Results, scenario: str, figure: str, peers: list[str], best: Callable[..., str], ours: str = ENGINE
) -> float:
    """Our figure divided by that of the best of these peers: the median of the ratios within each round,
    because a slow minute of the machine slows both. `best` is min or max. Raises NotMeasured."""
    if not peers:
        raise NotMeasured("no such peer was measured")
    peer = best(peers, key=lambda name: getattr(figures(results, scenario, name), figure))
    mine, theirs = (_by_round(results, scenario, name, figure) for name in (ours, peer))
    ratios = [mine[number] / theirs[number] for number in mine.keys() & theirs.keys()]
    if not ratios:
        raise NotMeasured(f"{peer}: no round in common")
    return median(ratios)


def _by_round(results: Results, scenario: str, peer: str, figure: str) -> dict[int, float]:
    """A figure of each round, without factors that all peers of the scenario share."""
    figures(results, scenario, peer)
    value: dict[str, Callable[[dict[str, Any]], float]] = {
        "seconds": lambda run: run["seconds"],
        "throughput": lambda run: 1 / run["seconds"],
        "cpu_per_gib": lambda run: run["cpu_seconds"],
    }
    runs = results["scenarios"][scenario]["peers"][peer]["runs"]
    return {run["number"]: value[figure](run) for run in runs}


@dataclass(frozen=True)
class NightFigures:
    """Videos of one kind in a night of new clips, medians over the rounds, each per video. Times are in seconds of the
    function: `waiting` is what is left of `seconds` without `moving`, in which any byte of media moved."""

    videos: int
    seconds: float
    moving: float
    cpu: float
    write_units: float
    requests: dict[str, float]  # by service

    @property
    def waiting(self) -> float:
        return self.seconds - self.moving


def night_figures(results: Results, kind: str) -> NightFigures:
    """The figures of one kind of video. Raises NotMeasured."""
    parts = [of_round["kinds"][kind] for of_round in _rounds(results, "night")]
    videos: int = parts[0]["videos"]

    def each(figure: str) -> float:
        return float(median(part[figure] / videos for part in parts))

    services = sorted({name.split(".")[0] for part in parts for name in part["requests"]})
    return NightFigures(
        videos=videos,
        seconds=each("seconds"),
        moving=each("moving_seconds"),
        cpu=each("cpu_seconds"),
        write_units=each("write_units"),
        requests={name: median(_asked(part, name) for part in parts) / videos for name in services},
    )


def _asked(part: dict[str, Any], service: str) -> int:
    return sum(count for name, count in part["requests"].items() if name.split(".")[0] == service)


@dataclass(frozen=True)
class ListingFigures:
    """A night without news, medians over the rounds: seconds of the function, and its requests to the API."""

    videos: int
    seconds: float
    cpu: float
    max_rss_mib: float
    invocations: float
    pages: float


def listing_figures(results: Results) -> ListingFigures:
    """The figures of a night without news. Raises NotMeasured."""
    rounds = _rounds(results, "listing")

    def middle(figure: str) -> float:
        return float(median(of_round[figure] for of_round in rounds))

    return ListingFigures(
        videos=rounds[0]["listed"],
        seconds=middle("seconds"),
        cpu=middle("cpu_seconds"),
        max_rss_mib=middle("max_rss_mib"),
        invocations=middle("invocations"),
        pages=median(_asked(of_round, "api") for of_round in rounds),
    )


def _rounds(results: Results, key: str) -> list[dict[str, Any]]:
    """The rounds of a night. Raises NotMeasured."""
    measured = results.get(key, {"problem": "not run"})
    if "problem" in measured:
        raise NotMeasured(measured["problem"])
    rounds: list[dict[str, Any]] = measured["rounds"]
    return rounds


def _rclone(results: Results, scenario: str, prefix: str = RCLONE) -> list[str]:
    return list(measured_peers(results, scenario, prefix))


def _single_stream(results: Results) -> list[str]:
    return [peer for peer in SINGLE_STREAM if peer in measured_peers(results, "slow")]


@dataclass(frozen=True)
class Target:
    """`limit` is the highest (`at_most`) or the lowest allowed value of `measure`, which raises NotMeasured."""

    text: str
    limit: float
    measure: Callable[[Results], float]
    at_most: bool = True
    unit: str = "×"

    def judge(self, results: Results) -> tuple[str, str]:
        """The measured value and the verdict, as texts."""
        try:
            reached = self.measure(results)
        except NotMeasured as reason:
            return "-", f"not measured ({reason})"
        met = reached <= self.limit if self.at_most else reached >= self.limit
        return f"{reached:.2f} {self.unit}".strip(), "met" if met else "**not met**"

    @property
    def bound(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.limit:g} {self.unit}".strip()


TARGETS = [
    Target(
        "CPU per GiB relative to the floor, proofs included",
        1.2,
        lambda results: ratio(results, "one", "cpu_per_gib", [RELAY], min),
    ),
    Target(
        "CPU per GiB relative to the best rclone mode",
        0.55,
        lambda results: ratio(results, "one", "cpu_per_gib", _rclone(results, "one"), min),
    ),
    Target(
        "CPU per GiB relative to boto3 `upload_fileobj`",
        0.5,
        lambda results: ratio(results, "one", "cpu_per_gib", [UPLOAD_FILEOBJ], min),
    ),
    Target(
        "The CPU of a 512 MB function: throughput relative to the best rclone mode",
        1.6,
        lambda results: ratio(results, "lambda", "throughput", _rclone(results, "lambda"), max),
        at_most=False,
    ),
    Target(
        "30 MB/s per connection: throughput relative to the best single stream",
        6,
        lambda results: ratio(results, "slow", "throughput", _single_stream(results), max),
        at_most=False,
    ),
    Target(
        "30 MB/s per connection: throughput relative to rclone multi-thread with as many connections",
        1.2,
        lambda results: ratio(results, "slow", "throughput", _rclone(results, "slow", "rclone multi"), max),
        at_most=False,
    ),
    Target("Peak memory, one file", 80, lambda r: figures(r, "one", ENGINE).max_rss_mib, unit="MiB"),
    Target("Peak memory, eight times the size", 80, lambda r: figures(r, "huge", ENGINE).max_rss_mib, unit="MiB"),
    Target(
        "Small files: CPU relative to the best rclone mode with as many files at once",
        1,
        lambda results: ratio(results, "small", "cpu_per_gib", _rclone(results, "small"), min),
    ),
    Target(
        "Small files: requests per file (one GET and one PUT)",
        2,
        lambda results: figures(results, "small", ENGINE).requests_per_file,
        unit="",
    ),
    Target(
        "A night of new clips: seconds of the function per small video in which no byte moves",
        0.35,
        lambda results: night_figures(results, "clip").waiting,
        unit="s",
    ),
    Target(
        "A night of new clips: ledger writes per video, the index included",
        8,
        lambda results: max(night_figures(results, kind).write_units for kind in ("clip", "recording")),
        unit="",
    ),
    Target(
        "A night without news over 100,000 videos: seconds of the function",
        120,
        lambda results: listing_figures(results).seconds,
        unit="s",
    ),
    Target(
        "`restore fetch`, verification included: throughput relative to the faster of `aws s3 cp` and `s5cmd`",
        1,
        lambda results: ratio(results, "fetch", "throughput", [AWS_CP, S5CMD], max, FETCH),
        at_most=False,
    ),
    Target(
        "`restore fetch`, verification included: CPU per GiB relative to `aws s3 cp`",
        0.5,
        lambda results: ratio(results, "fetch", "cpu_per_gib", [AWS_CP], min, FETCH),
    ),
]
