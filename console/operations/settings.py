"""What may change without a deployment: the settings of each provider, their history, and how a change is made.

The document and the history of its versions are rows of the ledger. A change writes both in one transaction, under the
version that was read, so that of two people who change the same settings one is told (docs/decisions/039-settings.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.runtime.run_input import check_fit, filters_of
from cloud_sync_common.stores import provider_settings
from cloud_sync_common.stores.provider_settings import ProviderSettings, StoredSettings, as_text
from cloud_sync_common.stores.row_values import now

from console.errors import ConsoleError, NotFoundError, UsageError
from console.operations.deployed_config import Deployed
from console.operations.ledger import Row, plain_row
from console.stack import Stack
from console.wording import title_of, typed

MOST_VERSIONS = 100  # that are looked at for the history


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a provider's settings. `changed_at` is ISO 8601, `changed_by` the ARN of who did it, `document`
    the text as it was stored."""

    version: int
    changed_at: str = ""
    changed_by: str = ""
    document: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the settings that is another one now; None: it was not there, or is not any more."""

    field: str
    before: Any = None
    after: Any = None


class Current(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a provider as they are, and the row that says so, also as DynamoDB has it. `error` says why a row
    that was changed by hand cannot be read; `settings` are the defaults then, and no run begins."""

    provider: str
    row: Row
    stored: StoredSettings
    error: str = ""
    raw: dict[str, Any] = {}

    @property
    def settings(self) -> ProviderSettings:
        return self.stored.settings


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What a change did: the version that it wrote; the one before where nothing was to be changed."""

    provider: str
    settings_version: int
    settings: ProviderSettings
    differences: list[Difference]


def current(stack: Stack, provider: str) -> Current:
    """Strongly consistent. Raises botocore's errors."""
    key = {name: {"S": value} for name, value in provider_settings.key_of(provider).items()}
    table = stack.output("LedgerTable")
    answer = stack.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
    raw = answer.get("Item", {})
    return msgspec.structs.replace(of_row(plain_row(raw), provider), raw=raw)


def of_row(row: Row, provider: str) -> Current:
    """The row of the ledger as settings, whether or not they can be read."""
    try:
        return Current(provider=provider, row=row, stored=provider_settings.of_row(row, provider))
    except ConfigurationError as error:
        return Current(provider=provider, row=row, stored=StoredSettings(), error=str(error))


def readable(found: Current) -> Current:
    """The same. Raises ConsoleError for settings that cannot be read."""
    if found.error:
        raise ConsoleError(f"{found.error} Until then no run of {title_of(found.provider)} begins.")
    return found


def versions(stack: Stack, provider: str, most: int = MOST_VERSIONS) -> list[Version]:
    """The history, the last version first. Raises botocore's errors."""
    answer = stack.client("dynamodb").query(
        TableName=stack.output("LedgerTable"),
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": _history(provider)}},
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=most,
    )
    return [msgspec.convert(plain_row(row), Version) for row in answer["Items"]]


def checked(document: Mapping[str, Any], provider: str, deployed: Deployed) -> ProviderSettings:
    """A document as the functions will read it. Raises UsageError naming the field that does not fit: by itself, beside
    the environment's filters, or for this provider."""
    from cloud_sync_common import providers  # noqa: PLC0415 (half a second, and only a change needs it)

    try:
        settings = provider_settings.checked(document, provider)
        filters = filters_of({"provider": provider}, deployed.filters(provider), provider, settings.filters)
        check_fit(filters, provider, providers.get(provider, {}).capabilities.unfit_filters)
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    return settings


def change(stack: Stack, read: Current, settings: ProviderSettings) -> Changed:
    """Writes these settings as the next version, if nobody has changed what was read. Raises ConsoleError when somebody
    has, and botocore's errors."""
    found = differences(read.settings, settings)
    if not found and not read.error:
        return Changed(provider=read.provider, settings_version=read.stored.version, settings=settings, differences=[])
    last = max([read.stored.version, *(one.version for one in versions(stack, read.provider, most=1))])
    version = last + 1
    row = {"version": version, "document": as_text(settings), "changed_at": now(), "changed_by": _who(stack)}
    is_as_before = settings.paused == read.settings.paused and not read.error
    moment = read.stored.pause_changed_at if is_as_before else str(row["changed_at"])
    _write(stack, read, row, moment)
    return Changed(provider=read.provider, settings_version=version, settings=settings, differences=found)


