"""`cloudsync run`: starts a run, or joins the one under way, and follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.commands.filter_options import with_filters
from console.commands.options import of_stack
from console.errors import Exit, UsageError
from console.output import Output
from console.stack import Stack
from console.wording import title_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from console.operations.run import Begun, Execution

_HERE = "-"  # --follow without an id: the run that this command starts or joins


@click.command()
@click.option(
    "--provider",
    default="",
    metavar="PROVIDER",
    help="Only this provider; otherwise (or with all) all of them at once.",
)
@click.option(
    "--mode",
    type=click.Choice(["sync", "reconcile"]),
    default="sync",
    show_default=True,
    help="reconcile: compare, move nothing.",
)
@click.option(
    "--follow", is_flag=False, flag_value=_HERE, metavar="[RUN]",
    help="Show how it goes, until it has ended; with the id of a RUN, that one, and start none.",
)  # fmt: skip
@click.option("--even-if-paused", is_flag=True, help="Work although the provider is paused.")
@with_filters
@of_stack
def command(
    stack: Stack,
    output: Output,
    provider: str,
    mode: str,
    follow: str | None,
    filters: dict[str, Any],
    *,
    even_if_paused: bool,
) -> int:
    """Start a run, or join the one that is under way.

    With --follow: live progress, then the report. Ctrl-C leaves the run running. Exit code 0: all is well; 1: the run
    failed; 3: it succeeded, and something waits for you. Times are in UTC where they say nothing else.
    """
    from console.operations import run as operations  # noqa: PLC0415 (imports the providers)
    from console.operations.ledger import Reading  # noqa: PLC0415

    if follow not in (None, _HERE):
        if filters or provider or mode != "sync" or even_if_paused:
            raise UsageError("--follow with the id of a run starts none: leave the other options out.")
        return _follow(stack, output, operations.named(stack, str(follow)))
    given = operations.input_of(stack, provider, filters, mode, even_if_paused=even_if_paused)
    try:
        begun = operations.begin(stack, given, Reading())
        _say_begun(output, begun)
    except KeyboardInterrupt:
        output.aside.print("Interrupted. `cloudsync runs` shows whether the run has started.")
        return Exit.INTERRUPTED
    return _follow(stack, output, operations.execution_of(stack, begun)) if follow else Exit.FINE


def _say_begun(output: Output, begun: Begun) -> None:
    if output.as_json:
        output.data("run", begun)
        return
    if not begun.joined:
        output.page.print(f"The run {begun.run_id} of {title_of(begun.provider)} has started.")
        for pause in begun.paused:
            output.page.print(f"{pause.sentence} This run leaves it out.")
        return
    output.page.print(
        f"The run {begun.run_id} of {title_of(begun.provider)} is under way already; no other one was started."
    )
    if begun.filters:
        output.page.print(f"It was started for a part only: {_shown(begun.filters)}.")


def _shown(filters: Mapping[str, Any]) -> str:
    import json  # noqa: PLC0415 (rarely needed)

    from cloud_sync_common.safe_text import one_line  # noqa: PLC0415

    return one_line(json.dumps(filters), 300)


def _follow(stack: Stack, output: Output, run: Execution) -> int:
    """Until it has ended; where it finds another one under way, that one."""
    from console.operations.ledger import Reading  # noqa: PLC0415 (imports the providers)
    from console.operations.run import under_way  # noqa: PLC0415
    from console.operations.run_report import ALREADY_RUNNING, report_of  # noqa: PLC0415

    try:
        _show_until_it_ends(stack, output, run)
        report = report_of(stack, run)
        if report.status == ALREADY_RUNNING and (other := under_way(stack, run.provider, Reading())):
            output.aside.print(f"The run {other.run_id} was first, and does the work; this shows that one.")
            run = other
            _show_until_it_ends(stack, output, run)
            report = report_of(stack, run)
    except KeyboardInterrupt:
        _say_that_it_goes_on(output, run)
        return Exit.INTERRUPTED
    except Exception:
        _say_that_it_goes_on(output, run)
        raise
    return _report(output, report)


def _say_that_it_goes_on(output: Output, run: Execution) -> None:
    """The command is on a line of its own, however narrow the terminal is, so that it can be copied."""
    text = f"\nThe run goes on. To see it again:\n  cloudsync run --follow {run.run_id}"
    output.aside.print(text, soft_wrap=True)


def _show_until_it_ends(stack: Stack, output: Output, run: Execution) -> None:
    from console.commands.following import followed, showing  # noqa: PLC0415 (imports Rich)
    from console.operations.watches import watches_of  # noqa: PLC0415

    if run.status != "RUNNING":
        return
    watches = watches_of(stack, run, list(stack.secrets))
    if output.as_json:
        followed(stack, run, watches, _events(output))
        return
    with showing(output.aside) as show:
        followed(stack, run, watches, show)


def _events(output: Output) -> Callable[[Sequence[Any]], None]:
    """A line for the run of each provider, each time that it is looked at."""

    def show(samples: Sequence[Any]) -> None:
        for one in samples:
            output.data("progress", one)

    return show


def _report(output: Output, report: Any) -> int:
    from console.commands.run_words import exit_code, paragraphs  # noqa: PLC0415 (imports Rich)

    if output.as_json:
        output.data("report", report)
    else:
        output.page.print("\n\n".join(paragraphs(report)))
    return exit_code(report)
