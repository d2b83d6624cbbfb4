"""The restorer of the deployed stack: S3 is asked for each object once, and the owner gets one mail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, RestoreJobs, Tier

from local.aws_fault_menu import AwsFaultKind
from local.aws_proxy import AwsProxy
from local.deep_archive import freeze
from local.deployment import Deployment

type Inbox = Callable[[], list[dict[str, str]]]
CLIPS = [f"65a0f0c2b7e4d1a2c3b4{number:04x}" for number in (1, 2, 6)]


@pytest.fixture
def frozen(deployment: Deployment, inbox: Inbox) -> Deployment:
    """Three clips, each in Deep Archive."""
    assert deployment.run({"provider": "gopro", "filters": {"media_ids": CLIPS}})["status"] == "SUCCEEDED"
    for key in deployment.objects():
        freeze(deployment, key)
    inbox()
    return deployment


def jobs_of(deployment: Deployment) -> RestoreJobs:
    return RestoreJobs(deployment.emulator.table(deployment.ledger_table))


def written(deployment: Deployment, job_id: str, **other: Any) -> RestoreJobs:
    """A job of everything that is archived, as `cloudsync restore start` writes it."""
    s3, bucket = deployment.s3, deployment.archive_bucket
    files = [
        JobFile(
            number=number, provider="gopro", media_id=key.split("/")[3], filename=key.rpartition("/")[2], key=key,
            version_id=s3.head_object(Bucket=bucket, Key=key)["VersionId"], size=size,
        )
        for number, (key, size) in enumerate(sorted(deployment.objects().items()), start=1)
    ]  # fmt: skip
    job = Job(
        job_id=job_id, created_at="2026-11-27T12:00:00Z", selection="everything", fingerprint=job_id, tier=Tier.BULK,
        days=3, files=len(files), bytes=sum(file.size for file in files), quoted_usd=0.01, **other,
    )  # fmt: skip
    jobs = jobs_of(deployment)
    jobs.create(job, files)
    return jobs


def carried_out(deployment: Deployment, job_id: str, name: str = "") -> Any:
    answer = deployment.step_functions.start_execution(
        stateMachineArn=deployment.outputs["RestorerArn"], name=name or job_id, input=json.dumps({"job_id": job_id})
    )
    return deployment.wait(answer["executionArn"], seconds=90)


def counting(aws: AwsProxy) -> Callable[[], int]:
    """How often S3 has been asked to thaw something, from now on; nothing is changed."""
    aws.add_fault(AwsFaultKind.SLOW_ANSWER, "s3", "RestoreObject", times=0)
    return lambda: int(aws.rules.listed()[0]["seen"])


def test_s3_is_asked_for_each_object_once_whoever_wants_it_and_its_events_end_the_wait(
    frozen: Deployment, inbox: Inbox, aws: AwsProxy
) -> None:
    asked, count = counting(aws), len(frozen.objects())
    jobs = written(frozen, "restore-20261127T120000Z-0001")

    ended = carried_out(frozen, "restore-20261127T120000Z-0001")

    assert ended["status"] == "SUCCEEDED", ended
    job = jobs.known("restore-20261127T120000Z-0001")
    assert (job.state, job.ready, job.failed, asked()) == (JobState.READY, count, 0, count)
    assert job.early_looks >= 1 and job.ready_until
    (mail,) = inbox()
    assert f"{count} restored files can be fetched until" in mail["Subject"]
    assert f"`cloudsync restore fetch {job.job_id} DIRECTORY -e local`" in mail["Message"]
    for key in frozen.objects():
        assert frozen.s3.get_object(Bucket=frozen.archive_bucket, Key=key)["Body"].read()

    written(frozen, "restore-20261127T120000Z-0002")
    for name in ("restore-20261127T120000Z-0002", "restore-20261127T120000Z-0002-2"):
        assert carried_out(frozen, "restore-20261127T120000Z-0002", name)["status"] == "SUCCEEDED"
    assert asked() == count and len(inbox()) == 1


def test_a_version_that_is_gone_fails_alone_and_is_named_and_a_job_without_any_file_says_why(
    frozen: Deployment, inbox: Inbox
) -> None:
    jobs = written(frozen, "restore-20261127T120000Z-0003")
    gone, *others = jobs.files("restore-20261127T120000Z-0003")
    frozen.s3.delete_object(Bucket=frozen.archive_bucket, Key=gone.key, VersionId=gone.version_id)

    assert carried_out(frozen, "restore-20261127T120000Z-0003")["status"] == "SUCCEEDED"

    states = [file.state for file in jobs.files("restore-20261127T120000Z-0003")]
    assert states == [FileState.FAILED, *[FileState.READY] * len(others)]
    (mail,) = inbox()
    assert gone.filename in mail["Message"] and "S3 no longer has this version of it" in mail["Message"]

    written(frozen, "restore-20261127T120000Z-0004")
    for file in others:
        frozen.s3.delete_object(Bucket=frozen.archive_bucket, Key=file.key, VersionId=file.version_id)
    assert carried_out(frozen, "restore-20261127T120000Z-0004")["status"] == "SUCCEEDED"
    assert jobs.known("restore-20261127T120000Z-0004").state is JobState.FAILED
    (mail,) = inbox()
    assert "cannot be restored" in mail["Subject"]


def test_an_execution_that_cannot_go_on_says_so_in_one_mail_and_the_next_one_goes_on(
    frozen: Deployment, inbox: Inbox, aws: AwsProxy
) -> None:
    jobs = written(frozen, "restore-20261127T120000Z-0005")
    aws.add_fault(AwsFaultKind.ACCESS_DENIED, "s3", "ListObjectVersions")

    ended = carried_out(frozen, "restore-20261127T120000Z-0005")

    assert (ended["status"], jobs.known("restore-20261127T120000Z-0005").state) == ("FAILED", JobState.FAILED)
    (mail,) = inbox()
    assert "the restore stopped (ConfigurationError)" in mail["Subject"]
    assert "`cloudsync restore start -e local`" in mail["Message"]
