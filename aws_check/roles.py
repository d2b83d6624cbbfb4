"""The roles, as IAM itself judges them: the policy simulator knows each policy of a role, its permissions boundary and
the service control policies of the organization (IAM API reference, SimulatePrincipalPolicy)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from aws_check.outcome import Check, require
from aws_check.stack import OWN_NAME, Stack

STATE_MACHINE, SCHEDULE = "the state machine", "the schedule"
READS_THE_SECRET = {
    "media-authenticator", "media-lister", "video-downloader", "archive-reconciler", "credentials-rotator",
    "catalogue-writer",
}  # fmt: skip
WRITES_THE_SECRET = {"media-authenticator", "credentials-rotator"}
SENDS_MAILS = {"run-report", "archive-reconciler", "archive-thawer", "credentials-rotator", "restore-prover"}

type RoleOf = Callable[[Stack], str]


def checks(stack: Stack) -> list[Check]:
    """Two checks for each role that the stack gives to a function, to the state machine and to the schedule."""
    roles: dict[str, RoleOf] = {
        stack.base_name(function.physical_id): partial(_role_of_function, name=function.physical_id)
        for function in stack.functions
    }
    roles |= {STATE_MACHINE: _role_of_the_state_machine, SCHEDULE: _role_of_the_schedule}
    return [check for label, role_of in roles.items() for check in _checks_of(label, role_of)]


def _checks_of(label: str, role_of: RoleOf) -> Iterator[Check]:
    yield Check(
        f"role of {label}: what it needs",
        "IAM allows each action of each statement of the role on its resource",
        "deploy again. If a policy of the organization or a permissions boundary refuses it, ask who manages the "
        "account to allow this action",
        lambda stack: allows_what_it_needs(stack, role_of(stack)),
        only_aws="the emulator's simulation ignores conditions such as kms:ViaService",
    )
    yield Check(
        f"role of {label}: nothing else",
        "the role's policies are the template's, and IAM refuses what could lose an original, the credentials or the "
        "account",
        "somebody changed this role by hand: undo that (CloudFormation's drift detection shows it), or deploy again",
        lambda stack: refuses_the_rest(stack, label, role_of(stack)),
    )


def _role_of_function(stack: Stack, name: str) -> str:
    role: str = stack.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    return role


def _role_of_the_state_machine(stack: Stack) -> str:
    arn = stack.outputs["StateMachineArn"]
    role: str = stack.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["roleArn"]
    return role


def _role_of_the_schedule(stack: Stack) -> str:
    role: str = stack.client("scheduler").get_schedule(Name=stack.starts_of_runs[0].physical_id)["Target"]["RoleArn"]
    return role


def allows_what_it_needs(stack: Stack, role: str) -> str:
    """Simulates each statement of the role. Raises CheckFailed for a refused action."""
    count = 0
    for statement in _statements(stack, role):
        if statement["Effect"] == "Allow":
            for resource in _listed(statement["Resource"]):
                for values in _contexts(statement):
                    decisions = _simulate(stack, role, _listed(statement["Action"]), resource, values)
                    for decision in decisions:
                        require(decision["EvalDecision"] == "allowed", _refusal(decision))
                    count += len(decisions)
    return f"{count} simulated actions are allowed"


def refuses_the_rest(stack: Stack, label: str, role: str) -> str:
    """Raises CheckFailed for a policy that the template does not have, an action that it has and the role lacks, and
    an action of `forbidden` that IAM would allow."""
    attached = stack.client("iam").list_attached_role_policies(RoleName=_name_of(role))["AttachedPolicies"]
    require(not attached, f"these policies are attached by hand: {', '.join(p['PolicyName'] for p in attached)}")
    difference = _actions(_statements(stack, role)) ^ _actions(_statements_of_the_template(stack, role))
    require(not difference, f"role and template differ in: {', '.join(sorted(difference))}")
    count = 0
    for resource, actions in forbidden(stack, label):
        for decision in _simulate(stack, role, actions, resource, {}):
            allowed = decision["EvalDecision"] == "allowed"
            require(not allowed, f"{decision['EvalActionName']} on {decision['EvalResourceName']} is allowed")
            count += 1
    return f"{count} simulated actions are refused"


def forbidden(stack: Stack, label: str) -> list[tuple[str, list[str]]]:
    """(resource, actions) that the role of `label` must be refused."""
    archive = stack.bucket_arn(stack.outputs["ArchiveBucket"])
    table = stack.arn("dynamodb", f"table/{stack.outputs['LedgerTable']}")
    key = stack.one("AWS::KMS::Key")
    machine = stack.outputs["StateMachineArn"]
    may_write, invokes = label == "video-downloader", label == STATE_MACHINE
    reads, writes, sends = (label in names for names in (READS_THE_SECRET, WRITES_THE_SECRET, SENDS_MAILS))
    starts = label in (STATE_MACHINE, SCHEDULE)
    objects = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:PutObjectRetention"]
    secret = ["secretsmanager:DeleteSecret", "secretsmanager:PutResourcePolicy"]
    return [
        *(
            (f"{archive}/{provider}/{OWN_NAME}", [*objects, *([] if may_write else ["s3:PutObject"])])
            for provider in stack.providers
        ),
        (f"{archive}/{OWN_NAME}", ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"]),
        (archive, ["s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutLifecycleConfiguration", "s3:PutBucketVersioning"]),
        (table, ["dynamodb:DeleteItem", "dynamodb:DeleteTable"]),
        *(
            (
                arn,
                [
                    *secret,
                    *([] if reads else ["secretsmanager:GetSecretValue"]),
                    *([] if writes else ["secretsmanager:PutSecretValue"]),
                ],
            )
            for arn in stack.secret_arns
        ),
        (stack.arn("secretsmanager", f"secret:{OWN_NAME}-abcdef"), ["secretsmanager:GetSecretValue"]),
        (stack.arn("kms", f"key/{key.physical_id if key else OWN_NAME}"), ["kms:Decrypt", "kms:ScheduleKeyDeletion"]),
        *([] if sends else [(stack.outputs["AlertsTopicArn"], ["sns:Publish"])]),
        *([] if starts else [(machine, ["states:StartExecution"])]),
        *([] if invokes else [(stack.arn("lambda", f"function:{OWN_NAME}"), ["lambda:InvokeFunction"])]),
        ("*", ["iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:CreateAccessKey", "sts:AssumeRole"]),
    ]


def _statements(stack: Stack, role: str) -> Iterator[dict[str, Any]]:
    """The statements of the role's own policies, as IAM has them."""
    iam, name = stack.client("iam"), _name_of(role)
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        yield from (json.loads(document) if isinstance(document, str) else document)["Statement"]


