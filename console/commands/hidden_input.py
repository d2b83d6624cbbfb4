"""What the owner types or pastes without its being shown, and without any of it being left for the shell.

A terminal that hands over lines cuts them (at 1,024 characters on macOS, 4,096 on Linux; a token of GoPro's is longer
than the first), and gives the second line of a paste to whatever reads next, at the end to the shell and its history.
So the characters are read as they come, until a line has ended and nothing more arrives. Most terminals mark a paste
when they are told to (xterm, "Bracketed Paste Mode"), so that its own line breaks end nothing.
"""

from __future__ import annotations

import os
import re
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getpass

_MORE_SECONDS = 0.15  # in which the rest of a paste follows
_MOST_BYTES = 1 << 20
_ERASE, _KILL, _END = "\x7f\b", "\x15", "\x04"
_MARK_PASTES, _AS_BEFORE = "\x1b[?2004h", "\x1b[?2004l"
_PASTE_MARKS = ("\x1b[200~", "\x1b[201~")
_PASTE = re.compile(r"\x1b\[200~.*?(?:\x1b\[201~|\Z)", re.DOTALL)


def is_terminal() -> bool:
    """Whether there is somebody to ask: input from a terminal, and a terminal for the questions."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def hidden(question: str) -> str:
    """The answer as it came, with all of its lines. Raises EOFError for Ctrl-D, KeyboardInterrupt for Ctrl-C."""
    if os.name != "posix":
        return getpass(question)  # Windows has no such terminal, and no line that is left over
    descriptor = sys.stdin.fileno()
    with _unseen(descriptor):
        _say(question)
        try:
            return edited(_arrived(descriptor).decode(errors="replace"))
        finally:
            _say("\n")


@contextmanager
def _unseen(descriptor: int) -> Iterator[None]:
    """No echo and no lines. What was typed before, and what comes after the end, is thrown away (TCSAFLUSH). Ctrl-Z
    does not stop the program: the shell would turn the echo on, and nobody turns it off when the program goes on."""
    import termios as t  # noqa: PLC0415 (Windows has none)

    before, now = t.tcgetattr(descriptor), t.tcgetattr(descriptor)
    now[3] &= ~(t.ECHO | t.ECHONL | t.ICANON | t.IEXTEN)
    now[6][t.VMIN], now[6][t.VTIME] = 1, 0
    now[6][t.VSUSP] = bytes([os.fpathconf(descriptor, "PC_VDISABLE")])
    marks = os.environ.get("TERM", "dumb") != "dumb"
    try:
        t.tcsetattr(descriptor, t.TCSAFLUSH, now)
        _say(_MARK_PASTES if marks else "")
        yield
    finally:
        _say(_AS_BEFORE if marks else "")
        t.tcsetattr(descriptor, t.TCSAFLUSH, before)


def _arrived(descriptor: int) -> bytes:
    """Everything up to the end of a line after which nothing follows."""
    found = bytearray()
    while len(found) < _MOST_BYTES:
        piece = os.read(descriptor, 65_536)
        if not piece:
            raise EOFError
        found += piece
        if found.endswith(_END.encode()) and not edited(found.decode(errors="replace")):
            raise EOFError
        if is_whole(found.decode(errors="replace")) and not select.select([descriptor], [], [], _MORE_SECONDS)[0]:
            break
    return bytes(found)


def is_whole(text: str) -> bool:
    """Whether a line has ended, not counting the lines of a paste that the terminal has marked."""
    return not {"\n", "\r"}.isdisjoint(_PASTE.sub("", text))


def edited(text: str) -> str:
    """`text` as its erasing characters have left it, without the end of its last line."""
    for mark in _PASTE_MARKS:
        text = text.replace(mark, "")
    kept: list[str] = []
    for character in text:
        if character in _ERASE:
            del kept[-1:]
        elif character == _KILL:
            kept.clear()
        elif character != _END:
            kept.append(character)
    return "".join(kept).rstrip("\r\n")


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
