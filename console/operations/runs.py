"""The runs of a stack: what Step Functions remembers of each, for 90 days."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import batched, islice
from typing import Any

import msgspec
from cloud_sync_common.stores.provider_rows import UNDER_WAY

from console.operations.ledger import Reading, Row, plain_row
from console.stack import Stack

MOST_RUNS = 1_000  # that are asked for at once
_AT_ONCE = 8
_PAGE = 100


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of the state machine.

    `provider` is empty where the input names none. `status` is Step Functions' (RUNNING, SUCCEEDED, FAILED, TIMED_OUT,
    ABORTED), times are ISO 8601. The numbers are those of the run's report: None while it runs, where it failed before
    its report, and of a run that reports on others. `waiting` are not ready at the provider.
    `paused`: the owner had paused the provider, so that the run ended at once.
    `left_out` counts what filters or the provider leave alone, by its reason. `error` and `cause` say why it failed.
    """

    run_id: str
    provider: str
    mode: str
    status: str
    started_at: str
    ended_at: str = ""
    seconds: float | None = None
    listed: int | None = None
    archived: int | None = None
    bytes_archived: int | None = None
    failed: int | None = None
    waiting: int | None = None
    backlog: int | None = None
    estimated_usd: float | None = None
    left_out: dict[str, int] = {}
    paused: bool = False
    error: str = ""
    cause: str = ""


def runs(stack: Stack, most: int, *, provider: str = "") -> list[Run]:
    """The latest runs, the last one first, at most `most` of them; of one provider, if it is named.

    A run of all providers is one of them, and so is each run that it has started. Raises botocore's errors.
    """
    wanted = (run for run in latest(stack) if provider in ("", run.provider))
    return list(islice(wanted, min(most, MOST_RUNS)))


def latest(stack: Stack, known: MutableMapping[str, Run] | None = None) -> Iterator[Run]:
    """The runs, the last one first, a few of them asked for at a time, and only as many as are taken. At most
    MOST_RUNS. `known` holds those that have ended, by ARN: they stay as they are, and are asked for once. Raises
    botocore's errors."""
    ended = {} if known is None else known

    def one(arn: str) -> Run:
        found = ended.get(arn) or described(stack, arn)
        return ended.setdefault(arn, found) if found.ended_at else found

    with ThreadPoolExecutor(_AT_ONCE) as readers:
        for some in batched(_executions(stack), _AT_ONCE):
            yield from readers.map(one, some)


def is_under_way(stack: Stack, provider: str, reading: Reading) -> bool:
    """Whether a run of this provider is under way. One that was aborted stays noted until the next one begins. Raises
    botocore's errors."""
    key = {"pk": {"S": f"PROVIDER#{provider}"}, "sk": {"S": UNDER_WAY}}
    answer = stack.client("dynamodb").get_item(TableName=stack.output("LedgerTable"), Key=key, ConsistentRead=True)
    reading.count(1)
    return has_current(stack, plain_row(answer.get("Item", {})))


def has_current(stack: Stack, under_way: Row) -> bool:
    """As `is_under_way`, by the row of the run under way. An execution that Step Functions has forgotten is over."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    arn = under_way.get("execution_arn", "")
    if not under_way.get("current") or not arn:
        return False
    try:
        return bool(stack.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "RUNNING")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
            return False
        raise


def described(stack: Stack, execution_arn: str) -> Run:
    """One run, by the ARN of its execution. Raises botocore's errors."""
    answer = stack.client("stepfunctions").describe_execution(executionArn=execution_arn)
    given, output = _object(answer.get("input")), _object(answer.get("output"))
    ended: datetime | None = answer.get("stopDate")
    numbers = {name: output[name] for name in _NUMBERS if isinstance(output.get(name), int | float)}
    left_out = output.get("left_out")
    return Run(
        run_id=answer["name"],
        provider=str(given.get("provider", "")),
        mode=str(given.get("mode", "sync")),
        status=answer["status"],
        started_at=_moment(answer["startDate"]),
        ended_at=_moment(ended) if ended else "",
        seconds=round((ended - answer["startDate"]).total_seconds(), 1) if ended else None,
        error=answer.get("error", ""),
        cause=answer.get("cause", ""),
        left_out=_counts(left_out),
        paused=output.get("paused") is True,
        **numbers,
    )


_NUMBERS = ("listed", "archived", "bytes_archived", "failed", "waiting", "backlog", "estimated_usd")


def _executions(stack: Stack) -> Iterator[str]:
    """The ARNs of the executions, the last one first; at most MOST_RUNS."""
    arn = stack.output("StateMachineArn")
    pages = stack.client("stepfunctions").get_paginator("list_executions")
    found = pages.paginate(stateMachineArn=arn, PaginationConfig={"PageSize": _PAGE, "MaxItems": MOST_RUNS})
    return (execution["executionArn"] for page in found for execution in page["executions"])


def _counts(value: Any) -> dict[str, int]:
    """Reasons and how many items each has left out; none for what is no such thing."""
    counts = value.items() if isinstance(value, dict) else ()
    return {str(reason): count for reason, count in counts if type(count) is int and count}


def _object(text: str | None) -> dict[str, Any]:
    """A JSON object; an empty one for everything else, such as the input of a run that was started with none."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _moment(moment: datetime) -> str:
    return moment.astimezone().isoformat(timespec="seconds")