def _statements_of_the_template(stack: Stack, role: str) -> Iterator[dict[str, Any]]:
    logical_id = stack.named(_name_of(role)).logical_id
    for policy in stack.of_kind("AWS::IAM::Policy"):
        if {"Ref": logical_id} in policy.properties["Roles"]:
            yield from policy.properties["PolicyDocument"]["Statement"]


def _actions(statements: Any) -> set[str]:
    """Each action with its effect."""
    return {f"{s['Effect']} {action}" for s in statements for action in _listed(s["Action"])}


def _simulate(
    stack: Stack, role: str, actions: list[str], resource: str, context: dict[str, str]
) -> list[dict[str, Any]]:
    """IAM's decisions. A wildcard in the resource stands for one name that it matches."""
    arguments = {
        "PolicySourceArn": role,
        "ResourceArns": [_one_of(resource)],
        "ContextEntries": [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in context.items()
        ],
    }
    try:
        answer = stack.client("iam").simulate_principal_policy(ActionNames=actions, **arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidInput" or len(actions) == 1:
            raise
        # IAM does not judge every mixture of actions in one request; it judges each of them alone.
        return [one for action in actions for one in _simulate(stack, role, [action], resource, context)]
    decisions: list[dict[str, Any]] = answer["EvaluationResults"]
    require(len(decisions) == len(actions), f"IAM judged {len(decisions)} of {len(actions)} actions")
    return decisions


def _one_of(resource: str) -> str:
    """One ARN that the pattern of a statement matches; `*` alone stays, as IAM's simulation takes it."""
    name = f"log-stream:{OWN_NAME}" if ":log-group:" in resource else OWN_NAME
    return resource if resource == "*" else resource.replace("*", name)


def _contexts(statement: dict[str, Any]) -> list[dict[str, str]]:
    """The contexts in which the statement's condition holds: one for each value that it allows."""
    equal = statement.get("Condition", {}).get("StringEquals", {})
    return [{key: value} for key, values in equal.items() for value in _listed(values)] or [{}]


def _refusal(decision: dict[str, Any]) -> str:
    organization = decision.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True)
    boundary = decision.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True)
    by = "a service control policy of the organization" if not organization else "the role's own policies"
    by = "its permissions boundary" if not boundary else by
    return f"{decision['EvalActionName']} on {decision['EvalResourceName']} is refused ({by})"


def _name_of(role_arn: str) -> str:
    return role_arn.rpartition("/")[2]


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
