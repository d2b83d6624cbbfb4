"""`cloudsync restore fetch`: thawed footage into a directory, every byte verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.commands.restore_bucket import of_stack_or_bucket
from console.commands.restore_options import Words, with_words
from console.commands.restore_to import To, copied, copied_of_bucket, to_bucket
from console.errors import ConsoleError, Exit, UsageError
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloud_sync_common.stores.restore_jobs import Job

    from console.operations.restore.bucket import Bucket
    from console.operations.restore.fetch.outcome import Fetched, Options, Watching


class _InterruptedError(ConsoleError):
    exit_code = Exit.INTERRUPTED


@click.command()
@click.option("--ready", is_flag=True, help="The files of every job that can be fetched.")
@click.option(
    "--layout", type=click.Choice(["month", "camera", "flat"]), default="month", show_default=True,
    help="The folders in DIR: by month of capture (UTC), by camera, or none.",
)  # fmt: skip
@click.option("--sha256", is_flag=True, help="Put the SHA-256 of each file into the manifest as well.")
@to_bucket
@of_stack_or_bucket
@with_words("JOB DIR | --ready DIR")
def command(
    stack: Stack | Bucket, output: Output, words: Words, to: To | None, *, ready: bool, layout: str, sha256: bool
) -> int:
    """Fetch what is thawed into a directory. Each file is compared with S3's checksum and with the ledger's.

    What broke off goes on where it was, by the same command; what is there already is not fetched again, and nothing
    is written over. DIR then has a manifest, cloudsync-manifest.jsonl. With --bucket, footage is chosen in place of a
    job, as for `restore start`.

    Exit code 0: all is here; 10: some files still thaw; 3: some can never be had, or have to be thawed again; 1: bytes
    were wrong, or something failed.
    """
    from console.operations.restore.fetch.names import Layout  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.fetch.outcome import Fetched, Options  # noqa: PLC0415

    options = Options(layout=Layout(layout), sha256=sha256)
    if not isinstance(stack, Stack):
        return _of_bucket(stack, output, words, options, to, is_of_all=ready)
    if to:
        return copied(stack, output, _jobs(stack, _job(words, is_of_all=ready)), to, layout)
    job, directory = _job_and_directory(words, is_of_all=ready)
    jobs = _jobs(stack, job)
    if not jobs:
        output.aside.print("No job can be fetched. `cloudsync restore list` shows them all.")
    found = _fetched(stack, output, jobs, directory, options) if jobs else Fetched(directory=directory)
    return _answer(output, {"jobs": [one.job_id for one in jobs]}, found)


def _of_bucket(
    bucket: Bucket, output: Output, words: Words, options: Options, to: To | None, *, is_of_all: bool
) -> int:
    """The last word is the directory, unless another bucket takes its place. Raises UsageError."""
    from console.commands.restore_bucket import chosen  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.fetch.engine import fetch  # noqa: PLC0415
    from console.operations.restore.fetch.source import Source  # noqa: PLC0415
    from console.operations.restore.from_bucket import for_fetching, not_thawed  # noqa: PLC0415

    if is_of_all:
        raise UsageError("--ready is for the jobs of a stack: with --bucket, choose footage.")
    if to:
        return copied_of_bucket(bucket, output, chosen(bucket, output, words.choice(bucket)), to, options.layout)
    *items, directory = words.items or ("",)
    if not directory:
        raise UsageError("DIR is empty: name a directory.")
    found = chosen(bucket, output, words._replace(items=tuple(items)).choice(bucket))
    source = Source.of(bucket.account, bucket.name)
    done = _watched(output, lambda watch: fetch(for_fetching(found), source, directory, options, watch))
    for result in not_thawed(found):
        done.add(result)
    return _answer(output, {"bucket": bucket.name, "selection": found.choice.text}, done)


def _job(given: Words, *, is_of_all: bool) -> str:
    """The job that is copied to a bucket; empty for all. Raises UsageError."""
    if given.are_limited or len(given.items) != (0 if is_of_all else 1):
        raise UsageError("With --to name the job alone, or nothing with --ready: the bucket takes the place of DIR.")
    return "".join(given.items)


def _job_and_directory(given: Words, *, is_of_all: bool) -> tuple[str, str]:
    """The job is empty for all. Raises UsageError."""
    words = given.items
    if given.are_limited:
        raise UsageError("Footage is chosen with --bucket; otherwise name the job, or take --ready.")
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
    from console.operations.restore.fetching import fetched  # noqa: PLC0415 (not needed for --help)

    return _watched(output, lambda watch: fetched(stack, jobs, directory, options, watch))


def _watched(output: Output, fetching: Callable[[Watching], Fetched]) -> Fetched:
    from console.commands.fetch_progress import watching  # noqa: PLC0415 (imports Rich)

    try:
        with watching(output.aside) as watch:
            return fetching(watch)
    except KeyboardInterrupt:
        raise _InterruptedError(
            "Interrupted. What is fetched stays: repeat the command, and it goes on where it was."
        ) from None


def _answer(output: Output, about: Mapping[str, Any], found: Fetched) -> int:
    from console.commands.fetch_words import draw, json_of  # noqa: PLC0415 (not needed for --help)

    if output.as_json:
        output.data("restore-fetch", {**about, **json_of(found)})
    else:
        draw(output, found)
    if found.stopped:
        raise _stopped(found)
    return found.exit_code


def _stopped(found: Fetched) -> ConsoleError:
    from console.operations.restore.fetch.outcome import StoppedError  # noqa: PLC0415 (not needed for --help)

    return StoppedError(found.stopped, found.stopped_code)
