"""What is watched of a run: one watch for each provider."""

from __future__ import annotations

from collections.abc import Collection

from console.operations.progress import PARTS_SECONDS, RunWatch
from console.operations.run import Execution, child_of
from console.stack import Stack


def watches_of(
    stack: Stack, run: Execution, providers: Collection[str], *, parts_seconds: float = PARTS_SECONDS
) -> list[RunWatch]:
    """One for each provider whose run it is, or that a run of all of them starts."""
    if run.provider in providers:
        return [RunWatch(stack, run.provider, run.run_id, mode=run.mode, parts_seconds=parts_seconds)]
    return [RunWatch(stack, name, child_of(run.run_id, name), parts_seconds=parts_seconds) for name in providers]
