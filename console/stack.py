"""The deployed stack of one environment, as CloudFormation describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from console.aws_account import AwsAccount
from console.aws_refusals import OTHER_ANSWER
from console.errors import ConsoleError, NotFoundError, UsageError
from console.wording import typed

PREFIX = "CloudSync-"
DEFAULT_ENVIRONMENT = "dev"
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,19}")
_READY = re.compile(r"(CREATE|UPDATE|IMPORT|UPDATE_ROLLBACK|IMPORT_ROLLBACK)_COMPLETE|UPDATE_\w*IN_PROGRESS")
# What a stack that is not ready waits for (CloudFormation user guide, "Stack status codes").
_EVENTS = "Its events in the CloudFormation console say why; deploy it again."
_WAITS = {
    "CREATE_IN_PROGRESS": "It is being created: repeat the command when that has ended.",
    "IMPORT_IN_PROGRESS": "Resources are being imported: repeat the command when that has ended.",
    "REVIEW_IN_PROGRESS": "Its change set was never executed, so nothing is there yet: deploy it.",
    "DELETE_IN_PROGRESS": "It is being deleted: deploy it again when that has ended.",
    "DELETE_COMPLETE": "It was deleted: deploy it again.",
    "ROLLBACK_COMPLETE": "Its creation failed and was undone: its events in the CloudFormation console say why; delete "
    "it, then deploy it again.",
    "ROLLBACK_IN_PROGRESS": "Its creation failed and is being undone; its events in the CloudFormation console say "
    "why.",
    "UPDATE_ROLLBACK_FAILED": "An update could not be undone: continue that with `aws cloudformation "
    "continue-update-rollback`, then deploy it again.",
}
_SECRET = "CredentialsSecret"  # noqa: S105 (the end of an output's name)


@dataclass(frozen=True)
class Stack:
    """One environment. Clients come from `account`; every method raises botocore's errors."""

    account: AwsAccount
    environment: str
    outputs: Mapping[str, str]

    @classmethod
    def find(cls, account: AwsAccount, environment: str) -> Stack:
        """Raises NotFoundError when there is none of that name, with those that there are, ConsoleError when it is
        not ready, and UsageError for what is no name of an environment."""
        if not _ENVIRONMENT.fullmatch(environment):
            raise UsageError(f"--environment must be a name such as dev, staging or prod; not {environment!r}.")
        described = _described(account, PREFIX + environment)
        if described is None:
            raise NotFoundError(_no_stack(account, environment))
        status = described["StackStatus"]
        if not _READY.fullmatch(status):
            waits = _WAITS.get(status, _EVENTS)
            raise ConsoleError(f"The stack {PREFIX}{environment} is not ready ({status}). {waits}")
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        found = cls(account, environment, outputs)
        if not found.secrets:
            raise ConsoleError(
                f"The stack {PREFIX}{environment} names no provider in its outputs: it is of an earlier version, or "
                "none of Cloud Sync's. Deploy it again from this clone."
            )
        return found

    def output(self, name: str) -> str:
        """A value that the stack states. Raises ConsoleError when a stack of another version does not."""
        if name not in self.outputs:
            raise ConsoleError(
                f"The stack {PREFIX}{self.environment} is of an earlier version: it has no output {name}. Deploy it "
                "again from this clone."
            )
        return self.outputs[name]

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The name of the secret of each provider that is backed up, by its id."""
        named = (value for name, value in sorted(self.outputs.items()) if name.endswith(_SECRET))
        return {value.partition("/")[0].replace("-", "_"): value for value in named}

    def schedule(self, provider: str) -> str:
        """The name of the schedule that starts this provider's runs. Raises ConsoleError as `output` does."""
        key = next(key for key, value in self.outputs.items() if value == self.secrets[provider])
        return self.output(key.removesuffix(_SECRET) + "NightlySchedule")

    def resources(self, kind: str) -> frozenset[str]:
        """The names of the stack's resources of a type, such as AWS::Logs::LogGroup."""
        return frozenset(name for of, name in self._all_resources if of == kind)

    @cached_property
    def _all_resources(self) -> list[tuple[str, str]]:
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        found = pages.paginate(StackName=PREFIX + self.environment)
        summaries = (summary for page in found for summary in page["StackResourceSummaries"])
        return [(one["ResourceType"], one.get("PhysicalResourceId", "")) for one in summaries]

    def provider(self, name: str) -> str:
        """The id of a provider of this stack, whether `google-drive` or `google_drive`. Raises UsageError."""
        wanted = name.replace("-", "_")
        if wanted not in self.secrets:
            known = ", ".join(map(typed, self.secrets)) or "none"
            raise UsageError(f"--provider must be one that this stack backs up ({known}); not {name!r}.")
        return wanted

    def client(self, service: str) -> Any:
        return self.account.client(service)


def _described(account: AwsAccount, name: str) -> Any:
    """The stack, or None where CloudFormation knows none of that name."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (see aws_account)

    try:
        answer = account.client("cloudformation").describe_stacks(StackName=name)
        if "Stacks" not in answer:
            raise ConsoleError(OTHER_ANSWER.format(name="no stacks"))
        return next(iter(answer["Stacks"]), None)
    except ClientError as error:
        # The code for a missing stack, and for nothing else here (CloudFormation API reference, DescribeStacks).
        if error.response["Error"]["Code"] == "ValidationError":
            return None
        raise


def _no_stack(account: AwsAccount, environment: str) -> str:
    found = _environments(account)
    there = f"There is {', '.join(found)}: choose it with --environment" if found else "There is none: run `cdk deploy`"
    if found is None:
        there = "Choose another one with --environment"
    return (
        f"There is no stack {PREFIX}{environment} in the region {account.region}. {there}, or look elsewhere with "
        "--region and --profile."
    )


def _environments(account: AwsAccount) -> list[str] | None:
    """Those that are deployed; None for whom may look at one stack and not at all of them."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (see aws_account)

    try:
        pages = account.client("cloudformation").get_paginator("describe_stacks").paginate()
        names = [stack["StackName"] for page in pages for stack in page["Stacks"]]
    except ClientError:
        return None
    return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))
