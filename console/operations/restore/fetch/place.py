"""Where each file goes: a name that is free, or the file that is there already with the same bytes.

A name is free where nothing has it, and no other file of this fetch will. Nothing that is there is ever written over.
"""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass, field

from awscrt.checksums import crc64nvme
from cloud_sync_common.aws.aws_chunked import encode_checksum

from console.operations.restore.fetch import journal
from console.operations.restore.fetch.folder import Folder, disk_errors
from console.operations.restore.fetch.names import JOURNAL, PART, folded, numbered

_MOST_ALIKE = 10_000  # files of one name in one folder
_HEADER = 8192  # bytes of a journal's first line; a key has at most 1,024, six times as much in JSON


@dataclass
class Reserved:
    """The names that files of this fetch have or will have, by folder, in the form in which names are compared."""

    names: set[tuple[str, str]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, folder: Folder, name: str) -> bool:
        """Whether nobody had it."""
        key = (folder.path, folded(name))
        with self.lock:
            is_free = key not in self.names
            self.names.add(key)
        return is_free

    def give_back(self, folder: Folder, name: str) -> None:
        self.names.discard((folder.path, folded(name)))


@dataclass(frozen=True)
class Place:
    """A name in a folder. `is_there`: the file with these very bytes has it; then `modified_ns` is its modification
    time."""

    folder: Folder
    name: str
    is_there: bool = False
    modified_ns: int = 0


def place_of(folder: Folder, name: str, size: int, checksum: str, reserved: Reserved) -> Place:
    """The place of a file. `checksum` is in base64; an empty one is of no file that is there. Raises StoppedError,
    FileProblem."""
    with disk_errors(name):
        for number in range(1, _MOST_ALIKE):
            tried = numbered(name, number)
            if not reserved.take(folder, tried):
                continue
            found = folder.status(tried)
            if found is None and _is_ours(folder, tried):
                return Place(folder, tried)
            if found and _is_same(folder, tried, found, size, checksum):
                _remove_rest(folder, tried)
                return Place(folder, tried, is_there=True, modified_ns=found.st_mtime_ns)
            # It stays reserved: it is somebody else's.
        raise OSError(f"{_MOST_ALIKE} files are called {name}")


def _is_ours(folder: Folder, name: str) -> bool:
    """Whether what is beside a name, under those of a file that is being fetched, is of a fetch, or nothing."""
    part, noted = folder.status(name + PART), folder.status(name + JOURNAL)
    if noted is None:
        return part is None
    return stat.S_ISREG(noted.st_mode) and (part is None or stat.S_ISREG(part.st_mode)) and _is_journal(folder, name)


def _is_journal(folder: Folder, name: str) -> bool:
    """A power loss may have left one of ours without its content."""
    descriptor = folder.open(name + JOURNAL)
    if descriptor is None:
        return False
    try:
        content = os.pread(descriptor, _HEADER, 0)
    finally:
        os.close(descriptor)
    return not content.strip(b"\0") or journal.read(content)[0] is not None


def _is_same(folder: Folder, name: str, found: os.stat_result, size: int, checksum: str) -> bool:
    """Reads a file of the right size to its end."""
    if not (checksum and stat.S_ISREG(found.st_mode) and found.st_size == size):
        return False
    crc = 0
    for piece in folder.read(name):
        crc = crc64nvme(piece, crc)
    return encode_checksum(crc) == checksum


def _remove_rest(folder: Folder, name: str) -> None:
    """What is left of a fetch that was killed after the file had its name."""
    if folder.status(name + JOURNAL) and _is_ours(folder, name):
        folder.remove(name + PART)
        folder.remove(name + JOURNAL)
