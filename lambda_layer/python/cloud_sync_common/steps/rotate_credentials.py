"""The step that Secrets Manager's scheduled rotation calls (credentials-rotator), once for each of its four steps.

Credentials that can be renewed are renewed. A session token cannot be: it is validated by a cheap call, so that its end
is noticed between runs too, and a copy of it completes the rotation. The renewal takes the same lease as a run's, and
its result is stored under the label of an interrupted renewal: a run that comes between two steps finishes it and
continues with the new token (Secrets Manager user guide, "Rotation by Lambda function"). A rotation that such a run, or
the owner, has overtaken ends without an error and changes nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import msgspec

from cloud_sync_common.aws.alerts_topic import send_mail
from cloud_sync_common.exceptions import AuthenticationError, CredentialsExpiredError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_access.renewal import CredentialsRenewal
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.runtime.wording import lifetime_of

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class RotationRequest(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The event that Secrets Manager sends: `client_request_token` is the id of the version to be made."""

    step: Literal["createSecret", "setSecret", "testSecret", "finishSecret"]
    secret_id: str
    client_request_token: str


class Outcome(StrEnum):
    """What a step did. SUPERSEDED: other credentials became current during the rotation, and stay so."""

    NOTHING_TO_DO = "nothing to do"
    ALREADY_STAGED = "already there"
    RENEWED = "renewed"
    VALIDATED = "validated"
    ACCEPTED = "accepted"
    CURRENT = "current"
    SUPERSEDED = "superseded"
    NOTHING_STORED = "nothing is stored yet"


class RotationResult(msgspec.Struct, frozen=True):
    """The event's answer."""

    outcome: Outcome


@dataclass(frozen=True)
class CredentialsRotator:
    """Rotates one provider's credentials."""

    renewal: CredentialsRenewal
    topic: SNSClient
    topic_arn: str
    sender: str = "Cloud Sync"

    def rotate(self, request: RotationRequest) -> RotationResult:
        """One step; each may be repeated.

        Raises CredentialsExpiredError, ConfigurationError, ProviderUnavailableError, ProviderThrottledError,
        ProviderContractError, ArchiveUnavailableError.
        """
        steps = {"createSecret": self._create, "testSecret": self._test, "finishSecret": self._finish}
        step = steps.get(request.step)  # setSecret has nothing to do: the provider changed its side at the renewal
        outcome = step(request.client_request_token) if step else Outcome.NOTHING_TO_DO
        logger.info("rotation", extra={"step": request.step, "outcome": outcome})
        return RotationResult(outcome)

    def _create(self, token: str) -> Outcome:
        if self.renewal.store.staged(token):
            return Outcome.ALREADY_STAGED
        if self.renewal.store.is_empty:
            return Outcome.NOTHING_STORED
        with self.renewal.leased():
            if self.renewal.store.staged(token):  # this step was invoked twice, and the other one was first
                return Outcome.ALREADY_STAGED
            current = self.renewal.current()
            self.renewal.measure(current)
            try:
                new = self.renewal.refreshed(current)
            except CredentialsExpiredError as error:
                self._send_alert(current, error)
                raise
            self.renewal.store.stage(token, current, new)
        return Outcome.RENEWED if current.renewable else Outcome.VALIDATED

    def _test(self, token: str) -> Outcome:
        """Without a pending version there is nothing to test: Secrets Manager tries out a new schedule (API reference,
        RotateSecret, RotateImmediately), or there was nothing to rotate."""
        store = self.renewal.store
        staged = store.staged(token)
        if staged is None:
            return Outcome.NOTHING_STORED if store.is_empty else Outcome.NOTHING_TO_DO
        if store.is_superseded(token):
            return Outcome.SUPERSEDED
        self.renewal.validated(staged)
        return Outcome.ACCEPTED

    def _finish(self, token: str) -> Outcome:
        store = self.renewal.store
        if store.finish(token):
            return Outcome.CURRENT
        return Outcome.SUPERSEDED if store.staged(token) else Outcome.NOTHING_TO_DO

    def _send_alert(self, refused: Credentials, error: AuthenticationError) -> None:
        """One mail for each version that is refused, however often it is tried."""
        if not self.renewal.lease.note_refused(refused.version):
            return
        lived = ""
        if refused.stored_at is not None and not refused.renewable:
            lived = f" {lifetime_of(refused.stored_at, '', time.time())}"
        name = self.renewal.provider.name.replace("_", "-")
        text = (
            f"The stored credentials no longer work: {error}{lived}\n\nNext step: store new ones (`cloudsync connect "
            f"{name}`) before the next nightly run, which would stop otherwise."
        )
        send_mail(self.topic, self.topic_arn, f"{self.sender}: store new credentials", text)
