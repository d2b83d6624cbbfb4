"""When the next run starts, as EventBridge Scheduler has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from console.operations.cron import next_after
from console.stack import Stack


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """The schedule of a provider's runs. `next_at` is ISO 8601 in this machine's time zone; empty: it will not fire,
    because it is disabled or has ended, or what it says is not understood."""

    provider: str
    name: str
    expression: str
    time_zone: str
    is_enabled: bool
    next_at: str = ""


def schedule_of(stack: Stack, provider: str) -> Schedule:
    """Raises ConsoleError for a stack of an earlier version, and botocore's errors."""
    name = stack.schedule(provider)
    answer = stack.client("scheduler").get_schedule(Name=name)
    is_enabled = answer.get("State") == "ENABLED"
    moment = _next(answer, datetime.now(UTC)) if is_enabled else None
    return Schedule(
        provider=provider,
        name=name,
        expression=answer["ScheduleExpression"],
        time_zone=answer.get("ScheduleExpressionTimezone") or "UTC",
        is_enabled=is_enabled,
        next_at=moment.astimezone().isoformat(timespec="minutes") if moment else "",
    )


def _next(answer: Any, now: datetime) -> datetime | None:
    """Within the schedule's own start and end, where it has them."""
    start, end = answer.get("StartDate"), answer.get("EndDate")
    since = start or answer.get("CreationDate") or now
    zone = answer.get("ScheduleExpressionTimezone") or "UTC"
    moment = next_after(answer["ScheduleExpression"], zone, max(now, start) if start else now, since.astimezone(UTC))
    return None if moment is None or (end and moment > end) else moment
