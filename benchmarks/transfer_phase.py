"""What a Python peer says of itself: the transfer alone, without the interpreter's start and the imports."""

from __future__ import annotations

import json
import resource
import sys
import time


class TransferPhase:
    """Begins when it is made."""

    def __init__(self) -> None:
        self._begun, self._cpu = time.monotonic(), _cpu_seconds()

    def tell(self, *, files: int, moved: int) -> None:
        """Writes one line of JSON to standard output: bytes, seconds and MiB."""
        seconds, cpu = time.monotonic() - self._begun, _cpu_seconds() - self._cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        numbers = {"files": files, "bytes": moved, "seconds": round(seconds, 6), "cpu_seconds": round(cpu, 6)}
        sys.stdout.write(json.dumps({**numbers, "max_rss_mib": round(memory, 1)}) + "\n")


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
