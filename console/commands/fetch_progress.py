"""How a fetch is followed: bars in a terminal, lines without one."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, override

from cloud_sync_common.runtime.wording import count_of, file_name, size_of
from cloud_sync_common.stores.restore_jobs import JobFile
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from console.commands.following import PLAIN_SECONDS, duration
from console.operations.restore.fetch.outcome import Ending, FileResult, Unwatched, Watching

if TYPE_CHECKING:
    from rich.console import Console

_COLOURS = ("bright_black", "cyan", "green")
_WIDE = 100  # characters of a terminal that has room for everything
_NAME, _NARROW_NAME = 34, 18  # characters of a file's path
_RATE_SECONDS = 10.0  # over which the rate is taken


def watching(console: Console) -> AbstractContextManager[Watching]:
    """Bars where the console is a terminal, plain lines otherwise."""
    return Bars(console) if console.is_terminal else nullcontext(Lines(console))


class Pace:
    """How many files and bytes there are, how many are done with, and how fast it goes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.files = self.size = self.ended = self.done = 0
        self._samples: list[tuple[float, int]] = [(clock(), 0)]
        self._moved = 0

    def move(self, count: int) -> None:
        """So many bytes were read from S3."""
        self.done += count
        self._moved += max(count, 0)
        now = self._clock()
        if now >= self._samples[-1][0] + 1:
            self._samples = [one for one in self._samples if one[0] >= now - _RATE_SECONDS] or self._samples[-1:]
            self._samples.append((now, self._moved))

    @property
    def rate(self) -> float:
        """Bytes a second."""
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    @property
    def words(self) -> str:
        """`3 of 17 files, 1.0 GB of 4.0 GB, 80.0 MB/s, 38 s left`."""
        found = [f"{self.ended:,} of {count_of(self.files, 'file')}", f"{size_of(self.done)} of {size_of(self.size)}"]
        if rate := self.rate:
            found += [f"{size_of(rate)}/s", f"{duration(max(self.size - self.done, 0) / rate)} left"]
        return ", ".join(found)


class Lines(Unwatched):
    """Plain lines: each file that is done with, and now and then how far it is."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._pace, self._last = Pace(clock), clock()

    @override
    def plans(self, files: int, size: int) -> None:
        """See Watching, as for all others here."""
        self._pace.files, self._pace.size = files, size

    @override
    def begins(self, file: JobFile, path: str, had: int) -> None:
        self._pace.done += had

    @override
    def moves(self, file: JobFile, count: int) -> None:
        self._pace.move(count)
        if self._clock() >= self._last + PLAIN_SECONDS:
            self._last = self._clock()
            self._print(self._pace.words)

    @override
    def ends(self, file: JobFile, result: FileResult) -> None:
        self._pace.ended += result.ending.is_here
        if result.ending is Ending.THERE:
            self._pace.done += file.size
        elif text := ended(result):
            self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def ended(result: FileResult) -> str:
    """`2026-05/GX010042.MP4: 4.0 GB, verified`; empty for a file with a problem, which is told at the end."""
    return f"{file_name(result.path)}: {size_of(result.size)}, verified" if result.ending is Ending.FETCHED else ""


class Bars:
    """A bar for all files, and one for each that is under way. To be used as a context."""

    def __init__(self, console: Console) -> None:
        self._is_narrow, self._pace = console.width < _WIDE, Pace()
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(10 if self._is_narrow else 20, *_COLOURS),
            TextColumn("{task.fields[words]}", markup=False),
            console=console,
            transient=True,
        )
        self._all = self._bars.add_task("".ljust(self._most), total=1, words="")
        self._tasks: dict[int, TaskID] = {}

    @property
    def _most(self) -> int:
        return _NARROW_NAME if self._is_narrow else _NAME

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def plans(self, files: int, size: int) -> None:
        """See Watching, as for all others here."""
        self._pace.files, self._pace.size = files, size
        self._say()

    def begins(self, file: JobFile, path: str, had: int) -> None:
        name = file_name(path)
        label = (name if len(name) <= self._most else f"…{name[1 - self._most :]}").ljust(self._most)
        self._drop(file)
        self._tasks[id(file)] = self._bars.add_task(
            label, total=max(file.size, 1), completed=had, words=size_of(file.size)
        )
        self._pace.done += had

    def moves(self, file: JobFile, count: int) -> None:
        self._pace.move(count)
        self._bars.advance(self._tasks[id(file)], count)
        self._say()

    def ends(self, file: JobFile, result: FileResult) -> None:
        self._drop(file)
        self._pace.ended += result.ending.is_here
        if result.ending is Ending.THERE:
            self._pace.done += file.size
        self._say()

    def _drop(self, file: JobFile) -> None:
        if (task := self._tasks.pop(id(file), None)) is not None:
            self._bars.remove_task(task)

    def _say(self) -> None:
        words = self._pace.words
        if self._is_narrow:
            words = words.partition(", ")[0]
        self._bars.update(self._all, completed=self._pace.done, total=max(self._pace.size, 1), words=words)
