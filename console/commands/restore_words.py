"""How plans and the progress of restore jobs are drawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cloud_sync_common import prices
from cloud_sync_common.runtime.wording import count_of, file_name, size_of

from console.commands.words import facts_of, table_of
from console.operations.restore.price import HOURS, Amount, Quote
from console.output import Output
from console.wording import moment

if TYPE_CHECKING:
    from rich.console import Console

    from console.operations.restore.jobs import Progress
    from console.operations.restore.plan import Plan

MOST_NOTES = 10  # files that are named
_NOTE_SECONDS = 5.0
_REGION = "us-east-1"  # of the prices


def note_looked(output: Output) -> Callable[[int], None]:
    """A line every few seconds about how many files S3 was asked for."""
    last = time.monotonic()

    def show(files: int) -> None:
        nonlocal last
        if time.monotonic() >= last + _NOTE_SECONDS:
            last = time.monotonic()
            output.aside.print(f"{count_of(files, 'file')} looked at ...")

    return show


def draw_plan(page: Console, output: Output, plan: Plan, region: str) -> None:
    """On `page`; what is only beside it, on standard error."""
    page.print(facts_of(_facts(plan)))
    for one in plan.notes[:MOST_NOTES]:
        page.print(f"- {file_name(one.filename)} ({file_name(one.media_id)}): {one.text}")
    if len(plan.notes) > MOST_NOTES:
        page.print(f"- and {len(plan.notes) - MOST_NOTES:,} more: --json names all.")
    page.print()
    page.print(_table(plan))
    if plan.quote.egress:
        page.print(f"\n{_ways_round(plan.quote, region)}")
    if plan.terms.max_usd is not None:
        passes = "above" if plan.is_above_ceiling else "within"
        page.print(f"\nWith {plan.terms.tier.value}, this is {passes} --max-usd {plan.terms.max_usd}.")
    there = f" This stack is in {region}, whose prices differ." if region not in ("", _REGION) else ""
    output.aside.print(f"Prices of {_REGION} as of {prices.AS_OF}, before tax.{there}")


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    yield "chosen", plan.selection
    yield "", f"{count_of(plan.items, 'item')}, {count_of(plan.files, 'original')}, {size_of(plan.bytes)}"
    left = count_of(plan.not_archived, "item is", "items are")
    yield "", f"{left} not archived: `cloudsync failures` says why" if plan.not_archived else ""
    rows = count_of(plan.unreadable, "row of the ledger", "rows of the ledger")
    yield "", f"{rows} cannot be read: `cloudsync verify` compares everything" if plan.unreadable else ""
    yield "", f"{count_of(plan.lost, 'original')} cannot be had: see below" if plan.lost else ""
    yield "hot", _amount(plan.hot, "read at any time: nothing to thaw")
    longer = f"; {plan.prolonged.files:,} to stay longer" if plan.prolonged.files else ": nothing to pay for"
    yield "thawed", _amount(plan.thawed, f"thawed already{longer}")
    again = "paid already" + ("; Standard pays once more, to be faster" if plan.thawing.files else "")
    yield "thawing", _amount(plan.thawing, f"being thawed at the moment: {again}")
    yield "frozen", _amount(plan.frozen, "to be thawed")


def _amount(amount: Amount, what: str) -> str:
    return f"{count_of(amount.files, 'object')}, {size_of(amount.bytes)}, {what}" if amount.files else ""


def _table(plan: Plan) -> object:
    bulk, standard = plan.quotes
    titles = [f"{one.tier.value}{' *' if one.tier is plan.terms.tier else ''}" for one in (bulk, standard)]
    table = table_of(("USD", *titles), numbers=titles)
    table.add_row("can be fetched", *(_time(one) for one in (bulk, standard)))
    table.add_row("retrieval", *(_usd(one.retrieval) for one in (bulk, standard)))
    copies = "thawed copies" if bulk.days != standard.days else f"thawed copies, {count_of(bulk.days, 'day')}"
    table.add_row(copies, *(_usd(one.thawed_copies) for one in (bulk, standard)))
    table.add_row("other requests", *(_usd(one.requests) for one in (bulk, standard)))
    egress = "to the Internet" if plan.terms.leaves_aws else "nothing leaves AWS"
    table.add_row(egress, *(_usd(one.egress) for one in (bulk, standard)))
    table.add_row("in all", *(_usd(one.total) for one in (bulk, standard)))
    return table


def _time(quote: Quote) -> str:
    return f"within {quote.hours} h" if quote.hours else "at once"


def _usd(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 1 or not amount else f"{amount:.4f}"


def _ways_round(quote: Quote, region: str) -> str:
    return (
        f"{_usd(quote.egress)} of it is for sending the bytes to the Internet (the first 100 GB a month are free). "
        f"To a machine in {region or 'the same region'} they cost nothing, nor do they as a copy in another bucket "
        "there (`restore fetch --to s3://…`): --no-egress prices that. Through CloudFront, the first TB a month is "
        "free as well."
    )


def draw_progress(output: Output, found: Progress) -> None:
    """How a job is; the next step is on standard error."""
    output.page.print(f"{found.job.job_id}: {found.state}")
    output.page.print(facts_of(_progress(found)))
    for one in found.problems:
        output.page.print(f"- {file_name(one.filename)}: {one.text}")
    if found.failed > len(found.problems):
        output.page.print(f"- and {found.failed - len(found.problems):,} more.")
    if found.state == "READY":
        output.aside.print("Fetch it:")
        output.aside.print(f"  cloudsync restore fetch {found.job.job_id} DIRECTORY", soft_wrap=True)
    else:
        output.aside.print(_next(found))


def _progress(found: Progress) -> Iterator[tuple[str, str]]:
    job = found.job
    ceiling = f", ceiling {job.max_usd:.2f}" if job.max_usd is not None else ""
    yield "chosen", job.selection
    yield "begun", moment(job.created_at)
    yield "price", f"{job.quoted_usd:.4f} USD as quoted{ceiling}"
    yield "tier", f"{job.tier.value}, thawed copies stay {count_of(job.days, 'day')}"
    yield "files", f"{count_of(job.files, 'original')}, {size_of(job.bytes)}"
    yield "to ask for", f"{found.wanted:,}" if found.wanted else ""
    yield "thawing", f"{found.requested:,}" if found.requested else ""
    yield "ready", f"{found.ready:,}, {size_of(found.ready_bytes)}" if found.ready else ""
    yield "ended", f"{found.expired:,} thawed copies are there no more" if found.expired else ""
    yield "failed", f"{found.failed:,} cannot be had" if found.failed else ""
    yield "until", moment(found.ready_until)
    yield "problem", job.problem


def _next(found: Progress) -> str:
    """What to do, where it cannot be fetched."""
    if found.state in ("NEW", "REQUESTING", "THAWING") and found.execution:
        hours = HOURS[found.job.tier]
        return f"S3 takes up to {hours} hours from when it was asked. A mail says when all can be fetched."
    how = f" ({found.execution})" if found.execution else ""
    reasons = {
        "NEW": "It has not begun.",
        "EXPIRED": "Its thawed copies have ended, so that it has to be thawed, and paid, once more.",
        "STOPPED": f"Its execution has ended without it{how}, and nothing goes on by itself.",
        "CANCELLED": "It was cancelled.",
    }
    return (
        f"{reasons.get(found.state, 'It has failed.')} `cloudsync restore start` with the same words {_goes_on(found)}."
    )


def _goes_on(found: Progress) -> str:
    return "begins a new job" if found.state in ("EXPIRED", "CANCELLED") else "goes on with it"
