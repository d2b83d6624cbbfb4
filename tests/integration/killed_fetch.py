"""A fetch in a process of its own, which is killed at a point that a number names: before, in the middle of, or after
the n-th thing that it does to the disk."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from cloud_sync_common.stores.restore_jobs import JobFile

from console.operations.restore.fetch import journal
from console.operations.restore.fetch.engine import fetch
from console.operations.restore.fetch.journal import Piece
from console.operations.restore.fetch.names import JOURNAL
from console.operations.restore.fetch.outcome import Options
from tests.integration.object_server import ObjectServer

KIB = 1024
OPTIONS = Options(
    piece_bytes=32 * KIB, range_bytes=96 * KIB, sync_bytes=64 * KIB, connections=4, files_at_once=2, backoff=0.01
)
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes (getrusage, ru_maxrss)
_WRITES = ("write", "pwrite")
_OTHERS = ("open", "link", "unlink", "rename", "fsync", "fdatasync", "ftruncate", "utime", "mkdir")
_ALONE = multiprocessing.get_context("forkserver")  # a process that has imported everything, and no thread
ObjectServer(
    url="http://127.0.0.1:1"
).source()  # so that botocore's models are read once, in the process they fork from


class Deaths:
    """Counts what is done to the disk, and ends this process at the n-th: `moment` 0 is before it, 1 in the middle of
    a write, 2 after it."""

    def __init__(self, count: int, moment: int) -> None:
        self.left, self._moment, self._lock = count, moment, threading.Lock()
        self.seen = 0

    def install(self) -> None:
        for name in (*_WRITES, *_OTHERS):
            setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **more: Any) -> Any:
            with self._lock:
                self.seen += 1
                is_last = self.seen == self.left
            if not is_last:
                return real(*words, **more)
            if self._moment == 1 and name in _WRITES:
                with contextlib.suppress(OSError):  # half a block cannot be written past the page cache
                    real(words[0], bytes(words[1])[: len(words[1]) // 2], *words[2:])
            if self._moment == 2:
                real(*words, **more)
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        return call


def _run(url: str, files: list[JobFile], into: str, count: int, moment: int, said: Any) -> None:
    deaths = Deaths(count, moment)
    server = ObjectServer(url=url)
    source = server.source()
    deaths.install()
    result = fetch(files, source, into, OPTIONS)
    said.send((deaths.seen, result.is_whole, result.read_bytes, result.kept_bytes))


def run(server: ObjectServer, files: list[JobFile], into: Path, count: int = 0, moment: int = 0) -> Any:
    """What the fetch says at its end: how many things it did to the disk, whether all is here, and the bytes that were
    read and kept. None: it was killed."""
    _ALONE.set_forkserver_preload([__name__])
    here, there = _ALONE.Pipe(duplex=False)
    process = _ALONE.Process(target=_run, args=(server.url, files, str(into), count, moment, there))
    process.start()
    there.close()
    with _ended(process):
        try:
            return here.recv()
        except EOFError:
            return None


def _measure(url: str, file: JobFile, into: str, said: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert fetch([file], ObjectServer(url=url).source(), into).is_whole
    said.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * _RSS_UNIT)


def memory_of(server: ObjectServer, file: JobFile, into: Path) -> int:
    """By how many bytes the process that fetches a file grows, with the options that the command has."""
    _ALONE.set_forkserver_preload([__name__])
    here, there = _ALONE.Pipe(duplex=False)
    process = _ALONE.Process(target=_measure, args=(server.url, file, str(into), there))
    process.start()
    there.close()
    with _ended(process):
        found: int = here.recv()
        return found


@contextmanager
def _ended(process: BaseProcess) -> Iterator[None]:
    try:
        yield
    finally:
        process.join(30)
        assert process.exitcode in (0, -signal.SIGKILL), process.exitcode


def noted(into: Path) -> dict[str, list[Piece]]:
    """What the journals have, by the key of the object."""
    found: dict[str, list[Piece]] = {}
    for path in into.rglob(f"*{JOURNAL}"):
        subject, pieces = journal.read(path.read_bytes())
        part = path.with_name(path.name.removesuffix(".journal"))
        if subject and part.exists():
            found[subject.key] = pieces
    return found
