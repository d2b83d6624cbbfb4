"""Traces, by Powertools on the X-Ray SDK; outside Lambda they do nothing.

No library is patched automatically. The code opens a subsegment around every call to AWS (aws.clients) and to the
provider, named after what the call does ("the listing at" and the provider's name). So no URL, which may be signed, no
id and no text of an exception is in a trace.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Tracer
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.sampling.local.sampler import LocalSampler

from cloud_sync_common import correlation
from cloud_sync_common.safe_text import redact

# Lambda decides what is sampled. The SDK's own sampler would keep a client of X-Ray, and with it a second copy of
# botocore's data: 13 MB of unused memory in every function.
xray_recorder.configure(sampler=LocalSampler())
gc.collect()

tracer = Tracer(auto_patch=False)


# Of one invocation (31 kB). X-Ray keeps 100 to 500 kB of a trace, less of a long one (re:Post, "trace quota error").
MOST_SUBSEGMENTS = 100
_MOST_CHARACTERS = 200  # of a name; what it may consist of: X-Ray developer guide, "Segment documents"
_NOT_IN_A_NAME = re.compile(r"[^\w\s.:/%&#=+\\\-@]+")


@dataclass
class _Share:
    """How many subsegments this invocation has asked for. A process has one invocation at a time."""

    asked: int = 0


_share = _Share()
# What is open around the present task or call; asyncio hands it on to tasks and threads.
_open: ContextVar[Any] = ContextVar("open", default=None)


@contextmanager
def bounded() -> Iterator[None]:
    """One invocation: as many subsegments as a trace has room for, and how many more there would have been. A listing
    of thousands of pages would otherwise make its trace too large, and X-Ray would drop what comes last."""
    _share.asked = 0
    recorder: Any = tracer.provider
    before = _open.set(recorder.get_trace_entity())
    try:
        yield
    finally:
        _open.reset(before)
        if _share.asked > MOST_SUBSEGMENTS:
            left_out: Any = _share.asked - MOST_SUBSEGMENTS  # mypy has no int that is a numbers.Number
            tracer.put_annotation("subsegments_left_out", left_out)


@contextmanager
def subsegment(name: str) -> Iterator[None]:
    """A named part of the invocation in its trace, annotated with the run id and the class of its error, if any; only a
    call when the invocation has MOST_SUBSEGMENTS already. Characters that X-Ray refuses in a name are left out.

    The SDK does not see the exception itself, because it would write its text into the trace.
    """
    _share.asked += 1
    if _share.asked > MOST_SUBSEGMENTS:
        yield
        return
    failure: Exception | None = None
    with _begun(_name(name)) as part:
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


@contextmanager
def _begun(name: str) -> Iterator[Any]:
    """A subsegment of the one that is open around it in this task; None when there is no segment. The SDK remembers by
    thread what is open, but the tasks of a loop take turns on one thread, and their calls run in others."""
    recorder: Any = tracer.provider
    around = _open.get() or recorder.get_trace_entity()
    recorder.set_trace_entity(around)
    part = recorder.begin_subsegment(name)
    before = _open.set(part or around)
    try:
        yield part
    finally:
        _open.reset(before)
        if part is not None:
            part.close()
            recorder.set_trace_entity(around)
            recorder.stream_subsegments()


def _name(text: str) -> str:
    allowed = " ".join(_NOT_IN_A_NAME.sub(" ", redact(text)).split())
    return f"## {allowed or 'call'}"[:_MOST_CHARACTERS]
