"""Validates the state machine definitions of every environment, as its template deploys them, with asl-validator.

    python -m tools.definition_check

asl-validator (npm) shares no code with the CDK, cfn-lint and the emulator. It finds transitions to states that do not
exist, states that nothing reaches, fields that a state does not have, and paths that are not JSONPath.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aws_cdk as cdk

from cloud_sync.cloud_sync_stack import CloudSyncStack
from cloud_sync.config import ENVIRONMENTS, Config

ROOT = Path(__file__).resolve().parents[1]
VALIDATOR = "asl-validator"
MACHINES = ("gopro-sync-orchestrator", "gopro-sync-restorer")  # the names, without the suffix of an environment

# Stand for what only CloudFormation knows. Region and account are in no rule that is checked.
PSEUDO_PARAMETERS = {"AWS::Partition": "aws", "AWS::Region": "eu-west-3", "AWS::AccountId": "123456789012"}


def main() -> int:
    """Prints what asl-validator finds. Returns the exit status: 0 if that is nothing."""
    if shutil.which(VALIDATOR) is None:
        print(f"{VALIDATOR} is not installed: run `make setup`, then try again.", file=sys.stderr)
        return 2
    with TemporaryDirectory() as folder:
        synthesised = {name: template(name, Path(folder)) for name in ENVIRONMENTS}
        found = findings(
            {f"{name}-{machine}": deployed(synthesised[name], machine) for name in synthesised for machine in MACHINES}
        )
    print(found or f"{VALIDATOR}: the state machine definitions are valid in {', '.join(ENVIRONMENTS)}")
    return 1 if found else 0


def template(environment: str, folder: Path) -> dict[str, Any]:
    """The template of an environment, synthesised below `folder` without a copy of its assets."""
    flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    # dev, staging and prod run on a schedule, so someone has to be told; who that is does not concern the definition.
    values = {"environment": environment, "alert_email": "somebody@example.org", "aws:cdk:disable-asset-staging": True}
    app = cdk.App(context=flags | values, outdir=str(folder / environment))
    config = Config.from_context(app.node.get_all_context())
    CloudSyncStack(app, config.stack_name, config=config)
    synthesised: dict[str, Any] = app.synth().get_stack_by_name(config.stack_name).template
    return synthesised


def deployed(template: dict[str, Any], name: str = MACHINES[0]) -> dict[str, Any]:
    """The definition of a machine that Step Functions gets: that of the template, with its substitutions made as
    CloudFormation makes them. Raises ValueError if one is missing, or has a value that this function cannot read."""
    resources = template["Resources"]
    machines = (r["Properties"] for r in resources.values() if r["Type"] == "AWS::StepFunctions::StateMachine")
    (machine,) = (one for one in machines if one["StateMachineName"].startswith(name))
    text: str = machine["DefinitionString"]
    for placeholder, value in machine["DefinitionSubstitutions"].items():
        text = text.replace(f"${{{placeholder}}}", _value(value, resources))
    if "${" in text:
        raise ValueError(f"the template has no substitution for {text[text.index('${') :].partition('}')[0]}}}.")
    definition: dict[str, Any] = json.loads(text)
    return definition


def _value(value: Any, resources: dict[str, Any]) -> str:
    """The ARN of a function, the name of a bucket or a pseudo parameter: what the substitutions refer to."""
    match value:
        case {"Fn::GetAtt": [str(name), "Arn"]} if resources[name]["Type"] == "AWS::Lambda::Function":
            arn = "arn:{AWS::Partition}:lambda:{AWS::Region}:{AWS::AccountId}:function:"
            for parameter, stands_for in PSEUDO_PARAMETERS.items():
                arn = arn.replace(f"{{{parameter}}}", stands_for)
            return arn + str(resources[name]["Properties"]["FunctionName"])
        case {"Ref": str(name)} if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        case {"Ref": str(name)} if resources[name]["Type"] == "AWS::S3::Bucket":
            return name.lower()  # CloudFormation makes the bucket's name from its logical id
    raise ValueError(f"a substitution of the definition is {value}: tools/definition_check.py cannot read that yet.")


def findings(definitions: dict[str, dict[str, Any]]) -> str:
    """What asl-validator says about these definitions, each by a name; empty if it accepts them all. Raises
    RuntimeError if it could not work."""
    with TemporaryDirectory() as folder:
        files = [Path(folder, f"{name}.asl.json") for name in definitions]
        for file, definition in zip(files, definitions.values(), strict=True):
            file.write_text(json.dumps(definition), encoding="utf-8")
        done = subprocess.run([VALIDATOR, *_arguments(files)], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{VALIDATOR} could not work: {done.stderr.strip() or done.stdout.strip()}")
        return done.stderr.replace(f"{folder}/", "").strip() if done.returncode else ""


def _arguments(files: Iterable[Path]) -> list[str]:
    return [argument for file in files for argument in ("--json-path", str(file))]


if __name__ == "__main__":
    sys.exit(main())
