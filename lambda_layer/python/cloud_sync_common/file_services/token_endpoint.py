"""The renewal of an access token by a refresh token that stays (RFC 6749, 6)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import requests

from cloud_sync_common.exceptions import ConfigurationError, CredentialsExpiredError, ProviderUnavailableError
from cloud_sync_common.http import answers, loose_json
from cloud_sync_common.http import client as http_client
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.xray_utils import subsegment


@dataclass(frozen=True)
class TokenEndpoint:
    """Where a provider renews tokens. `doing` completes "The answer to <doing>"; `refused` has the sentence for each
    error code, and `otherwise` the one for what is none of them; `store` says how to store new credentials. A token has
    to be for one of `scopes`, if there are any and the provider says what it is for (RFC 6749, 5.1); `too_narrow` is
    the sentence where it is not."""

    url: str
    doing: str
    refused: Mapping[str, str]
    otherwise: str
    store: str
    scopes: frozenset[str] = frozenset()
    too_narrow: str = ""

    def renewed(self, old: Credentials, fields: Mapping[str, str]) -> Credentials:
        """The credentials with a new access token. The refresh token stays, unless the answer has another one.

        Raises ConfigurationError for credentials without a refresh token, before any request, and for a token whose
        scope is too narrow; CredentialsExpiredError with the sentence of what refuses; ProviderThrottledError,
        ProviderUnavailableError, ProviderContractError.
        """
        if not old.renewable:
            raise ConfigurationError(f"An access token alone cannot be renewed. {self.store}")
        form = {"grant_type": "refresh_token", "refresh_token": old.refresh_token or "", **fields}
        response = self._asked(form)
        answer = answers.json_object(response, self.doing)
        access = loose_json.secret(answer.get("access_token"))
        if access is None:
            raise answers.changed(response, self.doing, f"The answer to {self.doing} has no usable 'access_token'")
        self._check_rights(answer)
        left = _refresh_token_left(answer)
        seconds = loose_json.whole_number(answer.get("expires_in"))
        return replace(
            old,
            access_token=access,
            refresh_token=loose_json.secret(answer.get("refresh_token")) or old.refresh_token,
            expires_at=time.time() + seconds if seconds else None,
            refresh_ends_at=time.time() + left if left else None,
        )

    def _check_rights(self, answer: answers.Row) -> None:
        """Raises for too narrow a scope. Warns of a refresh token that ends, as those of clients in testing do."""
        scopes = loose_json.text(answer.get("scope"))
        if self.scopes and scopes is not None and self.scopes.isdisjoint(scopes.split()):
            raise ConfigurationError(self.too_narrow)
        if left := _refresh_token_left(answer):
            logger.warning("the refresh token ends: its client is in testing", extra={"days_left": left // 86_400})

    def _asked(self, form: Mapping[str, str]) -> requests.Response:
        headers = {"Accept": "application/json"}
        with subsegment(self.doing):
            response = http_client.request("POST", self.url, doing=self.doing, headers=headers, form=form)
        self._refuse(response)
        return response

    def _refuse(self, response: requests.Response) -> None:
        """Raises for every status but 200."""
        status = response.status_code
        http_client.refuse_when_busy(status, response.headers, self.doing)
        if status != 200 and answers.is_page(response):
            raise ProviderUnavailableError(f"Something on the way blocked {self.doing} ({status} with a page).")
        if status in (400, 401, 403):
            code = answers.oauth_code(response, *self.refused)
            sentence = self.refused.get(code, self.otherwise)
            raise CredentialsExpiredError(f"{sentence} ({code or status}). {self.store}", doubtful=not code)
        if status != 200:
            raise answers.changed(response, self.doing, f"The answer to {self.doing} has the status {status}")


def _refresh_token_left(answer: answers.Row) -> int | None:
    """Seconds until the refresh token ends, where the provider says so: some do in the answer to a renewal, too."""
    return loose_json.whole_number(answer.get("refresh_token_expires_in"))
