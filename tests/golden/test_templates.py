"""The templates are those that were accepted. `make golden` accepts the ones of today; review what it changes."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.golden.accepted import Template, accepted, named_for, path, text_to_accept
from tests.golden.differences import differences
from tests.golden.json_text import pretty
from tests.synthesis import ENVIRONMENTS, Synthesis, Synthesised

# The key of an asset is the hash of its content, so it changes with every change of a function or of the layer.
ASSET = re.compile(r"[0-9a-f]{64}\.zip")


def readable(stack: Synthesised) -> Template:
    """The template, in which JSON that CloudFormation takes as one long text is JSON again."""
    template: Template = json.loads(ASSET.sub("<asset>.zip", json.dumps(stack.template)))
    template["Metadata"]["CloudSync"]["version"] = "<version>"
    for resource in template["Resources"].values():
        for name in ("DefinitionString", "DashboardBody"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = json.loads(flat(resource["Properties"][name]))
    return template


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
    raise AssertionError(f"the golden test cannot read this intrinsic function yet: {value}")


def diff(expected: Template, actual: Template, environment: str) -> str:
    """A unified diff of the two templates in full."""
    texts = [pretty(template).splitlines() for template in (expected, actual)]
    return "\n".join(difflib.unified_diff(*texts, f"{environment} accepted", f"{environment} today", lineterm="", n=4))


def changed_lines(expected: Template, actual: Template) -> list[str]:
    lines = diff(expected, actual, "dev").splitlines()[2:]
    return [line[0] + line[1:].strip() for line in lines if line[0] in "+-"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_template_is_the_one_that_was_accepted(
    synthesis: Synthesis, environment: str, request: pytest.FixtureRequest
) -> None:
    actual, dev = readable(synthesis.of(environment)), readable(synthesis.of("dev"))
    if request.config.getoption("--accept-golden"):
        path("dev").write_text(text_to_accept("dev", dev, dev), encoding="utf-8")
        path(environment).write_text(text_to_accept(environment, actual, dev), encoding="utf-8")
    expected = accepted(environment)
    if pretty(actual) != pretty(expected):
        pytest.fail(
            f"{diff(expected, actual, environment)}\n\nIf this change is intended, accept it with: make golden",
            pytrace=False,
        )
    assert path(environment).read_text(encoding="utf-8") == text_to_accept(environment, actual, dev)


def test_staging_is_dev_under_other_names() -> None:
    assert differences(named_for("staging", accepted("dev")), accepted("staging")) == []


@pytest.mark.parametrize(
    ("name", "without_suffix"),
    [
        ("gopro-sync-tracker-staging", "gopro-sync-tracker"),
        ("cloud-sync-staging/Last night", "cloud-sync/Last night"),
        ("the queue gopro-sync-dlq-staging", "the queue gopro-sync-dlq"),
    ],
)
def test_a_name_that_lacks_the_suffix_of_its_environment_is_a_difference(name: str, without_suffix: str) -> None:
    template = json.dumps(accepted("staging"))
    assert name in template
    (change,) = differences(accepted("staging"), json.loads(template.replace(name, without_suffix)))
    assert change["to"] == change["from"].replace(name, without_suffix)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_change_is_shown_as_a_diff_of_few_lines(synthesis: Synthesis, environment: str) -> None:
    changed = readable(synthesis.of(environment, downloader_memory_mb="1024"))
    assert changed_lines(accepted(environment), changed) == [
        '-"downloader_memory_mb": 512,', '+"downloader_memory_mb": 1024,', '-"MemorySize": 512,', '+"MemorySize": 1024,'
    ]  # fmt: skip


def test_a_change_within_the_definition_or_the_dashboard_is_shown_on_its_own_line(synthesis: Synthesis) -> None:
    changed = readable(synthesis.of("dev", max_concurrency="9"))
    assert changed_lines(accepted("dev"), changed) == [
        '-"max_concurrency": 3,', '+"max_concurrency": 9,', '-"MaxConcurrency": 3,', '+"MaxConcurrency": 9,'
    ]  # fmt: skip


def test_what_depends_on_the_machine_or_on_the_code_is_masked(synthesis: Synthesis) -> None:
    text = pretty(readable(synthesis.of("dev")))
    assert text.count("<asset>.zip") == 12  # ten functions and two layers
    assert not re.search(r"[0-9a-f]{20}", text)
    assert str(Path.home()) not in text
