"""Traces, by Powertools on the X-Ray SDK; outside Lambda they do nothing.

No library is patched automatically. The code opens a subsegment around every call to AWS (aws.clients) and to the
provider, named after what the call does. So no URL, which may be signed, and no text of an exception is in a trace.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Tracer
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.sampling.local.sampler import LocalSampler

from cloud_sync_common import correlation

# Lambda decides what is sampled. The SDK's own sampler would keep a client of X-Ray, and with it a second copy of
# botocore's data: 13 MB of unused memory in every function.
xray_recorder.configure(sampler=LocalSampler())
gc.collect()

tracer = Tracer(auto_patch=False)


@contextmanager
def subsegment(name: str) -> Iterator[None]:
    """A named part of the invocation in its trace, annotated with the run id and the class of its error, if any.

    The SDK does not see the exception itself, because it would write its text into the trace.
    """
    failure: Exception | None = None
    with tracer.provider.in_subsegment(name=f"## {name}") as part:
        if part is not None:
            part.put_annotation("run_id", correlation.run_id() or "none")
        try:
            yield
        except Exception as error:
            failure = error
            if part is not None:
                part.put_annotation("error", type(error).__name__)
    if failure is not None:
        raise failure
