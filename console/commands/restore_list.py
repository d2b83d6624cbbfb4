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

_COLUMNS = ("state", "size", "USD", "ready until", "what")
_WITH_ROOM = ("files", "tier")
_JOB = "job"  # below the others where there is no room: it can be copied there
_NUMBERS = ("files", "size", "USD")
_WIDE, _MOST = 120, 30  # characters; of what was chosen, where there is less room


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
        is_wide = output.page.width >= _WIDE
        columns = (*_COLUMNS, *(_WITH_ROOM if is_wide else ()), _JOB)
        table = table_of(columns, numbers=_NUMBERS, below=_JOB)
        for job in found:
            cells = _cells(job, jobs.shown_state(job))
            if not is_wide and len(cells["what"]) > _MOST:
                cells["what"] = cells["what"][: _MOST - 1] + "…"
            table.add_row(*(cells[name] for name in columns))
        output.page.print(table)
    else:
        output.page.print("There is no restore job yet. `cloudsync restore plan` shows what one would cost.")


def _cells(job: Job, state: str) -> dict[str, str]:
    from cloud_sync_common.runtime.wording import size_of  # noqa: PLC0415 (imported only to draw)

    return {
        "state": f"{state}, {job.failed:,} failed" if job.failed else state,
        "size": size_of(job.bytes),
        "USD": f"{job.quoted_usd:.2f}",
        "ready until": moment(job.ready_until),
        "what": job.selection,
        "files": f"{job.files:,}",
        "tier": job.tier.value,
        _JOB: job.job_id,
    }
