"""Kills function processes at chosen requests. The servers do it, because they see every effect of a process.

A point is a moment of a request: when it has arrived and nothing is done yet, when half of its body has arrived, or
when it was carried out and its response is not sent yet. So the process needs no hooks, whatever libraries it uses.
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
    """A kind of points: this function, this moment (sent, body or done) of a request of this name."""

    function: str
    request: str
    moment: str

    def __str__(self) -> str:
        return f"{self.function} at {self.request} {self.moment}"


@dataclass(frozen=True)
class Point:
    """The `ordinal`th time, from 1, that a moment of this kind happens since the last point. `act` is called instead of
    killing the process."""

    kind: Kind
    ordinal: int = 1
    act: Callable[[], None] | None = None

    def __str__(self) -> str:
        return f"{self.kind} (time {self.ordinal})"


@dataclass
class Watch:
    """Watches every moment of every request and kills the process at the given points, once at each. `seen` counts
    every moment; `reached` has the points that were reached, in order."""

    points: list[Point] = field(default_factory=list)
    reached: list[Point] = field(default_factory=list)
    seen: Counter[Kind] = field(default_factory=Counter)
    function: str = ""
    pid: Future[int] = field(default_factory=Future)
    _times: Counter[Kind] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begins(self, function: str) -> None:
        """An invocation begins; `pid.set_result` sets its process later."""
        self.function, self.pid = function, Future()

    def ends(self) -> None:
        """The invocation has ended: requests from now on are a test's own and are ignored."""
        self.function = ""

    def forget(self) -> None:
        """Returns to the initial state."""
        self.points, self.reached = [], []
        self.seen.clear()
        self._times.clear()
        self.ends()

    def __call__(self, moment: str, request: str) -> None:
        """Raises ConnectionError at a point, once the process is dead, to end the request."""
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
            self.reached.append(point)
            self._times.clear()
        if point.act:
            point.act()
            return
        os.kill(self.pid.result(timeout=60), signal.SIGKILL)
        raise ConnectionResetError

    def attach(self, fake: FakeGoPro) -> None:
        """Watches the provider too: each request when it arrives and when it is carried out, and each piece of a file
        before it is sent."""
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
    """Random points of an undisturbed run, in which every kind was `seen` so many times. Each function has the same
    chance, then each of its moments, and then each kind, so that frequent reads of a body do not hide rare requests."""
    functions = sorted({kind.function for kind in seen})
    points = []
    for _ in range(count):
        function = random.choice(functions)
        moment = random.choice(sorted({kind.moment for kind in seen if kind.function == function}))
        kind = random.choice(sorted(kind for kind in seen if (kind.function, kind.moment) == (function, moment)))
        points.append(Point(kind, random.randint(1, seen[kind])))
    return points
