"""`cloudsync restore`: footage back from the archive. Each verb is a module of its own, imported when it is called."""

from __future__ import annotations

import click

from console.errors import ConsoleError
from console.verb_group import VerbGroup

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


class RestoreVerbs(VerbGroup):
    """`restore plan` is console/commands/restore_plan.py, and so on."""

    verbs = VERBS
    prefix = "restore_"

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


@click.command("restore", cls=RestoreVerbs)
def command() -> None:
    """Get footage back: see the price first, have it thawed, fetch it with every byte verified."""
