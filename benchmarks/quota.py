"""A CPU quota for one process: a control group if this machine allows it, or else SIGSTOP and SIGCONT."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PERIOD_US = 20_000  # short, so that a small quota is spread evenly
GROUPS = Path("/sys/fs/cgroup")
NAME = f"cloud-sync-bench-{os.getpid()}"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Quota:
    """`members` is the file through which a process joins the control group; empty without one. `means` names the
    method. `core` is the only core of the process; None for any."""

    cores: float
    members: str
    means: str
    core: int | None = None


@contextlib.contextmanager
def quota(cores: float) -> Iterator[Quota]:
    """A quota of that many cores while the block runs."""
    for folder, write, means in (
        (GROUPS / NAME, _write_v2, "control group v2, cpu.max"),
        (GROUPS / "cpu" / NAME, _write_v1, "control group v1, cpu.cfs_quota_us"),
    ):
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            try:
                write(folder, int(cores * PERIOD_US))
            except OSError:
                continue
            yield Quota(cores, str(folder / "cgroup.procs"), means)
            return
        finally:
            folder.rmdir()
    yield Quota(cores, "", "SIGSTOP and SIGCONT by a governor that watches the used CPU time")


def _write_v2(folder: Path, microseconds: int) -> None:
    (folder / "cpu.max").open("r+").close()  # fails where the controller is not delegated
    (folder / "cpu.max").write_text(f"{microseconds} {PERIOD_US}")


def _write_v1(folder: Path, microseconds: int) -> None:
    (folder / "cpu.cfs_quota_us").open("r+").close()
    (folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
    (folder / "cpu.cfs_quota_us").write_text(str(microseconds))


@contextlib.contextmanager
def apart(servers: tuple[int, ...]) -> Iterator[int | None]:
    """Reserves a core for the peer while the block runs: the servers use the others, as if they were other machines.
    None if there is only one core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        yield None
        return
    processes = [process for server in servers for process in (server, *_children(server))]
    threads = [int(thread.name) for process in processes for thread in Path(f"/proc/{process}/task").iterdir()]
    try:
        _keep_to(threads, cores[1:])
        yield cores[0]
    finally:
        _keep_to(threads, cores)


@contextlib.contextmanager
def on_its_core(quota: Quota | None) -> Iterator[None]:
    """Processes started in the block use only the core of the quota, if it has one."""
    before = os.sched_getaffinity(0)
    if quota and quota.core is not None:
        os.sched_setaffinity(0, {quota.core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _keep_to(threads: list[int], cores: list[int]) -> None:
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(thread, cores)


@contextlib.contextmanager
def governed(quota: Quota | None, measuring: int) -> Iterator[None]:
    """Without a control group: limits the child of the process `measuring` to its quota by signals."""
    if quota is None or quota.members:
        yield
        return
    ended = threading.Event()
    governor = threading.Thread(target=_govern, args=(quota.cores, measuring, ended))
    governor.start()
    try:
        yield
    finally:
        ended.set()
        governor.join()


def _govern(cores: float, measuring: int, ended: threading.Event) -> None:
    started = time.monotonic()
    while not ended.wait(PERIOD_US / 1e6 / 4):
        for child in _children(measuring):
            too_much = _cpu_seconds(child) > cores * (time.monotonic() - started)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGSTOP if too_much else signal.SIGCONT)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _cpu_seconds(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    return 0.0
