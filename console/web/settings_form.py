"""The form of a provider's settings: what its fields hold, and the document that they make. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from cloud_sync_common.filters import PHOTO, VIDEO
from cloud_sync_common.stores.provider_settings import Mails, ProviderSettings

from console.errors import UsageError
from console.operations.settings_words import DEFAULT, NONE, with_changes

MAILS = (
    (Mails.EVERY_NIGHT, "After every night"),
    (Mails.ONLY_NEWS, "After a night that archived something"),
    (Mails.ONLY_TROUBLE, "Only when something is wrong"),
)
PHOTOS = ((DEFAULT, "As deployed"), ("on", "Videos and photos"), ("off", "Videos only"))
KEEP = "keep"
INCLUDE, EXCLUDE = "include", "exclude"
_FOLDERS = "folders"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMES = ("captured_from", "captured_before", "uploaded_from", "uploaded_before")


@dataclass(frozen=True)
class Field:
    """One field for a filter: its name, what it is called, and what may be typed."""

    name: str
    label: str
    hint: str


FIELDS = (
    Field("captured_from", "Captured from", "2026-01-31, or a time with an offset"),
    Field("captured_before", "Captured before", "2026-01-31, or a time with an offset"),
    Field("uploaded_from", "Uploaded from", "2026-01-31, or a time with an offset"),
    Field("uploaded_before", "Uploaded before", "2026-01-31, or a time with an offset"),
    Field("types", "Types", "mp4, 360, timelapse"),
    Field("names", "Names", "GX*.MP4, with commas between several"),
    Field(INCLUDE, "Only these folders", "Trips/*, with commas between several"),
    Field(EXCLUDE, "Never these folders", "Private/*, with commas between several"),
    Field("min_size_mb", "At least, in MB", "for example 10"),
    Field("max_size_mb", "At most, in MB", "for example 20000"),
    Field("min_age_days", "Uploaded at least so many days ago", "for example 2"),
)


def filter_of(field: str) -> str:
    """The filter that a field is a part of."""
    return _FOLDERS if field in (INCLUDE, EXCLUDE) else field


def typed_values(settings: ProviderSettings) -> dict[str, str]:
    """What the form holds for settings, so that sending it unchanged changes nothing."""
    filters = settings.filters
    values = {field.name: _text(filters, field.name) for field in FIELDS if field.name == filter_of(field.name)}
    folders = filters.get(_FOLDERS, {})
    for name in (INCLUDE, EXCLUDE):
        values[name] = _listed(folders.get(name, [])) if isinstance(folders, Mapping) else ""
    if _FOLDERS in filters and folders is None:
        values[INCLUDE] = NONE
    return values | {"mails": settings.mails.value, "photos": _photos(filters)}


def _photos(filters: Mapping[str, Any]) -> str:
    kinds = filters.get("kinds", DEFAULT)
    if kinds == DEFAULT:
        return DEFAULT
    known = {frozenset({VIDEO, PHOTO}): "on", frozenset({VIDEO}): "off"}
    return known.get(frozenset(kinds), KEEP) if isinstance(kinds, list) else KEEP


def _text(filters: Mapping[str, Any], name: str) -> str:
    if name not in filters:
        return ""
    value = filters[name]
    if value is None:
        return NONE
    return _listed(value) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)


def _listed(values: list[Any]) -> str:
    """With commas; as JSON where a pattern has one itself."""
    texts = list(map(str, values))
    return json.dumps(texts) if any("," in text for text in texts) else ", ".join(texts)


def assignments_of(values: Mapping[str, str]) -> dict[str, str]:
    """The changes that the form asks for, by filter, as `cloudsync settings set` takes them. An empty field leaves it
    to what was deployed."""
    changes = {"mails": f"mails={values.get('mails', '')}"}
    if values.get("photos") != KEEP:
        changes["photos"] = f"photos={values.get('photos') or DEFAULT}"
    for field in FIELDS:
        if field.name == filter_of(field.name):
            changes[field.name] = f"filters.{field.name}={_typed(field.name, values.get(field.name, '')) or DEFAULT}"
    changes[_FOLDERS] = f"filters.{_FOLDERS}={_folders(values)}"
    return changes


def _typed(name: str, text: str) -> str:
    """A day begins at midnight UTC."""
    return f"{text}T00:00:00Z" if name in _TIMES and _DAY.fullmatch(text) else text


def _folders(values: Mapping[str, str]) -> str:
    given = {name: values.get(name, "") for name in (INCLUDE, EXCLUDE)}
    if NONE in given.values():
        return NONE
    found = {name: _patterns(text) for name, text in given.items() if text}
    return json.dumps(found) if found else DEFAULT


def _patterns(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, list) else [part.strip() for part in text.split(",")]


def errors_of(
    base: ProviderSettings, changes: Mapping[str, str], check: Callable[[Mapping[str, Any]], ProviderSettings]
) -> Iterator[tuple[str, str]]:
    """What does not fit, by filter; with an empty name where only all of them together do not."""
    alone = msgspec.structs.replace(base, filters={})
    found = [(name, error) for name, change in changes.items() if (error := _error(alone, [change], check))]
    yield from found
    if not found and (error := _error(base, [*changes.values()], check)):
        yield "", error


def _error(base: ProviderSettings, changes: list[str], check: Callable[[Mapping[str, Any]], ProviderSettings]) -> str:
    try:
        check(with_changes(base, changes))
    except UsageError as error:
        return str(error)
    return ""
