"""cfn-lint and cdk-nag report nothing, except what is accepted with a reason, here or in the code."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aws_cdk import Acknowledgment, Stack
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import ManualArgs, lint
from cfnlint.helpers import REGIONS as ALL_REGIONS
from constructs import IConstruct

from tests.synthesis import ENVIRONMENTS, Synthesis, Synthesised, new_app

# Rules of cfn-lint that are ignored, with the reason.
CFN_LINT_IGNORES = {
    "W3005": "The CDK writes DependsOn for a role in addition to GetAtt; the second dependency changes nothing."
}
REGIONS = ["eu-west-3", "us-east-1"]

each_environment = pytest.mark.parametrize("environment", ENVIRONMENTS)


def cfn_lint(template: dict[str, Any], *, ignored: bool = True, regions: list[str] = REGIONS) -> list[tuple[str, str]]:
    """The errors and warnings, each with its rule.

    cfn-lint's rules for a definition (E3601) know the partition aws only and do not read its substitutions, so they see
    the definition as it is deployed there.
    """
    template = copy.deepcopy(template)
    for machine in resources_of(template, "AWS::StepFunctions::StateMachine"):
        machine["DefinitionString"] = machine["DefinitionString"].replace("${Partition}", "aws")
        del machine["DefinitionSubstitutions"]["Partition"]
    config = ManualArgs(ignore_checks=list(CFN_LINT_IGNORES) if ignored else [], regions=regions)
    return [(match.rule.id, match.message) for match in lint(json.dumps(template), config=config)]


def nag(scope: IConstruct) -> set[tuple[str, str]]:
    """The findings of cdk-nag that are not acknowledged: the rule and the path of the construct."""
    report = AwsSolutionsChecks().validate_scope(scope)
    return {
        (found.rule_name, str(at.construct_path)) for found in report.violations for at in found.violating_resources
    }


@each_environment
def test_cfn_lint_reports_neither_an_error_nor_a_warning(synthesis: Synthesis, environment: str) -> None:
    assert cfn_lint(synthesis.of(environment).template) == []


def test_an_environment_with_everything_switched_on_fits_every_region_that_cfn_lint_knows(
    synthesis: Synthesis,
) -> None:
    everything = synthesis.of("prod", object_lock_days="30", monthly_budget_usd="20", alert_email="owner@example.org")
    assert cfn_lint(everything.template, regions=ALL_REGIONS) == []


def test_cfn_lint_finds_a_budget_in_a_region_that_has_none(synthesis: Synthesis) -> None:
    template = copy.deepcopy(synthesis.of("dev", monthly_budget_usd="20", alert_email="owner@example.org").template)
    (budget,) = (r for r in template["Resources"].values() if r["Type"] == "AWS::Budgets::Budget")
    del budget["Condition"]
    assert {rule for rule, _ in cfn_lint(template, regions=["eu-north-1"])} >= {"E3006"}


def test_every_ignored_rule_of_cfn_lint_is_still_needed(synthesis: Synthesis) -> None:
    found = {rule for rule, _ in cfn_lint(synthesis.of("dev").template, ignored=False)}
    assert found == set(CFN_LINT_IGNORES)


def misname_a_property(template: dict[str, Any]) -> None:
    resources_of(template, "AWS::S3::Bucket")[0]["Versioning"] = {"Status": "Enabled"}


def misspell_a_state(template: dict[str, Any]) -> None:
    machines = resources_of(template, "AWS::StepFunctions::StateMachine")
    machine = next(one for one in machines if one["StateMachineName"] == "gopro-sync-orchestrator")
    definition = json.loads(machine["DefinitionString"])
    definition["States"]["ListMedia"]["ResultPaht"] = "$.listing"
    machine["DefinitionString"] = json.dumps(definition)


def resources_of(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in template["Resources"].values() if resource["Type"] == kind]


@pytest.mark.parametrize(("spoil", "rule"), [(misname_a_property, "E3002"), (misspell_a_state, "E3601")])
def test_cfn_lint_finds_a_defect_of_the_template_and_of_the_definition(
    synthesis: Synthesis, spoil: Callable[[dict[str, Any]], None], rule: str
) -> None:
    template = copy.deepcopy(synthesis.of("dev").template)
    spoil(template)
    assert {found for found, _ in cfn_lint(template)} == {rule}


@each_environment
def test_cdk_nag_reports_nothing_that_is_not_acknowledged(synthesis: Synthesis, environment: str) -> None:
    assert nag(synthesis.of(environment).app) == set()


def test_the_watch_of_a_weekly_schedule_has_no_findings_either(synthesis: Synthesis) -> None:
    watched = synthesis.of("dev", schedule="rate(7 days)")
    assert (cfn_lint(watched.template), nag(watched.app)) == ([], set())


def test_drills_of_each_quarter_are_accepted_as_the_rest_is(synthesis: Synthesis) -> None:
    drills = synthesis.of("dev", restore_drill_quarterly="true")
    assert (cfn_lint(drills.template), nag(drills.app)) == ([], set())


def test_cdk_nag_finds_an_unencrypted_queue(tmp_path: Path) -> None:
    probe = Stack(new_app(tmp_path), "Probe")
    sqs.Queue(probe, "Queue", encryption=sqs.QueueEncryption.UNENCRYPTED)
    assert {rule for rule, _ in nag(probe)} >= {"AwsSolutions-SQS2", "AwsSolutions-SQS4"}


def test_every_acknowledgement_is_of_a_finding_and_has_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledged: dict[tuple[str, str], str] = {}

    def record_only(scope: IConstruct) -> SimpleNamespace:
        def record(acknowledgment: Acknowledgment) -> None:
            acknowledged[acknowledgment.id, scope.node.path] = acknowledgment.reason

        return SimpleNamespace(acknowledge=record)

    monkeypatch.setattr("cloud_sync.nag_suppressions.Validations.of", record_only)
    found = nag(Synthesised(new_app(tmp_path, environment="dev")).app)

    def is_found(rule: str, path: str) -> bool:
        return any(rule == one and at.startswith(path) for one, at in found)

    assert [place for place in acknowledged if not is_found(*place)] == []
    assert all(len(reason.split()) >= 6 and reason.endswith(".") for reason in acknowledged.values())
    assert len(acknowledged) == 25


@each_environment
def test_cdks_own_validation_reports_nothing(synthesis: Synthesis, environment: str) -> None:
    report = json.loads((Path(synthesis.of(environment).assembly.directory) / "validation-report.json").read_text())
    assert report["pluginReports"] == []
