"""A night, with the latencies of a real one: new clips through the deployed functions, and a night without news.

The functions run in one process, one invocation after the other, so that seconds add up as Lambda bills them. The
latencies are assumptions: GoPro's API and CDN from us-east-1, and AWS's services within a region.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import as_deployed
from benchmarks.delay import Movement, Route, delayed
from benchmarks.peers import server_environment
from benchmarks.rig import CLIP, RECORDING, Files, Rig, RigError
from benchmarks.services import Library

# Seconds to the first byte of an answer.
LATENCIES = {"api": 0.200, "cdn": 0.100, "s3": 0.060, "dynamodb": 0.008, "secrets": 0.020}
PAGE_SECONDS = 0.150  # of a page of the listing, in a night without news
RUN = "bench-run"


@dataclass
class Process:
    """A process that answers lines of JSON with lines of JSON. Raises RigError when it has ended."""

    process: subprocess.Popen[str]
    log: Path

    def read(self) -> Any:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise RigError(f"A process of the night has ended: {self.log.read_text()[-1500:]}")
        return json.loads(line)

    def ask(self, question: Any) -> Any:
        assert self.process.stdin  # noqa: S101 (a pipe)
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self.read()


@contextlib.contextmanager
def _process(module: str, folder: Path, environment: dict[str, str], *arguments: str) -> Iterator[Process]:
    log = folder / f"{module}.log"
    with (
        log.open("a") as errors,
        subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield Process(process, log)
        finally:
            process.kill()


@dataclass
class Night:
    """The processes of one night: each function in one of its own, and the services that they use through the
    delays."""

    lister: Process
    downloader: Process
    services: Process
    movement: Movement
    rig: Rig

    def download(self, batch: list[dict[str, Any]]) -> dict[str, Any]:
        """Invokes video-downloader. Raises RigError unless every video is archived."""
        event = {"request": "batch", "run_id": RUN, "provider": "gopro", "batch": batch}
        answer: dict[str, Any] = self.downloader.ask({"function": "video-downloader", "event": event})
        if answer["result"]["unfinished"]:
            raise RigError(f"A batch was not finished: {self.downloader.log.read_text()[-1500:]}")
        return answer

    def requests(self) -> Counter[str]:
        """What was asked of every service so far, for `_asked`."""
        found = Counter[str](self.services.ask("counts")["requests"])
        counts = self.rig.counts()
        found["cdn.GetObject"] = counts.pop("source")
        others = ("payload_bytes", "connections")
        return found + Counter({f"s3.{name}": count for name, count in counts.items() if name not in others})

    def units(self) -> Counter[str]:
        """The write units so far, by partition of the ledger."""
        return Counter(self.services.ask("counts")["units"])


@contextlib.contextmanager
def _night(
    rig: Rig, videos: tuple[tuple[str, int, int], ...], latencies: dict[str, float], archived: bool
) -> Iterator[Night]:
    """Runs everything while the block runs. Raises RigError."""
    folder = rig.authority.parent
    source, sink = (int(url.rpartition(":")[2]) for url in (rig.source, rig.endpoint))
    media = {"cdn": Route(source, latencies["cdn"], "answers"), "s3": Route(sink, latencies["s3"], "requests")}
    with contextlib.ExitStack() as stack:
        ports, movement = stack.enter_context(delayed(media))
        library = Library(videos, f"https://127.0.0.1:{ports['cdn']}/night", archived)
        services = stack.enter_context(
            _process("services", folder, server_environment(rig.authority), str(folder), library.text)
        )
        port = services.read()
        behind = {name: Route(port, latencies[name]) for name in ("api", "dynamodb", "secrets")}
        ports |= stack.enter_context(delayed(behind))[0]
        environment = server_environment(rig.authority) | _variables(ports)
        limits = json.dumps(as_deployed.limits(as_deployed.config()))
        lister, downloader = (
            stack.enter_context(_process("function_host", folder, environment, limits)) for _ in range(2)
        )
        yield Night(lister, downloader, services, movement, rig)


def _variables(ports: dict[str, int]) -> dict[str, str]:
    """The environment of the functions, whose services are behind these ports."""
    url = {name: f"https://127.0.0.1:{port}" for name, port in ports.items()}
    return {
        **as_deployed.variables(as_deployed.config()),
        "GOPRO_API_BASE_URL": url["api"],
        "AWS_ENDPOINT_URL_S3": url["s3"],
        "AWS_ENDPOINT_URL_DYNAMODB": url["dynamodb"],
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": url["secrets"],
    }


def new_clips(rig: Rig, files: Files) -> dict[str, Any]:
    """One round of a night of new videos: the lister, and then each batch that it would have written. Raises
    RigError."""
    videos = (("clip", files.clips, CLIP), ("recording", files.recordings, RECORDING))
    with _night(rig, videos, LATENCIES, archived=False) as night:
        found = night.lister.ask({"function": "batches"})["result"]
        listed = _listed(night)
        if listed["new"] != files.clips + files.recordings:
            raise RigError(f"The lister found {listed['new']} new videos.")
        parts = {}
        for kind, _, size in videos:
            of_kind = [batch for batch in found if batch[0]["media_id"].startswith(kind)]
            parts[kind] = _moved(night, of_kind, size)
        units = night.units()
        own = {kind: _sum(units, f"gopro#{kind}-") for kind in parts}
        return {
            "listing_seconds": listed["seconds"],
            "kinds": {kind: parts[kind] | {"write_units": own[kind]} for kind in parts},
            "shared_write_units": units.total() - sum(own.values()),
            "max_rss_mib": max(part.pop("max_rss_mib") for part in parts.values()),
        }


def _asked(before: Counter[str], after: Counter[str]) -> dict[str, int]:
    """The requests between two counts."""
    return {
        name: count // 2 if name == "cdn.GetObject" else count  # see Rig
        for name, count in (after - before).items()
        if count > (name == "cdn.GetObject")
    }


def _sum(units: Counter[str], prefix: str) -> int:
    return sum(count for partition, count in units.items() if partition.startswith(prefix))


def _moved(night: Night, batches: list[list[dict[str, Any]]], size: int) -> dict[str, Any]:
    """Invokes the downloader for each batch. Raises RigError for videos that are not archived."""
    before, logged = night.requests(), night.downloader.log.stat().st_size
    answers = [night.download(batch) for batch in batches]
    videos = sum(map(len, batches))
    return {
        "videos": videos,
        "batches": len(batches),
        "bytes": videos * size,
        "seconds": sum(answer["ended"] - answer["began"] for answer in answers),
        "moving_seconds": sum(night.movement.seconds(answer["began"], answer["ended"]) for answer in answers),
        "cpu_seconds": sum(answer["cpu_seconds"] for answer in answers),
        "log_bytes": night.downloader.log.stat().st_size - logged,
        "requests": _asked(before, night.requests()),
        "max_rss_mib": max((answer["max_rss_mib"] for answer in answers), default=0),
    }


def without_news(rig: Rig, items: int) -> dict[str, Any]:
    """One round of a night in which every one of so many videos is archived already. Raises RigError."""
    latencies = LATENCIES | {"api": PAGE_SECONDS}
    with _night(rig, (("known", items, CLIP),), latencies, archived=True) as night:
        before = night.requests()
        listed = _listed(night)
        if (listed["listed"], listed["new"]) != (items, 0):
            raise RigError(f"The lister found {listed['listed']} videos, of which {listed['new']} are new.")
        return {**listed, "requests": _asked(before, night.requests())}


def _listed(night: Night) -> dict[str, Any]:
    """Invokes the lister until it has come to the end, as the state machine does."""
    event: dict[str, Any] = {"run_id": RUN, "provider": "gopro", "execution_arn": "arn:bench"}
    answers = [night.lister.ask({"function": "media-lister", "event": event})]
    while cursor := answers[-1]["result"]["next_cursor"]:
        answers.append(night.lister.ask({"function": "media-lister", "event": event | {"cursor": cursor}}))
    result = answers[-1]["result"]
    return {
        "listed": result["listed"],
        "new": result["new"],
        "invocations": len(answers),
        "seconds": sum(answer["ended"] - answer["began"] for answer in answers),
        "cpu_seconds": sum(answer["cpu_seconds"] for answer in answers),
        "max_rss_mib": max(answer["max_rss_mib"] for answer in answers),
    }
