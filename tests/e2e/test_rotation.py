"""Rotation of the deployed secret through Secrets Manager's API, also while a run is at work."""

from __future__ import annotations

import json
from typing import Any

from local.fake_providers.gopro import FakeGoPro
from local.village import Village
from tests.e2e.conftest import output_of


def rotate(town: Village) -> str:
    """Asks for a rotation as the schedule would, and returns the version that is to become current."""
    function = town.emulator.client("lambda").get_function_configuration(FunctionName="credentials-rotator")
    answer = town.secrets.rotate_secret(SecretId=town.secret, RotationLambdaARN=function["FunctionArn"])
    return str(answer["VersionId"])


def current(town: Village) -> dict[str, Any]:
    return dict(town.secrets.get_secret_value(SecretId=town.secret))


def test_a_rotation_stores_the_new_refresh_token_and_the_next_run_uses_it(town: Village, gopro: FakeGoPro) -> None:
    before = gopro.refresh_token
    version = rotate(town)
    town.wait_for(lambda: current(town)["VersionId"] == version)
    stored = json.loads(current(town)["SecretString"])
    assert stored["refresh_token"] == gopro.refresh_token != before
    assert output_of(town.run())["archived"] == 17
    assert gopro.control.stats()["token_refreshes"] == 1


def test_a_rotation_in_the_middle_of_a_run_harms_neither(town: Village, gopro: FakeGoPro) -> None:
    execution = town.start_run()
    town.wait_for(lambda: any(row["sk"] == "ITEM" for row in town.rows()))
    version = rotate(town)
    description = town.wait(execution)
    assert output_of(description)["archived"] == 17
    town.wait_for(lambda: current(town)["VersionId"] == version)
    assert json.loads(current(town)["SecretString"])["refresh_token"] == gopro.refresh_token
    assert town.run()["status"] == "SUCCEEDED"
