"""The verbs of `cloudsync restore` with --bucket: an archive alone, without ledger and stack."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from console.aws_account import AwsAccount
from console.commands.options import of_account
from console.errors import Exit
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from console.operations.restore.bucket import Bucket
    from console.operations.restore.from_bucket import Looked
    from console.operations.restore.plan import Plan, Terms
    from console.operations.restore.selection import Choice
    from console.operations.restore.thaw_in_bucket import Asked, State

_BETWEEN_SECONDS = 60.0


def of_stack_or_bucket(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """A verb that is called with the stack, or with the bucket that is named in its place, and with the output. Then
    no stack is looked for."""

    @wraps(command)
    def called(account: AwsAccount, environment: str, output: Output, *, bucket: str | None, **own: Any) -> int | None:
        if bucket is None:
            return command(Stack.find(account, environment), output, **own)
        from console.operations.restore.bucket import Bucket  # noqa: PLC0415 (not needed for --help)

        return command(Bucket.called(account, bucket), output, **own)

    option = click.option(
        "--bucket", default=None, metavar="NAME", help="This archive alone; neither ledger nor stack is needed."
    )
    return of_account(option(called))


def plan(bucket: Bucket, output: Output, choice: Choice, terms: Terms) -> int:
    """Exit code 3: something cannot be had, or the total is above the ceiling."""
    from console.commands.restore_words import draw_plan, note_looked  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.from_bucket import planned  # noqa: PLC0415

    found = planned(bucket, choice, terms, note_looked(output))[0].plan
    if output.as_json:
        value = {"plan": found, "total_usd": found.quote.total, "is_above_ceiling": found.is_above_ceiling}
        output.data("restore-plan", {"bucket": bucket.name, **value})
    else:
        draw_plan(output.page, output, found, bucket.account.region)
        if not found.is_above_ceiling and found.files:
            output.aside.print("`cloudsync restore start` with the same words starts it.")
    return Exit.ATTENTION if found.lost or found.is_above_ceiling else Exit.FINE


def start(
    bucket: Bucket, output: Output, choice: Choice, terms: Terms, ask: Callable[[Bucket, Output, Plan], None]
) -> int:
    """`ask` shows the price and asks. Exit code 3: some of it cannot be had."""
    from console.commands.restore_words import note_looked  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.from_bucket import planned  # noqa: PLC0415
    from console.operations.restore.thaw_in_bucket import request  # noqa: PLC0415

    plan, found = planned(bucket, choice, terms, note_looked(output))
    plan.plan.check_ceiling()
    if plan.plan.frozen.files or plan.plan.thawing.files:
        ask(bucket, output, plan.plan)
    asked = request(bucket, found, terms, note_looked(output))
    if output.as_json:
        output.data("restore-asked", {"bucket": bucket.name, "selection": plan.plan.selection, **_built(asked)})
    else:
        _draw_asked(output, asked)
    return Exit.ATTENTION if asked.failed else Exit.FINE


def _built(asked: Asked) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415 (imported only when something is printed)

    built: dict[str, Any] = msgspec.to_builtins(asked)
    return built


def _draw_asked(output: Output, asked: Asked) -> None:
    from cloud_sync_common.runtime.wording import count_of, file_name  # noqa: PLC0415 (imported only to draw)

    output.page.print(
        f"S3 was asked for {count_of(asked.asked, 'file')}; {asked.thawing:,} {_were(asked.thawing)} being thawed "
        f"already, {asked.ready:,} can be read."
    )
    for one in asked.problems:
        output.page.print(f"- {file_name(one.filename)}: {one.text}", soft_wrap=True)
    if asked.failed > len(asked.problems):
        output.page.print(f"- and {asked.failed - len(asked.problems):,} more.")
    if asked.asked or asked.thawing:
        output.page.print("To see how far it is: `cloudsync restore status` with the same words.", soft_wrap=True)
    else:
        output.page.print("Fetch it: `cloudsync restore fetch` with the same words and a directory.", soft_wrap=True)


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def status(bucket: Bucket, output: Output, choice: Choice, *, wait: bool) -> int:
    """Exit code 10: it is being thawed; 3: a part cannot be had, or is not thawed."""
    from console.commands.restore_words import note_looked  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore import thaw_in_bucket  # noqa: PLC0415
    from console.operations.restore.from_bucket import looked  # noqa: PLC0415

    files = looked(bucket, choice, note_looked(output))
    if wait:
        files = thaw_in_bucket.waited(bucket, files, _between(output, len(files.seen)))
    found = thaw_in_bucket.state(bucket, files)
    if output.as_json:
        output.data("restore-bucket-status", found)
    else:
        _draw_state(output, found)
    if found.thawing:
        return Exit.THAWING
    return Exit.ATTENTION if found.frozen or found.failed else Exit.FINE


def _between(output: Output, files: int) -> Callable[[int], None]:
    def sleep(thawing: int) -> None:
        output.aside.print(f"{files - thawing:,} of {files:,} are not being thawed any more ...")
        time.sleep(_BETWEEN_SECONDS)

    return sleep


def _draw_state(output: Output, found: State) -> None:
    from cloud_sync_common.runtime.wording import file_name  # noqa: PLC0415 (imported only to draw)

    from console.commands.words import facts_of  # noqa: PLC0415

    output.page.print(facts_of(_facts(found)))
    for one in found.problems:
        output.page.print(f"- {file_name(one.filename)}: {one.text}", soft_wrap=True)
    if found.failed > len(found.problems):
        output.page.print(f"- and {found.failed - len(found.problems):,} more.")
    if found.thawing:
        output.aside.print("S3 takes up to 12 hours with Standard and 48 with Bulk, from when it was asked.")
    if found.frozen:
        output.aside.print("`cloudsync restore start` with the same words has the rest thawed.")
    if found.ready:
        output.aside.print("`cloudsync restore fetch` with the same words and a directory fetches what can be read.")


def _facts(found: State) -> Iterator[tuple[str, str]]:
    from cloud_sync_common.runtime.wording import count_of, size_of  # noqa: PLC0415 (imported only to draw)

    from console.wording import moment  # noqa: PLC0415

    yield "bucket", found.bucket
    yield "chosen", found.selection
    yield "files", f"{count_of(found.files, 'original')}, {size_of(found.bytes)}"
    yield "ready", f"{found.ready:,}, {size_of(found.ready_bytes)}" if found.ready else ""
    yield "until", moment(found.ready_until)
    yield "thawing", f"{found.thawing:,}" if found.thawing else ""
    yield "frozen", f"{found.frozen:,}: never asked for, or their thawed copies have ended" if found.frozen else ""
    yield "failed", f"{found.failed:,} cannot be had" if found.failed else ""


def chosen(bucket: Bucket, output: Output, choice: Choice) -> Looked:
    """The files of a choice, for a fetch."""
    from console.commands.restore_words import note_looked  # noqa: PLC0415 (not needed for --help)
    from console.operations.restore.from_bucket import looked  # noqa: PLC0415

    return looked(bucket, choice, note_looked(output))
