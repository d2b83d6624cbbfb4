"""How a run is followed: bars in a terminal, lines without one, or an event on each line."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloud_sync_common.runtime.wording import count_of, size_of
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from console.errors import NotFoundError
from console.operations.run import Execution, execution
from console.operations.run_report import RUNNING
from console.stack import Stack
from console.wording import title_of

if TYPE_CHECKING:
    from rich.console import Console

    from console.operations.progress import FileProgress, RunWatch
    from console.operations.progress import Progress as RunProgress

POLL_SECONDS = 2.0
MOST_UNSEEN = 15  # looks, in which a run that has just been started may not be shown yet
PLAIN_SECONDS = 10.0  # between two lines without a terminal
MOST_LINES = 20  # of videos that have ended since the last look
MOST_BARS = 6  # of videos under way, of each provider
_WIDE = 100  # characters of a terminal that has room for everything
_NAME, _NARROW_NAME = 28, 18  # characters of a video's name
_COLOURS = ("bright_black", "cyan", "green")  # of bars: those that a terminal chooses itself, to suit its background

type Show = Callable[[Sequence[RunProgress]], None]
"""What shows the progress of the runs, one of each provider, each time that it is looked at."""


def showing(console: Console, *, names_videos: bool = True, indent: str = "") -> AbstractContextManager[Show]:
    """Bars where the console is a terminal, plain lines otherwise."""
    if console.is_terminal:
        return Bars(console, indent=indent)
    return nullcontext(Lines(console, names_videos=names_videos, indent=indent))


def followed(
    stack: Stack,
    run: Execution,
    watches: Sequence[RunWatch],
    show: Show,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Shows the run until it has ended. Raises NotFoundError for one that Step Functions does not show, ConsoleError,
    botocore's errors."""
    unseen = 0
    while True:
        now = execution(stack, run.arn)
        unseen = 0 if now else unseen + 1
        if unseen > MOST_UNSEEN:
            raise NotFoundError(
                f"Step Functions does not show the run {run.run_id}. `cloudsync runs` lists the others."
            )
        is_over = now is not None and now.status != RUNNING
        show([watch.sample(is_over=is_over) for watch in watches])
        if is_over:
            return
        sleep(POLL_SECONDS)  # the interval of the polling above


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def items_of(one: RunProgress) -> str:
    """`3 of 17 items`, or what a run does before it knows how many."""
    if not one.videos:
        return {"ending": "nothing new"}.get(one.stage, one.stage)
    return f"{one.ended:,} of {count_of(one.videos, 'item')}"


def pace_of(samples: Sequence[RunProgress]) -> str:
    """`5.0 MB/s, 12 min left`, as far as it is known; the runs go on side by side, so that the slowest one counts."""
    rates = [one.rate for one in samples if one.rate]
    left = [one.seconds_left for one in samples if one.seconds_left]
    words = [f"{size_of(sum(rates))}/s"] if rates else []
    return ", ".join([*words, *([f"{duration(max(left))} left"] if left else [])])


class Lines:
    """Plain lines on a console that is no terminal: how far it is, now and then, and each video that has ended, if
    `names_videos`."""

    def __init__(
        self,
        console: Console,
        *,
        names_videos: bool = True,
        indent: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._indent, self._names_videos, self._clock = console, indent, names_videos, clock
        self._last: float | None = None
        self._said = ""

    def __call__(self, samples: Sequence[RunProgress]) -> None:
        """See Show."""
        for one in samples if self._names_videos else []:
            for video in one.news[:MOST_LINES]:
                self._print(ended(video))
            if len(one.news) > MOST_LINES:
                self._print(f"and {len(one.news) - MOST_LINES:,} more of {title_of(one.provider)}")
        now = self._clock()
        if self._last is None or now >= self._last + PLAIN_SECONDS:
            self._last = now
            self._say(overall(samples))

    def _say(self, text: str) -> None:
        """Nothing twice: a file of such lines is read by people."""
        if text != self._said:
            self._print(text)
        self._said = text

    def _print(self, text: str) -> None:
        self._console.print(self._indent + text, markup=False, highlight=False, soft_wrap=True)


def overall(samples: Sequence[RunProgress]) -> str:
    """`GoPro 1 of 2 items, Dropbox listing; 67 % of 150.0 MB, 5.0 MB/s, 12 s left`."""
    videos = ", ".join(f"{title_of(one.provider)} {items_of(one)}" for one in samples)
    done, total = sum(one.done for one in samples), sum(one.total for one in samples)
    return "; ".join([videos, ", ".join(filter(None, [*_share(done, total), pace_of(samples)]))]).removesuffix("; ")


def _share(done: int, total: int) -> list[str]:
    return [f"{done / total:.0%} of {size_of(total)}"] if total else []


def ended(video: FileProgress) -> str:
    """`GX010042.MP4: archived, 4.0 GB`, or why not."""
    what = size_of(video.done) if not video.reason else video.reason
    return f"{video.filename}: {video.status.lower()}, {what}"


class Bars:
    """Bars in a terminal: one for each provider, and below it one for each video under way. What has failed is a line
    above them. To be used as a context."""

    def __init__(self, console: Console, *, indent: str = "") -> None:
        self._indent, self._is_narrow = indent, console.width < _WIDE
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(10 if self._is_narrow else 20, *_COLOURS),
            TextColumn("{task.fields[words]}", markup=False),
            console=console,
            transient=True,
        )
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, samples: Sequence[RunProgress]) -> None:
        """See Show. A bar that comes later is below the others, so all are made anew when any comes or goes."""
        bars = {key: bar for one in samples for key, bar in self._bars_of(one).items()}
        if bars.keys() != self._tasks.keys():
            for task in self._tasks.values():
                self._bars.remove_task(task)
            self._tasks = {key: self._bars.add_task(bar.label, words="") for key, bar in bars.items()}
        for key, bar in bars.items():
            # One without a total would glow in colours of its own; it is empty instead.
            done, total = (bar.done, bar.total) if bar.total else (0, 1)
            self._bars.update(self._tasks[key], completed=done, total=total, words=bar.words)
        for video in (video for one in samples for video in one.news if video.reason):
            self._bars.console.print(self._indent + ended(video), markup=False, highlight=False)

    def _bars_of(self, one: RunProgress) -> dict[tuple[str, str], _Bar]:
        """By provider and video. A narrow terminal has no room for the bytes of a whole run."""
        bytes_of_all = f"{size_of(one.done)} of {size_of(one.total)}" if one.total and not self._is_narrow else ""
        words = ", ".join(filter(None, [items_of(one), bytes_of_all, pace_of([one])]))
        bars = {(one.provider, ""): _Bar(self._label(title_of(one.provider)), one.done, one.total, words)}
        for video in one.moving[:MOST_BARS]:
            size = f"{size_of(video.done)} of {size_of(video.size)}" if video.size else size_of(video.done)
            label = self._label(f"  {video.filename}")
            bars[one.provider, video.media_id] = _Bar(label, video.done, video.size or 0, size)
        return bars

    def _label(self, name: str) -> str:
        most = _NARROW_NAME if self._is_narrow else _NAME
        return self._indent + (name if len(name) <= most else f"{name[: most - 1]}…").ljust(most)


@dataclass(frozen=True)
class _Bar:
    """A bar with its label and the words beside it; `total` is 0 where it is not known."""

    label: str
    done: int
    total: int
    words: str
