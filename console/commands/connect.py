"""`cloudsync connect`: gets credentials the way that a provider wants, tries them, stores them, and offers a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import click

from console.commands.hidden_input import is_terminal
from console.commands.options import of_stack
from console.errors import UsageError
from console.output import Output
from console.stack import Stack

PROVIDERS = ("gopro", "google-drive", "dropbox")
WAYS = ("password", "refresh-token", "session")
# The options that only one provider has.
_OWN_OPTIONS = {
    "way": ("gopro", "--way"),
    "no_browser": ("google-drive", "--no-browser"),
    "port": ("google-drive", "--port"),
    "team_space": ("dropbox", "--team-space"),
}


def _provider(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    name = value.lower().replace("_", "-")
    if name not in PROVIDERS:
        raise UsageError(f"The provider must be one of {', '.join(PROVIDERS)}.")  # not quoted: it may be a token
    return name


def _checked(called: Callable[..., int | None]) -> Callable[..., int | None]:
    """The command, once its words fit each other and there is somebody to ask: before AWS is."""

    @wraps(called)
    def first(**options: Any) -> int | None:
        if click.get_current_context().args:
            raise UsageError(
                "Nothing but the provider is an argument. If you have typed something secret, it is in your shell's "
                "history now: replace it at the provider."
            )
        check_options(options)
        if not options["from_stdin"] and not is_terminal():
            raise UsageError(
                "There is no terminal to ask for what is secret. Run this in one, or pipe the secret's JSON object "
                "into `cloudsync connect --from-stdin`."
            )
        if options["from_stdin"] and sys.stdin.isatty():
            raise UsageError("--from-stdin reads from a pipe, so that nothing is shown; without it you are asked.")
        return called(**options)

    return first


def check_options(options: Mapping[str, Any]) -> None:
    """Raises UsageError for an option of another provider, and for one that answers a question where none is asked."""
    for only, option in [found for name, found in _OWN_OPTIONS.items() if options[name] is not None]:
        if only != options["provider"]:
            raise UsageError(f"{option} is for {only}, and means nothing for {options['provider']}.")
        if options["from_stdin"]:
            raise UsageError(f"{option} means nothing with --from-stdin: the object that is piped in says all.")


@click.command(context_settings={"allow_extra_args": True})
@click.argument("provider", callback=_provider, metavar="gopro|google-drive|dropbox")
@click.option("--way", type=click.Choice(WAYS), default=None, help="How to connect GoPro; you are asked otherwise.")
@click.option("--no-browser", is_flag=True, default=None, help="Google: print the address, and open no browser.")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Google: the port for the browser's answer.")
@click.option(
    "--team-space/--own-folder", default=None, help="Dropbox, in a team: all that you see there, or your own folder."
)
@click.option("--from-stdin", is_flag=True, help="Read the secret's JSON object from a pipe, and ask nothing.")
@click.option("--another-account", is_flag=True, help="Replace the credentials of another account without asking.")
@click.option("--yes", "-y", is_flag=True, help="Start a run afterwards without asking.")
@_checked
@of_stack
def command(stack: Stack, output: Output, provider: str, **options: Any) -> None:
    """Connect an account: get credentials, try them, store them in its secret, and start a run if you like.

    Whatever is secret is asked for without being shown. No option takes it, so that it is in no file and in no shell
    history. Everything is tried before it is stored: one page is listed, and the account is shown.
    """
    from console.commands.connecting import Connecting  # noqa: PLC0415 (imports boto3 and the providers)
    from console.operations.pasted_credentials import MOST_CHARACTERS  # noqa: PLC0415
    from console.operations.provider_services import Services  # noqa: PLC0415

    services = Services.of(os.environ)
    connecting = Connecting(stack, output, services, provider.replace("-", "_"), options)
    connected = connecting.connected(sys.stdin.read(MOST_CHARACTERS + 1) if options["from_stdin"] else None)
    if output.as_json:
        output.data("connected", connected)
