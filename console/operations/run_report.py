"""What became of a run: the numbers of its report, or why it failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from cloud_sync_common.exceptions import category_of
from cloud_sync_common.runtime.run_input import ALL_PROVIDERS
from cloud_sync_common.safe_text import one_line

from console.operations.causes import cause_of
from console.operations.run import Execution, child_of, execution, execution_arn, json_object
from console.stack import Stack

SUCCEEDED, RUNNING, ALREADY_RUNNING, PAUSED = "SUCCEEDED", "RUNNING", "ALREADY_RUNNING", "PAUSED"
NOT_STARTED = "NOT_STARTED"
_LINE = 600  # characters of a cause


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `status` is Step Functions', or ALREADY_RUNNING: another run of the provider did its work, PAUSED:
    the owner has paused the provider, or NOT_STARTED.

    The numbers are those of the run's report, as of steps/report.py: None where there is none. `findings` are those of
    a reconciliation, by kind. `error`, `cause` and `fix` say why a run failed, and what to do. A run of all providers
    has a report for each in `runs`.
    """

    run_id: str
    provider: str
    mode: str = "sync"
    status: str = NOT_STARTED
    started_at: str = ""
    ended_at: str = ""
    seconds: float | None = None
    listed: int | None = None
    new: int | None = None
    archived: int | None = None
    bytes_archived: int | None = None
    failed: int | None = None
    unavailable: int | None = None
    left: int | None = None
    waiting: int | None = None
    exhausted: int | None = None
    damaged: int | None = None
    backlog: int | None = None
    estimated_usd: float | None = None
    left_out: dict[str, int] = {}
    repeated: dict[str, int] = {}
    findings: dict[str, int] = {}
    report_key: str = ""
    error: str = ""
    cause: str = ""
    fix: str = ""
    runs: list[Report] = []

    @property
    def has_failed(self) -> bool:
        """Whether it, or one of its runs, ended otherwise than it should."""
        is_fine = self.status in (SUCCEEDED, ALREADY_RUNNING, RUNNING, PAUSED)
        return not is_fine or any(run.has_failed for run in self.runs)

    @property
    def needs_owner(self) -> bool:
        """Whether it succeeded, and something waits for the owner all the same."""
        own = self.failed or self.exhausted or self.damaged or self.findings
        return bool(own) or any(run.needs_owner for run in self.runs)


_NUMBERS = (
    "listed", "new", "archived", "bytes_archived", "failed", "unavailable", "left", "waiting", "exhausted", "damaged",
    "backlog", "estimated_usd",
)  # fmt: skip
_COUNTS = ("left_out", "repeated", "findings")


def report_of(stack: Stack, run: Execution) -> Report:
    """The report of a run, as far as it is. Raises botocore's errors."""
    answer = stack.client("stepfunctions").describe_execution(executionArn=run.arn)
    output, error = json_object(answer.get("output")), str(answer.get("error", ""))
    report = Report(
        run_id=run.run_id,
        provider=run.provider,
        mode=run.mode,
        status=_status(answer["status"], output),
        **_times(answer),
        error=one_line(error),
        cause=one_line(str(answer.get("cause", "")), _LINE),
        fix=_fix(answer["status"], error),
        report_key=one_line(str(output.get("report_key", "")), _LINE),
        **_numbers(output),
    )
    if run.provider != ALL_PROVIDERS:
        return report
    return msgspec.structs.replace(report, runs=[_child(stack, run, name) for name in stack.secrets])


def _numbers(output: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: output[name] for name in _NUMBERS if type(output.get(name)) in (int, float)}
    return {**numbers, **{name: _counts(output.get(name)) for name in _COUNTS}}


def _child(stack: Stack, run: Execution, provider: str) -> Report:
    name = child_of(run.run_id, provider)
    found = execution(stack, execution_arn(stack, name))
    return report_of(stack, found) if found else Report(run_id=name, provider=provider)


def _status(status: str, output: Mapping[str, Any]) -> str:
    """A run that found another one under way ends with the state that it had (sync_workflow.asl.json)."""
    if status == SUCCEEDED and output.get("paused") is True:
        return PAUSED
    states = (output.get("listing"), output.get("reconciliation"))
    is_second = any(isinstance(state, dict) and state.get("status") == ALREADY_RUNNING for state in states)
    return ALREADY_RUNNING if status == SUCCEEDED and is_second else status


def _times(answer: Mapping[str, Any]) -> dict[str, Any]:
    began: datetime = answer["startDate"]
    ended: datetime | None = answer.get("stopDate")
    times: dict[str, Any] = {"started_at": _moment(began)}
    return times | ({"ended_at": _moment(ended), "seconds": round((ended - began).total_seconds(), 1)} if ended else {})


def _moment(moment: datetime) -> str:
    return moment.astimezone().isoformat(timespec="seconds")


def _fix(status: str, error: str) -> str:
    if status in (SUCCEEDED, RUNNING):
        return ""
    if status == "ABORTED":
        return "It was stopped by hand. `cloudsync run` starts another one, which continues from there."
    return cause_of(category_of(error or status)).fix


def _counts(value: Any) -> dict[str, int]:
    """Reasons and numbers; none for what is no such thing, such as the one number of a reconciliation."""
    counts = value.items() if isinstance(value, dict) else ()
    return {one_line(str(reason)): count for reason, count in counts if type(count) is int and count}
