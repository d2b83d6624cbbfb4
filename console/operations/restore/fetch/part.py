"""A file that is being fetched: its bytes in `NAME.part`, and the journal of them beside it."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from awscrt.checksums import crc64nvme

from console.operations.restore.fetch import journal
from console.operations.restore.fetch.folder import Folder, disk_errors
from console.operations.restore.fetch.journal import Piece, Subject
from console.operations.restore.fetch.names import JOURNAL, PART
from console.operations.restore.fetch.outcome import Options

_BLOCK = 4096  # bytes
_MOST_JOURNAL = 64 * 1024 * 1024  # bytes; a journal of ours has 40 for each MiB of its file


class PartFile:
    """Written by several threads at once. Raises StoppedError, FileProblem.

    The bytes of a piece are durable before its line in the journal is written. What an earlier fetch has left is read
    again when it is opened, so that nothing on disk is believed without a look at it.
    """

    def __init__(self, folder: Folder, name: str, subject: Subject, options: Options) -> None:
        self.folder, self.name, self.subject = folder, name, subject
        self._options = options
        self._noting, self._syncing = threading.Lock(), threading.Lock()
        self._pending: list[Piece] = []
        self._pending_bytes, self._synced_at = 0, time.monotonic()
        self.pieces: list[Piece] = []
        with disk_errors(name):
            self._journal = self._open_journal()
            self._file = self._open_part()
        self._direct = folder.open_direct(name + PART, self._file)

    def _open_journal(self) -> int:
        name = self.name + JOURNAL
        descriptor = self.folder.open(name)
        if descriptor is not None:
            content = os.pread(descriptor, _MOST_JOURNAL, 0)
            subject, pieces = journal.read(content)
            if subject == self.subject:
                self.pieces = pieces
                os.lseek(descriptor, 0, os.SEEK_END)
                return descriptor
            os.ftruncate(descriptor, 0)
        else:
            descriptor = self.folder.create(name)
        _write(descriptor, journal.head(self.subject))
        return descriptor

    def _open_part(self) -> int:
        name = self.name + PART
        found = self.folder.status(name)
        if found is not None and found.st_nlink != 1:  # it is a name of another file as well, which is not ours
            self.folder.remove(name)
        descriptor = self.folder.open(name)
        if descriptor is None:
            self.pieces = []
            return self.folder.create(name)
        if not self.pieces:
            os.ftruncate(descriptor, 0)
        return descriptor

    def check(self) -> int:
        """Reads what an earlier fetch has left, and forgets what is not as its journal says. Returns how many bytes
        are there. The journal is written anew, since its tail may be half a line."""
        if not self.pieces:
            return 0
        with disk_errors(self.name):
            buffer = memoryview(bytearray(max(piece.length for piece in self.pieces)))
            self.pieces = [piece for piece in self.pieces if self._holds(piece, buffer)]
            self._rewrite_journal()
        return sum(piece.length for piece in self.pieces)

    def _holds(self, piece: Piece, buffer: memoryview) -> bool:
        view = buffer[: piece.length]
        return os.preadv(self._file, [view], piece.offset) == piece.length and crc64nvme(view) == piece.crc

    def _rewrite_journal(self) -> None:
        """A power loss in between leaves fewer lines, and those bytes are read from S3 again."""
        os.ftruncate(self._journal, 0)
        os.lseek(self._journal, 0, os.SEEK_SET)
        _write(self._journal, journal.head(self.subject) + journal.lines(self.pieces))

    def missing(self) -> list[tuple[int, int]]:
        """The ranges that are to be read: first byte, and the one after the last."""
        return journal.missing(self.pieces, self.subject.size)

    def write(self, offset: int, view: memoryview) -> None:
        """Writes a piece."""
        piece = Piece(offset, len(view), crc64nvme(view))
        with disk_errors(self.name):
            written = self._write_directly(offset, view)
            while written < len(view):
                written += os.pwrite(self._file, view[written:], offset + written)
            with self._noting:
                self.pieces.append(piece)
                self._pending.append(piece)
                self._pending_bytes += piece.length
                is_due = self._is_due()
            if is_due and self._syncing.acquire(blocking=False):
                try:
                    self._commit()
                finally:
                    self._syncing.release()

    def _write_directly(self, offset: int, view: memoryview) -> int:
        """Writes whole blocks past the page cache, where that can be done: made durable from there, each byte would
        cost the processor several times as much. Returns how many bytes were written."""
        if self._direct is None or offset % _BLOCK or len(view) % _BLOCK:
            return 0
        try:
            return os.pwrite(self._direct, view, offset)
        except OSError as error:
            if error.errno != errno.EINVAL:  # the file system or the buffer does not suit
                raise
            return 0

    def _is_due(self) -> bool:
        return (
            self._pending_bytes >= self._options.sync_bytes
            or time.monotonic() >= self._synced_at + self._options.sync_seconds
        )

    def _commit(self) -> None:
        with self._noting:
            pieces, self._pending, self._pending_bytes = self._pending, [], 0
            self._synced_at = time.monotonic()
        if pieces:
            _sync(self._file)
            _write(self._journal, journal.lines(pieces))

    def combined(self) -> int:
        """The CRC-64/NVME of all pieces."""
        return journal.combined(self.pieces)

    def is_whole(self) -> bool:
        return not self.missing() and os.fstat(self._file).st_size == self.subject.size

    def begin_anew(self) -> None:
        """Forgets every byte."""
        with disk_errors(self.name):
            self.pieces, self._pending, self._pending_bytes = [], [], 0
            os.ftruncate(self._file, 0)
            self._rewrite_journal()

    def publish(self, final: str, modified_ns: int | None) -> int:
        """Makes the file durable and gives it its modification time and its final name. Returns the modification time
        that it has. Raises FileExistsError when that name is taken."""
        with disk_errors(self.name):
            if modified_ns is not None:
                with suppress(OSError, OverflowError):  # a time that this file system does not have
                    os.utime(self._file, ns=(modified_ns, modified_ns))
            os.fsync(self._file)
            try:
                self.folder.publish(self.name + PART, final)
            except FileExistsError:
                pass
            else:
                self.folder.remove(self.name + JOURNAL)
                return os.fstat(self._file).st_mtime_ns
        raise FileExistsError(final)

    def remove(self) -> None:
        """Removes what is there of it."""
        with disk_errors(self.name):
            self.folder.remove(self.name + PART)
            self.folder.remove(self.name + JOURNAL)

    def close(self) -> None:
        """Notes what is not noted yet. A disk that is full does not take that either; then it is read again."""
        with suppress(OSError), self._syncing:
            self._commit()
        for descriptor in (self._file, self._journal, self._direct):
            if descriptor is not None:
                os.close(descriptor)


def _write(descriptor: int, content: Sequence[int] | bytes) -> None:
    view = memoryview(bytes(content))
    while view:
        view = view[os.write(descriptor, view) :]


def _sync(descriptor: int) -> None:
    getattr(os, "fdatasync", os.fsync)(descriptor)  # macOS has only the latter
