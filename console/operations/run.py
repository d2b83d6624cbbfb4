"""Starting a run, or joining the one that is under way."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from cloud_sync_common import providers
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.runtime import filter_input, run_input
from cloud_sync_common.runtime.run_input import ALL_PROVIDERS, Mode
from cloud_sync_common.stores.provider_rows import UNDER_WAY

from console.errors import ConsoleError, NotFoundError, UsageError
from console.operations.ledger import Reading, by_keys
from console.operations.pauses import Pause, paused_of
from console.stack import Stack
from console.wording import title_of, typed

MOST_RUNNING = 100  # executions that are looked at for one that is under way
NAME_LIMIT = 80  # characters of an execution's name (Step Functions API reference, StartExecution)
_NAME = re.compile(rf"[\w.-]{{1,{NAME_LIMIT}}}", re.ASCII)


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was started, or `joined`: one that was under way already. `filters` are those in its input. A run of
    all providers does nothing of the `paused` ones."""

    run_id: str
    provider: str
    mode: str
    joined: bool
    filters: dict[str, Any] = {}
    paused: list[Pause] = []


@dataclass(frozen=True)
class Execution:
    """One execution of the state machine, and what its input asks for."""

    arn: str
    status: str
    given: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        return self.arn.rpartition(":")[2]

    @property
    def provider(self) -> str:
        """Empty where the input names none."""
        return str(self.given.get("provider") or "")

    @property
    def mode(self) -> str:
        return str(self.given.get("mode") or Mode.SYNC)

    @property
    def filters(self) -> dict[str, Any]:
        filters = self.given.get("filters")
        return filters if isinstance(filters, dict) else {}


def input_of(
    stack: Stack, provider: str, filters: Mapping[str, Any], mode: str, *, even_if_paused: bool = False
) -> dict[str, Any]:
    """The input of a run of this provider, of all of them (`all`), or of the only one (empty).

    Raises UsageError, as the run would be refused: for a provider that the stack does not back up, for filters that do
    not fit it, and for a reconciliation of several.
    """
    wanted = provider or (next(iter(stack.secrets)) if len(stack.secrets) == 1 else ALL_PROVIDERS)
    wanted = wanted if wanted == ALL_PROVIDERS else stack.provider(wanted)
    given: dict[str, Any] = {"provider": wanted, **({"filters": dict(filters)} if filters else {})}
    if even_if_paused:
        given["even_if_paused"] = True
    if mode != Mode.SYNC:
        given["mode"] = mode
        if wanted == ALL_PROVIDERS:
            raise UsageError(
                f"--mode {mode} is for one provider: name it with --provider ({', '.join(map(typed, stack.secrets))})."
            )
    check_filters(given, list(stack.secrets) if wanted == ALL_PROVIDERS else [wanted])
    return given


def check_filters(given: Mapping[str, Any], names: list[str]) -> None:
    """Raises UsageError for filters that are too many, or have no meaning for one of these providers."""
    try:
        run_input.mode_of(given)
        filters = run_input.filters_of(given)
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    for name in names:
        unfit = run_input.unfit_of(filters, providers.get(name, {}).capabilities.unfit_filters)
        if unfit:
            raise UsageError(f"{title_of(name)} has no {unfit[0]}: leave that filter out, or name another --provider.")


def begin(stack: Stack, given: Mapping[str, Any], reading: Reading) -> Begun:
    """Starts a run with that input, or joins the one of the same provider that is under way.

    Raises ConsoleError when that one was started for something else than what is asked for, or settings cannot be read;
    PausedError when a run would do nothing. Raises botocore's errors.
    """
    running = under_way(stack, given["provider"], reading)
    if running is None:
        paused = paused_of(stack, given, stack.secrets)
        name = f"run-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
        arn = stack.output("StateMachineArn")
        stack.client("stepfunctions").start_execution(stateMachineArn=arn, name=name, input=json.dumps(given))
        begun = _begun(Execution(execution_arn(stack, name), "RUNNING", given), joined=False)
        return msgspec.structs.replace(begun, paused=paused)
    asked = Execution("", "", given)
    if running.mode != asked.mode or (asked.filters and _meant(asked) != _meant(running)):
        raise ConsoleError(
            f"A run of {title_of(running.provider)} is under way that was started for something else, and a second one "
            f"would end at once. Follow it with `cloudsync run --follow {running.run_id}`, and repeat the command "
            "when it has ended."
        )
    return _begun(running, joined=True)


