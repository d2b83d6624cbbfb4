"""What the owner pastes: cleaned where that is harmless, else refused with the field named, and never quoted."""

from __future__ import annotations

from dataclasses import replace

from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.provider_interface import Credentials
from cloud_sync_common.safe_text import protect
from cloud_sync_common.stores import pasted_fields

from console.errors import UsageError
from console.operations.provider_services import Services

MOST_CHARACTERS = 65_536  # that a secret can have (Secrets Manager API reference, PutSecretValue)
_WHERE = "what came on standard input"


def fault_of(field: str, text: str) -> str:
    """What is wrong with a value that was pasted for a field of the secret, as the rest of a sentence about it; empty
    when it can be used. `field` is empty for a value that is no field."""
    if not text:
        return "is empty."
    if len(text) > MOST_CHARACTERS:
        return "is far too long to be one."
    return pasted_fields.fault_of(field, text)


def from_json(text: str, provider: str) -> Credentials:
    """The credentials in a JSON object, as the secret holds them; without an access token if there is a refresh token.
    Other fields are left out.

    Raises UsageError naming the field and the fix.
    """
    if len(text) > MOST_CHARACTERS:
        raise UsageError("Standard input holds more than a secret can: it must be one JSON object.")
    protect(*pasted_fields.all_secrets(text))
    value = pasted_fields.as_object(text)
    if not value:
        raise UsageError(f"Standard input holds no JSON object.{pasted_fields.why_no_object(text)}")
    names = (*pasted_fields.TEXT_FIELDS, "provider")
    try:
        fields = {name: pasted_fields.field_of(name, value.get(name), _WHERE) for name in names}
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    if (fields.pop("provider") or provider).lower() != provider:
        raise UsageError(f"The field 'provider' in {_WHERE} must be '{provider}', or be left out.")
    _check_complete(fields, provider)
    if fields["refresh_token"]:
        fields["access_token"] = None  # whose end nobody knows; a new one is asked for
    expires_at = pasted_fields.moment(value.get("expires_at"))
    return replace(Credentials(provider, expires_at=expires_at), **fields)  # type: ignore[arg-type]


def _check_complete(fields: dict[str, str | None], provider: str) -> None:
    """Raises UsageError unless there is a refresh token with its client, or else the token of a session."""
    if not fields["refresh_token"]:
        if not fields["access_token"]:
            raise UsageError(f"There is neither 'refresh_token' nor 'access_token' in {_WHERE}.")
        return
    has_secret = Services().provider(provider).capabilities.has_client_secret
    for name in ("client_id", *(["client_secret"] if has_secret else [])):
        if not fields[name]:
            raise UsageError(f"There is a 'refresh_token' but no '{name}' in {_WHERE}.")
