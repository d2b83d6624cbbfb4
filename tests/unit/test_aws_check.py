"""The checks of a deployed stack: each passes for a sound stack, and fails for one with the fault that it is for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest

from aws_check import alerts, credentials, encryption, inbox, uploads
from aws_check import own_objects as own_objects_module
from aws_check.__main__ import main
from aws_check.outcome import Check, CheckFailed, Outcome, Result, result_of
from aws_check.own_objects import own_objects, versions
from aws_check.report import all_checks, line, run, summary
from aws_check.schedule import next_firing
from aws_check.stack import Stack
from tests.unit.checked_stack import (
    ARCHIVE,
    FUNCTION,
    LOG,
    MACHINE,
    NEEDED,
    PRIVATE,
    QUEUE,
    ROLE,
    SCHEDULE,
    SECRET,
    STATE_MACHINE,
    TABLE,
    CheckedStack,
    sound_stack,
)

# moto compares no checksum and rotates nothing; tests/e2e/test_aws_check.py shows that these can pass.
NOT_PLAYED_BY_MOTO = {
    "a flipped bit in a part",
    "a wrong checksum of the whole object",
    "a multipart upload",
    "an object that exists",
    "an object in Deep Archive",
    "a rotation now",
}
DOWNLOADER = "role of video-downloader"


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> Iterator[CheckedStack]:
    with sound_stack(monkeypatch) as checked:
        yield checked


def changed(base: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**base, **values}


def target_of(**values: Any) -> dict[str, Any]:
    queue = f"arn:aws:sqs:us-east-1:123456789012:{QUEUE}"
    return {**SCHEDULE, "Target": {"Arn": MACHINE, "RoleArn": ROLE, "DeadLetterConfig": {"Arn": queue}}, **values}


def accept_every_completion(c: CheckedStack) -> None:
    parts = [{"PartNumber": 1, "ETag": "e", "ChecksumCRC64NVME": "AAAAAAAAAAA="}]
    c.answer("s3", "ListParts", {"Parts": parts})
    c.answer("s3", "CompleteMultipartUpload", {})


def another_checksum(c: CheckedStack) -> None:
    accept_every_completion(c)
    found = {"ChecksumCRC64NVME": "AAAAAAAAAAA=", "ChecksumType": "FULL_OBJECT", "StorageClass": "DEEP_ARCHIVE"}
    c.answer("s3", "HeadObject", found)


def secret(c: CheckedStack, **values: Any) -> None:
    current = {"VersionIdsToStages": {"1": ["AWSCURRENT"]}, "ARN": c.stack.secret_arns[0], "RotationEnabled": True}
    c.answer("secretsmanager", "DescribeSecret", {**current, **values})


def public_bucket(c: CheckedStack) -> None:
    c.stack.client("s3").put_public_access_block(
        Bucket=ARCHIVE, PublicAccessBlockConfiguration={**PRIVATE, "BlockPublicPolicy": False}
    )


def unconfirmed(c: CheckedStack) -> None:
    waiting = {"SubscriptionArn": "PendingConfirmation", "Endpoint": "owner@example.org"}
    c.answer("sns", "ListSubscriptionsByTopic", {"Subscriptions": [waiting]})


def earlier_run_killed(c: CheckedStack) -> None:
    c.stack.client("sqs").create_queue(QueueName="cloud-sync-check-of-another-run")


def many_requests(c: CheckedStack) -> None:
    c.stack.calls["cloudwatch", "SetAlarmState"] += 1_000


BREAK: dict[str, tuple[Callable[[CheckedStack], object], str]] = {
    f"{DOWNLOADER}: what it needs": (
        lambda c: c.simulate(lambda *_: False, OrganizationsDecisionDetail={"AllowedByOrganizations": False}),
        "s3:GetObject on arn:aws:s3:::archive/gopro/cloud-sync-check is refused (a service control policy",
    ),
    f"{DOWNLOADER}: nothing else": (
        lambda c: c.simulate(lambda action, _: action == "s3:DeleteObject"),
        "s3:DeleteObject on arn:aws:s3:::archive/gopro/cloud-sync-check is allowed",
    ),
    "the functions are ready": (
        lambda c: c.answer("lambda", "GetFunctionConfiguration", changed(FUNCTION, Architectures=["x86_64"])),
        "video-downloader runs on x86_64, and its layer is for arm64",
    ),
    "the state machine is ready": (
        lambda c: c.answer("stepfunctions", "DescribeStateMachine", changed(STATE_MACHINE, tracingConfiguration={})),
        "it sends no traces",
    ),
    "the logs": (
        lambda c: c.stack.client("logs").delete_retention_policy(logGroupName=LOG),
        "keeps its lines for ever days, not 30",
    ),
    "room for the downloads": (
        lambda c: c.answer("lambda", "GetAccountSettings", {"AccountLimit": {"UnreservedConcurrentExecutions": 3}}),
        "the account may run 3 functions at once, and a night starts 4",
    ),
    "the buckets are private": (public_bucket, "archive does not block public access: BlockPublicPolicy"),
    "versions in the archive": (
        lambda c: c.answer("s3", "GetBucketVersioning", {"Status": "Suspended"}),
        "versioning of the archive is Suspended",
    ),
    "tiers and expiry": (
        lambda c: c.answer("s3", "GetBucketLifecycleConfiguration", {"Rules": []}),
        "archive lacks: Tiers (Enabled): DEEP_ARCHIVE after 7 days",
    ),
    "the ledger's backup": (
        lambda c: c.stack.client("dynamodb").update_continuous_backups(
            TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
        ),
        "point-in-time recovery is DISABLED",
    ),
    "KMS through S3": (
        lambda c: c.stack.client("s3").delete_bucket_encryption(Bucket=ARCHIVE),
        "not with KMS",
    ),
    "the topic's key": (
        lambda c: c.answer("sns", "GetTopicAttributes", {"Attributes": {"KmsMasterKeyId": "alias/aws/sns"}}),
        "the topic is encrypted under alias/aws/sns, not the stack's own",
    ),
    "KMS through SNS": (lambda c: c.answer("sns", "Publish", {}, error="KMSAccessDenied"), "KMSAccessDenied"),
    "a flipped bit in a part": (lambda _: None, "S3 accepted a part with a flipped bit"),
    "a wrong checksum of the whole object": (accept_every_completion, "S3 accepted a wrong checksum"),
    "a multipart upload": (another_checksum, "HEAD returns AAAAAAAAAAA=, not"),
    "an object that exists": (accept_every_completion, "S3 accepted a second object"),
    "an object in Deep Archive": (another_checksum, "HEAD returns AAAAAAAAAAA=, and what was written has"),
    "the schedule": (
        lambda c: c.answer("scheduler", "GetSchedule", target_of(State="DISABLED")),
        "the schedule is DISABLED",
    ),
    "the schedule's next time": (
        lambda c: c.answer("scheduler", "GetSchedule", target_of(ScheduleExpressionTimezone="Europe/Paris")),
        "ScheduleExpressionTimezone is Europe/Paris, not Etc/GMT-1",
    ),
    "the secret's versions": (
        lambda c: secret(c, VersionIdsToStages={"1": ["AWSCURRENT"], "2": ["AWSPENDING"]}),
        "the version 2 has AWSPENDING and is not the current one",
    ),
    "the secret's rotation": (
        lambda c: secret(c, RotationLambdaARN="arn:aws:lambda:us-east-1:123456789012:function:mine"),
        "the secret rotates with mine, not credentials-rotator",
    ),
    "an alarm's message": (
        lambda c: c.answer("cloudwatch", "SetAlarmState", {}),
        "no message arrived in 0 s, although it was sent 3 times",
    ),
    "a person is told": (unconfirmed, "1 of 1 subscriptions still wait for their confirmation"),
    "a rotation now": (secret, "the rotation has not ended after 0 s"),
    "the cost of this run": (many_requests, "requests cost 0.0"),
    "nothing is left behind": (earlier_run_killed, "there is the queue cloud-sync-check-of-another-run"),
}


def named(stack: Stack, name: str) -> Check:
    (check,) = (check for check in all_checks(stack, rotate=True) if check.name == name)
    return check


def test_a_sound_stack_passes_every_check_that_moto_can_play(sound: CheckedStack) -> None:
    results = run(all_checks(sound.stack), sound.stack, lambda _: None)
    failed = {result.check.name for result in results if result.outcome is not Outcome.PASSED}
    assert failed == NOT_PLAYED_BY_MOTO - {"a rotation now"}


def test_a_second_provider_is_checked_like_the_first(sound: CheckedStack) -> None:
    """Its secret, and room for as many downloads again."""
    assert sound.stack.providers == ["gopro"]
    sound.stack.outputs = {**sound.stack.outputs, "GoogleDriveCredentialsSecret": "google-drive/credentials-dev"}
    assert sound.stack.providers == ["gopro", "google_drive"]
    secret(sound)
    result = result_of(named(sound.stack, "the secret's versions"), sound.stack)
    assert "gopro/credentials: " in result.detail and "; google-drive/credentials-dev: " in result.detail
    sound.answer("lambda", "GetAccountSettings", {"AccountLimit": {"UnreservedConcurrentExecutions": 6}})
    result = result_of(named(sound.stack, "room for the downloads"), sound.stack)
    assert result.detail == "the account may run 6 functions at once, and a night starts 7"


def test_every_check_is_shown_failing(sound: CheckedStack) -> None:
    other_roles = ("role of the state machine", "role of the schedule")  # the same code for another role
    names = {check.name for check in all_checks(sound.stack, rotate=True)}
    assert {name for name in names if not name.startswith(other_roles)} == set(BREAK)


@pytest.mark.parametrize("name", BREAK)
def test_a_check_fails_for_a_stack_with_its_fault(name: str, sound: CheckedStack) -> None:
    break_it, reason = BREAK[name]
    break_it(sound)
    result = result_of(named(sound.stack, name), sound.stack)
    assert result.outcome is Outcome.FAILED
    assert reason in result.detail
    assert result.check.when_it_fails in line(result) and result.check.proves in line(result)


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ([{**NEEDED, "Effect": "Deny"}], "role and template differ in: Allow s3:GetObject, Deny s3:GetObject"),
        ([NEEDED, {**NEEDED, "Action": "s3:*"}], "role and template differ in: Allow s3:*"),
    ],
)
def test_a_statement_that_is_gone_or_was_added_by_hand_is_noticed(
    statements: list[dict[str, Any]], reason: str, sound: CheckedStack
) -> None:
    sound.put_policy(*statements)
    assert reason in result_of(named(sound.stack, f"{DOWNLOADER}: nothing else"), sound.stack).detail


def test_a_policy_that_was_attached_by_hand_is_noticed(sound: CheckedStack) -> None:
    iam = sound.stack.client("iam")
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    made = iam.create_policy(PolicyName="mine", PolicyDocument=json.dumps(everything))
    iam.attach_role_policy(RoleName="downloader-role", PolicyArn=made["Policy"]["Arn"])
    result = result_of(named(sound.stack, f"{DOWNLOADER}: nothing else"), sound.stack)
    assert result.detail == "these policies are attached by hand: mine"


def test_actions_that_iam_judges_only_alone_are_judged_alone(sound: CheckedStack) -> None:
    refused = []

    def judge_one(params: dict[str, Any]) -> dict[str, Any]:
        body = params["body"]
        if "ActionNames.member.2" in body:
            refused.append(body)
            return {"Error": {"Code": "InvalidInput", "Message": ""}}
        decision = {"EvalActionName": body["ActionNames.member.1"], "EvalDecision": "implicitDeny"}
        return {"EvaluationResults": [{**decision, "EvalResourceName": "x"}]}

    sound.answer("iam", "SimulatePrincipalPolicy", judge_one)
    assert result_of(named(sound.stack, f"{DOWNLOADER}: nothing else"), sound.stack).outcome is Outcome.PASSED
    assert refused


def test_a_changed_lifecycle_rule_is_noticed_on_both_sides(sound: CheckedStack) -> None:
    rule = {"ID": "Mine", "Status": "Enabled", "Filter": {"Prefix": "gopro/"}, "Expiration": {"Days": 1}}
    sound.stack.client("s3").put_bucket_lifecycle_configuration(
        Bucket=ARCHIVE, LifecycleConfiguration={"Rules": [rule]}
    )
    assert "lacks: Tiers" in result_of(named(sound.stack, "tiers and expiry"), sound.stack).detail
    sound.stack.resources[0].properties["LifecycleConfiguration"]["Rules"] = []  # type: ignore[index]
    result = result_of(named(sound.stack, "tiers and expiry"), sound.stack)
    assert result.detail == "archive has by hand: Mine (Enabled, below gopro/): expires after 1 days"


def test_an_original_in_deep_archive_is_compared_with_the_ledger(sound: CheckedStack) -> None:
    key, client = "gopro/2026/01/m1/a.mp4", sound.stack.client("s3")
    client.put_object(Bucket=ARCHIVE, Key=key, Body=b"x", StorageClass="DEEP_ARCHIVE")
    found = {"ChecksumCRC64NVME": "sum", "ChecksumType": "FULL_OBJECT", "StorageClass": "DEEP_ARCHIVE"}
    sound.answer("s3", "HeadObject", found)
    check = named(sound.stack, "an object in Deep Archive")
    assert result_of(check, sound.stack).detail == f"the ledger has no row for {key}"
    row = {"pk": "gopro#m1", "sk": "SOURCE#1", "key": key, "checksum": "sum"}
    put = sound.stack.client("dynamodb").put_item
    put(TableName=TABLE, Item={name: {"S": value} for name, value in row.items()})
    assert result_of(check, sound.stack) == Result(check, Outcome.PASSED, f"{key} has the checksum of the ledger")
    put(TableName=TABLE, Item={name: {"S": value} for name, value in {**row, "checksum": "other"}.items()})
    assert "HEAD returns sum, and the ledger has other" in result_of(check, sound.stack).detail


def test_an_empty_secret_says_that_nothing_is_stored_yet(sound: CheckedStack) -> None:
    secret(sound, VersionIdsToStages={})
    result = result_of(named(sound.stack, "the secret's versions"), sound.stack)
    assert (result.outcome, result.detail[:23]) == (Outcome.PASSED, "nothing is stored yet: ")


def test_a_rotation_is_awaited_until_its_end(sound: CheckedStack) -> None:
    def rotated(_: object) -> dict[str, Any]:
        secret(sound, LastRotatedDate=datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC))
        return {}

    secret(sound)
    sound.answer("secretsmanager", "RotateSecret", rotated)
    assert credentials.rotate(sound.stack) == "rotated at 03:04:05; 1 with labels, one of them current"


def test_no_secret_value_is_read_or_printed(sound: CheckedStack) -> None:
    said: list[str] = []
    sound.stack.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString="a-very-secret-value")
    run(all_checks(sound.stack, rotate=True), sound.stack, said.append)
    assert ("secretsmanager", "GetSecretValue") not in sound.stack.calls
    assert "a-very-secret-value" not in "\n".join(said)


@pytest.mark.parametrize(
    ("kind", "check", "reason"),
    [
        ("AWS::KMS::Key", "the topic's key", "customer_managed_key is false"),
        ("AWS::SecretsManager::RotationSchedule", "the secret's rotation", "rotate_credentials_every_days is none"),
        ("AWS::SecretsManager::RotationSchedule", "a rotation now", "rotate_credentials_every_days is none"),
    ],
)
def test_what_an_environment_does_not_have_is_not_a_failure(
    kind: str, check: str, reason: str, sound: CheckedStack
) -> None:
    sound.stack.resources = [resource for resource in sound.stack.resources if resource.kind != kind]
    result = result_of(named(sound.stack, check), sound.stack)
    assert result.outcome is Outcome.NOT_PART and reason in result.detail


def test_nothing_is_written_where_object_lock_would_keep_it(sound: CheckedStack) -> None:
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}
    sound.answer("s3", "GetObjectLockConfiguration", {"ObjectLockConfiguration": {"Rule": rule}})
    assert result_of(named(sound.stack, "KMS through S3"), sound.stack).outcome is Outcome.NOT_PART
    assert ("s3", "PutObject") not in sound.stack.calls


def test_on_aws_whatever_is_not_answered_has_failed_and_in_an_emulator_it_is_not_answered(sound: CheckedStack) -> None:
    def unknown(stack: Stack) -> str:
        return str(stack.client("sns").list_topics())

    sound.answer("sns", "ListTopics", {}, error="NotImplemented")
    check = Check("x", "y", "z", unknown)
    assert result_of(check, sound.stack).outcome is Outcome.FAILED
    sound.stack.is_emulated = True  # type: ignore[misc]
    assert result_of(check, sound.stack).outcome is Outcome.UNANSWERED
    sound.answer("sns", "ListTopics", {}, error="AuthorizationError")
    assert result_of(check, sound.stack).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("endpoint", "emulated"),
    [
        ("https://sts.eu-west-3.amazonaws.com", False),
        ("https://sts.cn-north-1.amazonaws.com.cn", False),
        ("https://vpce-1.sts.eu-west-3.vpce.amazonaws.com", False),
        ("https://127.0.0.1:4566", True),
        ("https://amazonaws.com.example.org", True),
    ],
)
def test_an_endpoint_that_is_not_of_aws_is_an_emulator(
    endpoint: str, emulated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    session = boto3.Session("in-process", "in-process", region_name="eu-west-3")
    assert Stack(session, "dev", {}, []).is_emulated is emulated


def test_a_check_that_breaks_does_not_hide_the_others_and_makes_the_run_fail(sound: CheckedStack) -> None:
    def broken(_: Stack) -> str:
        raise ZeroDivisionError("0")

    checks = [Check("a", "p", "w", broken), Check("b", "p", "w", lambda _: "seen")]
    said: list[str] = []
    first, second = run(checks, sound.stack, said.append)
    assert (first.outcome, second.outcome) == (Outcome.FAILED, Outcome.PASSED)
    assert "ZeroDivisionError" in first.detail
    assert (
        said[-1]
        == summary([first, second])
        == ("1 passed; 1 FAILED; 0 cannot be answered here; 0 not part of this environment")
    )


def interrupted_after_writing(stack: Stack, prefix: str, interruption: BaseException | type[BaseException]) -> None:
    for body in (b"1", b"2"):
        stack.client("s3").put_object(Bucket=ARCHIVE, Key=f"{prefix}a", Body=body)
    uploads.Upload(stack, f"{prefix}b")
    assert versions(stack, prefix) and own_objects_module.uploads(stack, prefix)
    raise interruption


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, CheckFailed("in the middle"), ZeroDivisionError])
def test_a_check_that_ends_in_the_middle_leaves_nothing_behind(
    interruption: BaseException | type[BaseException], sound: CheckedStack
) -> None:
    stack, expected = sound.stack, interruption if isinstance(interruption, type) else type(interruption)
    with pytest.raises(expected), own_objects(stack) as prefix:
        interrupted_after_writing(stack, prefix, interruption)
    with pytest.raises(expected), inbox.open_inbox(stack, "x"):
        raise interruption
    assert result_of(named(stack, "nothing is left behind"), stack).outcome is Outcome.PASSED


def test_an_inbox_of_which_only_half_was_made_is_removed(sound: CheckedStack) -> None:
    sound.answer("sns", "Subscribe", {}, error="AuthorizationError")
    assert "AuthorizationError" in result_of(named(sound.stack, "KMS through SNS"), sound.stack).detail
    assert inbox.queues(sound.stack, "cloud-sync-check") == []


def test_a_queue_is_removed_also_when_its_subscription_cannot_be(sound: CheckedStack) -> None:
    sound.answer("sns", "Unsubscribe", {}, error="AuthorizationError")
    assert "AuthorizationError" in result_of(named(sound.stack, "KMS through SNS"), sound.stack).detail
    assert inbox.queues(sound.stack, "cloud-sync-check") == []


def test_a_queue_that_sqs_still_lists_after_its_removal_is_not_left_behind(sound: CheckedStack) -> None:
    assert result_of(named(sound.stack, "KMS through SNS"), sound.stack).outcome is Outcome.PASSED
    url = f"https://sqs.us-east-1.amazonaws.com/123456789012/{sound.stack.run_name}-kms"
    sound.answer("sqs", "ListQueues", {"QueueUrls": [url]})
    assert result_of(named(sound.stack, "nothing is left behind"), sound.stack).outcome is Outcome.PASSED
    sound.answer("sqs", "ListQueues", {"QueueUrls": [f"{url}-2"]})
    assert result_of(named(sound.stack, "nothing is left behind"), sound.stack).outcome is Outcome.FAILED


def test_objects_outside_the_prefix_of_the_checks_stay(sound: CheckedStack) -> None:
    sound.stack.client("s3").put_object(Bucket=ARCHIVE, Key="gopro/original", Body=b"1")
    encryption.archive_is_encrypted(sound.stack)
    page = {"Versions": [{"Key": "gopro/original", "VersionId": "1"}]}  # an endpoint that ignores the prefix
    sound.answer("s3", "ListObjectVersions", page)
    assert versions(sound.stack, sound.stack.prefix) == []
    assert sound.stack.client("s3").head_object(Bucket=ARCHIVE, Key="gopro/original")


def test_an_alarm_that_is_raised_is_not_touched(sound: CheckedStack) -> None:
    raised = {
        "AlarmName": "a",
        "StateValue": "ALARM",
        "ActionsEnabled": True,
        "AlarmActions": [sound.stack.outputs["AlertsTopicArn"]],
    }
    sound.answer("cloudwatch", "DescribeAlarms", {"MetricAlarms": [raised]})
    with pytest.raises(CheckFailed, match="is raised or switched off"):
        alerts.alarm_reaches_the_topic(sound.stack)
    assert ("cloudwatch", "SetAlarmState") not in sound.stack.calls


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("cron(0 2 * * ? *)", "Etc/GMT-1", "next at 2026-11-27 02:00 +01, 01:00 UTC"),
        ("cron(30 4 ? * MON *)", "Europe/Paris", "next at 2026-11-30 04:30 CET, 03:30 UTC"),
        ("cron(0 2 1 1 ? 1999)", "UTC", "not within 5 years"),
        ("rate(12 hours)", "UTC", "counted from its creation"),
    ],
)
def test_the_next_time_of_a_schedule_is_computed_in_its_zone(expression: str, zone: str, expected: str) -> None:
    assert next_firing(expression, ZoneInfo(zone), datetime(2026, 11, 26, 12, tzinfo=UTC)) == expected


def test_a_stack_that_is_not_there_is_one_sentence_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    no_stack = {"Error": {"Code": "ValidationError", "Message": ""}}
    session = boto3.Session("in-process", "in-process", region_name="us-east-1")
    session.events.register_first("before-call", lambda **_: (SimpleNamespace(status_code=400), no_stack))
    monkeypatch.setattr("aws_check.__main__.boto3.Session", lambda: session)
    monkeypatch.setattr("aws_check.__main__.signal.signal", lambda *_: None)
    assert main(["prod"]) == 1
    assert capsys.readouterr().err == (
        "aws-check: there is no stack CloudSync-prod in the region us-east-1: deploy it, or set AWS_PROFILE, "
        "AWS_REGION or ENVIRONMENT to where it is\n"
    )


def test_names_of_staging_and_prod_are_known_without_their_suffix(sound: CheckedStack) -> None:
    sound.stack.environment = "prod"
    assert sound.stack.base_name("video-downloader-prod") == "video-downloader"
    assert sound.stack.base_name("video-downloader") == "video-downloader"


def test_every_check_says_what_it_proves_and_what_to_do(sound: CheckedStack) -> None:
    for check in all_checks(sound.stack, rotate=True):
        assert len(check.proves.split()) > 5 and len(check.when_it_fails.split()) > 1
