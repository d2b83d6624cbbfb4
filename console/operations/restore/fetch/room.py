"""Whether the disk has room for what is to be fetched."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from cloud_sync_common.runtime.wording import size_of
from cloud_sync_common.stores.restore_jobs import FileState, JobFile

from console.operations.restore.fetch.folder import Directory
from console.operations.restore.fetch.landing import Landing
from console.operations.restore.fetch.names import PART, folder_of, name_of
from console.operations.restore.fetch.outcome import FileProblem, Options, StoppedError

_BLOCK = 512  # bytes, the unit of st_blocks


def check_room(files: Iterable[JobFile], directory: Directory, landing: Landing, options: Options) -> None:
    """Raises StoppedError where the disk has less room than the files that can be had need, without what is there of
    them already."""
    needed = sum(_needed(file, directory, landing, options) for file in files if file.state is FileState.READY)
    free = directory.free_bytes()
    if needed > free:
        raise StoppedError(
            f"The disk has too little room: {size_of(needed)} are to be fetched, and {size_of(free)} are free in "
            f"{directory.path}. Free some space, or name a directory on another disk."
        )


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
