"""The words in which the owner names a change: `mails=only_news`, `photos=on`, `filters.types=mp4,mov`. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from cloud_sync_common.filters import PHOTO, VIDEO
from cloud_sync_common.runtime.filter_input import hint, shown
from cloud_sync_common.stores.provider_settings import ProviderSettings

from console.errors import UsageError

NAMES = ("mails", "photos", "filters")  # and filters.NAME
DEFAULT, NONE = "default", "none"
_LISTS = ("kinds", "types", "names")  # filters whose value may be written with commas
_KINDS = {"on": [VIDEO, PHOTO], "off": [VIDEO]}


def with_changes(settings: ProviderSettings, assignments: Collection[str]) -> dict[str, Any]:
    """The document with each assignment in turn; whether it fits is for settings.checked to say.

    Raises UsageError for what is no assignment, or names nothing that can be set.
    """
    document: dict[str, Any] = msgspec.to_builtins(settings)
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise UsageError(f"A change must be NAME=VALUE, such as mails=only_news, not {assignment!r}.")
        _assign(document, name, text)
    return document


def _assign(document: dict[str, Any], name: str, text: str) -> None:
    if name == "mails":
        document["mails"] = ProviderSettings().mails.value if text == DEFAULT else text.replace("-", "_")
    elif name == "photos":
        _set_filter(document, "kinds", text if text == DEFAULT else _kinds(text))
    elif name == "filters":
        document["filters"] = {} if text in (DEFAULT, NONE) else _value(text)
    elif name.startswith("filters."):
        _set_filter(document, name.removeprefix("filters."), text)
    elif name == "paused":
        raise UsageError(
            "A provider is paused by `cloudsync settings pause`, and resumed by `cloudsync settings resume`."
        )
    else:
        raise UsageError(
            f"There is no setting {shown(name)}; {hint(name, [*NAMES])} may be {', '.join(NAMES)}, or filters.NAME for "
            "one of the filters."
        )


def _set_filter(document: dict[str, Any], name: str, given: Any) -> None:
    """`default` leaves it to the environment, `none` means no such limit."""
    filters = dict(document["filters"]) if isinstance(document["filters"], Mapping) else {}
    if given == DEFAULT:
        filters.pop(name, None)
    elif given == NONE:
        filters[name] = None
    else:
        filters[name] = _listed(name, _value(given)) if isinstance(given, str) else given
    document["filters"] = filters


def _kinds(text: str) -> list[str]:
    if text not in _KINDS:
        raise UsageError(f"The setting 'photos' must be on, off or {DEFAULT}, not {shown(text)}.")
    return _KINDS[text]


def _value(text: str) -> Any:
    """JSON if it is that, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _listed(name: str, value: Any) -> Any:
    """A list where one is wanted and commas, or one text, were written. An extension such as 360 is no number."""
    if name not in _LISTS or isinstance(value, list | dict | bool) or value is None:
        return value
    return [part.strip() for part in str(value).split(",")]
