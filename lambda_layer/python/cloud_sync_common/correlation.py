"""One correlation id for a whole run: the name of the Step Functions execution, here called the run id.

Every event carries it as `run_id`, and it is on every log line, trace and ledger row of that run; its provider is on
every log line, too, because runs of several providers write into the same logs. A process handles one event at a time,
so a plain variable is enough, and other threads see it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_bound: list[tuple[str, str]] = []


@contextmanager
def bound_to(run_id: str, provider: str = "") -> Iterator[None]:
    """Everything inside the block belongs to this run, and to this provider if it names one."""
    _bound.append((run_id, provider))
    try:
        yield
    finally:
        _bound.pop()


def run_id() -> str:
    """The run that this invocation belongs to; empty outside a run."""
    return _bound[-1][0] if _bound else ""


def provider() -> str:
    """The provider that this invocation is about; empty where the event names none."""
    return _bound[-1][1] if _bound else ""
