"""A restore job in an account in this process, its objects in a bucket in memory, and the steps of archive-thawer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from botocore.exceptions import ClientError
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps.thaw import (
    ArchiveThawer,
    AskRequest,
    CheckRequest,
    Noted,
    ObjectThawed,
    ThawAnswer,
    WaitRequest,
)
from cloud_sync_common.steps.thaw_report import EndRequest, GiveUpRequest, ThawEnded, ThawReport
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, RestoreJobs, Tier
from cloud_sync_common.stores.thawing import Thawing

from tests.unit.doubles import PLENTY
from tests.unit.frozen_bucket import Frozen, FrozenBucket
from tests.unit.in_process_aws import InProcessAws

JOB = "restore-20261127T113406Z-1a2b"


@dataclass
class Executions:
    """Step Functions: the tokens whose waits were ended, and a code with which it refuses."""

    ended: list[str] = field(default_factory=list)
    refuses: str = ""

    def send_task_success(self, *, taskToken: str, output: str) -> Any:
        assert output == "{}"
        if self.refuses:
            answer: Any = {"Error": {"Code": self.refuses}, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise ClientError(answer, "SendTaskSuccess")
        self.ended.append(taskToken)


@dataclass
class Bench:
    """`file` adds one to the next job, whose object is in the bucket unless `found` is None."""

    aws: InProcessAws
    bucket: FrozenBucket = field(default_factory=FrozenBucket)
    executions: Executions = field(default_factory=Executions)
    chosen: list[JobFile] = field(default_factory=list)
    deadline: Deadline = PLENTY
    environment: str = "dev"

    @property
    def jobs(self) -> RestoreJobs:
        return RestoreJobs(self.aws.table)

    def file(self, name: str, found: Frozen | None = None, *, gone: bool = False, **given: Any) -> JobFile:
        file = JobFile(
            number=len(self.chosen) + 1, provider="gopro", media_id=f"id-{name}", filename=f"{name}.MP4",
            key=f"gopro/{name}.mp4", version_id="v1", size=1_000_000, **given,
        )  # fmt: skip
        self.chosen.append(file)
        if not gone:
            self.bucket.objects[file.key, file.version_id] = found or Frozen()
        return file

    def job(self, job_id: str = JOB, **given: Any) -> Job:
        files, self.chosen = self.chosen, []
        fields = {"tier": Tier.BULK, "days": 7, "quoted_usd": 0.1234, **given}
        job = Job(
            job_id=job_id, created_at="2026-11-27T11:34:06.000Z", selection="May 2026", fingerprint="f",
            files=len(files), bytes=sum(file.size for file in files), **fields,
        )  # fmt: skip
        self.jobs.create(job, files)
        return job

    def now(self, job_id: str = JOB) -> Job:
        return self.jobs.known(job_id)

    def files(self, job_id: str = JOB) -> dict[str, JobFile]:
        return {file.filename.removesuffix(".MP4"): file for file in self.jobs.files(job_id)}

    def states(self, job_id: str = JOB) -> dict[str, FileState]:
        return {name: file.state for name, file in self.files(job_id).items()}

    @property
    def step(self) -> ArchiveThawer:
        archive = Thawing(cast(Any, self.bucket), "archive")
        return ArchiveThawer(self.jobs, archive, cast(Any, self.executions), self.deadline)

    def ask(self, job_id: str = JOB) -> ThawAnswer:
        return self.step.answer(AskRequest(job_id=job_id))

    def check(self, job_id: str = JOB) -> ThawAnswer:
        return self.step.answer(CheckRequest(job_id=job_id))

    def wait(self, token: str, job_id: str = JOB) -> ThawAnswer:
        return self.step.answer(WaitRequest(job_id=job_id, task_token=token))

    def event(self, key: str = "gopro/a.mp4", bucket: str = "archive") -> Noted:
        return self.step.note(event_of(key, bucket))

    def report(self, topic: Any = None) -> ThawReport:
        return ThawReport(self.jobs, topic or self.aws.sns, self.aws.topic_arn, self.environment)

    def end(self, topic: Any = None, job_id: str = JOB) -> ThawEnded:
        return self.report(topic).answer(EndRequest(job_id=job_id))

    def give_up(self, error: Any, topic: Any = None, job_id: str = JOB) -> ThawEnded:
        return self.report(topic).answer(GiveUpRequest(job_id=job_id, error=error))


def event_of(key: str, bucket: str) -> ObjectThawed:
    event = {"detail-type": "Object Restore Completed", "detail": {"bucket": {"name": bucket}, "object": {"key": key}}}
    return msgspec.convert(event, ObjectThawed)


def ends_after(calls: int) -> Deadline:
    """A deadline that has time for so many looks at it."""
    left = iter(range(calls))
    return Deadline(lambda: 600.0 if next(left, None) is not None else 0.0, 0.0)
