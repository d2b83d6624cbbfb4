"""The templates are the accepted ones. `make golden` accepts the present ones; review them like any other change."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.synthesis import ENVIRONMENTS, Synthesis, Synthesised

GOLDEN = Path(__file__).with_name("templates")

# An asset's key is the hash of its content, so that it changes with each change of a function or of the layer.
ASSET = re.compile(r"[0-9a-f]{64}\.zip")


def readable(stack: Synthesised) -> str:
    """The template, pretty-printed, with the JSON that CloudFormation takes as one long text expanded."""
    template = json.loads(ASSET.sub("<asset>.zip", json.dumps(stack.template)))
    for resource in template["Resources"].values():
        for name in ("DefinitionString", "DashboardBody"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = json.loads(flat(resource["Properties"][name]))
    return json.dumps(template, indent=2, sort_keys=True) + "\n"


def flat(value: Any) -> str:
    """A text with its references in angle brackets. No two values of one shape become the same text."""
    match value:
        case str(text):
            return text
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(flat(part) for part in parts)
    raise AssertionError(f"the golden test does not support this intrinsic function yet: {value}")


def difference(expected: str, actual: str, environment: str) -> str:
    lines = difflib.unified_diff(
        expected.splitlines(), actual.splitlines(), "golden", f"{environment} today", lineterm="", n=4
    )
    return "\n".join(lines)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_template_is_the_one_that_was_accepted(
    synthesis: Synthesis, environment: str, request: pytest.FixtureRequest
) -> None:
    actual = readable(synthesis.of(environment))
    golden = GOLDEN / f"{environment}.json"
    if request.config.getoption("--accept-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(actual, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8")
    if actual != expected:
        pytest.fail(
            f"{difference(expected, actual, environment)}\n\nIf the change is intended, accept it with: make golden",
            pytrace=False,
        )


def test_a_difference_is_shown_as_a_diff_of_few_lines(synthesis: Synthesis) -> None:
    accepted = readable(synthesis.of("dev"))
    changed = readable(synthesis.of("dev", downloader_memory_mb="1024"))
    lines = [line for line in difference(accepted, changed, "dev").splitlines() if line[0] in "+-"]
    assert lines == ["--- golden", "+++ dev today", '-        "MemorySize": 512,', '+        "MemorySize": 1024,']


def test_a_change_within_the_definition_or_the_dashboard_is_shown_on_its_own_line(synthesis: Synthesis) -> None:
    accepted = readable(synthesis.of("dev"))
    changed = readable(synthesis.of("dev", max_concurrency="9"))
    lines = [line.strip() for line in difference(accepted, changed, "dev").splitlines() if line[0] in "+-"]
    assert [line.replace(" ", "") for line in lines[2:]] == ['-"MaxConcurrency":3,', '+"MaxConcurrency":9,']


def test_what_depends_on_the_machine_or_on_the_code_is_masked(synthesis: Synthesis) -> None:
    text = readable(synthesis.of("dev"))
    assert text.count("<asset>.zip") == 8  # seven functions and the layer
    assert not re.search(r"[0-9a-f]{20}", text)
    assert str(Path.home()) not in text
