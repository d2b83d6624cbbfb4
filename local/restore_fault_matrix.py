"""Plays a fault case of a restore against a deployed stack: one execution with the faults, and one without them, as
`cloudsync restore start` takes a job up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, RestoreJobs, Tier

from local.aws_proxy import AwsProxy
from local.deployment import Deployment
from local.restore_fault_cases import Deed, RestoreCase, RestoreOutcome

FILES, BODY, SECONDS = 3, b"a small original", 120.0
_READY = {RestoreOutcome.READY: FILES, RestoreOutcome.PARTLY: FILES - 1}  # files that are ready after the fault


def frozen_job(deployment: Deployment, job_id: str) -> RestoreJobs:
    """A job of objects of its own, each in Deep Archive."""
    files = []
    for number in range(1, FILES + 1):
        key = f"gopro/2026/11/{job_id}-{number}/GX01{number:04d}.MP4"
        version = deployment.s3.put_object(
            Bucket=deployment.archive_bucket, Key=key, Body=BODY, StorageClass="DEEP_ARCHIVE"
        )["VersionId"]
        files.append(
            JobFile(
                number=number, provider="gopro", media_id=f"{number}", filename=key.rpartition("/")[2], key=key,
                version_id=version, size=len(BODY),
            )
        )  # fmt: skip
    job = Job(
        job_id=job_id, created_at="2026-11-27T12:00:00Z", selection="everything", fingerprint=job_id, tier=Tier.BULK,
        days=3, files=len(files), bytes=len(BODY) * len(files), quoted_usd=0.01,
    )  # fmt: skip
    jobs = RestoreJobs(deployment.emulator.table(deployment.ledger_table))
    jobs.create(job, files)
    return jobs


@dataclass
class Played:
    """A case in play. `mails` are all that it has caused."""

    deployment: Deployment
    aws: AwsProxy
    inbox: Callable[[], list[dict[str, str]]]
    case: RestoreCase
    job_id: str
    jobs: RestoreJobs
    mails: list[dict[str, str]] = field(default_factory=list)

    def with_the_faults(self) -> Iterator[str]:
        """Everything unexpected of the first execution."""
        for fault in self.case.faults:
            self.aws.rules.add(fault)
        if self.case.deed is Deed.DELETED:
            file = next(self.jobs.files(self.job_id))
            self.deployment.s3.delete_object(
                Bucket=self.deployment.archive_bucket, Key=file.key, VersionId=file.version_id
            )
        arn = self._begun(self.job_id)
        if self.case.deed in (Deed.STOPPED, Deed.STRAY_EVENTS):
            self._interfere(arn)
        ended = self.deployment.wait(arn, seconds=SECONDS)
        yield from (f"the fault {rule['kind']} never happened" for rule in self._rules() if not rule["applied"])
        self.aws.rules.clear()
        mails = self.inbox()
        self.mails += mails
        yield from self._problems(ended, mails)

    def afterwards(self) -> Iterator[str]:
        """Everything unexpected of the next execution: what there is has to be ready, and S3 was asked for it once."""
        files = list(self.jobs.files(self.job_id))
        for file in files:
            if file.state is FileState.FAILED:
                self.jobs.update_file(self.job_id, file.number, {"state": FileState.WANTED, "problem": ""})
        self.jobs.update(self.job_id, {"state": JobState.NEW, "problem": "", "mailed": False, "task_token": ""})
        ended = self.deployment.wait(self._begun(f"{self.job_id}-2"), seconds=SECONDS)
        mails = self.inbox()
        self.mails += mails
        if ended["status"] != "SUCCEEDED" or len(mails) != 1:
            yield f"the next execution ended with {ended['status']} {ended.get('cause')} and {len(mails)} mails"
        gone = self.case.deed is Deed.DELETED
        for file in self.jobs.files(self.job_id):
            is_gone = gone and file.number == 1
            if (file.state, self.aws.thawed[file.key]) != ((FileState.FAILED, 0) if is_gone else (FileState.READY, 1)):
                yield f"{file.filename} is {file.state}, and S3 took {self.aws.thawed[file.key]} requests to thaw it"

    def _begun(self, name: str) -> str:
        machine, given = self.deployment.outputs["RestorerArn"], json.dumps({"job_id": self.job_id})
        begun = self.deployment.step_functions.start_execution(stateMachineArn=machine, name=name, input=given)
        return str(begun["executionArn"])

    def _interfere(self, arn: str) -> None:
        self.deployment.wait_for(lambda: self.jobs.known(self.job_id).state not in (JobState.NEW, JobState.REQUESTING))
        if self.case.deed is Deed.STOPPED:
            self.deployment.step_functions.stop_execution(executionArn=arn)
            return
        place = {"bucket": {"name": self.deployment.archive_bucket}, "object": {"key": "gopro/of-nobody.MP4"}}
        for detail in (place, {**place, "bucket": {"name": "another-bucket"}}, {}):
            event = {"source": "aws.s3", "detail-type": "Object Restore Completed", "detail": detail}
            self.deployment.emulator.client("lambda").invoke(
                FunctionName="archive-thawer", Payload=json.dumps(event).encode()
            )

    def _rules(self) -> list[dict[str, Any]]:
        return self.aws.rules.listed()

    def _problems(self, ended: Any, mails: list[dict[str, str]]) -> Iterator[str]:
        outcome, status, error = self.case.outcome, ended["status"], ended.get("error")
        subjects = [mail["Subject"] for mail in mails]
        expected = {RestoreOutcome.STOPPED: "FAILED", RestoreOutcome.UNHEARD: "FAILED"}.get(outcome, "SUCCEEDED")
        if self.case.deed is Deed.STOPPED:
            expected = "ABORTED"
        if status != expected:
            yield f"the execution ended with {status} {error}: {ended.get('cause')}, expected {expected}"
        if len(mails) != (0 if outcome is RestoreOutcome.UNHEARD or expected == "ABORTED" else 1):
            yield f"the owner's mails are {subjects}"
        if outcome is RestoreOutcome.STOPPED and not all(f"({self.case.reported})" in one for one in subjects):
            yield f"the owner's mails are {subjects}, expected {self.case.reported}"
        if expected == "SUCCEEDED":
            yield from self._files()

    def _files(self) -> Iterator[str]:
        files = list(self.jobs.files(self.job_id))
        ready = sum(file.state is FileState.READY for file in files)
        if ready != _READY.get(self.case.outcome, 0):
            yield f"{ready} files are ready, expected {_READY.get(self.case.outcome, 0)}"
        for file in files:
            if file.state is FileState.FAILED and self.case.reported not in file.problem:
                yield f"{file.filename} has failed, and says {file.problem!r}"
