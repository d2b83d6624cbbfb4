"""`cloudsync restore status`: how far a job is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.errors import Exit, UsageError
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from console.operations.restore.jobs import Progress

_BETWEEN_SECONDS = 15.0


@click.command()
@click.argument("job", metavar="[JOB]", required=False, default=None)
@click.option("--latest", is_flag=True, help="The newest job.")
@click.option("--wait", is_flag=True, help="Come back when nothing more is being thawed; Ctrl-C leaves it going on.")
@of_stack
def command(stack: Stack, output: Output, job: str | None, *, latest: bool, wait: bool) -> int:
    """How far a job is, and until when its files can be fetched.

    Exit code 0: all of it can be fetched; 10: it is being thawed; 3: a part cannot be had, or is thawed no more; 1: it
    has failed, was stopped or cancelled.
    """
    from console.operations.restore import jobs  # noqa: PLC0415 (not needed for --help)

    if bool(job) == latest:
        raise UsageError("Name the job, as `cloudsync restore list` shows it, or take --latest.")
    found = jobs.progress(stack, jobs.named(stack, job) if job else jobs.latest(stack))
    while wait and exit_code(found) == Exit.THAWING:
        _sleep(output, found)
        found = jobs.progress(stack, jobs.named(stack, found.job.job_id))
    if output.as_json:
        output.data("restore-status", found)
    else:
        from console.commands.restore_words import draw_progress  # noqa: PLC0415 (not needed for --help)

        draw_progress(output, found)
    return exit_code(found)


def exit_code(found: Progress) -> Exit:
    match found.state:
        case "REQUESTING" | "THAWING":
            return Exit.THAWING
        case "NEW":
            return Exit.THAWING if found.execution else Exit.ATTENTION
        case "READY":
            return Exit.ATTENTION if found.failed or found.expired else Exit.FINE
        case "EXPIRED":
            return Exit.ATTENTION
    return Exit.FAILED


def _sleep(output: Output, found: Progress) -> None:
    output.aside.print(f"{found.ready:,} of {found.job.files:,} can be fetched ...")
    time.sleep(_BETWEEN_SECONDS)
