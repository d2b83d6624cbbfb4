"""What is asked of a fetch, and what comes of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec
from cloud_sync_common.stores.restore_jobs import JobFile

from console.errors import ConsoleError, Exit
from console.operations.restore.fetch.names import Layout

MIB = 1024 * 1024


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How files are fetched. At most `connections` are used, each with one piece in memory, of `piece_bytes` for the
    first four and a quarter of that for the others. After `sync_bytes` of a file, or `sync_seconds`, they are made
    durable and noted in its journal. `tries`: how often a range is asked for without any progress, each time after
    twice the seconds (`backoff` first, at most 15)."""

    layout: Layout = Layout.MONTH
    sha256: bool = False
    connections: int = 12
    files_at_once: int = 6
    piece_bytes: int = 4 * MIB
    range_bytes: int = 32 * MIB
    sync_bytes: int = 64 * MIB
    sync_seconds: float = 2.0
    tries: int = 8
    backoff: float = 0.5


class Ending(StrEnum):
    """What became of a file. FETCHED: it is here, verified. THERE: it was here already, verified. THAWING: S3 thaws it
    still. ENDED: it is frozen: its thawed copy has ended, or was never asked for. LOST: it can never be had. WRONG: its
    bytes were wrong, twice. FAILED: anything else."""

    FETCHED = "fetched"
    THERE = "there"
    THAWING = "thawing"
    ENDED = "ended"
    LOST = "lost"
    WRONG = "wrong"
    FAILED = "failed"

    @property
    def is_here(self) -> bool:
        return self in (Ending.FETCHED, Ending.THERE)


class FileResult(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is done with. `path` is relative to the directory, empty where there is no file; `problem` is one
    sentence, or two, with the next step."""

    provider: str
    media_id: str
    filename: str
    key: str
    version_id: str
    size: int
    ending: Ending
    path: str = ""
    problem: str = ""


class Fetched(msgspec.Struct, kw_only=True):
    """What came of a fetch. `counts` is by ending, `problems` are the results of the files that are not here,
    `read_bytes` is what was read from S3, `kept_bytes` what an earlier fetch had read of the same files. `stopped` says
    why it ended before all files were tried, with the exit code `stopped_code`; empty: it did not."""

    directory: str
    counts: dict[Ending, int] = msgspec.field(default_factory=dict)
    here_bytes: int = 0
    read_bytes: int = 0
    kept_bytes: int = 0
    fetched_again: int = 0
    problems: list[FileResult] = msgspec.field(default_factory=list)
    stopped: str = ""
    stopped_code: int = Exit.FAILED

    @property
    def files(self) -> int:
        return sum(self.counts.values())

    @property
    def is_whole(self) -> bool:
        """Whether every file is here."""
        return not self.stopped and self.files == sum(n for ending, n in self.counts.items() if ending.is_here)

    def add(self, result: FileResult) -> None:
        self.counts[result.ending] = self.counts.get(result.ending, 0) + 1
        if result.ending.is_here:
            self.here_bytes += result.size
        else:
            self.problems.append(result)

    @property
    def exit_code(self) -> int:
        """1 where bytes were wrong or something failed, 3 where files can never be had or have to be thawed again, 10
        where some still thaw."""
        if self.stopped:
            return self.stopped_code
        if self.counts.get(Ending.WRONG) or self.counts.get(Ending.FAILED):
            return Exit.FAILED
        if self.counts.get(Ending.LOST) or self.counts.get(Ending.ENDED):
            return Exit.ATTENTION
        return Exit.THAWING if self.counts.get(Ending.THAWING) else Exit.FINE


class Watching(Protocol):
    """Is told how far a fetch is, on the thread that called it."""

    def plans(self, files: int, size: int) -> None:
        """So many files can be had, of so many bytes together."""

    def begins(self, file: JobFile, path: str, had: int) -> None:
        """A file is fetched, of which `had` bytes are here."""

    def moves(self, file: JobFile, count: int) -> None:
        """So many more bytes of it are here; fewer than none: they have to be read again."""

    def ends(self, file: JobFile, result: FileResult) -> None:
        """A file is done with."""


class Unwatched:
    """Nobody is told."""

    def plans(self, files: int, size: int) -> None:
        """See Watching."""

    def begins(self, file: JobFile, path: str, had: int) -> None:
        """See Watching."""

    def moves(self, file: JobFile, count: int) -> None:
        """See Watching."""

    def ends(self, file: JobFile, result: FileResult) -> None:
        """See Watching."""


class FileProblem(Exception):
    """A file that cannot be had now; the others go on. The message is one sentence with the next step."""

    def __init__(self, ending: Ending, sentence: str) -> None:
        super().__init__(sentence)
        self.ending, self.sentence = ending, sentence


class StoppedError(ConsoleError):
    """Nothing further can be fetched; what is on disk stays, and the same command goes on with it."""

    def __init__(self, sentence: str, code: int = Exit.FAILED) -> None:
        super().__init__(sentence)
        self.exit_code = Exit(code)
