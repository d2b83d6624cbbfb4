"""Folders that are written into by their descriptors, so that nothing planted beside a file leads anywhere else.

Every name is looked up in an open folder and never followed: a symbolic link of a file's name is a thing that is there
already. A full or read-only disk raises StoppedError, with the next step.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from console.errors import UsageError
from console.operations.restore.fetch.names import LOCK
from console.operations.restore.fetch.outcome import Ending, FileProblem, StoppedError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # FAT, exFAT, some networks'
_READ = 1024 * 1024


@contextmanager
def disk_errors(name: str) -> Iterator[None]:
    """Raises StoppedError for a disk that takes nothing more, FileProblem for what it does not take of one file."""
    try:
        yield
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, "?")
        if error.errno in _FULL:
            raise StoppedError(
                f"The disk is full ({code}). What is fetched stays: free some space, and repeat the command to go on."
            ) from None
        if error.errno == errno.EFBIG:
            raise FileProblem(
                Ending.FAILED,
                "This file system, or a limit of this shell (`ulimit -f`), holds no file of that size: fetch it into a "
                "directory on another disk.",
            ) from None
        if error.errno in (errno.EROFS, errno.EIO, errno.ENODEV, errno.ENXIO):
            raise StoppedError(
                f"The disk takes nothing more ({code}). What is fetched stays: see to the disk, and repeat the command "
                "to go on."
            ) from None
        raise FileProblem(
            Ending.FAILED, f"{name} cannot be written ({code}). Check what is there and its permissions."
        ) from None


@dataclass(frozen=True)
class Folder:
    """An open folder. Methods raise OSError."""

    descriptor: int
    path: str  # relative to the directory; empty: the directory itself

    def below(self, name: str) -> str:
        """The path of a file in it, relative to the directory."""
        return f"{self.path}/{name}" if self.path else name

    def status(self, name: str) -> os.stat_result | None:
        """Of what has that name; None when there is nothing."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def create(self, name: str) -> int:
        """Opens a new file, to be read and written. Raises FileExistsError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o666, dir_fd=self.descriptor)

    def open(self, name: str) -> int | None:
        """Opens a file that is there, to be read and written; None where there is no file, but nothing or a link."""
        found = self.status(name)
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        return os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.descriptor)

    def open_direct(self, name: str, same: int) -> int | None:
        """Opens the file that is open as `same` once more, to be written past the page cache; None where that cannot
        be."""
        flags = os.O_WRONLY | getattr(os, "O_DIRECT", 0) | os.O_NOFOLLOW | os.O_CLOEXEC
        if not hasattr(os, "O_DIRECT"):  # macOS
            return None
        try:
            descriptor = os.open(name, flags, dir_fd=self.descriptor)
        except OSError:
            return None
        if os.path.samestat(os.fstat(descriptor), os.fstat(same)):
            return descriptor
        os.close(descriptor)
        return None

    def read(self, name: str) -> Generator[memoryview]:
        """The bytes of a file, a piece at a time, each only valid until the next one."""
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            buffer = memoryview(bytearray(_READ))
            while count := os.readv(descriptor, [buffer]):
                yield buffer[:count]
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Does nothing where there is none."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def publish(self, name: str, final: str) -> None:
        """Gives a file its final name, which nothing must have. Raises FileExistsError."""
        here = self.descriptor
        try:
            os.link(name, final, src_dir_fd=here, dst_dir_fd=here, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if self.status(final) is not None:
                raise FileExistsError(errno.EEXIST, final) from None
            os.rename(name, final, src_dir_fd=here, dst_dir_fd=here)
        else:
            os.unlink(name, dir_fd=here)
        self.sync()

    def sync(self) -> None:
        """Makes names durable, where the file system can."""
        with suppress(OSError):
            os.fsync(self.descriptor)


class Directory:
    """Where files are fetched to, with a lock on it. To be used as a context. Raises UsageError, StoppedError."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.top = Folder(_opened(path), "")
        self._folders = {"": self.top}
        try:
            self._lock = self._locked()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Directory:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)
        self.close()

    def close(self) -> None:
        for folder in self._folders.values():
            os.close(folder.descriptor)

    def folder(self, name: str) -> Folder:
        """The folder of that name in it, which is created. Raises FileProblem for something else of that name."""
        if name not in self._folders:
            with disk_errors(name), suppress(FileExistsError):
                os.mkdir(name, dir_fd=self.top.descriptor)
                self.top.sync()
            self._folders[name] = Folder(self._open_folder(name), name)
        return self._folders[name]

    def existing(self, name: str) -> Folder | None:
        """The folder of that name, None where there is none. Raises FileProblem as `folder` does."""
        if name not in self._folders and self.top.status(name) is None:
            return None
        return self.folder(name)

    def _open_folder(self, name: str) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(name, flags, dir_fd=self.top.descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise FileProblem(
                    Ending.FAILED,
                    f"{name} in {self.path} is no folder but a link or a file: move it away, or choose another layout.",
                ) from None
            with disk_errors(name):
                raise

    def free_bytes(self) -> int:
        """What the disk has room for."""
        return shutil.disk_usage(self.path).free

    def _locked(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(LOCK, flags, 0o666, dir_fd=self.top.descriptor)
        except OSError as error:
            raise _unusable(self.path, error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise UsageError(
                f"Another fetch into {self.path} is under way: wait until it has ended, or name another directory."
            ) from None
        except OSError:  # a file system without locks
            return descriptor
        return descriptor


def _opened(path: str) -> int:
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{path} is a file, or a part of the way to it is: name a directory.") from None
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from None


def _unusable(path: str, error: Exception) -> UsageError:
    code = errno.errorcode.get(getattr(error, "errno", 0) or 0, type(error).__name__)
    if getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
        return UsageError(f"The disk of {path} is full ({code}): free some space, or name another directory.")
    return UsageError(f"{path} cannot be written into ({code}): correct its permissions, or name another directory.")
