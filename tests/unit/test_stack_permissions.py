"""The permissions of each role, written a second time: whoever adds or widens one has to change this file, too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.synthesis import ENVIRONMENTS, FUNCTIONS, INVOKED_BY_THE_STATE_MACHINE, Synthesis, Synthesised, as_list

READ_SECRET = {"secretsmanager:GetSecretValue"}
USE_KEY = {"kms:Decrypt", "kms:GenerateDataKey"}
WRITE_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
TRACE = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
RULE = (
    "arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:"
    "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
)
STATES = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>"

# By function, then by resource. Every function also writes its own log and its traces.
MAY = {
    "media-authenticator": {
        "<gopro/credentials>": READ_SECRET
        | {"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"},
        "<gopro-sync-tracker>": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
    },
    "archive-thawer": {
        "<gopro-sync-tracker>": {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"},
        "<archive>": {"s3:ListBucketVersions"},
        "<archive>/gopro/*": {"s3:RestoreObject"},
        "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:gopro-sync-restorer": {
            "states:SendTaskSuccess"
        },
        "<gopro-sync-alerts>": {"sns:Publish"},
    },
    "credentials-rotator": {
        "<gopro/credentials>": READ_SECRET
        | {"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"},
        "<gopro-sync-tracker>": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        "<gopro-sync-alerts>": {"sns:Publish"},
    },
    "media-lister": {
        "<gopro/credentials>": READ_SECRET,
        "<gopro-sync-tracker>": {
            "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"
        },
        "<work>/runs/*": {"s3:GetObject", "s3:PutObject"},
        f"{STATES}:execution:gopro-sync-orchestrator:*": {"states:DescribeExecution"},
    },
    "video-downloader": {
        "<gopro/credentials>": READ_SECRET,
        "<gopro-sync-tracker>": {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"},
        "<archive>": {"s3:ListBucket"},
        "<archive>/gopro/*": {"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObject"},
    },
    "failure-recorder": {
        "<gopro-sync-tracker>": {"dynamodb:UpdateItem"},
        "<gopro-sync-dlq>": {"sqs:SendMessage"},
    },
    "run-report": {
        "<gopro-sync-tracker>": {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"},
        "<gopro-sync-tracker>/index/not-archived": {"dynamodb:Query"},
        "<work>": {"s3:ListBucket"},
        "<work>/runs/*": {"s3:GetObject"},
        "<gopro-sync-alerts>": {"sns:Publish"},
    },
    "archive-reconciler": {
        "<gopro/credentials>": READ_SECRET,
        "<gopro-sync-tracker>": {
            "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"
        },
        "<archive>": {"s3:ListBucket"},
        "<archive>/gopro/*": {"s3:GetObject"},
        "<work>/runs/*": {"s3:GetObject", "s3:PutObject"},
        "<work>/certificates/*": {"s3:PutObject"},
        "<gopro-sync-alerts>": {"sns:Publish"},
    },
    "catalogue-writer": {
        "<gopro/credentials>": READ_SECRET,
        "<gopro-sync-tracker>": {
            "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"
        },
        "<archive>": {"s3:ListBucket"},
        "<archive>/gopro/*": {"s3:GetObject"},
        "<work>": {"s3:ListBucket"},
        "<work>/runs/*": {"s3:GetObject"},
        "<work>/catalogue/*": {"s3:GetObject", "s3:PutObject"},
        "<frame-maker>": {"lambda:InvokeFunction"},
    },
    "frame-maker": {},
}  # fmt: skip

# By function, then by partition key of the ledger: what it may do with those rows. A role that is taken over can
# neither hide a loss nor end a run, unless that is its work.
PROVIDER, RUNS, READ, ITEMS = "PROVIDER#gopro", "RUN#*", "READ#*", "gopro#*"
MAY_WITH_ROWS = {
    "archive-thawer": {row: {"GetItem", "Query", "UpdateItem"} for row in ("RESTORES", "RESTORE#*")},
    "media-authenticator": {PROVIDER: {"GetItem", "UpdateItem"}},
    "credentials-rotator": {PROVIDER: {"GetItem", "UpdateItem"}},
    "media-lister": {
        PROVIDER: {"GetItem", "UpdateItem"}, RUNS: {"UpdateItem"}, READ: {"UpdateItem"},
        ITEMS: {"BatchGetItem", "PutItem"},
    },
    "video-downloader": {
        PROVIDER: {"GetItem", "UpdateItem"}, RUNS: {"GetItem"}, READ: {"GetItem", "UpdateItem"},
        ITEMS: {"GetItem", "Query", "UpdateItem"},
    },
    "failure-recorder": {RUNS: {"UpdateItem"}, ITEMS: {"UpdateItem"}},
    "run-report": {
        PROVIDER: {"GetItem", "UpdateItem"}, RUNS: {"GetItem", "UpdateItem"}, READ: {"GetItem"},
        ITEMS: {"BatchGetItem"},
    },
    "archive-reconciler": {PROVIDER: {"GetItem", "UpdateItem"}, ITEMS: {"BatchGetItem", "Query"}},
    "catalogue-writer": {PROVIDER: {"GetItem", "UpdateItem"}, ITEMS: {"BatchGetItem", "Query"}},
    "frame-maker": {},
}  # fmt: skip

# With a key of the stack's own. AWS's key for S3 needs no permission: its policy allows whoever may use the bucket.
MAY_DECRYPT = {"catalogue-writer"}
MAY_USE_THE_KEY = {"archive-thawer", "credentials-rotator", "video-downloader", "run-report", "archive-reconciler"}

INTERFACE_ACTIONS = {
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
}  # fmt: skip
LOG_DELIVERY = {
    "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
}  # fmt: skip
MACHINE_TRACE = TRACE | {"xray:GetSamplingRules", "xray:GetSamplingTargets"}

each_environment = pytest.mark.parametrize("environment", ENVIRONMENTS)


@pytest.fixture
def stack(synthesis: Synthesis, environment: str) -> Synthesised:
    return synthesis.of(environment)


@pytest.fixture
def dev(synthesis: Synthesis) -> Synthesised:
    return synthesis.of("dev")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_role_allows_exactly_this(dev: Synthesised, name: str) -> None:
    expected = MAY[name] | {f"</aws/lambda/{name}>": WRITE_LOG, "*": TRACE}
    assert dev.policy_of(dev.function(name)["Role"]) == expected


@pytest.mark.parametrize(
    ("values", "compares"),
    [({}, False), ({"record_copies": "true"}, True), ({"providers": "gopro,dropbox"}, True)],
    ids=["one provider", "copies are wanted", "two providers"],
)
def test_which_object_has_which_content_is_known_to_those_who_look_for_copies_and_to_nobody_else(
    synthesis: Synthesis, values: dict[str, str], compares: bool
) -> None:
    stack = synthesis.of("dev", **values)
    found = {
        role["Ref"]: statement
        for policy in stack.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for role in policy["Properties"]["Roles"]
        if statement.get("Sid") == "CompareTheContents"
    }
    expected = ("video-downloader", "archive-reconciler") if compares else ()
    assert set(found) == {stack.function(name)["Role"]["Fn::GetAtt"][0] for name in expected}
    for statement in found.values():
        assert set(as_list(statement["Action"])) == {"dynamodb:Query", "dynamodb:UpdateItem"}
        assert as_list(statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]) == ["CONTENT#*"]


@each_environment
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_role_reaches_only_its_own_rows_of_the_ledger(stack: Synthesised, name: str) -> None:
    role = stack.function(name)["Role"]["Fn::GetAtt"][0]
    policies = [p["Properties"] for p in stack.resources("AWS::IAM::Policy").values()]
    statements = [
        s for p in policies if {"Ref": role} in p["Roles"] for s in p["PolicyDocument"]["Statement"]
        if any(action.startswith("dynamodb:") for action in as_list(s["Action"]))
    ]  # fmt: skip
    rows: dict[str, set[str]] = {}
    others = []
    for statement in statements:
        actions = {action.removeprefix("dynamodb:") for action in as_list(statement["Action"])}
        if "Condition" not in statement:
            others.append(actions)
            continue
        for keys in as_list(statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]):
            rows.setdefault(keys, set()).update(actions)
    assert rows == MAY_WITH_ROWS[name]
    # A Scan names no key, and an index has keys of its own.
    assert others == {"archive-reconciler": [{"Scan"}], "run-report": [{"Query"}]}.get(name, [])


@each_environment
def test_every_environment_allows_the_same_on_its_own_resources(synthesis: Synthesis, environment: str) -> None:
    dev, other = synthesis.of("dev"), synthesis.of(environment)
    suffix = other.config.name("")
    for name in FUNCTIONS:
        granted = other.policy_of(other.function(name)["Role"])
        if other.config.private_network:
            granted["*"] -= INTERFACE_ACTIONS
        of_key = USE_KEY if name in MAY_USE_THE_KEY else {"kms:Decrypt"} if name in MAY_DECRYPT else set()
        assert granted.pop("<key>", set()) == (of_key if other.config.customer_managed_key else set())
        plain = {_without(suffix, resource): actions for resource, actions in granted.items()}
        assert plain == dev.policy_of(dev.function(name)["Role"])


def _without(suffix: str, resource: str) -> str:
    return resource.replace(f"{suffix}>", ">").replace(f"{suffix}:*", ":*").removesuffix(suffix)


def test_the_state_machine_may_invoke_the_functions_read_manifests_and_run_its_child_executions(
    dev: Synthesised,
) -> None:
    machine = dev.machine
    assert dev.policy_of(machine["RoleArn"]) == {
        **{f"<{function}>": {"lambda:InvokeFunction"} for function in INVOKED_BY_THE_STATE_MACHINE},
        "<work>/runs/*": {
            "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"
        },
        f"{STATES}:stateMachine:gopro-sync-orchestrator": {"states:StartExecution"},
        **{
            f"{STATES}:execution:gopro-sync-orchestrator{label}:*": {
                "states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"
            }
            for label in ("", "/EachBatch")
        },
        RULE: {"events:PutTargets", "events:PutRule", "events:DescribeRule"},
        "*": LOG_DELIVERY | MACHINE_TRACE,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["gopro-sync-nightly", "gopro-sync-verification"])
def test_a_schedule_may_start_a_run_and_send_to_its_dead_letter_queue(dev: Synthesised, name: str) -> None:
    schedule = dev.named("AWS::Scheduler::Schedule", name)["Properties"]
    assert dev.policy_of(schedule["Target"]["RoleArn"]) == {
        "<gopro-sync-orchestrator>": {"states:StartExecution"},
        "<gopro-sync-schedule-dlq>": {"sqs:SendMessage"},
    }


@each_environment
def test_each_role_can_be_assumed_only_by_its_service(stack: Synthesised) -> None:
    services = []
    for role in stack.resources("AWS::IAM::Role").values():
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        services.append(statement["Principal"])
    expected = ["batchoperations.s3", *["lambda"] * len(FUNCTIONS), "scheduler", "states", "states"]
    expected += ["vpc-flow-logs"] * stack.config.private_network
    assert sorted(p["Service"] for p in services) == [f"{service}.amazonaws.com" for service in expected]


@each_environment
def test_no_role_has_a_managed_or_an_inline_policy(stack: Synthesised) -> None:
    for role in stack.resources("AWS::IAM::Role").values():
        assert set(role["Properties"]) <= {"AssumeRolePolicyDocument", "Tags"}
    policies = stack.resources("AWS::IAM::ManagedPolicy").values()  # the owner's, which no role of the stack has
    assert len(policies) == 3
    for policy in policies:
        assert not {"Roles", "Users", "Groups"} & {name for name, value in policy["Properties"].items() if value}


def allowed(stack: Synthesised) -> list[tuple[str, dict[str, Any]]]:
    statements = [(kind, statement) for kind, statement in stack.statements() if statement["Effect"] == "Allow"]
    assert len(statements) > 40  # so the search does find them
    return statements


@each_environment
def test_the_only_wildcard_action_is_that_of_the_account_on_its_key(stack: Synthesised) -> None:
    wild = [(kind, s) for kind, s in allowed(stack) if any("*" in action for action in as_list(s["Action"]))]
    assert len(wild) == stack.config.customer_managed_key
    for kind, statement in wild:
        assert (kind, statement["Action"]) == ("AWS::KMS::Key", "kms:*")
        assert stack.text(statement["Principal"]["AWS"]) == "arn:<AWS::Partition>:iam::<AWS::AccountId>:root"


@each_environment
def test_a_resource_is_a_bare_wildcard_only_where_the_service_accepts_no_other(stack: Synthesised) -> None:
    wild = [(kind, set(as_list(s["Action"]))) for kind, s in allowed(stack) if "*" in as_list(s.get("Resource", []))]
    exceptions = [
        *[("AWS::KMS::Key", {"kms:*"}), ("AWS::KMS::Key", USE_KEY)]  # in a key policy, * is this key
        * stack.config.customer_managed_key,
        *[("AWS::IAM::Policy", LOG_DELIVERY | MACHINE_TRACE)] * 2,
        ("AWS::IAM::ManagedPolicy", {"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"}),
        ("AWS::IAM::ManagedPolicy", {"s3:CreateJob"}),
        *[("AWS::IAM::Policy", TRACE)] * len(FUNCTIONS),
        *[("AWS::IAM::Policy", INTERFACE_ACTIONS)] * len(FUNCTIONS) * stack.config.private_network,
    ]
    assert in_order(wild) == in_order(exceptions)


def in_order(grants: list[tuple[str, set[str]]]) -> list[tuple[str, list[str]]]:
    return sorted((kind, sorted(actions)) for kind, actions in grants)


@each_environment
def test_nobody_outside_the_account_has_access(stack: Synthesised) -> None:
    """Resource policies allow only the account itself, CloudWatch alarms, CloudTrail and S3's log delivery."""
    principals = [s["Principal"] for kind, s in allowed(stack) if "Principal" in s and kind != "AWS::IAM::Role"]
    names = [p.get("Service") or stack.text(p["AWS"]) for p in principals]
    key = ["arn:<AWS::Partition>:iam::<AWS::AccountId>:root", "cloudwatch.amazonaws.com"]
    trail = ["cloudtrail.amazonaws.com"] * 2 * stack.config.audit_trail
    expected = ["cloudwatch.amazonaws.com", "logging.s3.amazonaws.com", *trail]
    assert sorted(names) == sorted([*expected, *key * stack.config.customer_managed_key])


