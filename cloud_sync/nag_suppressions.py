"""Findings of cdk-nag that we live with, each with its reason. cdk-nag itself runs in the tests, never here."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(scope: IConstruct, finding: str, reason: str) -> None:
    """Lives with `finding`, an id such as AwsSolutions-S1, in `scope` and below it."""
    Validations.of(scope).acknowledge(Acknowledgment(id=finding, reason=reason))


def acknowledge_wildcards(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """Lives with IAM resources that hold a wildcard, each named: cdk-nag takes no word for all of them at once."""
    for resource, reason in reasons.items():
        acknowledge(scope, f"AwsSolutions-IAM5[Resource::{_as_cdk_nag_writes(scope, resource)}]", reason)


def _as_cdk_nag_writes(scope: IConstruct, arn: str) -> str:
    """The ARN with each reference in angle brackets: `<Bucket.Arn>/*`."""
    resolved = Stack.of(scope).resolve(arn)
    if isinstance(resolved, str):
        return resolved
    separator, parts = resolved["Fn::Join"]
    return str(separator).join(
        part if isinstance(part, str) else f"<{part.get('Ref') or '.'.join(part['Fn::GetAtt'])}>" for part in parts
    )
