"""`cloudsync restore`: footage back from the archive. Each verb is a module of its own, imported when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click

from console.errors import ConsoleError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# What each verb does, so that `--help` need not import them.
VERBS: dict[str, str] = {
    "plan": "What it would cost to have footage back, and how long it takes; nothing is started.",
    "start": "Have footage thawed, for the price that is shown before.",
    "status": "How far a job is, and until when its files can be fetched.",
    "fetch": "Fetch what is thawed into a directory, every byte verified; what broke off goes on.",
    "list": "List the jobs, the newest first.",
    "cancel": "End a job; what cannot be undone is said.",
    "drill": "Prove that footage comes back, on originals chosen at random.",
}


class RestoreVerbs(click.Group):
    """`restore plan` is console/commands/restore_plan.py, and so on."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (Click's own name)
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (Click's own name)
        if cmd_name not in VERBS:
            return None
        found: click.Command = import_module(f"console.commands.restore_{cmd_name}").command
        return found

    def invoke(self, ctx: click.Context) -> object:
        """Raises ConsoleError for what AWS refuses, which names the policy of those who restore."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException, ConsoleError):
            raise
        except Exception as error:
            from console.aws_refusals import explained  # noqa: PLC0415 (imported only when something has failed)

            if known := explained(error, restores=True):
                raise known from None
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs by their names alone: each Tab would import all of them otherwise."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 (needed only then)

        verbs = [CompletionItem(name, help=text) for name, text in VERBS.items() if name.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (Click's own)
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command("restore", cls=RestoreVerbs)
def command() -> None:
    """Get footage back: see the price first, have it thawed, fetch it with every byte verified."""
