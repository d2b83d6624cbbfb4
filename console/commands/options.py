"""What every verb takes: the stack it is about, and how it prints."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from console.aws_account import AwsAccount
from console.errors import UsageError
from console.output import Output
from console.stack import DEFAULT_ENVIRONMENT, Stack

_OPTIONS = (
    click.option(
        "--environment",
        "-e",
        default=DEFAULT_ENVIRONMENT,
        metavar="NAME",
        show_default=True,
        envvar="CLOUD_SYNC_ENVIRONMENT",
        help="The environment that was deployed (or CLOUD_SYNC_ENVIRONMENT).",
    ),
    click.option(
        "--profile",
        default=None,
        metavar="NAME",
        help="The AWS profile; otherwise the one that the AWS CLI would take.",
    ),
    click.option(
        "--region", default=None, metavar="REGION", help="The AWS region of the stack; otherwise that of the profile."
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs."),
)


def of_stack(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """A verb that is called with the stack and the output: `command(stack, output, **its own options)`."""

    @wraps(command)
    def called(account: AwsAccount, environment: str, output: Output, **own: Any) -> int | None:
        return command(Stack.find(account, environment), output, **own)

    return of_account(called)


def of_account(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """A verb that looks for the stack itself: `command(account, environment, output, **its own options)`."""

    @wraps(command)
    def called(environment: str, profile: str | None, region: str | None, *, as_json: bool, **own: Any) -> int | None:
        _check_given(click.get_current_context())
        return command(AwsAccount(profile, region), environment, Output(as_json=as_json), **own)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called


def _check_given(context: click.Context) -> None:
    """Raises UsageError for a word that was given and is empty, as a variable of a script is that was never set: left
    out, it would mean everything."""
    for parameter in context.command.params:
        name, value = parameter.name or "", context.params.get(parameter.name or "")
        is_empty = value == "" or (isinstance(value, tuple) and "" in value)
        if is_empty and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            called = parameter.metavar or name if isinstance(parameter, click.Argument) else parameter.opts[0]
            raise UsageError(f"{called.strip('[].')} is empty: give it a value, or leave it out.")
