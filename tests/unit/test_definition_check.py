"""`make check` reads the state machine definition with asl-validator: it accepts what is deployed, nothing broken."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.installed import installed
from tests.synthesis import ENVIRONMENTS, ROOT, Synthesis
from tools import definition_check
from tools.definition_check import deployed, findings


@pytest.fixture(autouse=True)
def _validator() -> None:
    installed("asl-validator")


@pytest.fixture(scope="module")
def machine(synthesis: Synthesis) -> dict[str, Any]:
    """The definition that dev deploys."""
    return deployed(synthesis.of("dev").template)


def test_the_deployed_definition_of_every_environment_is_valid(synthesis: Synthesis) -> None:
    definitions = {
        f"{name}-{machine}": deployed(synthesis.of(name).template, machine)
        for name in ENVIRONMENTS
        for machine in definition_check.MACHINES
    }
    assert len(definitions) == 8
    assert findings(definitions) == ""


@pytest.mark.parametrize("partition", ["aws-us-gov", "aws-cn"])
def test_the_definition_is_valid_in_other_partitions_than_aws(
    synthesis: Synthesis, monkeypatch: pytest.MonkeyPatch, partition: str
) -> None:
    monkeypatch.setitem(definition_check.PSEUDO_PARAMETERS, "AWS::Partition", partition)
    machine = deployed(synthesis.of("prod").template)
    arn = machine["States"]["Report"]["Parameters"]["FunctionName"]
    assert arn == f"arn:{partition}:lambda:eu-west-3:123456789012:function:run-report-prod"
    assert findings({"prod": machine}) == ""


def slices(machine: dict[str, Any]) -> dict[str, Any]:
    """The innermost states: those that archive one video in slices."""
    batches = machine["States"]["EachBatch"]["ItemProcessor"]["States"]
    states: dict[str, Any] = batches["EachMedia"]["ItemProcessor"]["States"]
    return states


def lead_nowhere(machine: dict[str, Any]) -> None:
    machine["States"]["Authenticate"]["Next"] = "Nowhere"


def catch_to_nowhere_within_both_maps(machine: dict[str, Any]) -> None:
    slices(machine)["DownloadSlice"]["Catch"][0]["Next"] = "Nowhere"


def leave_a_state_that_nothing_reaches(machine: dict[str, Any]) -> None:
    machine["States"]["Forgotten"] = {"Type": "Succeed"}


def misspell_a_field(machine: dict[str, Any]) -> None:
    machine["States"]["ListMedia"]["ResultPaht"] = "$.listing"


def give_a_path_that_is_none(machine: dict[str, Any]) -> None:
    slices(machine)["RecordFailure"]["Parameters"]["Payload"]["error.$"] = "error"


def misspell_an_intrinsic_function(machine: dict[str, Any]) -> None:
    machine["States"]["EachBatch"]["ResultWriter"]["Parameters"]["Prefix.$"] = "States.Fromat('runs/{}', $.run_id)"


def name_two_states_alike(machine: dict[str, Any]) -> None:
    slices(machine)["Report"] = {"Type": "Pass", "End": True}


def give_an_error_twice(machine: dict[str, Any]) -> None:
    machine["States"]["RunFailed"]["Error"] = "RunFailed"


def leave_no_way_on(machine: dict[str, Any]) -> None:
    del machine["States"]["Authenticate"]["Next"]


def retry_a_negative_number_of_times(machine: dict[str, Any]) -> None:
    slices(machine)["DownloadSlice"]["Retry"][0]["MaxAttempts"] = -1


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (lead_nowhere, "MISSING_TRANSITION_TARGET: Missing 'StartAt'|'Next'|'Default' target: Nowhere"),
        (catch_to_nowhere_within_both_maps, "MISSING_TRANSITION_TARGET: State RenewForDownload is not reachable"),
        (leave_a_state_that_nothing_reaches, "MISSING_TRANSITION_TARGET: State Forgotten is not reachable"),
        (misspell_a_field, "SCHEMA_VALIDATION_FAILED: /States/ListMedia is invalid"),
        (give_a_path_that_is_none, "/Parameters/Payload/error.$ is invalid"),
        (misspell_an_intrinsic_function, "/States/EachBatch/ResultWriter/Parameters/Prefix.$ is invalid"),
        (name_two_states_alike, "DUPLICATE_STATE_NAMES: A state with this name already exists: Report"),
        (give_an_error_twice, 'FAIL_ERROR_PROPERTY: State "RunFailed"'),
        (leave_no_way_on, "TERMINAL_STATE_WITH_NEXT"),
        (retry_a_negative_number_of_times, "/Retry/0/MaxAttempts is invalid. must be >= 0"),
    ],
)
def test_a_broken_definition_is_refused_and_the_place_named(
    machine: dict[str, Any], spoil: Callable[[dict[str, Any]], None], finding: str
) -> None:
    broken = copy.deepcopy(machine)
    spoil(broken)
    found = findings({"fine": machine, "broken": broken})
    assert 'definition "broken.asl.json" is invalid' in found and finding in found
    assert "fine.asl.json" not in found


def test_make_check_runs_the_validator_and_fails_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    style = (ROOT / "Makefile").read_text().partition("\nstyle: ")[2].partition("\n\n")[0]
    assert "\tpython -m tools.definition_check" in style.splitlines()

    def broken(template: dict[str, Any], name: str) -> dict[str, Any]:
        machine = deployed(template, name)
        machine["States"][machine["StartAt"]]["Next"] = "Nowhere"
        return machine

    monkeypatch.setattr(definition_check, "ENVIRONMENTS", {"dev": None})
    monkeypatch.setattr(definition_check, "deployed", broken)
    assert definition_check.main() == 1
    assert "target: Nowhere" in capsys.readouterr().out


def test_a_missing_validator_fails_the_check_and_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(definition_check, "VALIDATOR", "no-such-validator")
    assert definition_check.main() == 2
    assert "no-such-validator is not installed: run `make setup`" in capsys.readouterr().err


def test_a_validator_that_breaks_off_is_not_taken_for_one_that_found_nothing(
    monkeypatch: pytest.MonkeyPatch, machine: dict[str, Any]
) -> None:
    monkeypatch.setattr(definition_check, "_arguments", lambda files: ["--no-such-option"])
    monkeypatch.setattr(definition_check, "VALIDATOR", "node")  # status 9: it does not know the option
    with pytest.raises(RuntimeError, match="node could not work"):
        findings({"dev": machine})


def test_a_placeholder_without_substitution_is_refused(synthesis: Synthesis) -> None:
    template = copy.deepcopy(synthesis.of("dev").template)
    machines = (
        r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::StepFunctions::StateMachine"
    )
    (properties,) = (one for one in machines if one["StateMachineName"] == "gopro-sync-orchestrator")
    del properties["DefinitionSubstitutions"]["RunReport"]
    with pytest.raises(ValueError, match=r"no substitution for \$\{RunReport\}\.$"):
        deployed(template)
    properties["DefinitionSubstitutions"]["RunReport"] = {"Fn::ImportValue": "elsewhere"}
    with pytest.raises(ValueError, match="cannot read that yet"):
        deployed(template)


def test_the_deployed_definition_is_that_of_the_template_with_arns_and_names(
    synthesis: Synthesis, machine: dict[str, Any]
) -> None:
    text = json.dumps(machine)
    assert "${" not in text and text.count("arn:aws:lambda:eu-west-3:123456789012:function:") == 15
    assert machine["States"]["EachBatch"]["MaxConcurrency"] == synthesis.of("dev").config.max_concurrency