def _begun(execution: Execution, *, joined: bool) -> Begun:
    return Begun(
        run_id=execution.run_id,
        provider=execution.provider,
        mode=execution.mode,
        joined=joined,
        filters=execution.filters,
    )


def _meant(execution: Execution) -> Any:
    """The filters, however they are written; as they are where they do not fit: that run is about to fail."""
    try:
        return filter_input.checked(execution.filters)
    except ConfigurationError:
        return execution.filters


def under_way(stack: Stack, provider: str, reading: Reading) -> Execution | None:
    """The run of this provider, or of all of them, that is under way: the one that the ledger names, or one that has
    not come to its listing yet. Raises botocore's errors."""
    if provider != ALL_PROVIDERS:
        key = (f"PROVIDER#{provider}", UNDER_WAY)
        row = by_keys(stack, [key], ("current", "execution_arn"), reading).get(key, {})
        found = execution(stack, str(row["execution_arn"])) if row.get("current") and row.get("execution_arn") else None
        if found and found.status == "RUNNING":
            return found
    return next((one for one in _running(stack) if one.provider == provider), None)


def _running(stack: Stack) -> Iterator[Execution]:
    """The executions that Step Functions has under way, without the children of a run's map."""
    answer = stack.client("stepfunctions").list_executions(
        stateMachineArn=stack.output("StateMachineArn"), statusFilter="RUNNING", maxResults=MOST_RUNNING
    )
    for one in answer["executions"]:
        found = execution(stack, one["executionArn"])
        if found and found.status == "RUNNING" and "batch" not in found.given:
            yield found


def execution(stack: Stack, arn: str) -> Execution | None:
    """By its ARN; None where Step Functions has none, or has forgotten it. Raises botocore's errors."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 (imports botocore)

    try:
        answer = stack.client("stepfunctions").describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ExecutionDoesNotExist", "InvalidArn"):
            return None
        raise
    return Execution(arn, answer["status"], json_object(answer.get("input")))


def named(stack: Stack, run_id: str) -> Execution:
    """A run by its id. Raises UsageError for what can be none, NotFoundError when there is no such run any more."""
    name = run_id.rpartition(":")[2]
    if not _NAME.fullmatch(name):
        raise UsageError(f"A run has an id such as run-20261126T010000Z-1f0c2b7e; not {run_id[:NAME_LIMIT]!r}.")
    found = execution(stack, execution_arn(stack, name))
    if found is None:
        raise NotFoundError(
            f"Step Functions has no run {name}: it remembers them for 90 days. `cloudsync runs` lists those that there "
            "are."
        )
    return found


def execution_arn(stack: Stack, run_id: str) -> str:
    """The ARN of a run of this stack."""
    return f"{stack.output('StateMachineArn').replace(':stateMachine:', ':execution:', 1)}:{run_id}"


def execution_of(stack: Stack, begun: Begun) -> Execution:
    """The execution of a run that has just begun, which Step Functions may not show yet (API reference,
    DescribeExecution: eventually consistent)."""
    given = {"provider": begun.provider, "mode": begun.mode, "filters": begun.filters}
    return Execution(execution_arn(stack, begun.run_id), "RUNNING", given)


def child_of(run_id: str, provider: str) -> str:
    """The id of the run of one provider that a run of all of them starts (steps/authenticate.py; a test compares)."""
    return f"{run_id[: NAME_LIMIT - len(provider) - 1]}-{provider}"


def json_object(text: str | None) -> dict[str, Any]:
    """A JSON object; an empty one for everything else."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
