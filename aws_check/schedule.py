"""The schedule: it is on, it fires when the template says, and what it starts exists."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aws_check.outcome import Check, NotPartOfThisEnvironment, require
from aws_check.stack import Resource, Stack
from cloud_sync.schedule import DAY, parse_cron

YEARS_AHEAD = 5


def checks(_stack: Stack) -> list[Check]:
    """The schedule, and its next time."""
    return [
        Check(
            "the schedule",
            "EventBridge Scheduler is on, its state machine and dead-letter queue exist, and no start has failed",
            "deploy again. A message in its dead-letter queue says why a run was not started",
            schedule_is_on,
        ),
        Check(
            "the schedule's next time",
            "the expression and the time zone in force are those of the template",
            "deploy again; schedule and schedule_time_zone are values of the environment",
            next_time,
            only_aws="the emulator drops the time zone of a schedule",
        ),
    ]


def schedule_is_on(stack: Stack) -> str:
    """Raises CheckFailed unless each schedule can start a run; NotPartOfThisEnvironment when it shall not."""
    return _together(_is_on(stack, resource) for resource in stack.starts_of_runs)


def _is_on(stack: Stack, resource: Resource) -> str:
    found = _found(stack, resource)
    if resource.properties.get("State") == "DISABLED":
        raise NotPartOfThisEnvironment("schedule_enabled is false")
    require(found["State"] == "ENABLED", f"the schedule is {found['State']}")
    target, expected = found["Target"], _machine_of(stack, resource)
    require(target["Arn"] == expected, f"it starts {target['Arn']}, not {expected}")
    stack.client("stepfunctions").describe_state_machine(stateMachineArn=target["Arn"])
    queue = target["DeadLetterConfig"]["Arn"].rpartition(":")[2]
    url = stack.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    answer = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    waiting = int(answer["Attributes"]["ApproximateNumberOfMessages"])
    require(waiting == 0, f"{waiting} starts of a run have failed, see the queue {queue}")
    return f"on; {queue} is empty"


def _machine_of(stack: Stack, resource: Resource) -> str:
    """That of runs; a restore drill has one of its own, of the schedule's name."""
    is_drill = resource.logical_id.startswith("RestoreDrill")
    return stack.arn("states", f"stateMachine:{resource.physical_id}") if is_drill else stack.outputs["StateMachineArn"]


def next_time(stack: Stack) -> str:
    """The next time at which each schedule fires. Raises CheckFailed when it is not the template's."""
    return _together(_next_time(stack, resource) for resource in stack.starts_of_runs)


def _next_time(stack: Stack, resource: Resource) -> str:
    found = _found(stack, resource)
    for name in ("ScheduleExpression", "ScheduleExpressionTimezone"):
        seen, expected = found.get(name), resource.properties.get(name)
        require(seen == expected, f"{name} is {seen}, not {expected}")
    expression, zone = found["ScheduleExpression"], ZoneInfo(found["ScheduleExpressionTimezone"])
    return f"{expression} in {zone}: {next_firing(expression, zone, datetime.now(UTC))}"


def _found(stack: Stack, resource: Resource) -> dict[str, Any]:
    found: dict[str, Any] = stack.client("scheduler").get_schedule(Name=resource.physical_id)
    return found


def _together(details: Iterable[str]) -> str:
    """What is said of each schedule, once where it is the same of all."""
    return "; ".join(dict.fromkeys(details))


def next_firing(expression: str, zone: ZoneInfo, now: datetime) -> str:
    """When the schedule fires next after `now`, in its zone; a rate() is counted from the schedule's creation."""
    if expression.startswith("rate("):
        return "counted from its creation"
    cron, today = parse_cron(expression), now.astimezone(zone).date()
    for day in (today + n * DAY for n in range(YEARS_AHEAD * 366)):
        for at in cron.times if cron.fires_on(day) else []:
            moment = datetime.combine(day, at, zone)
            if moment > now:
                return f"next at {moment:%Y-%m-%d %H:%M %Z}, {moment.astimezone(UTC):%H:%M} UTC"
    return f"not within {YEARS_AHEAD} years"
