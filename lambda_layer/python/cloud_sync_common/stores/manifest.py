"""The manifest of a run: its new work as JSON Lines, one batch per line, in the work bucket.

The distributed map starts a child execution for each line, and the report reads it as well. It is never in memory as a
whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from typing import IO, TYPE_CHECKING

import msgspec

from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.safe_text import escape_unseen
from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.work_files import WorkFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME_LIMIT = 200  # characters of the name of a video that is only listed
FOLDER_LIMIT = 1_000  # characters of a folder; filters have looked at it by now, and nothing else does
LINE_LIMIT = 16 * 1024  # bytes; a line is the input of a child execution (docs/design.md, "Limits of a run")
# The videos of a batch share the cost of one child execution (docs/cost.md). One invocation of 900 s has time for them
# even over one slow connection (part_plan.SLOW_CONNECTION: 430 s).
BATCH_ITEMS, BATCH_BYTES = 20, 2 * 1024**3
MOST_MARKS = 200_000  # versions of videos that are known to be written, some 80 bytes of memory each
MARK_BYTES = 8  # of a digest: two versions share them by no chance


class Batch(msgspec.Struct, frozen=True):
    """A line: the items of one child execution."""

    media: tuple[MediaItem, ...]


def _encoded(value: Batch | MediaItem) -> bytes:
    """Its JSON, with an escape for every character at which some reader of JSON Lines begins a new line."""
    return escape_unseen(msgspec.json.encode(value).decode()).encode()


def batches(items: Iterable[MediaItem]) -> Iterator[Batch]:
    """`items` in order, in batches within all three limits. An item of unknown size counts as large; an item that
    exceeds a limit on its own is a batch by itself."""
    media: list[MediaItem] = []
    bytes_left = line_left = 0
    for item in items:
        size, line = item.size or BATCH_BYTES, len(_encoded(item)) + 1
        if media and (len(media) == BATCH_ITEMS or size > bytes_left or line > line_left):
            yield Batch(tuple(media))
            media = []
        if not media:
            bytes_left, line_left = BATCH_BYTES, LINE_LIMIT - len(_encoded(Batch(())))
        media.append(item)
        bytes_left, line_left = bytes_left - size, line_left - line
    if media:
        yield Batch(tuple(media))


def _mark(item: MediaItem) -> int:
    version = f"{kept_id(item.media_id)}\0{item.revision}".encode()
    return int.from_bytes(sha256(version).digest()[:MARK_BYTES])


def _without_long_folder(item: MediaItem) -> MediaItem:
    return msgspec.structs.replace(item, folder="") if len(item.folder) > FOLDER_LIMIT else item


def _too_large(item: MediaItem, size: int) -> MediaItem:
    """What is left of an item whose line would have so many bytes."""
    return MediaItem(
        media_id=kept_id(item.media_id),
        filename=item.filename[:NAME_LIMIT],
        unusable=f"The provider's description of this video has {size} bytes, and at most {LINE_LIMIT} can be handed "
        "on. Report this with its id.",
    )


class Manifest:
    """One run's manifest."""

    def __init__(self, client: S3Client, bucket: str, run_id: str) -> None:
        self._file = WorkFile(client, bucket, run_id, "work.jsonl", "the manifest")
        self.key = self._file.key

    @contextmanager
    def extended(self, kept: int) -> Iterator[ManifestWriter]:
        """A writer that continues after the first `kept` bytes; see WorkFile.extended."""
        with self._file.extended(kept) as file:
            yield ManifestWriter(file)

    def items(self) -> Iterator[MediaItem]:
        """Every item in it, streamed; none if the run wrote no manifest."""
        for line in self._file.lines():
            yield from msgspec.json.decode(line, type=Batch).media


class ManifestWriter:
    """Appends lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        file.seek(0)
        before = (item for line in file for item in msgspec.json.decode(line, type=Batch).media)
        self._marks = set(islice(map(_mark, before), MOST_MARKS))
        file.seek(0, 2)

    def unwritten(self, items: Iterable[MediaItem]) -> list[MediaItem]:
        """The items without those that are in the manifest already, in the same version, and each of them once: a
        listing can name a video twice, as a file that was moved meanwhile or that a shortcut leads to. Of a larger
        manifest than any that has been seen, some may come twice, which costs a look at the ledger."""
        found = {_mark(item): item for item in items}
        return [item for mark, item in found.items() if mark not in self._marks]

    def add(self, items: Iterable[MediaItem]) -> int:
        """Writes the items and returns the number of batches. Of an item that is too large for the state machine, only
        that is written: it fails with that reason, and no other with it."""
        count, items = 0, list(items)
        self._marks.update(islice(map(_mark, items), max(0, MOST_MARKS - len(self._marks))))
        for batch in batches(map(_without_long_folder, items)):
            line = _encoded(batch)
            if len(line) > LINE_LIMIT:
                line = _encoded(Batch(tuple(_too_large(item, len(line)) for item in batch.media)))
            self._file.write(line + b"\n")
            count += 1
        return count

    @property
    def size(self) -> int:
        """The size in bytes, which the next invocation keeps."""
        return self._file.tell()
