"""A restore job is started, or the one that there is already goes on: the same choice never asks S3 twice."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState
from cloud_sync_common.stores.row_values import now

from console.errors import ConsoleError
from console.operations.restore.jobs import (
    MOST_TRIES,
    all_jobs,
    console_errors,
    execution_name,
    files_of,
    has_ended,
    jobs_of,
    last_execution,
)
from console.operations.restore.plan import Planned
from console.stack import Stack


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A job that goes on. `joined`: it was under way, or is ready, and nothing was started; `taken_up`: it was written
    before, and its work had not begun or had been stopped."""

    job_id: str
    state: str
    joined: bool = False
    taken_up: bool = False
    quoted_usd: float
    files: int
    bytes: int
    failed: int
    ready_until: str = ""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A job of the same files, tier and days. `goes_on`: nothing has to be done for it."""

    job: Job
    goes_on: bool


def same_as(stack: Stack, planned: Planned) -> Found | None:
    """The newest job of the same choice whose work is not in vain: one that was cancelled, or whose thawed copies have
    ended, is none. Raises botocore's errors."""
    fingerprint = planned.fingerprint
    for job in all_jobs(stack):
        if job.fingerprint == fingerprint and not job.drill and not _is_past(stack, job):
            return Found(job=job, goes_on=_goes_on(stack, job, planned))
    return None


def _is_past(stack: Stack, job: Job) -> bool:
    if job.state is JobState.READY:
        return any(has_ended(file.ready_until) for file in files_of(stack, job.job_id))
    return job.state is JobState.CANCELLED


def _goes_on(stack: Stack, job: Job, planned: Planned) -> bool:
    """A job that is ready goes on unless something that it could not have can be had by now."""
    if job.state is JobState.READY:
        now_seen = {_place(file): file for file in planned.files}
        failed = (file for file in files_of(stack, job.job_id) if file.state is FileState.FAILED)
        return all(now_seen.get(_place(file), file).state is FileState.FAILED for file in failed)
    if job.state is JobState.FAILED:
        return False
    execution = last_execution(stack, job.job_id)
    return execution is not None and execution.is_running


def _place(file: JobFile) -> tuple[str, str]:
    return file.key, file.version_id


def joined(found: Found) -> Started:
    return _started(found.job, joined=True)


def start(stack: Stack, planned: Planned, found: Found | None = None) -> Started:
    """Writes a job and starts its execution, or takes up the one that was found. Raises ConsoleError where the total is
    above the ceiling, or none of the files can be had; and botocore's errors."""
    planned.plan.check_ceiling()
    if not planned.plan.files:
        raise ConsoleError(
            "None of the files can be had, so no job was started. `cloudsync restore plan` with the same words says "
            "why for each."
        )
    job = _take_up(stack, found.job, planned) if found else written(stack, planned)
    if not found and (first := _first_of(stack, job)):
        return _started(first, joined=True)
    if not job.state.is_over:
        execute(stack, job.job_id)
    return _started(job, taken_up=found is not None)


def _started(job: Job, *, joined: bool = False, taken_up: bool = False) -> Started:
    return Started(
        job_id=job.job_id,
        state=job.state.value,
        joined=joined,
        taken_up=taken_up,
        quoted_usd=job.quoted_usd,
        files=job.files,
        bytes=job.bytes,
        failed=job.failed,
        ready_until=job.ready_until,
    )


def written(stack: Stack, planned: Planned, *, drill: bool = False) -> Job:
    """A new job, whose execution has not begun. Raises ConsoleError, botocore's errors."""
    plan, files, moment = planned.plan, planned.files, datetime.now(UTC)
    job = Job(
        job_id=f"restore-{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}",
        created_at=now(),
        selection=plan.selection,
        fingerprint=planned.fingerprint,
        tier=plan.terms.tier,
        days=plan.terms.days,
        files=len(files),
        bytes=plan.bytes,
        quoted_usd=round(plan.quote.total, 6),
        max_usd=plan.terms.max_usd,
        drill=drill,
    )
    job = msgspec.structs.replace(job, **_counts(files))
    with console_errors():
        jobs_of(stack).create(job, files)
    return job


def _first_of(stack: Stack, job: Job) -> Job | None:
    """The job of another start of the same choice at the same moment, which was written first and does the work; this
    one ends then."""
    same = [one for one in all_jobs(stack) if one.fingerprint == job.fingerprint and not one.drill]
    under_way = [one for one in same if not one.state.is_over or one.job_id == job.job_id]
    first = min(under_way, key=lambda one: (one.created_at, one.job_id))
    if first.job_id == job.job_id:
        return None
    fields = {"state": JobState.CANCELLED.value, "ended_at": now(), "problem": f"{first.job_id} was started first."}
    with console_errors():
        jobs_of(stack).update(job.job_id, fields)
    return first


def _counts(files: list[JobFile]) -> dict[str, Any]:
    """What a job says of its files as it begins. Where nothing has to be thawed, it is over at once."""
    by = {state: sum(file.state is state for file in files) for state in FileState}
    is_over = not by[FileState.WANTED] and not by[FileState.REQUESTED]
    return {
        "state": JobState.READY if is_over else JobState.NEW,
        "requested": by[FileState.REQUESTED],
        "ready": by[FileState.READY],
        "failed": by[FileState.FAILED],
        "ended_at": now() if is_over else "",
    }


def _take_up(stack: Stack, job: Job, planned: Planned) -> Job:
    """What has failed is tried again, as it was looked at now; what S3 was asked for stays so. The files first, so that
    a job that begins anew has none that still counts as failed."""
    now_seen = {_place(file): file for file in planned.files}
    files = [_tried_again(stack, job, file, now_seen) for file in files_of(stack, job.job_id)]
    counts = _counts(files)
    fields: dict[str, Any] = {
        **counts,
        "state": counts["state"].value,
        "problem": "",
        "mailed": False,
        "task_token": "",
        "quoted_usd": max(job.quoted_usd, round(planned.plan.quote.total, 6)),
    }
    if planned.plan.terms.max_usd is not None:
        fields["max_usd"] = planned.plan.terms.max_usd
    with console_errors():
        taken, _ = jobs_of(stack).update(job.job_id, fields)
    return taken


def _tried_again(stack: Stack, job: Job, file: JobFile, now_seen: Mapping[tuple[str, str], JobFile]) -> JobFile:
    fresh = now_seen.get(_place(file), file)
    if file.state is not FileState.FAILED or (fresh.state, fresh.problem) == (file.state, file.problem):
        return file
    with console_errors():
        fields = {"state": fresh.state.value, "problem": fresh.problem}
        jobs_of(stack).update_file(job.job_id, file.number, fields)
    return msgspec.structs.replace(file, state=fresh.state, problem=fresh.problem)


def execute(stack: Stack, job_id: str) -> None:
    """Starts the job's execution, under the first of its names that is free. An execution of that name that is under
    way is the same one (Step Functions API reference, StartExecution)."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    ask = {"stateMachineArn": stack.output("RestorerArn"), "input": json.dumps({"job_id": job_id})}
    for number in range(1, MOST_TRIES + 1):
        try:
            stack.client("stepfunctions").start_execution(**ask, name=execution_name(job_id, number))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
        else:
            return
    raise ConsoleError(
        f"The job {job_id} has been taken up {MOST_TRIES} times already. Cancel it with `cloudsync restore cancel "
        f"{job_id}`, then repeat the command: that begins a new one."
    )
