"""`cloudsync doctor`: what is wrong is a line with its fix, and a permission that is missing is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from cloud_sync_common import __version__
from cloud_sync_common.provider_interface import Credentials

from console import main
from console.aws_account import AwsAccount
from console.errors import ConsoleError, CredentialsRefusedError, Exit, NotFoundError
from console.operations import doctor, doctor_tokens, provider_session
from console.operations.doctor import Diagnosis
from console.operations.findings import Finding, Outcome
from console.operations.provider_accounts import Account
from console.operations.provider_services import Services
from console.stack import Stack
from tests.unit.console_account import ScriptedAccount, refusal
from tests.unit.console_ledger import World, a_world

POLICY = "arn:aws:iam::000000000000:policy/CloudSyncOwner"
TOPIC = "arn:aws:sns:eu-west-1:000000000000:gopro-sync-alerts"
VALUES = {"alert_email": "me@example.org", "schedule_enabled": True, "deep_archive_after_days": 7}
RULES = [
    {"Status": "Enabled", "Transitions": [{"StorageClass": "DEEP_ARCHIVE", "Days": 7}]},
    {"Status": "Enabled",
     "NoncurrentVersionTransitions": [{"StorageClass": "DEEP_ARCHIVE", "NoncurrentDays": 7}]},
    {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
]  # fmt: skip


def template(version: str = __version__, **values: Any) -> dict[str, Any]:
    return {"TemplateBody": {"Metadata": {"CloudSync": {"version": version, "values": VALUES | values}}}}


def clock_of_s3(off: timedelta = timedelta()) -> Callable[..., dict[str, Any]]:
    def listed(**_: Any) -> dict[str, Any]:
        date = format_datetime(datetime.now(UTC) + off, usegmt=True)
        return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}, "Contents": [{"Key": "gopro/a"}]}

    return listed


def encrypted(kind: str) -> dict[str, Any]:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": kind}}
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def subscribed(*arns: str) -> Callable[..., list[Any]]:
    return lambda **_: [{"Subscriptions": [{"SubscriptionArn": arn} for arn in arns]}]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A stack of two providers with which all is well."""
    with a_world(monkeypatch) as world:
        outputs = {**world.stack.outputs, "WorkBucket": "work", "AlertsTopicArn": TOPIC, "OwnerPolicyArn": POLICY}
        world.stack = Stack(world.account, "dev", outputs)
        world.night("n1")
        for kind, name in (
            ("AWS::Lambda::Function", "video-downloader"), ("AWS::Logs::LogGroup", "/aws/lambda/video-downloader"),
            ("AWS::CloudWatch::Alarm", "gopro-sync-run-failed"),
        ):  # fmt: skip
            world.resource(kind, name)
        world.alarms.append({"AlarmName": "gopro-sync-run-failed", "StateValue": "OK"})
        world.answer("cloudformation", get_template=template())
        world.answer("stepfunctions", list_executions=lambda **_: {"executions": [
            {"executionArn": arn} for arn in world.executions
        ]})  # fmt: skip
        world.answer(
            "secretsmanager",
            describe_secret={"VersionIdsToStages": {"v1": ["AWSCURRENT"]}}, get_secret_value={"SecretString": "{}"},
        )  # fmt: skip
        world.answer("logs", filter_log_events={"events": []})
        world.answer(
            "s3", list_objects_v2=clock_of_s3(), head_object={}, list_object_versions={}, list_multipart_uploads={},
            get_bucket_lifecycle_configuration={"Rules": RULES}, get_bucket_encryption=encrypted("aws:kms"),
            get_bucket_versioning={"Status": "Enabled"}, list_objects_v2_pages=[],
        )  # fmt: skip
        more = {"lambda": {"get_function_configuration": {}},
                "sns": {"list_subscriptions_by_topic_pages": subscribed("arn:aws:sns:::x")}}  # fmt: skip
        world.account.services |= ScriptedAccount(**more).services
        stored: Callable[[Stack, Services, str], Credentials] = lambda _stack, _services, provider: Credentials(  # noqa: E731
            provider, access_token="access-token-of-the-owner"
        )
        monkeypatch.setattr(doctor_tokens, "_stored", stored)
        monkeypatch.setattr(doctor_tokens, "_is_empty", lambda *_: False)
        monkeypatch.setattr(doctor_tokens, "account_of", lambda *_: Account(id="1", email="me@example.org"))
        yield world


