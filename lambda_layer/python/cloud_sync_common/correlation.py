"""One correlation id through a whole run: the name of the Step Functions execution, here called the run id.

It enters with every event as `run_id`, and is on every log line, trace and ledger row of that run. A process serves
one event at a time, so a plain variable holds it, which the transfer's
threads see too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_bound: list[str] = []


@contextmanager
def bound_to(run_id: str) -> Iterator[None]:
    """Everything inside belongs to this run."""
    _bound.append(run_id)
    try:
        yield
    finally:
        _bound.pop()


def run_id() -> str:
    """The run that this invocation belongs to; empty outside one."""
    return _bound[-1] if _bound else ""
