"""Traces, by Powertools on the X-Ray SDK; outside Lambda they do nothing.

Nothing is patched automatically: the subsegments are the ones that the rooms open, and no foreign call's URL, which
may be signed, lands in a trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Tracer

tracer = Tracer(auto_patch=False)


@contextmanager
def subsegment(name: str) -> Iterator[None]:
    """A named part of the invocation in its trace."""
    with tracer.provider.in_subsegment(name=f"## {name}"):
        yield
