"""What the templates of the four environments promise about data, functions, the run and its alerts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from cloud_sync.config import LOG_RETENTION_DAYS
from cloud_sync.log_retention import retention
from tests.synthesis import ENVIRONMENTS, FUNCTIONS, Synthesis, Synthesised, as_list, new_app

REAL = ("dev", "staging", "prod")
DATA = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::KMS::Key")
TOLD_BY_THE_RUN = {"run-failed", "authentication-failed", "failure-rate"}
SUFFIX = {"dev": "", "staging": "-staging", "prod": "-prod", "local": ""}

each_environment = pytest.mark.parametrize("environment", ENVIRONMENTS)
each_function = pytest.mark.parametrize("name", FUNCTIONS)
each_bucket = pytest.mark.parametrize("bucket", ["archive", "work"])


@pytest.fixture
def stack(synthesis: Synthesis, environment: str) -> Synthesised:
    return synthesis.of(environment)


@pytest.fixture
def dev(synthesis: Synthesis) -> Synthesised:
    return synthesis.of("dev")


def rules(stack: Synthesised, bucket: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.bucket(bucket)["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in found)
    assert not any(key in rule for rule in found for key in ("Prefix", "TagFilters", "ObjectSizeGreaterThan"))
    return found


def transitions(stack: Synthesised, bucket: str) -> list[tuple[str, int]]:
    steps = [step for rule in rules(stack, bucket) for step in rule.get("Transitions", [])]
    return [(step["StorageClass"], step["TransitionInDays"]) for step in steps]


def test_the_stack_holds_two_buckets_one_table_one_secret_one_key_and_one_state_machine(dev: Synthesised) -> None:
    counts = {kind: len(dev.resources(kind)) for kind in (*DATA, "AWS::StepFunctions::StateMachine")}
    assert list(counts.values()) == [2, 1, 1, 1, 1]


@each_environment
def test_the_archive_is_encrypted_with_our_key_through_a_bucket_key(stack: Synthesised) -> None:
    (rule,) = stack.bucket("archive")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    default = rule["ServerSideEncryptionByDefault"]
    assert default["SSEAlgorithm"] == "aws:kms"
    assert stack.text(default["KMSMasterKeyID"]) == "<key>"
    assert rule["BucketKeyEnabled"] is True
    assert stack.only("AWS::KMS::Key")["Properties"]["EnableKeyRotation"] is True


@each_environment
def test_the_archive_keeps_versions_and_its_owner_owns_every_object(stack: Synthesised) -> None:
    archive = stack.bucket("archive")
    assert archive["VersioningConfiguration"] == {"Status": "Enabled"}
    assert archive["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


@each_environment
def test_the_archive_logs_its_accesses_into_the_work_bucket(stack: Synthesised) -> None:
    logging = stack.bucket("archive")["LoggingConfiguration"]
    assert stack.text(logging["DestinationBucketName"]) == "<work>"
    assert logging["LogFilePrefix"] == "access-logs/"


@each_environment
@each_bucket
def test_no_bucket_can_be_made_public(stack: Synthesised, bucket: str) -> None:
    assert stack.bucket(bucket)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }


@each_environment
@each_bucket
def test_buckets_refuse_plain_http_and_tls_older_than_1_2(stack: Synthesised, bucket: str) -> None:
    reference = {"Ref": stack.buckets[bucket]}
    (policy,) = (p for p in stack.resources("AWS::S3::BucketPolicy").values() if p["Properties"]["Bucket"] == reference)
    denied = [s for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
    assert [s["Condition"] for s in denied] == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"NumericLessThan": {"s3:TlsVersion": 1.2}},
    ]
    for statement in denied:
        assert statement["Action"] == "s3:*"
        assert statement["Principal"] == {"AWS": "*"}
        assert {stack.text(r) for r in statement["Resource"]} == {f"<{bucket}>", f"<{bucket}>/*"}


@pytest.mark.parametrize(("environment", "days"), [("dev", 7), ("staging", 7), ("prod", 1), ("local", 7)])
def test_originals_go_to_deep_archive_after_the_environments_days(stack: Synthesised, days: int) -> None:
    assert transitions(stack, "archive") == [("DEEP_ARCHIVE", days)]
    assert stack.function("video-downloader")["Environment"]["Variables"]["ARCHIVE_STORAGE_CLASS"] == "STANDARD"


def test_with_0_days_videos_are_uploaded_into_deep_archive_directly(synthesis: Synthesis) -> None:
    direct = synthesis.of("prod", deep_archive_after_days="0")
    assert transitions(direct, "archive") == [("DEEP_ARCHIVE", 0)]
    assert direct.function("video-downloader")["Environment"]["Variables"]["ARCHIVE_STORAGE_CLASS"] == "DEEP_ARCHIVE"


def test_a_step_through_instant_retrieval_that_pays_comes_before_deep_archive(synthesis: Synthesis) -> None:
    stepped = synthesis.of("prod", instant_retrieval_after_days="30", deep_archive_after_days="365")
    assert transitions(stepped, "archive") == [("GLACIER_IR", 30), ("DEEP_ARCHIVE", 365)]


@each_environment
def test_no_lifecycle_rule_ever_deletes_from_the_archive(stack: Synthesised) -> None:
    words = {key for rule in rules(stack, "archive") for key in rule}
    assert words == {"Id", "Status", "Transitions", "AbortIncompleteMultipartUpload"}


@each_environment
@each_bucket
def test_stray_uploads_are_aborted_after_a_week_which_no_resume_outlasts(stack: Synthesised, bucket: str) -> None:
    aborts = [
        r["AbortIncompleteMultipartUpload"] for r in rules(stack, bucket) if "AbortIncompleteMultipartUpload" in r
    ]
    assert aborts == [{"DaysAfterInitiation": 7}]


@each_environment
def test_the_work_bucket_stays_hot_and_expires(stack: Synthesised) -> None:
    assert transitions(stack, "work") == []
    assert [rule["ExpirationInDays"] for rule in rules(stack, "work")] == [90]


@each_environment
def test_the_ledger_is_on_demand_encrypted_and_restorable_to_any_second(stack: Synthesised) -> None:
    ledger = stack.only("AWS::DynamoDB::Table")["Properties"]
    assert ledger["BillingMode"] == "PAY_PER_REQUEST"
    assert ledger["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert ledger["SSESpecification"] == {"SSEEnabled": True}


@each_environment
def test_the_ledger_answers_what_is_not_archived_and_what_a_run_did_from_an_index(stack: Synthesised) -> None:
    ledger = stack.only("AWS::DynamoDB::Table")["Properties"]
    keys = {None: ledger["KeySchema"]} | {i["IndexName"]: i["KeySchema"] for i in ledger["GlobalSecondaryIndexes"]}
    assert {name: [part["AttributeName"] for part in schema] for name, schema in keys.items()} == {
        None: ["pk", "sk"],
        "not-archived": ["not_archived", "updated_at"],
        "by-run": ["run_id", "updated_at"],
    }


@each_environment
def test_the_secret_is_made_empty_so_that_no_template_holds_credentials(stack: Synthesised) -> None:
    secret = stack.only("AWS::SecretsManager::Secret")["Properties"]
    assert not {"SecretString", "GenerateSecretString"} & set(secret)


@pytest.mark.parametrize("environment", REAL)
def test_data_outlives_the_stack_everywhere_but_on_this_machine(stack: Synthesised) -> None:
    assert policies_of_data(stack) == {("Retain", "Retain")}
    assert stack.only("AWS::DynamoDB::Table")["Properties"]["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize("environment", ["local"])
def test_on_this_machine_data_goes_with_the_stack(stack: Synthesised) -> None:
    assert policies_of_data(stack) == {("Delete", "Delete")}
    assert stack.only("AWS::DynamoDB::Table")["Properties"]["DeletionProtectionEnabled"] is False


def policies_of_data(stack: Synthesised) -> set[tuple[str, str]]:
    data = [resource for kind in DATA for resource in stack.resources(kind).values()]
    return {(resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) for resource in data}


@each_environment
def test_only_prod_is_protected_against_deletion_of_the_stack(stack: Synthesised, environment: str) -> None:
    assert bool(stack.artifact.termination_protection) is (environment == "prod")


@each_environment
def test_names_are_plain_in_the_default_environment_and_suffixed_in_the_others(
    stack: Synthesised, environment: str
) -> None:
    suffix = SUFFIX[environment]
    assert stack.artifact.stack_name == f"CloudSync-{environment}"
    for kind, name in (
        ("AWS::DynamoDB::Table", "gopro-sync-tracker"),
        ("AWS::SNS::Topic", "gopro-sync-alerts"),
        ("AWS::CloudWatch::Dashboard", "GoPro-Sync-Operations"),
        ("AWS::SecretsManager::Secret", "gopro/credentials"),
        ("AWS::StepFunctions::StateMachine", "gopro-sync-orchestrator"),
        ("AWS::Scheduler::Schedule", "gopro-sync-nightly"),
        ("AWS::SQS::Queue", "gopro-sync-dlq"),
        ("AWS::SQS::Queue", "gopro-sync-schedule-dlq"),
        ("AWS::KMS::Alias", "alias/gopro-sync"),
        *(("AWS::Lambda::Function", function) for function in FUNCTIONS),
        *(("AWS::Logs::LogGroup", f"/aws/lambda/{function}") for function in FUNCTIONS),
        ("AWS::Logs::LogGroup", "/aws/states/gopro-sync-orchestrator"),
    ):
        assert stack.named(kind, name + suffix)["Type"] == kind


def test_two_environments_in_one_account_share_no_name(synthesis: Synthesis) -> None:
    given = [set(synthesis.of(e).labels.values()) for e in REAL]
    clashing = {name for one, other in ((0, 1), (0, 2), (1, 2)) for name in given[one] & given[other]}
    logical_ids = set(synthesis.of("dev").template["Resources"])
    assert clashing - logical_ids == {"archive", "work", "key"}  # the tests' own words for what the stack does not name


@each_environment
def test_every_log_group_is_kept_as_long_as_the_environment_says(stack: Synthesised, environment: str) -> None:
    days = {"dev": 30, "staging": 30, "prod": 90, "local": 1}[environment]
    groups = stack.resources("AWS::Logs::LogGroup").values()
    flows = stack.config.private_network
    assert [group["Properties"]["RetentionInDays"] for group in groups] == [days] * (len(FUNCTIONS) + 1 + flows)


def test_every_retention_that_is_offered_is_one_that_cloudwatch_logs_takes(dev: Synthesised, tmp_path: Path) -> None:
    probe = cdk.Stack(new_app(tmp_path), "Probe")
    for days in LOG_RETENTION_DAYS:
        logs.LogGroup(probe, f"Kept{days}", retention=retention(replace(dev.config, log_retention_days=days)))
    groups = Template.from_stack(probe).find_resources("AWS::Logs::LogGroup").values()
    assert [group["Properties"]["RetentionInDays"] for group in groups] == list(LOG_RETENTION_DAYS)


def test_the_construct_ids_of_the_functions_are_the_words_that_invoke_them(dev: Synthesised) -> None:
    functions = dev.stack.node.find_child("Functions")
    found = {child.node.id for child in functions.node.children if isinstance(child, lambda_.Function)}
    for_sam = {f["Metadata"]["SamResourceId"] for f in dev.resources("AWS::Lambda::Function").values()}
    words = {
        "MediaAuthenticator",
        "MediaLister",
        "VideoDownloader",
        "FailureRecorder",
        "RunReport",
        "ArchiveReconciler",
        "CredentialsRotator",
    }
    assert found == for_sam == words


@each_environment
@each_function
def test_functions_are_traced_and_log_as_their_name_says(stack: Synthesised, name: str) -> None:
    function = stack.function(name)
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert stack.text(function["LoggingConfig"]["LogGroup"]) == f"</aws/lambda/{stack.config.name(name)}>"


@each_environment
@each_function
def test_functions_run_on_the_configured_runtime_with_the_one_layer(stack: Synthesised, name: str) -> None:
    function = stack.function(name)
    (layer_id,) = stack.resources("AWS::Lambda::LayerVersion")
    layer = stack.only("AWS::Lambda::LayerVersion")["Properties"]
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert (layer["CompatibleRuntimes"], layer["CompatibleArchitectures"]) == (["python3.13"], ["arm64"])
    assert function["Layers"] == [{"Ref": layer_id}]
    assert function["Handler"] == "handler.handler"


def test_architecture_and_python_are_configuration_of_function_and_layer(synthesis: Synthesis) -> None:
    other = synthesis.of("dev", architecture="x86_64", python_version="3.13")
    layer = other.only("AWS::Lambda::LayerVersion")["Properties"]
    assert other.function("media-lister")["Architectures"] == layer["CompatibleArchitectures"] == ["x86_64"]


@each_environment
@pytest.mark.parametrize(
    ("name", "memory_mb", "seconds"),
    [
        ("media-authenticator", 256, 120),
        ("media-lister", 256, 900),
        ("video-downloader", 512, 900),
        ("failure-recorder", 256, 120),
        ("run-report", 256, 900),
        ("credentials-rotator", 256, 120),
    ],
)
def test_functions_have_their_memory_and_time(stack: Synthesised, name: str, memory_mb: int, seconds: int) -> None:
    function = stack.function(name)
    assert (function["MemorySize"], function["Timeout"]) == (memory_mb, seconds)


@each_environment
def test_no_function_sets_a_variable_that_lambda_reserves(stack: Synthesised) -> None:
    reserved = {"_HANDLER", "_X_AMZN_TRACE_ID", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "TZ", "PATH", "PYTHONPATH"}
    for name in FUNCTIONS:
        variables = set(stack.function(name)["Environment"]["Variables"])
        assert not variables & reserved
        assert not [variable for variable in variables if variable.startswith(("AWS_", "_"))]


@each_environment
def test_a_run_is_logged_whole_but_without_its_data_and_traced(stack: Synthesised, environment: str) -> None:
    machine = stack.only("AWS::StepFunctions::StateMachine")["Properties"]
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)
    (destination,) = logging["Destinations"]
    group = f"</aws/states/gopro-sync-orchestrator{SUFFIX[environment]}>"
    assert stack.text(destination["CloudWatchLogsLogGroup"]["LogGroupArn"]) == group
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine.get("StateMachineType", "STANDARD") == "STANDARD"


def test_as_many_videos_move_at_a_time_as_configured(synthesis: Synthesis) -> None:
    for overrides, expected in (({}, 3), ({"max_concurrency": "9"}, 9)):
        machine = synthesis.of("dev", **overrides).only("AWS::StepFunctions::StateMachine")["Properties"]
        assert json.loads(machine["DefinitionString"])["States"]["EachBatch"]["MaxConcurrency"] == expected


@each_environment
def test_a_run_of_gopro_starts_at_two_in_the_morning_in_paris(stack: Synthesised, environment: str) -> None:
    schedule = stack.only("AWS::Scheduler::Schedule")["Properties"]
    assert schedule["ScheduleExpression"] == "cron(0 2 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Paris"
    assert schedule["State"] == "ENABLED"
    assert json.loads(schedule["Target"]["Input"]) == {"provider": "gopro"}
    assert stack.text(schedule["Target"]["Arn"]) == f"<gopro-sync-orchestrator{SUFFIX[environment]}>"


@each_environment
def test_a_run_that_cannot_start_is_retried_for_two_hours_then_kept(stack: Synthesised, environment: str) -> None:
    target = stack.only("AWS::Scheduler::Schedule")["Properties"]["Target"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 7200, "MaximumRetryAttempts": 5}
    assert stack.text(target["DeadLetterConfig"]["Arn"]) == f"<gopro-sync-schedule-dlq{SUFFIX[environment]}>"


def test_the_schedule_can_be_moved_and_switched_off(synthesis: Synthesis) -> None:
    moved = synthesis.of("dev", schedule="rate(12 hours)", schedule_time_zone="UTC", schedule_enabled="false")
    schedule = moved.only("AWS::Scheduler::Schedule")["Properties"]
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == ("rate(12 hours)", "UTC")
    assert schedule["State"] == "DISABLED"


@each_environment
def test_alerts_are_encrypted_with_our_key_and_travel_over_tls_only(stack: Synthesised) -> None:
    assert stack.text(stack.only("AWS::SNS::Topic")["Properties"]["KmsMasterKeyId"]) == "<key>"
    statements = stack.only("AWS::SNS::TopicPolicy")["Properties"]["PolicyDocument"]["Statement"]
    (denied,) = (statement for statement in statements if statement["Effect"] == "Deny")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@each_environment
def test_alarms_may_publish_although_the_topic_has_a_policy_of_its_own(stack: Synthesised) -> None:
    statements = stack.only("AWS::SNS::TopicPolicy")["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = (statement for statement in statements if statement["Effect"] == "Allow")
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@each_environment
def test_queues_are_encrypted_refuse_plain_http_and_keep_two_weeks(stack: Synthesised) -> None:
    queues = stack.resources("AWS::SQS::Queue")
    policies = [p["Properties"] for p in stack.resources("AWS::SQS::QueuePolicy").values()]
    assert sorted(policy["Queues"][0]["Ref"] for policy in policies) == sorted(queues)
    for queue in queues.values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
    for policy in policies:
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Deny", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_alerts_are_mailed_to_the_configured_address_and_to_nobody_by_default(synthesis: Synthesis) -> None:
    assert synthesis.of("dev").resources("AWS::SNS::Subscription") == {}
    mailing = synthesis.of("dev", alert_email="owner@example.org").only("AWS::SNS::Subscription")["Properties"]
    assert (mailing["Protocol"], mailing["Endpoint"]) == ("email", "owner@example.org")


@each_environment
def test_every_alarm_tells_the_topic_and_says_what_to_do(stack: Synthesised, environment: str) -> None:
    alarms = {name: alarm for name, alarm in alarms_of(stack).items() if name not in TOLD_BY_THE_RUN}
    assert len(alarms) == 16
    for alarm in alarms.values():
        assert [stack.text(action) for action in alarm["AlarmActions"]] == [f"<gopro-sync-alerts{SUFFIX[environment]}>"]
        meaning, _, step = alarm["AlarmDescription"].partition(" Next step: ")
        assert len(meaning.split()) >= 8 and len(step.split()) >= 6


@each_environment
def test_what_the_mail_of_a_run_tells_is_an_alarm_that_sends_no_second_mail(stack: Synthesised) -> None:
    alarms = alarms_of(stack)
    for name in TOLD_BY_THE_RUN:
        assert "AlarmActions" not in alarms[name]
        assert any(word in alarms[name]["AlarmDescription"] for word in ("run's own mail", "Store credentials"))


@each_environment
def test_a_day_without_a_successful_run_is_an_alarm_even_when_nothing_is_measured_at_all(stack: Synthesised) -> None:
    alarm = alarms_of(stack)["no-successful-run"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Threshold"]) == ("CloudSync", "RunsSucceeded", 1)
    assert alarm["Period"] * alarm["EvaluationPeriods"] == alarm["Period"] * alarm["DatapointsToAlarm"] == 26 * 3600
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("LessThanThreshold", "breaching")


@each_environment
def test_only_the_dead_mans_switch_takes_silence_for_a_bad_sign(stack: Synthesised) -> None:
    alarms = alarms_of(stack)
    silent = {name for name, alarm in alarms.items() if alarm["TreatMissingData"] != "notBreaching"}
    assert silent == {"no-successful-run"}


def test_a_stack_that_is_not_scheduled_is_not_expected_to_run(synthesis: Synthesis) -> None:
    assert "no-successful-run" not in alarms_of(synthesis.of("dev", schedule_enabled="false"))


def alarms_of(stack: Synthesised) -> dict[str, dict[str, Any]]:
    """The alarms by the part of their name that is theirs."""
    alarms = [alarm["Properties"] for alarm in stack.resources("AWS::CloudWatch::Alarm").values()]
    suffix = stack.config.name("")
    assert all(a["AlarmName"].startswith("gopro-sync-") and a["AlarmName"].endswith(suffix) for a in alarms)
    return {a["AlarmName"].removeprefix("gopro-sync-").removesuffix(suffix): a for a in alarms}


@each_environment
def test_the_dashboard_asks_what_an_owner_asks_before_what_an_engineer_asks(stack: Synthesised) -> None:
    body = stack.text(stack.only("AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"])
    widgets = json.loads(body)["widgets"]
    headings = [w["properties"]["markdown"] for w in widgets if w["type"] == "text"]
    assert headings == [
        "## Did last night work, and how much is safe?",
        "## What failed, and why?",
        "## What does it cost?",
        "## For engineers",
    ]
    assert {w["type"] for w in widgets} == {"text", "metric", "alarm", "log"}
    rows: dict[int, int] = {}
    for widget in widgets:
        rows[widget["y"]] = rows.get(widget["y"], 0) + widget["width"]
    assert set(rows.values()) == {24}  # no row has a gap


@each_environment
def test_six_questions_are_saved_and_asked_of_the_log_groups_of_the_functions(
    stack: Synthesised, environment: str
) -> None:
    saved = {q["Properties"]["Name"]: q["Properties"] for q in stack.resources("AWS::Logs::QueryDefinition").values()}
    folder = f"cloud-sync{SUFFIX[environment]}/"
    assert {name.removeprefix(folder) for name in saved} == {
        "What happened to this clip", "Last night", "Slowest files", "Retries by cause", "Cost by run",
        "What failed, and why",
    }  # fmt: skip
    groups = {f"</aws/lambda/{stack.config.name(name)}>" for name in FUNCTIONS}
    assert {stack.text(g) for q in saved.values() for g in q["LogGroupNames"]} == groups


@each_environment
def test_everything_that_can_be_tagged_says_whose_it_is(stack: Synthesised, environment: str) -> None:
    for kind in ("AWS::S3::Bucket", "AWS::Lambda::Function", "AWS::DynamoDB::Table", "AWS::SNS::Topic"):
        for resource in stack.resources(kind).values():
            tags = {tag["Key"]: tag["Value"] for tag in as_list(resource["Properties"]["Tags"])}
            assert tags == {"application": "cloud-sync", "environment": environment}