@each_environment
def test_a_service_acts_for_this_account_only(stack: Synthesised) -> None:
    """Whoever may be asked by another account's resource has the number of this one as its condition. Lambda assumes a
    role only for a function of the account that the role is in, and names no account when it does."""
    services = [s for _, s in allowed(stack) if "Service" in s.get("Principal", {})]
    asked = [s for s in services if s["Principal"]["Service"] != "lambda.amazonaws.com"]
    assert len(asked) >= 4
    for statement in asked:
        equal = statement["Condition"]["StringEquals"]
        assert equal["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}, statement
    for permission in stack.resources("AWS::Lambda::Permission").values():
        assert permission["Properties"]["SourceAccount"] == {"Ref": "AWS::AccountId"}


@each_environment
def test_the_archive_refuses_every_write_over_an_object_and_every_key_of_the_writer(stack: Synthesised) -> None:
    policies = [p["Properties"] for p in stack.resources("AWS::S3::BucketPolicy").values()]
    (policy,) = (p for p in policies if p["Bucket"] == {"Ref": stack.buckets["archive"]})
    denied = {s["Sid"]: s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny" and "Sid" in s}
    for statement in denied.values():
        assert (statement["Action"], statement["Principal"]) == ("s3:PutObject", {"AWS": "*"})
        assert stack.text(statement["Resource"]) == "<archive>/*"
    assert {sid: s["Condition"] for sid, s in denied.items()} == {
        "NothingIsOverwritten": {
            "Null": {"s3:if-none-match": "true"},
            "Bool": {"s3:ObjectCreationOperation": "true"},
        },
        "NoKeyOfTheWriter": {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
    }


def test_only_the_lambda_service_and_not_a_functions_code_may_create_network_interfaces(synthesis: Synthesis) -> None:
    denied = [
        s for kind, s in synthesis.of("prod").statements() if s["Effect"] == "Deny" and kind == "AWS::IAM::Policy"
    ]
    assert len(denied) == len(FUNCTIONS)
    for statement in denied:
        assert set(statement["Action"]) == INTERFACE_ACTIONS
        (condition,) = statement["Condition"]["ArnEquals"].values()
        assert "lambda" in synthesis.of("prod").text(as_list(condition)[0])


@each_environment
def test_functions_can_use_the_key_only_through_s3_or_sns(stack: Synthesised) -> None:
    uses = [s for kind, s in allowed(stack) if kind == "AWS::IAM::Policy" and set(as_list(s["Action"])) == USE_KEY]
    via = [stack.text(name) for s in uses for name in as_list(s["Condition"]["StringEquals"]["kms:ViaService"])]
    expected = ["s3", "s3", "s3", "sns", "sns", "sns", "sns"] if stack.config.customer_managed_key else []
    assert sorted(name.split(".")[0] for name in via) == expected


@each_environment
def test_nothing_may_delete_an_archived_object_and_only_the_reconciler_and_the_owner_may_scan_the_ledger(
    stack: Synthesised,
) -> None:
    granted = {action for _, s in allowed(stack) for action in as_list(s["Action"])}
    scanning = [kind for kind, s in allowed(stack) if "dynamodb:Scan" in as_list(s["Action"])]
    assert sorted(scanning) == ["AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"]
    never = {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutLifecycleConfiguration"}
    never |= {"dynamodb:DeleteItem", "secretsmanager:DeleteSecret", "kms:ScheduleKeyDeletion"}
    assert not granted & never
    passing = [kind for kind, s in allowed(stack) if "iam:PassRole" in as_list(s["Action"])]
    assert passing == ["AWS::IAM::ManagedPolicy"]  # tests/unit/test_owner_policy.py: one role, to one service
    assert "s3:PutObject" in granted
