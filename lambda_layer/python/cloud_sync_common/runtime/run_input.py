"""Checks the input of a run: `{"provider": "...", "filters": {...}}`, or with `"mode": "reconcile"`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.filters import Filters
from cloud_sync_common.runtime import filter_input
from cloud_sync_common.runtime.filter_input import Place, hint, shown

ALL_PROVIDERS = "all"  # as the provider: each one of the environment
_FIELDS = ("provider", "filters", "mode", "even_if_paused")  # that a person gives
FILTERS_LIMIT = 32 * 1024  # bytes of JSON; filters are part of the run's state (docs/design.md, "Limits of a run")


class Mode(StrEnum):
    """What a run is for."""

    SYNC = "sync"
    RECONCILE = "reconcile"


def filters_of(
    run_input: object,
    lasting: Mapping[str, Any] | None = None,
    provider: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Filters:
    """The filters of a run, with their times in UTC: the fields in its input; for those that it does not have, the
    lasting ones of the provider's `settings`, and then those of the environment.

    Raises ConfigurationError naming the field and the fix.
    """
    if not isinstance(run_input, dict):
        raise ConfigurationError('The input must be an object such as {"provider": "..."}.')
    for name in sorted(set(run_input) - {*_FIELDS, "reported_by"}):
        raise ConfigurationError(
            f"The input has a field {shown(name)}; {hint(name, [*_FIELDS])} may have 'provider', 'filters', 'mode' and "
            "'even_if_paused'."
        )
    own, kept = {} if run_input.get("filters") is None else run_input["filters"], lasting or {}
    filter_input.checked(kept, Place("The environment", f"filters.{provider}", is_lasting=True))
    if settings:
        kept = {**kept, **settings}
        filter_input.checked(kept, Place(f"The {provider} settings", "filters", is_lasting=True))
    filter_input.checked(own)
    return _of_a_size(filter_input.checked({**kept, **own}))


def _of_a_size(filters: Filters) -> Filters:
    """Raises ConfigurationError for filters that would not fit into the run's state."""
    if len(msgspec.json.encode(filters)) <= FILTERS_LIMIT:
        return filters
    if filters.media_ids:
        raise ConfigurationError(
            f"The input's field 'filters.media_ids' names {len(filters.media_ids)} videos in more than "
            f"{FILTERS_LIMIT // 1024} KiB; start several runs, one after the other, with fewer each."
        )
    raise ConfigurationError(f"The input's field 'filters' has more than {FILTERS_LIMIT // 1024} KiB; name less in it.")


def unknown_provider(given: object, configured: Collection[str]) -> ConfigurationError:
    """The error for an input whose provider is none of those that are configured, nor all of them."""
    return ConfigurationError(
        f"The input's field 'provider' must be one of: {', '.join([*configured, ALL_PROVIDERS])}; not {shown(given)}. "
        "Another one has to be added to the environment's value 'providers' and deployed first."
    )


def unfit_of(filters: Filters, unfit: Collection[str]) -> list[str]:
    """The filters that are set, and are among these."""
    return [name for name in sorted(unfit) if getattr(filters, name) != getattr(Filters(), name)]


def check_fit(filters: Filters, provider: str, unfit: Collection[str]) -> None:
    """Raises ConfigurationError for a filter by which nothing of this provider can be judged."""
    for name in unfit_of(filters, unfit):
        raise ConfigurationError(
            f"The filter '{name}' has no meaning for {provider}, which has no {name}; leave it out of the input's "
            "field 'filters', of the environment's, and of the settings."
        )


def mode_of(run_input: object) -> Mode:
    """What a run is for; SYNC when its input does not say.

    Raises ConfigurationError naming the field and the fix.
    """
    given = field_of(run_input, "mode")
    if given not in (None, *Mode):
        raise ConfigurationError(f"The input's field 'mode' must be {' or '.join(Mode)}, not {shown(given)}.")
    mode = Mode(given or Mode.SYNC)
    if mode is Mode.RECONCILE and field_of(run_input, "filters"):
        raise ConfigurationError(
            "The input's field 'filters' has no meaning with mode 'reconcile', which looks at everything and knows the "
            "environment's filters; leave it out."
        )
    return mode


def even_if_paused(run_input: object) -> bool:
    """Whether this run works although its provider is paused, as one that is started by hand may.

    Raises ConfigurationError naming the field.
    """
    given = field_of(run_input, "even_if_paused")
    if not isinstance(given, bool | None):
        raise ConfigurationError(f"The input's field 'even_if_paused' must be true or false, not {shown(given)}.")
    return bool(given)


def reported_by(run_input: object) -> str:
    """The run that sends the mail of this one's success, as one of all providers does; empty: this run itself.

    Raises ConfigurationError naming the field.
    """
    given = field_of(run_input, "reported_by")
    if not isinstance(given, str | None):
        raise ConfigurationError("The input's field 'reported_by' must be the name of an execution, or be left out.")
    return given or ""


def field_of(event: object, name: str) -> Any:
    """A field of an event; None if the event has no such field."""
    return event.get(name) if isinstance(event, dict) else None
