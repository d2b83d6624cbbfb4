"""Waits for conditions, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], what: str, *, seconds: float = 60) -> None:
    """Returns once `condition()` is true; fails if it is not within `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited in vain until {what}"
        time.sleep(0.005)  # polling interval of the condition above
