"""Filters as options, checked by the functions' own reader before AWS is asked anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from console.errors import UsageError

# The option of each filter, as its parameter is called, and the field in the input of a run.
FIELDS = {
    "captured_from": "--from",
    "captured_before": "--before",
    "uploaded_from": "--uploaded-from",
    "uploaded_before": "--uploaded-before",
    "types": "--type",
    "kinds": "--kind",
    "include": "--folder",
    "exclude": "--exclude-folder",
    "names": "--name",
    "min_size_mb": "--min-size-mb",
    "max_size_mb": "--max-size-mb",
    "min_age_days": "--min-age-days",
    "media_ids": "--item",
    "retry_failed": "--retry-failed",
}
_HELP: dict[str, tuple[str, str]] = {
    "captured_from": ("TIME", "Captured then or later: 2026-05-01 or 2026-05 (UTC), or a time with an offset."),
    "captured_before": ("TIME", "Captured before that."),
    "uploaded_from": ("TIME", "Uploaded then or later."),
    "uploaded_before": ("TIME", "Uploaded before that."),
    "types": (
        "TYPE",
        "Of this type, as in mp4, 360 or timelapse; may be repeated, as --kind, the folders, --name and --item.",
    ),
    "kinds": ("KIND", "video or photo; otherwise what the lasting filters say, or only videos."),
    "include": ("GLOB", "In such a folder or below it, as in 'Trips/*'."),
    "exclude": ("GLOB", "Not in such a folder."),
    "names": ("GLOB", "With such a name, as in 'GX*.MP4'."),
    "min_size_mb": ("MB", "At least so large, in MB of a million bytes."),
    "max_size_mb": ("MB", "At most so large, in MB."),
    "min_age_days": ("DAYS", "Uploaded at least so many days ago."),
    "media_ids": ("ID", "Only the item with this id."),
}
_LISTS = ("types", "kinds", "include", "exclude", "names", "media_ids")
_TIMES = ("captured_from", "captured_before", "uploaded_from", "uploaded_before")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})(-[0-9]{2})?")


def _option(name: str) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    if name == "retry_failed":
        help_text = "Also what failed too often to be tried again without you."
        return click.option("--retry-failed", name, is_flag=True, help=help_text)
    metavar, help_text = _HELP[name]
    kind = float if metavar in ("MB", "DAYS") else str
    return click.option(FIELDS[name], name, metavar=metavar, help=help_text, multiple=name in _LISTS, type=kind)


def with_filters(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """A verb that is called with `filters`, as the input of a run has them, beside its other options. Raises
    UsageError, naming the option."""

    @wraps(command)
    def called(**options: Any) -> int | None:
        given = {name: options.pop(name) for name in FIELDS}
        return command(filters=filters_of(given), **options)

    verb: Callable[..., int | None] = called
    for name in reversed(FIELDS):
        verb = _option(name)(verb)
    return verb


def filters_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The filters of options by FIELDS' names; those that were not given are not there. Raises UsageError."""
    from cloud_sync_common.exceptions import ConfigurationError  # noqa: PLC0415 (not needed for --help)
    from cloud_sync_common.runtime import filter_input  # noqa: PLC0415

    @dataclass(frozen=True)
    class OfOptions(filter_input.Place):
        def field(self, name: str = "") -> str:
            return "--folder or --exclude-folder" if name == "folders" else FIELDS.get(name, "A filter")

    filters = _as_input({name: value for name, value in options.items() if not _is_missing(value)})
    try:
        filter_input.checked(filters, OfOptions())
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    return filters


def _is_missing(value: Any) -> bool:
    """Zero is a value: `--min-age-days 0` takes the place of a lasting filter."""
    return value is None or value is False or value == ()


def _as_input(given: Mapping[str, Any]) -> dict[str, Any]:
    """A day, or a month, begins at midnight UTC."""
    filters = {name: list(value) if name in _LISTS else value for name, value in given.items()}
    for name in _TIMES:
        if day := _DAY.fullmatch(str(filters.get(name, ""))):
            filters[name] = f"{day[1]}-{day[2]}{day[3] or '-01'}T00:00:00Z"
    folders = {name: filters.pop(name) for name in ("include", "exclude") if name in filters}
    return filters | ({"folders": folders} if folders else {})
