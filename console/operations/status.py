"""One look at everything: did last night work, how much is safe, what waits and why, what comes next."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

import msgspec
from cloud_sync_common.exceptions import AuthenticationError, CredentialsExpiredError, category_of
from cloud_sync_common.runtime.wording import count_of
from cloud_sync_common.stores import provider_rows

from console.operations import settings
from console.operations.alarms import Alarm, raised
from console.operations.credentials import CredentialsAge, CurrentVersion, Health, credentials_age, current_version
from console.operations.ledger import Reading, Row, rows_of_provider
from console.operations.runs import Run, has_current, latest
from console.operations.safe import Safe, SpentMonth, nights_counted, safe_of, spent_of
from console.operations.schedules import Schedule, schedule_of
from console.operations.waiting import Waiting, waiting
from console.stack import Stack
from console.wording import title_of, typed

_RUNS_LOOKED_AT = 64  # of all providers; older ones say nothing about last night
_AT_ONCE = 16  # requests: two, and four of each provider
_AUTHENTICATION = (AuthenticationError.category, CredentialsExpiredError.category)


class ProviderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One provider: its last run that has ended (None: none that Step Functions remembers), the last one that
    succeeded (ISO 8601, empty: none), whether one is under way, and the rest. `paused_since` is ISO 8601;
    `settings_error` says why its settings cannot be read, so that no run begins."""

    provider: str
    last_run: Run | None
    last_success: str
    is_running: bool
    safe: Safe
    waiting: Waiting
    credentials: CredentialsAge
    schedule: Schedule
    spent: list[SpentMonth]
    nights: list[provider_rows.Night] = []  # by UTC days, since they are counted
    paused: bool = False
    paused_since: str = ""
    settings_error: str = ""


class About(StrEnum):
    """What a step is about."""

    SETTINGS = "settings"
    CREDENTIALS = "credentials"
    RUN = "run"
    FAILURES = "failures"
    ALARM = "alarm"
    PAUSE = "pause"
    COUNT = "count"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What to do next. `is_urgent`: something waits for the owner. `provider` is empty for an alarm."""

    text: str
    about: About
    provider: str = ""
    command: str = ""
    is_urgent: bool = True


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """All providers, the alarms that are raised, and what to do, the most urgent first; `read` is what it took:
    requests to the ledger, and rows."""

    environment: str
    providers: list[ProviderStatus]
    alarms: list[Alarm]
    steps: list[Step]
    read: dict[str, int]

    @property
    def needs_attention(self) -> bool:
        return any(step.is_urgent for step in self.steps)


def status(stack: Stack) -> Status:
    """Reads a few rows of each provider, never the library itself. Raises botocore's errors, ConsoleError."""
    reading = Reading()
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        nights = readers.submit(_last_runs, stack)
        alarms = readers.submit(raised, stack)
        asked = {name: _asked(readers, stack, name, reading) for name in stack.secrets}
        found = [_provider(stack, name, one) for name, one in asked.items()]
        found = [_with_run(one, nights.result().get(one.provider)) for one in found]
    return Status(
        environment=stack.environment,
        providers=found,
        alarms=alarms.result(),
        steps=next_steps(found, alarms.result()),
        read={"requests": reading.requests, "rows": reading.rows},
    )


@dataclass(frozen=True)
class _Asked:
    """What is being read of one provider, all of it side by side."""

    rows: Future[dict[str, Row]]
    waiting: Future[Waiting]
    version: Future[CurrentVersion]
    schedule: Future[Schedule]


def _asked(readers: ThreadPoolExecutor, stack: Stack, provider: str, reading: Reading) -> _Asked:
    return _Asked(
        rows=readers.submit(rows_of_provider, stack, provider, reading),
        waiting=readers.submit(waiting, stack, provider, reading),
        version=readers.submit(current_version, stack, provider),
        schedule=readers.submit(schedule_of, stack, provider),
    )


def _provider(stack: Stack, provider: str, asked: _Asked) -> ProviderStatus:
    rows = asked.rows.result()
    chosen = settings.of_row(rows.get(provider_rows.SETTINGS, {}), provider)
    return ProviderStatus(
        provider=provider,
        last_run=None,
        last_success=_text(rows, provider_rows.LAST_SUCCESS, "ended_at"),
        is_running=has_current(stack, rows.get(provider_rows.UNDER_WAY, {})),
        safe=safe_of(rows),
        waiting=asked.waiting.result(),
        credentials=credentials_age(stack, provider, rows, asked.version.result()),
        schedule=asked.schedule.result(),
        spent=spent_of(rows),
        nights=nights_counted(rows),
        paused=chosen.settings.paused,
        paused_since=chosen.stored.pause_changed_at if chosen.settings.paused else "",
        settings_error=chosen.error,
    )


def _text(rows: dict[str, Row], sk: str, name: str) -> str:
    return str(rows.get(sk, {}).get(name, ""))


