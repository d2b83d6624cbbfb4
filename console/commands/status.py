"""`cloudsync status`: everything that an owner looks at daily, on one screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.commands.words import facts_of
from console.errors import Exit
from console.output import Output
from console.stack import Stack
from console.wording import ago, days, moment, title_of

if TYPE_CHECKING:
    from console.operations.credentials import CredentialsAge
    from console.operations.status import ProviderStatus, Status

_CAUSES = 4  # of each provider, on the screen; `cloudsync failures` has all


@click.command()
@click.option("--recount", is_flag=True, help="First count anew what is safe, by a walk over the whole ledger.")
@of_stack
def command(stack: Stack, output: Output, *, recount: bool) -> int:
    """Did last night work, how much is safe, what waits and why, and what comes next.

    Exit code 0: all is well. 3: something needs you, and the last lines say what.
    """
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (not needed for --help)

    from console.operations import safe  # noqa: PLC0415
    from console.operations import status as operations  # noqa: PLC0415
    from console.operations.ledger import Reading  # noqa: PLC0415

    if recount:
        reading = Reading()
        safe.recount(stack, reading)
        output.aside.print(f"Counted {count_of(reading.rows, 'row')} of the ledger.")
    found = operations.status(stack)
    if output.as_json:
        output.data("status", found)
    else:
        _draw(output, found)
    return Exit.ATTENTION if found.needs_attention else Exit.FINE


def _draw(output: Output, found: Status) -> None:
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (imported only to draw)

    page = output.page
    for one in found.providers:
        page.print(title_of(one.provider))
        page.print(facts_of((f"  {name}", text) for name, text in _facts(one)))
        page.print()
    for alarm in found.alarms:
        page.print(f"Alarm {alarm.name}, since {moment(alarm.since)}: {alarm.text.partition(' Next step:')[0]}")
    for number, step in enumerate(found.steps):
        do = f" Run `{step.command}`." if step.command else ""
        page.print(f"{'     then' if number else 'Next step'}: {step.text}{do}")
    if not found.steps:
        page.print("Next step: none, all is well.")
    rows, requests = count_of(found.read["rows"], "row"), count_of(found.read["requests"], "request")
    output.aside.print(f"Read {rows} of the ledger in {requests}.")


def _facts(one: ProviderStatus) -> Iterator[tuple[str, str]]:
    from cloud_sync_common.runtime.wording import usd_of  # noqa: PLC0415 (imported only to draw)

    yield "paused", f"since {moment(one.paused_since)}" if one.paused_since else "yes" if one.paused else ""
    yield "last run", _last_run(one)
    yield "safe", _safe(one)
    yield "not safe", _not_safe(one)
    for group in one.waiting.groups[:_CAUSES]:
        state, why = "waiting" if group.waits else "failed", f" ({group.category})" if group.category else ""
        yield "", f"{group.items:,} {state}{why}: {group.meaning} {group.fix}"
    yield "credentials", _credentials(one.credentials)
    yield "next run", _next_run(one)
    spent = one.spent[-1] if one.spent else None
    yield "cost", f"{usd_of(spent.usd)} in {spent.month}, without storage" if spent else ""


def _last_run(one: ProviderStatus) -> str:
    from cloud_sync_common.runtime.wording import size_of  # noqa: PLC0415 (imported only to draw)
    from cloud_sync_common.safe_text import one_line  # noqa: PLC0415

    now = "one is under way; " if one.is_running else ""
    run = one.last_run
    if run is None:
        return now + (f"the last success was at {moment(one.last_success)}" if one.last_success else "none yet")
    if run.paused:
        return f"{now}ended at once, {moment(run.ended_at)}: the provider is paused"
    text = f"{now}{run.status}, {moment(run.ended_at)}"
    if run.status != "SUCCEEDED":
        last = f"; the last success: {moment(one.last_success) if one.last_success else 'none'}"
        return f"{text}: {one_line(run.cause or run.error, 300)}{last}"
    moved = f" ({size_of(run.bytes_archived)})" if run.bytes_archived else ""
    return f"{text}: {run.archived or 0:,} archived{moved}, {run.failed or 0:,} failed"


def _safe(one: ProviderStatus) -> str:
    from cloud_sync_common.runtime.wording import count_of, size_of  # noqa: PLC0415 (imported only to draw)

    safe = one.safe
    if not safe.is_counted:
        return "not counted yet: `cloudsync status --recount`"
    number = count_of(safe.originals, "original")
    span = f", captured {safe.first_month} to {safe.last_month}" if safe.first_month else ""
    since = f"; counted since {moment(safe.counted_since)}, without what was there before" if safe.counted_since else ""
    return f"{number}, {size_of(safe.bytes)}, {count_of(len(safe.months), 'month')}{span}{since}"


def _not_safe(one: ProviderStatus) -> str:
    waits, not_ready = one.waiting, one.last_run.waiting or 0 if one.last_run else 0
    later = f"{not_ready:,} not ready at the provider" if not_ready else ""
    if not waits.failed and not waits.waiting:
        return later or "nothing that is known"
    least = "" if waits.is_all else "at least "
    in_all = one.last_run.backlog if one.last_run and not waits.is_all else None
    known = f"{least}{waits.failed:,} failed, {least}{waits.waiting:,} waiting"
    known += f" ({in_all:,} in all after the last run)" if in_all else ""
    return f"{known}, {later}" if later else known


def _credentials(age: CredentialsAge) -> str:
    from console.operations.credentials import Health  # noqa: PLC0415 (imported only to draw)

    words = {
        Health.MISSING: "none are stored",
        Health.REFUSED: "refused by the provider",
        Health.ENDED: "ended",
        Health.ENDS_SOON: "end soon",
        Health.UNTRIED: "not tried yet",
        Health.RENEWS: "renew themselves",
        Health.LASTS: "a session, worked in the last run",
    }
    stored = f", stored {ago(age.age_days)}" if age.age_days is not None else ""
    left = f", {days(age.days_left)} left" if age.days_left is not None and age.days_left > 0 else ""
    lived = f", lived {days(age.lived_days)}" if age.lived_days is not None else ""
    return f"{words[age.health]}{stored}{lived}{left}"


def _next_run(one: ProviderStatus) -> str:
    schedule = one.schedule
    plan = f"{schedule.expression} {schedule.time_zone}"
    if not schedule.is_enabled:
        return f"none: the schedule is switched off ({plan})"
    return f"{moment(schedule.next_at)} ({plan})" if schedule.next_at else f"none that is known ({plan})"
