"""`cloudsync plan`: a dry run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from console.commands.filter_options import with_filters
from console.commands.options import of_stack
from console.commands.words import facts_of
from console.output import Output
from console.stack import Stack
from console.wording import title_of, typed

if TYPE_CHECKING:
    from console.operations.planned import Planner, ProviderPlan

_NOTE_SECONDS = 5.0  # between two lines about how far the listing is
_LEAST_USD = 0.0001  # that is shown for itself


@click.command()
@click.option(
    "--provider", default="", metavar="PROVIDER", help="Only this provider; otherwise all that the stack backs up."
)
@with_filters
@of_stack
def command(stack: Stack, output: Output, provider: str, filters: dict[str, Any]) -> int:
    """What the next run would move, what filters leave out and why, how long it takes, and what it costs.

    The provider is asked for its whole listing with the stored credentials, and the ledger for what is archived.
    Nothing is written, but for a token that has ended: it is renewed as a run would renew it. Exit code 4: a provider
    refuses the credentials.
    """
    from console.operations.planned import exit_code  # noqa: PLC0415 (imports the providers)
    from console.operations.run import input_of  # noqa: PLC0415

    given = input_of(stack, provider, filters, "sync")
    names = [given["provider"]] if given["provider"] in stack.secrets else list(stack.secrets)
    planner = _planner(stack, output, names)
    plans = [planner.plan(name, filters) for name in names]
    if output.as_json:
        output.data("plan", {"providers": plans})
    else:
        _draw(output, plans)
    return exit_code(plans)


def _planner(stack: Stack, output: Output, names: list[str]) -> Planner:
    from console.operations import deployed_functions, estimate, storage  # noqa: PLC0415 (see above)
    from console.operations.planned import Planner  # noqa: PLC0415
    from console.operations.provider_services import Services  # noqa: PLC0415

    services = Services.of(os.environ)
    for sentence in services.notes(names):
        output.aside.print(sentence)
    deployed, last = deployed_functions.deployed(stack), [time.monotonic()]

    def note(name: str, listed: int) -> None:
        if time.monotonic() >= last[0] + _NOTE_SECONDS:
            last[0] = time.monotonic()
            output.aside.print(f"{title_of(name)}: {listed:,} listed so far ...")

    return Planner(
        stack=stack,
        services=services,
        deployed=deployed,
        lifecycle=storage.lifecycle(stack),
        speeds=estimate.measured_speeds(stack, deployed),
        say=output.aside.print,
        note=note,
    )


def _draw(output: Output, plans: list[ProviderPlan]) -> None:
    for plan in plans:
        output.page.print(title_of(plan.provider))
        output.page.print(facts_of((f"  {name}", text) for name, text in _facts(plan)))
        output.page.print()
    good = [plan for plan in plans if not plan.problem]
    if len(good) > 1:
        output.page.print("All")
        output.page.print(facts_of((f"  {name}", text) for name, text in _sum(good)))


def _facts(plan: ProviderPlan) -> Iterator[tuple[str, str]]:
    from cloud_sync_common.runtime.wording import count_of, file_name, reason_of, size_of  # noqa: PLC0415 (see above)

    if plan.problem:
        yield "no plan", plan.problem
        return
    if plan.paused:
        name = typed(plan.provider)
        yield "paused", f"nothing of it is moved until `cloudsync settings resume --provider {name}`"
        yield "", f"or a single run: `cloudsync run --provider {name} --even-if-paused`"
    if plan.run_under_way:
        yield "note", f"the run {plan.run_under_way} is under way; what it has yet to move is counted here"
    yield "listed", f"{plan.listed:,}; archived already: {plan.archived:,}"
    yield "to move", _to_move(plan)
    for number, (reason, left) in enumerate(plan.left_out.items()):
        size = f", {size_of(left.bytes)}" if left.bytes else ""
        yield "" if number else "left out", f"{reason_of(left.items, reason)}{size}"
    yield "not ready", f"{count_of(plan.waiting, 'item')}; a later run tries again" if plan.waiting else ""
    exhausted = count_of(plan.exhausted, "item has", "items have")
    yield "failed", f"{exhausted} failed too often: `cloudsync failures`" if plan.exhausted else ""
    if plan.videos:
        yield "time", _time(plan)
        yield "cost", _cost(plan)
        shown = (file_name(one.filename) + (f" ({size_of(one.size)})" if one.size else "") for one in plan.examples)
        yield "such as", ", ".join(shown)


def _to_move(plan: ProviderPlan) -> str:
    from cloud_sync_common.runtime.wording import count_of, size_of  # noqa: PLC0415 (imported only to draw)

    if not plan.videos:
        if plan.waiting or plan.exhausted:
            return "nothing: what is not archived is named below"
        return "nothing: all that is listed, and that no filter leaves out, is archived"
    told = {"tried or listed before": plan.again, "a new version": plan.changed, "of unknown size": plan.unknown_sizes}
    parts = ", ".join(f"{count:,} {what}" for what, count in told.items() if count)
    size = f", {size_of(plan.bytes)}" if plan.bytes else ""
    return f"{count_of(plan.videos, 'item')}{size}" + (f" ({parts})" if parts else "")


def _time(plan: ProviderPlan) -> str:
    from cloud_sync_common.runtime.wording import count_of, size_of  # noqa: PLC0415 (imported only to draw)

    from console.commands.following import duration  # noqa: PLC0415

    if plan.estimate is None or plan.speed is None or not plan.bytes:
        return ""
    count, speed = plan.speed.runs, size_of(plan.speed.bytes_per_second)
    known = f"as {count_of(count, 'earlier run')} moved" if count else "assumed: no run has shown it"
    several = f", in {plan.estimate.runs:,} runs (max_run_gb)" if plan.estimate.runs > 1 else ""
    return f"about {duration(max(1, plan.estimate.hours * 3600))}, at {speed}/s ({known}){several}"


def _cost(plan: ProviderPlan) -> str:
    from cloud_sync_common.runtime.wording import usd_of  # noqa: PLC0415 (imported only to draw)

    if plan.estimate is None:
        return ""
    first, once = plan.estimate.first_usd, plan.estimate.run_usd + plan.estimate.first_usd
    storage = f" ({usd_of(first)} of it storage until it is in Deep Archive)" if first >= _LEAST_USD else ""
    if not plan.bytes:
        return f"{usd_of(once)} once{storage}; each month, what the bytes cost that come"
    return f"{usd_of(once)} once{storage}, then {usd_of(plan.estimate.month_usd)} a month"


def _sum(plans: list[ProviderPlan]) -> Iterator[tuple[str, str]]:
    from cloud_sync_common.runtime.wording import count_of, size_of, usd_of  # noqa: PLC0415 (imported only to draw)

    from console.commands.following import duration  # noqa: PLC0415

    estimates = [plan.estimate for plan in plans if plan.estimate and plan.videos]
    once, month = sum(one.run_usd + one.first_usd for one in estimates), sum(one.month_usd for one in estimates)
    items = count_of(sum(plan.videos for plan in plans), "item")
    size = sum(plan.bytes for plan in plans)
    yield "to move", f"{items}, {size_of(size)}" if size else items
    hours = max((one.hours for one in estimates), default=0)
    yield "time", f"about {duration(max(1, hours * 3600))}, if all go on side by side" if size else ""
    if estimates:
        yield "cost", f"{usd_of(once)} once, then {usd_of(month)} a month"
