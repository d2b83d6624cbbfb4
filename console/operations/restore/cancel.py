"""A restore job is cancelled: nothing further is asked of S3. What it was asked for is thawed, and charged, all the
same (S3 API reference, RestoreObject: there is no request that takes one back)."""

from __future__ import annotations

import msgspec
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState
from cloud_sync_common.stores.row_values import now

from console.errors import ConsoleError
from console.operations.restore.jobs import console_errors, files_of, jobs_of, last_execution
from console.operations.restore.price import Amount, retrieval, thawed_copies
from console.stack import Stack

_CAUSE = "It was cancelled with `cloudsync restore cancel`."


class Cancelled(msgspec.Struct, frozen=True, kw_only=True):
    """`asked` is what S3 was asked for before, each object once; it costs up to `usd`, which cannot be taken back.
    `never_asked` are files. `again`: the job was cancelled before."""

    job_id: str
    asked: Amount
    usd: float
    never_asked: int
    again: bool = False


def cancel(stack: Stack, job: Job, cause: str = _CAUSE) -> Cancelled:
    """Marks the job first, so that whatever of it is at work ends, and stops its execution then. `cause` is kept with
    the job. Raises ConsoleError for a job that is over, botocore's errors."""
    if job.state in (JobState.READY, JobState.FAILED):
        raise ConsoleError(
            f"The job {job.job_id} is over ({job.state.value}): there is nothing to cancel. Thawed copies end by "
            "themselves."
        )
    stack.output("RestorerArn")  # before anything is written
    again = job.state is JobState.CANCELLED
    if not again:
        _mark(stack, job, cause)
    _stop(stack, job.job_id, cause)
    return settled(job, files_of(stack, job.job_id), again=again)


def settled(job: Job, files: list[JobFile], *, again: bool = False) -> Cancelled:
    """What a job that is cancelled now has asked S3 for all the same, by its files."""
    asked = _asked(files)
    return Cancelled(
        job_id=job.job_id,
        asked=asked,
        usd=retrieval(asked, job.tier) + thawed_copies(asked.bytes, job.days),
        never_asked=sum(file.state is FileState.WANTED for file in files),
        again=again,
    )


def _mark(stack: Stack, job: Job, cause: str) -> None:
    fields = {"state": JobState.CANCELLED.value, "ended_at": now(), "problem": cause, "task_token": ""}
    with console_errors():
        found, done = jobs_of(stack).update(
            job.job_id,
            fields,
            condition="#state <> :is_ready AND #state <> :is_failed",
            is_ready=JobState.READY.value,
            is_failed=JobState.FAILED.value,
        )
    if not done:
        raise ConsoleError(
            f"The job {job.job_id} has just ended ({found.state.value}): there is nothing to cancel. "
            f"`cloudsync restore status {job.job_id}` shows it."
        )


def _stop(stack: Stack, job_id: str, cause: str) -> None:
    execution = last_execution(stack, job_id)
    if execution and execution.is_running:
        stack.client("stepfunctions").stop_execution(executionArn=execution.arn, cause=cause)


def _asked(files: list[JobFile]) -> Amount:
    sizes = {(file.key, file.version_id): file.size for file in files if file.asked}
    return Amount(len(sizes), sum(sizes.values()))
