"""The room behind credentials-rotator: Secrets Manager's scheduled rotation, in its four steps.

Credentials that can be renewed are. A session token cannot: it is tried on a cheap call, so that its end is noticed
between runs too, and a copy of it completes the rotation. The renewal takes the same lease as a run's, and what it
brings is stored under the label of an interrupted renewal: a run that comes between two steps finishes it and goes on
with the new token (Secrets Manager user guide, "CredentialsRotator by Lambda function").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from cloud_sync_common.aws.clients import aws_errors
from cloud_sync_common.exceptions import AuthenticationError, CredentialsExpiredError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.retry_utils import retrying
from cloud_sync_common.steps.authenticate import Authenticator, measure

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class RotationRequest(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The event that Secrets Manager sends: `client_request_token` is the id of the version to be made."""

    step: Literal["createSecret", "setSecret", "testSecret", "finishSecret"]
    secret_id: str
    client_request_token: str


class RotationResult(msgspec.Struct, frozen=True):
    """What a step did, in one word."""

    outcome: str


@dataclass(frozen=True)
class CredentialsRotator:
    """Rotates one provider's credentials."""

    authenticator: Authenticator
    topic: SNSClient
    topic_arn: str

    def play(self, request: RotationRequest) -> RotationResult:
        """One step; each may be played again.

        Raises CredentialsExpiredError, ConfigurationError, ProviderUnavailableError, ProviderThrottledError,
        ProviderContractError, ArchiveUnavailableError.
        """
        token = request.client_request_token
        steps = {"createSecret": self._create, "testSecret": self._test, "finishSecret": self._finish}
        play = steps.get(request.step)  # setSecret has nothing to do: the provider has set it when it was renewed
        result = RotationResult(play(token) if play else "nothing to do")
        logger.info("rotation", extra={"step": request.step, "outcome": result.outcome})
        return result

    def _create(self, token: str) -> str:
        if self.authenticator.store.staged(token):
            return "already there"
        with self.authenticator.leased():
            self.authenticator.store.recover()
            current = self.authenticator.store.load()
            measure(current)
            try:
                new = self.authenticator.ask(current)
            except CredentialsExpiredError as error:
                self._tell(current.version, error)
                raise
            self.authenticator.store.stage(token, current, new)
        return "renewed" if current.renewable else "validated"

    def _test(self, token: str) -> str:
        staged = self.authenticator.store.staged(token)
        if staged is None:
            raise CredentialsExpiredError("The rotation has no pending version to test.")
        retrying(lambda: self.authenticator.provider.validate(staged), self.authenticator.deadline)
        return "accepted"

    def _finish(self, token: str) -> str:
        return "current" if self.authenticator.store.finish(token) else "the owner stored others"

    def _tell(self, version: str, error: AuthenticationError) -> None:
        """One mail for each version that is refused, however often it is tried."""
        if not self.authenticator.lease.note_refused(version):
            return
        text = (
            f"The stored credentials no longer work: {error}\n\nNext step: store new ones (README, 'Store "
            "credentials') before the next nightly run, which would stop."
        )
        with aws_errors("sending an alert"):
            self.topic.publish(TopicArn=self.topic_arn, Subject="Cloud Sync: store new credentials", Message=text)
