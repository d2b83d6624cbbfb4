"""Rotation in the four steps of Secrets Manager: nothing is lost, whatever happens between them."""

from __future__ import annotations

import importlib
import json
import uuid
from collections.abc import Iterator
from typing import Any
from unittest.mock import ANY

import pytest
from cloud_sync_common.aws import clients
from cloud_sync_common.exceptions import ConfigurationError, CredentialsExpiredError, ProviderUnavailableError
from cloud_sync_common.runtime import settings
from cloud_sync_common.stores.credential_store import CredentialStore

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

    def empty_the_secret(self, value: str) -> None:
        """The secret as it is after the first deployment, or with a blank value."""
        self.aws.secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
        self.aws.secrets.create_secret(Name=SECRET)
        if value:
            self.aws.store(value)

    def pending(self) -> list[str]:
        """The versions labelled AWSPENDING. Because of one that is not current, Secrets Manager refuses every later
        rotation (API reference, RotateSecret)."""
        versions = self.aws.secrets.describe_secret(SecretId=SECRET).get("VersionIdsToStages", {})
        return [version for version, labels in versions.items() if "AWSPENDING" in labels]

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
    assert version == rotator.token and rotator.pending() == []
    assert (value["refresh_token"], value["access_token"]) == (rotator.gopro.refresh_token, rotator.gopro.access_token)
    assert rotator.gopro.control.stats()["token_refreshes"] == 1


def test_each_step_may_be_repeated(rotator: Rotator) -> None:
    assert rotator.play("createSecret", "createSecret") == ["renewed", "already there"]
    assert rotator.play("testSecret", "testSecret", "finishSecret", "finishSecret")[-1] == "current"
    assert rotator.gopro.control.stats()["token_refreshes"] == 1


