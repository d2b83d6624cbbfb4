"""`cloudsync restore cancel`: ends a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from console.operations.restore.cancel import Cancelled


@click.command()
@click.argument("job", metavar="JOB")
@of_stack
def command(stack: Stack, output: Output, job: str) -> None:
    """End a job: nothing further is asked of S3. What it was asked for is thawed, and charged, all the same."""
    from console.operations.restore import jobs  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.cancel import cancel  # noqa: PLC0415

    done = cancel(stack, jobs.named(stack, job))
    if output.as_json:
        output.data("restore-cancel", done)
    else:
        _say(output, done)


def _say(output: Output, done: Cancelled) -> None:
    from cloud_sync_common.runtime.wording import count_of, size_of, usd_of  # noqa: PLC0415 (imported only to draw)

    was = "was cancelled before" if done.again else "is cancelled"
    output.page.print(f"The job {done.job_id} {was}.")
    if done.never_asked:
        output.page.print(f"{count_of(done.never_asked, 'file')} of it S3 was never asked for: they cost nothing.")
    if done.asked.files:
        output.page.print(
            f"S3 was asked for {count_of(done.asked.files, 'object')} ({size_of(done.asked.bytes)}), which cannot be "
            f"undone: they are thawed and charged, up to {usd_of(done.usd)}. The thawed copies end by themselves; "
            "until then, a new job of the same footage does not pay for them again."
        )
