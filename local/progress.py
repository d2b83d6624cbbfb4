"""The progress of the runs of several providers, as the ledger's rows and the parts in S3 show it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)

from cloud_sync.providers import PROVIDERS
from local.deployment import Deployment

PLAIN_SECONDS = 5  # between two lines of progress without a terminal
ENDED = {"ARCHIVED", "FAILED", "UNAVAILABLE"}


def count_of(number: int, noun: str) -> str:
    """A number with its noun: `1 finding`, `2 findings`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class CloudProgress:
    """How far one provider's run is: videos that are archived or given up, of those in its manifest, and bytes."""

    ended: int = 0
    videos: int = 0
    done: int = 0
    total: int = 0

    @property
    def is_listed(self) -> bool:
        """Whether it is known what is to be done."""
        return self.videos > 0

    def __str__(self) -> str:
        return f"{self.ended} of {self.videos}" if self.is_listed else "listing"


class Watch:
    """Watches one run of each of several providers. `runs` are the names of their executions."""

    def __init__(self, deployment: Deployment, runs: Mapping[str, str]) -> None:
        self._deployment = deployment
        self._runs = dict(runs)
        self._manifests: dict[str, list[dict[str, Any]]] = {}

    def sample(self) -> dict[str, CloudProgress]:
        """The progress of each provider. Cheap enough to call several times a second."""
        for provider in self._runs.keys() - self._manifests.keys():
            if found := self._read_manifest(self._runs[provider]):
                self._manifests[provider] = found
        rows = self._deployment.rows() if self._manifests else []
        return {provider: self._progress(provider, rows) for provider in self._runs}

    def _progress(self, provider: str, everything: list[dict[str, Any]]) -> CloudProgress:
        rows = [row for row in everything if row["pk"].startswith(f"{provider}#")]
        sources: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            if row["sk"].startswith("SOURCE#"):
                sources.setdefault(row["media_id"], []).append(row)
        statuses = {row["media_id"]: row.get("status") for row in rows if row["sk"] == "ITEM"}
        manifest, done, total = self._manifests.get(provider, []), 0, 0
        for item in manifest:
            of_item = sources.get(item["media_id"], [])
            done += sum(row["size"] if row["status"] == "ARCHIVED" else self._uploaded(row) for row in of_item)
            total += sum(row["size"] for row in of_item) or item.get("size") or 0
        ended = sum(statuses.get(item["media_id"]) in ENDED for item in manifest)
        return CloudProgress(ended, len(manifest), done, total)

    def _read_manifest(self, run_id: str) -> list[dict[str, Any]] | None:
        s3, key = self._deployment.s3, f"runs/{run_id}/work.jsonl"
        try:
            body = s3.get_object(Bucket=self._deployment.work_bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None
        return [item for line in body.splitlines() for item in json.loads(line)["media"]]

    def _uploaded(self, row: dict[str, Any]) -> int:
        """The bytes in the parts of an upload in progress."""
        if "upload_id" not in row:
            return 0
        s3 = self._deployment.s3
        try:
            pages = s3.get_paginator("list_parts").paginate(
                Bucket=self._deployment.archive_bucket, Key=row["key"], UploadId=row["upload_id"]
            )
            return sum(part["Size"] for page in pages for part in page.get("Parts", []))
        except s3.exceptions.NoSuchUpload:
            return 0


class Display:
    """Shows the progress of runs: a bar for each provider, or plain lines without a terminal."""

    def __init__(self, console: Console, watch: Watch) -> None:
        self._console, self._watch = console, watch
        self._bars = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            TextColumn("{task.fields[videos]}"),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks = {
            provider: self._bars.add_task(PROVIDERS[provider].title, total=None, videos="")
            for provider in watch.sample()
        }
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self) -> None:
        """Shows the present state."""
        clouds = self._watch.sample()
        for provider, cloud in clouds.items():
            self._bars.update(
                self._tasks[provider], completed=cloud.done, total=cloud.total or None, videos=f"{cloud} videos"
            )
        self._plain_line(clouds)

    def _plain_line(self, clouds: Mapping[str, CloudProgress]) -> None:
        now = time.monotonic()
        done, total = (sum(getattr(cloud, name) for cloud in clouds.values()) for name in ("done", "total"))
        if self._console.is_terminal or not total or now - self._last_line < PLAIN_SECONDS:
            return
        self._last_line = now
        rate = done / (now - self._started) / 1e6
        videos = ", ".join(f"{PROVIDERS[provider].title} {cloud}" for provider, cloud in clouds.items())
        self._console.print(
            f"  {videos} videos; {done / total:.0%} of {total / 1e6:.0f} MB, {rate:.1f} MB/s", highlight=False
        )
