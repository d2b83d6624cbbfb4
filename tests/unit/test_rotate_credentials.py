"""The step behind Secrets Manager's rotation: what each of its four steps does, and what it never does."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from cloud_sync_common.exceptions import CredentialsExpiredError, ProviderUnavailableError
from cloud_sync_common.provider_access.renewal import CredentialsRenewal
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.steps import rotate_credentials
from cloud_sync_common.steps.rotate_credentials import CredentialsRotator, Outcome, RotationRequest

from tests.unit.doubles import METRICS, PLENTY, Account, Lease

OAUTH = Credentials(provider="gopro", access_token="a", refresh_token="refresh-0", client_id="c", version="v")
SESSION = Credentials(provider="gopro", access_token="session", version="v")
TOKEN = "rotation-token"


@dataclass
class Secret:
    """The stored credentials during a rotation."""

    current: Credentials | None = OAUTH
    pending: Credentials | None = None
    superseded: bool = False
    finished: bool = True
    events: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return self.current is None

    def recover(self) -> None:
        self.events.append("recovered")

    def load(self) -> Credentials:
        assert self.current is not None
        return self.current

    def staged(self, token: str) -> Credentials | None:
        assert token == TOKEN
        return self.pending

    def stage(self, token: str, old: Credentials, new: Credentials) -> None:
        assert (token, old) == (TOKEN, self.current)
        self.events.append("staged")
        self.pending = new

    def is_superseded(self, token: str) -> bool:
        return self.superseded

    def finish(self, token: str) -> bool:
        assert token == TOKEN
        self.events.append("finished")
        return self.finished


@dataclass
class World:
    secret: Secret = field(default_factory=Secret)
    account: Account = field(default_factory=Account)
    lease: Lease = field(default_factory=Lease)
    mails: list[str] = field(default_factory=list)

    def play(self, step: Any) -> Outcome:
        renewal = CredentialsRenewal(
            self.account, cast(Any, self.secret), cast(Any, self.lease), PLENTY, METRICS, lambda _: None
        )
        rotator = CredentialsRotator(renewal, cast(Any, self), "arn:topic")
        request = RotationRequest(step=step, secret_id="secret", client_request_token=TOKEN)
        return rotator.rotate(request).outcome


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    def send(to: World, arn: str, subject: str, text: str) -> None:
        assert arn == "arn:topic"
        to.mails.append(f"{subject}\n{text}")

    monkeypatch.setattr(rotate_credentials, "send_mail", send)
    return World()


def test_credentials_that_can_be_renewed_are_renewed_once_under_the_lease_and_staged(world: World) -> None:
    assert world.play("createSecret") is Outcome.RENEWED
    assert world.secret.pending is not None and world.secret.pending.refresh_token == "refresh-1"
    assert (world.account.refreshes, world.lease.released, world.secret.events) == (1, 1, ["recovered", "staged"])
    assert world.play("createSecret") is Outcome.ALREADY_STAGED
    assert (world.account.refreshes, world.lease.asked) == (1, 1)


def test_a_session_token_is_validated_and_staged_as_it_is(world: World) -> None:
    world.secret.current = SESSION
    assert world.play("createSecret") is Outcome.VALIDATED
    assert world.secret.pending == SESSION and (world.account.validations, world.account.refreshes) == (1, 0)


def test_whoever_waited_for_the_lease_renews_nothing_that_is_staged_by_then(world: World) -> None:
    def other_stages(_: int) -> None:
        world.secret.pending = replace(OAUTH, version="w")

    world.lease.ask = other_stages
    assert world.play("createSecret") is Outcome.ALREADY_STAGED
    assert world.account.refreshes == 0 and world.lease.released == 1


def test_where_nothing_is_stored_there_is_nothing_to_rotate(world: World) -> None:
    world.secret.current = None
    assert world.play("createSecret") is Outcome.NOTHING_STORED and world.play("testSecret") is Outcome.NOTHING_STORED
    assert world.secret.events == [] and world.lease.asked == 0


def test_credentials_that_are_refused_send_one_mail_and_stage_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = list[str]()

    def note(version: str) -> bool:
        known.append(version)
        return len(known) == 1

    monkeypatch.setattr(world.lease, "note_refused", note)
    for _ in range(2):
        world.account.trouble = [CredentialsExpiredError("It is over.")]
        with pytest.raises(CredentialsExpiredError):
            world.play("createSecret")
    assert known == ["v", "v"] and world.secret.pending is None and world.lease.released == 2
    (mail,) = world.mails
    assert mail.startswith("Cloud Sync: store new credentials\n") and "It is over." in mail and "Next step" in mail


def test_the_mail_about_a_session_says_how_long_it_lived(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.lease, "note_refused", lambda _: True)
    session = Credentials("gopro", access_token="access-token-1", version="v", stored_at=time.time() - 9 * 3_600)
    world.secret.current = session
    world.account.trouble = [CredentialsExpiredError("It is over.")]
    with pytest.raises(CredentialsExpiredError):
        world.play("createSecret")
    (mail,) = world.mails
    assert "It is over. The session that ended was stored on " in mail and "refused 9 hours after that." in mail


def test_a_provider_that_is_unavailable_sends_no_mail(world: World) -> None:
    world.account.trouble = [ProviderUnavailableError("x")] * 9
    with pytest.raises(ProviderUnavailableError):
        world.play("createSecret")
    assert world.mails == [] and world.lease.refused == ""


def test_setting_has_nothing_to_do(world: World) -> None:
    assert world.play("setSecret") is Outcome.NOTHING_TO_DO and world.secret.events == []


def test_what_is_staged_is_tried_unless_it_is_superseded(world: World) -> None:
    assert world.play("testSecret") is Outcome.NOTHING_TO_DO
    world.secret.pending = OAUTH
    assert world.play("testSecret") is Outcome.ACCEPTED and world.account.validations == 1
    world.secret.superseded = True
    assert world.play("testSecret") is Outcome.SUPERSEDED and world.account.validations == 1


@pytest.mark.parametrize(
    ("finished", "pending", "outcome"),
    [
        (True, OAUTH, Outcome.CURRENT),
        (False, OAUTH, Outcome.SUPERSEDED),
        (False, None, Outcome.NOTHING_TO_DO),
    ],
)
def test_the_last_step_says_what_became_of_the_rotation(
    world: World, finished: bool, pending: Credentials | None, outcome: Outcome
) -> None:
    world.secret.finished, world.secret.pending = finished, pending
    assert world.play("finishSecret") is outcome and world.secret.events == ["finished"]
