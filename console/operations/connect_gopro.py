"""GoPro: the three ways to credentials, of which two renew themselves. Names in brackets are the sources in
docs/gopro-api.md.

GoPro registers no clients for others, and gives no token with fewer rights. Name and password are sent to GoPro once,
over TLS, and are kept nowhere. Where two-factor is on, GoPro refuses them, and asks for no second factor.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import requests
from cloud_sync_common.http import answers, loose_json
from cloud_sync_common.provider_interface import Credentials

from console.errors import ConsoleError
from console.operations.provider_services import Services
from console.operations.token_exchange import Exchange

SCOPE = "root root:channels public me upload media_library_beta live"  # what GoPro's own web app asks for (dustin-lib)
SESSION_IS_SHORT = (
    "The session of a browser does not renew itself. Its cookie promises a week; one was seen to end after nine hours. "
    "Start a run at once, and connect again when a mail says that it has ended. That mail says how long it has "
    "lived."
)


class Way(StrEnum):
    """How to get credentials, the best one first."""

    PASSWORD = "password"  # noqa: S105 (the name of a way)
    REFRESH_TOKEN = "refresh-token"  # noqa: S105 (the name of a way)
    SESSION = "session"


_SIGN_IN = "the sign-in at GoPro"
_OTHER_WAYS = "connect with --way refresh-token or --way session instead"
_TWO_FACTOR_CODE = 4014  # of the older sign-in of the web (JDownloader); what this endpoint says is not published
_TWO_FACTOR = (
    "Two-factor authentication is on for this GoPro account, so GoPro refuses name and password. There is no way to "
    f"give it the second factor here: {_OTHER_WAYS} (4014)."
)
_REFUSED = {
    "invalid_grant": "GoPro refuses this name and password: one of them is wrong, or two-factor authentication is on, "
    f"which cannot be used here ({_OTHER_WAYS})",
    "invalid_client": "GoPro does not know this client id with this client secret; copy both again",
}
_OTHERWISE = f"GoPro refuses name and password; {_OTHER_WAYS}"


def signed_in(services: Services, client: Credentials, username: str, password: str) -> Credentials:
    """The client's credentials with tokens, for name and password.

    Raises CredentialsRefusedError with what is refused, ConsoleError when there is no answer.
    """
    form = {
        "grant_type": "password",
        "client_id": client.client_id or "",
        "client_secret": client.client_secret or "",
        "scope": SCOPE,
        "username": username,
        "password": password,
    }
    exchange = Exchange(f"{services.address('gopro_api')}/v1/oauth2/token", _SIGN_IN, _refusal)
    found, answer = exchange.tokens(form, client)
    if found.refresh_token is None:
        raise ConsoleError(f"GoPro gave no refresh token at the sign-in, so the access would soon end; {_OTHER_WAYS}.")
    owner = loose_json.text(answer.get("resource_owner_id"))
    return replace(found, user_id=owner)


def _refusal(response: requests.Response) -> str:
    try:
        said = loose_json.as_object(loose_json.decode(response.content))
    except ValueError:
        said = {}
    if _TWO_FACTOR_CODE in (loose_json.whole_number(said.get(name)) for name in ("error", "error_code", "code")):
        return _TWO_FACTOR
    code = answers.oauth_code(response, *_REFUSED)
    return f"{_REFUSED.get(code, _OTHERWISE)} ({code or response.status_code})."
