"""Suppresses findings of cdk-nag, each with a reason. cdk-nag itself runs only in the tests."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(scope: IConstruct, finding: str, reason: str) -> None:
    """Accepts `finding`, an id such as AwsSolutions-S1, for `scope` and everything in it."""
    Validations.of(scope).acknowledge(Acknowledgment(id=finding, reason=reason))


def acknowledge_wildcards(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accepts wildcards in IAM resources, one by one, because cdk-nag has no suppression for several resources."""
    for resource, reason in reasons.items():
        acknowledge(scope, f"AwsSolutions-IAM5[Resource::{_as_cdk_nag_writes(scope, resource)}]", reason)


def _as_cdk_nag_writes(scope: IConstruct, arn: str) -> str:
    """The ARN with its references in angle brackets: `<Bucket.Arn>/*`."""
    resolved = Stack.of(scope).resolve(arn)
    if isinstance(resolved, str):
        return resolved
    separator, parts = resolved["Fn::Join"]
    return str(separator).join(
        part if isinstance(part, str) else f"<{part.get('Ref') or '.'.join(part['Fn::GetAtt'])}>" for part in parts
    )
