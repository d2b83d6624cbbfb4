"""Dropbox: the owner allows their own app to read their files, and pastes the code that Dropbox shows.

There is no redirect, because Dropbox sends a browser only to addresses that the app has registered. The app's key is
enough: PKCE stands in for its secret (Dropbox OAuth guide).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

import requests
from cloud_sync_common.http import answers, loose_json
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.providers import dropbox

from console.errors import ConsoleError, CredentialsRefusedError
from console.operations.provider_services import Services
from console.operations.token_exchange import Exchange, Pkce

_REFUSED = {
    "invalid_grant": "Dropbox does not accept the code: it was copied in part, has expired, or was used before. Repeat "
    "the command, and paste the code at once"
}
_OTHERWISE = (
    "Dropbox does not know this app key, or has disabled the app; copy the key from dropbox.com/developers/apps "
    "('Settings')"
)
_TOO_NARROW = (
    "The app at Dropbox lacks a permission: check files.metadata.read, files.content.read and account_info.read at "
    "dropbox.com/developers/apps ('Permissions'), press 'Submit', and connect again."
)
_ENDS_SOON = "Dropbox gave no refresh token, so the access would end in four hours. Connect again."


@dataclass(frozen=True)
class DropboxConsent:
    """One request to the owner, to be answered in a browser at `address`."""

    services: Services
    app_key: str = field(repr=False)
    pkce: Pkce = field(default_factory=Pkce)

    @property
    def address(self) -> str:
        """Where the owner allows it. It holds no secret, but the app's key."""
        query = {
            "client_id": self.app_key,
            "response_type": "code",
            "token_access_type": "offline",
            "scope": " ".join(dropbox.SCOPES),
            **self.pkce.query,
        }
        return f"{self.services.address('dropbox_web')}/oauth2/authorize?{urlencode(query)}"

    def credentials(self, code: str) -> Credentials:
        """Exchanges the code. Raises CredentialsRefusedError for a code or an app that is refused, or that may do too
        little; ConsoleError when there is no answer."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.app_key,
            "code_verifier": self.pkce.verifier,
        }
        exchange = Exchange(
            f"{self.services.address('dropbox_api')}/oauth2/token", "the exchange of the code at Dropbox", _refusal
        )
        found, answer = exchange.tokens(form, Credentials(dropbox.Dropbox.name, client_id=self.app_key))
        scopes = loose_json.text(answer.get("scope"))
        if scopes is not None and not set(dropbox.SCOPES) <= set(scopes.split()):
            raise CredentialsRefusedError(_TOO_NARROW)
        if found.refresh_token is None:
            raise ConsoleError(_ENDS_SOON)
        return found


def _refusal(response: requests.Response) -> str:
    code = answers.oauth_code(response, *_REFUSED)
    return f"{_REFUSED.get(code, _OTHERWISE)} ({code or response.status_code})."
