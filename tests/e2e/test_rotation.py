"""Rotation of the deployed secret through Secrets Manager's API, also during a run."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.deployment import Deployment
from local.fake_accounts import account_of
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.conftest import output_of


def rotate(deployment: Deployment) -> str:
    """Starts a rotation, as the schedule would, and returns the version that will become current."""
    function = deployment.emulator.client("lambda").get_function_configuration(FunctionName="credentials-rotator")
    answer = deployment.secrets.rotate_secret(SecretId=deployment.secret, RotationLambdaARN=function["FunctionArn"])
    return str(answer["VersionId"])


def play(deployment: Deployment, token: str, *steps: str) -> list[str]:
    """Calls the function as Secrets Manager does, and returns the outcomes."""
    invoke, outcomes = deployment.emulator.client("lambda").invoke, []
    for step in steps:
        event = {"Step": step, "SecretId": deployment.secret, "ClientRequestToken": token}
        answer = invoke(FunctionName="credentials-rotator", Payload=json.dumps(event))
        outcomes.append(json.loads(answer["Payload"].read())["outcome"])
    return outcomes


def current(deployment: Deployment) -> dict[str, Any]:
    return dict(deployment.secrets.get_secret_value(SecretId=deployment.secret))


def test_a_rotation_stores_the_new_refresh_token_and_the_next_run_uses_it(
    deployment: Deployment, gopro: FakeGoPro
) -> None:
    before = gopro.refresh_token
    version = rotate(deployment)
    deployment.wait_for_rotation(version)
    stored = json.loads(current(deployment)["SecretString"])
    assert stored["refresh_token"] == gopro.refresh_token != before
    assert output_of(deployment.run())["archived"] == 17
    assert gopro.control.stats()["token_refreshes"] == 1


def test_a_rotation_during_a_run_affects_neither(deployment: Deployment, gopro: FakeGoPro) -> None:
    execution = deployment.start_run()
    deployment.wait_for(lambda: any(row["sk"] == "ITEM" for row in deployment.rows()))
    version = rotate(deployment)
    description = deployment.wait(execution)
    assert output_of(description)["archived"] == 17
    deployment.wait_for_rotation(version)
    assert json.loads(current(deployment)["SecretString"])["refresh_token"] == gopro.refresh_token
    assert deployment.run()["status"] == "SUCCEEDED"


def test_a_rotation_that_the_owner_overtakes_ends_and_the_next_one_is_accepted(
    deployment: Deployment, gopro: FakeGoPro
) -> None:
    token = str(uuid.uuid4())
    assert play(deployment, token, "createSecret") == ["renewed"]
    deployment.store_credentials(account_of(gopro).oauth())
    with pytest.raises(ClientError, match="previous rotation"):
        rotate(deployment)
    assert play(deployment, token, "testSecret", "finishSecret") == ["superseded", "superseded"]
    version = rotate(deployment)
    deployment.wait_for_rotation(version)
    assert json.loads(current(deployment)["SecretString"])["refresh_token"] == gopro.refresh_token
