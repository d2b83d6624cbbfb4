"""Tonight: whether last night worked, what waits and why, what is next, and the one thing to do."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from console.aws_refusals import explained
from console.errors import ConsoleError
from console.operations import cost
from console.operations.cost import Figures
from console.operations.ledger import Reading
from console.operations.nights import nights_of, year_of
from console.operations.run_report import SUCCEEDED
from console.operations.runs import MOST_RUNS, Run
from console.operations.status import About, ProviderStatus, Status, Step, status
from console.operations.this_month import Month, month_of
from console.stack import Stack
from console.web import pictures
from console.web.connections import health_of
from console.web.library import Library
from console.web.page import page
from console.web.run_views import RunViews
from console.web.words import count_of, day_name, minutes, now, size_of, title_of, typed

_ONE_NIGHT = timedelta(hours=36)
_AT_ONCE = 4
_NEWEST = 6  # pictures in a row


@dataclass(frozen=True)
class Action:
    """What a button does: it leads to a page, or sends `fields` to it."""

    label: str
    path: str
    is_sent: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Headline:
    """What whoever reads nothing else has to know."""

    title: list[str]
    text: str


@dataclass(frozen=True)
class LastRuns:
    """The last run of each provider that has ended, and their sums."""

    rows: list[Run]
    when: str
    archived: int
    bytes: int
    usd: float


class Tonight:
    """The first page of a stack."""

    def __init__(self, stack: Stack, runs: RunViews, library: Library) -> None:
        self._stack, self._runs, self._library = stack, runs, library

    def view(self, request: Request) -> HTMLResponse:  # noqa: ARG002 (as every view)
        """Everything that it needs is read side by side."""
        with ThreadPoolExecutor(_AT_ONCE) as readers:
            found = readers.submit(status, self._stack)
            money = readers.submit(cost.figures, self._stack, Reading())
            past = readers.submit(self._runs.latest, MOST_RUNS)
            newest = readers.submit(self._library.newest, _NEWEST)
            running = self._runs.running(found.result())
            values = _values(found.result(), past.result(), _month(money))
        return page(self._stack, "tonight.html", "/", running=running, newest=newest.result(), **values)


def _month(money: Future[Figures]) -> Month | None:
    """None where AWS does not say it now: that is no reason to show nothing else."""
    try:
        return month_of(money.result())
    except Exception as error:
        if isinstance(error, ConsoleError) or explained(error):
            return None
        raise


def _values(found: Status, past: list[Run], month: Month | None) -> dict[str, Any]:
    today = now().date()
    known = year_of((night for one in found.providers for night in one.nights), nights_of(past))
    spent = cost.added_up([one for provider in found.providers for one in provider.spent])
    step = next(iter(found.steps), None)
    strip = pictures.strip(known, spent, today)
    return {
        "found": found,
        "head": headline(found, now()),
        "next_step": step,
        "action": action_of(step) if step else None,
        "why": _why(found, step) if step else "",
        "other_steps": found.steps[1:],
        "health_of": health_of,
        "last": last_runs(found),
        "month_now": month,
        "today": day_name(today),
        "strip": strip,
        "has_blocks": any(half.months for half in strip),
        "year": pictures.year_table(known, spent, today),
        "nights": known,
        "sums": {name: sum(getattr(one.safe, name) for one in found.providers) for name in ("originals", "bytes")},
        "waits": _waits(found),
        "next_run": _next_run(found, now()),
    }


def _why(found: Status, step: Step) -> str:
    """Of credentials, until when they last: a step says what is to be done, and no more."""
    if step.about is not About.CREDENTIALS:
        return ""
    return next(health_of(one.credentials).text for one in found.providers if one.provider == step.provider)


def headline(found: Status, at: datetime) -> Headline:
    """The finding, in a sentence or two."""
    last = last_runs(found)
    if not last.rows:
        return _before_the_first(found)
    stopped = [one for one in found.providers if _has_stopped(one)]
    began = _night_word(last.rows, at)
    if stopped:
        names = " and ".join(title_of(one.provider) for one in stopped)
        return Headline([f"{began} stopped at {names}."], f"What is archived is safe. {_waiting_words(found)}")
    new = f"{count_of(last.archived, 'new original')} {'is' if last.archived == 1 else 'are'} safe."
    title = [f"{began} worked.", new if last.archived else "Nothing was new."]
    longest = max((run.seconds or 0 for run in last.rows), default=0)
    moved = f"{size_of(last.bytes)} in {minutes(longest)}, every file proven by checksum. " if last.archived else ""
    return Headline(title, f"{moved}{_waiting_words(found)}")


def _before_the_first(found: Status) -> Headline:
    if any(one.is_running for one in found.providers):
        return Headline(["The first run is under way."], "This page shows how it goes.")
    if any(one.last_success for one in found.providers):
        return Headline(["No run is remembered."], "Step Functions forgets runs after 90 days; what is safe stays so.")
    return Headline(["Nothing is backed up yet."], "The first run comes by itself, or when you start one below.")


def _night_word(rows: list[Run], at: datetime) -> str:
    ended = max(datetime.fromisoformat(run.ended_at) for run in rows)
    return "Last night" if at - ended < _ONE_NIGHT else f"The run of {day_name(ended.astimezone().date())}"


def _has_stopped(one: ProviderStatus) -> bool:
    return one.last_run is not None and one.last_run.status != SUCCEEDED and not one.paused


def _waits(found: Status) -> dict[str, int | bool]:
    return {
        "failed": sum(one.waiting.failed for one in found.providers),
        "waiting": sum(one.waiting.waiting for one in found.providers),
        "is_all": all(one.waiting.is_all for one in found.providers),
    }


def _waiting_words(found: Status) -> str:
    waits = _waits(found)
    if not waits["failed"] and not waits["waiting"]:
        return "Nothing that is known waits."
    parts = []
    if waits["waiting"]:
        parts.append(f"{count_of(waits['waiting'], 'original waits', 'originals wait')} for a later run")
    if waits["failed"]:
        parts.append(f"{count_of(waits['failed'], 'original')} could not be archived")
    return f"{', '.join(parts)}; none is lost."


def last_runs(found: Status) -> LastRuns:
    """By the status. One that ended at once, because its provider was paused, did nothing."""
    rows = [one.last_run for one in found.providers if one.last_run and not one.last_run.paused]
    return LastRuns(
        rows=rows,
        when=max((run.started_at for run in rows), key=datetime.fromisoformat, default=""),
        archived=sum(run.archived or 0 for run in rows),
        bytes=sum(run.bytes_archived or 0 for run in rows),
        usd=sum(run.estimated_usd or 0 for run in rows),
    )


def action_of(step: Step) -> Action | None:
    """What the page itself can do about a step; None where only a command can, or a person."""
    provider = {"provider": step.provider}
    match step.about:
        case About.RUN:
            return Action("Start a run", "/runs", is_sent=True, fields=provider)
        case About.FAILURES:
            return Action("Try again", "/retry", is_sent=True, fields=provider)
        case About.PAUSE:
            return Action("Resume", f"/connections/{typed(step.provider)}/resume", is_sent=True)
        case About.CREDENTIALS:
            return Action("See how", f"/connections#{typed(step.provider)}")
        case About.SETTINGS:
            return Action("See the settings", f"/settings/{typed(step.provider)}")
    return None


def _next_run(found: Status, at: datetime) -> dict[str, str]:
    """The first of the schedules that fires, and how long it is until then."""
    times = [one.schedule.next_at for one in found.providers if one.schedule.next_at and not one.paused]
    if not times:
        return {"at": "", "until": "nothing is scheduled"}
    first = min(times, key=datetime.fromisoformat)
    left = (datetime.fromisoformat(first) - at).total_seconds()
    return {"at": first, "until": f"in {minutes(max(left, 0))}"}
