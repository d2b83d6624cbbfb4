"""The nights of a year, as a calendar has them: what the runs of each day have done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import msgspec
from cloud_sync_common.stores import provider_rows

from console.operations.run_report import RUNNING, SUCCEEDED
from console.operations.runs import Run

WEEKS = 53
REMEMBERED_DAYS = 90  # for which Step Functions keeps a run that has ended


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that began on one day of this machine's calendar. `stopped`: the last run of a provider did not succeed;
    `left`: one has left something to a later run, or could not archive it."""

    day: date
    runs: int = 0
    archived: int = 0
    bytes: int = 0
    left: bool = False
    stopped: bool = False
    cause: str = ""


def nights_of(runs: Iterable[Run]) -> dict[date, Night]:
    """By day. Runs that compare, and those that run now, are left out; of a run of all providers its parts count."""
    days: dict[date, list[Run]] = {}
    for run in runs:
        if run.provider and run.mode == "sync" and run.status != RUNNING:
            days.setdefault(day_of(run.started_at), []).append(run)
    return {day: _night(day, found) for day, found in days.items()}


def year_of(counted: Iterable[provider_rows.Night], remembered: Mapping[date, Night]) -> dict[date, Night]:
    """The nights that Step Functions remembers, and before them those that the ledger has counted, of all providers."""
    first = min(remembered, default=date.max)
    before: dict[date, list[provider_rows.Night]] = {}
    for one in counted:
        day = _date(one.day)
        if day and day < first:
            before.setdefault(day, []).append(one)
    return {day: _counted(day, found) for day, found in before.items()} | dict(remembered)


def _date(day: str) -> date | None:
    try:
        return date.fromisoformat(day)
    except ValueError:
        return None


def _counted(day: date, found: list[provider_rows.Night]) -> Night:
    return Night(
        day=day,
        runs=sum(one.runs for one in found),
        archived=sum(one.archived for one in found),
        bytes=sum(one.bytes for one in found),
        left=any(one.left for one in found),
        stopped=any(one.stopped for one in found),
    )


def _night(day: date, runs: list[Run]) -> Night:
    last: dict[str, Run] = {}
    for run in sorted(runs, key=lambda one: one.started_at):
        last[run.provider] = run
    stopped = [run for run in last.values() if run.status != SUCCEEDED]
    return Night(
        day=day,
        runs=len(runs),
        archived=sum(run.archived or 0 for run in runs),
        bytes=sum(run.bytes_archived or 0 for run in runs),
        left=any((run.failed or 0) + (run.backlog or 0) for run in last.values()),
        stopped=bool(stopped),
        cause=stopped[0].error or stopped[0].status if stopped else "",
    )


def day_of(moment: str) -> date:
    """The day of a time of ISO 8601, in this machine's time zone."""
    return datetime.fromisoformat(moment).astimezone().date()


def weeks_until(today: date) -> list[list[date]]:
    """The last 53 weeks, Monday first; the days of this week that are still to come are left out."""
    monday = today - timedelta(days=today.weekday())
    first = monday - timedelta(weeks=WEEKS - 1)
    days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    return [days[at : at + 7] for at in range(0, len(days), 7)]
