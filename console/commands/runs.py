"""`cloudsync runs`: the nights, the last one first."""

from __future__ import annotations

import click

from console.commands.options import of_stack
from console.commands.words import table_of
from console.operations.runs import Run
from console.output import Output
from console.stack import Stack
from console.wording import moment, title_of

_COLUMNS = ("started", "provider", "status", "archived", "moved", "failed", "USD")
_WITH_ROOM = ("waiting", "left out")
_WIDE = 92  # characters


@click.command()
@click.option(
    "--most",
    "-n",
    default=20,
    show_default=True,
    metavar="N",
    type=click.IntRange(1, 1_000),
    help="Show at most so many, up to 1,000.",
)
@click.option(
    "--provider", default="", metavar="PROVIDER", help="Only this provider; otherwise all that the stack backs up."
)
@of_stack
def command(stack: Stack, output: Output, most: int, provider: str) -> None:
    """List the nights, the last one first: when each was, how it ended, what it archived and cost.

    Step Functions remembers runs for 90 days. Everything older is in the ledger, by item: `cloudsync show`.
    """
    from console.operations import runs as operations  # noqa: PLC0415 (imports boto3)

    found = operations.runs(stack, most, provider=stack.provider(provider) if provider else "")
    if output.as_json:
        output.data("runs", {"runs": found})
    elif found:
        _draw(output, found)
    else:
        output.page.print("There was no run yet. Start one with `cloudsync run`.")


def _draw(output: Output, found: list[Run]) -> None:
    """What waits and what was left out have columns where there is room; in words, it is that of the last run."""
    from cloud_sync_common.runtime.wording import left_out_of  # noqa: PLC0415 (imported only to draw)

    columns = [*_COLUMNS, *(_WITH_ROOM if output.page.width >= _WIDE else ())]
    table = table_of(columns, numbers=columns[3:])
    for run in found:
        table.add_row(*_cells(run)[: len(columns)])
    output.page.print(table)
    for paragraph in left_out_of(found[0].left_out):
        output.page.print("\n" + paragraph.replace("Left out:", "Left out by the last run:", 1))


def _cells(run: Run) -> list[str]:
    from cloud_sync_common.runtime.wording import size_of  # noqa: PLC0415 (imported only to draw)

    moved = "" if run.bytes_archived is None else size_of(run.bytes_archived)
    usd = "" if run.estimated_usd is None else f"{run.estimated_usd:.4f}"
    numbers = ["" if number is None else f"{number:,}" for number in (run.archived, run.failed, run.backlog)]
    left_out = f"{sum(run.left_out.values()):,}" if run.left_out else ""
    title = title_of(run.provider)
    provider = title if run.mode == "sync" else f"{title} ({run.mode})"
    status = "paused" if run.paused else f"{run.status} {run.error}".strip()
    return [moment(run.started_at)[5:], provider, status, numbers[0], moved, numbers[1], usd, numbers[2], left_out]
