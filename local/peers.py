"""Who is at the other end of a connection over loopback: the user whose process opened it, where Linux tells.

Also used inside the emulator's own environment, so it imports nothing of the project.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "01"
_ROOT = 0


def is_foreign(peer: int, server: int) -> bool:
    """Whether another user than ours, and than root, opened the connection from port `peer` to our port `server`."""
    with suppress(OSError):  # no such table: not Linux
        for table in TABLES:
            uid = uid_of(table.read_text().splitlines(), peer, server)
            if uid is not None:
                return uid not in (os.getuid(), _ROOT)
    return False


def uid_of(rows: Iterable[str], peer: int, server: int) -> int | None:
    """The user of an established connection by its two ports, or None if the table does not have it."""
    for row in rows:
        fields = row.split()
        if len(fields) > 7 and fields[3] == _ESTABLISHED and (_port(fields[1]), _port(fields[2])) == (peer, server):
            return int(fields[7])
    return None


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
