"""`cloudsync restore status`: how far a job is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from console.commands import restore_bucket
from console.commands.restore_bucket import of_stack_or_bucket
from console.commands.restore_options import Words, with_words
from console.errors import Exit, UsageError
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from console.operations.restore.bucket import Bucket
    from console.operations.restore.jobs import Progress

_BETWEEN_SECONDS = 15.0


@click.command()
@click.option("--latest", is_flag=True, help="The newest job.")
@click.option("--wait", is_flag=True, help="Come back when nothing more is being thawed; Ctrl-C leaves it going on.")
@of_stack_or_bucket
@with_words("[JOB]")
def command(stack: Stack | Bucket, output: Output, words: Words, *, latest: bool, wait: bool) -> int:
    """How far a job is, and until when its files can be fetched.

    Exit code 0: all of it can be fetched; 10: it is being thawed; 3: a part cannot be had, or is thawed no more; 1: it
    has failed, was stopped or cancelled. With --bucket, footage is chosen in place of a job, as for `restore start`.
    """
    from console.operations.restore import jobs  # noqa: PLC0415 (not needed for --help)

    if not isinstance(stack, Stack):
        if latest:
            raise UsageError("--latest is for the jobs of a stack: with --bucket, choose footage.")
        return restore_bucket.status(stack, output, words.choice(stack), wait=wait)
    job = _job(words, latest=latest)
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


def _job(words: Words, *, latest: bool) -> str:
    """Empty for the newest one. Raises UsageError."""
    if words.are_limited:
        raise UsageError("Footage is chosen with --bucket; otherwise name the job, or take --latest.")
    if len(words.items) != (0 if latest else 1):
        raise UsageError("Name the job, as `cloudsync restore list` shows it, or take --latest.")
    return words.items[0] if words.items else ""


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
