"""`cloudsync retry`: tries again what has failed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from console.commands.options import of_stack
from console.errors import UsageError
from console.output import Output
from console.stack import Stack

if TYPE_CHECKING:
    from console.operations.retry import Retried, Retry

_SHOWN = 10


@click.command()
@click.argument("items", metavar="[ITEM]...", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="Everything that has failed.")
@click.option("--provider", default="", help="With --all: only of this provider.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@of_stack
def command(stack: Stack, output: Output, items: tuple[str, ...], provider: str, *, is_all: bool, yes: bool) -> None:
    """Try again what has failed: ITEMs as `cloudsync failures` names them, or --all.

    A run is started for each provider. Only then, what the dead-letter queue has of these items is deleted.
    """
    from console.operations import retry as operations  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415

    if bool(items) == is_all or (provider and items):
        raise UsageError("Name the items to try again, or take --all, with --provider if only one is meant.")
    reading = Reading()
    names = [stack.provider(provider)] if provider else list(stack.secrets)
    retries = operations.all_failed(stack, names, reading) if is_all else operations.these(stack, items, reading)
    if retries:
        _ask(output, retries, is_sure=yes)
    started: list[Retried] = []
    try:
        for retry in retries:
            started.append(operations.start(stack, retry, reading))
    finally:
        if started:
            _answer(output, operations.clear_messages(stack, retries[: len(started)], started))
    if not started:
        _answer(output, started)


def _ask(output: Output, retries: list[Retry], *, is_sure: bool) -> None:
    """Shows what is to be tried. Raises UsageError where nobody can be asked."""
    for retry in retries:
        for item in retry.items[:_SHOWN]:
            output.aside.print(f"{item.provider}: {item.filename or item.media_id} ({item.category or item.status})")
        if len(retry.items) > _SHOWN:
            output.aside.print(f"and {len(retry.items) - _SHOWN:,} more")
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on. Repeat the command with --yes.")
    count = sum(len(retry.items) for retry in retries)
    click.confirm(f"Try {count:,} again?", abort=True, err=True)


def _answer(output: Output, started: list[Retried]) -> None:
    if output.as_json:
        output.data("retry", {"runs": started})
    elif not started:
        output.page.print("Nothing has failed: there is nothing to try again.")
    for one in started if not output.as_json else []:
        output.page.print(f"The run {one.run_id} of {one.provider} tries {one.items:,} again.")
        if one.paused:
            output.aside.print(f"{one.paused.sentence} This run works all the same, and the pause stays.")
        if one.messages_deleted:
            output.page.print(f"{one.messages_deleted:,} of their messages left the dead-letter queue.")
    if started and started[-1].messages_left:
        output.aside.print(f"{started[-1].messages_left:,} other messages stay in the dead-letter queue.")
    if started:
        output.aside.print(f"See how it goes: `cloudsync run --follow {started[-1].run_id}`.")
