"""How far a run is, seen from outside: the ledger's rows and the parts that S3 holds."""

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

PLAIN_SECONDS = 5  # between two lines where there is no terminal to draw on


@dataclass(frozen=True)
class FileProgress:
    """One source file. `total` is None until the source itself has told its size."""

    name: str
    status: str
    done: int
    total: int | None


class Watch:
    """Samples one run. Cheap enough to call several times a second."""

    def __init__(self, deployment: Deployment, execution_arn: str) -> None:
        self._village = deployment
        self._run_id = execution_arn.rpartition(":")[2]
        self._manifest: list[dict[str, Any]] | None = None

    def sample(self) -> list[FileProgress]:
        """Every file of the run's manifest; those not begun yet as one file per item."""
        if self._manifest is None:
            self._manifest = self._read_manifest()
        rows = self._village.rows() if self._manifest else []
        sources: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            if row["sk"].startswith("SOURCE#"):
                sources.setdefault(row["media_id"], []).append(row)
        items = {row["media_id"]: row for row in rows if row["sk"] == "ITEM"}
        files: list[FileProgress] = []
        for item in self._manifest or []:
            begun = sources.get(item["media_id"], [])
            status = items.get(item["media_id"], {}).get("status", "PENDING")
            files += [self._file(item, row) for row in begun] or [
                FileProgress(item["filename"], status, 0, item.get("size"))
            ]
        return files

    def _read_manifest(self) -> list[dict[str, Any]] | None:
        try:
            body = self._village.s3.get_object(Bucket=self._village.work_bucket, Key=f"runs/{self._run_id}/work.jsonl")[
                "Body"
            ].read()
        except self._village.s3.exceptions.NoSuchKey:
            return None
        return [item for line in body.splitlines() for item in json.loads(line)["media"]]

    def _file(self, item: dict[str, Any], row: dict[str, Any]) -> FileProgress:
        done = row["size"] if row["status"] == "ARCHIVED" else self._moved(row)
        name = item["filename"] if row["file_number"] == 1 else f"{item['filename']} #{row['file_number']}"
        return FileProgress(name, row["status"], done, row["size"])

    def _moved(self, row: dict[str, Any]) -> int:
        """Bytes of the parts that S3 holds of an upload under way."""
        if "upload_id" not in row:
            return 0
        s3 = self._village.s3
        try:
            pages = s3.get_paginator("list_parts").paginate(
                Bucket=self._village.archive_bucket, Key=row["key"], UploadId=row["upload_id"]
            )
            return sum(part["Size"] for page in pages for part in page.get("Parts", []))
        except s3.exceptions.NoSuchUpload:
            return 0


class Display:
    """Draws a watch: a bar for each file under way and one for all, or plain lines where there is no terminal."""

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
        """Draws the state of this moment."""
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
        under_way = file.status == "IN_PROGRESS" and file.total
        if under_way and key not in self._tasks:
            self._tasks[key] = self._bars.add_task(file.name, total=file.total)
        if key in self._tasks:
            self._bars.update(self._tasks[key], completed=file.done, visible=bool(under_way))

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
