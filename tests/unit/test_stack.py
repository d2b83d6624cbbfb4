"""The templates of the four environments: data, functions, the run and its alerts."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template
from cloud_sync_common.provider_access.certificate import CERTIFICATES

from cloud_sync.config import LOG_RETENTION_DAYS
from cloud_sync.log_retention import retention
from console.main import VERBS
from tests.synthesis import ENVIRONMENTS, FUNCTIONS, ROOT, Synthesis, Synthesised, as_list, new_app

DEPLOYED = ("dev", "staging", "prod")
DATA = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::KMS::Key")
MAILED_BY_THE_RUN = {"run-failed", "restore-failed", "authentication-failed", "failure-rate"}
WITHOUT_A_KEY = ("dev", "staging", "local")
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
    limits = (
        ("TagFilters", "ObjectSizeGreaterThan")
        if bucket == "work"
        else ("Prefix", "TagFilters", "ObjectSizeGreaterThan")
    )
    assert not any(key in rule for rule in found for key in limits)
    return found


def transitions(stack: Synthesised, bucket: str) -> list[tuple[str, int]]:
    steps = [step for rule in rules(stack, bucket) for step in rule.get("Transitions", [])]
    return [(step["StorageClass"], step["TransitionInDays"]) for step in steps]


def test_the_stack_has_two_buckets_one_table_one_secret_and_two_state_machines(dev: Synthesised) -> None:
    counts = {kind: len(dev.resources(kind)) for kind in (*DATA, "AWS::StepFunctions::StateMachine")}
    assert list(counts.values()) == [2, 1, 1, 0, 2]


@each_environment
def test_the_archive_is_encrypted_with_kms_and_an_s3_bucket_key(stack: Synthesised) -> None:
    (rule,) = stack.bucket("archive")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert rule["BucketKeyEnabled"] is True


@pytest.mark.parametrize("environment", WITHOUT_A_KEY)
def test_without_a_key_of_its_own_nothing_of_the_stack_names_kms_but_the_archives_encryption(
    stack: Synthesised,
) -> None:
    assert stack.resources("AWS::KMS::Key") == stack.resources("AWS::KMS::Alias") == {}
    assert "kms:" not in json.dumps(stack.template).replace("aws:kms", "")
    assert "Kms" not in json.dumps(stack.template) and "KMSMasterKeyID" not in json.dumps(stack.template)


@pytest.mark.parametrize("environment", ["prod"])
def test_with_a_customer_managed_key_archive_and_alerts_are_encrypted_with_it(stack: Synthesised) -> None:
    (rule,) = stack.bucket("archive")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert stack.text(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]) == "<key>"
    assert stack.text(stack.only("AWS::SNS::Topic")["Properties"]["KmsMasterKeyId"]) == "<key>"
    assert stack.only("AWS::KMS::Key")["Properties"]["EnableKeyRotation"] is True
    assert stack.only("AWS::KMS::Alias")["Properties"]["AliasName"] == "alias/gopro-sync-prod"


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_a_key_can_be_switched_on_or_off_in_every_environment(synthesis: Synthesis, environment: str) -> None:
    for switched, expected in (("true", 1), ("false", 0)):
        stack = synthesis.of(environment, customer_managed_key=switched)
        assert len(stack.resources("AWS::KMS::Key")) == expected
        using = {kind for kind, s in stack.statements() if any("kms:" in action for action in as_list(s["Action"]))}
        assert using == ({"AWS::KMS::Key", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"} if expected else set())


@each_environment
def test_the_archive_is_versioned_and_the_bucket_owner_owns_every_object(stack: Synthesised) -> None:
    archive = stack.bucket("archive")
    assert archive["VersioningConfiguration"] == {"Status": "Enabled"}
    assert archive["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


@each_environment
def test_access_to_the_archive_is_logged_in_the_work_bucket(stack: Synthesised) -> None:
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
    refused = [s for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
    denied = [s for s in refused if s["Action"] == "s3:*"]
    assert [s["Condition"] for s in denied] == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"NumericLessThan": {"s3:TlsVersion": 1.2}},
    ]
    for statement in denied:
        assert statement["Principal"] == {"AWS": "*"}
        assert {stack.text(r) for r in statement["Resource"]} == {f"<{bucket}>", f"<{bucket}>/*"}


@pytest.mark.parametrize(("environment", "days"), [("dev", 7), ("staging", 7), ("prod", 1), ("local", 7)])
def test_originals_move_to_deep_archive_after_the_configured_days(stack: Synthesised, days: int) -> None:
    assert transitions(stack, "archive") == [("DEEP_ARCHIVE", days)]
    assert stack.function("video-downloader")["Environment"]["Variables"]["ARCHIVE_STORAGE_CLASS"] == "STANDARD"


def test_with_0_days_videos_are_uploaded_directly_into_deep_archive(synthesis: Synthesis) -> None:
    direct = synthesis.of("prod", deep_archive_after_days="0")
    assert transitions(direct, "archive") == [("DEEP_ARCHIVE", 0)]
    assert direct.function("video-downloader")["Environment"]["Variables"]["ARCHIVE_STORAGE_CLASS"] == "DEEP_ARCHIVE"


def test_a_transition_to_instant_retrieval_comes_before_the_one_to_deep_archive(synthesis: Synthesis) -> None:
    stepped = synthesis.of("prod", instant_retrieval_after_days="30", deep_archive_after_days="365")
    assert transitions(stepped, "archive") == [("GLACIER_IR", 30), ("DEEP_ARCHIVE", 365)]


@each_environment
def test_no_lifecycle_rule_deletes_from_the_archive(stack: Synthesised) -> None:
    words = {key for rule in rules(stack, "archive") for key in rule}
    moves = {"Transitions", "NoncurrentVersionTransitions"}
    assert words == {"Id", "Status", "AbortIncompleteMultipartUpload"} | moves


@pytest.mark.parametrize(
    "values",
    [{}, {"deep_archive_after_days": "0"}, {"instant_retrieval_after_days": "30", "deep_archive_after_days": "365"}],
)
def test_older_versions_of_an_original_move_to_the_same_tiers_as_the_current_one(
    synthesis: Synthesis, values: dict[str, str]
) -> None:
    stack = synthesis.of("prod", **values)
    steps = [step for rule in rules(stack, "archive") for step in rule.get("NoncurrentVersionTransitions", [])]
    assert [(step["StorageClass"], step["TransitionInDays"]) for step in steps] == transitions(stack, "archive")


@each_environment
def test_a_versioned_bucket_that_expires_anything_also_deletes_older_versions_and_their_markers(
    stack: Synthesised,
) -> None:
    """S3 does not accept the removal of delete markers in a rule that has an expiration in days."""
    buckets = [bucket["Properties"] for bucket in stack.resources("AWS::S3::Bucket").values()]
    versioned = [b for b in buckets if b.get("VersioningConfiguration") == {"Status": "Enabled"}]
    assert len(versioned) == (2 if stack.config.audit_trail else 1)
    for bucket in versioned:
        found = bucket["LifecycleConfiguration"]["Rules"]
        current = [r for r in found if "ExpirationInDays" in r]
        assert bool(current) is (bucket != stack.bucket("archive"))
        for rule in current:
            assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] > 0
            assert any(other.get("ExpiredObjectDeleteMarker") is True for other in found if other is not rule)
            assert "ExpiredObjectDeleteMarker" not in rule


@each_environment
@each_bucket
def test_unfinished_uploads_are_aborted_after_a_week(stack: Synthesised, bucket: str) -> None:
    aborts = [
        r["AbortIncompleteMultipartUpload"] for r in rules(stack, bucket) if "AbortIncompleteMultipartUpload" in r
    ]
    assert aborts == [{"DaysAfterInitiation": 7}]


@each_environment
def test_objects_in_the_work_bucket_stay_in_standard_and_expire_but_for_certificates(stack: Synthesised) -> None:
    assert transitions(stack, "work") == []
    expiring = {r["Prefix"]: r["ExpirationInDays"] for r in rules(stack, "work") if "ExpirationInDays" in r}
    assert expiring == {"runs/": 90, "access-logs/": 90}
    assert not any(CERTIFICATES.startswith(prefix) for prefix in expiring)


@each_environment
def test_the_ledger_is_on_demand_encrypted_and_has_point_in_time_recovery(stack: Synthesised) -> None:
    ledger = stack.only("AWS::DynamoDB::Table")["Properties"]
    assert ledger["BillingMode"] == "PAY_PER_REQUEST"
    assert ledger["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert ledger["SSESpecification"] == {"SSEEnabled": True}


@each_environment
def test_the_ledger_has_one_index_of_what_is_not_archived(stack: Synthesised) -> None:
    ledger = stack.only("AWS::DynamoDB::Table")["Properties"]
    keys = {None: ledger["KeySchema"]} | {i["IndexName"]: i["KeySchema"] for i in ledger["GlobalSecondaryIndexes"]}
    assert {name: [part["AttributeName"] for part in schema] for name, schema in keys.items()} == {
        None: ["pk", "sk"],
        "not-archived": ["not_archived", "updated_at"],
    }


@each_environment
def test_the_secret_is_created_empty_so_that_no_template_contains_credentials(stack: Synthesised) -> None:
    secret = stack.only("AWS::SecretsManager::Secret")["Properties"]
    assert not {"SecretString", "GenerateSecretString"} & set(secret)


@pytest.mark.parametrize("environment", DEPLOYED)
def test_data_is_retained_when_a_stack_in_aws_is_deleted(stack: Synthesised) -> None:
    assert policies_of_data(stack) == {("RetainExceptOnCreate", "Retain")}


@each_environment
def test_nothing_that_a_failed_creation_made_survives_its_rollback(stack: Synthesised) -> None:
    """Otherwise its name, or the next attempt's, would be taken: the table, the secret, a log group, a queue."""
    policies = {resource.get("DeletionPolicy", "Delete") for resource in stack.template["Resources"].values()}
    assert policies <= {"Delete", "RetainExceptOnCreate"}


