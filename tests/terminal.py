"""A program at a pseudo-terminal of its own, as in front of a person: what it shows is read, and answers are typed."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Self

# Opening it makes the terminal the one from which Ctrl-C comes.
_AT_THE_TERMINAL = """\
import os, sys
opened = os.open(sys.argv[1], os.O_RDWR)
for number in range(3):
    os.dup2(opened, number)
os.execvp(sys.argv[2], sys.argv[2:])
"""
WAIT_SECONDS = 60


class Terminal:
    """A running program. `shown` is all that its terminal has shown so far, the echo of the keyboard included."""

    def __init__(self, master: int, slave: int, process: subprocess.Popen[bytes]) -> None:
        self._master, self._slave, self._process = master, slave, process
        self._bytes, self._seen = bytearray(), 0

    @classmethod
    @contextmanager
    def running(cls, command: Sequence[str], environment: Mapping[str, str], folder: str) -> Iterator[Self]:
        """The program, which is ended with the block."""
        master, slave = pty.openpty()
        starter = [sys.executable, "-c", _AT_THE_TERMINAL, os.ttyname(slave), *command]
        process = subprocess.Popen(starter, env=dict(environment), cwd=folder, start_new_session=True)
        try:
            yield cls(master, slave, process)
        finally:
            process.kill()
            process.wait()
            os.close(master)
            os.close(slave)

    @property
    def shown(self) -> str:
        return self._bytes.decode(errors="replace")

    @property
    def words(self) -> str:
        """What was shown, as one line: a terminal wraps it anywhere."""
        return " ".join(self.shown.split())

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed now."""
        return bool(termios.tcgetattr(self._slave)[3] & termios.ECHO)

    @property
    def unread(self) -> bytes:
        """What was typed and no program has read: the shell would get it."""
        before = termios.tcgetattr(self._slave)
        now = [*before[:3], before[3] & ~termios.ICANON, *before[4:]]
        termios.tcsetattr(self._slave, termios.TCSANOW, now)
        return os.read(self._slave, 65_536) if select.select([self._slave], [], [], 0.2)[0] else b""

    def awaits(self, text: str) -> str:
        """Waits until the program has shown `text` after what was awaited before; returns what came with it."""
        end = time.monotonic() + WAIT_SECONDS
        while (at := self.shown.find(text, self._seen)) < 0:
            assert time.monotonic() < end and self._read(1.0), f"{text!r} did not come: {self.words[-2000:]}"
        came, self._seen = self.shown[self._seen : at + len(text)], at + len(text)
        return came

    def types(self, text: str, enter: str = "\n") -> None:
        os.write(self._master, (text + enter).encode())

    def ends(self, within: float = WAIT_SECONDS) -> int:
        """The exit code, once the program has ended and everything that it wrote was read."""
        end = time.monotonic() + within
        while self._process.poll() is None:
            assert time.monotonic() < end, f"it has not ended: {self.words[-2000:]}"
            self._read(0.05)
        while select.select([self._master], [], [], 0)[0]:
            self._read(0.0)
        return self._process.returncode

    def _read(self, seconds: float) -> bool:
        """Reads what there is; False when the program has ended and there is nothing."""
        if select.select([self._master], [], [], seconds)[0]:
            self._bytes += os.read(self._master, 65_536)
            return True
        return self._process.poll() is None
