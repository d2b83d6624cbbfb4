"""The run that is offered once an account is connected."""

from __future__ import annotations

import json

from console.operations.settings import by_hand
from console.stack import Stack


def start(stack: Stack, provider: str) -> str:
    """Starts a run of this provider; returns its id. One that is under way goes on, and this one then ends by itself
    (docs/decisions/007-one-run-per-provider.md). Raises ConsoleError, and botocore's errors."""
    answer = stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.output("StateMachineArn"), input=json.dumps(by_hand(stack, provider))
    )
    return str(answer["executionArn"]).rpartition(":")[2]