@pytest.mark.parametrize("environment", DEPLOYED)
def test_the_ledger_is_protected_from_deletion_exactly_when_the_stack_is(
    synthesis: Synthesis, environment: str
) -> None:
    """A rollback cannot delete a protected table, so no environment has protection at its first deployment."""
    for protected in (True, False):
        stack = synthesis.of(environment, termination_protection=str(protected).lower())
        assert stack.only("AWS::DynamoDB::Table")["Properties"]["DeletionProtectionEnabled"] is protected
        assert bool(stack.artifact.termination_protection) is protected


@pytest.mark.parametrize("environment", DEPLOYED)
def test_with_retain_data_false_every_bucket_is_emptied_before_it_is_deleted(
    synthesis: Synthesis, environment: str
) -> None:
    stack = synthesis.of(environment, retain_data="false")
    emptied = {r["Properties"]["BucketName"]["Ref"] for r in stack.resources("Custom::S3AutoDeleteObjects").values()}
    assert emptied == set(stack.resources("AWS::S3::Bucket"))
    assert {resource.get("DeletionPolicy", "Delete") for resource in stack.template["Resources"].values()} == {"Delete"}


def test_a_trail_ends_before_its_bucket_is_emptied(synthesis: Synthesis) -> None:
    stack = synthesis.of("prod", retain_data="false")
    emptying = set(stack.resources("Custom::S3AutoDeleteObjects"))
    assert len(emptying & set(stack.only("AWS::CloudTrail::Trail")["DependsOn"])) == 1


