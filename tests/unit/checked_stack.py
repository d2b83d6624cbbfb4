"""A sound stack in moto's account, for the tests of aws_check; whatever moto lacks is answered here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest
from moto import mock_aws

from aws_check.stack import Resource, Stack

REGION, ACCOUNT = "us-east-1", "123456789012"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:gopro-sync-orchestrator"
ROLE, LAYER = f"arn:aws:iam::{ACCOUNT}:role/downloader-role", f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:common:1"
ARCHIVE, TABLE, QUEUE, LOG, SECRET = (
    "archive",
    "ledger",
    "gopro-sync-schedule-dlq",
    "/aws/lambda/x",
    "gopro/credentials",
)
NEEDED = {
    "Effect": "Allow",
    "Action": ["s3:GetObject"],
    "Resource": "arn:aws:s3:::archive/gopro/*",
    "Condition": {"StringEquals": {"kms:ViaService": ["s3.us-east-1.amazonaws.com"]}},
}
RULE = {"Id": "Tiers", "Status": "Enabled", "Transitions": [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 7}]}
TIMES = {"ScheduleExpression": "cron(0 2 * * ? *)", "ScheduleExpressionTimezone": "Etc/GMT-1", "State": "ENABLED"}
SCHEDULE: dict[str, Any] = {**TIMES, "Target": {"DeadLetterConfig": {}}}
WATCH: dict[str, Any] = {**TIMES, "Target": {}}  # an environment with a long pause has this one, too
PRIVATE = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
FUNCTION: dict[str, Any] = {
    "Role": ROLE,
    "State": "Active",
    "LastUpdateStatus": "Successful",
    "TracingConfig": {"Mode": "Active"},
    "Architectures": ["arm64"],
    "Runtime": "python3.13",
}
STATE_MACHINE: dict[str, Any] = {
    "roleArn": ROLE,
    "status": "ACTIVE",
    "definition": json.dumps({"States": {"EachBatch": {"MaxConcurrency": 3}}}),
    "loggingConfiguration": {"level": "ALL", "destinations": [{}]},
    "tracingConfiguration": {"enabled": True},
}


@dataclass
class CheckedStack:
    """The stack, and what its endpoint answers itself instead of moto."""

    stack: Stack
    answers: dict[str, Any] = field(default_factory=dict)

    def answer(self, service: str, operation: str, answer: Any, error: str = "") -> None:
        """From now on the operation answers this value, or what this function of its request returns, or an error."""
        events = self.stack.client(service).meta.events
        events.register_first("before-call", self._answer, unique_id="answers of the test")
        self.answers[operation] = {"Error": {"Code": error, "Message": ""}} if error else answer

    def _answer(self, model: Any, params: dict[str, Any], **_: object) -> tuple[object, object] | None:
        if model.name not in self.answers:
            return None
        self.stack.calls[model.service_model.service_name, model.name] += 1  # no other handler sees this request
        answer = self.answers[model.name]
        parsed = answer(params) if callable(answer) else answer
        return SimpleNamespace(status_code=400 if "Error" in parsed else 200), parsed

    def simulate(self, allowed: Callable[[str, str], bool], **details: Any) -> None:
        """IAM's simulation allows an action on a resource if `allowed` says so."""

        def judge(params: dict[str, Any]) -> dict[str, Any]:
            body = params["body"] if isinstance(params["body"], dict) else dict(parse_qsl(params["body"]))
            actions = [value for name, value in body.items() if name.startswith("ActionNames.")]
            results = [
                {
                    "EvalActionName": action,
                    "EvalResourceName": body["ResourceArns.member.1"],
                    "EvalDecision": "allowed" if allowed(action, body["ResourceArns.member.1"]) else "implicitDeny",
                    **details,
                }
                for action in actions
            ]
            return {"EvaluationResults": results}

        self.answer("iam", "SimulatePrincipalPolicy", judge)

    def put_policy(self, *statements: dict[str, Any]) -> None:
        """The role's one policy."""
        self.stack.client("iam").put_role_policy(
            RoleName="downloader-role",
            PolicyName="p",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}),
        )


@cache
def _session() -> boto3.Session:
    """Made once, because it keeps what it has read of botocore's models; it has no state of an account."""
    return boto3.Session("in-process", "in-process", region_name=REGION)


