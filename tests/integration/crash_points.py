"""Where a function process is killed: at the servers that it talks to, which see its every effect.

A point is a moment of a request: when it has arrived and nothing is done yet, when half of its body has, or when it
has been carried out and its answer has not left. So nothing is planted in the process, whatever library speaks in it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from random import Random
from typing import Any

from local.fake_providers.gopro import FakeGoPro

AUTHENTICATOR, LISTER, DOWNLOADER = "media-authenticator", "media-lister", "video-downloader"


@dataclass(frozen=True, order=True)
class Kind:
    """Points of one kind: in this function, at this moment (sent, body or done) of a request of this name."""

    function: str
    request: str
    moment: str

    def __str__(self) -> str:
        return f"{self.function} at {self.request} {self.moment}"


@dataclass(frozen=True)
class Point:
    """The `ordinal`th time, from 1, that it comes to this since the last point was reached. `act` is done in the place
    of killing the process."""

    kind: Kind
    ordinal: int = 1
    act: Callable[[], None] | None = None

    def __str__(self) -> str:
        return f"{self.kind} (time {self.ordinal})"


@dataclass
class Watch:
    """Told of every moment of every request, it kills the process at the points that it was given, once at each.
    `seen` counts every moment; `struck` are the points that were reached, in order."""

    points: list[Point] = field(default_factory=list)
    struck: list[Point] = field(default_factory=list)
    seen: Counter[Kind] = field(default_factory=Counter)
    function: str = ""
    pid: Future[int] = field(default_factory=Future)
    _times: Counter[Kind] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begins(self, function: str) -> None:
        """An invocation begins; its process is told by `pid.set_result`."""
        self.function, self.pid = function, Future()

    def ends(self) -> None:
        """From now on requests are a test's own, and not looked at."""
        self.function = ""

    def forget(self) -> None:
        """As at the start."""
        self.points, self.struck = [], []
        self.seen.clear()
        self._times.clear()
        self.ends()

    def __call__(self, moment: str, request: str) -> None:
        """Raises ConnectionError at the point, once the process is dead: the request was its last."""
        kind = Kind(self.function, request, moment)
        if not kind.function:
            return
        with self._lock:
            self.seen[kind] += 1
            self._times[kind] += 1
            point = next((p for p in self.points if (p.kind, p.ordinal) == (kind, self._times[kind])), None)
            if point is None:
                return
            self.points.remove(point)
            self.struck.append(point)
            self._times.clear()
        if point.act:
            point.act()
            return
        os.kill(self.pid.result(timeout=60), signal.SIGKILL)
        raise ConnectionResetError

    def attach(self, fake: FakeGoPro) -> None:
        """Sees also what the provider sees: each request before it does anything and once it is carried out, and each
        piece of a file before it is sent."""
        state: Any = fake._state
        begin, record, served = state.faults.begin, state.log.record, state.log.served

        def watched_begin(endpoint: Any, *rest: Any) -> Any:
            self("sent", f"gopro.{endpoint}")
            return begin(endpoint, *rest)

        def watched_record(**entry: Any) -> None:
            record(**entry)
            self("done", f"gopro.{entry['endpoint']}")

        def watched_served(name: str, count: int) -> None:
            served(name, count)
            self("body", "gopro.cdn")

        state.faults.begin, state.log.record, state.log.served = watched_begin, watched_record, watched_served


def choose(random: Random, seen: Counter[Kind], count: int) -> list[Point]:
    """Points of an undisturbed run, in which every kind was `seen` so often: each function has the same chance, in it
    each moment, and at that each kind, so that a rare request is not lost among a thousand reads of a body."""
    functions = sorted({kind.function for kind in seen})
    points = []
    for _ in range(count):
        function = random.choice(functions)
        moment = random.choice(sorted({kind.moment for kind in seen if kind.function == function}))
        kind = random.choice(sorted(kind for kind in seen if (kind.function, kind.moment) == (function, moment)))
        points.append(Point(kind, random.randint(1, seen[kind])))
    return points
