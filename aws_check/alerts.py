"""Alerts: an alarm reaches the topic, and the topic reaches a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aws_check.inbox import open_inbox, subscriptions
from aws_check.outcome import Check, NotPartOfThisEnvironment, require
from aws_check.stack import OWN_NAME, Stack

PREFERRED = "dead-letters"  # its mail is the least alarming


def checks(_stack: Stack) -> list[Check]:
    """An alarm's way to the topic, and the topic's way to a person."""
    return [
        Check(
            "an alarm's message",
            "CloudWatch may publish to the alerts topic: an alarm that is set to ALARM and back sends its message",
            "deploy again; with a key of your own, its policy must allow cloudwatch.amazonaws.com to use it",
            alarm_reaches_the_topic,
        ),
        Check(
            "a person is told",
            "the alerts topic has a subscription that was confirmed",
            "click the link in the mail `AWS Notification - Subscription Confirmation`; if it is lost, subscribe the "
            "address again in the SNS console",
            somebody_is_subscribed,
        ),
    ]


def alarm_reaches_the_topic(stack: Stack) -> str:
    """Sets one alarm to ALARM, awaits its message and sets it back. Raises CheckFailed."""
    alarm = _alarm_to_set(stack)
    name = alarm["AlarmName"]
    with _set_back(stack, alarm), open_inbox(stack, "alarm") as inbox:
        inbox.receive(
            lambda: _raise_alarm(stack, alarm), lambda message: _says(message, AlarmName=name, NewStateValue="ALARM")
        )
    return f"the message of {name} arrived, and the alarm is {alarm['StateValue']} again"


def _alarm_to_set(stack: Stack) -> dict[str, Any]:
    """An alarm that sends its message to the topic and is not raised. Raises CheckFailed when there is none."""
    names = [alarm.physical_id for alarm in stack.of_kind("AWS::CloudWatch::Alarm")]
    answer = stack.client("cloudwatch").describe_alarms(AlarmNames=names[:100], MaxRecords=100)
    found: list[dict[str, Any]] = answer["MetricAlarms"]
    sending = [alarm for alarm in found if stack.outputs["AlertsTopicArn"] in alarm["AlarmActions"]]
    require(sending, "no alarm of the stack sends its message to the alerts topic")
    quiet = [alarm for alarm in sending if alarm["StateValue"] != "ALARM" and alarm["ActionsEnabled"]]
    require(quiet, "every alarm that sends messages is raised or switched off: look at them first")
    quiet.sort(key=lambda alarm: (PREFERRED not in alarm["AlarmName"], alarm["AlarmName"]))
    return quiet[0]


def _raise_alarm(stack: Stack, alarm: dict[str, Any]) -> None:
    _set(stack, alarm, alarm["StateValue"])  # only a change sends a message, so a second try needs this
    _set(stack, alarm, "ALARM")


@contextmanager
def _set_back(stack: Stack, alarm: dict[str, Any]) -> Iterator[None]:
    try:
        yield
    finally:
        _set(stack, alarm, alarm["StateValue"])


def _set(stack: Stack, alarm: dict[str, Any], state: str) -> None:
    reason = "a test by `make aws-check`, nothing is to be done"
    stack.client("cloudwatch").set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=state, StateReason=reason)


def _says(message: str, **fields: str) -> bool:
    try:
        content = json.loads(message)
    except ValueError:
        return False
    return isinstance(content, dict) and all(content.get(name) == value for name, value in fields.items())


def somebody_is_subscribed(stack: Stack) -> str:
    """Raises CheckFailed unless every subscription of the topic was confirmed; NotPartOfThisEnvironment when the
    environment has none."""
    found = [s for s in subscriptions(stack) if OWN_NAME not in s["Endpoint"]]
    if not found and not stack.of_kind("AWS::SNS::Subscription"):
        raise NotPartOfThisEnvironment("alert_email names nobody")
    require(found, "the subscription of the stack was deleted")
    waiting = sum(not s["SubscriptionArn"].startswith("arn:") for s in found)
    require(not waiting, f"{waiting} of {len(found)} subscriptions still wait for their confirmation")
    return f"{len(found)} confirmed"