@contextmanager
def sound_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[CheckedStack]:
    """A stack with a key of its own, whose checks pass but for those of S3's checksums, which moto does not compare."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        session = _session()
        topic = session.client("sns").create_topic(Name="alerts")["TopicArn"]
        key = session.client("kms").create_key()["KeyMetadata"]["KeyId"]
        names = {"ArchiveBucket": ARCHIVE, "WorkBucket": ARCHIVE, "LedgerTable": TABLE, "CredentialsSecret": SECRET}
        stack = Stack(session, "dev", {**names, "StateMachineArn": MACHINE, "AlertsTopicArn": topic}, _resources(key))
        stack.patience_seconds = stack.rotation_seconds = 0.01
        checked = CheckedStack(stack)
        _fill_storage(stack, key)
        _fill_alerts(stack, topic, key)
        _fill_the_rest(checked)
        yield checked


def _resources(key: str) -> list[Resource]:
    policy = {"Roles": [{"Ref": "Role"}], "PolicyDocument": {"Statement": [NEEDED]}}
    return [
        Resource("Archive", "AWS::S3::Bucket", ARCHIVE, {"LifecycleConfiguration": {"Rules": [RULE]}}),
        Resource("Function", "AWS::Lambda::Function", "video-downloader", {"Layers": [LAYER]}),
        Resource("EmptiesBuckets", "AWS::Lambda::Function", "a function of the CDK"),
        Resource("Role", "AWS::IAM::Role", "downloader-role"),
        Resource("Policy", "AWS::IAM::Policy", "p", policy),
        Resource("Layer", "AWS::Lambda::LayerVersion", LAYER),
        Resource("Log", "AWS::Logs::LogGroup", LOG, {"RetentionInDays": 30}),
        Resource("Schedule", "AWS::Scheduler::Schedule", "nightly", SCHEDULE),
        Resource("Watch", "AWS::Scheduler::Schedule", "watch", WATCH),
        Resource("Alarm", "AWS::CloudWatch::Alarm", "gopro-sync-dead-letters"),
        Resource("Key", "AWS::KMS::Key", key),
        Resource("Subscription", "AWS::SNS::Subscription", "x"),
        Resource("Rotation", "AWS::SecretsManager::RotationSchedule", "x"),
    ]


def _fill_storage(stack: Stack, key: str) -> None:
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=ARCHIVE)
    s3.put_bucket_versioning(Bucket=ARCHIVE, VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(Bucket=ARCHIVE, PublicAccessBlockConfiguration=PRIVATE)
    moved = [{"Days": 7, "StorageClass": "DEEP_ARCHIVE"}]
    rule = {"ID": "Tiers", "Status": "Enabled", "Filter": {"Prefix": ""}, "Transitions": moved}
    s3.put_bucket_lifecycle_configuration(Bucket=ARCHIVE, LifecycleConfiguration={"Rules": [rule]})
    used = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": stack.arn("kms", f"key/{key}")}
    encryption = {"ApplyServerSideEncryptionByDefault": used, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=ARCHIVE, ServerSideEncryptionConfiguration={"Rules": [encryption]})
    dynamodb = stack.client("dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )
    dynamodb.update_continuous_backups(
        TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def _fill_alerts(stack: Stack, topic: str, key: str) -> None:
    sns = stack.client("sns")
    sns.set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="owner@example.org")
    stack.client("cloudwatch").put_metric_alarm(
        AlarmName="gopro-sync-dead-letters",
        Namespace="n",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[topic],
    )


def _fill_the_rest(checked: CheckedStack) -> None:
    stack = checked.stack
    stack.client("secretsmanager").create_secret(Name=SECRET, SecretString="s")
    described = stack.client("secretsmanager").describe_secret(SecretId=SECRET)
    rotation = {"RotationEnabled": True, "RotationLambdaARN": stack.arn("lambda", "function:credentials-rotator")}
    checked.answer("secretsmanager", "DescribeSecret", {**described, **rotation})
    alarm = json.dumps({"AlarmName": "gopro-sync-dead-letters", "NewStateValue": "ALARM"})
    publish = partial(stack.client("sns").publish, TopicArn=stack.outputs["AlertsTopicArn"], Message=alarm)
    checked.answer("cloudwatch", "SetAlarmState", lambda _: publish())
    stack.client("iam").create_role(RoleName="downloader-role", AssumeRolePolicyDocument="{}")
    checked.put_policy(NEEDED)
    checked.simulate(lambda action, resource: action == "s3:GetObject" and "/gopro/" in resource)
    stack.client("logs").create_log_group(logGroupName=LOG)
    stack.client("logs").put_retention_policy(logGroupName=LOG, retentionInDays=30)
    queue = stack.arn("sqs", QUEUE)
    stack.client("sqs").create_queue(QueueName=QUEUE)
    target = {"Arn": MACHINE, "RoleArn": ROLE, "DeadLetterConfig": {"Arn": queue}}
    checked.answer("scheduler", "GetSchedule", {**SCHEDULE, "Target": target})
    checked.answer("stepfunctions", "DescribeStateMachine", STATE_MACHINE)
    checked.answer("lambda", "GetFunctionConfiguration", FUNCTION)
    layer = {"CompatibleArchitectures": ["arm64"], "CompatibleRuntimes": ["python3.13"]}
    checked.answer("lambda", "GetLayerVersionByArn", layer)
    checked.answer("lambda", "Invoke", {"StatusCode": 204})
    checked.answer("lambda", "GetAccountSettings", {"AccountLimit": {"UnreservedConcurrentExecutions": 10}})
    checked.answer("s3", "GetBucketPolicyStatus", {"PolicyStatus": {"IsPublic": False}})
