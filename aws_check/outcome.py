"""What a check is, how it ends, and what its end means on AWS and in an emulator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError

from aws_check.stack import Stack

# The codes of an endpoint that does not know an operation.
NOT_IMPLEMENTED = {"NotImplemented", "InvalidAction", "UnknownOperation", "UnknownOperationException", "501"}


class Outcome(StrEnum):
    """How a check ended. On AWS nothing ends as UNANSWERED: whatever AWS does not answer has failed."""

    PASSED = "passed"
    FAILED = "FAILED"
    UNANSWERED = "cannot be answered here"
    NOT_PART = "not part of this environment"


class CheckFailed(Exception):
    """The stack is not as it must be; the message says what was seen, and contains no secret."""


class NotPartOfThisEnvironment(Exception):
    """The environment does not have what the check is about; the message says which value decides that."""


@dataclass(frozen=True)
class Check:
    """One line of the report. `run` returns what it saw, or raises CheckFailed or NotPartOfThisEnvironment.

    `only_aws` says why an emulator answers wrongly; without it, a failure in the emulator is a failure.
    """

    name: str
    proves: str
    when_it_fails: str
    run: Callable[[Stack], str]
    only_aws: str = ""


@dataclass(frozen=True)
class Result:
    """The end of one check; `detail` is what was seen."""

    check: Check
    outcome: Outcome
    detail: str


def require(condition: object, otherwise: str) -> None:
    """Raises CheckFailed with the sentence `otherwise` unless the condition holds."""
    if not condition:
        raise CheckFailed(otherwise)


def result_of(check: Check, stack: Stack) -> Result:
    """Runs one check. An error of AWS or of the check itself is a failure of this check; the others still run."""
    try:
        return Result(check, Outcome.PASSED, check.run(stack))
    except NotPartOfThisEnvironment as value:
        return Result(check, Outcome.NOT_PART, str(value))
    except CheckFailed as failure:
        return _failed(check, stack, str(failure))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        reason = "the emulator does not know this operation" if code in NOT_IMPLEMENTED else ""
        return _failed(check, stack, f"{error.operation_name} answered {error}", reason)
    except BotoCoreError as error:
        return _failed(check, stack, f"AWS was not reached: {error}")
    except Exception as error:  # one broken check must not hide the others
        return _failed(check, stack, f"the check itself ended with {type(error).__name__}: {error}")


def _failed(check: Check, stack: Stack, detail: str, unknown_operation: str = "") -> Result:
    reason = check.only_aws or unknown_operation
    if stack.is_emulated and reason:
        return Result(check, Outcome.UNANSWERED, f"{reason} (seen: {detail})")
    return Result(check, Outcome.FAILED, detail)
