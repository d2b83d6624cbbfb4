"""Providers that the owner has paused: since when and by whom, and what a run by hand does then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from cloud_sync_common.runtime.run_input import ALL_PROVIDERS
from cloud_sync_common.safe_text import one_line

from console.errors import PausedError
from console.operations.settings import Current, current, readable, versions
from console.stack import Stack
from console.wording import moment, title_of, typed


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that is paused. `since` is ISO 8601, `by` who did it, as the end of an ARN; empty where a row that was
    edited by hand does not say it."""

    provider: str
    since: str = ""
    by: str = ""

    @property
    def sentence(self) -> str:
        """`GoPro is paused since 2026-11-26 03:00 by role/me.`"""
        since = f" since {moment(self.since)}" if self.since else ""
        by = f" by {one_line(self.by)}" if self.by else ""
        return f"{title_of(self.provider)} is paused{since}{by}."


def pause_of(stack: Stack, provider: str) -> Pause | None:
    """None for a provider that is not paused. Raises ConsoleError for settings that cannot be read, with which no run
    begins, and botocore's errors."""
    found = readable(current(stack, provider))
    if not found.settings.paused:
        return None
    return Pause(provider=provider, since=found.stored.pause_changed_at, by=_who(stack, found))


def _who(stack: Stack, found: Current) -> str:
    """Whoever wrote the version that paused it; a later one may have changed something else."""
    since, row = found.stored.pause_changed_at, found.row
    if row.get("changed_at") != since:
        row = next(
            ({"changed_by": one.changed_by} for one in versions(stack, found.provider) if one.changed_at == since), {}
        )
    return str(row.get("changed_by", "")).rpartition(":")[2] if since else ""


def by_hand(stack: Stack, provider: str) -> tuple[dict[str, Any], Pause | None]:
    """The input of a run that is the next step of what the owner has just done, and so works while the provider is
    paused as well; and the pause, which they are told of. Raises as `pause_of`."""
    pause = pause_of(stack, provider)
    return {"provider": provider, **({"even_if_paused": True} if pause else {})}, pause


def paused_of(stack: Stack, given: Mapping[str, Any], providers: Iterable[str]) -> list[Pause]:
    """Those of which a run with this input would do nothing. Raises PausedError when there would be nothing left for it
    to do, and as `pause_of`."""
    names = list(providers) if given["provider"] == ALL_PROVIDERS else [given["provider"]]
    if given.get("even_if_paused"):
        return []
    found = [pause for name in names if (pause := pause_of(stack, name))]
    if len(found) == len(names):
        raise PausedError(" ".join([*(pause.sentence for pause in found), _ways_out(given, found)]))
    return found


def _ways_out(given: Mapping[str, Any], found: list[Pause]) -> str:
    first = typed(found[0].provider)
    mode = f" --mode {given['mode']}" if given.get("mode") else ""
    option = "all" if given["provider"] == ALL_PROVIDERS else first
    return (
        "No run was started, because it would do nothing. To end the pause: `cloudsync settings resume --provider "
        f"{first}`. For a single run meanwhile: `cloudsync run --provider {option}{mode} --even-if-paused`."
    )
