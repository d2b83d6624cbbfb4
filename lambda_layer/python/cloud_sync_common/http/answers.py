"""What every provider does with the answer to a call: take the JSON out of it, or say that the API has changed.

`doing` completes the sentence "The answer to <doing> ...".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import requests

from cloud_sync_common.exceptions import ProviderContractError
from cloud_sync_common.http import loose_json
from cloud_sync_common.http.loose_json import as_object, decode
from cloud_sync_common.http.response_shape import shape
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Credentials

# What may be said of an answer: nothing that it says itself beside these.
_OAUTH_ERRORS = frozenset(  # RFC 6749, 5.2
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
_CONTENT_TYPES = frozenset(
    {
        "",
        "application/json",
        "application/octet-stream",
        "application/problem+json",
        "application/xhtml+xml",
        "application/xml",
        "text/html",
        "text/plain",
        "text/xml",
    }
)

type Row = Mapping[str, Any]


def json_object(response: requests.Response, doing: str) -> Row:
    """The object in an answer. Raises ProviderContractError if there is none."""
    answer = json_value(response, doing)
    if not isinstance(answer, dict):
        raise _other_shape(response, doing)
    return answer


def json_value(response: requests.Response, doing: str) -> Any:
    """The JSON in an answer, of any type. Raises ProviderContractError if there is none."""
    try:
        return decode(response.content)
    except ValueError:
        raise _other_shape(response, doing) from None


def _other_shape(response: requests.Response, doing: str) -> ProviderContractError:
    return changed(response, doing, f"The answer to {doing} has a different shape")


def rows_in(rows: Any, fields: tuple[str, ...], response: requests.Response, doing: str) -> list[Row]:
    """The rows of an answer, each of which is to be judged by itself; what is no object is a row without fields.

    Raises ProviderContractError if there is no list of rows, or if none of several has a field that decides what a row
    is: what a single row lacks concerns that row. A value may be null.
    """
    if not isinstance(rows, list):
        raise changed(response, doing, f"The answer to {doing} has a different shape: its rows are missing")
    found = [as_object(row) for row in rows]
    for field in fields:
        if len(found) > 1 and not any(field in row for row in found):
            raise changed(response, doing, f"The answer to {doing} no longer has the field '{field}'")
    return found


def changed(
    response: requests.Response, doing: str, what: str, kept: str = "nothing was lost."
) -> ProviderContractError:
    """The error for a changed API. The log gets the shape of the answer, without its values."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    kind = kind if kind in _CONTENT_TYPES else "another"
    sample = {"doing": doing, "status": response.status_code, "content_type": kind, "shape": shape(response.content)}
    logger.warning("an answer that this version does not know", extra=sample)
    return ProviderContractError(
        f"{what}: its API is no longer the one that this version was written for. Look for a newer version of Cloud "
        f"Sync; {kept}"
    )


def is_page(response: requests.Response) -> bool:
    """Whether the answer is a page for people, as gateways and firewalls send."""
    return "html" in response.headers.get("Content-Type", "").lower()


def oauth_code(response: requests.Response, *own_codes: str) -> str:
    """The error code that an OAuth answer refuses with, if it is a known one or one of the provider's own; empty for
    anything else, which is never quoted. A subtype that is known (`error_subtype`) says more than the code; a sentence
    behind the code ("invalid_client: Invalid client_id or client_secret") says nothing."""
    try:
        answer = as_object(decode(response.content))
    except ValueError:
        return ""
    code, subtype = (str(answer.get(field, "")).partition(":")[0] for field in ("error", "error_subtype"))
    if subtype in own_codes:
        return subtype
    return code if code in (*_OAUTH_ERRORS, *own_codes) else ""


def renewed(old: Credentials, response: requests.Response, doing: str, owner: str, kept: str) -> Credentials:
    """What the answer to a renewal holds, `owner` being its field with the id of the user. Only the two tokens decide:
    the old refresh token may be dead by now, so that one token alone is worth keeping, whatever the rest of the answer
    is. Raises ProviderContractError, with `kept`, when there is none."""
    try:
        token = as_object(loose_json.decode(response.content))
    except ValueError:
        token = {}
    access, refresh = loose_json.secret(token.get("access_token")), loose_json.secret(token.get("refresh_token"))
    if access is None and refresh is None:
        raise changed(response, doing, f"The answer to {doing} has no token", kept)
    seconds = loose_json.whole_number(token.get("expires_in"))
    return replace(
        old,
        access_token=access,
        refresh_token=refresh or old.refresh_token,
        expires_at=time.time() + seconds if seconds else None,
        user_id=loose_json.text(token.get(owner)) or old.user_id,
    )