@each_environment
def test_nothing_empties_a_bucket_of_an_environment_that_retains_its_data_or_is_local(stack: Synthesised) -> None:
    assert stack.resources("Custom::S3AutoDeleteObjects") == {}
    assert len(stack.resources("AWS::Lambda::Function")) == len(FUNCTIONS)


@pytest.mark.parametrize("environment", ["local"])
def test_data_of_the_local_deployment_is_deleted_with_its_stack(stack: Synthesised) -> None:
    assert policies_of_data(stack) == {("Delete", "Delete")}
    assert stack.only("AWS::DynamoDB::Table")["Properties"]["DeletionProtectionEnabled"] is False


def policies_of_data(stack: Synthesised) -> set[tuple[str, str]]:
    data = [resource for kind in DATA for resource in stack.resources(kind).values()]
    return {(resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) for resource in data}


@each_environment
def test_a_first_deployment_has_no_termination_protection(stack: Synthesised) -> None:
    assert not stack.artifact.termination_protection


@each_environment
def test_names_have_no_suffix_in_dev_and_the_environments_suffix_in_the_others(
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
        ("AWS::StepFunctions::StateMachine", "gopro-sync-restorer"),
        ("AWS::Scheduler::Schedule", "gopro-sync-nightly"),
        ("AWS::Scheduler::Schedule", "gopro-sync-verification"),
        ("AWS::SQS::Queue", "gopro-sync-dlq"),
        ("AWS::SQS::Queue", "gopro-sync-schedule-dlq"),
        *([("AWS::KMS::Alias", "alias/gopro-sync")] if stack.config.customer_managed_key else []),
        *(("AWS::Lambda::Function", function) for function in FUNCTIONS),
        *(("AWS::Logs::LogGroup", f"/aws/lambda/{function}") for function in FUNCTIONS),
        ("AWS::Logs::LogGroup", "/aws/states/gopro-sync-orchestrator"),
    ):
        assert stack.named(kind, name + suffix)["Type"] == kind


