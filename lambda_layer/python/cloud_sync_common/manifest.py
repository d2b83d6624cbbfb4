"""The manifest of a run: its new work as JSON Lines, one media item a line, in the hot work bucket.

The distributed map reads it, and so does the report. It is never held in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import msgspec

from cloud_sync_common.exceptions import ProviderContractError
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.work_files import WorkFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LINE_LIMIT = 16 * 1024  # bytes; a line is the input of a child execution (docs/design.md, "Limits of a run")


class Manifest:
    """One run's manifest."""

    def __init__(self, client: S3Client, bucket: str, run_id: str) -> None:
        self._file = WorkFile(client, bucket, run_id, "work.jsonl", "the manifest")
        self.key = self._file.key

    @contextmanager
    def extended(self, kept: int) -> Iterator[ManifestWriter]:
        """A writer that goes on behind the first `kept` bytes; see WorkFile.extended."""
        with self._file.extended(kept) as file:
            yield ManifestWriter(file)

    def items(self) -> Iterator[MediaItem]:
        """Every item in it, streamed; none when the run wrote no manifest."""
        for line in self._file.lines():
            yield msgspec.json.decode(line, type=MediaItem)


class ManifestWriter:
    """Appends lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def add(self, items: list[MediaItem]) -> None:
        """Raises ProviderContractError for an item too large to travel through the state machine."""
        for item in items:
            line = msgspec.json.encode(item)
            if len(line) > LINE_LIMIT:
                raise ProviderContractError(
                    f"The provider describes one video in {len(line)} bytes; names and ids are not that long."
                )
            self._file.write(line + b"\n")

    @property
    def size(self) -> int:
        """Bytes that stand in it: what the next invocation keeps."""
        return self._file.tell()

    def clear(self) -> None:
        """Forgets every line: the listing begins anew."""
        self._file.seek(0)
        self._file.truncate()
