"""Where each file goes: a name that is free, or the file that is there already with the same bytes.

A name is free where nothing has it, and no other file of this fetch will. Nothing that is there is ever written over.
"""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass, field
from enum import Enum, auto

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

    def has(self, folder: Folder, name: str) -> bool:
        """Whether somebody has it."""
        return (folder.path, folded(name)) in self.names

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


class _Beside(Enum):
    """What is at a name: NOTHING; OURS, a part of this very object; OTHER, anything else."""

    NOTHING = auto()
    OURS = auto()
    OTHER = auto()


@dataclass(frozen=True)
class Wanted:
    """An object that is to have a place. `checksum` is in base64; an empty one is of no file that is there."""

    bucket: str
    key: str
    size: int
    checksum: str


def place_of(folder: Folder, name: str, wanted: Wanted, reserved: Reserved) -> Place:
    """The place of a file: where it is already, else where a part of it is, else the first name that is free. Raises
    StoppedError, FileProblem."""
    with disk_errors(name):
        while True:
            place = _chosen(folder, name, wanted, reserved)
            if reserved.take(folder, place.name):
                break
        if place.is_there:
            _remove_rest(folder, place.name, wanted)
        return place


def _chosen(folder: Folder, name: str, wanted: Wanted, reserved: Reserved) -> Place:
    free = ""
    for number in range(1, _MOST_ALIKE):
        tried = numbered(name, number)
        if reserved.has(folder, tried):
            continue
        if found := folder.status(tried):
            if _is_same(folder, tried, found, wanted):
                return Place(folder, tried, is_there=True, modified_ns=found.st_mtime_ns)
            continue
        beside = _beside(folder, tried, wanted)
        if beside is _Beside.OURS or (beside is _Beside.NOTHING and free):
            return Place(folder, tried if beside is _Beside.OURS else free)
        if beside is _Beside.NOTHING:
            free = tried  # but a part of it may have the name after that
    raise OSError(f"{_MOST_ALIKE} files are called {name}")


def _beside(folder: Folder, name: str, wanted: Wanted) -> _Beside:
    """By the journal, of which a power loss may have left nothing but its name."""
    part, noted = folder.status(name + PART), folder.status(name + JOURNAL)
    if part is None and noted is None:
        return _Beside.NOTHING
    descriptor = folder.open(name + JOURNAL)
    if descriptor is None or (part is not None and not stat.S_ISREG(part.st_mode)):
        return _Beside.OTHER
    try:
        content = os.pread(descriptor, _HEADER, 0)
    finally:
        os.close(descriptor)
    subject, _ = journal.read(content)
    is_ours = subject is not None and (subject.bucket, subject.key) == (wanted.bucket, wanted.key)
    return _Beside.OURS if is_ours or journal.is_torn(content) else _Beside.OTHER


def _is_same(folder: Folder, name: str, found: os.stat_result, wanted: Wanted) -> bool:
    """Reads a file of the right size to its end."""
    if not (wanted.checksum and stat.S_ISREG(found.st_mode) and found.st_size == wanted.size):
        return False
    crc = 0
    for piece in folder.read(name):
        crc = crc64nvme(piece, crc)
    return encode_checksum(crc) == wanted.checksum


def _remove_rest(folder: Folder, name: str, wanted: Wanted) -> None:
    """What is left of a fetch that was killed when the file had its name already."""
    if _beside(folder, name, wanted) is _Beside.OURS:
        folder.remove(name + PART)
        folder.remove(name + JOURNAL)
