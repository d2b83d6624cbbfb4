"""Runs the AWS commands of the README against the deployed stack: all of its section on troubleshooting, and the way
without `cloudsync`, from storing credentials to trying again what was given up.

The test reads the commands (service, operation, options) with botocore's model of the operation, as the AWS CLI does,
so that a misspelt option or a value of the wrong type fails here too.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
from botocore import xform_name
from botocore.model import OperationModel, Shape

from local.deployment import Deployment
from local.fake_accounts import account_of
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.conftest import output_of
from tests.synthesis import ROOT
from tests.unit.code_rules import commands

# Services with another name in the AWS CLI than in botocore.
SERVICES = {"s3api": "s3"}
NO_ORIGINAL = "65a0f0c2b7e4d1a2c3b4000c"


def section() -> list[str]:
    """The commands of the section, each on one line."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = readme[readme.index("## Troubleshooting") : readme.index("## Develop")]
    return [line for line in commands(text.replace("\\\n", " ")) if line.startswith("aws ")]


def by_hand() -> tuple[list[str], list[str]]:
    """The AWS commands that do what `cloudsync` does, and the values of a secret, as JSON."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = readme[readme.index("### Store credentials") : readme.index("### Get footage back")]
    blocks = re.findall(r"^```bash\n(.*?)^```", text.replace("\\\n", " "), re.M | re.S)  # with every #, as in "#s"
    return re.findall(r"aws [^)\n]+", "".join(blocks)), re.findall(r"```json\n(.*?)```", text, re.S)


def run(deployment: Deployment, command: str) -> dict[str, Any]:
    """The result of one command of the AWS CLI, whatever it makes of that itself."""
    command = re.sub(r"--(query|output) ('[^']*'|\S+)", "", command)
    _, service, verb, *options = shlex.split(command)
    client = deployment.emulator.client(SERVICES.get(service, service))
    method = verb.replace("-", "_")
    operation: OperationModel = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
    members = {xform_name(name, "-"): (name, shape) for name, shape in operation.input_shape.members.items()}
    arguments = {}
    for option, value in zip(options[::2], options[1::2], strict=True):
        name, shape = members[option.removeprefix("--")]
        arguments[name] = typed(shape, value)
    answer: dict[str, Any] = getattr(client, method)(**arguments)
    return answer


def typed(shape: Shape, value: str) -> Any:
    if shape.type_name in ("structure", "map", "list"):
        return json.loads(value)
    return int(value) if shape.type_name in ("integer", "long") else value


def filled(deployment: Deployment, command: str) -> str:
    """The command with real values for its placeholders, which are in capitals."""
    sqs = deployment.emulator.client("sqs")
    values = {
        "BUCKET": deployment.archive_bucket,
        "MEDIA_ID": NO_ORIGINAL,
        "QUEUE_URL": sqs.get_queue_url(QueueName="gopro-sync-dlq")["QueueUrl"],
        "arn:aws:states:REGION:ACCOUNT:stateMachine:gopro-sync-orchestrator": deployment.state_machine_arn,
    }
    for placeholder, value in values.items():
        command = command.replace(placeholder, value)
    assert not re.findall(r"\b(?:REGION|ACCOUNT|KEY)\b", command)
    return command


def find(words: str) -> str:
    (command,) = (line for line in section() if words in line)
    return command


def test_the_section_has_commands_for_all_its_topics() -> None:
    services = [line.split()[1] for line in section()]
    assert set(services) == {"secretsmanager", "logs", "dynamodb", "sqs", "stepfunctions", "s3api", "lambda"}
    assert len(services) == 12


@pytest.mark.parametrize("command", [line for line in section() if "rotate-secret" not in line])
def test_every_command_is_accepted_by_aws(deployment: Deployment, command: str) -> None:
    assert run(deployment, filled(deployment, command))["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_the_cause_of_a_failed_authentication_is_in_the_log(deployment: Deployment, gopro: FakeGoPro) -> None:
    deployment.store_credentials({"provider": "gopro", "access_token": gopro.access_token, "user_id": gopro.user_id})
    gopro.control.expire_access_tokens()
    assert deployment.run()["status"] == "FAILED"
    events = run(deployment, find("filter-log-events"))["events"]
    assert any("CredentialsExpiredError" in event["message"] for event in events)
    described = run(deployment, find("describe-secret"))
    assert described["LastChangedDate"] and "SecretString" not in described


def test_new_credentials_are_tried_at_once(deployment: Deployment, gopro: FakeGoPro) -> None:
    function = deployment.emulator.client("lambda").get_function_configuration(FunctionName="credentials-rotator")
    arn = function["FunctionArn"]  # the rotation schedule sets it, but the local stack has none
    version = run(deployment, f"{find('rotate-secret')} --rotation-lambda-arn {arn}")["VersionId"]
    deployment.wait_for_rotation(version)
    assert gopro.control.stats()["token_refreshes"] == 1


def test_failures_are_found_and_retried_with_these_commands(deployment: Deployment) -> None:
    for _ in range(5):
        deployment.run({"provider": "gopro", "filters": {"media_ids": [NO_ORIGINAL]}})
    (waiting,) = run(deployment, filled(deployment, find("--index-name not-archived")))["Items"]
    assert waiting["error_category"]["S"] == "original_unavailable" and waiting["attempts"]["N"] == "5"
    rows = run(deployment, filled(deployment, find("gopro#MEDIA_ID")))["Items"]
    assert [row["sk"]["S"] for row in rows] == ["ITEM"]
    (message,) = run(deployment, filled(deployment, find("receive-message")))["Messages"]
    again = json.loads(message["Body"])["again"]
    started = run(deployment, filled(deployment, find("start-execution")))
    given = deployment.step_functions.describe_execution(executionArn=started["executionArn"])["input"]
    assert json.loads(given) == again
    assert output_of(deployment.wait(started["executionArn"]))["failed"] == 1  # GoPro still has no original


def test_the_owners_way_with_the_aws_cli_leads_to_the_same_end(deployment: Deployment, gopro: FakeGoPro) -> None:
    lines, (_, oauth) = by_hand()
    put, start, not_archived, queue_url, receive, again, delete = lines
    account = {
        "YOUR_CLIENT_ID": gopro.client_id, "YOUR_CLIENT_SECRET": gopro.client_secret,
        "YOUR_REFRESH_TOKEN": account_of(gopro).refresh_token, "YOUR_USER_ID": gopro.user_id,
    }  # fmt: skip
    for placeholder, value in account.items():
        oauth = oauth.replace(placeholder, value)
    assert json.loads(oauth) == account_of(gopro).oauth()
    assert run(deployment, put.replace("file:///dev/stdin", shlex.quote(oauth)))["VersionId"]
    for _ in range(5):
        started = run(deployment, filled(deployment, start))
        output = output_of(deployment.wait(started["executionArn"]))
    assert (output["failed"], len(deployment.objects())) == (1, 20)
    (item,) = run(deployment, not_archived)["Items"]
    assert item["error_category"]["S"] == "original_unavailable" and item["attempts"]["N"] == "5"

    queue = shlex.quote(run(deployment, queue_url)["QueueUrl"])
    (message,) = run(deployment, receive.replace('"$QUEUE"', queue))["Messages"]
    given = json.dumps(json.loads(message["Body"])["again"])
    again = again.replace("STATE_MACHINE_ARN", deployment.state_machine_arn).replace("VALUE_OF_THE_FIELD_again", given)
    assert output_of(deployment.wait(run(deployment, again)["executionArn"]))["failed"] == 1
    handle = message["ReceiptHandle"]
    run(deployment, delete.replace('"$QUEUE"', queue).replace("RECEIPT_HANDLE", handle))


def test_hidden_costs_can_be_found(deployment: Deployment) -> None:
    deployment.run()
    rules = run(deployment, filled(deployment, find("get-bucket-lifecycle-configuration")))["Rules"]
    assert {rule["ID"] for rule in rules} == {"Tiers", "TiersOfOlderVersions", "AbortStrayUploads"}
    assert len(run(deployment, filled(deployment, find("list-object-versions")))["Versions"]) == 20
    assert "Uploads" not in run(deployment, filled(deployment, find("list-multipart-uploads")))
    assert run(deployment, find("get-function-configuration"))["MemorySize"] == 512
