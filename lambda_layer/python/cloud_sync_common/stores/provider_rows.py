"""The names and shapes of a provider's own rows, `PROVIDER#{provider}`, of which one query reads all.

Nothing heavy is imported here: the owner's command reads these rows as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from cloud_sync_common.stores.archive_keys import capture_month

MONTH, SPENT, COUNTED = "MONTH#", "SPENT#", "COUNTED"  # sort keys, or how they begin
UNDER_WAY, LAST_SUCCESS, CREDENTIALS = "RUN_UNDER_WAY", "LAST_SUCCESS", "CREDENTIALS"
SETTINGS, CATALOGUE = "SETTINGS", "CATALOGUE"
UNKNOWN_MONTH = "unknown"
_NIGHT = "night_"
_NUMBERS = frozenset({"runs", "archived", "bytes", "left", "stopped"})
YEARS = (1900, 2199)  # of a month of its own; a provider that states any other year does not know the time

LAST_SECOND = 253_402_300_799  # Unix time of the end of the year 9999; what is later is no end that anybody means


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """What is safe of one month of capture: media items, and the bytes of their latest versions. `run_id` is the last
    run that added something."""

    originals: int = 0
    bytes: int = 0
    run_id: str = ""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs that began in a month (UTC) have cost before any free tier, and moved."""

    runs: int = 0
    usd: float = 0
    archived: int = 0
    bytes: int = 0
    run_id: str = ""


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """What the runs that began on one day (UTC) have archived and moved. Of the last of them: how many originals it has
    left to later runs or could not archive, and whether it was stopped (1, else 0)."""

    day: str  # 2026-11-27
    runs: int = 0
    archived: int = 0
    bytes: int = 0
    left: int = 0
    stopped: int = 0


def of_night(began_at: str, numbers: Mapping[str, int]) -> dict[str, int]:
    """Numbers of Night as the row of their month has them: `left` of 2026-11-27 is `night_27_left`. That row is written
    for each run anyway, and one query reads a year of them. Nothing for a time that is none."""
    if month_of(began_at) == UNKNOWN_MONTH:
        return {}
    moment = datetime.fromisoformat(began_at)
    day = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).day
    return {f"{_NIGHT}{day:02}_{name}": number for name, number in numbers.items()}


def nights_in(month: str, row: Mapping[str, object]) -> list[Night]:
    """The nights in a month's row, `2026-11`, in order."""
    found: dict[str, dict[str, int]] = {}
    for attribute, number in row.items():
        day, _, name = attribute.removeprefix(_NIGHT).partition("_")
        if attribute.startswith(_NIGHT) and day.isdigit() and name in _NUMBERS and isinstance(number, int | Decimal):
            found.setdefault(day, {})[name] = int(number)
    return [Night(day=f"{month}-{day}", **numbers) for day, numbers in sorted(found.items())]


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Since when the months are counted (ISO 8601). `whole`: what was archived before is in them, too. `missed` is a
    run that was stopped before it could report, so that what it has archived is not."""

    since: str = ""
    whole: bool = False
    missed: str = ""


class CredentialsState(msgspec.Struct, frozen=True, kw_only=True):
    """What the last run knew of the credentials, without a secret: of which version of the secret, when they were
    stored and end (Unix time, None: unknown), and whether they renew themselves. `refused_version` is one that the
    provider has refused. `ended_version` is a session that ended a run, for the first time at `ended_at`."""

    seen_version: str = ""
    stored_at: int | None = None
    ends_at: int | None = None
    renewable: bool = False
    refused_version: str = ""
    ended_version: str = ""
    ended_at: int | None = None


def second_of(moment: float | None) -> int | None:
    """A time of Unix as a whole number of seconds; None for one that no calendar has."""
    return int(moment) if moment is not None and 0 <= moment <= LAST_SECOND else None


def month_of(captured_at: str) -> str:
    """`2026-05` by the UTC time of capture, as in the object's key; `unknown` for what is no time, and for a year that
    no camera can mean."""
    year, _, month = capture_month(captured_at).partition("/")
    return f"{year}-{month}" if YEARS[0] <= int(year) <= YEARS[1] else UNKNOWN_MONTH
