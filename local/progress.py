"""The progress of a run, as the ledger's rows and the parts in S3 show it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from local.deployment import Deployment

PLAIN_SECONDS = 5  # between two lines of progress without a terminal


def count_of(number: int, noun: str) -> str:
    """A number with its noun: `1 finding`, `2 findings`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class FileProgress:
    """One source file. `total` is None while its size is unknown."""

    name: str
    status: str
    done: int
    total: int | None


class Watch:
    """Watches one run."""

    def __init__(self, deployment: Deployment, execution_arn: str) -> None:
        self._deployment = deployment
        self._run_id = execution_arn.rpartition(":")[2]
        self._manifest: list[dict[str, Any]] | None = None

    def sample(self) -> list[FileProgress]:
        """Every file of the run's manifest, one per item for items not started yet. Cheap enough to call several times
        a second."""
        if self._manifest is None:
            self._manifest = self._read_manifest()
        rows = self._deployment.rows() if self._manifest else []
        sources: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            if row["sk"].startswith("SOURCE#"):
                sources.setdefault(row["media_id"], []).append(row)
        items = {row["media_id"]: row for row in rows if row["sk"] == "ITEM"}
        files: list[FileProgress] = []
        for item in self._manifest or []:
            started = sources.get(item["media_id"], [])
            status = items.get(item["media_id"], {}).get("status", "PENDING")
            files += [self._file(item, row) for row in started] or [
                FileProgress(item["filename"], status, 0, item.get("size"))
            ]
        return files

    def _read_manifest(self) -> list[dict[str, Any]] | None:
        s3, key = self._deployment.s3, f"runs/{self._run_id}/work.jsonl"
        try:
            body = s3.get_object(Bucket=self._deployment.work_bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None
        return [item for line in body.splitlines() for item in json.loads(line)["media"]]

    def _file(self, item: dict[str, Any], row: dict[str, Any]) -> FileProgress:
        done = row["size"] if row["status"] == "ARCHIVED" else self._uploaded(row)
        name = item["filename"] if row["file_number"] == 1 else f"{item['filename']} #{row['file_number']}"
        return FileProgress(name, row["status"], done, row["size"])

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
    """Shows the progress of a run: a bar for each file in progress and one for all, or plain lines without a
    terminal."""

    def __init__(self, console: Console, watch: Watch) -> None:
        self._console, self._watch = console, watch
        self._bars = Progress(
            TextColumn("{task.description}", justify="right"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._overall = self._bars.add_task("all", total=None)
        self._finished: set[int] = set()
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> Display:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def update(self) -> None:
        """Shows the present state."""
        files = self._watch.sample()
        done, total = sum(file.done for file in files), sum(file.total or 0 for file in files)
        self._bars.update(self._overall, completed=done, total=total or None)
        for index, file in enumerate(files):
            if file.status == "ARCHIVED" and index not in self._finished:
                self._finished.add(index)
                self._console.print(f"  archived {file.name} ({file.done:,} bytes)", highlight=False)
            self._draw(f"{index} {file.name}", file)
        self._plain_line(done, total)

    def _draw(self, key: str, file: FileProgress) -> None:
        in_progress = file.status == "IN_PROGRESS" and file.total
        if in_progress and key not in self._tasks:
            self._tasks[key] = self._bars.add_task(file.name, total=file.total)
        if key in self._tasks:
            self._bars.update(self._tasks[key], completed=file.done, visible=bool(in_progress))

    def _plain_line(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._console.is_terminal or not total or now - self._last_line < PLAIN_SECONDS:
            return
        self._last_line = now
        rate = done / (now - self._started)
        left = f"{(total - done) / rate:.0f} s left" if rate else "time left unknown"
        self._console.print(
            f"  {done / total:.0%} of {total / 1e6:.0f} MB, {rate / 1e6:.1f} MB/s, {left}", highlight=False
        )
