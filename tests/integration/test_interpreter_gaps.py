"""Where moto's interpreter differs from AWS, and tests/integration/interpreter.py makes it good.

A test fails when a later version of moto no longer differs: then what makes it good can go.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_sync_common.provider_interface import Filters
from cloud_sync_common.runtime.run_input import Mode
from cloud_sync_common.steps.authenticate import AuthResult, RunToStart

from tests.integration import interpreter
from tests.integration.interpreter import RUN_ID, Call, Failure, play
from tests.integration.scripted_calls import (
    ARCHIVED,
    ONE,
    TWO,
    a_slice,
    as_json,
    authenticate,
    batch,
    ended,
    list_media,
    listed,
    record,
    report_failure,
)
from tests.synthesis import Synthesis
from tools.definition_check import deployed

GIVEN = {"provider": "gopro"}


@pytest.fixture(scope="module")
def definition(synthesis: Synthesis) -> dict[str, Any]:
    return deployed(synthesis.of("dev", max_concurrency="1").template)


def test_the_interpreter_alone_cannot_read_json_lines(
    definition: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_json_lines", nullcontext)
    with pytest.raises(ClientError, match="'JSONL' is not a valid InputTypeValue"):
        play(definition, GIVEN, [])


def test_the_interpreter_alone_lets_a_map_succeed_whose_child_failed(
    definition: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_a_failed_child_fails_its_map", nullcontext)
    found, failure = listed(new=2, batches=2), Failure("ConfigurationError")
    stopped = [batch(ONE, leaves=(ONE,)), a_slice(ONE, failure), record("run", ONE, failure)]
    script = [authenticate(), list_media(found), *stopped, batch(TWO, leaves=(TWO,)), a_slice(TWO, ARCHIVED)]
    execution = play(definition, GIVEN, [*script, *ended(found)], [[ONE], [TWO]])
    assert (execution.status, execution.invoked[-1]) == ("SUCCEEDED", ended(found)[-1].seen)


def test_the_interpreter_alone_looks_for_the_writers_prefix_in_the_results(
    definition: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_writer_reads_the_input", nullcontext)
    found = listed(new=1, batches=1)
    script = [authenticate(), list_media(found), batch(ONE), report_failure()]
    execution = play(definition, GIVEN, script, [[ONE]])
    error = execution.invoked[-1][1]["state"]["error"]
    assert error["Error"] == "States.Runtime" and "'$.run_id' could not be found" in error["Cause"]


def test_the_interpreter_alone_cannot_start_an_execution_by_the_names_of_the_definition(
    definition: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "_names_of_step_functions", nullcontext)
    own = RunToStart(provider="gopro", name="gopro", input=GIVEN)
    result = AuthResult(run_id=RUN_ID, provider="all", filters=Filters(), mode=Mode.SYNC, runs=(own,))
    given = {"provider": "all"}
    asked = Call("media-authenticator", {"run_id": RUN_ID, "input": given}, as_json(result))
    execution = play(definition, given, [asked, Call("run-report", {}, {})])
    (found,) = execution.invoked[-1][1]["runs"]
    assert found["result"] == {"Error": "States.Runtime", "Cause": "'StateMachineArn'"}
