"""The restore jobs of a stack, and how each of them is now: what its rows say, and whether its execution goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from cloud_sync_common.exceptions import CloudSyncError
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, RestoreJobs

from console.aws_refusals import explained
from console.errors import ConsoleError, NotFoundError
from console.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TRIES = 50  # executions of one job that are looked for
MOST_PROBLEMS = 10  # that are named
_JOB = re.compile(r"restore-[A-Za-z0-9-]{1,60}", re.ASCII)


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """An execution of a job; `status` is that of Step Functions."""

    name: str
    arn: str
    status: str

    @property
    def is_running(self) -> bool:
        return self.status in ("RUNNING", "PENDING_REDRIVE")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A file that cannot be had."""

    number: int
    filename: str
    text: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How a job is now. `state` is the job's, or EXPIRED (all that was thawed has ended), or STOPPED (its execution has
    ended without it), or NEW where none has begun. The counts are of files; `ready_until` is when the first thawed copy
    ends, empty where none does."""

    job: Job
    state: str
    execution: str = ""
    wanted: int = 0
    requested: int = 0
    ready: int = 0
    ready_bytes: int = 0
    expired: int = 0
    failed: int = 0
    ready_until: str = ""
    problems: list[Problem] = []


EXPIRED, STOPPED = "EXPIRED", "STOPPED"


@contextmanager
def console_errors() -> Iterator[None]:
    """Around what the jobs' store does. Raises ConsoleError for its errors: as AWS's own refusal where there is one."""
    try:
        yield
    except CloudSyncError as error:
        cause = error.__context__
        known = explained(cause, restores=True) if isinstance(cause, Exception) else None
        raise known or ConsoleError(str(error)) from None
    except msgspec.ValidationError:
        raise ConsoleError(
            "A row of the restore jobs in the ledger cannot be read: it was edited, or is of a later version. Update "
            "this clone and deploy it again; if that does not help, delete the row in the DynamoDB console (pk "
            "RESTORES is the list of jobs)."
        ) from None


def jobs_of(stack: Stack) -> RestoreJobs:
    return RestoreJobs(stack.account.table(stack.output("LedgerTable")))


def all_jobs(stack: Stack) -> list[Job]:
    """The newest first."""
    with console_errors():
        return sorted(jobs_of(stack).all(), key=lambda job: job.created_at, reverse=True)


def named(stack: Stack, job_id: str) -> Job:
    """Raises NotFoundError."""
    jobs = jobs_of(stack)
    with console_errors():
        found = jobs.get(job_id) if _JOB.fullmatch(job_id) else None
    if found is None:
        raise NotFoundError(
            f"There is no restore job {one_line(job_id, 80)!r}. `cloudsync restore list` shows those that there are."
        )
    return found


def latest(stack: Stack) -> Job:
    """The newest one. Raises NotFoundError where there is none."""
    found = all_jobs(stack)
    if not found:
        raise NotFoundError("There is no restore job yet. `cloudsync restore plan` shows what one would cost.")
    return found[0]


def files_of(stack: Stack, job_id: str) -> list[JobFile]:
    with console_errors():
        return list(jobs_of(stack).files(job_id))


def progress(stack: Stack, job: Job) -> Progress:
    """Reads the job's files, and looks at its execution unless it is over. Raises botocore's errors."""
    files = files_of(stack, job.job_id)
    running = None if job.state.is_over else last_execution(stack, job.job_id)
    return progress_of(job, files, running)


def progress_of(job: Job, files: list[JobFile], execution: Execution | None) -> Progress:
    """By its rows, and its last execution where it is not over."""
    expired = [file for file in files if file.state is FileState.READY and has_ended(file.ready_until)]
    ready = [file for file in files if file.state is FileState.READY and not has_ended(file.ready_until)]
    counts = {state: sum(file.state is state for file in files) for state in FileState}
    failed = [file for file in files if file.state is FileState.FAILED]
    return Progress(
        job=job,
        state=_state(job, execution, is_expired=bool(expired) and not ready),
        execution=execution.status if execution else "",
        wanted=counts[FileState.WANTED],
        requested=counts[FileState.REQUESTED],
        ready=len(ready),
        ready_bytes=sum(file.size for file in ready),
        expired=len(expired),
        failed=len(failed),
        ready_until=min((file.ready_until for file in ready if file.ready_until), default=""),
        problems=[
            Problem(number=one.number, filename=one.filename, text=one.problem) for one in failed[:MOST_PROBLEMS]
        ],
    )


def _state(job: Job, execution: Execution | None, *, is_expired: bool) -> str:
    if job.state is JobState.READY and is_expired:
        return EXPIRED
    if job.state.is_over or (job.state is JobState.NEW and execution is None):
        return job.state.value
    return job.state.value if execution and execution.is_running else STOPPED


def shown_state(job: Job) -> str:
    """Of a job by its own row, for a list."""
    return EXPIRED if job.state is JobState.READY and has_ended(job.ready_until) else job.state.value


def has_ended(moment: str) -> bool:
    """Whether a thawed copy is there no more; an empty moment, or none, never comes."""
    try:
        return datetime.fromisoformat(moment) <= datetime.now(UTC)
    except (ValueError, TypeError):
        return False


def execution_name(job_id: str, number: int) -> str:
    """A name is taken for 90 days (Step Functions API reference, StartExecution), so that each further execution of a
    job has another one."""
    return job_id if number == 1 else f"{job_id}-{number}"


def last_execution(stack: Stack, job_id: str) -> Execution | None:
    """The last one that was started for the job; None: none was, or Step Functions has forgotten it."""
    found = None
    for number in range(1, MOST_TRIES + 1):
        one = _execution(stack, execution_name(job_id, number))
        if one is None:
            return found
        found = one
    return found


def _execution(stack: Stack, name: str) -> Execution | None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    arn = f"{stack.output('RestorerArn').replace(':stateMachine:', ':execution:', 1)}:{name}"
    try:
        answer: Mapping[str, str] = stack.client("stepfunctions").describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return None
        raise
    return Execution(name=name, arn=arn, status=answer["status"])
