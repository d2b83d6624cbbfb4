"""frame-maker in the stack: it may do nothing, knows no resource, and alone has the decoders."""

from __future__ import annotations

import pytest

from tests.synthesis import Synthesis, Synthesised


@pytest.fixture(scope="module")
def stack(synthesis: Synthesis) -> Synthesised:
    return synthesis.of("dev")


def test_its_role_writes_its_own_log_and_traces_and_nothing_else(stack: Synthesised) -> None:
    assert stack.policy_of(stack.function("frame-maker")["Role"]) == {
        "</aws/lambda/frame-maker>": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "*": {"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
    }


def test_it_knows_the_name_of_no_resource(stack: Synthesised) -> None:
    variables = stack.function("frame-maker")["Environment"]["Variables"]
    assert variables and all(name.startswith("POWERTOOLS_") and isinstance(variables[name], str) for name in variables)


def test_it_alone_has_the_decoders(stack: Synthesised) -> None:
    functions = [one["Properties"] for one in stack.resources("AWS::Lambda::Function").values()]
    layers = {one["FunctionName"]: len(one["Layers"]) for one in functions if "FunctionName" in one}
    assert layers.pop("frame-maker") == 2 and set(layers.values()) == {1}


def test_without_frames_there_is_neither_the_function_nor_its_layer(synthesis: Synthesis) -> None:
    without = synthesis.of("dev", catalogue_frames="false")
    assert len(without.resources("AWS::Lambda::LayerVersion")) == 1
    assert "frame-maker" not in str(without.template)
