"""The quarterly restore drill in the stack: nothing of it where it is off, the least that it needs where it is on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloud_sync.definition import SLOW_RETRY, STANDARD_RETRY, drill_definition
from tests.synthesis import Synthesis, Synthesised
from tests.unit.state_machine import defects, states, substitutions
from tests.unit.test_stack_permissions import STATES, TRACE, WRITE_LOG

MACHINE = drill_definition()
TASKS = {name: state for name, state in states(MACHINE).items() if "FunctionName" in state.get("Parameters", {})}


@pytest.fixture(scope="module")
def on(synthesis: Synthesis) -> Synthesised:
    return synthesis.of("dev", restore_drill_quarterly="true", detailed_monitoring="true")


def machine_of(stack: Synthesised) -> dict[str, Any]:
    properties: dict[str, Any] = stack.named("AWS::StepFunctions::StateMachine", "gopro-sync-restore-drill")[
        "Properties"
    ]
    return properties


def test_it_is_off_where_nobody_has_asked_for_it(synthesis: Synthesis) -> None:
    names = json.dumps(synthesis.of("dev").template["Resources"])
    assert "restore-drill" not in names and "restore-prover" not in names


def test_each_quarter_it_starts_by_day_and_with_the_schedule_of_runs_alone(
    synthesis: Synthesis, on: Synthesised
) -> None:
    schedule = on.named("AWS::Scheduler::Schedule", "gopro-sync-restore-drill")["Properties"]
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("cron(30 15 1 1,4,7,10 ? *)", "ENABLED")
    assert on.text(schedule["Target"]["Arn"]) == "<gopro-sync-restore-drill>"
    assert on.text(schedule["Target"]["DeadLetterConfig"]["Arn"]) == "<gopro-sync-schedule-dlq>"
    silent = synthesis.of("dev", restore_drill_quarterly="true", schedule_enabled="false")
    schedule = silent.named("AWS::Scheduler::Schedule", "gopro-sync-restore-drill")["Properties"]
    assert schedule["State"] == "DISABLED"


def test_every_state_is_reachable_and_every_substitution_is_made(on: Synthesised) -> None:
    machine = machine_of(on)
    assert defects(MACHINE) == []
    assert substitutions(json.dumps(MACHINE)) == set(machine["DefinitionSubstitutions"])
    assert substitutions(machine["DefinitionString"]) == set(machine["DefinitionSubstitutions"])


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_is_retried_and_waits_a_minute_longer_than_its_function(name: str, on: Synthesised) -> None:
    deployed = json.loads(machine_of(on)["DefinitionString"])["States"][name]
    assert deployed["TimeoutSeconds"] == on.function("restore-prover")["Timeout"] + 60
    assert TASKS[name]["Retry"] == [STANDARD_RETRY, SLOW_RETRY]


def test_whatever_fails_is_said_by_a_mail_and_only_what_is_proven_succeeds() -> None:
    caught = {name: [one["Next"] for one in state.get("Catch", [])] for name, state in MACHINE["States"].items()}
    assert caught["DrawAnOriginal"] == caught["Prove"] == ["GiveUp"]
    assert caught["HaveItThawed"] == ["Prove"], "the job says what has become of it"
    assert MACHINE["States"]["GiveUp"]["Next"] == "GivenUp"
    ends = {name: state["Type"] for name, state in MACHINE["States"].items() if state["Type"] in ("Fail", "Succeed")}
    assert ends == {"NothingToProve": "Succeed", "Proven": "Succeed", "NotProven": "Fail", "GivenUp": "Fail"}


def test_the_function_reads_originals_and_changes_none(on: Synthesised) -> None:
    assert on.policy_of(on.function("restore-prover")["Role"]) == {
        "</aws/lambda/restore-prover>": WRITE_LOG,
        "*": TRACE,
        "<gopro-sync-tracker>": {
            "dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan",
            "dynamodb:UpdateItem",
        },
        "<archive>": {"s3:ListBucket"},
        "<archive>/gopro/*": {"s3:GetObject", "s3:GetObjectVersion"},
        "<work>/certificates/*": {"s3:PutObject"},
        "<gopro-sync-alerts>": {"sns:Publish"},
    }  # fmt: skip


def test_no_other_function_reads_a_version_of_an_original(on: Synthesised) -> None:
    readers = {
        role["Ref"]
        for policy in on.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for role in policy["Properties"]["Roles"]
        if "s3:GetObjectVersion" in statement["Action"]
    }
    functions = {one["Properties"]["Role"]["Fn::GetAtt"][0] for one in on.resources("AWS::Lambda::Function").values()}
    assert readers & functions == {on.function("restore-prover")["Role"]["Fn::GetAtt"][0]}


def test_the_state_machine_invokes_its_function_and_runs_the_restorer(on: Synthesised) -> None:
    granted = on.policy_of(machine_of(on)["RoleArn"])
    assert granted["<restore-prover>"] == {"lambda:InvokeFunction"}
    assert granted[f"{STATES}:stateMachine:gopro-sync-restorer"] == {"states:StartExecution"}
    assert granted[f"{STATES}:execution:gopro-sync-restorer:*"] == {"states:DescribeExecution", "states:StopExecution"}
    assert not any("s3" in action for actions in granted.values() for action in actions)


def test_its_function_has_an_alarm_with_detailed_monitoring(synthesis: Synthesis, on: Synthesised) -> None:
    assert on.named("AWS::CloudWatch::Alarm", "gopro-sync-errors-RestoreProver")
    plain = synthesis.of("dev", restore_drill_quarterly="true")
    assert not [one for one in plain.resources("AWS::CloudWatch::Alarm") if "RestoreProver" in one]
