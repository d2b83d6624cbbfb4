"""The alarms of the stack that are raised."""

from __future__ import annotations

import msgspec

from console.stack import Stack

PREFIX = "gopro-sync-"
_MOST = 500


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm that is raised: its name without what all have in common, since when (ISO 8601), and the text of its
    mail, which says what it means and the next step."""

    name: str
    since: str
    text: str


def raised(stack: Stack) -> list[Alarm]:
    """Those in the state ALARM, the last one first. The account may have other stacks whose alarms begin alike: only
    where there is any are the stack's own looked up. Raises botocore's errors."""
    pages = stack.client("cloudwatch").get_paginator("describe_alarms")
    asked = pages.paginate(AlarmNamePrefix=PREFIX, StateValue="ALARM", PaginationConfig={"MaxItems": _MOST})
    found = [alarm for page in asked for alarm in page.get("MetricAlarms", [])]
    own = stack.resources("AWS::CloudWatch::Alarm") if found else ()
    alarms = [
        Alarm(
            name=alarm["AlarmName"].removeprefix(PREFIX),
            since=alarm["StateUpdatedTimestamp"].astimezone().isoformat(timespec="seconds"),
            text=alarm.get("AlarmDescription", ""),
        )
        for alarm in found
        if alarm["AlarmName"] in own
    ]
    return sorted(alarms, key=lambda alarm: alarm.since, reverse=True)
