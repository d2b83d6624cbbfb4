"""The reconciliation that a certificate rests on: the last one of a provider if it is fresh, or one that is started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Any

from cloud_sync_common.provider_access.certificate import Reconciled, examples_in
from cloud_sync_common.provider_access.disagreements import Finding
from cloud_sync_common.runtime.run_input import Mode

from console.errors import ConsoleError
from console.operations.ledger import Reading
from console.operations.pauses import by_hand
from console.operations.run import Execution, begin, execution, execution_arn, execution_of, json_object
from console.operations.run_report import SUCCEEDED, report_of
from console.operations.runs import latest
from console.stack import Stack
from console.wording import title_of

_COUNTS = ("items", "sources", "objects", "left_out")

type Follow = Callable[[Execution], None]
"""Waits until a run has ended, and shows how it goes."""


def reconciled(stack: Stack, provider: str, fresh_since: datetime, follow: Follow, reading: Reading) -> Reconciled:
    """By the last reconciliation of the whole provider that has begun since then and succeeded, else by one that is
    started and followed. Raises ConsoleError when it cannot be started, or does not succeed; botocore's errors."""
    if fresh := _fresh(stack, provider, fresh_since):
        return fresh
    given, _ = by_hand(stack, provider)
    begun = begin(stack, {**given, "mode": str(Mode.RECONCILE)}, reading)
    if begun.filters:
        raise ConsoleError(
            f"A reconciliation of {title_of(provider)} is under way that leaves out what its filters do not let in. "
            f"Repeat the command when it has ended; `cloudsync run --follow {begun.run_id}` shows it."
        )
    run = execution_of(stack, begun)
    run = replace(run, given={**run.given, **given})
    follow(run)
    found = _of(stack, run, is_new=True)
    if isinstance(found, str):
        raise ConsoleError(
            f"The reconciliation {run.run_id} of {title_of(provider)} {found} Nothing is certified. "
            f"`cloudsync run --follow {run.run_id}` shows its report."
        )
    return found


def _fresh(stack: Stack, provider: str, since: datetime) -> Reconciled | None:
    """A run that was paused, or limited by filters of its input, has not compared everything."""
    recent = takewhile(lambda run: datetime.fromisoformat(run.started_at) >= since, latest(stack))
    for run in recent:
        if (run.provider, run.mode, run.status, run.paused) != (provider, Mode.RECONCILE, SUCCEEDED, False):
            continue
        there = execution(stack, execution_arn(stack, run.run_id))
        found = _of(stack, there, is_new=False) if there and not there.filters else ""
        if isinstance(found, Reconciled):
            return found
    return None


def _of(stack: Stack, run: Execution, *, is_new: bool) -> Reconciled | str:
    """What became of it, or why it shows nothing: the end of a sentence."""
    report = report_of(stack, run)
    if report.status != SUCCEEDED:
        cause = (report.cause or "no cause was stated").removesuffix(".")
        return f"did not succeed ({report.status}: {cause}). {report.fix}".strip()
    if not report.report_key:
        return "ended without a report: it has compared nothing."
    examples = _examples(stack, report.report_key) if report.findings else []
    if examples is None:
        return "has a report that is not there any more: what differed cannot be named."
    answer = stack.client("stepfunctions").describe_execution(executionArn=run.arn)
    output = json_object(answer.get("output"))
    return Reconciled(
        provider=run.provider,
        run_id=run.run_id,
        began_at=report.started_at,
        ended_at=report.ended_at,
        is_new=is_new,
        findings=report.findings,
        report_key=report.report_key,
        examples=examples,
        **{name: output[name] for name in _COUNTS if type(output.get(name)) is int},
    )


def _examples(stack: Stack, report_key: str) -> list[Finding] | None:
    """None if there is no such report: it has expired, or somebody has deleted it."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    try:
        answer: Any = stack.client("s3").get_object(Bucket=stack.output("WorkBucket"), Key=report_key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    return examples_in(answer["Body"].iter_lines())
