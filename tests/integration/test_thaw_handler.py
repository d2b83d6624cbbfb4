"""archive-thawer as Step Functions and EventBridge call it: sample events in, JSON out."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.runtime import settings
from cloud_sync_common.stores.restore_jobs import FileState, Job, JobFile, JobState, RestoreJobs, Tier

from tests.integration.aws_on_loopback import Aws
from tests.integration.test_handlers import Context, sample

JOB = str(sample("thaw")["job_id"])
type Call = Callable[[Any], Any]


@pytest.fixture
def call(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    for name, value in aws.variables.items():
        monkeypatch.setenv(name, value)
    settings.load.cache_clear()
    handler = importlib.import_module("lambdas.archive_thawer.handler").handler
    yield lambda event: json.loads(json.dumps(handler(event, Context("archive-thawer"))))
    settings.load.cache_clear()


def write_job(aws: Aws, *states: FileState, **given: Any) -> RestoreJobs:
    """A job with a file in each of these states."""
    files = [
        JobFile(
            number=number, provider="gopro", media_id=f"m{number}", filename=f"GX{number}.MP4", key=f"gopro/{number}",
            version_id="v1", size=1_000, state=state,
        )
        for number, state in enumerate(states, 1)
    ]  # fmt: skip
    job = Job(
        job_id=JOB, created_at="2026-11-27T11:34:06.000Z", selection="May 2026", fingerprint="f", tier=Tier.BULK,
        days=7, files=len(files), bytes=1_000 * len(files), quoted_usd=0.01, **given,
    )  # fmt: skip
    jobs = RestoreJobs(aws.table)
    jobs.create(job, files)
    return jobs


def test_a_job_goes_from_its_request_to_its_mail(call: Call, aws: Aws) -> None:
    jobs = write_job(aws, FileState.READY, FileState.WANTED)
    assert call(sample("thaw")) == {"status": "REQUESTED", "wait_seconds": 3600}
    assert call(sample("thaw_check")) == {"status": "READY", "wait_seconds": 0}
    ended = call(sample("thaw_report"))
    assert (ended["job_id"], ended["status"], ended["ready"], ended["failed"]) == (JOB, "READY", 1, 1)
    (mail,) = aws.mails()
    assert mail["Subject"] == "Cloud Sync: 1 of 2 restored files can be fetched"
    assert [file.state for file in jobs.files(JOB)] == [FileState.READY, FileState.FAILED]


def test_an_event_of_s3_is_counted_for_the_job_that_waits(call: Call, aws: Aws) -> None:
    jobs = write_job(aws, FileState.REQUESTED, state=JobState.THAWING, awaited=2)
    event = sample("thawed")
    event["detail"]["bucket"]["name"] = aws.variables["ARCHIVE_BUCKET"]
    assert call(event) == {"jobs": 1, "woken": 0} and jobs.known(JOB).events == 1
    assert call(sample("thawed")) == {"jobs": 0, "woken": 0}


def test_a_token_is_stored_and_giving_up_sends_an_alert(call: Call, aws: Aws) -> None:
    jobs = write_job(aws, FileState.REQUESTED, state=JobState.THAWING, awaited=1)
    wait = {"request": "wait", "job_id": JOB, "task_token": "a-token"}
    assert call(wait) == {"status": "WAITING", "wait_seconds": 0} and jobs.known(JOB).task_token == "a-token"
    error = {"Error": "ConfigurationError", "Cause": json.dumps({"errorMessage": "The KMS key cannot be used."})}
    assert call({"request": "give_up", "job_id": JOB, "error": error})["status"] == "FAILED"
    (mail,) = aws.mails()
    assert "The KMS key cannot be used." in mail["Message"] and jobs.known(JOB).task_token == ""


@pytest.mark.parametrize("event", [
    {"request": "thaw", "job_id": JOB}, {"request": "request"}, {"job_id": JOB}, {"request": "wait", "job_id": JOB},
    {"detail-type": "Object Restore Completed", "detail": {}},
])  # fmt: skip
def test_an_event_that_does_not_fit_is_refused_with_the_field(call: Call, event: Any) -> None:
    with pytest.raises(ConfigurationError, match="The event does not fit"):
        call(event)


def test_a_job_that_is_not_there_is_named(call: Call) -> None:
    for name in ("thaw", "thaw_check", "thaw_report"):
        with pytest.raises(ConfigurationError, match=f"There is no restore job {JOB}"):
            call(sample(name))
