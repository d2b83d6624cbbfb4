"""CloudSyncOwner, written a second time: what a person may do with it, and on which resources."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.synthesis import ENVIRONMENTS, Synthesis, Synthesised, as_list

MOST_CHARACTERS = 6_144  # of a managed policy, without white space (IAM user guide, "IAM and AWS STS quotas")
LONGEST = 110  # characters that a reference to a resource becomes: an ARN with the longest name
LONGEST_BUCKET = len("arn:aws-us-gov:s3:::") + 63  # S3 user guide, "General purpose bucket naming rules"
SPARE = 100  # for a name of an environment of 20 characters instead of `prod`, six times
TELLING = (  # of an item
    "media-lister", "video-downloader", "failure-recorder", "run-report", "archive-reconciler", "catalogue-writer",
)  # fmt: skip
HERE = "<AWS::Region>:<AWS::AccountId>"
MAY: dict[str, set[str]] = {
    f"arn:<AWS::Partition>:cloudformation:{HERE}:stack/CloudSync-dev/*": {
        "cloudformation:DescribeStacks", "cloudformation:ListStackResources", "cloudformation:GetTemplate"
    },
    f"arn:<AWS::Partition>:scheduler:{HERE}:schedule/default/gopro-sync-nightly": {"scheduler:GetSchedule"},
    "*": {"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"},
    **{f"</aws/lambda/{name}>": {"logs:FilterLogEvents"} for name in TELLING},
    "<gopro-sync-orchestrator>": {"states:ListExecutions", "states:StartExecution"},
    f"arn:<AWS::Partition>:states:{HERE}:execution:gopro-sync-orchestrator:*": {"states:DescribeExecution"},
    "<gopro/credentials>": {
        "secretsmanager:DescribeSecret", "secretsmanager:ListSecretVersionIds", "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
    },
    "<video-downloader>": {"lambda:GetFunctionConfiguration"},
    "<media-authenticator>": {"lambda:InvokeFunction"},
    "<gopro-sync-tracker>": {
        "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    },
    "<gopro-sync-tracker>/index/not-archived": {"dynamodb:Query"},
    "<archive>": {
        "s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:GetLifecycleConfiguration",
        "s3:GetEncryptionConfiguration", "s3:GetBucketVersioning",
    },
    "<archive>/gopro/*": {"s3:GetObject", "s3:GetObjectVersion", "s3:ListMultipartUploadParts"},
    "<work>": {"s3:ListBucket"},
    "<work>/runs/*": {"s3:GetObject"},
    "<work>/c*": {"s3:GetObject", "s3:PutObject"},  # certificates/ and catalogue/
    "<gopro-sync-dlq>": {
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"
    },
    "<gopro-sync-alerts>": {"sns:ListSubscriptionsByTopic"},
}  # fmt: skip

each_environment = pytest.mark.parametrize("environment", ENVIRONMENTS)


def policy_of(stack: Synthesised, name: str = "CloudSyncOwner") -> tuple[str, dict[str, Any]]:
    """The policy of that name, with its id in the template."""
    suffix = "" if stack.config.environment in ("dev", "local") else f"-{stack.config.environment}"
    ((key, properties),) = (
        (key, policy["Properties"]) for key, policy in stack.resources("AWS::IAM::ManagedPolicy").items()
        if policy["Properties"]["ManagedPolicyName"] == f"{name}{suffix}"
    )  # fmt: skip
    return key, properties


def statements(stack: Synthesised, name: str = "CloudSyncOwner") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = policy_of(stack, name)[1]["PolicyDocument"]["Statement"]
    return found


def granted(stack: Synthesised, name: str = "CloudSyncOwner") -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for statement in statements(stack, name):
        for resource in as_list(statement["Resource"]):
            found.setdefault(stack.text(resource), set()).update(as_list(statement["Action"]))
    return found


def test_the_owner_may_do_exactly_this(synthesis: Synthesis) -> None:
    assert granted(synthesis.of("dev")) == MAY


@each_environment
@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("CloudSyncOwner", "OwnerPolicyArn"),
        ("CloudSyncRestorer", "RestorerPolicyArn"),
        ("CloudSyncVerifier", "VerifierPolicyArn"),
    ],
)
def test_each_policy_is_named_after_its_environment_and_is_an_output(
    synthesis: Synthesis, environment: str, name: str, output: str
) -> None:
    stack = synthesis.of(environment)
    key, _ = policy_of(stack, name)
    assert stack.template["Outputs"][output]["Value"] == {"Ref": key}
    assert len(stack.resources("AWS::IAM::ManagedPolicy")) == 3


def test_with_the_restorers_policy_one_starts_and_cancels_restores_and_writes_their_rows_and_no_other(
    synthesis: Synthesis,
) -> None:
    stack = synthesis.of("dev")
    machine = f"arn:<AWS::Partition>:states:{HERE}"
    assert granted(stack, "CloudSyncRestorer") == {
        f"{machine}:stateMachine:gopro-sync-restorer": {"states:StartExecution"},
        f"{machine}:execution:gopro-sync-restorer:*": {"states:DescribeExecution", "states:StopExecution"},
        "<gopro-sync-tracker>": {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem"},
    }
    (writing,) = [s for s in statements(stack, "CloudSyncRestorer") if "Condition" in s]
    assert writing["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["RESTORES", "RESTORE#*"]}}


def checksum_role(stack: Synthesised) -> dict[str, Any]:
    """A reference to the role that a job of S3 Batch Operations gets."""
    reference: dict[str, Any] = stack.template["Outputs"]["ChecksumRoleArn"]["Value"]
    return reference


def test_with_the_verifiers_policy_one_starts_and_sees_jobs_that_get_this_role_and_no_other(
    synthesis: Synthesis,
) -> None:
    stack = synthesis.of("dev")
    assert granted(stack, "CloudSyncVerifier") == {
        "*": {"s3:CreateJob"},
        f"arn:<AWS::Partition>:s3:{HERE}:job/*": {"s3:DescribeJob"},
        stack.text(checksum_role(stack)): {"iam:PassRole"},
    }
    (passing,) = [s for s in statements(stack, "CloudSyncVerifier") if s["Action"] == "iam:PassRole"]
    assert passing["Resource"] == checksum_role(stack)
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "batchoperations.s3.amazonaws.com"}}


@each_environment
def test_a_job_reads_archived_objects_and_its_manifest_and_writes_its_report(
    synthesis: Synthesis, environment: str
) -> None:
    stack = synthesis.of(environment)
    expected: dict[str, set[str]] = {
        **{f"<archive>/{provider.prefix}*": {"s3:GetObject", "s3:GetObjectVersion"}
           for provider in stack.config.backed_up},
        "<work>/certificates/deep/*": {"s3:GetObject", "s3:PutObject"},
    }  # fmt: skip
    if stack.config.customer_managed_key:
        expected["<key>"] = {"kms:Decrypt"}
    assert stack.policy_of(checksum_role(stack)) == expected


@each_environment
def test_the_owner_writes_rows_of_providers_and_settings_only(synthesis: Synthesis, environment: str) -> None:
    stack = synthesis.of(environment)
    writing = [s for s in statements(stack) if "dynamodb:PutItem" in as_list(s["Action"])]
    (statement,) = writing
    keys = as_list(statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
    assert set(keys) == {
        f"{kind}#{provider.id}" for provider in stack.config.backed_up for kind in ("PROVIDER", "SETTINGS")
    }


def test_with_several_providers_each_has_its_secret_schedule_prefix_and_rows(synthesis: Synthesis) -> None:
    found = granted(synthesis.of("dev", providers="gopro,dropbox"))
    added = {resource for resource in found if "dropbox" in resource}
    schedule = f"arn:<AWS::Partition>:scheduler:{HERE}:schedule/default/gopro-sync-nightly-dropbox"
    assert added == {"<dropbox/credentials>", schedule, "<archive>/dropbox/*"}


@each_environment
def test_a_key_of_the_stack_is_used_through_s3_only_and_to_read(synthesis: Synthesis, environment: str) -> None:
    stack = synthesis.of(environment)
    both = [*statements(stack), *(s for kind, s in stack.statements() if kind == "AWS::IAM::Policy")]
    of_key = [s for s in both if as_list(s["Action"]) == ["kms:Decrypt"]]
    # The owner, a job of S3 Batch Operations, and catalogue-writer.
    assert len(of_key) == 3 * stack.config.customer_managed_key
    for statement in of_key:
        assert as_list(statement["Action"]) == ["kms:Decrypt"]
        via = stack.text(statement["Condition"]["StringEquals"]["kms:ViaService"])
        assert via == "s3.<AWS::Region>.<AWS::URLSuffix>"


def test_each_statement_has_a_name_of_its_own(synthesis: Synthesis) -> None:
    names = [statement["Sid"] for statement in statements(synthesis.of("prod"))]
    assert len(set(names)) == len(names) == len([name for name in names if name.isalnum()])


def test_with_every_provider_it_is_within_the_size_that_iam_accepts(synthesis: Synthesis) -> None:
    """A reference becomes an ARN, or a part of one; here each is as long as the longest."""
    stack = synthesis.of("prod", providers="gopro,google_drive,dropbox")
    document = policy_of(stack)[1]["PolicyDocument"]
    assert len(json.dumps(_resolved(stack, document), separators=(",", ":"))) <= MOST_CHARACTERS - SPARE


def _resolved(stack: Synthesised, value: Any) -> Any:
    match value:
        case {"Ref": name} if name.startswith("AWS::"):
            return "a" * 14  # a region, an account, a partition, a suffix
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return "a" * (LONGEST_BUCKET if name in stack.buckets.values() else LONGEST)
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_resolved(stack, part) for part in parts)
        case dict():
            return {name: _resolved(stack, one) for name, one in value.items()}
        case list():
            return [_resolved(stack, one) for one in value]
    return value
