"""Every statement of every function's role is needed: without it, a step fails with an error that says so.

The statements come from the deployed policies, so that a new one without a step here fails. What each of several
providers needs of a statement is in test_providers_apart.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cloud_sync_common.stores.restore_jobs import FileState, JobState
from cloud_sync_common.stores.thawing import NOT_ALLOWED

from local.deep_archive import freeze
from local.deployment import Deployment
from local.fake_accounts import account_of
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.roles import Policy, outcome
from tests.e2e.test_restore import jobs_of, written
from tests.synthesis import FUNCTIONS

# Statements that the emulator does not enforce; docs/security.md names the tests that check them instead.
NOT_ENFORCED = {
    "WriteItsOwnLog": "the emulator writes a function's log itself",
    "": "X-Ray, whose statement CDK adds without a name: there is no such service",
}
MEDIA = {
    "media_id": "65a0f0c2b7e4d1a2c3b40001",
    "filename": "GX010042.MP4",
    "captured_at": "2026-01-11T09:12:44Z",
    "revision": "/1",
    "kind": "Video",
}
RUN = {"run_id": "run-1", "provider": "gopro"}
SLICE = {"request": "slice", **RUN}


@dataclass(frozen=True)
class Step:
    """A step that fails without one statement: its event, its preparation, and its error with the statement."""

    event: dict[str, Any]
    prepare: Callable[[Deployment, FakeGoPro], None] = lambda _deployment, _gopro: None
    ends: str = ""


def session(deployment: Deployment, gopro: FakeGoPro) -> None:
    deployment.store_credentials(account_of(gopro).session())


def ended_session(deployment: Deployment, gopro: FakeGoPro) -> None:
    session(deployment, gopro)
    gopro.control.expire_access_tokens()


def another_active_run(deployment: Deployment, gopro: FakeGoPro) -> None:
    session(deployment, gopro)
    arn = deployment.state_machine_arn.replace(":stateMachine:", ":execution:") + ":gone"
    row = {"pk": "PROVIDER#gopro", "sk": "RUN_UNDER_WAY", "current": "gone", "execution_arn": arn}
    put(deployment, row)


def failed_four_times(deployment: Deployment, _gopro: FakeGoPro) -> None:
    row = {"pk": f"gopro#{MEDIA['media_id']}", "sk": "ITEM", "status": "FAILED", "media_id": MEDIA["media_id"]}
    put(deployment, row, attempts=4)


def leased_to_a_run_that_has_ended(deployment: Deployment, gopro: FakeGoPro) -> None:
    session(deployment, gopro)
    put(deployment, {"pk": "RUN#gone", "sk": "RUN", "run_id": "gone", "ended_at": "2026-11-22T02:00:00Z"})
    row = {"pk": f"gopro#{MEDIA['media_id']}", "sk": "ITEM", "status": "IN_PROGRESS", "media_id": MEDIA["media_id"]}
    put(deployment, {**row, "lease_owner": "gone"}, lease_expires=32_503_680_000)


def a_manifest(deployment: Deployment, _gopro: FakeGoPro) -> None:
    line = json.dumps({"media": [MEDIA]}).encode()
    deployment.s3.put_object(Bucket=deployment.work_bucket, Key="runs/run-1/work.jsonl", Body=line)


def one_archived(deployment: Deployment, gopro: FakeGoPro) -> None:
    session(deployment, gopro)
    assert outcome(deployment, "video-downloader", {**SLICE, "media": MEDIA}) == ("", "")


def one_to_describe(deployment: Deployment, gopro: FakeGoPro) -> None:
    """Of a video that is in Deep Archive, so that its provider is asked for it. It is in no catalogue yet."""
    one_archived(deployment, gopro)
    a_manifest(deployment, gopro)
    for key in deployment.objects():
        if "StorageClass" not in deployment.s3.head_object(Bucket=deployment.archive_bucket, Key=key):
            freeze(deployment, key)
    described = deployment.s3.list_objects_v2(Bucket=deployment.work_bucket, Prefix="catalogue/").get("Contents", [])
    for found in described:
        deployment.s3.delete_object(Bucket=deployment.work_bucket, Key=found["Key"])


def one_deleted(deployment: Deployment, gopro: FakeGoPro) -> None:
    one_archived(deployment, gopro)
    for key in deployment.objects():
        deployment.s3.delete_object(Bucket=deployment.archive_bucket, Key=key)


def a_drill_that_failed(deployment: Deployment, _gopro: FakeGoPro) -> None:
    began = "2027-01-01T14:30:00.123Z"
    job = {"pk": "RESTORES", "sk": JOB, "job_id": JOB, "created_at": began, "selection": "", "fingerprint": JOB}
    put(deployment, {**job, "tier": "Bulk", "state": "FAILED"}, days=3, files=1, bytes=1, quoted_usd=0)
    file = {"pk": f"RESTORE#{JOB}", "sk": "FILE#000001", "provider": "gopro", "media_id": "m", "filename": "m.MP4"}
    put(deployment, {**file, "key": "gopro/2026/01/m/m.MP4", "state": "FAILED"}, number=1, size=1)


def a_restore_job(deployment: Deployment, gopro: FakeGoPro) -> None:
    """Of one video, which is in Deep Archive."""
    if jobs_of(deployment).get(JOB) is None:
        one_archived(deployment, gopro)
        for key in deployment.objects():
            freeze(deployment, key)
        written(deployment, JOB)


def put(deployment: Deployment, row: dict[str, str], **numbers: int) -> None:
    item: dict[str, Any] = {name: {"S": value} for name, value in row.items()}
    item |= {name: {"N": str(value)} for name, value in numbers.items()}
    deployment.dynamodb.put_item(TableName=deployment.ledger_table, Item=item)


AUTHENTICATE = Step({"run_id": "run-1", "input": {"provider": "gopro"}})
LIST = Step({**RUN, "execution_arn": "arn:aws:states:eu-west-3:000000000000:execution:x:run-1"}, session)
DOWNLOAD = Step({**SLICE, "media": MEDIA}, session)
LARGE = {
    **MEDIA,
    "media_id": "65a0f0c2b7e4d1a2c3b40005",
    "size": 24_163_834,
}  # looked up before it is uploaded in parts
RECONCILE = Step({**RUN, "started_at": "2026-11-22T02:00:00Z", "cursor": None}, one_archived)
DESCRIBE = Step({**RUN, "new": 1}, one_to_describe)
ERROR = {"Error": "IntegrityError", "Cause": "other bytes"}
RECORD = Step({**RUN, "scope": "media", "media": MEDIA, "error": ERROR})
REPORT = Step({**RUN, "started_at": "2026-11-22T01:00:00Z", "listing": {"listed": 1, "new": 1}}, a_manifest)
CHOOSE = Step({"request": "choose", "execution": "e", "began_at": "2027-01-01T14:30:00.123Z"}, one_archived)
JOB = "restore-20270101T143000Z-1a2b"
THAW = Step({"request": "request", "job_id": JOB}, a_restore_job)
ROTATE = {"Step": "createSecret", "SecretId": "gopro/credentials"}

NEEDED = {
    ("media-authenticator", "UseTheCredentials"): AUTHENTICATE,
    ("media-authenticator", "UseTheRowsOfTheProvider"): AUTHENTICATE,
    ("media-lister", "UseTheCredentials"): LIST,
    ("media-lister", "UseTheItems"): LIST,
    ("media-lister", "UseTheRuns"): LIST,
    ("media-lister", "CountTheBytesRead"): LIST,
    ("media-lister", "UseTheRowsOfTheProvider"): LIST,
    ("media-lister", "UseTheManifest"): LIST,
    ("media-lister", "SeeWhetherARunIsUnderWay"): Step(LIST.event, another_active_run),
    ("video-downloader", "UseTheCredentials"): DOWNLOAD,
    ("video-downloader", "UseTheItems"): DOWNLOAD,
    ("video-downloader", "UseTheRuns"): Step({**SLICE, "media": MEDIA}, leased_to_a_run_that_has_ended),
    ("video-downloader", "CountTheBytesRead"): DOWNLOAD,
    ("video-downloader", "UseTheRowsOfTheProvider"): DOWNLOAD,
    ("video-downloader", "WriteTheArchive"): DOWNLOAD,
    ("video-downloader", "SeeWhatIsArchived"): Step({**SLICE, "media": LARGE}, session),
    ("video-downloader", "TellMissingFromForbidden"): Step({**SLICE, "media": LARGE}, session),
    ("archive-reconciler", "UseTheCredentials"): RECONCILE,
    ("archive-reconciler", "UseTheItems"): RECONCILE,
    ("archive-reconciler", "UseTheRowsOfTheProvider"): RECONCILE,
    ("archive-reconciler", "WalkThroughTheLedger"): RECONCILE,
    ("archive-reconciler", "UseTheManifest"): RECONCILE,
    ("archive-reconciler", "SeeWhatIsArchived"): RECONCILE,
    ("archive-reconciler", "TellMissingFromForbidden"): RECONCILE,
    ("archive-reconciler", "StoreCertificates"): RECONCILE,
    ("archive-reconciler", "SendMails"): RECONCILE,
    ("catalogue-writer", "UseTheCredentials"): DESCRIBE,
    ("catalogue-writer", "UseTheItems"): DESCRIBE,
    ("catalogue-writer", "UseTheRowsOfTheProvider"): DESCRIBE,
    ("catalogue-writer", "UseTheManifest"): DESCRIBE,
    ("catalogue-writer", "WriteTheCatalogue"): DESCRIBE,
    ("catalogue-writer", "MakePictures"): DESCRIBE,
    ("catalogue-writer", "SeeWhatIsArchived"): DESCRIBE,
    ("catalogue-writer", "TellMissingFromForbidden"): DESCRIBE,
    ("archive-thawer", "UseTheRestoreJobs"): THAW,
    ("archive-thawer", "SeeWhatIsThawed"): THAW,
    ("archive-thawer", "SendMails"): Step({"request": "report", "job_id": JOB}, a_restore_job),
    ("restore-prover", "UseTheRestoreJobs"): CHOOSE,
    ("restore-prover", "DrawAnOriginal"): CHOOSE,
    ("restore-prover", "ReadTheOriginal"): CHOOSE,
    ("restore-prover", "TellMissingFromForbidden"): Step(CHOOSE.event, one_deleted),
    ("restore-prover", "StoreCertificates"): Step({"request": "prove", "job_id": JOB}, a_drill_that_failed),
    ("restore-prover", "SendMails"): Step({"request": "give_up"}),
    ("failure-recorder", "UseTheItems"): RECORD,
    ("failure-recorder", "UseTheRuns"): Step({**RECORD.event, "scope": "run"}),
    ("failure-recorder", "HandOverToAHuman"): Step(RECORD.event, failed_four_times),
    ("run-report", "UseTheItems"): REPORT,
    ("run-report", "UseTheRuns"): REPORT,
    ("run-report", "CountTheBytesRead"): REPORT,
    ("run-report", "UseTheRowsOfTheProvider"): REPORT,
    ("run-report", "CountTheBacklog"): REPORT,
    ("run-report", "UseTheManifest"): REPORT,
    ("run-report", "TellMissingFromForbidden"): Step({**REPORT.event, "run_id": "run-that-listed-nothing"}),
    ("run-report", "SendMails"): REPORT,
    ("credentials-rotator", "UseTheCredentials"): Step(ROTATE),
    ("credentials-rotator", "UseTheRowsOfTheProvider"): Step(ROTATE),
    ("credentials-rotator", "SendMails"): Step(ROTATE, ended_session, ends="CredentialsExpiredError"),
}

# Each has a test of its own below: the one refusal is of a file, and the other one of an execution that waits.
APART = {("archive-thawer", "HaveObjectsThawed"), ("archive-thawer", "EndTheWait")}


def test_every_deployed_statement_has_a_step_that_needs_it_or_a_reason_why_it_cannot_be_tested(
    deployed: Deployment,
) -> None:
    functions = (*FUNCTIONS, "restore-prover")  # which is deployed here, and off by default
    found = {(function, sid) for function in functions for sid in Policy(deployed, function).sids}
    assert {pair for pair in found if pair[1] not in NOT_ENFORCED} == {*NEEDED, *APART}
    assert {sid for _, sid in found} >= set(NOT_ENFORCED)


@pytest.mark.parametrize(("function", "sid"), sorted(NEEDED))
def test_without_this_statement_a_step_fails_and_names_the_missing_permission(
    deployment: Deployment, gopro: FakeGoPro, function: str, sid: str
) -> None:
    step = NEEDED[function, sid]
    step.prepare(deployment, gopro)
    with Policy(deployment, function).without(sid):
        error, sentence = outcome(deployment, function, step.event)
    assert error == "ConfigurationError" and "role may not do this" in sentence
    step.prepare(deployment, gopro)
    assert outcome(deployment, function, step.event)[0] == step.ends


def test_without_the_right_to_have_objects_thawed_each_file_of_a_job_says_so(
    deployment: Deployment, gopro: FakeGoPro
) -> None:
    a_restore_job(deployment, gopro)
    with Policy(deployment, "archive-thawer").without("HaveObjectsThawed"):
        assert outcome(deployment, "archive-thawer", THAW.event) == ("", "")
    jobs = jobs_of(deployment)
    (file,) = jobs.files(JOB)
    assert (file.state, file.problem) == (FileState.FAILED, NOT_ALLOWED)
    jobs.update_file(JOB, file.number, {"state": FileState.WANTED, "problem": ""})  # as `restore start` takes it up
    assert outcome(deployment, "archive-thawer", THAW.event) == ("", "")
    assert next(jobs.files(JOB)).state is FileState.REQUESTED


def test_without_the_right_to_end_a_wait_the_step_that_hears_of_everything_says_so(
    deployment: Deployment, gopro: FakeGoPro
) -> None:
    a_restore_job(deployment, gopro)
    jobs, machine = jobs_of(deployment), deployment.outputs["RestorerArn"]
    with Policy(deployment, "archive-thawer").without("EndTheWait"):
        begun = deployment.step_functions.start_execution(
            stateMachineArn=machine, name=JOB, input=json.dumps({"job_id": JOB})
        )
        deployment.wait_for(lambda: (job := jobs.known(JOB)).task_token and job.events >= job.awaited)
        event = {"request": "wait", "job_id": JOB, "task_token": jobs.known(JOB).task_token}
        error, sentence = outcome(deployment, "archive-thawer", event)
    assert error == "ConfigurationError" and "role may not do this" in sentence
    assert jobs.known(JOB).state is JobState.THAWING
    assert outcome(deployment, "archive-thawer", event) == ("", "")
    deployment.step_functions.stop_execution(executionArn=begun["executionArn"])
