"""Rotation in the four steps of Secrets Manager: nothing is lost, whatever happens between them."""

from __future__ import annotations

import importlib
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from cloud_sync_common.exceptions import ConfigurationError, CredentialsExpiredError, ProviderUnavailableError
from cloud_sync_common.runtime import settings

from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.gopro import FakeGoPro
from tests.integration.aws_on_loopback import SECRET, Aws
from tests.integration.secret_check import Output, assert_no_secret
from tests.integration.test_handlers import Context

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


class Rotator:
    """The handler, called as Secrets Manager calls it."""

    def __init__(self, aws: Aws, gopro: FakeGoPro) -> None:
        self.aws, self.gopro, self.token = aws, gopro, str(uuid.uuid4())

    def play(self, *steps: str) -> list[str]:
        """Runs these steps and returns their outcomes."""
        handler = importlib.import_module("lambdas.credentials_rotator.handler").handler
        event = {"SecretId": SECRET, "ClientRequestToken": self.token}
        return [handler(event | {"Step": step}, Context("credentials-rotator"))["outcome"] for step in steps]

    def run_begins(self) -> dict[str, Any]:
        """The first step of a run: media-authenticator."""
        handler = importlib.import_module("lambdas.media_authenticator.handler").handler
        result: dict[str, Any] = handler(
            {"run_id": "run-1", "input": {"provider": "gopro"}}, Context("media-authenticator")
        )
        return result

    def current(self) -> tuple[str, dict[str, Any]]:
        """(version, value) of the credentials that a run would use."""
        answer = self.aws.secrets.get_secret_value(SecretId=SECRET, VersionStage="AWSCURRENT")
        return answer["VersionId"], json.loads(answer["SecretString"])


@pytest.fixture
def rotator(aws: Aws, gopro: FakeGoPro, monkeypatch: pytest.MonkeyPatch, output: Output) -> Iterator[Rotator]:
    for name, value in (aws.variables | {"GOPRO_API_BASE_URL": gopro.base_url}).items():
        monkeypatch.setenv(name, value)
    settings.load.cache_clear()
    aws.store(oauth(gopro))
    yield Rotator(aws, gopro)
    settings.load.cache_clear()
    assert_no_secret(output.text, gopro)


def oauth(gopro: FakeGoPro) -> dict[str, str]:
    return {
        "provider": "gopro",
        "refresh_token": gopro.refresh_token,
        "client_id": gopro.client_id,
        "client_secret": gopro.client_secret,
    }


def test_four_steps_leave_a_renewed_refresh_token_that_is_current(rotator: Rotator) -> None:
    assert rotator.play(*STEPS) == ["renewed", "nothing to do", "accepted", "current"]
    version, value = rotator.current()
    assert version == rotator.token
    assert (value["refresh_token"], value["access_token"]) == (rotator.gopro.refresh_token, rotator.gopro.access_token)
    assert rotator.gopro.control.stats()["token_refreshes"] == 1


def test_each_step_may_be_repeated(rotator: Rotator) -> None:
    assert rotator.play("createSecret", "createSecret") == ["renewed", "already there"]
    assert rotator.play("testSecret", "testSecret", "finishSecret", "finishSecret")[-1] == "current"
    assert rotator.gopro.control.stats()["token_refreshes"] == 1


@pytest.mark.parametrize("played", [1, 2, 3])
def test_a_run_that_starts_between_two_steps_uses_the_renewed_token_and_the_rotation_succeeds(
    rotator: Rotator, played: int
) -> None:
    rotator.play(*STEPS[:played])
    assert rotator.run_begins()["kind"] == "oauth"
    assert rotator.current()[1]["refresh_token"] == rotator.gopro.refresh_token
    assert rotator.gopro.control.stats()["token_refreshes"] == 1  # the run renewed nothing a second time
    assert rotator.play(*STEPS[played:])[-1] == "current"
    assert rotator.run_begins()["kind"] == "oauth"


def test_a_run_that_renews_between_two_steps_does_not_lose_its_renewal(rotator: Rotator) -> None:
    rotator.play("createSecret")
    rotator.gopro.control.expire_access_tokens()
    rotator.aws.table.put_item(Item={"pk": "PROVIDER#gopro", "sk": "CREDENTIALS", "refused_version": rotator.token})
    rotator.run_begins()
    version, value = rotator.current()
    assert version != rotator.token and value["refresh_token"] == rotator.gopro.refresh_token
    assert rotator.play("finishSecret") == ["the owner stored others"]
    assert rotator.current() == (version, value)


def test_credentials_that_the_owner_stores_during_a_rotation_are_kept(rotator: Rotator) -> None:
    rotator.play("createSecret")
    theirs = rotator.aws.store({"provider": "gopro", "access_token": rotator.gopro.access_token, "user_id": "me"})
    assert rotator.play("finishSecret") == ["the owner stored others"]
    assert rotator.current()[0] == theirs
    stages = rotator.aws.secrets.describe_secret(SecretId=SECRET)["VersionIdsToStages"]
    assert "AWSPENDING" not in stages.get(rotator.token, [])


def test_a_session_token_is_validated_and_kept(rotator: Rotator) -> None:
    session = {"provider": "gopro", "access_token": rotator.gopro.access_token, "user_id": "me"}
    rotator.aws.store(session)
    assert rotator.play(*STEPS) == ["validated", "nothing to do", "accepted", "current"]
    version, value = rotator.current()
    assert version == rotator.token and value.items() >= session.items()
    assert rotator.gopro.control.stats()["token_refreshes"] == 0


def test_an_expired_session_sends_one_mail_however_often_the_rotation_is_tried(rotator: Rotator) -> None:
    rotator.aws.store({"provider": "gopro", "access_token": rotator.gopro.access_token, "user_id": "me"})
    rotator.gopro.control.expire_access_tokens()
    for _ in range(3):
        with pytest.raises(CredentialsExpiredError):
            rotator.play("createSecret")
    (mail,) = rotator.aws.mails()
    assert mail["Subject"] == "Cloud Sync: store new credentials" and "Next step: store new ones" in mail["Message"]
    assert_no_secret(json.dumps(mail), rotator.gopro)


def test_a_transient_error_sends_no_mail(rotator: Rotator) -> None:
    rotator.gopro.control.add_fault(FaultKind.SERVER_ERROR, endpoint=Endpoint.TOKEN, times=50)
    with pytest.raises(ProviderUnavailableError):
        rotator.play("createSecret")
    assert rotator.aws.mails() == []
    rotator.gopro.control.reset()
    assert rotator.play(*STEPS)[-1] == "current"


def test_an_unknown_step_is_refused_by_name(rotator: Rotator) -> None:
    with pytest.raises(ConfigurationError, match=r"Invalid enum value 'deleteSecret'.*Step"):
        rotator.play("deleteSecret")


def test_an_empty_secret_is_a_configuration_error(aws: Aws, rotator: Rotator) -> None:
    aws.store(" ")
    with pytest.raises(ConfigurationError, match="No credentials are stored"):
        rotator.play("createSecret")
