"""Checks the input of a run: `{"provider": "...", "filters": {...}}`, or with `"mode": "reconcile"`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.provider_interface import Filters

FILTERS_LIMIT = 32 * 1024  # bytes of JSON; filters are part of the run's state (docs/design.md, "Limits of a run")


class Mode(StrEnum):
    """What a run is for."""

    SYNC = "sync"
    RECONCILE = "reconcile"


def filters_of(run_input: object) -> Filters:
    """The filters in the input of a run, with their times in UTC; empty filters if the input has none.

    Raises ConfigurationError naming the field and the fix.
    """
    if not isinstance(run_input, dict):
        raise ConfigurationError('The input must be an object such as {"provider": "..."}.')
    unknown = sorted(set(run_input) - {"provider", "filters", "mode"})
    if unknown:
        raise ConfigurationError(f"The input has a field '{unknown[0]}'; it may have 'provider', 'filters' and 'mode'.")
    try:
        filters = msgspec.convert({} if run_input.get("filters") is None else run_input["filters"], Filters)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"The input's field 'filters' does not fit: {error}.") from None
    start, end = _utc("captured_from", filters.captured_from), _utc("captured_before", filters.captured_before)
    if start is not None and end is not None and start >= end:
        raise ConfigurationError("The input's field 'filters.captured_before' must be later than 'captured_from'.")
    checked = msgspec.structs.replace(filters, captured_from=start, captured_before=end)
    if len(msgspec.json.encode(checked)) > FILTERS_LIMIT:
        raise ConfigurationError(
            f"The input's field 'filters.media_ids' names {len(filters.media_ids)} videos in more than "
            f"{FILTERS_LIMIT // 1024} KiB; start several runs, one after the other, with fewer each."
        )
    return checked


def mode_of(run_input: object) -> Mode:
    """What a run is for; SYNC when its input does not say.

    Raises ConfigurationError naming the field and the fix.
    """
    given = field_of(run_input, "mode")
    if given not in (None, *Mode):
        raise ConfigurationError(f"The input's field 'mode' must be {' or '.join(Mode)}, not {given!r}.")
    mode = Mode(given or Mode.SYNC)
    if mode is Mode.RECONCILE and field_of(run_input, "filters"):
        raise ConfigurationError("The input's field 'filters' has no meaning with mode 'reconcile'; leave it out.")
    return mode


def _utc(field: str, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        utc = moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        utc = None
    if utc is None:
        raise ConfigurationError(
            f"The input's field 'filters.{field}' must be a time with an offset such as 2026-01-31T00:00:00Z, "
            f"not {text!r}."
        )
    return utc.isoformat(timespec="seconds").replace("+00:00", "Z")


def field_of(event: object, name: str) -> Any:
    """A field of an event; None if the event has no such field."""
    return event.get(name) if isinstance(event, dict) else None
