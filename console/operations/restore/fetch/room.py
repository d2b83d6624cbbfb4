"""Whether the disk has room for what is to be fetched."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from cloud_sync_common.runtime.wording import size_of
from cloud_sync_common.stores.restore_jobs import FileState, JobFile

from console.operations.restore.fetch.folder import Directory
from console.operations.restore.fetch.landing import Landing
from console.operations.restore.fetch.names import PART, folder_of, name_of
from console.operations.restore.fetch.outcome import FileProblem, Options, StoppedError

_BLOCK = 512  # bytes, the unit of st_blocks


@dataclass
class Survey:
    """How many files can be had, how large they are together, and how much of that is not here yet."""

    files: int = 0
    bytes: int = 0
    needed: int = 0


def surveyed(files: Iterable[JobFile], directory: Directory, landing: Landing, options: Options) -> Survey:
    """Raises StoppedError where the disk has less room than is needed."""
    found = Survey()
    for file in files:
        if file.state is FileState.READY:
            found.files += 1
            found.bytes += file.size
            found.needed += _needed(file, directory, landing, options)
    free = directory.free_bytes()
    if found.needed > free:
        raise StoppedError(
            f"The disk has too little room: {size_of(found.needed)} are to be fetched, and {size_of(free)} are free in "
            f"{directory.path}. Free some space, or name a directory on another disk."
        )
    return found


def _needed(file: JobFile, directory: Directory, landing: Landing, options: Options) -> int:
    if landing.known(file):
        return 0
    name = name_of(file)
    with suppress(FileProblem):
        folder = directory.existing(folder_of(file, options.layout))
        if folder is None:
            return file.size
        if (found := folder.status(name)) and found.st_size == file.size:
            return 0
        if part := folder.status(name + PART):
            return max(0, file.size - part.st_blocks * _BLOCK)
    return file.size
