"""What can go wrong for the owner: one sentence that names the cause and the next step, and an exit code."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes, which scripts rely on; docs/console.md lists them."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    ATTENTION = 3  # something waits for the owner: nothing has failed
    CREDENTIALS = 4  # AWS or a provider refuses the credentials
    NOT_FOUND = 5
    THAWING = 10  # not yet: ask again later
    INTERRUPTED = 130


class ConsoleError(Exception):
    """The message is one sentence, or two, for the owner: what is wrong, and what to do."""

    exit_code = Exit.FAILED


class UsageError(ConsoleError):
    """An option, an argument or a value does not fit."""

    exit_code = Exit.USAGE


class DeclinedError(ConsoleError):
    """The owner was asked, and said no."""


class PausedError(ConsoleError):
    """What was asked for would do nothing, because the owner has paused the provider."""

    exit_code = Exit.ATTENTION


class CredentialsRefusedError(ConsoleError):
    """There are no AWS credentials, they have expired, or they lack a permission; or a provider refuses its own."""

    exit_code = Exit.CREDENTIALS


class NotFoundError(ConsoleError):
    """There is no such stack, run or item."""

    exit_code = Exit.NOT_FOUND