def _write(stack: Stack, read: Current, row: Row, pause_changed_at: str) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 (see aws_account)

    table, key = stack.output("LedgerTable"), provider_settings.key_of(read.provider)
    old = {"pk": _history(read.provider), "sk": f"VERSION#{row['version']:06}"}
    put = {"TableName": table, "Item": _item({**key, **row, "pause_changed_at": pause_changed_at}), **_as_read(read)}
    kept = {"TableName": table, "Item": _item({**old, **row}), "ConditionExpression": "attribute_not_exists(pk)"}
    try:
        stack.client("dynamodb").transact_write_items(TransactItems=[{"Put": put}, {"Put": kept}])
    except ClientError as error:
        if not _lost_a_race(error.response):
            raise
        raise ConsoleError(
            f"Somebody else has changed the settings of {title_of(read.provider)} meanwhile, so nothing was written. "
            f"Look at them (`cloudsync settings show --provider {typed(read.provider)}`), then repeat the command."
        ) from None


def _lost_a_race(refusal: Mapping[str, Any]) -> bool:
    """Whether a transaction was refused because a row is not as it was read, or is being changed (DynamoDB API
    reference, TransactWriteItems, "CancellationReasons")."""
    reasons = {reason.get("Code") for reason in refusal.get("CancellationReasons", [])}
    return bool(reasons & {"ConditionalCheckFailed", "TransactionConflict"})


def _as_read(read: Current) -> dict[str, Any]:
    """The condition that the row is the one that was read, also where a person has edited it."""
    if not read.raw:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    names = {"#version": "version", "#document": "document"}
    parts, values = [], {}
    for placeholder, name in names.items():
        if name not in read.raw:
            parts.append(f"attribute_not_exists({placeholder})")
        else:
            parts.append(f"{placeholder} = :{name}")
            values[f":{name}"] = read.raw[name]
    bound = {"ExpressionAttributeValues": values} if values else {}
    return {"ConditionExpression": " AND ".join(parts), "ExpressionAttributeNames": names, **bound}


def undone(stack: Stack, read: Current, to: int | None) -> dict[str, Any]:
    """The document of an earlier version: `to`, or the one before the current. What was edited by hand goes back to the
    last version that was written by this command. Before the first version there are the defaults.

    Raises NotFoundError, ConsoleError, and botocore's errors.
    """
    history = {one.version: one for one in versions(stack, read.provider)}
    if not history and not read.row:
        raise ConsoleError(f"The settings of {title_of(read.provider)} were never changed: there is nothing to undo.")
    wanted = _before(read, history) if to is None else to
    if wanted == 0:
        return {}
    if wanted not in history:
        raise NotFoundError(
            f"The settings of {title_of(read.provider)} have no version {wanted}. `cloudsync settings history` lists "
            "them."
        )
    return _document(history[wanted], read.provider)


def _document(version: Version, provider: str) -> dict[str, Any]:
    """Raises ConsoleError for a row of the history that was edited by hand and cannot be read."""
    try:
        return msgspec.json.decode(version.document, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise ConsoleError(
            f"Version {version.version} of the settings of {provider} cannot be read. Go back to another one with "
            "--to; 0: the defaults."
        ) from None


def _before(read: Current, history: Mapping[int, Version]) -> int:
    newest = max(history, default=0)
    is_as_written = newest and read.row.get("document") == history[newest].document and not read.error
    earlier = [version for version in history if version < newest]
    return max(earlier, default=0) if is_as_written else newest


def differences(before: ProviderSettings, after: ProviderSettings) -> list[Difference]:
    """What has changed, field by field; a filter is a field of its own."""
    old, new = dict(_fields(before)), dict(_fields(after))
    return [
        Difference(field=name, before=old.get(name), after=new.get(name))
        for name in dict.fromkeys((*old, *new))
        if name not in old or name not in new or old[name] != new[name]
    ]


def differences_of(version: Version, earlier: Version | None) -> list[Difference]:
    """What a version of the history has changed."""
    before, after = (_settings_of(one.document) if one else ProviderSettings() for one in (earlier, version))
    return differences(before, after)


def _settings_of(document: str) -> ProviderSettings:
    """A version as it was written; the history holds what was accepted then, and is not checked again."""
    try:
        return msgspec.json.decode(document, type=ProviderSettings)
    except (msgspec.DecodeError, RecursionError):
        return ProviderSettings()


def _fields(settings: ProviderSettings) -> Iterator[tuple[str, Any]]:
    yield "paused", settings.paused
    yield "mails", settings.mails.value
    for name, value in sorted(settings.filters.items()):
        yield f"filters.{name}", value


def _who(stack: Stack) -> str:
    return str(stack.client("sts").get_caller_identity()["Arn"])


def _history(provider: str) -> str:
    """A partition of its own, which no function can reach, and which is not read daily."""
    return f"SETTINGS#{provider}"


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _attribute(value) for name, value in row.items()}


def _attribute(value: Any) -> dict[str, Any]:
    """A value in DynamoDB's own JSON: these rows have texts and a number."""
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}
