"""The deployed stack of one environment, as CloudFormation describes it, and the clients to look at it with."""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# The domains of AWS's own endpoints in all partitions (botocore's endpoints.json, "dnsSuffix").
AWS_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws", "api.amazonwebservices.com.cn")
OWN_NAME = "cloud-sync-check"
# IAM's simulation is throttled early; a check would rather wait than fail.
_PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 8})


class StackNotFound(Exception):
    """There is no such stack in this account and region; the message says what to do."""


@dataclass(frozen=True)
class Resource:
    """A resource of the stack. `properties` are those of the template, with its unresolved references."""

    logical_id: str
    kind: str
    physical_id: str
    properties: Mapping[str, Any] = field(default_factory=dict)


class Stack:
    """One deployed environment. `calls` counts every request to AWS, as (service, operation)."""

    def __init__(
        self, session: boto3.Session, environment: str, outputs: Mapping[str, str], resources: Sequence[Resource]
    ) -> None:
        self.session, self.environment, self.outputs = session, environment, outputs
        self.resources = list(resources)
        self.patience_seconds: float = 20  # for one message: the longest that SQS holds a request open
        self.rotation_seconds: float = 300  # four invocations of credentials-rotator, which take seconds
        self.calls: Counter[tuple[str, str]] = Counter()
        self.removed_queues: set[str] = set()  # which SQS may go on listing for a minute (SQS API, DeleteQueue)
        self.run_name = f"{OWN_NAME}-{uuid.uuid4().hex[:12]}"
        self.prefix = f"{OWN_NAME}/{self.run_name}/"
        self._clients: dict[str, Any] = {}

    @classmethod
    def find(cls, session: boto3.Session, environment: str) -> Self:
        """The stack `CloudSync-<environment>`. Raises StackNotFound, and boto3's errors."""
        name, cloudformation = f"CloudSync-{environment}", session.client("cloudformation", config=_PATIENT)
        try:
            (described,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise StackNotFound(
                f"there is no stack {name} in the region {session.region_name}: deploy it, or set AWS_PROFILE, "
                "AWS_REGION or ENVIRONMENT to where it is"
            ) from None
        body: Any = cloudformation.get_template(StackName=name)["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        resources = [
            Resource(
                found["LogicalResourceId"],
                found["ResourceType"],
                found.get("PhysicalResourceId", ""),
                template["Resources"].get(found["LogicalResourceId"], {}).get("Properties", {}),
            )
            for page in pages
            for found in page["StackResourceSummaries"]
        ]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        return cls(session, environment, outputs, resources)

    def client(self, service: str) -> Any:
        """A client of that service, made once, whose requests are counted."""
        if service not in self._clients:
            client = self.session.client(service, config=_PATIENT)  # type: ignore[call-overload]
            client.meta.events.register("before-call", self._count)
            self._clients[service] = client
        return self._clients[service]

    def _count(self, model: Any, **_: object) -> None:
        self.calls[model.service_model.service_name, model.name] += 1

    @cached_property
    def is_emulated(self) -> bool:
        """Whether the endpoint is not one of AWS's own, as AWS_ENDPOINT_URL may set it."""
        host = urlsplit(self.client("sts").meta.endpoint_url).hostname or ""
        return not any(host == domain or host.endswith(f".{domain}") for domain in AWS_DOMAINS)

    @cached_property
    def _caller(self) -> list[str]:
        arn: str = self.client("sts").get_caller_identity()["Arn"]
        return arn.split(":")

    @property
    def account(self) -> str:
        return self._caller[4]

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in this account and region."""
        return f"arn:{self._caller[1]}:{service}:{self.session.region_name}:{self.account}:{resource}"

    def bucket_arn(self, bucket: str) -> str:
        return f"arn:{self._caller[1]}:s3:::{bucket}"

    @property
    def secrets(self) -> list[str]:
        """The names of the secrets, one for each provider."""
        return [value for name, value in self.outputs.items() if name.endswith("CredentialsSecret")]

    @property
    def providers(self) -> list[str]:
        """The providers that the stack backs up: a secret is named after its own."""
        return [secret.partition("/")[0].replace("-", "_") for secret in self.secrets]

    @cached_property
    def secret_arns(self) -> list[str]:
        client = self.client("secretsmanager")
        return [client.describe_secret(SecretId=secret)["ARN"] for secret in self.secrets]

    def of_kind(self, kind: str) -> list[Resource]:
        """The resources of that CloudFormation type, in the order of their logical ids."""
        return sorted((r for r in self.resources if r.kind == kind), key=lambda r: r.logical_id)

    def one(self, kind: str) -> Resource | None:
        """The only resource of that CloudFormation type; None when the environment has none."""
        return next(iter(self.of_kind(kind)), None)

    @property
    def functions(self) -> list[Resource]:
        """The stack's own functions. One that the CDK adds, to empty buckets, has no layer."""
        return [found for found in self.of_kind("AWS::Lambda::Function") if found.properties.get("Layers")]

    @property
    def starts_of_runs(self) -> list[Resource]:
        """The schedules that start runs: of each provider one by night, and one that verifies it each month; and that
        of restore drills. The watch, which a long pause adds, has no dead-letter queue."""
        schedules = self.of_kind("AWS::Scheduler::Schedule")
        return [each for each in schedules if "DeadLetterConfig" in each.properties["Target"]]

    def named(self, physical_id: str) -> Resource:
        """The resource with that name in the account. Raises StackNotFound when it is not part of the stack."""
        for resource in self.resources:
            if resource.physical_id == physical_id:
                return resource
        raise StackNotFound(f"{physical_id} is no resource of the stack")

    def base_name(self, name: str) -> str:
        """A name without the suffix that staging and prod add to it."""
        return re.sub(f"-{re.escape(self.environment)}$", "", name)
