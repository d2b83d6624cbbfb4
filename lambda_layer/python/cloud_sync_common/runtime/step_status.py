"""How far a step is, as the state machine's choices read it."""

from __future__ import annotations

from enum import StrEnum


class StepStatus(StrEnum):
    """COMPLETE; IN_PROGRESS: invoke it again with `next_cursor`; ALREADY_RUNNING: another run does this one's work."""

    COMPLETE = "COMPLETE"
    IN_PROGRESS = "IN_PROGRESS"
    ALREADY_RUNNING = "ALREADY_RUNNING"
