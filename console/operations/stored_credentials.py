"""The secret of one provider: whether it is there, whose account it holds, and how new credentials replace it.

What the owner stores becomes current at once, whatever is current by then. A renewal or a rotation that is under way
cannot take that back: it moves the label AWSCURRENT only from the version that it renews (stores/credential_store.py).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.safe_text import protect
from cloud_sync_common.stores import pasted_fields
from cloud_sync_common.stores.credential_store import CURRENT

from console.errors import ConsoleError, NotFoundError
from console.stack import Stack
from console.wording import title_of

# Secrets Manager's words where the key of a secret cannot be used (API reference, GetSecretValue, PutSecretValue).
_KEY = re.compile(r"KMS\w*|(De|En)cryptionFailure(Exception)?", re.IGNORECASE)


@dataclass(frozen=True)
class StoredCredentials:
    """The secret `name` of a provider. Methods raise ConsoleError, NotFoundError, and botocore's errors."""

    stack: Stack
    provider: str
    name: str

    @classmethod
    def of(cls, stack: Stack, provider: str) -> StoredCredentials:
        """Raises NotFoundError when the stack does not back up this provider."""
        if provider in stack.secrets:
            return cls(stack, provider, stack.secrets[provider])
        there = ", ".join(map(title_of, stack.secrets)) or "nothing"
        raise NotFoundError(
            f"The stack of {stack.environment} backs up {there}, so there is no secret for {title_of(provider)}: add "
            f"'{provider}' to `providers` in environments/{stack.environment}.toml, and deploy it again."
        )

    def owner(self) -> str:
        """The id of the account whose credentials are stored; empty where that is not known, and where there are none.

        It is asked before the owner is: a secret that cannot be used shows here.
        """
        with self._explained():
            found = self._client.describe_secret(SecretId=self.name)
            if "DeletedDate" in found:
                raise ConsoleError(
                    f"The secret {self.name} is scheduled for deletion. Restore it first: aws secretsmanager "
                    f"restore-secret --secret-id {self.name}"
                )
            if not any(CURRENT in labels for labels in found.get("VersionIdsToStages", {}).values()):
                return ""
            stored = self._client.get_secret_value(SecretId=self.name, VersionStage=CURRENT)
        text = stored.get("SecretString", "")
        protect(*pasted_fields.all_secrets(text))
        fields = pasted_fields.as_object(text)
        return str(fields.get("user_id") or "")

    def store(self, credentials: Credentials) -> str:
        """Makes these credentials the current ones; returns the id of the version."""
        protect(*credentials.secrets)
        fields = {name: getattr(credentials, name) for name in (*pasted_fields.TEXT_FIELDS, "expires_at")}
        given = {name: value for name, value in fields.items() if value is not None}
        with self._explained():
            stored = self._client.put_secret_value(
                SecretId=self.name,
                ClientRequestToken=str(uuid.uuid4()),  # so that a repeated request makes no second version
                SecretString=json.dumps({"provider": self.provider, **given}),
            )
        return str(stored["VersionId"])

    @property
    def _client(self) -> Any:
        return self.stack.client("secretsmanager")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """A sentence for what only a secret can be refused with; everything else is AWS's in general."""
        from botocore.exceptions import ClientError  # noqa: PLC0415 (see aws_account)

        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code == "ResourceNotFoundException":
                raise NotFoundError(
                    f"The secret {self.name} is not there any more. Deploy the stack again, which creates it empty."
                ) from None
            if _KEY.fullmatch(code):
                raise ConsoleError(
                    f"The KMS key of the secret {self.name} cannot be used ({code}). In the KMS console, check that it "
                    "exists and is enabled, and that its key policy admits you."
                ) from None
            raise
