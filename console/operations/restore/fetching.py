"""The files of restore jobs, for a fetch; and what the jobs are told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from cloud_sync_common.stores.restore_jobs import Job, JobFile, JobState

from console.errors import ConsoleError
from console.operations.restore.fetch.engine import fetch
from console.operations.restore.fetch.outcome import Fetched, Options, Watching
from console.operations.restore.fetch.source import Source
from console.operations.restore.jobs import all_jobs, console_errors, jobs_of
from console.stack import Stack


class JobFiles:
    """The files of jobs, read anew each time that they are iterated over, so that they are never held together."""

    def __init__(self, stack: Stack, jobs: Sequence[Job]) -> None:
        self._stack, self._jobs = stack, jobs

    def __iter__(self) -> Iterator[JobFile]:
        """Raises ConsoleError."""
        for job in self._jobs:
            files = jobs_of(self._stack).files(job.job_id)
            while True:
                with console_errors():
                    file = next(files, None)
                if file is None:
                    break
                yield file


def ready_jobs(stack: Stack) -> list[Job]:
    """Those of which everything can be fetched that can be had, the newest first. A drill fetches its own."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [job for job in all_jobs(stack) if _is_ready(job, now)]


def _is_ready(job: Job, now: str) -> bool:
    return job.state is JobState.READY and not job.drill and not _has_ended(job, now)


def _has_ended(job: Job, now: str) -> bool:
    """Both moments are ISO 8601 in UTC, and the offset may be written otherwise."""
    return bool(job.ready_until) and job.ready_until[:19] <= now[:19]


def fetched(stack: Stack, jobs: Sequence[Job], directory: str, options: Options, watching: Watching) -> Fetched:
    """Fetches the files of these jobs; a job of which all files are here is noted as fetched. Raises ConsoleError,
    botocore's errors."""
    source = Source.of(stack.account, stack.output("ArchiveBucket"))
    found = fetch(JobFiles(stack, jobs), source, directory, options, watching)
    if not found.stopped:
        absent = {(one.key, one.version_id) for one in found.problems}
        for job in jobs:
            if all((file.key, file.version_id) not in absent for file in JobFiles(stack, [job])):
                note_fetched(stack, job)
    return found


def note_fetched(stack: Stack, job: Job) -> None:
    """All of it is where the owner wants it. Of no use to the fetch: who may not write that has the files all the
    same."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(ConsoleError), console_errors():
        jobs_of(stack).update(job.job_id, {"fetched_at": now})
