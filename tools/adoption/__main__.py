"""`python -m tools.adoption ENVIRONMENT`: takes what a deleted stack of that environment left behind up into a new one.

It finds the archive, the work bucket, the ledger, the secret, the key and the audit bucket, and runs `cdk import` with
them. It changes none of them. `cdk deploy` then creates everything else.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools.adoption.left_behind import AdoptionError, Choice, LeftBehind
from tools.adoption.stack_template import StackTemplate, retain

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 when the stack has been created from what was found, or 1 after one sentence that says why not."""
    options = _options(arguments)
    try:
        _adopt(options)
    except AdoptionError as error:
        return _failed(str(error))
    except ClientError as error:
        return _failed(f"AWS refused {error.operation_name} with {error.response['Error']['Code']}. It needs the same "
                       "rights as `cdk deploy`.")  # fmt: skip
    except BotoCoreError as error:
        return _failed(f"AWS was not reached ({type(error).__name__}). `aws sts get-caller-identity` must work first.")
    return 0


def _failed(sentence: str) -> int:
    print(f"adoption: {sentence}", file=sys.stderr)
    return 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.adoption", description=__doc__)
    parser.add_argument("environment", help="dev, staging or prod")
    parser.add_argument("-c", "--context", action="append", default=[], help="a value as for `cdk deploy`: name=value")
    parser.add_argument("--archive", help="the archive bucket, where several were left behind")
    parser.add_argument("--audit", help="the audit bucket, where several were left behind")
    parser.add_argument("--incomplete", action="store_true", help="let a part that is missing begin empty")
    parser.add_argument("--list", action="store_true", help="only show what would be taken up")
    return parser.parse_args(arguments)


def _adopt(options: argparse.Namespace) -> None:
    context = [f"--context=environment={options.environment}", *(f"--context={value}" for value in options.context)]
    assembly = ROOT / "cdk.out" / f"adoption-{options.environment}"
    _cdk("synth", "--quiet", f"--output={assembly}", *context)
    template = StackTemplate.read(assembly)
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # which the CDK reads first, and boto3 does not
    if session.region_name is None:
        raise AdoptionError("no region is set. Set AWS_REGION to the one in which the stack was.")

    def client(service: str) -> Any:
        return session.client(service)  # type: ignore[call-overload]

    choice = Choice(options.archive, options.audit, options.incomplete)
    left = LeftBehind(client, session.region_name, template, choice)
    in_the_way, mapping = left.stack_to_delete(), left.mapping()
    for logical_id, identifier in mapping.items():
        print(f"{template.resources[logical_id]['Type']}: {', '.join(identifier.values())}")
    if options.list:
        return
    if in_the_way:
        _delete_empty_stack(client("cloudformation"), template.stack_name)
    file = assembly / "resource-mapping.json"
    file.write_text(json.dumps(mapping, indent=2), encoding="utf-8")
    retain(assembly, mapping)
    _cdk("import", f"--app={assembly}", f"--resource-mapping={file}")
    again = ["cdk", "deploy", "-c", f"environment={options.environment}"]
    again += [word for value in options.context for word in ("-c", value)]
    print(f"Taken up into {template.stack_name}. Now create everything else: {shlex.join(again)}")


def _delete_empty_stack(cloudformation: Any, stack_name: str) -> None:
    """Deletes a stack whose creation was rolled back, as `cdk deploy` does by itself."""
    cloudformation.delete_stack(StackName=stack_name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack_name)


def _cdk(*arguments: str) -> None:
    """Runs the CDK command line in the project. Raises AdoptionError when it fails; its own output says why."""
    command = shutil.which("cdk")
    if command is None:
        raise AdoptionError(
            "the CDK command line is not on PATH. Run `make setup-deploy`, then `. .venv/bin/activate`."
        )
    if subprocess.run([command, *arguments, "--no-notices"], cwd=ROOT, check=False).returncode != 0:
        raise AdoptionError(f"`cdk {arguments[0]}` failed; its message is above. Nothing that was left behind changed.")


if __name__ == "__main__":
    sys.exit(main())
