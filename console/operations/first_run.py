"""The run that is offered once an account is connected."""

from __future__ import annotations

import json

from console.operations.pauses import Pause, by_hand
from console.stack import Stack


def start(stack: Stack, provider: str) -> tuple[str, Pause | None]:
    """Starts a run of this provider, also where it is paused; returns its id, and the pause. One that is under way goes
    on, and this one then ends by itself (docs/decisions/007-one-run-per-provider.md). Raises ConsoleError, and
    botocore's errors."""
    given, pause = by_hand(stack, provider)
    answer = stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.output("StateMachineArn"), input=json.dumps(given)
    )
    return str(answer["executionArn"]).rpartition(":")[2], pause
