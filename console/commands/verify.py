"""`cloudsync verify`: proof that everything is safe, with a certificate."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.errors import Exit, UsageError
from console.output import Output
from console.stack import Stack
from console.wording import title_of

if TYPE_CHECKING:
    from cloud_sync_common.provider_access.certificate import Certificate, Choice

    from console.operations.run import Execution
    from console.operations.stored_checksums import Show

_MOST_SAMPLED = 1_000_000
_MOST_HOURS = 24 * 30
_SAY_SECONDS = 10.0  # between two lines about how far it is


@click.command()
@click.option(
    "--provider", default="", metavar="PROVIDER", help="Only this provider; otherwise all that the stack backs up."
)
@click.option("--since", default="", metavar="TIME", help="Archived then or later: 2026-05-01, 2026-05, or a time.")
@click.option(
    "--sample", default=None, metavar="N", type=click.IntRange(1, _MOST_SAMPLED), help="Only N files, at random."
)
@click.option(
    "--seed", default="", metavar="SEED", help="With --sample: that of an earlier certificate chooses the same files."
)
@click.option(
    "--max-age-hours", default=24, show_default=True, metavar="HOURS", type=click.IntRange(0, _MOST_HOURS),
    help="A reconciliation that is no older than that is not repeated; 0: repeat it always.",
)  # fmt: skip
@click.option("--deep", is_flag=True, help="Have S3 read the bytes again, by a job that takes hours and costs money.")
@click.option("--deep-job", default="", metavar="ID", help="See how far that job is; compare when it is complete.")
@click.option("--yes", "-y", is_flag=True, help="With --deep: do not ask.")
@of_stack
def command(
    stack: Stack,
    output: Output,
    provider: str,
    since: str,
    sample: int | None,
    seed: str,
    max_age_hours: int,
    *,
    deep: bool,
    deep_job: str,
    yes: bool,
) -> int:
    """Prove that what the ledger calls archived is in the bucket, as it was archived. Nothing is thawed.

    Provider, ledger and bucket are reconciled, and each file's checksum is read from S3 and compared. The certificate
    is printed and stored. Exit code 0: all agree; 3: something differs.
    """
    from console.operations import verify as operations  # noqa: PLC0415 (not needed for --help)

    if deep_job:
        if deep or provider or since or sample or seed:
            raise UsageError("--deep-job compares what its job was asked for: leave out what chooses files.")
        return _finished(stack, output, deep_job)
    if seed and not sample:
        raise UsageError("--seed is for --sample: add --sample, or leave it out.")
    if yes and not deep:
        raise UsageError("--yes is for --deep: nothing else is asked.")
    choice = operations.choice_of(_moment(since), sample or 0, seed)
    providers = [stack.provider(provider)] if provider else list(stack.secrets)
    if deep:
        return _started(stack, output, providers, choice, is_sure=yes)
    watching = operations.Watching(lambda run: _follow(stack, output, run), _show(output))
    found = operations.verify(stack, providers, choice, watching, fresh=timedelta(hours=max_age_hours))
    _answer(stack, output, found)
    return Exit.FINE if found.agrees else Exit.ATTENTION


def _started(stack: Stack, output: Output, providers: list[str], choice: Choice, *, is_sure: bool) -> int:
    from console.commands import deep  # noqa: PLC0415 (not needed for --help)

    return deep.start(stack, output, providers, choice, is_sure=is_sure)


def _finished(stack: Stack, output: Output, job_id: str) -> int:
    """Of a job that is not complete, the exit code of what has to be waited for."""
    from console.commands import deep  # noqa: PLC0415 (not needed for --help)

    found = deep.finish(stack, output, job_id)
    if found is None:
        return Exit.THAWING
    _answer(stack, output, found)
    return Exit.FINE if found.agrees else Exit.ATTENTION


def _moment(since: str) -> str:
    """In UTC; empty where there is none. Raises UsageError."""
    from datetime import UTC, datetime  # noqa: PLC0415 (not needed for --help)

    from console.commands.filter_options import filters_of  # noqa: PLC0415

    if not since:
        return ""
    try:
        given = filters_of({"captured_from": since})
    except UsageError as error:
        raise UsageError(str(error).replace("--from", "--since")) from None
    moment = datetime.fromisoformat(str(given["captured_from"])).astimezone(UTC)
    if moment > datetime.now(UTC):
        raise UsageError(f"--since is in the future ({since}): nothing would be compared.")
    return moment.isoformat(timespec="seconds")


def _follow(stack: Stack, output: Output, run: Execution) -> None:
    """Progress is on standard error, also with --json: the result is one object."""
    from console.commands.following import followed, showing  # noqa: PLC0415 (imports Rich)
    from console.operations.watches import watches_of  # noqa: PLC0415

    output.aside.print(f"{title_of(run.provider)}: reconciling provider, ledger and archive (run {run.run_id}) ...")
    if run.given.get("even_if_paused"):
        output.aside.print(f"{title_of(run.provider)} is paused; it is compared all the same, and the pause stays.")
    try:
        with showing(output.aside) as show:
            followed(stack, run, watches_of(stack, run, list(stack.secrets)), show)
    except KeyboardInterrupt:
        text = f"\nThe reconciliation goes on. To see it again:\n  cloudsync run --follow {run.run_id}"
        output.aside.print(text, soft_wrap=True)
        raise


def _show(output: Output) -> Show:
    """A line every ten seconds."""
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (imported only to draw)

    last = time.monotonic()

    def show(files: int) -> None:
        nonlocal last
        if time.monotonic() >= last + _SAY_SECONDS:
            last = time.monotonic()
            output.aside.print(f"{count_of(files, 'file')} compared ...")

    return show


def _answer(stack: Stack, output: Output, found: Certificate) -> None:
    from cloud_sync_common.provider_access.certificate import text_of  # noqa: PLC0415 (not needed for --help)

    if output.as_json:
        output.data("certificate", found)
        return
    output.page.print(text_of(found, {name: title_of(name) for name in stack.secrets}), end="", soft_wrap=True)
    output.aside.print(
        f"\nStored as s3://{stack.output('WorkBucket')}/{found.text_key}\nand with .json.", soft_wrap=True
    )