def test_two_environments_in_one_account_share_no_name(synthesis: Synthesis) -> None:
    names = [set(synthesis.of(e).labels.values()) for e in DEPLOYED]
    clashing = {name for one, other in ((0, 1), (0, 2), (1, 2)) for name in names[one] & names[other]}
    logical_ids = set(synthesis.of("dev").template["Resources"])
    assert clashing - logical_ids == {"archive", "work"}  # labels of the tests for resources without a name


@each_environment
def test_every_log_group_has_the_retention_of_its_environment(stack: Synthesised, environment: str) -> None:
    days = {"dev": 30, "staging": 30, "prod": 90, "local": 1}[environment]
    groups = stack.resources("AWS::Logs::LogGroup").values()
    flows = stack.config.private_network
    assert [group["Properties"]["RetentionInDays"] for group in groups] == [days] * (len(FUNCTIONS) + 2 + flows)


def test_cloudwatch_logs_accepts_every_retention_that_can_be_configured(dev: Synthesised, tmp_path: Path) -> None:
    probe = cdk.Stack(new_app(tmp_path), "Probe")
    for days in LOG_RETENTION_DAYS:
        logs.LogGroup(probe, f"Kept{days}", retention=retention(replace(dev.config, log_retention_days=days)))
    groups = Template.from_stack(probe).find_resources("AWS::Logs::LogGroup").values()
    assert [group["Properties"]["RetentionInDays"] for group in groups] == list(LOG_RETENTION_DAYS)


def test_the_construct_ids_of_the_functions_are_their_names_for_sam(dev: Synthesised) -> None:
    functions = dev.stack.node.find_child("Functions")
    found = {child.node.id for child in functions.node.children if isinstance(child, lambda_.Function)}
    for_sam = {f["Metadata"]["SamResourceId"] for f in dev.resources("AWS::Lambda::Function").values()}
    expected = {
        "MediaAuthenticator",
        "MediaLister",
        "VideoDownloader",
        "FailureRecorder",
        "RunReport",
        "ArchiveReconciler",
        "CatalogueWriter",
        "FrameMaker",
        "ArchiveThawer",
        "CredentialsRotator",
    }
    assert found == for_sam == expected


