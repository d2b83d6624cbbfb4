"""`make aws-check` against the deployed stack: what the emulator can answer passes, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import boto3
import pytest

from aws_check import uploads
from aws_check.__main__ import main
from aws_check.inbox import Inbox
from aws_check.outcome import CheckFailed, Outcome
from aws_check.report import all_checks, run
from aws_check.stack import Stack
from local.deployment import Deployment
from local.emulator import REGION

# Only AWS answers these. A line that moves from here to `passed`, or the other way round, is a change of the emulator.
UNANSWERED = {"the state machine is ready", "the ledger's backup", "KMS through S3", "the schedule's next time"}
# The environment local has no key of its own and rotates nothing.
NOT_PART = {"the topic's key", "the secret's rotation", "a rotation now"}


@pytest.fixture
def endpoint(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The variables of .local/deployment.env, as `make demo KEEP=1` writes them."""
    for name, value in deployment.emulator.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("aws_check.__main__.signal.signal", lambda *_: None)
    return deployment


@pytest.fixture
def stack(endpoint: Deployment) -> Stack:
    return Stack.find(boto3.Session(region_name=REGION), "local")


def everything(deployment: Deployment) -> dict[str, Any]:
    """What the checks might leave behind: versions, markers, uploads, queues, subscriptions and the alarms' states."""
    s3, client = deployment.s3, deployment.emulator.client
    found: dict[str, Any] = {}
    for bucket in (deployment.archive_bucket, deployment.work_bucket):
        listed = s3.list_object_versions(Bucket=bucket)
        found[f"versions in {bucket}"] = sorted(
            (entry["Key"], entry["VersionId"])
            for entry in (*listed.get("Versions", []), *listed.get("DeleteMarkers", []))
        )
        found[f"uploads in {bucket}"] = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    found["queues"] = sorted(client("sqs").list_queues()["QueueUrls"])
    subscriptions = client("sns").list_subscriptions()["Subscriptions"]
    found["subscriptions"] = sorted(one["SubscriptionArn"] for one in subscriptions)
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    found["alarms"] = {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
    return found


def test_every_check_passes_but_those_that_only_aws_can_answer(stack: Stack, endpoint: Deployment) -> None:
    before = everything(endpoint)
    said: list[str] = []
    results = run(all_checks(stack, rotate=True), stack, said.append)
    ended = {outcome: {r.check.name for r in results if r.outcome is outcome} for outcome in Outcome}
    assert [text for text in said if text.startswith(Outcome.FAILED)] == []
    assert ended[Outcome.UNANSWERED] == UNANSWERED
    assert ended[Outcome.NOT_PART] == NOT_PART
    assert len(ended[Outcome.PASSED]) > 25
    assert everything(endpoint) == before


def test_the_command_prints_each_check_and_succeeds(
    endpoint: Deployment, inbox: Callable[[], list[dict[str, str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["local"]) == 0
    printed = capsys.readouterr().out
    assert "passed: a flipped bit in a part: refused with BadDigest" in printed
    assert "if it fails: " in printed and "proves: " in printed
    subjects = [mail["Subject"] for mail in inbox()]  # what the owner receives
    assert len(subjects) == 2 and "Cloud Sync: a test, nothing is to be done" in subjects


def test_a_public_bucket_makes_the_command_fail(endpoint: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    s3, bucket = endpoint.s3, endpoint.archive_bucket
    blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    try:
        s3.put_public_access_block(
            Bucket=bucket, PublicAccessBlockConfiguration={**blocked, "BlockPublicPolicy": False}
        )
        assert main(["local"]) == 1
    finally:
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    printed = capsys.readouterr().out
    assert "FAILED: the buckets are private: " in printed and "deploy again, and look at who has read it" in printed


def test_a_role_that_may_delete_originals_is_found(stack: Stack, endpoint: Deployment) -> None:
    iam, name = endpoint.emulator.client("iam"), "video-downloader"
    role = endpoint.emulator.client("lambda").get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
    (check,) = (c for c in all_checks(stack) if c.name == f"role of {name}: nothing else")
    archive = f"arn:aws:s3:::{endpoint.archive_bucket}/*"
    statement = f'{{"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "{archive}"}}'
    try:
        policy = f'{{"Version": "2012-10-17", "Statement": [{statement}]}}'
        iam.put_role_policy(RoleName=role, PolicyName="by-hand", PolicyDocument=policy)
        (result,) = run([check], stack, lambda _: None)
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="by-hand")
    assert (result.outcome, result.detail) == (
        Outcome.FAILED,
        "role and template differ in: Allow s3:DeleteObject",
    )


@pytest.mark.parametrize(("interruption", "code"), [(KeyboardInterrupt, 130), (CheckFailed, 1), (ZeroDivisionError, 1)])
@pytest.mark.parametrize("place", ["completing an upload", "waiting for a message"])
def test_a_check_that_is_interrupted_leaves_nothing_behind(
    place: str,
    interruption: type[BaseException],
    code: int,
    endpoint: Deployment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*arguments: Any, **_: Any) -> NoReturn:
        if place == "waiting for a message":
            arguments[1]()  # it was sent
        raise interruption

    before = everything(endpoint)
    owner, method = (uploads.Upload, "complete") if place == "completing an upload" else (Inbox, "receive")
    monkeypatch.setattr(owner, method, interrupted)
    assert main(["local"]) == code
    assert everything(endpoint) == before
