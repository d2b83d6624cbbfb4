"""The end of a restore job (archive-thawer): its row says how it ended, and its owner gets one mail.

The mail is claimed in the job's row before it is sent, so that an invocation that is repeated sends no second one. If
SNS refuses it the claim is given back, and the repeated invocation sends it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from cloud_sync_common.aws.alerts_topic import send_mail
from cloud_sync_common.exceptions import CloudSyncError
from cloud_sync_common.runtime.execution_errors import SENTENCE_LIMIT, parse_error_output
from cloud_sync_common.runtime.wording import count_of, file_name, size_of, usd_of
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobState, RestoreJobs, Tally
from cloud_sync_common.stores.row_values import now

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_ENDS = "What is not fetched by then has to be thawed, and paid for, again. The originals stay as they are."
_COMMAND = re.compile(r"(`(?:cloudsync) [^`]+)`")


class EndRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="report"):
    """The job is over: nothing of it is outstanding."""

    job_id: str


class GiveUpRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="give_up"):
    """The execution cannot go on. `error` is as Step Functions has it: Error and Cause."""

    job_id: str
    error: dict[str, Any] = {}


type ThawEndRequest = EndRequest | GiveUpRequest


class ThawEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The output of the execution. `mailed`: its mail went out, now or before."""

    job_id: str
    status: JobState
    ready: int
    failed: int
    ready_until: str
    mailed: bool


class ThawGivenUp(ThawEnded, frozen=True, kw_only=True):
    """Of a job that was given up. The execution fails with this error and this cause."""

    error: str
    cause: str