@each_environment
@each_function
def test_functions_are_traced_and_each_writes_to_the_log_group_of_its_name(stack: Synthesised, name: str) -> None:
    function = stack.function(name)
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert stack.text(function["LoggingConfig"]["LogGroup"]) == f"</aws/lambda/{stack.config.name(name)}>"


@each_environment
@each_function
def test_functions_run_on_the_configured_runtime_with_the_layer(stack: Synthesised, name: str) -> None:
    function = stack.function(name)
    common, of_frames = stack.resources("AWS::Lambda::LayerVersion")
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    for layer in (one["Properties"] for one in stack.resources("AWS::Lambda::LayerVersion").values()):
        assert (layer["CompatibleRuntimes"], layer["CompatibleArchitectures"]) == (["python3.13"], ["arm64"])
    assert function["Layers"] == [{"Ref": common}, *([{"Ref": of_frames}] if name == "frame-maker" else [])]
    assert function["Handler"] == "handler.handler"


def test_a_configured_architecture_applies_to_functions_and_layer(synthesis: Synthesis) -> None:
    other = synthesis.of("dev", architecture="x86_64", python_version="3.13")
    layers = [layer["Properties"] for layer in other.resources("AWS::Lambda::LayerVersion").values()]
    of_layers = [layer["CompatibleArchitectures"] for layer in layers]
    assert of_layers == [["x86_64"]] * 2 and other.function("media-lister")["Architectures"] == ["x86_64"]


def test_without_frames_no_function_decodes_pictures_and_none_has_their_layer(synthesis: Synthesis) -> None:
    plain = synthesis.of("dev", catalogue_frames="false")
    names = {one["Properties"]["FunctionName"] for one in plain.resources("AWS::Lambda::Function").values()}
    assert names == set(FUNCTIONS) - {"frame-maker"}
    assert len(plain.resources("AWS::Lambda::LayerVersion")) == 1


@each_environment
@pytest.mark.parametrize(
    ("name", "memory_mb", "seconds"),
    [
        ("media-authenticator", 256, 120),
        ("media-lister", 768, 900),
        ("video-downloader", 512, 900),
        ("failure-recorder", 256, 120),
        ("run-report", 256, 900),
        ("credentials-rotator", 256, 120),
        ("frame-maker", 1024, 30),
    ],
)
def test_functions_have_the_configured_memory_and_timeout(
    stack: Synthesised, name: str, memory_mb: int, seconds: int
) -> None:
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
def test_a_run_is_traced_and_every_event_is_logged_without_its_data(stack: Synthesised, environment: str) -> None:
    machine = stack.machine
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)
    (destination,) = logging["Destinations"]
    group = f"</aws/states/gopro-sync-orchestrator{SUFFIX[environment]}>"
    assert stack.text(destination["CloudWatchLogsLogGroup"]["LogGroupArn"]) == group
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine.get("StateMachineType", "STANDARD") == "STANDARD"


def test_the_map_runs_as_many_children_at_once_as_configured(synthesis: Synthesis) -> None:
    for overrides, expected in (({}, 3), ({"max_concurrency": "9"}, 9)):
        machine = synthesis.of("dev", **overrides).machine
        assert json.loads(machine["DefinitionString"])["States"]["EachBatch"]["MaxConcurrency"] == expected


@each_environment
def test_a_run_for_gopro_starts_at_two_in_the_morning_in_paris(stack: Synthesised, environment: str) -> None:
    schedule = schedule_of(stack)
    assert schedule["ScheduleExpression"] == "cron(0 2 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Etc/GMT-1"
    assert schedule["State"] == "ENABLED"
    assert json.loads(schedule["Target"]["Input"]) == {"provider": "gopro"}
    assert stack.text(schedule["Target"]["Arn"]) == f"<gopro-sync-orchestrator{SUFFIX[environment]}>"


@each_environment
def test_a_start_that_fails_is_retried_for_two_hours_and_then_goes_to_the_dead_letter_queue(
    stack: Synthesised, environment: str
) -> None:
    for name in ("nightly", "verification"):
        target = schedule_of(stack, name)["Target"]
        assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 7200, "MaximumRetryAttempts": 5}
        assert stack.text(target["DeadLetterConfig"]["Arn"]) == f"<gopro-sync-schedule-dlq{SUFFIX[environment]}>"