def _with_run(one: ProviderStatus, run: Run | None) -> ProviderStatus:
    """A run that ended because the provider refused these credentials says so where nothing else does."""
    age = one.credentials
    if run and category_of(run.error) in _AUTHENTICATION and age.stored_at and _is_before(age.stored_at, run.ended_at):
        age = msgspec.structs.replace(age, health=Health.REFUSED)
    return msgspec.structs.replace(one, last_run=run, credentials=age)


def _is_before(first: str, second: str) -> bool:
    return datetime.fromisoformat(first) < datetime.fromisoformat(second)


def _last_runs(stack: Stack) -> dict[str, Run]:
    """The last run of each provider that has ended, and was no reconciliation."""
    found: dict[str, Run] = {}
    for run in islice(latest(stack), _RUNS_LOOKED_AT):
        if run.mode == "sync" and run.status != "RUNNING" and run.provider in stack.secrets:
            found.setdefault(run.provider, run)
        if len(found) == len(stack.secrets):
            break
    return found


def next_steps(providers: list[ProviderStatus], alarms: list[Alarm]) -> list[Step]:
    """What to do, the most urgent first; the first one is what a person is told. Of a provider that is paused, neither
    the credentials nor the last run are urgent."""
    active = [one for one in providers if not one.paused]
    return [
        *(step for one in providers for step in _of_broken_settings(one)),
        *(step for one in active for step in _of_credentials(one)),
        *(step for one in active for step in _of_the_run(one)),
        *(step for one in providers for step in _of_failures(one)),
        *(_of_alarm(alarm) for alarm in alarms),
        *(step for one in providers for step in _of_a_pause(one)),
        *(step for one in active for step in _of_the_schedule(one)),
        *(step for one in providers for step in _of_counting(one)),
    ]


def _of_broken_settings(one: ProviderStatus) -> list[Step]:
    text = f"No run of {title_of(one.provider)} begins: {one.settings_error}"
    command = f"cloudsync settings undo --provider {typed(one.provider)}"
    step = Step(text=text, about=About.SETTINGS, provider=one.provider, command=command)
    return [step] if one.settings_error else []


def _of_a_pause(one: ProviderStatus) -> list[Step]:
    step = Step(
        text=f"{title_of(one.provider)}: it is paused, so its runs archive nothing.",
        about=About.PAUSE,
        provider=one.provider,
        command=f"cloudsync settings resume --provider {typed(one.provider)}",
        is_urgent=False,
    )
    return [step] if one.paused else []


def _of_the_schedule(one: ProviderStatus) -> list[Step]:
    if one.schedule.is_enabled or one.last_run is None:
        return []
    return [_start(one, "its schedule is switched off, so that only you start runs", is_urgent=False)]


def _of_credentials(one: ProviderStatus) -> list[Step]:
    words = {
        Health.MISSING: "no credentials are stored",
        Health.REFUSED: "the provider refuses the credentials",
        Health.ENDED: "the session has ended",
        Health.ENDS_SOON: "the session ends soon",
    }
    if one.credentials.health not in words:
        return []
    return [
        Step(
            text=f"{title_of(one.provider)}: {words[one.credentials.health]}.",
            about=About.CREDENTIALS,
            provider=one.provider,
            command=f"cloudsync connect {typed(one.provider)}",
        )
    ]


def _of_the_run(one: ProviderStatus) -> list[Step]:
    if one.last_run is None:
        return [] if one.is_running or one.last_success else [_start(one, "it was never backed up", is_urgent=False)]
    if one.last_run.status == "SUCCEEDED" or one.is_running or one.credentials.health is Health.REFUSED:
        return []
    return [_start(one, f"the last run ended as {one.last_run.status}", is_urgent=True)]


def _start(one: ProviderStatus, why: str, *, is_urgent: bool) -> Step:
    return Step(
        text=f"{title_of(one.provider)}: {why}.",
        about=About.RUN,
        provider=one.provider,
        command=f"cloudsync run --follow --provider {typed(one.provider)}",
        is_urgent=is_urgent,
    )


def _of_failures(one: ProviderStatus) -> list[Step]:
    if not one.waiting.failed:
        return []
    return [
        Step(
            text=f"{title_of(one.provider)}: {count_of(one.waiting.failed, 'item')} could not be archived.",
            about=About.FAILURES,
            provider=one.provider,
            command="cloudsync failures",
        )
    ]


def _of_alarm(alarm: Alarm) -> Step:
    _, _, step = alarm.text.partition("Next step: ")
    return Step(text=f"The alarm {alarm.name} is raised: {step or alarm.text}", about=About.ALARM)


def _of_counting(one: ProviderStatus) -> list[Step]:
    if one.safe.is_whole:
        return []
    by = f"the run {one.safe.missed}, which was stopped," if one.safe.missed else "an earlier version"
    return [
        Step(
            text=f"{title_of(one.provider)}: what was archived by {by} is not counted yet.",
            about=About.COUNT,
            provider=one.provider,
            command="cloudsync status --recount",
            is_urgent=False,
        )
    ]
