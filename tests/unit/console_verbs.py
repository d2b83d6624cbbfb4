"""Every verb of `cloudsync` with the least words that it takes, for tests of what all of them do alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import click

from console import main

NEEDS_NO_STACK = ("completion",)
LOOKS_ITSELF = ("doctor",)  # what it cannot reach is what it finds
# What a verb needs besides, so that it asks AWS for more than the stack.
MORE: dict[tuple[str, ...], list[str]] = {
    ("retry",): ["--all", "--yes"],
    ("restore", "plan"): ["--everything"],
    ("restore", "start"): ["--everything"],
    ("restore", "status"): ["--latest"],
    ("restore", "fetch"): ["restore-1", "DIR"],
}


def verbs() -> Iterator[tuple[str, ...]]:
    """Each verb, and each verb of a group, with its required arguments. New ones are among them by themselves."""
    context = click.Context(main.cloudsync)
    for name in main.VERBS:
        command = main.cloudsync.get_command(context, name)
        assert command is not None
        yield from _leaves(command, (name,))


def of_stack() -> list[tuple[str, ...]]:
    """Those that end where there is no stack."""
    return [words for words in verbs() if words[0] not in NEEDS_NO_STACK + LOOKS_ITSELF]


def _leaves(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            one = command.get_command(click.Context(command), name)
            assert one is not None
            yield from _leaves(one, (*words, name))
        return
    piped = ("--from-stdin",) if any(option.name == "from_stdin" for option in command.params) else ()
    required = (one for one in command.params if isinstance(one, click.Argument) and one.required)
    yield (*words, *(_value(argument) for argument in required), *piped)


def _value(argument: click.Argument) -> str:
    if isinstance(argument.type, click.Choice):
        return str(argument.type.choices[0])
    return (argument.metavar or "x").partition("|")[0].strip("[].") if "|" in (argument.metavar or "") else "x=1"


class Refusing:
    """A client of any service, and a table, whose every operation raises this error."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __getattr__(self, operation: str) -> Any:
        def call(*_: object, **__: object) -> Mapping[str, Any]:
            raise self._error

        return call

    def get_paginator(self, operation: str) -> Any:
        return self

    @property
    def meta(self) -> Any:
        """As the table's own client is found."""
        return SimpleNamespace(client=self)

    @property
    def name(self) -> str:
        return "a-table"

    def query(self, **_: object) -> Any:
        raise self._error
