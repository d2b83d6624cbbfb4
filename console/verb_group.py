"""A command with verbs, each a module of console.commands that is imported only when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class VerbGroup(click.Group):
    """`verbs` says what each does, so that `--help` need not import them. The module of a verb is called like it, after
    `prefix`, and has it as `command`."""

    verbs: Mapping[str, str] = {}
    prefix = ""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (Click's own name)
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (Click's own name)
        if cmd_name not in self.verbs:
            return None
        name = f"{self.prefix}{cmd_name.replace('-', '_')}"
        command: click.Command = import_module(f"console.commands.{name}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs by their names alone: each Tab would import all of them otherwise."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 (needed only then)

        verbs = [CompletionItem(name, help=text) for name, text in self.verbs.items() if name.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (Click's own)
        with formatter.section("Commands"):
            formatter.write_dl(list(self.verbs.items()))
