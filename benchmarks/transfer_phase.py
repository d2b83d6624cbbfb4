"""A Python peer's own measurement: the transfer alone, without the start of the interpreter and the imports."""

from __future__ import annotations

import json
import resource
import sys
import time


class TransferPhase:
    """Measures from its construction on."""

    def __init__(self) -> None:
        self._started, self._cpu = time.monotonic(), _cpu_seconds()

    def report(self, *, files: int, moved: int) -> None:
        """Writes one line of JSON to standard output: bytes, seconds and MiB."""
        seconds, cpu = time.monotonic() - self._started, _cpu_seconds() - self._cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        numbers = {"files": files, "bytes": moved, "seconds": round(seconds, 6), "cpu_seconds": round(cpu, 6)}
        sys.stdout.write(json.dumps({**numbers, "max_rss_mib": round(memory, 1)}) + "\n")


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
