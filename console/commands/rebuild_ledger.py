"""`cloudsync rebuild-ledger`: the ledger anew from the objects of the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.commands.hidden_input import is_terminal
from console.commands.options import of_stack
from console.commands.words import counting, table_of
from console.errors import DeclinedError, Exit, UsageError
from console.output import Output
from console.stack import Stack
from console.wording import title_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from console.operations.rebuild_ledger import Rebuild
    from console.operations.restore.bucket import Named
    from console.operations.safe import Safe


@click.command()
@click.option("--bucket", default="", metavar="NAME", help="The archive, which has to be the stack's own.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@of_stack
def command(stack: Stack, output: Output, bucket: str, *, yes: bool) -> int:
    """Write the ledger anew from the archive, so that the next run archives nothing twice.

    For a table that was lost, or has lost rows. It reads the bucket, shows which rows are missing and asks before it
    writes them; rows that exist stay as they are. It needs an administrator's permissions. First try to restore the
    table from its backup (docs/disaster.md): that has also what no object knows.
    """
    from console.operations import rebuild_ledger as operations  # noqa: PLC0415 (not needed for --help)
    from console.operations.ledger import Reading  # noqa: PLC0415

    reading = Reading()
    found = operations.planned(stack, bucket, counting(output, "object", "looked at"), reading)
    if not found.missing:
        _answer(output, found, {})
        return Exit.FINE
    _ask(output, found, is_sure=yes)
    counted = operations.write(stack, found, counting(output, "item", "written"), reading)
    _answer(output, found, counted)
    return Exit.FINE


def _ask(output: Output, found: Rebuild, *, is_sure: bool) -> None:
    """Shows what is to be written. Raises UsageError where nobody can be asked."""
    from cloud_sync_common.runtime.wording import count_of, size_of  # noqa: PLC0415 (imported only to draw)

    for provider, one in found.counts.items():
        output.aside.print(
            f"{title_of(provider)}: {count_of(one.items, 'item')} with {count_of(one.files, 'file')} "
            f"({size_of(one.bytes)}) in the archive; the ledger lacks {count_of(one.missing_items, 'item')} and "
            f"{count_of(one.missing_files, 'file')}."
        )
    if is_sure:
        return
    if not is_terminal():
        raise UsageError("There is no terminal to ask on. Repeat the command with --yes.")
    if not click.confirm(f"Write {count_of(len(found.missing), 'row')}?", err=True):
        raise DeclinedError("Nothing was written.")


def _answer(output: Output, found: Rebuild, counted: Mapping[str, Safe]) -> None:
    if output.as_json:
        output.data("rebuilt-ledger", _fields(found, counted))
        return
    from cloud_sync_common.runtime.wording import count_of, size_of  # noqa: PLC0415 (imported only to draw)

    numbers = ("items", "files", "size", "rows written")
    table = table_of(("provider", *numbers), numbers=numbers)
    for provider, one in found.counts.items():
        rows = f"{one.missing_items + one.missing_files:,}"
        table.add_row(title_of(provider), f"{one.items:,}", f"{one.files:,}", size_of(one.bytes), rows)
    output.page.print(table)
    output.page.print(f"\n{count_of(found.found.objects, 'object')} in {found.bucket}.")
    for line in _beside(found):
        output.page.print(line, soft_wrap=True)
    output.page.print(f"Next step: {_next(found)}", soft_wrap=True)


def _next(found: Rebuild) -> str:
    if not found.missing:
        return "none: no row is missing."
    return (
        "`cloudsync run --follow`. It asks the provider once for each item that the ledger does not know to be "
        "unchanged, and moves no byte of what is. Then `cloudsync verify` compares everything."
    )


def _beside(found: Rebuild) -> Iterator[str]:
    """What no row was written of."""
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (imported only to draw)

    if found.found.earlier:
        yield f"{count_of(found.found.earlier, 'file is', 'files are')} of an earlier version, which needs no row."
    for provider, count in found.others.items():
        yield f"{count_of(count, 'file is', 'files are')} of {title_of(provider)}, which this stack does not back up."
    yield from named(found.left, "file is left to the next run", "files are left to the next run")
    yield from named(found.found.lost_named, "file cannot be had", "files cannot be had")
    yield from named(found.found.deleted, "object is deleted", "objects are deleted")
    yield from named(found.found.foreign, "object is none of Cloud Sync's", "objects are none of Cloud Sync's")


def named(those: Named, one: str, several: str) -> Iterator[str]:
    """How many there are, and the first ones."""
    from cloud_sync_common.runtime.wording import count_of  # noqa: PLC0415 (imported only to draw)

    if not those.count:
        return
    yield f"{count_of(those.count, one, several)}:"
    yield from (f"  {one.key}: {one.why}" for one in those.first)
    if those.count > len(those.first):
        yield f"  and {those.count - len(those.first):,} more"


def _fields(found: Rebuild, counted: Mapping[str, Safe]) -> dict[str, Any]:
    return {
        "bucket": found.bucket,
        "environment": found.environment,
        "run_id": found.run_id if found.missing else "",
        "objects": found.found.objects,
        "earlier_versions": found.found.earlier,
        "providers": found.counts,
        "rows_written": len(found.missing),
        "other_providers": found.others,
        "left": found.left,
        "lost": found.found.lost_named,
        "deleted": found.found.deleted,
        "foreign": found.found.foreign,
        "safe": counted,
    }
