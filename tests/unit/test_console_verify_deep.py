"""The commands of docs/console.md that have S3 compute checksums anew: the shell and AWS's description take them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests.synthesis import ROOT

AWS = """#!{python}
import json, sys
with open({calls!r}, "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
print("123456789012" if "get-caller-identity" in sys.argv else "a-bucket")
"""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The options of each call by its operation, as the shell hands them over to `aws`."""
    page = (ROOT / "docs" / "console.md").read_text()
    (commands,) = re.findall(r"### Checksums computed anew\n.*?```bash\n(.*?)```", page, re.S)
    folder = tmp_path_factory.mktemp("bin")
    program, record = folder / "aws", folder / "calls"
    program.write_text(AWS.format(python=sys.executable, calls=str(record)))
    program.chmod(0o755)
    subprocess.run(["/bin/bash", "-euc", commands], check=True, env={"PATH": f"{folder}:/usr/bin:/bin"}, timeout=60)
    return {words[1]: options_of(words[2:]) for words in map(json.loads, Path(record).read_text().splitlines())}


def options_of(words: list[str]) -> dict[str, str]:
    found, name = {}, ""
    for word in words:
        if word.startswith("--"):
            name = word
            found[name] = ""
        else:
            found[name] = word
    return found


def test_the_job_is_one_that_aws_describes(calls: dict[str, dict[str, str]]) -> None:
    given = calls["create-job"]
    parameters: dict[str, Any] = {
        "AccountId": given["--account-id"],
        "ConfirmationRequired": "--no-confirmation-required" not in given,
        "ClientRequestToken": "the command line makes one",
        "Priority": int(given["--priority"]),
        "RoleArn": given["--role-arn"],
        "Operation": json.loads(given["--operation"]),
        "ManifestGenerator": json.loads(given["--manifest-generator"]),
        "Report": json.loads(given["--report"]),
    }
    model = botocore.session.get_session().get_service_model("s3control").operation_model("CreateJob").input_shape
    assert ParamValidator().validate(parameters, model).generate_report() == ""
    operation = model.members["Operation"].members["S3ComputeObjectChecksum"]
    chosen = parameters["Operation"]["S3ComputeObjectChecksum"]
    assert chosen["ChecksumAlgorithm"] in operation.members["ChecksumAlgorithm"].enum
    assert chosen["ChecksumType"] in operation.members["ChecksumType"].enum
    assert parameters["Report"]["ReportScope"] in model.members["Report"].members["ReportScope"].enum
    generator = parameters["ManifestGenerator"]["S3JobManifestGenerator"]
    assert generator["SourceBucket"] == parameters["Report"]["Bucket"] == "arn:aws:s3:::a-bucket"


def test_the_role_can_be_assumed_by_batch_operations_alone_and_write_only_its_report(
    calls: dict[str, dict[str, str]],
) -> None:
    (trusted,) = json.loads(calls["create-role"]["--assume-role-policy-document"])["Statement"]
    assert trusted["Principal"] == {"Service": "batchoperations.s3.amazonaws.com"}
    assert trusted["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    statements = json.loads(calls["put-role-policy"]["--policy-document"])["Statement"]
    (written,) = [one["Resource"] for one in statements if one["Action"] == "s3:PutObject"]
    report = json.loads(calls["create-job"]["--report"])
    assert written == f"{report['Bucket']}/{report['Prefix']}/*"
    assert calls["create-job"]["--role-arn"].endswith(f":role/{calls['create-role']['--role-name']}")
