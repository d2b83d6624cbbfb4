"""The score against the error tree, against itself, and against the stack that fills in its names."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from cloud_sync_common import exceptions

from cloud_sync.workflow import DEFINITION
from tests.synthesis import PLAYED, Synthesis
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

TEXT = DEFINITION.read_text(encoding="utf-8")
MACHINE: dict[str, Any] = json.loads(TEXT)
STATES = states(MACHINE)
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
ANYTHING = "States.ALL"

# Names that AWS gives: Step Functions developer guide, "Error names"; Lambda developer guide, "Using Lambda with Step
# Functions"; Sandbox.Timedout and Runtime.ExitError are what a function that is killed or dies reports.
AWS_NAMES = {
    ANYTHING, "States.Timeout", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException", "Lambda.ClientExecutionTimeoutException", "Lambda.Unknown", "Sandbox.Timedout",
    "Runtime.ExitError",
}  # fmt: skip

# The tree as it is written: other tests may have classes of their own under it.
TREE = {n: e for n, e in exceptions.error_classes().items() if e.__module__ == exceptions.__name__}
LEAVES = {name for name, error in TREE.items() if not any(error in other.__bases__ for other in TREE.values())}
TRANSIENT = {name for name in LEAVES if issubclass(TREE[name], exceptions.TransientError)}

each_leaf = pytest.mark.parametrize("leaf", sorted(LEAVES))


def test_every_error_that_the_score_names_is_one_of_ours_or_of_aws() -> None:
    assert named_errors(MACHINE) - set(TREE) == AWS_NAMES


def test_the_score_names_leaves_only_because_step_functions_knows_no_inheritance() -> None:
    assert named_errors(MACHINE) & set(TREE) <= LEAVES


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_tries_again_after_each_transient_error_and_after_no_other_of_ours(name: str) -> None:
    (retry,) = retries(MACHINE)[name]
    assert set(retry["ErrorEquals"]) & set(TREE) == TRANSIENT


@pytest.mark.parametrize("name", sorted(TASKS))
def test_no_task_tries_again_after_just_anything(name: str) -> None:
    for retry in retries(MACHINE)[name]:
        assert not {ANYTHING, "States.TaskFailed", "States.Runtime", "States.Permissions"} & set(retry["ErrorEquals"])


def test_all_tasks_try_again_alike_and_a_slice_once_more() -> None:
    attempts = {name: retry[0].pop("MaxAttempts") for name, retry in retries(copy.deepcopy(MACHINE)).items()}
    assert attempts == dict.fromkeys(TASKS, 4) | {"DownloadSlice": 5}
    blocks = [{**retry, "MaxAttempts": 0} for (retry,) in retries(MACHINE).values()]
    assert all(block == blocks[0] for block in blocks)


def test_waits_between_tries_grow_have_a_bound_and_are_spread() -> None:
    (retry,) = retries(MACHINE)["DownloadSlice"]
    rest = {key: value for key, value in retry.items() if key != "ErrorEquals"}
    assert rest == {
        "IntervalSeconds": 2, "MaxAttempts": 5, "BackoffRate": 2, "MaxDelaySeconds": 120, "JitterStrategy": "FULL"
    }  # fmt: skip


@each_leaf
def test_every_error_of_the_tree_is_caught_wherever_it_can_be_raised(leaf: str) -> None:
    assert unhandled(MACHINE, leaf) == []


def test_errors_with_a_way_of_their_own_are_caught_before_all_others() -> None:
    ways = {
        (name, error): clause["Next"]
        for name, state in STATES.items()
        for clause in state.get("Catch", [])
        for error in clause["ErrorEquals"]
        if error != ANYTHING
    }
    assert ways == {
        ("ListMedia", "CredentialsExpiredError"): "RenewForListing",
        ("DownloadSlice", "CredentialsExpiredError"): "RenewForDownload",
        ("DownloadSlice", "ConfigurationError"): "StopRun",
        ("DownloadSlice", "ProviderContractError"): "StopRun",
        ("RenewForDownload", "CredentialsExpiredError"): "StopRun",
        ("RenewForDownload", "ConfigurationError"): "StopRun",
        ("RenewForDownload", "ProviderContractError"): "StopRun",
    }


def test_catching_anything_stands_alone_and_last() -> None:
    for state in STATES.values():
        for clause in state.get("Catch", [])[:-1]:
            assert ANYTHING not in clause["ErrorEquals"]
        if "Catch" in state:
            assert state["Catch"][-1]["ErrorEquals"] == [ANYTHING]


def test_a_failed_video_never_fails_the_run_and_a_failed_run_is_always_reported() -> None:
    fails = {name for name, state in STATES.items() if state["Type"] == "Fail"}
    run, batch, video = (
        {name for name, state in scope.states.items() if fails & set(next_states(state))} for scope in scopes(MACHINE)
    )
    assert (run, batch, video) == ({"ReportFailure"}, {"EachMedia"}, {"StopRun"})


def test_a_batch_fails_only_when_one_of_its_videos_has_stopped_the_run() -> None:
    (caught,) = STATES["EachMedia"]["Catch"]
    stopped = STATES[caught["Next"]]
    assert (stopped["Type"], stopped["ErrorPath"]) == ("Fail", f"{caught['ResultPath']}.Error")


def test_whatever_happens_to_a_batch_its_videos_are_taken_one_by_one() -> None:
    batch = STATES["DownloadBatch"]
    assert batch["Next"] == "EachMedia" and [clause["Next"] for clause in batch["Catch"]] == ["EachMedia"]
    (left_out,) = (clause["ResultPath"] for clause in batch["Catch"])
    assert left_out == "$.error"  # and so the whole batch is what is unfinished, as it was handed in
    assert STATES["EachBatch"]["ItemSelector"]["batch"] == {"unfinished.$": "$$.Map.Item.Value.media"}
    assert batch["ResultPath"] == "$.batch" and STATES["EachMedia"]["ItemsPath"] == "$.batch.unfinished"


def test_every_state_is_reached_and_every_transition_leads_somewhere() -> None:
    assert defects(MACHINE) == []


def test_every_substitution_is_provided_and_every_provided_one_is_used(synthesis: Synthesis) -> None:
    machine = synthesis.of("dev").only("AWS::StepFunctions::StateMachine")["Properties"]
    assert substitutions(TEXT) == set(machine["DefinitionSubstitutions"])
    assert substitutions(machine["DefinitionString"]) == set(machine["DefinitionSubstitutions"])


def test_each_substitution_is_the_resource_that_its_name_says(synthesis: Synthesis) -> None:
    dev = synthesis.of("dev")
    given = dev.only("AWS::StepFunctions::StateMachine")["Properties"]["DefinitionSubstitutions"]
    constructs = {"".join(word.title() for word in function.split("-")): f"<{function}>" for function in PLAYED}
    assert {name: dev.text(value) for name, value in given.items()} == constructs | {"WorkBucket": "<work>"}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_invokes_one_of_the_functions_and_waits_longer_than_that_may_run(
    name: str, synthesis: Synthesis
) -> None:
    dev = synthesis.of("dev")
    task = TASKS[name]
    assert task["Resource"] == "arn:aws:states:::lambda:invoke"
    (construct_id,) = substitutions(task["Parameters"]["FunctionName"])
    substituted = dev.only("AWS::StepFunctions::StateMachine")["Properties"]["DefinitionSubstitutions"][construct_id]
    function = dev.template["Resources"][substituted["Fn::GetAtt"][0]]
    assert function["Type"] == "AWS::Lambda::Function"
    assert task["TimeoutSeconds"] > function["Properties"]["Timeout"]


def test_every_function_is_invoked_by_the_score() -> None:
    invoked = {task["Parameters"]["FunctionName"] for task in TASKS.values()}
    assert len(invoked) == len(PLAYED)


def test_each_batch_is_an_execution_of_its_own_read_from_the_manifest() -> None:
    each = STATES["EachBatch"]
    assert each["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert each["ItemReader"]["ReaderConfig"] == {"InputType": "JSONL"}
    assert each["Label"] == "EachBatch"  # the state machine's role names its children by it
    assert each["ResultPath"] is None


def misname_a_transient_error(machine: dict[str, Any]) -> None:
    names = machine["States"]["ListMedia"]["Retry"][0]["ErrorEquals"]
    names[names.index("ShortReadError")] = "ShortRead"


def lead_nowhere(machine: dict[str, Any]) -> None:
    machine["States"]["ListMedia"]["Next"] = "IsListingDone"


def strand_a_state_of_the_map(machine: dict[str, Any]) -> None:
    batch = machine["States"]["EachBatch"]["ItemProcessor"]["States"]
    batch["EachMedia"]["ItemProcessor"]["States"]["DownloadSlice"]["Catch"].pop(0)


def neither_go_on_nor_end(machine: dict[str, Any]) -> None:
    del machine["States"]["Report"]["End"]


def catch_one_error_only(machine: dict[str, Any]) -> None:
    machine["States"]["Report"]["Catch"][0]["ErrorEquals"] = ["IntegrityError"]


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (misname_a_transient_error, lambda machine: named_errors(machine) - set(TREE) - AWS_NAMES == {"ShortRead"}),
        (
            lead_nowhere,
            lambda machine: (
                {"IsListingDone does not exist", "IsListingComplete is never reached"} <= {*defects(machine)}
            ),
        ),
        (strand_a_state_of_the_map, lambda machine: defects(machine) == ["RenewForDownload is never reached"]),
        (neither_go_on_nor_end, lambda machine: defects(machine) == ["Report has no way on"]),
        (catch_one_error_only, lambda machine: unhandled(machine, "ShortReadError") == ["Report"]),
    ],
)
def test_a_defect_of_the_score_is_seen(
    spoil: Callable[[dict[str, Any]], None], check: Callable[[dict[str, Any]], bool]
) -> None:
    machine = copy.deepcopy(MACHINE)
    assert not check(machine)
    spoil(machine)
    assert check(machine)