def test_of_the_same_step_invoked_twice_at_once_only_the_first_renews(
    rotator: Rotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one looks before the first has stored anything, and waits for the lease. If it renewed, it would use
    up the token that the first has stored, and could not store its own under the same id."""
    rotator.play("createSecret")
    stored, staged = rotator.aws.secrets.get_secret_value(SecretId=SECRET, VersionId=rotator.token), []

    def as_seen_by_the_second(store: CredentialStore, token: str) -> Any:
        staged.append(token)
        return look(store, token) if len(staged) > 1 else None

    look = CredentialStore.staged
    monkeypatch.setattr(CredentialStore, "staged", as_seen_by_the_second)
    assert rotator.play("createSecret") == ["already there"]
    assert rotator.aws.secrets.get_secret_value(SecretId=SECRET, VersionId=rotator.token) == stored | {
        "ResponseMetadata": ANY
    }
    monkeypatch.setattr(CredentialStore, "staged", look)
    assert rotator.play("testSecret", "finishSecret") == ["accepted", "current"]


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


def renew_in_a_run(rotator: Rotator) -> None:
    """A run begins and finds the pending token refused, so that it renews once more."""
    rotator.gopro.control.expire_access_tokens()
    rotator.aws.table.put_item(Item={"pk": "PROVIDER#gopro", "sk": "CREDENTIALS", "refused_version": rotator.token})
    rotator.run_begins()


@pytest.mark.parametrize("played", [1, 2, 3])
def test_a_rotation_ends_that_a_runs_renewal_has_overtaken(rotator: Rotator, played: int) -> None:
    rotator.play(*STEPS[:played])
    renew_in_a_run(rotator)
    version, value = rotator.current()
    assert version != rotator.token and value["refresh_token"] == rotator.gopro.refresh_token
    assert rotator.pending() == [rotator.token]
    assert set(rotator.play(*STEPS[played:])) <= {"nothing to do", "superseded"}
    assert rotator.play("finishSecret") == ["superseded"], "the last step may be repeated"
    assert rotator.current() == (version, value)
    assert rotator.pending() == []


@pytest.mark.parametrize("played", [1, 2, 3])
def test_a_rotation_ends_during_which_the_owner_stores_other_credentials(rotator: Rotator, played: int) -> None:
    rotator.play(*STEPS[:played])
    theirs = rotator.aws.store({"provider": "gopro", "access_token": rotator.gopro.access_token, "user_id": "me"})
    rotator.gopro.control.expire_access_tokens()
    assert set(rotator.play(*STEPS[played:])) <= {"nothing to do", "superseded"}
    assert rotator.current()[0] == theirs
    assert rotator.pending() == []


def test_the_next_rotation_after_one_that_was_overtaken_succeeds(rotator: Rotator) -> None:
    rotator.play("createSecret")
    renew_in_a_run(rotator)
    rotator.play("testSecret", "finishSecret")
    rotator.token = str(uuid.uuid4())
    assert rotator.play(*STEPS) == ["renewed", "nothing to do", "accepted", "current"]
    assert rotator.current()[0] == rotator.token and rotator.pending() == []


def test_a_renewal_after_a_rotation_does_not_block_the_next_one(rotator: Rotator) -> None:
    rotator.play(*STEPS)
    renew_in_a_run(rotator)
    assert rotator.current()[0] != rotator.token and rotator.pending() == []


@pytest.mark.parametrize("code", ["InvalidParameterException", "InvalidRequestException", "ResourceNotFoundException"])
def test_a_label_that_secrets_manager_has_dropped_itself_is_no_error(
    rotator: Rotator, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    rotator.play(*STEPS[:3])
    change = clients.secrets().update_secret_version_stage

    def refuse_to_remove(**wanted: Any) -> Any:
        if "MoveToVersionId" in wanted:
            return change(**wanted)
        raise clients.AwsError({"Error": {"Code": code, "Message": "not attached"}}, "UpdateSecretVersionStage")

    monkeypatch.setattr(clients.secrets(), "update_secret_version_stage", refuse_to_remove)
    assert rotator.play("finishSecret") == ["current"]


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
    assert mail["Subject"] == "Cloud Sync: store new credentials" and "`cloudsync connect gopro`" in mail["Message"]
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


def problems(output: Output) -> list[str]:
    """The log lines above INFO."""
    return [line["message"] for line in output.log if line["level"] not in ("DEBUG", "INFO")]


@pytest.mark.parametrize("value", ["", " "])
def test_a_rotation_over_an_empty_secret_says_so_and_ends_without_an_error(
    aws: Aws, rotator: Rotator, output: Output, value: str
) -> None:
    rotator.empty_the_secret(value)
    assert rotator.play(*STEPS) == ["nothing is stored yet", "nothing to do", "nothing is stored yet", "nothing to do"]
    assert problems(output) == [] and rotator.pending() == [] and aws.mails() == []


def test_the_trial_of_a_new_schedule_on_an_empty_secret_says_so_once(
    aws: Aws, rotator: Rotator, output: Output
) -> None:
    """With RotateImmediately=false, Secrets Manager runs testSecret on a version that is never stored (API reference,
    RotateSecret), as at the first deployment."""
    rotator.empty_the_secret("")
    assert rotator.play("testSecret") == ["nothing is stored yet"]
    assert [line["outcome"] for line in output.log if "outcome" in line] == ["nothing is stored yet"]
    assert problems(output) == [] and aws.mails() == []


@pytest.mark.parametrize(("copied", "outcome"), [(False, "nothing to do"), (True, "superseded")])
def test_the_trial_of_a_new_schedule_on_stored_credentials_changes_nothing(
    rotator: Rotator, output: Output, copied: bool, outcome: str
) -> None:
    """`copied`: the version that Secrets Manager creates for the trial holds the current value."""
    before = rotator.current()
    if copied:
        rotator.aws.secrets.put_secret_value(
            SecretId=SECRET,
            ClientRequestToken=rotator.token,
            SecretString=json.dumps(before[1]),
            VersionStages=["AWSPENDING"],
        )
    assert rotator.play("testSecret") == [outcome]
    assert rotator.current() == before and problems(output) == []
