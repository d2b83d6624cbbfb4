"""What the owner may change of a provider without a deployment: one document, in a row of the ledger.

The functions read it here, and the owner's command checks by the same code what it writes
(docs/decisions/039-settings.md). A document that cannot be read is an error that names the field: whoever has limited
what is archived, or paused a provider, must not be passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.runtime import filter_input
from cloud_sync_common.runtime.filter_input import Place, hint, shown
from cloud_sync_common.stores.provider_rows import SETTINGS
from cloud_sync_common.stores.row_values import Key, typed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class Mails(StrEnum):
    """Of which nights the owner wants a mail: of every one, of those that have archived something, or of none. Trouble
    is always news."""

    EVERY_NIGHT = "every_night"
    ONLY_NEWS = "only_news"
    ONLY_TROUBLE = "only_trouble"

    def wants(self, *, news: bool, trouble: bool) -> bool:
        """Whether the report of such a night is sent."""
        return trouble or self is Mails.EVERY_NIGHT or (news and self is Mails.ONLY_NEWS)


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The document of one provider. `filters` are its lasting ones, as in the input of a run: a field takes the place
    of the environment's, and null means no such limit."""

    paused: bool = False
    mails: Mails = Mails.EVERY_NIGHT
    filters: dict[str, Any] = {}


class StoredSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The document as it is stored. `version` counts its changes, 0: it was never written. `pause_changed_at` is when
    the provider was paused or resumed last (ISO 8601, empty: never)."""

    version: int = 0
    settings: ProviderSettings = ProviderSettings()
    pause_changed_at: str = ""


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    document: str
    pause_changed_at: str = ""


FIELDS = tuple(field.name for field in msgspec.structs.fields(ProviderSettings))


def key_of(provider: str) -> Key:
    return {"pk": f"PROVIDER#{provider}", "sk": SETTINGS}


def stored(table: Table, provider: str) -> StoredSettings:
    """The settings of a provider, strongly consistent: one GetItem. Raises ConfigurationError naming the field that
    does not fit, and ArchiveUnavailableError."""
    from cloud_sync_common.stores.conditional_table import ConditionalTable  # noqa: PLC0415 (boto3 and X-Ray)

    return of_row(ConditionalTable(table).get(key_of(provider)), provider)


def of_row(row: Mapping[str, Any], provider: str) -> StoredSettings:
    """A row of the ledger as what it says; an empty row is that of a provider whose settings were never changed.

    Raises ConfigurationError naming the field and the fix.
    """
    if not row:
        return StoredSettings()
    try:
        found = typed(row, _Row)
        _check_time(found.pause_changed_at, provider)
        settings = checked(_decoded(found.document, provider), provider)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"The {provider} settings cannot be read: {error}. {_undo(provider)}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{error} {_undo(provider)}") from None
    return StoredSettings(version=found.version, settings=settings, pause_changed_at=found.pause_changed_at)


def checked(given: object, provider: str) -> ProviderSettings:
    """A document as settings. Raises ConfigurationError naming the field and what it must be."""
    whose = f"The {provider} settings"
    if not isinstance(given, Mapping):
        raise ConfigurationError(f'{whose} must be an object such as {{"paused": false}}, not {shown(given)}.')
    for name in given:
        if name not in FIELDS:
            raise ConfigurationError(
                f"{whose} have a field {shown(name)}; {hint(name, list(FIELDS))} may have {', '.join(FIELDS)}."
            )
    if not isinstance(given.get("paused", False), bool):
        raise ConfigurationError(f"{whose}' field 'paused' must be true or false, not {shown(given['paused'])}.")
    if given.get("mails", Mails.EVERY_NIGHT) not in [*Mails]:
        raise ConfigurationError(f"{whose}' field 'mails' must be {', '.join(Mails)}, not {shown(given['mails'])}.")
    filters = given.get("filters", {})
    filter_input.checked(filters, Place(whose, "filters", is_lasting=True))
    return msgspec.convert({**given, "filters": dict(filters)}, ProviderSettings)


def as_text(settings: ProviderSettings) -> str:
    """The document as it is stored."""
    return msgspec.json.encode(settings).decode()


def _decoded(document: str, provider: str) -> object:
    try:
        return msgspec.json.decode(document)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"The {provider} settings' field 'document' is no JSON: {error}.") from None
    except RecursionError:
        raise ConfigurationError(f"The {provider} settings' field 'document' is nested too deeply.") from None


def _check_time(text: str, provider: str) -> None:
    """Empty, or a time with an offset."""
    try:
        known = not text or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        known = False
    if not known:
        raise ConfigurationError(
            f"The {provider} settings' field 'pause_changed_at' must be a time such as 2026-01-31T00:00:00Z, not "
            f"{shown(text)}."
        )


def _undo(provider: str) -> str:
    return f"Put the last good version back: cloudsync settings undo --provider {provider}"
