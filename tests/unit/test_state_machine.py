"""The state machine's definition: its errors are those of the code, its transitions lead somewhere, and the stack
provides its substitutions."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from cloud_sync_common import exceptions

from cloud_sync.definition import FILE, SLOW_ERRORS, SLOW_RETRY, STANDARD_RETRY, TRANSIENT_ERRORS, definition
from cloud_sync.lambda_errors import NOT_RETRIED, RETRIED_SHORTLY, RETRIED_SLOWLY
from tests.synthesis import INVOKED_BY_THE_STATE_MACHINE, Synthesis
from tests.unit.state_machine import (
    defects,
    named_errors,
    next_states,
    retries,
    scopes,
    states,
    substitutions,
    unhandled,
)

IN_THE_FILE: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
MACHINE = definition()
STATES = states(MACHINE)
TASKS = {name: state for name, state in STATES.items() if "FunctionName" in state.get("Parameters", {})}
ANYTHING = "States.ALL"

# Errors that AWS names: Step Functions developer guide, "Error names" and "Handle Lambda service exceptions". Those
# with Runtime or Sandbox are reported for a function that is killed or dies.
NAMED_BY_STEP_FUNCTIONS = {
    "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory",
}  # fmt: skip
OF_INVOKE = {
    shape.name
    for shape in botocore.session.get_session().get_service_model("lambda").operation_model("Invoke").error_shapes
}
AWS_NAMES = {ANYTHING, "States.Timeout", *NAMED_BY_STEP_FUNCTIONS, *(f"Lambda.{name}" for name in OF_INVOKE)}

# The classes of that module only: other tests may define subclasses of their own.
TREE = {n: e for n, e in exceptions.error_classes().items() if e.__module__ == exceptions.__name__}
LEAVES = {name for name, error in TREE.items() if not any(error in other.__bases__ for other in TREE.values())}
TRANSIENT = {name for name in LEAVES if issubclass(TREE[name], exceptions.TransientError)}

each_leaf = pytest.mark.parametrize("leaf", sorted(LEAVES))


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_has_the_standard_and_the_slow_retry_and_a_slice_one_attempt_more(name: str) -> None:
    """The catalogue, which no run depends on, is tried twice."""
    attempts = {"DownloadSlice": {"MaxAttempts": 5}, "Catalogue": {"MaxAttempts": 1}}.get(name, {})
    assert retries(IN_THE_FILE)[name] == [
        {"ErrorEquals": [TRANSIENT_ERRORS]} | attempts,
        {"ErrorEquals": [SLOW_ERRORS]},
    ]
    assert retries(MACHINE)[name] == [STANDARD_RETRY | attempts, SLOW_RETRY]


def test_the_fifteen_tasks_are_retried_four_times_and_no_placeholder_is_left() -> None:
    assert (len(TASKS), STANDARD_RETRY["MaxAttempts"]) == (15, 4)
    assert not {TRANSIENT_ERRORS, SLOW_ERRORS} & named_errors(MACHINE)


def test_every_error_of_lambdas_invoke_is_retried_shortly_or_slowly_or_not_with_a_reason() -> None:
    """A new version of botocore that knows another error fails here, until somebody has decided about it."""
    not_retried = [name for names in NOT_RETRIED.values() for name in names]
    named = [*RETRIED_SHORTLY, *RETRIED_SLOWLY, *(f"Lambda.{name}" for name in not_retried)]
    assert sorted(set(named) - NAMED_BY_STEP_FUNCTIONS) == sorted(f"Lambda.{name}" for name in OF_INVOKE)
    assert len(named) == len(set(named))
    assert all(len(reason.split()) > 6 for reason in NOT_RETRIED)


def test_each_error_of_lambda_has_the_retry_of_its_kind() -> None:
    assert set(STANDARD_RETRY["ErrorEquals"]) - set(TREE) == {*RETRIED_SHORTLY, "States.Timeout"}
    assert set(SLOW_RETRY["ErrorEquals"]) == set(RETRIED_SLOWLY)


def test_what_needs_time_is_retried_for_eight_minutes() -> None:
    """Lambda takes one or two minutes to connect a function to its VPC again that was idle for weeks."""
    wait, waits = float(SLOW_RETRY["IntervalSeconds"]), []
    for _ in range(SLOW_RETRY["MaxAttempts"]):
        waits.append(min(wait, SLOW_RETRY["MaxDelaySeconds"]))
        wait *= SLOW_RETRY["BackoffRate"]
    assert (waits[0], len(waits)) == (15, 10)
    assert 7 * 60 < sum(waits) < 9 * 60
    assert "JitterStrategy" not in SLOW_RETRY  # it would shorten the waits


def test_a_definition_is_a_new_one_each_time_so_that_a_change_to_it_stays_the_readers_own() -> None:
    changed = definition()
    changed["States"]["Report"]["Retry"][0]["ErrorEquals"].clear()
    assert definition() == MACHINE and STANDARD_RETRY["ErrorEquals"]


def test_every_error_in_the_definition_is_an_exception_of_the_code_or_an_error_of_aws() -> None:
    assert named_errors(MACHINE) - set(TREE) <= AWS_NAMES
    assert named_errors(MACHINE) >= NAMED_BY_STEP_FUNCTIONS | {"Lambda.ServiceException", "States.Timeout"}


def test_the_definition_names_only_leaf_classes_because_step_functions_knows_no_inheritance() -> None:
    assert named_errors(MACHINE) & set(TREE) <= LEAVES


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_retries_each_transient_error_and_no_other_exception_of_the_code(name: str) -> None:
    retried = [error for retry in retries(MACHINE)[name] for error in retry["ErrorEquals"]]
    assert set(retried) & set(TREE) == TRANSIENT
    assert len(retried) == len(set(retried))  # the first retrier that names an error decides


@pytest.mark.parametrize("name", sorted(TASKS))
def test_no_task_retries_every_error(name: str) -> None:
    for retry in retries(MACHINE)[name]:
        assert not {ANYTHING, "States.TaskFailed", "States.Runtime", "States.Permissions"} & set(retry["ErrorEquals"])


def test_waits_between_attempts_grow_up_to_a_limit_and_have_jitter() -> None:
    retry, _slow = retries(MACHINE)["DownloadSlice"]
    rest = {key: value for key, value in retry.items() if key != "ErrorEquals"}
    assert rest == {
        "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 2, "MaxDelaySeconds": 120, "JitterStrategy": "FULL"
    }  # fmt: skip


@each_leaf
def test_every_exception_of_the_code_is_caught_wherever_it_can_be_raised(leaf: str) -> None:
    assert unhandled(MACHINE, leaf) == []


def test_only_these_errors_have_a_transition_of_their_own() -> None:
    transitions = {
        (name, error): clause["Next"]
        for name, state in STATES.items()
        for clause in state.get("Catch", [])
        for error in clause["ErrorEquals"]
        if error != ANYTHING
    }
    assert transitions == {
        ("ListMedia", "CredentialsExpiredError"): "RenewForListing",
        ("Reconcile", "CredentialsExpiredError"): "RenewForReconciliation",
        ("DownloadSlice", "CredentialsExpiredError"): "RenewForDownload",
        ("DownloadSlice", "ConfigurationError"): "StopRun",
        ("DownloadSlice", "ProviderContractError"): "StopRun",
        ("RenewForDownload", "CredentialsExpiredError"): "StopRun",
        ("RenewForDownload", "ConfigurationError"): "StopRun",
        ("RenewForDownload", "ProviderContractError"): "StopRun",
    }


def test_the_clause_that_catches_every_error_is_the_last_one_and_names_no_other() -> None:
    for state in STATES.values():
        for clause in state.get("Catch", [])[:-1]:
            assert ANYTHING not in clause["ErrorEquals"]
        if "Catch" in state:
            assert state["Catch"][-1]["ErrorEquals"] == [ANYTHING]


def test_a_failed_video_never_fails_the_run_and_a_failed_run_is_always_reported() -> None:
    fails = {name for name, state in STATES.items() if state["Type"] == "Fail"}
    run, provider, batch, video = (
        {name for name, state in scope.states.items() if fails & set(next_states(state))} for scope in scopes(MACHINE)
    )
    assert (run, provider, batch, video) == ({"ReportFailure"}, set(), {"EachMedia"}, {"StopRun"})


def test_a_batch_fails_only_when_one_of_its_videos_stops_the_run() -> None:
    (caught,) = STATES["EachMedia"]["Catch"]
    stopped = STATES[caught["Next"]]
    assert (stopped["Type"], stopped["ErrorPath"]) == ("Fail", f"{caught['ResultPath']}.Error")


def test_after_a_failed_batch_its_videos_are_downloaded_one_by_one() -> None:
    batch = STATES["DownloadBatch"]
    assert batch["Next"] == "EachMedia" and [clause["Next"] for clause in batch["Catch"]] == ["EachMedia"]
    (error_path,) = (clause["ResultPath"] for clause in batch["Catch"])
    assert error_path == "$.error"  # $.batch is not overwritten, so the whole batch counts as unfinished
    assert STATES["EachBatch"]["ItemSelector"]["batch"] == {"unfinished.$": "$$.Map.Item.Value.media"}
    assert batch["ResultPath"] == "$.batch" and STATES["EachMedia"]["ItemsPath"] == "$.batch.unfinished"


def test_every_state_is_reachable_and_every_transition_leads_to_a_state() -> None:
    assert defects(MACHINE) == []


def test_every_substitution_is_provided_and_every_provided_one_is_used(synthesis: Synthesis) -> None:
    machine = synthesis.of("dev").machine
    assert substitutions(json.dumps(MACHINE)) == set(machine["DefinitionSubstitutions"])
    assert substitutions(machine["DefinitionString"]) == set(machine["DefinitionSubstitutions"])


def test_each_substitution_is_the_resource_of_that_name(synthesis: Synthesis) -> None:
    dev = synthesis.of("dev")
    provided = dev.machine["DefinitionSubstitutions"]
    functions = {
        "".join(word.title() for word in function.split("-")): f"<{function}>"
        for function in INVOKED_BY_THE_STATE_MACHINE
    }
    others = {"WorkBucket": "<work>", "Partition": "<AWS::Partition>"}
    assert {name: dev.text(value) for name, value in provided.items()} == functions | others


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"function_timeout_seconds": "900"},
        {"function_timeout_seconds": "3", "lister_timeout_seconds": "60", "downloader_timeout_seconds": "300"},
    ],
)
def test_every_task_invokes_a_function_and_waits_a_minute_longer_than_that_functions_timeout(
    values: dict[str, str], synthesis: Synthesis
) -> None:
    stack = synthesis.of("dev", **values)
    machine = stack.machine
    deployed = states(json.loads(machine["DefinitionString"]))
    assert {name for name, state in deployed.items() if state["Type"] == "Task"} == {*TASKS, "RunOfProvider"}
    for task in (deployed[name] for name in TASKS):
        assert task["Resource"] == "arn:${Partition}:states:::lambda:invoke"
        (construct_id,) = substitutions(task["Parameters"]["FunctionName"])
        function = stack.template["Resources"][machine["DefinitionSubstitutions"][construct_id]["Fn::GetAtt"][0]]
        assert function["Type"] == "AWS::Lambda::Function"
        assert task["TimeoutSeconds"] == function["Properties"]["Timeout"] + 60


def test_every_function_of_a_run_is_invoked_by_some_task() -> None:
    invoked = {task["Parameters"]["FunctionName"] for task in TASKS.values()}
    assert len(invoked) == len(INVOKED_BY_THE_STATE_MACHINE)


def test_each_batch_of_the_manifest_is_a_child_execution_of_its_own() -> None:
    each = STATES["EachBatch"]
    assert each["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert each["ItemReader"]["ReaderConfig"] == {"InputType": "JSONL"}
    assert each["Label"] == "EachBatch"  # the state machine's role names its children by it
    assert each["ResultPath"] is None


def test_a_run_of_all_providers_waits_for_one_execution_of_this_machine_for_each() -> None:
    task = STATES["RunOfProvider"]
    assert task["Resource"] == "arn:${Partition}:states:::states:startExecution.sync:2"
    assert task["Parameters"] == {
        "StateMachineArn.$": "$$.StateMachine.Id",
        "Name.$": "$.name",
        "Input.$": "$.input",
    }
    assert (STATES["EachProvider"]["ItemsPath"], STATES["WhatIsAsked"]["Choices"][0]["Next"]) == (
        "$.runs",
        "EachProvider",
    )


def test_whatever_becomes_of_one_providers_run_the_others_go_on_and_are_reported() -> None:
    """A failed iteration would end a Map at once, and Step Functions would stop the executions that it waits for."""
    task, each = STATES["RunOfProvider"], STATES["EachProvider"]
    assert [(clause["ErrorEquals"], clause["Next"]) for clause in task["Catch"]] == [([ANYTHING], "ProviderDone")]
    assert "Retry" not in task and "TimeoutSeconds" not in task  # a run that failed is not begun again by itself
    assert each.get("MaxConcurrency", 0) == 0 and each["Next"] == "ReportAll"


def misname_a_transient_error(machine: dict[str, Any]) -> None:
    names = machine["States"]["ListMedia"]["Retry"][0]["ErrorEquals"]
    names[names.index("ShortReadError")] = "ShortRead"


def transition_to_no_state(machine: dict[str, Any]) -> None:
    machine["States"]["ListMedia"]["Next"] = "IsListingDone"


def make_a_state_of_the_map_unreachable(machine: dict[str, Any]) -> None:
    batch = machine["States"]["EachBatch"]["ItemProcessor"]["States"]
    batch["EachMedia"]["ItemProcessor"]["States"]["DownloadSlice"]["Catch"].pop(0)


def remove_an_end(machine: dict[str, Any]) -> None:
    del machine["States"]["Report"]["End"]


def catch_one_error_only(machine: dict[str, Any]) -> None:
    machine["States"]["Report"]["Catch"][0]["ErrorEquals"] = ["IntegrityError"]


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (misname_a_transient_error, lambda machine: named_errors(machine) - set(TREE) - AWS_NAMES == {"ShortRead"}),
        (
            transition_to_no_state,
            lambda machine: {"IsListingDone does not exist", "IsListingComplete is unreachable"} <= {*defects(machine)},
        ),
        (make_a_state_of_the_map_unreachable, lambda machine: defects(machine) == ["RenewForDownload is unreachable"]),
        (remove_an_end, lambda machine: defects(machine) == ["Report neither ends nor has a next state"]),
        (catch_one_error_only, lambda machine: unhandled(machine, "ShortReadError") == ["Report"]),
    ],
)
def test_a_defect_of_the_definition_is_found(
    spoil: Callable[[dict[str, Any]], None], check: Callable[[dict[str, Any]], bool]
) -> None:
    machine = copy.deepcopy(MACHINE)
    assert not check(machine)
    spoil(machine)
    assert check(machine)
