"""Whether the owner may do what the verbs need: the reads that cost next to nothing are tried, one by one.

What changes something is not tried; the policy CloudSyncOwner has it all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from cloud_sync_common.safe_text import one_line

from console.operations.deployed_functions import function
from console.operations.findings import Finding, noted, passed
from console.operations.ledger import Reading, not_archived
from console.operations.runs import is_under_way
from console.operations.storage import measured
from console.stack import Stack

NOT_TRIED = (
    "states:StartExecution, secretsmanager:PutSecretValue, dynamodb:PutItem and UpdateItem, lambda:InvokeFunction, "
    "sqs:ReceiveMessage and DeleteMessage, s3:PutObject"
)
type Look = tuple[str, str, Callable[[], Iterator[Finding]]]


def looks(stack: Stack) -> Iterator[Look]:
    """Each read: what it is about, the verbs that need it, and the look, which finds nothing where it is allowed. The
    last look says what was tried."""
    tried = _reads(stack)
    allowed: list[str] = []
    for action, verbs, read in tried:
        yield f"permission {action}", verbs, partial(_try, read, action, allowed)
    yield "permissions", "", partial(_told, allowed, len(tried))


def _try(read: Callable[[], object], action: str, allowed: list[str]) -> Iterator[Finding]:
    read()
    allowed.append(action)
    yield from ()


def _told(allowed: list[str], tried: int) -> Iterator[Finding]:
    if len(allowed) == tried:
        yield passed("permissions", f"{tried} of the reads that the verbs need were tried, and are allowed.")
    yield noted("permissions", f"Not tried, because it would change something: {NOT_TRIED}.")


def _reads(stack: Stack) -> list[tuple[str, str, Callable[[], object]]]:
    archive, work = stack.outputs.get("ArchiveBucket", ""), stack.outputs.get("WorkBucket", "")
    table, machine = stack.outputs.get("LedgerTable", ""), stack.outputs.get("StateMachineArn", "")
    provider = next(iter(stack.secrets), "")
    s3, states = partial(stack.client, "s3"), partial(stack.client, "stepfunctions")
    return [
        ("cloudformation:ListStackResources", "status, show, plan, cost", lambda: stack.resources("AWS::SQS::Queue")),
        ("dynamodb:GetItem", "status, run, retry, settings", lambda: is_under_way(stack, provider, Reading())),
        ("dynamodb:Query", "status, failures, retry", lambda: not_archived(stack, provider, Reading(), 1)),
        ("dynamodb:BatchGetItem", "run --follow, plan", lambda: _batch(stack, table)),
        ("dynamodb:Scan", "list, status --recount, verify", lambda: _scan(stack, table)),
        ("states:ListExecutions", "status, runs, cost", lambda: _last_runs(states(), machine)),
        ("states:DescribeExecution", "status, runs, run", lambda: _last_run(states(), machine)),
        ("lambda:GetFunctionConfiguration", "plan", lambda: _function(stack)),
        ("logs:FilterLogEvents", "show", lambda: _log(stack)),
        ("cloudwatch:GetMetricData", "cost", lambda: measured(stack)),
        ("s3:ListBucketVersions", "verify", lambda: s3().list_object_versions(Bucket=archive, MaxKeys=1)),
        ("s3:GetObject", "show, verify", lambda: _head(s3(), archive)),
        ("s3:ListBucket (work bucket)", "run --follow", lambda: s3().list_objects_v2(Bucket=work, MaxKeys=1)),
    ]  # fmt: skip


def _batch(stack: Stack, table: str) -> None:
    key = {"pk": {"S": "PROVIDER#none"}, "sk": {"S": "none"}}
    stack.client("dynamodb").batch_get_item(RequestItems={table: {"Keys": [key]}})


def _scan(stack: Stack, table: str) -> None:
    """One row."""
    stack.client("dynamodb").scan(TableName=table, Limit=1)


def _last_runs(states: Any, machine: str) -> list[Any]:
    """One."""
    found: list[Any] = states.list_executions(stateMachineArn=machine, maxResults=1)["executions"]
    return found


def _last_run(states: Any, machine: str) -> None:
    for one in _last_runs(states, machine):
        states.describe_execution(executionArn=one["executionArn"])


def _function(stack: Stack) -> None:
    name = function(stack, "video-downloader")
    stack.client("lambda").get_function_configuration(FunctionName=name)


def _log(stack: Stack) -> None:
    """The last minute of one function's log, so that little is searched."""
    groups = sorted(name for name in stack.resources("AWS::Logs::LogGroup") if name.startswith("/aws/lambda/"))
    for group in groups[:1]:
        started = int((time.time() - 60) * 1000)
        stack.client("logs").filter_log_events(logGroupName=one_line(group), startTime=started, limit=1)


def _head(s3: Any, bucket: str) -> None:
    """One object of a provider, where there is any."""
    for one in s3.list_objects_v2(Bucket=bucket, MaxKeys=1).get("Contents", []):
        s3.head_object(Bucket=bucket, Key=one["Key"])
