"""A stack for the unit tests of the console whose ledger and queue are moto's; its other services are scripted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
import pytest

from console.stack import Stack
from tests.ledger_table import TABLE
from tests.unit.console_account import OUTPUTS, ScriptedAccount, ScriptedClient
from tests.unit.in_process_aws import REGION, InProcessAws, running_aws

STORED = datetime(2026, 11, 20, tzinfo=UTC)
EXECUTION = "arn:aws:states:eu-west-1:000000000000:execution:gopro-sync-orchestrator:"
RESTORER = "arn:aws:states:eu-west-1:000000000000:stateMachine:gopro-sync-restorer"
SCHEDULE = {
    "State": "ENABLED", "ScheduleExpression": "cron(0 2 * * ? *)", "ScheduleExpressionTimezone": "UTC",
    "CreationDate": STORED,
}  # fmt: skip


class Account(ScriptedAccount):
    """DynamoDB and SQS are moto's."""

    def __init__(self, **services: Mapping[str, Any]) -> None:
        super().__init__(**services)
        self.real = dict(_real())  # what a test puts in is its own

    def client(self, service: str) -> Any:
        return self.real.get(service) or super().client(service)

    def table(self, name: str) -> Any:
        return _resource().Table(name)


@cache
def _resource() -> Any:
    return boto3.Session("in-process", "in-process", region_name=REGION).resource("dynamodb")


@cache
def _real() -> dict[str, Any]:
    session = boto3.Session("in-process", "in-process", region_name=REGION)
    return {name: session.client(name) for name in ("dynamodb", "sqs")}  # type: ignore[call-overload]


class World:
    """The stack, and what its services answer. `night` adds an execution, the last one first."""

    def __init__(self, aws: InProcessAws) -> None:
        self.aws = aws
        self.executions: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.schedules: dict[str, dict[str, Any]] = {}
        self.alarms: list[dict[str, Any]] = []
        self.resources: list[dict[str, str]] = []
        self.answers: dict[str, dict[str, Any]] = {
            "stepfunctions": {
                "list_executions_pages": lambda **_: [{"executions": [{"executionArn": a} for a in self.executions]}],
                "describe_execution": lambda executionArn: self.executions[executionArn],
                "start_execution": self._start,
            },
            "secretsmanager": {
                "list_secret_version_ids": lambda SecretId, **_: {"Versions": self.versions.get(SecretId, [])}
            },
            "scheduler": {"get_schedule": lambda Name: self.schedules.get(Name, SCHEDULE)},
            "cloudwatch": {
                "describe_alarms_pages": lambda **_: [{"MetricAlarms": self.alarms}],
                "get_metric_data": {"MetricDataResults": []},
            },
            "cloudformation": {
                "list_stack_resources_pages": lambda **_: [{"StackResourceSummaries": self.resources}],
                "get_template": {"TemplateBody": {}},  # of a version that does not say what it was deployed with
            },
            "s3": {}, "logs": {}, "sts": {"get_caller_identity": {"Arn": "arn:aws:sts::1:assumed-role/owner/me"}},
        }  # fmt: skip
        self.account = Account(**self.answers)
        self.stack = Stack(self.account, "dev", OUTPUTS | {
            "LedgerTable": TABLE, "ArchiveBucket": "archive", "DeadLetterQueueUrl": aws.dead_letters_url,
            "RestorerArn": RESTORER,
            "NightlySchedule": "gopro-sync-nightly", "GoogleDriveNightlySchedule": "gopro-sync-nightly-google-drive",
        })  # fmt: skip
        for secret in self.stack.secrets.values():
            self.versions[secret] = [{"VersionId": "v1", "VersionStages": ["AWSCURRENT"], "CreatedDate": STORED}]
        self.started: list[dict[str, Any]] = []
        self.begins = True

    def scripted(self, service: str) -> ScriptedClient:
        return self.account.services[service]

    def answer(self, service: str, **operations: Any) -> None:
        self.scripted(service).answers.update(operations)

    def put(self, pk: str, sk: str, **fields: Any) -> None:
        self.aws.table.put_item(Item={"pk": pk, "sk": sk, **fields})

    def night(self, name: str, provider: str = "gopro", status: str = "SUCCEEDED", **more: Any) -> str:
        arn = EXECUTION + name
        ended = {} if status == "RUNNING" else {"stopDate": datetime(2026, 11, 26, 1, 2, tzinfo=UTC)}
        self.executions[arn] = {
            "name": name, "status": status, "startDate": datetime(2026, 11, 26, 1, 0, tzinfo=UTC), **ended,
            "input": f'{{"provider": "{provider}"}}',
            "output": '{"listed": 20, "archived": 3, "bytes_archived": 4000000, "failed": 0, "waiting": 2, '
            '"backlog": 3, "estimated_usd": 0.01, "left_out": {"kinds": 7}}',
            **more,
        }  # fmt: skip
        return arn

    def alarm(self, name: str, text: str, *, own: bool = True) -> None:
        self.alarms.append({"AlarmName": name, "StateUpdatedTimestamp": STORED, "AlarmDescription": text})
        if own:
            self.resource("AWS::CloudWatch::Alarm", name)

    def resource(self, kind: str, name: str) -> None:
        self.resources.append({"ResourceType": kind, "PhysicalResourceId": name})

    def _start(self, **given: Any) -> dict[str, Any]:
        """The run begins at once, as the ledger notes it, unless `begins` says otherwise."""
        self.started.append(given)
        if self.begins:
            self.put(f"RUN#{given['name']}", "RUN", run_id=given["name"], started_at="2026-11-27T01:00:00.000Z")
        return {"executionArn": EXECUTION + given["name"]}


@contextmanager
def a_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An account in which `Stack.find` finds this stack."""
    with running_aws(monkeypatch) as aws:
        world = World(aws)

        def find(*_: object) -> Stack:
            return world.stack

        monkeypatch.setattr(Stack, "find", find)
        monkeypatch.delenv("COLUMNS", raising=False)  # where tests run side by side, each process has it
        yield world