def examined(world: World, *, renews: bool = False) -> Diagnosis:
    return doctor.examine(world.account, "dev", Services(), renews=renews, say=lambda _text: None)


def of(found: Diagnosis, about: str) -> Finding:
    (one,) = (one for one in found.findings if one.about == about)
    return one


def failures(found: Diagnosis) -> list[str]:
    return [one.about for one in found.findings if one.outcome is Outcome.FAIL]


def test_when_all_is_well_each_thing_is_a_line_that_says_so(world: World) -> None:
    found = examined(world)
    assert failures(found) == [] and found.is_whole
    passed = {one.about for one in found.findings if one.outcome is Outcome.PASS}
    assert passed == {
        "AWS credentials", "stack", "version", "clock", "permissions", "mails", "alarms", "dead letters", "lifecycle",
        "encryption", "versioning", "uploads", "catalogue",
        *(f"{what} {provider}" for provider in ("gopro", "google_drive")
          for what in ("secret", "token", "settings", "schedule")),
    }  # fmt: skip


WRONG: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "another version": ("version", "cloudformation", {"get_template": template("0.1.0")}, "cdk deploy"),
    "a clock that is off": ("clock", "s3", {"list_objects_v2": clock_of_s3(timedelta(minutes=4))}, "NTP"),
    "nobody gets mails": ("mails", "sns", {"list_subscriptions_by_topic_pages": subscribed()}, "alert_email="),
    "an address to be confirmed": (
        "mails", "sns", {"list_subscriptions_by_topic_pages": subscribed("PendingConfirmation")}, "Open the link",
    ),
    "no rules": (
        "lifecycle", "s3",
        {"get_bucket_lifecycle_configuration": refusal("NoSuchLifecycleConfiguration", "GetBucketLifecycle")},
        "cdk deploy",
    ),
    "a rule is missing": (
        "lifecycle", "s3", {"get_bucket_lifecycle_configuration": {"Rules": RULES[:2]}}, "cdk deploy"
    ),
    "another rule": ("lifecycle", "cloudformation", {"get_template": template(deep_archive_after_days=1)}, "cdk"),
    "another encryption": ("encryption", "s3", {"get_bucket_encryption": encrypted("AES256")}, "cdk deploy"),
    "no versions": ("versioning", "s3", {"get_bucket_versioning": {"Status": "Suspended"}}, "cdk deploy"),
    "a stray upload": (
        "uploads", "s3",
        {"list_multipart_uploads": {"Uploads": [{"Initiated": datetime(2020, 1, 1, tzinfo=UTC)}]}}, "cloudsync cost",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_with_its_fix(world: World, case: str) -> None:
    about, service, answers, fix = WRONG[case]
    world.answer(service, **answers)
    found = examined(world)
    assert failures(found) == [about]
    assert fix in of(found, about).fix


def test_a_schedule_that_somebody_has_switched_off_fails_and_one_that_was_deployed_so_does_not(world: World) -> None:
    off = {"State": "DISABLED", "ScheduleExpression": "rate(1 day)"}
    world.schedules["gopro-sync-nightly"] = off
    assert failures(examined(world)) == ["schedule gopro"]
    world.answer("cloudformation", get_template=template(schedule_enabled=False))
    assert of(examined(world), "schedule gopro").outcome is Outcome.NOTE


def test_that_nobody_gets_mails_is_no_fault_where_it_was_deployed_so(world: World) -> None:
    world.answer("sns", list_subscriptions_by_topic_pages=subscribed())
    world.answer("cloudformation", get_template=template(alert_email="none"))
    assert of(examined(world), "mails").outcome is Outcome.NOTE


@pytest.mark.parametrize(
    ("alarm", "text", "fix"),
    [
        ({"StateValue": "ALARM", "AlarmDescription": "A run failed. Next step: read the mail."}, "run-failed is raised",
         "read the mail."),
        ({"StateValue": "OK", "ActionsEnabled": False}, "is silenced", "cdk deploy"),
        (None, "is not there any more", "cdk deploy"),
    ],
)  # fmt: skip
def test_an_alarm_that_is_raised_silenced_or_gone(
    world: World, alarm: dict[str, Any] | None, text: str, fix: str
) -> None:
    world.alarms[:] = [{"AlarmName": "gopro-sync-run-failed", **alarm}] if alarm else []
    world.alarms.append({"AlarmName": "gopro-sync-run-failed-staging", "StateValue": "ALARM"})  # another stack's
    found = examined(world)
    assert failures(found) == ["alarms"]
    assert text in of(found, "alarms").text and fix in of(found, "alarms").fix


def test_what_has_no_details_yet_is_no_fault_and_counted(world: World) -> None:
    world.put("PROVIDER#gopro", "MONTH#2026-05", originals=3, bytes=30)
    found = of(examined(world), "catalogue")
    assert found.outcome is Outcome.NOTE and found.text.startswith("3 of 3 archived items have no details yet")
    world.answer("cloudformation", get_template=template(catalogue=False))
    assert of(examined(world), "catalogue").text == "It is off, as it was deployed (catalogue=false)."


def test_messages_in_the_dead_letter_queue_are_counted(world: World) -> None:
    world.account.client("sqs").send_message(QueueUrl=world.aws.dead_letters_url, MessageBody="{}")
    found = examined(world)
    assert failures(found) == ["dead letters"] and "About 1 item failed" in of(found, "dead letters").text


def test_a_secret_without_a_value_asks_to_connect_and_no_token_is_tried(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.versions["google-drive/credentials"] = []
    monkeypatch.setattr(doctor_tokens, "_is_empty", lambda _stack, _services, provider: provider == "google_drive")
    found = examined(world)
    assert failures(found) == ["secret google_drive"]
    assert of(found, "secret google_drive").fix == "cloudsync connect google-drive"
    assert "token google_drive" not in {one.about for one in found.findings}


def test_settings_that_cannot_be_read_stop_runs_and_a_pause_is_told(world: World) -> None:
    world.put("PROVIDER#gopro", "SETTINGS", version=1, document="no JSON", changed_at="", changed_by="")
    assert failures(examined(world)) == ["settings gopro"]
    world.put("PROVIDER#gopro", "SETTINGS", version=1, document='{"paused": true}', changed_at="", changed_by="")
    told = of(examined(world), "settings gopro")
    assert told.outcome is Outcome.NOTE
    assert told.text == "GoPro is paused. `cloudsync settings resume --provider gopro` ends that."


def test_a_token_that_works_is_not_called_ended_when_its_renewal_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(provider_session, "answer", lambda *_: {})
    doctor.examine(world.account, "dev", Services(), renews=True, say=said.append)
    assert said == [
        f"Asking the function media-authenticator for the token of {name}; it renews one that has ended ..."
        for name in ("GoPro", "Google Drive")
    ]


def test_a_renewal_that_may_not_be_asked_for_says_nothing_of_how_the_token_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise refusal("AccessDeniedException", "Invoke")

    monkeypatch.setattr(provider_session, "answer", refused)
    found = of(examined(world, renews=True), "token gopro")
    assert found.outcome is Outcome.FAIL
    assert found.text.startswith(
        "The token of GoPro cannot be renewed from here: The AWS credentials may not do Invoke"
    )


@pytest.mark.parametrize(
    ("refresh_token", "expires_at", "outcome"),
    [(None, None, Outcome.FAIL), ("refresh", None, Outcome.NOTE), ("refresh", 1.0, Outcome.NOTE)],
)
def test_a_token_that_is_refused_fails_unless_the_next_run_renews_it(
    world: World, monkeypatch: pytest.MonkeyPatch, refresh_token: str | None, expires_at: float | None, outcome: Outcome
) -> None:
    def refuses(*_: object) -> Account:
        raise CredentialsRefusedError("The provider refuses the token.")

    def stored(_stack: Stack, _services: Services, provider: str) -> Credentials:
        return Credentials(provider, access_token="a", refresh_token=refresh_token, expires_at=expires_at)

    monkeypatch.setattr(doctor_tokens, "account_of", refuses)
    monkeypatch.setattr(doctor_tokens, "_stored", stored)
    found = of(examined(world), "token gopro")
    assert found.outcome is outcome
    assert found.fix == ("cloudsync connect gopro" if outcome is Outcome.FAIL else "")


def test_a_provider_that_does_not_answer_is_a_line_and_everything_else_is_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> Account:
        raise ConsoleError("No answer. Check the network.")

    monkeypatch.setattr(doctor_tokens, "account_of", silent)
    found = examined(world)
    assert failures(found) == ["token gopro", "token google_drive"]
    assert of(found, "token gopro").text == "No answer. Check the network." and of(found, "uploads")


DENIED = {
    "s3": [("list_object_versions", "permission s3:ListBucketVersions", "verify"), ("head_object",
           "permission s3:GetObject", "show"), ("get_bucket_encryption", "encryption", "doctor")],
    "logs": [("filter_log_events", "permission logs:FilterLogEvents", "show")],
    "lambda": [("get_function_configuration", "permission lambda:GetFunctionConfiguration", "plan")],
    "cloudwatch": [("get_metric_data", "permission cloudwatch:GetMetricData", "cost")],
    "stepfunctions": [("list_executions", "permission states:ListExecutions", "runs")],
    "sns": [("list_subscriptions_by_topic_pages", "mails", "doctor")],
    "scheduler": [("get_schedule", "schedule gopro", "status")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("service", "operation", "about", "verb"),
    [(service, *case) for service, cases in DENIED.items() for case in cases],
)
def test_a_permission_that_is_missing_is_named_with_the_verbs_that_need_it_and_the_policy_that_has_it(
    world: World, service: str, operation: str, about: str, verb: str
) -> None:
    world.answer(service, **{operation: refusal("AccessDeniedException", "TheOperation")})
    found = examined(world)
    one = of(found, about)
    assert one.outcome is Outcome.FAIL and "may not do TheOperation" in one.text
    assert verb in one.text.partition("Needed by: ")[2] and POLICY in one.fix
    assert ("permissions" in {f.about for f in found.findings if f.outcome is Outcome.PASS}) is (
        not about.startswith("permission ") and operation != "list_executions"
    )


def test_without_aws_credentials_nothing_further_is_looked_at(world: World) -> None:
    world.answer("sts", get_caller_identity=refusal("ExpiredToken", "GetCallerIdentity"))
    found = examined(world)
    assert (failures(found), len(found.findings), found.is_whole) == (["AWS credentials"], 1, False)
    assert world.scripted("s3").asked == []


def test_without_a_stack_nothing_further_is_looked_at(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: object) -> Stack:
        raise NotFoundError("There is no stack CloudSync-dev.")

    monkeypatch.setattr(Stack, "find", find)
    found = examined(world)
    assert (failures(found), found.is_whole, found.exit_code) == (["stack"], False, Exit.NOT_FOUND)


def test_nothing_is_changed_by_looking(world: World) -> None:
    before = world.aws.table.scan()["Items"]
    examined(world)
    assert world.aws.table.scan()["Items"] == before and world.started == []
    asked = {name for service in world.account.services.values() for name, _ in service.asked}
    assert not {name for name in asked if not name.startswith(("get_", "list_", "describe_", "head_", "filter_"))}


@pytest.fixture
def typed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The command as it is typed reaches this account."""
    for name in ("client", "table"):
        monkeypatch.setattr(AwsAccount, name, lambda _self, wanted, name=name: getattr(world.account, name)(wanted))
    monkeypatch.setattr(AwsAccount, "region", "eu-west-1")
    return world


def test_the_exit_code_says_whether_something_needs_the_owner(typed: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["doctor"]) == Exit.FINE
    printed = capsys.readouterr()
    assert "pass  versioning" in printed.out and printed.err.endswith("All is well.\n")
    assert "access-token-of-the-owner" not in printed.out + printed.err
    typed.answer("s3", get_bucket_versioning={})
    assert main.main(["doctor"]) == Exit.ATTENTION
    assert "fail  versioning" in capsys.readouterr().out
    typed.answer("sts", get_caller_identity=refusal("ExpiredToken", "GetCallerIdentity"))
    capsys.readouterr()
    assert main.main(["doctor"]) == Exit.CREDENTIALS
    assert "fail  AWS credentials" in capsys.readouterr().out


def test_json_is_one_object_with_every_line(typed: World, capsys: pytest.CaptureFixture[str]) -> None:
    typed.answer("s3", get_bucket_versioning={})
    assert main.main(["doctor", "--json"]) == Exit.ATTENTION
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["kind"], found["failures"], found["is_whole"]) == (1, "doctor", 1, True)
    (wrong,) = [one for one in found["findings"] if one["outcome"] == "fail"]
    assert set(wrong) == {"about", "outcome", "text", "fix"} and wrong["about"] == "versioning"
