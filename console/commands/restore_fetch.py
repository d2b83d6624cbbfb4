"""`cloudsync restore fetch`: thawed footage into a directory, every byte verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.commands.restore_to import copied, to_bucket
from console.errors import ConsoleError, Exit, UsageError
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from cloud_sync_common.stores.restore_jobs import Job

    from console.operations.restore.fetch.outcome import Fetched, Options


class _InterruptedError(ConsoleError):
    exit_code = Exit.INTERRUPTED


@click.command()
@click.argument("words", metavar="JOB DIR | --ready DIR", nargs=-1)
@click.option("--ready", is_flag=True, help="The files of every job that can be fetched.")
@click.option(
    "--layout", type=click.Choice(["month", "camera", "flat"]), default="month", show_default=True,
    help="The folders in DIR: by month of capture (UTC), by camera, or none.",
)  # fmt: skip
@click.option("--sha256", is_flag=True, help="Put the SHA-256 of each file into the manifest as well.")
@to_bucket
@of_stack
def command(
    stack: Stack,
    output: Output,
    words: tuple[str, ...],
    to: str,
    storage_class: str,
    *,
    ready: bool,
    layout: str,
    sha256: bool,
) -> int:
    """Fetch what is thawed into a directory. Each file is compared with S3's checksum and with the ledger's.

    What broke off goes on where it was, by the same command; what is there already is not fetched again, and nothing
    is written over. DIR then has a manifest, cloudsync-manifest.jsonl.

    Exit code 0: all is here; 10: some files still thaw; 3: some can never be had, or have to be thawed again; 1: bytes
    were wrong, or something failed.
    """
    from console.operations.restore.fetch.names import Layout  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.fetch.outcome import Options  # noqa: PLC0415

    if to:
        return _copied(stack, output, words, to, storage_class, layout, is_of_all=ready)
    job, directory = _job_and_directory(words, is_of_all=ready)
    jobs = _jobs(stack, job)
    if not jobs:
        output.aside.print("No job can be fetched. `cloudsync restore list` shows them all.")
    options = Options(layout=Layout(layout), sha256=sha256)
    found = _fetched(stack, output, jobs, directory, options)
    return _answer(output, [one.job_id for one in jobs], found)


def _copied(
    stack: Stack, output: Output, words: tuple[str, ...], to: str, storage_class: str, layout: str, *, is_of_all: bool
) -> int:
    """To a bucket, in place of a directory."""
    if len(words) != (0 if is_of_all else 1):
        raise UsageError("With --to name the job alone, or nothing with --ready: the bucket takes the place of DIR.")
    return copied(stack, output, _jobs(stack, words[0] if words else ""), to, storage_class, layout)


def _job_and_directory(words: tuple[str, ...], *, is_of_all: bool) -> tuple[str, str]:
    """The job is empty for all. Raises UsageError."""
    if len(words) != (1 if is_of_all else 2):
        raise UsageError(
            "Name a job and a directory, as in `cloudsync restore fetch JOB DIR`, or only the directory with --ready. "
            "`cloudsync restore list` shows the jobs."
        )
    if not words[-1]:
        raise UsageError("DIR is empty: name a directory.")
    return ("", words[0]) if is_of_all else (words[0], words[1])


def _jobs(stack: Stack, job: str) -> list[Job]:
    from console.operations.restore.fetching import ready_jobs  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.jobs import named  # noqa: PLC0415

    return [named(stack, job)] if job else ready_jobs(stack)


def _fetched(stack: Stack, output: Output, jobs: list[Job], directory: str, options: Options) -> Fetched:
    from console.commands.fetch_progress import watching  # noqa: PLC0415 (imports Rich)
    from console.operations.restore.fetching import fetched  # noqa: PLC0415 (not needed for --help)

    try:
        with watching(output.aside) as watch:
            return fetched(stack, jobs, directory, options, watch)
    except KeyboardInterrupt:
        raise _InterruptedError(
            "Interrupted. What is fetched stays: repeat the command, and it goes on where it was."
        ) from None


def _answer(output: Output, jobs: list[str], found: Fetched) -> int:
    from console.commands.fetch_words import draw, json_of  # noqa: PLC0415 (not needed for --help)

    if output.as_json:
        output.data("restore-fetch", {"jobs": jobs, **json_of(found)})
    else:
        draw(output, found)
    if found.stopped:
        raise _stopped(found)
    return found.exit_code


def _stopped(found: Fetched) -> ConsoleError:
    from console.operations.restore.fetch.outcome import StoppedError  # noqa: PLC0415 (not needed for --help)

    return StoppedError(found.stopped, found.stopped_code)
