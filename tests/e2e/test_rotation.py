"""Rotation of the deployed secret through Secrets Manager's API, also during a run."""

from __future__ import annotations

import json
from typing import Any

from local.deployment import Deployment
from local.fake_providers.gopro import FakeGoPro
from tests.e2e.conftest import output_of


def rotate(deployment: Deployment) -> str:
    """Starts a rotation, as the schedule would, and returns the version that will become current."""
    function = deployment.emulator.client("lambda").get_function_configuration(FunctionName="credentials-rotator")
    answer = deployment.secrets.rotate_secret(SecretId=deployment.secret, RotationLambdaARN=function["FunctionArn"])
    return str(answer["VersionId"])


def current(deployment: Deployment) -> dict[str, Any]:
    return dict(deployment.secrets.get_secret_value(SecretId=deployment.secret))


def test_a_rotation_stores_the_new_refresh_token_and_the_next_run_uses_it(
    deployment: Deployment, gopro: FakeGoPro
) -> None:
    before = gopro.refresh_token
    version = rotate(deployment)
    deployment.wait_for(lambda: current(deployment)["VersionId"] == version)
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
    deployment.wait_for(lambda: current(deployment)["VersionId"] == version)
    assert json.loads(current(deployment)["SecretString"])["refresh_token"] == gopro.refresh_token
    assert deployment.run()["status"] == "SUCCEEDED"
