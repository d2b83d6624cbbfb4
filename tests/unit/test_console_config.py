"""`cloudsync config`: what a stack was deployed with, as its template says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cloud_sync_common import __version__

from console import main
from console.errors import Exit
from console.operations import deployed_config
from console.operations.deployed_config import Deployed
from console.stack import Stack
from tests.unit.console_account import stack_of

DEV = {"max_run_gb": 1000, "audit_trail": False, "providers": ["gopro", "dropbox"], "object_lock_days": "none"}


def template(version: str = __version__, **changed: Any) -> dict[str, Any]:
    return {"Metadata": {"CloudSync": {"version": version, "values": DEV | changed}}, "Resources": {}}


@pytest.fixture
def templates(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The template of each environment."""
    found: dict[str, Any] = {"dev": template(), "prod": template(max_run_gb=500, audit_trail=True)}

    def find(_account: object, environment: str) -> Stack:
        def get_template(StackName: str) -> dict[str, Any]:
            return {"TemplateBody": found[StackName.removeprefix("CloudSync-")]}

        stack = stack_of(cloudformation={"get_template": get_template})
        return Stack(stack.account, environment, stack.outputs)

    monkeypatch.setattr(Stack, "find", find)
    return found


def config(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main.main(["config", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("templates")
def test_every_value_is_shown_with_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = config(capsys)
    assert code == Exit.FINE and (found["kind"], found["version"], found["is_current"]) == ("config", 1, True)
    (dev,) = found["environments"]
    assert dev == {"environment": "dev", "version": __version__, "values": DEV}
    assert main.main(["config"]) == Exit.FINE
    printed = capsys.readouterr()
    assert [line.split() for line in printed.out.splitlines()] == [
        ["value", "dev"], ["max_run_gb", "1000"], ["audit_trail", "false"], ["providers", "gopro,dropbox"],
        ["object_lock_days", "none"],
    ]  # fmt: skip
    assert f"Deployed from version {__version__}." in printed.err


@pytest.mark.usefixtures("templates")
def test_environments_are_compared_by_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    _, found = config(capsys, "--compare", "prod")
    assert found["differing"] == ["max_run_gb", "audit_trail"]
    assert main.main(["config", "--compare", "prod"]) == Exit.FINE
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["value", "dev", "prod"], ["max_run_gb", "1000", "500"], ["audit_trail", "false", "true"]
    ]  # fmt: skip
    assert main.main(["config", "--compare", "dev"]) == Exit.FINE
    assert "were deployed with the same values" in capsys.readouterr().out


def test_a_value_that_only_one_of_two_versions_has_differs(
    templates: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    templates["prod"] = template(new_value=7)
    assert config(capsys, "--compare", "prod")[1]["differing"] == ["new_value"]


RELEASES = "# Changelog\n\n## 2.1.0 - 2026-01-04\n\n## 2.0.0 - 2026-01-03\n- of ## 1.5.0\n## 1.1.0 - 2026-01-02\n"


@pytest.mark.parametrize(
    ("clone", "stack", "behind", "words"),
    [
        ("2.1.0", "1.1.0", 2, "The stack is of version 1.1.0, and this clone of 2.1.0, 2 releases later: deploy it"),
        ("2.1.0", "2.0.0", 1, "The stack is of version 2.0.0, and this clone of 2.1.0, 1 release later: deploy it"),
        ("2.0.0", "1.1.0", 1, "this clone of 2.0.0, 1 release later"),
        ("2.1.0", "1.0.0", None, "The stack is of version 1.0.0, and this clone of 2.1.0: deploy it again"),
        ("2.2.0", "2.1.0", None, "and this clone of 2.2.0: deploy it again"),
        ("2.0.0", "2.1.0", None, "and this clone of 2.0.0, which is older: bring this clone up to date"),
        ("2.1.0", "2.1.0", 0, ""),
    ],
)
def test_how_far_a_stack_is_behind_is_counted_in_the_clones_changelog(
    clone: str, stack: str, behind: int | None, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "CHANGELOG.md").write_text(RELEASES)
    monkeypatch.setattr(deployed_config, "_CHANGELOG", tmp_path / "CHANGELOG.md")
    monkeypatch.setattr(deployed_config, "__version__", clone)
    found = deployed_config.age_of(Deployed(environment="dev", version=stack, values={}))
    assert (found.releases_behind, found.clone_version) == (behind, clone)
    assert words in found.text and bool(found.text) is (behind != 0)


def test_without_the_clones_changelog_nothing_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(deployed_config, "_CHANGELOG", tmp_path / "CHANGELOG.md")
    found = deployed_config.age_of(Deployed(environment="dev", version="0.1.0", values={}))
    assert found.releases_behind is None and "later" not in found.text


def test_the_clones_own_changelog_is_found_and_has_its_version() -> None:
    found = deployed_config.age_of(Deployed(environment="dev", version="0.1.0", values={}))
    assert found.releases_behind is not None and found.releases_behind >= 5


@pytest.mark.parametrize(("version", "step"), [("0.0.9", "deploy it again: cdk deploy"), ("99.1.0", "git pull")])
def test_another_version_than_this_clones_needs_attention_and_says_what_to_do(
    templates: dict[str, Any], version: str, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    templates["dev"] = template(version)
    assert main.main(["config"]) == Exit.ATTENTION
    error = capsys.readouterr().err
    assert f"The stack is of version {version}, and this clone of {__version__}" in error and step in error
    assert config(capsys)[1]["is_current"] is False


@pytest.mark.parametrize(
    "body", [{}, {"Metadata": {}}, {"Metadata": {"CloudSync": {"version": 1}}}, "no JSON", "[]", "{}"]
)
def test_a_stack_that_does_not_say_it_is_of_an_earlier_version(
    templates: dict[str, Any], body: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    templates["dev"] = body
    assert main.main(["config"]) == Exit.FAILED
    assert "The stack CloudSync-dev is of an earlier version" in capsys.readouterr().err
