"""`cloudsync restore`: footage back from the archive. Each verb is a module of its own, imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

# What each verb does, so that `--help` need not import them.
VERBS: dict[str, str] = {}


class RestoreVerbs(click.Group):
    """`restore plan` is console/commands/restore_plan.py, and so on."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (Click's own name)
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (Click's own name)
        if cmd_name not in VERBS:
            return None
        found: click.Command = import_module(f"console.commands.restore_{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (Click's own)
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command("restore", cls=RestoreVerbs)
def command() -> None:
    """Get footage back: see the price first, have it thawed, fetch it with every byte verified."""
