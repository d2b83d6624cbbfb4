"""`cloudsync completion`: what a shell needs to complete this command."""

from __future__ import annotations

import click

PROGRAM, VARIABLE = "cloudsync", "_CLOUDSYNC_COMPLETE"  # the variable is what Click derives from the program's name


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion for a shell.

    \b
    bash: eval "$(cloudsync completion bash)"           in ~/.bashrc
    zsh:  eval "$(cloudsync completion zsh)"            in ~/.zshrc, after compinit
    fish: cloudsync completion fish > ~/.config/fish/completions/cloudsync.fish
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete  # noqa: PLC0415 (only here)

    kind = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    click.echo(kind(click.get_current_context().find_root().command, {}, PROGRAM, VARIABLE).source())
