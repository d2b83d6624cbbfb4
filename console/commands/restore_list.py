"""`cloudsync restore list`: the jobs, the newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from msgspec import structs

from console.commands.options import of_stack
from console.commands.words import table_of
from console.output import Output
from console.stack import Stack
from console.wording import moment

if TYPE_CHECKING:
    from cloud_sync_common.stores.restore_jobs import Job

_COLUMNS = ("job", "state", "files", "size", "tier", "USD", "ready until", "what")
_NUMBERS = ("files", "size", "USD")


@click.command()
@of_stack
def command(stack: Stack, output: Output) -> None:
    """List the restore jobs, the newest first: what was wanted, for which price, and how it stands.

    With --json: a line about the list, then a line for each job.
    """
    from console.operations.restore import jobs  # noqa: PLC0415 (not needed for --help)

    found = jobs.all_jobs(stack)
    if output.as_json:
        lines = ({**structs.asdict(job), "state": jobs.shown_state(job)} for job in found)
        output.lines("restore-jobs", {"environment": stack.environment}, lines)
    elif found:
        table = table_of(_COLUMNS, numbers=_NUMBERS, below="what")
        for job in found:
            table.add_row(*_cells(job, jobs.shown_state(job)))
        output.page.print(table)
    else:
        output.page.print("There is no restore job yet. `cloudsync restore plan` shows what one would cost.")


def _cells(job: Job, state: str) -> list[str]:
    from cloud_sync_common.runtime.wording import size_of  # noqa: PLC0415 (imported only to draw)

    shown = f"{state}, {job.failed:,} failed" if job.failed else state
    numbers = (f"{job.files:,}", size_of(job.bytes))
    return [
        job.job_id,
        shown,
        *numbers,
        job.tier.value,
        f"{job.quoted_usd:.2f}",
        moment(job.ready_until),
        job.selection,
    ]
