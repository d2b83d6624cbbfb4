"""The names and shapes of a provider's own rows, `PROVIDER#{provider}`, of which one query reads all.

Nothing heavy is imported here: the owner's command reads these rows as well.
"""

from __future__ import annotations

import msgspec

from cloud_sync_common.stores.archive_keys import capture_month

MONTH, SPENT, COUNTED = "MONTH#", "SPENT#", "COUNTED"  # sort keys, or how they begin
UNDER_WAY, LAST_SUCCESS, CREDENTIALS = "RUN_UNDER_WAY", "LAST_SUCCESS", "CREDENTIALS"
SETTINGS, CATALOGUE = "SETTINGS", "CATALOGUE"
UNKNOWN_MONTH = "unknown"
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