@each_environment
def test_each_month_gopro_is_verified_at_two_in_the_afternoon(stack: Synthesised, environment: str) -> None:
    schedule = schedule_of(stack, "verification")
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == (
        "cron(0 14 1 * ? *)", "Etc/GMT-1",
    )  # fmt: skip
    assert schedule["State"] == "ENABLED"
    assert json.loads(schedule["Target"]["Input"]) == {"provider": "gopro", "mode": "reconcile"}
    assert stack.text(schedule["Target"]["Arn"]) == f"<gopro-sync-orchestrator{SUFFIX[environment]}>"


def test_without_verify_monthly_there_is_one_schedule(synthesis: Synthesis) -> None:
    stack = synthesis.of("dev", verify_monthly="false")
    assert stack.only("AWS::Scheduler::Schedule")["Properties"]["Name"] == "gopro-sync-nightly"


def test_the_schedule_can_be_changed_and_disabled(synthesis: Synthesis) -> None:
    moved = synthesis.of("dev", schedule="rate(12 hours)", schedule_time_zone="UTC", schedule_enabled="false")
    schedule = schedule_of(moved)
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == ("rate(12 hours)", "UTC")
    assert schedule["State"] == schedule_of(moved, "verification")["State"] == "DISABLED"
    assert schedule_of(moved, "verification")["ScheduleExpression"] == "cron(0 14 1 * ? *)"


@each_environment
def test_alerts_are_accepted_only_over_tls(stack: Synthesised) -> None:
    statements = stack.only("AWS::SNS::TopicPolicy")["Properties"]["PolicyDocument"]["Statement"]
    (denied,) = (statement for statement in statements if statement["Effect"] == "Deny")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@each_environment
