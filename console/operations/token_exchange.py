"""Tokens for a code, or for name and password (RFC 6749, 4), and the proof that it was this command that asked (PKCE,
RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import requests
from cloud_sync_common.http import answers, loose_json
from cloud_sync_common.http import client as http_client
from cloud_sync_common.http.answers import Row
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.safe_text import protect

from console.errors import ConsoleError, CredentialsRefusedError
from console.operations.provider_services import answering

_NO_SECRETS = ("grant_type", "scope", "redirect_uri")  # words that sentences have, such as `password`
_VERIFIER_BYTES = 64  # 86 characters; at most 128 are allowed


@dataclass(frozen=True)
class Pkce:
    """A secret of this process, and what is shown of it at the beginning."""

    verifier: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(_VERIFIER_BYTES))

    @property
    def query(self) -> dict[str, str]:
        """The fields of the address at which the owner gives access."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return {"code_challenge": challenge, "code_challenge_method": "S256"}


@dataclass(frozen=True)
class Exchange:
    """Where tokens are given. `doing` completes "The answer to <doing>"; `refusal` has the sentence for a refusal."""

    url: str
    doing: str
    refusal: Callable[[requests.Response], str]

    def tokens(self, form: Mapping[str, str], client: Credentials) -> tuple[Credentials, Row]:
        """The client's credentials with the tokens, and the whole answer. The refresh token may be missing.

        Raises CredentialsRefusedError with the sentence of the refusal, ConsoleError for everything else.
        """
        protect(*(value for name, value in form.items() if name not in _NO_SECRETS), *client.secrets)
        with answering():
            answer = answers.json_object(self._asked(form), self.doing)
        access = loose_json.secret(answer.get("access_token"))
        if access is None:
            raise ConsoleError(f"The answer to {self.doing} has no token. Look for a newer version of Cloud Sync.")
        seconds = loose_json.whole_number(answer.get("expires_in"))
        found = replace(
            client,
            access_token=access,
            refresh_token=loose_json.secret(answer.get("refresh_token")),
            expires_at=time.time() + seconds if seconds else None,
        )
        protect(*found.secrets)
        return found, answer

    def _asked(self, form: Mapping[str, str]) -> requests.Response:
        """It is asked once: a code is good for one time, and a password is not tried again and again."""
        headers = {"Accept": "application/json"}
        response = http_client.request("POST", self.url, doing=self.doing, headers=headers, form=form)
        http_client.refuse_when_busy(response.status_code, response.headers, self.doing)
        if response.status_code // 100 == 2:
            return response
        if answers.is_page(response):
            raise ConsoleError(
                f"Something on the way blocked {self.doing} ({response.status_code} with a page). Try again later, or "
                "from another network."
            )
        if response.status_code in (400, 401, 403):
            raise CredentialsRefusedError(self.refusal(response))
        raise answers.changed(response, self.doing, f"The answer to {self.doing} has the status {response.status_code}")
