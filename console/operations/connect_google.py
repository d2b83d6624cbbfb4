"""Google Drive: the owner allows their own OAuth client, a "Desktop app", to read their files.

The browser's answer comes to a port of this machine (Google, "OAuth 2.0 for iOS & Desktop Apps"). A client whose
consent screen is in "Testing" gets refresh tokens that end after seven days: its answer says so, and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

import requests
from cloud_sync_common.http import answers, loose_json
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.providers import google_drive

from console.errors import ConsoleError, CredentialsRefusedError
from console.operations.loopback_redirect import LoopbackRedirect
from console.operations.provider_services import Services
from console.operations.token_exchange import Exchange, Pkce

TITLE = "Google"
SCOPE = f"{google_drive.API}/auth/drive.readonly"
WAIT_SECONDS = 300.0  # for the owner to sign in and to decide

_REFUSED = {
    "invalid_grant": "Google does not accept the code: it has expired, or was used before. Repeat the command",
    "invalid_client": "Google does not know this client id with this client secret; copy both from the Cloud console",
    "deleted_client": "This OAuth client was deleted; create another one, a 'Desktop app', in the Cloud console",
    "disabled_client": "This OAuth client is disabled; enable it in the Google Cloud console",
    "unauthorized_client": "This OAuth client may not do this; create one of the type 'Desktop app'",
    "admin_policy_enforced": "The administrator of this Google account does not allow this OAuth client; ask for that",
    "org_internal": "This OAuth client is for its own organisation only; set its user type to 'External'",
}
_OTHERWISE = "Google refuses the OAuth client; check in the Cloud console that it is a 'Desktop app' and enabled"
_TESTING = (
    "The consent screen of this OAuth client is in 'Testing', so Google would end the access after seven days. Press "
    "'Publish app' (Google Cloud console, Google Auth platform, Audience), and only then connect again: tokens from "
    "before keep their seven days."
)
PASTED = (
    "Google need not say of a refresh token that was piped in whether its app is in 'Testing': if it was at the "
    "consent, the access ends seven days after that. `cloudsync connect google-drive` in a terminal would notice it."
)
_ENDS_SOON = (
    "Google gave no refresh token, so the access would end in an hour. Remove the app at "
    "myaccount.google.com/connections, and connect again."
)


@dataclass(frozen=True)
class GoogleConsent:
    """One request to the owner, to be answered in a browser at `address`; `redirect` takes the answer."""

    services: Services
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    redirect: LoopbackRedirect
    pkce: Pkce = field(default_factory=Pkce)

    @property
    def address(self) -> str:
        """Where the owner allows it. It holds no secret, but the client's id."""
        query = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect.address,
            "response_type": "code",
            "scope": SCOPE,
            "access_type": "offline",
            "prompt": "consent",
            "state": self.redirect.state,
            **self.pkce.query,
        }
        return f"{self.services.address('google_accounts')}/o/oauth2/v2/auth?{urlencode(query)}"

    def credentials(self, seconds: float = WAIT_SECONDS) -> Credentials:
        """Waits for the answer, and exchanges its code.

        Raises CredentialsRefusedError when access was not given or is too narrow, when the client is refused, or is in
        "Testing"; ConsoleError when there is no answer in time, or not to this request.
        """
        form = {
            "grant_type": "authorization_code",
            "code": self.redirect.code(seconds),
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "redirect_uri": self.redirect.address,
            "code_verifier": self.pkce.verifier,
        }
        exchange = Exchange(
            f"{self.services.address('google_oauth')}/token", "the exchange of the code at Google", _refusal
        )
        client = Credentials(google_drive.GoogleDrive.name, client_id=self.client_id, client_secret=self.client_secret)
        found, answer = exchange.tokens(form, client)
        _check(found, answer)
        return found


def check_lasts(found: Credentials) -> None:
    """Raises CredentialsRefusedError when Google's answer to a renewal says that the refresh token ends, as those of a
    client in "Testing" do. Google documents that of the exchange of a code only, so its silence proves nothing."""
    if found.refresh_ends_at is not None:
        raise CredentialsRefusedError(_TESTING)


def _refusal(response: requests.Response) -> str:
    code = answers.oauth_code(response, *_REFUSED)
    return f"{_REFUSED.get(code, _OTHERWISE)} ({code or response.status_code})."


def _check(found: Credentials, answer: answers.Row) -> None:
    """Raises CredentialsRefusedError for tokens with which no backup would last."""
    scopes = loose_json.text(answer.get("scope"))
    if scopes is not None and google_drive.SCOPES.isdisjoint(scopes.split()):
        raise CredentialsRefusedError(google_drive.TOO_NARROW)
    if "refresh_token_expires_in" in answer:
        raise CredentialsRefusedError(_TESTING)
    if found.refresh_token is None:
        raise ConsoleError(_ENDS_SOON)