def test_the_policy_of_the_topic_allows_alarms_to_publish(stack: Synthesised) -> None:
    statements = stack.only("AWS::SNS::TopicPolicy")["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = (statement for statement in statements if statement["Effect"] == "Allow")
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@each_environment
def test_queues_are_encrypted_refuse_plain_http_and_keep_messages_for_two_weeks(stack: Synthesised) -> None:
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


def test_alerts_are_mailed_to_the_configured_address_and_with_none_to_nobody(synthesis: Synthesis) -> None:
    assert synthesis.of("dev").resources("AWS::SNS::Subscription") == {}
    mailing = synthesis.of("dev", alert_email="owner@example.org").only("AWS::SNS::Subscription")["Properties"]
    assert (mailing["Protocol"], mailing["Endpoint"]) == ("email", "owner@example.org")


@each_environment
def test_every_alarm_notifies_the_topic_and_names_the_next_step(stack: Synthesised, environment: str) -> None:
    alarms = {name: alarm for name, alarm in alarms_of(stack).items() if name not in MAILED_BY_THE_RUN}
    assert len(alarms) == (20 if environment == "prod" else 9)
    for alarm in alarms.values():
        assert [stack.text(action) for action in alarm["AlarmActions"]] == [f"<gopro-sync-alerts{SUFFIX[environment]}>"]
        meaning, _, step = alarm["AlarmDescription"].partition(" Next step: ")
        assert len(meaning.split()) >= 8 and len(step.split()) >= 6


@each_environment
def test_a_day_that_costs_much_and_a_run_that_takes_long_are_told_by_mail(stack: Synthesised, environment: str) -> None:
    cost, duration = (alarms_of(stack)[name] for name in ("run-cost", "run-duration"))
    usd = 35 if environment == "prod" else 5
    assert (cost["MetricName"], cost["Statistic"], cost["Period"], cost["Threshold"]) == ("RunCost", "Sum", 86_400, usd)
    assert (duration["Namespace"], duration["MetricName"], duration["Statistic"]) == (
        "AWS/States", "ExecutionTime", "Maximum",
    )  # fmt: skip
    assert duration["Threshold"] == 24 * 3600 * 1000
    assert all(alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold" for alarm in (cost, duration))
    assert all("AlarmActions" in alarm for alarm in (cost, duration))


@each_environment
def test_an_alarm_for_what_the_mail_of_a_run_reports_sends_no_second_mail(stack: Synthesised) -> None:
    alarms = alarms_of(stack)
    assert MAILED_BY_THE_RUN & alarms.keys() == (
        MAILED_BY_THE_RUN if stack.config.detailed_monitoring else {"run-failed"}
    )
    for name in MAILED_BY_THE_RUN & alarms.keys():
        assert "AlarmActions" not in alarms[name]
        said = ("the mail of that run", "read its mail", "cloudsync connect")
        assert any(word in alarms[name]["AlarmDescription"] for word in said)


@each_environment
def test_a_command_in_the_mail_of_an_alarm_is_a_verb_and_is_for_this_environment(
    stack: Synthesised, environment: str
) -> None:
    mails = " ".join(alarm["AlarmDescription"] for alarm in alarms_of(stack).values())
    commands = [command.split() for command in re.findall("`cloudsync ([^`]+)`", mails)]
    named = {command[0] for command in commands}
    assert named == {"connect", "failures", "restore", "retry", "run", "status"} <= VERBS.keys()
    named = [] if environment == "dev" else ["-e", environment]
    assert all(command[-2:] == named if named else "-e" not in command for command in commands)


@each_environment
def test_a_day_and_12_hours_without_a_successful_run_raise_an_alarm_even_without_any_data(stack: Synthesised) -> None:
    alarm = alarms_of(stack)["no-successful-run"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Threshold"]) == ("CloudSync", "RunsSucceeded", 1)
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3600, 36, 36)
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("LessThanThreshold", "breaching")
    assert "in the last 36 hours" in alarm["AlarmDescription"]
    assert "or a run has been copying for longer" in alarm["AlarmDescription"]


@pytest.mark.parametrize(
    ("schedule", "time_zone", "hours"),
    [
        ("rate(5 minutes)", "UTC", 13),
        ("rate(12 hours)", "UTC", 24),
        ("cron(0 3 * * ? *)", "Europe/Paris", 37),
        ("cron(0 2 ? * MON-FRI *)", "UTC", 84),
        ("rate(6 days)", "UTC", 156),
        ("rate(156 hours)", "UTC", 168),
    ],
)
def test_the_alarm_for_missing_runs_looks_back_over_the_longest_pause_of_the_schedule_and_12_hours(
    synthesis: Synthesis, schedule: str, time_zone: str, hours: int
) -> None:
    stack = synthesis.of("dev", schedule=schedule, schedule_time_zone=time_zone)
    alarm = alarms_of(stack)["no-successful-run"]
    assert (alarm["MetricName"], alarm["Period"], alarm["EvaluationPeriods"]) == ("RunsSucceeded", 3600, hours)
    assert not any("watch" in name for name in stack.labels.values())


@pytest.mark.parametrize(
    ("schedule", "hours"),
    [
        ("rate(157 hours)", 169),
        ("rate(7 days)", 180),
        ("cron(0 2 ? * SUN *)", 180),
        ("cron(0 2 1 * ? *)", 756),
        ("cron(0 2 1 1 ? *)", 366 * 24 + 12),
    ],
)
def test_a_schedule_that_pauses_for_longer_than_cloudwatch_looks_back_is_watched_by_a_second_one(
    synthesis: Synthesis, schedule: str, hours: int
) -> None:
    stack = synthesis.of("staging", schedule=schedule)
    alarm = alarms_of(stack)["no-successful-run"]
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == ("HoursSinceSuccess", "Minimum", hours)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (3600, 26, "breaching")
    watch = stack.named("AWS::Scheduler::Schedule", "gopro-sync-watch-staging")["Properties"]
    assert (watch["ScheduleExpression"], watch["State"]) == ("rate(12 hours)", "ENABLED")
    assert stack.text(watch["Target"]["Arn"]) == "<run-report-staging>"
    assert json.loads(watch["Target"]["Input"]) == json.loads((ROOT / "events" / "watch_event.json").read_text())
    assert stack.policy_of(watch["Target"]["RoleArn"]) == {"<run-report-staging>": {"lambda:InvokeFunction"}}


@pytest.mark.parametrize("schedule", ["rate(5 minutes)", "cron(0 2 * * ? *)", "rate(156 hours)", "rate(30 days)"])
def test_no_alarm_looks_back_for_longer_than_cloudwatch_allows(synthesis: Synthesis, schedule: str) -> None:
    """PutMetricAlarm: 7 days with periods of an hour and longer, a day with shorter ones."""
    for alarm in alarms_of(synthesis.of("dev", schedule=schedule)).values():
        limit = 604_800 if alarm["Period"] >= 3600 else 86_400
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= limit


@each_environment
def test_missing_data_raises_only_the_alarm_for_no_successful_run(stack: Synthesised) -> None:
    alarms = alarms_of(stack)
    breaching = {name for name, alarm in alarms.items() if alarm["TreatMissingData"] != "notBreaching"}
    assert breaching == {"no-successful-run"}


@pytest.mark.parametrize("schedule", ["cron(0 2 * * ? *)", "rate(30 days)"])
def test_without_a_schedule_there_is_no_alarm_for_no_successful_run_and_no_watch(
    synthesis: Synthesis, schedule: str
) -> None:
    stack = synthesis.of("dev", schedule=schedule, schedule_enabled="false")
    assert "no-successful-run" not in alarms_of(stack)
    assert not any("watch" in name for name in stack.labels.values())


def schedule_of(stack: Synthesised, kind: str = "nightly") -> dict[str, Any]:
    """The schedule of GoPro's runs, or that of its verifications."""
    name = f"gopro-sync-{kind}{SUFFIX[stack.config.environment]}"
    found: dict[str, Any] = stack.named("AWS::Scheduler::Schedule", name)["Properties"]
    return found


def alarms_of(stack: Synthesised) -> dict[str, dict[str, Any]]:
    """The alarms by their names, without the common prefix and the suffix of the environment."""
    alarms = [alarm["Properties"] for alarm in stack.resources("AWS::CloudWatch::Alarm").values()]
    suffix = stack.config.name("")
    assert all(a["AlarmName"].startswith("gopro-sync-") and a["AlarmName"].endswith(suffix) for a in alarms)
    return {a["AlarmName"].removeprefix("gopro-sync-").removesuffix(suffix): a for a in alarms}


@each_environment
def test_the_dashboard_has_the_questions_of_an_owner_before_those_of_an_engineer(stack: Synthesised) -> None:
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
def test_nine_saved_queries_read_the_log_groups_of_the_functions(stack: Synthesised, environment: str) -> None:
    saved = {q["Properties"]["Name"]: q["Properties"] for q in stack.resources("AWS::Logs::QueryDefinition").values()}
    folder = f"cloud-sync{SUFFIX[environment]}/"
    assert {name.removeprefix(folder) for name in saved} == {
        "What happened to this clip", "Last night", "Slowest files", "Retries by cause", "Cost by run",
        "What failed, and why", "Failures by cause", "Speed of each run", "Age of the credentials",
    }  # fmt: skip
    groups = {f"</aws/lambda/{stack.config.name(name)}>" for name in FUNCTIONS}
    assert {stack.text(g) for q in saved.values() for g in q["LogGroupNames"]} == groups


@each_environment
def test_resources_are_tagged_with_application_and_environment(stack: Synthesised, environment: str) -> None:
    for kind in ("AWS::S3::Bucket", "AWS::Lambda::Function", "AWS::DynamoDB::Table", "AWS::SNS::Topic"):
        for resource in stack.resources(kind).values():
            tags = {tag["Key"]: tag["Value"] for tag in as_list(resource["Properties"]["Tags"])}
            assert tags == {"application": "cloud-sync", "environment": environment}
