"""Whose account credentials belong to, as far as the provider says it, and what one page of its listing holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import requests
from cloud_sync_common.exceptions import CredentialsExpiredError
from cloud_sync_common.filters import Filters
from cloud_sync_common.http import answers, loose_json
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Credentials, MediaPage, Provider, UsesCredentials
from cloud_sync_common.retry_utils import Deadline, is_doubtful_refusal, retrying
from cloud_sync_common.safe_text import one_line

from console.operations.provider_services import Services, answering

_SECONDS, _ATTEMPTS = 90.0, 4  # for one call with its repetitions
_NAME_LIMIT = 100  # characters of a name or an address that are shown


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account at a provider. `name` and `email` are empty where the provider does not tell them. `team_root` is the
    id of the folder of the whole team, for an account that only begins in a folder of its own (Dropbox)."""

    id: str
    name: str = ""
    email: str = ""
    team_root: str = ""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """How many videos one page of the listing has, and how many items the whole listing, where the provider says it."""

    videos: int
    total: int | None = None


def account_of(services: Services, credentials: Credentials) -> Account:
    """The account of an access token.

    Raises CredentialsRefusedError when the provider refuses the token, ConsoleError when there is no answer.
    """
    provider = services.provider(credentials.provider)
    with answering():
        accepted = _patiently(lambda: _validated(provider, credentials))
        shown = _patiently(lambda: _SHOWN[credentials.provider](services, accepted))
    return msgspec.structs.replace(shown, id=accepted.user_id or shown.id)


def listed(services: Services, credentials: Credentials) -> Listed:
    """One page of the listing, as a run asks for it. Raises as `account_of` does."""
    provider = services.provider(credentials.provider)
    with answering():
        page: MediaPage = _patiently(lambda: _first_page(provider, credentials))
    return Listed(videos=len(page.items), total=page.total)


def renewed(services: Services, credentials: Credentials) -> Credentials:
    """The credentials with a new access token, and perhaps a new refresh token: the one before may have ended by it.
    It is asked for once. Raises as `account_of` does."""
    with answering():
        return services.provider(credentials.provider).refresh(credentials)


def _validated(provider: Provider, credentials: Credentials) -> Credentials:
    """With the id that the provider says, whatever was stored."""
    return provider.validate(replace(credentials, user_id=None))


def _first_page(provider: Provider, credentials: Credentials) -> MediaPage:
    if isinstance(provider, UsesCredentials):
        provider.use(credentials)
    return provider.list_media(credentials.access_token or "", None, Filters())


def _patiently[T](call: Callable[[], T]) -> T:
    """As a function asks: what may pass in a moment is asked for again. A refusal that only a status shows is one of
    the provider's when it comes twice."""
    doubted = iter([True])
    again: Callable[[BaseException], bool] = lambda error: is_doubtful_refusal(error) and next(doubted, False)  # noqa: E731
    return retrying(call, Deadline.after(_SECONDS), attempts=_ATTEMPTS, also=again)


def _of_google(services: Services, credentials: Credentials) -> Account:
    """GET /about (drive.v3.json)."""
    url = f"{services.address('google_drive_api')}/drive/v3/about"
    query = {"fields": "user(displayName,emailAddress,permissionId)"}
    user = loose_json.as_object(_answer("GET", url, credentials, query=query).get("user"))
    return Account(
        id=_shown(user, "permissionId"), name=_shown(user, "displayName"), email=_shown(user, "emailAddress")
    )


def _of_dropbox(services: Services, credentials: Credentials) -> Account:
    """POST /users/get_current_account (dropbox-api-spec, users.stone, common.stone)."""
    url = f"{services.address('dropbox_api')}/2/users/get_current_account"
    found = _answer("POST", url, credentials, headers={"Content-Type": "application/json"}, content=b"null")
    name, root = loose_json.as_object(found.get("name")), loose_json.as_object(found.get("root_info"))
    team, home = _shown(root, "root_namespace_id"), _shown(root, "home_namespace_id")
    return Account(
        id=_shown(found, "account_id"),
        name=_shown(name, "display_name"),
        email=_shown(found, "email"),
        team_root=team if team != home else "",
    )


def _of_gopro(_services: Services, credentials: Credentials) -> Account:
    """GoPro says nothing but the id, which `validate` has asked for."""
    return Account(id=credentials.user_id or "")


_SHOWN: Mapping[str, Callable[[Services, Credentials], Account]] = {
    "gopro": _of_gopro,
    "google_drive": _of_google,
    "dropbox": _of_dropbox,
}


def _answer(method: str, url: str, credentials: Credentials, **more: Any) -> answers.Row:
    doing = "the request for the account's name"
    headers = {"Accept": "application/json", "Authorization": f"Bearer {credentials.access_token}"}
    response: requests.Response = http_client.request(
        method, url, doing=doing, **more | {"headers": headers | more.get("headers", {})}
    )
    http_client.refuse_when_busy(response.status_code, response.headers, doing)
    if response.status_code in (401, 403):
        raise CredentialsExpiredError(f"The provider refuses {doing} ({response.status_code}). Connect again.")
    if response.status_code != 200:
        raise answers.changed(response, doing, f"The answer to {doing} has the status {response.status_code}")
    return answers.json_object(response, doing)


def _shown(row: answers.Row, name: str) -> str:
    """A text of the provider's, as it may stand in a sentence."""
    return one_line(loose_json.text(row.get(name)) or "", _NAME_LIMIT)
