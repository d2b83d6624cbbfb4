"""`cloudsync retry`: tries again what has failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from msgspec import structs

from console.commands.hidden_input import is_terminal
from console.commands.options import of_stack
from console.errors import DeclinedError, UsageError
from console.output import Output
from console.stack import Stack
from console.wording import title_of

if TYPE_CHECKING:
    from console.operations.dead_letters import Cleared
    from console.operations.ledger import Reading
    from console.operations.retry import Retried, Retry

_SHOWN = 10


@click.command()
@click.argument("items", metavar="[ITEM]...", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Everything that has failed.")
@click.option("--provider", default="", metavar="PROVIDER", help="With --all: only this provider.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@of_stack
def command(stack: Stack, output: Output, items: tuple[str, ...], provider: str, *, is_all: bool, yes: bool) -> None:
    """Try again what has failed: ITEMs as `cloudsync failures` names them, or --all.

    A run is started for each provider. Only when it has begun, what the dead-letter queue has of these items is
    deleted; with --all, also what it has of items that were archived since.
    """
    from console.operations import retry as operations  # noqa: PLC0415 (not needed for --help)
    from console.operations.dead_letters import Cleared  # noqa: PLC0415
    from console.operations.ledger import Reading  # noqa: PLC0415

    if bool(items) == is_all or (provider and items):
        raise UsageError("Name the items to try again, or take --all, with --provider if only one is meant.")
    reading = Reading()
    names = [stack.provider(provider)] if provider else list(stack.secrets)
    retries = operations.all_failed(stack, names, reading) if is_all else operations.these(stack, items, reading)
    if retries:
        _ask(output, retries, is_sure=yes)
    started: list[Retried] = []
    cleared = Cleared()
    try:
        for retry in retries:
            started.append(operations.start(stack, retry, reading))
    finally:  # what was started is told, and its messages go, whatever happens to the rest
        if started or not retries:
            try:
                _clear(stack, output, retries, started, names if is_all else [], cleared, reading)
            finally:
                _answer(output, started, cleared)


def _clear(
    stack: Stack, output: Output, retries: list[Retry], started: list[Retried], settled: list[str], cleared: Cleared,
    reading: Reading,
) -> None:  # fmt: skip
    from console.operations import retry as operations  # noqa: PLC0415 (not needed for --help)

    if started:
        output.aside.print("Waiting for the run to begin ...")
    for number, one in enumerate(started):
        started[number] = structs.replace(one, has_begun=operations.has_begun(stack, one, reading))
    begun = [one for one in started if one.has_begun]
    if begun or settled:
        operations.clearing(stack, retries, begun, settled, reading).clear(cleared)


def _ask(output: Output, retries: list[Retry], *, is_sure: bool) -> None:
    """Shows what is to be tried. Raises UsageError where nobody can be asked."""
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (not needed for --help)

    for retry in retries:
        for item in retry.items[:_SHOWN]:
            output.aside.print(
                f"{title_of(item.provider)}: {item.filename or item.media_id} ({item.category or item.status})"
            )
        if len(retry.items) > _SHOWN:
            output.aside.print(f"and {len(retry.items) - _SHOWN:,} more")
    if is_sure:
        return
    if not is_terminal():
        raise UsageError("There is no terminal to ask on. Repeat the command with --yes.")
    count = sum(len(retry.items) for retry in retries)
    if not click.confirm(f"Try {count_of(count, 'item')} again?", err=True):
        raise DeclinedError("Nothing was tried again.")


def _answer(output: Output, started: list[Retried], cleared: Cleared) -> None:
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (imported only to draw)

    runs = [
        structs.replace(one, messages_deleted=cleared.deleted.get(one.provider, 0), messages_left=cleared.left)
        for one in started
    ]
    if output.as_json:
        output.data("retry", {"runs": runs, "messages_of_archived": cleared.archived, "messages_left": cleared.left})
        return
    if not runs:
        output.page.print("Nothing has failed: there is nothing to try again.")
    for one in runs:
        _say(output, one)
    if cleared.archived:
        output.page.print(
            f"{count_of(cleared.archived, 'message')} about what is archived by now left the dead-letter queue."
        )
    if cleared.left:
        output.aside.print(
            f"{count_of(cleared.left, 'other message stays', 'other messages stay')} in the dead-letter queue."
        )
    if runs:
        output.aside.print(f"See how it goes: `cloudsync run --follow {runs[-1].run_id}`.")


def _say(output: Output, one: Retried) -> None:
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (imported only to draw)

    items, them = count_of(one.items, "item"), "it" if one.items == 1 else "them"
    output.page.print(f"The run {one.run_id} of {title_of(one.provider)} tries {items} again.")
    if one.paused:
        output.aside.print(f"{one.paused.sentence} This run works all the same, and the pause stays.")
    if one.messages_deleted:
        output.page.print(f"{count_of(one.messages_deleted, 'message')} about {them} left the dead-letter queue.")
    if not one.has_begun:
        output.aside.print(f"It has not begun its work yet, so what the dead-letter queue has of {them} stays there.")
