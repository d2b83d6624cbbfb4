"""Traces, by Powertools on the X-Ray SDK; outside Lambda they do nothing.

Nothing is patched automatically: the subsegments are the ones that the rooms open, and no foreign call's URL, which
may be signed, lands in a trace.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Tracer
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.sampling.local.sampler import LocalSampler

# Lambda decides what is sampled. The SDK's own sampler would keep a client for asking X-Ray, and with it a second copy
# of botocore's data: 13 MB that every function would have for nothing.
xray_recorder.configure(sampler=LocalSampler())
gc.collect()

tracer = Tracer(auto_patch=False)


@contextmanager
def subsegment(name: str) -> Iterator[None]:
    """A named part of the invocation in its trace."""
    with tracer.provider.in_subsegment(name=f"## {name}"):
        yield
