"""Credentials in Secrets Manager: checked field by field when read, and replaced without ever losing a rotated token.

A renewal is stored in two steps. First the new version is written under the label CLOUD_SYNC_RENEWED and names the
version that it replaces. Then AWSCURRENT moves to it, if that version still is the current one. A crash in between
loses nothing, because `recover` finishes the move, and a value that the owner stored in the meantime stays current.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.logging_utils import logger, protect
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.stores import pasted_fields

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CURRENT, PENDING, RENEWED = "AWSCURRENT", "AWSPENDING", "CLOUD_SYNC_RENEWED"
_NOT_ATTACHED = frozenset({"InvalidParameterException", "InvalidRequestException", "ResourceNotFoundException"})


@dataclass(frozen=True)
class _Stored:
    """One version of the secret; `stored_at` is Unix time."""

    version: str
    text: str
    stored_at: float


class CredentialStore:
    """One provider's credentials, in one secret. OAuth credentials of a client that `has_client_secret` are complete
    only with it; a public client, with PKCE instead, has none."""

    def __init__(
        self, client: SecretsManagerClient, secret_id: str, provider: str, *, has_client_secret: bool = True
    ) -> None:
        self._client, self._secret_id, self._provider = client, secret_id, provider
        self._of_the_client = ("client_id", *(["client_secret"] if has_client_secret else []))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stored yet, as after the first deployment. Raises ConfigurationError,
        ArchiveUnavailableError."""
        found = self._read(CURRENT)
        return found is None or not found.text.strip()

    def load(self) -> Credentials:
        """The current credentials.

        Raises ConfigurationError naming what is missing or malformed and how to store it, ArchiveUnavailableError.
        """
        found = self._read(CURRENT)
        if found is None or not found.text.strip():
            raise ConfigurationError(
                f"No credentials are stored in the secret {self._secret_id} yet. {self._how_to_store()}"
            )
        credentials = replace(self._parse(found.text, found.version), stored_at=found.stored_at)
        protect(*credentials.secrets)
        return credentials

    def recover(self) -> None:
        """Finishes a renewal that was interrupted between its two steps; otherwise does nothing."""
        current, renewed = self._read(CURRENT), self._read(RENEWED)
        if current and renewed and current.version != renewed.version:
            replaces = pasted_fields.as_object(renewed.text).get("renewed_from")
            if replaces == current.version and self._promote(renewed.version, current.version):
                logger.warning("finished a renewal of the credentials that had been interrupted")

    def replace(self, old: Credentials, new: Credentials) -> Credentials:
        """Replaces the version that `old` was read from by `new`. Returns the credentials that are current afterwards:
        `new`, or what the owner stored in the meantime.

        Raises ConfigurationError, ArchiveUnavailableError.
        """
        version = self._put(old, new, str(uuid.uuid4()), [RENEWED])
        self._promote(version, old.version)
        return self.load()

    def stage(self, token: str, old: Credentials, new: Credentials) -> None:
        """Stores `new` as the version `token`, the pending version of a rotation, without making it current.

        It also gets the label of an interrupted renewal, so that a run that starts before the rotation ends can finish
        it.
        """
        self._put(old, new, token, [PENDING, RENEWED])

    def staged(self, token: str) -> Credentials | None:
        """The pending version of a rotation; None if it is not stored yet."""
        found = self._read(token, by_version=True)
        if found is None or not found.text:
            return None
        credentials = self._parse(found.text, found.version)
        protect(*credentials.secrets)
        return credentials

    def is_superseded(self, token: str) -> bool:
        """Whether other credentials than those that the pending version replaces are current: a run has renewed them,
        or the owner has stored others."""
        return not self._may_become_current(self._read(CURRENT), self._read(token, by_version=True))

    def finish(self, token: str) -> bool:
        """Makes the pending version current, and ends the rotation in any case. Returns False if the version is
        superseded, or is not stored at all; what was current stays so."""
        current, pending = self._read(CURRENT), self._read(token, by_version=True)
        is_current = self._may_become_current(current, pending)
        if current and is_current and current.version != token:
            is_current = self._promote(token, current.version)
        self._remove_pending_label(token)
        return is_current

    def _may_become_current(self, current: _Stored | None, pending: _Stored | None) -> bool:
        """Whether a pending version is current already, or replaces the one that is."""
        if current is None or pending is None:
            return False
        return current.version in (pending.version, pasted_fields.as_object(pending.text).get("renewed_from"))

    def _remove_pending_label(self, token: str) -> None:
        """AWSPENDING on a version that is not current blocks every later rotation (API reference, RotateSecret), and
        this one will not be current for ever. Where the label is no longer there, Secrets Manager refuses, which is no
        error."""
        try:
            with aws_errors("ending the rotation"):
                self._client.update_secret_version_stage(
                    SecretId=self._secret_id, VersionStage=PENDING, RemoveFromVersionId=token
                )
        except AwsError as error:
            if error_code(error) not in _NOT_ATTACHED:
                raise

    def _put(self, old: Credentials, new: Credentials, token: str, labels: list[str]) -> str:
        """Stores `new` with the other fields of the secret that `old` came from, and returns its version."""
        protect(*new.secrets)
        found = self._read(old.version, by_version=True)
        value = pasted_fields.as_object(found.text) if found else {}
        for name in pasted_fields.TEXT_FIELDS:
            value[name] = getattr(new, name)
        value |= {"provider": self._provider, "expires_at": new.expires_at, "renewed_from": old.version}
        text = json.dumps({name: field for name, field in value.items() if field is not None})
        with aws_errors("storing the renewed credentials"):
            stored = self._client.put_secret_value(
                SecretId=self._secret_id,
                ClientRequestToken=token,
                SecretString=text,
                VersionStages=labels,
            )
        return stored["VersionId"]

    def _promote(self, version: str, replaced: str) -> bool:
        """Makes `version` current if `replaced` still is. Secrets Manager refuses to move the label from a version that
        does not have it (API reference, UpdateSecretVersionStage)."""
        try:
            with aws_errors("storing the renewed credentials"):
                self._client.update_secret_version_stage(
                    SecretId=self._secret_id,
                    VersionStage=CURRENT,
                    MoveToVersionId=version,
                    RemoveFromVersionId=replaced,
                )
        except AwsError as error:
            if error_code(error) != "InvalidParameterException":
                raise
            logger.warning("the owner stored other credentials during a renewal; theirs are used")
            return False
        return True

    def _read(self, label: str, *, by_version: bool = False) -> _Stored | None:
        """The value stored under a label or as a version; None if there is none."""
        which: Any = {"VersionId": label} if by_version else {"VersionStage": label}
        try:
            with aws_errors("reading the credentials"):
                answer = self._client.get_secret_value(SecretId=self._secret_id, **which)
        except AwsError as error:
            if error_code(error) == "ResourceNotFoundException":
                return None
            if error_code(error) == "InvalidRequestException":
                raise ConfigurationError(
                    f"The secret {self._secret_id} cannot be read, because it is scheduled for deletion. Restore it "
                    f"with: aws secretsmanager restore-secret --secret-id {self._secret_id}"
                ) from None
            raise
        text = answer.get("SecretString") or answer.get("SecretBinary", b"").decode(errors="replace")
        # Before anything can fail that might name it, in whichever field it is.
        protect(*pasted_fields.all_secrets(text))
        return _Stored(answer["VersionId"], text, answer["CreatedDate"].timestamp())

    def _parse(self, text: str, version: str) -> Credentials:
        value = pasted_fields.as_object(text)
        if not value:
            raise ConfigurationError(
                f"The secret {self._secret_id} does not hold a JSON object.{pasted_fields.why_no_object(text)} "
                + self._how_to_store()
            )
        fields: dict[str, Any] = {
            name: pasted_fields.field_of(name, value.get(name), f"the secret {self._secret_id}")
            for name in (*pasted_fields.TEXT_FIELDS, "provider")
        }
        if (fields.pop("provider") or self._provider).lower() != self._provider:
            raise ConfigurationError(
                f"The field 'provider' in the secret {self._secret_id} must be '{self._provider}' or left out, because "
                f"this run is for '{self._provider}'."
            )
        self._check_complete(fields)
        return Credentials(
            provider=self._provider,
            expires_at=pasted_fields.moment(value.get("expires_at")),
            version=version,
            **fields,
        )

    def _check_complete(self, value: Mapping[str, Any]) -> None:
        """Checks that all fields of OAuth credentials are there, or else the token of a session."""
        if not value.get("refresh_token"):
            if not value.get("access_token"):
                raise ConfigurationError(
                    f"The secret {self._secret_id} has neither 'refresh_token' nor 'access_token'. "
                    + self._how_to_store()
                )
            return
        for name in self._of_the_client:
            if not value.get(name):
                raise ConfigurationError(
                    f"The secret {self._secret_id} has a 'refresh_token' but no '{name}'. {self._how_to_store()}"
                )

    def _how_to_store(self) -> str:
        return (
            f"Store them: `cloudsync connect {self._provider.replace('_', '-')}`. By hand: aws secretsmanager "
            f"put-secret-value --secret-id {self._secret_id} --secret-string file:///dev/stdin, and paste them as JSON "
            f"(fields: refresh_token, {', '.join(self._of_the_client)}, user_id; or access_token, user_id)."
        )
