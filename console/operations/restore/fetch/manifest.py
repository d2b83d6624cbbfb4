"""The manifest beside the fetched files: a line of JSON for each, of what it is a copy and how it was verified.

A line is added when its file is there under its final name. Reading it again writes it anew where it has half a line,
or two of one file.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from cloud_sync_common.stores.restore_jobs import JobFile

from console.operations.restore.fetch.folder import Folder, disk_errors
from console.operations.restore.fetch.names import MANIFEST

_NEW = f".{MANIFEST}.new"
_SYNC_SECONDS = 2.0


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file. `name` is its path in the directory, `original` its name at the provider; `crc64` is its CRC-64/NVME in
    base64, `modified_ns` its modification time, by which a later change shows. `proof` names what its bytes were
    compared with: `s3`, `ledger`, `s3+ledger`, or `size` where neither has a checksum."""

    name: str
    original: str
    provider: str
    media_id: str
    bucket: str
    key: str
    version_id: str
    size: int
    crc64: str
    captured_at: str
    fetched_at: str
    proof: str
    modified_ns: int
    sha256: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.provider, self.media_id, self.original, self.bucket, self.key, self.version_id)


def identity(file: JobFile, bucket: str) -> tuple[str, ...]:
    """By which a file is found again."""
    return (file.provider, file.media_id, file.filename, bucket, file.key, file.version_id)


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Manifest:
    """The manifest of a directory. Raises StoppedError, FileProblem."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._entries: dict[tuple[str, ...], Entry] = {}
        self._by_object: dict[tuple[str, str, str], Entry] = {}
        with disk_errors(MANIFEST):
            if self._read():
                self._write_anew()
            descriptor = folder.open(MANIFEST)
            self._file = folder.create(MANIFEST) if descriptor is None else descriptor
            os.lseek(self._file, 0, os.SEEK_END)
        self._synced_at = time.monotonic()

    def _read(self) -> bool:
        """Whether something in it has to be corrected."""
        descriptor = self._folder.open(MANIFEST)
        if descriptor is None:
            return False
        lines = 0
        with os.fdopen(descriptor, "rb") as file:
            for line in file:
                with suppress(msgspec.DecodeError, RecursionError):
                    entry = msgspec.json.decode(line, type=Entry)
                    self._keep(entry)
                lines += 1
                is_ended = line.endswith(b"\n")
        return lines > len(self._entries) or (lines > 0 and not is_ended)

    def _write_anew(self) -> None:
        self._folder.remove(_NEW)
        descriptor = self._folder.create(_NEW)
        with os.fdopen(descriptor, "wb") as file:
            for entry in self._entries.values():
                file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.rename(_NEW, MANIFEST, src_dir_fd=self._folder.descriptor, dst_dir_fd=self._folder.descriptor)
        self._folder.sync()

    def find(self, file: JobFile, bucket: str) -> Entry | None:
        """What was noted of it."""
        return self._entries.get(identity(file, bucket))

    def twin(self, file: JobFile, bucket: str) -> Entry | None:
        """What was noted of a file with the bytes of the same object."""
        return self._by_object.get((bucket, file.key, file.version_id)) if file.version_id else None

    def _keep(self, entry: Entry) -> None:
        self._entries[entry.identity] = entry
        self._by_object[entry.bucket, entry.key, entry.version_id] = entry

    def add(self, entry: Entry) -> None:
        """Notes a file."""
        self._keep(entry)
        with disk_errors(MANIFEST):
            os.write(self._file, msgspec.json.encode(entry) + b"\n")
            if time.monotonic() > self._synced_at + _SYNC_SECONDS:
                os.fsync(self._file)
                self._synced_at = time.monotonic()

    def close(self) -> None:
        with suppress(OSError):
            os.fsync(self._file)
        os.close(self._file)