@dataclass(frozen=True)
class ThawReport:
    """Every method raises ArchiveUnavailableError, ConfigurationError; the latter also where there is no such job."""

    jobs: RestoreJobs
    topic: SNSClient
    topic_arn: str
    environment: str
    sender: str = "Cloud Sync"

    def answer(self, request: ThawEndRequest) -> ThawEnded:
        """Ends a job. One that was cancelled stays so, without a mail."""
        match request:
            case EndRequest(job_id=job_id):
                return self._end(job_id)
            case GiveUpRequest(job_id=job_id, error=error):
                name, sentence = parse_error_output(error)
                ended = self._give_up(job_id, name, sentence)
                return ThawGivenUp(**msgspec.structs.asdict(ended), error=name, cause=sentence)

    def _end(self, job_id: str) -> ThawEnded:
        job, tally = self.jobs.known(job_id), self.jobs.tally(job_id)
        state = JobState.READY if tally.states[FileState.READY] else JobState.FAILED
        fields = {**tally.fields(), "state": state, "ended_at": job.ended_at or now(), "task_token": ""}
        job, goes_on = self.jobs.go_on(job_id, fields)
        if goes_on:
            job = self._mail(job, self._subject(job, tally), self._paragraphs(job, tally))
        return _ended(job)

    def _give_up(self, job_id: str, error: str, sentence: str) -> ThawEnded:
        job, tally = self.jobs.known(job_id), self.jobs.tally(job_id)
        if job.state.is_over:  # only its mail may be missing
            return self._end(job_id)
        fields = {**tally.fields(), "state": JobState.FAILED, "problem": sentence, "ended_at": now(), "task_token": ""}
        job, goes_on = self.jobs.go_on(job_id, fields)
        if goes_on:
            subject = f"the restore stopped ({one_line(error, 60)})"
            job = self._mail(job, subject, self._why_it_stopped(job, tally, sentence))
        return _ended(job)

    def _mail(self, job: Job, subject: str, paragraphs: list[str]) -> Job:
        """Sends the one mail of a job, unless it went out before or nobody is to get one."""
        if job.drill:
            return job
        # Whoever claims it is noted, so that a claim whose answer was lost is still ours when it is written again.
        claim, is_free = {"mailed": True, "mailed_by": uuid4().hex}, "#mailed = :no OR #mailed_by = :mailed_by"
        job, is_ours = self.jobs.update(job.job_id, claim, condition=is_free, no=False)
        if not is_ours:
            return job
        text = self._named("\n\n".join(paragraphs))
        try:
            send_mail(self.topic, self.topic_arn, f"{self.sender}: {subject}", text)
        except CloudSyncError:
            self.jobs.update(job.job_id, {"mailed": False})
            raise
        return job

    def _named(self, text: str) -> str:
        """A text whose commands mean this environment."""
        return text if self.environment == "dev" else _COMMAND.sub(rf"\1 -e {self.environment}`", text)

    def _subject(self, job: Job, tally: Tally) -> str:
        ready, until = tally.states[FileState.READY], _until(tally)
        if not ready:
            return f"{count_of(job.files, 'file')} cannot be restored"
        of_all = f" of {job.files:,}" if ready < job.files else ""
        return f"{ready:,}{of_all} restored file{'s can' if ready != 1 or of_all else ' can'} be fetched{until}"

    def _paragraphs(self, job: Job, tally: Tally) -> list[str]:
        said = self._what_is_ready(job, tally) if tally.states[FileState.READY] else self._nothing(job)
        return [*said, *self._problems(job, tally), _price(job)]

    def _what_is_ready(self, job: Job, tally: Tally) -> list[str]:
        files = f"{count_of(tally.states[FileState.READY], 'file')} ({size_of(tally.ready_bytes)})"
        text = f"The restore job {job.job_id} is ready: {files} of what you chose ({one_line(job.selection)}) can be "
        text += f"fetched{_until(tally)}." if tally.ready_until else "fetched at any time."
        step = (
            f"Next step: `cloudsync restore fetch {job.job_id} DIRECTORY`. It writes them into that directory and "
            "compares each with its checksum."
        )
        return [text, f"{step} {_ENDS}" if tally.ready_until else step]

    def _nothing(self, job: Job) -> list[str]:
        return [
            f"Nothing that the restore job {job.job_id} was to bring back ({one_line(job.selection)}) can be had.",
            "Next step: read the reasons below, and see to them. Then repeat `cloudsync restore start` with the "
            "same words, which goes on with this job.",
        ]

    def _problems(self, job: Job, tally: Tally) -> list[str]:
        failed = tally.states[FileState.FAILED]
        if not failed:
            return []
        lines = [
            f"- {file_name(one.filename)} ({file_name(one.media_id)}): {one_line(one.problem, SENTENCE_LIMIT)}"
            for one in tally.problems
        ]
        if failed > len(lines):
            status = f"`cloudsync restore status {job.job_id}`"
            lines.append(f"- and {failed - len(lines):,} more: {status} says how many and why.")
        return [f"{count_of(failed, 'file')} cannot be had:\n" + "\n".join(lines)]

    def _why_it_stopped(self, job: Job, tally: Tally, sentence: str) -> list[str]:
        ready, requested = tally.states[FileState.READY], tally.states[FileState.REQUESTED]
        return [
            f"The restore job {job.job_id} ({one_line(job.selection)}) stopped: {one_line(sentence, SENTENCE_LIMIT)}",
            f"{count_of(ready, 'file')} can be fetched{_until(tally)}, and stay so. S3 goes on to thaw "
            f"{count_of(requested, 'file')} that it was asked for.",
            "Next step: fix the cause, then repeat `cloudsync restore start` with the same words. It goes on "
            "with this job, and S3 is asked for nothing twice.",
            *self._problems(job, tally),
            _price(job),
        ]


def _until(tally: Tally) -> str:
    return f" until {tally.ready_until[:16].replace('T', ' at ')} UTC" if tally.ready_until else ""


def _price(job: Job) -> str:
    return f"The price quoted when it was started: {usd_of(job.quoted_usd)}, before tax."


def _ended(job: Job) -> ThawEnded:
    return ThawEnded(
        job_id=job.job_id,
        status=job.state,
        ready=job.ready,
        failed=job.failed,
        ready_until=job.ready_until,
        mailed=job.mailed,
    )
