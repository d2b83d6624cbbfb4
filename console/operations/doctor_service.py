"""What has to be right for each night: schedules, settings, mails, alarms and the dead-letter queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloud_sync_common.runtime.wording import count_of

from console.operations.alarms import PREFIX
from console.operations.findings import Finding, failed, noted, passed
from console.operations.pauses import pause_of
from console.operations.schedules import schedule_of
from console.operations.settings import current
from console.stack import Stack
from console.wording import moment, typed

_MOST = 500  # alarms, and subscriptions
_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def schedule(stack: Stack, provider: str, deployed: Mapping[str, Any]) -> Iterator[Finding]:
    """Raises ConsoleError, botocore's errors."""
    about, found = f"schedule {provider}", schedule_of(stack, provider)
    plan = f"{found.expression} {found.time_zone}"
    if not found.is_enabled and deployed.get("schedule_enabled") is False:
        yield noted(about, f"Switched off, as it was deployed ({plan}).")
    elif not found.is_enabled:
        fix = f"Switch it on in the EventBridge console, or deploy again: cdk deploy -c environment={stack.environment}"
        yield failed(about, f"It is switched off ({plan}), so that no run starts by itself.", fix)
    elif not found.next_at:
        fix = "Give the value `schedule` a time that comes, and deploy again."
        yield failed(about, f"It starts no run any more ({plan}).", fix)
    else:
        yield passed(about, f"The next run starts at {moment(found.next_at)} ({plan}).")


def settings(stack: Stack, provider: str) -> Iterator[Finding]:
    """Raises botocore's errors."""
    about, found = f"settings {provider}", current(stack, provider)
    if found.error:
        yield failed(
            about, f"{found.error} No run begins until then.", f"cloudsync settings undo --provider {typed(provider)}"
        )
    elif found.settings.paused:
        pause = pause_of(stack, provider)
        resume = f"`cloudsync settings resume --provider {typed(provider)}` ends that."
        yield noted(about, f"{pause.sentence if pause else ''} {resume}".strip())
    else:
        yield passed(about, "They can be read, and the provider is not paused.")


def mails(stack: Stack, deployed: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether anybody gets the mails; the addresses are not told. Raises ConsoleError, botocore's errors."""
    about, topic = "mails", stack.output("AlertsTopicArn")
    pages = stack.client("sns").get_paginator("list_subscriptions_by_topic")
    asked = pages.paginate(TopicArn=topic, PaginationConfig={"MaxItems": _MOST})
    arns = [one["SubscriptionArn"] for page in asked for one in page["Subscriptions"]]
    # Until it is confirmed, a subscription has no ARN but this word (SNS API reference, ListSubscriptionsByTopic).
    confirmed = [arn for arn in arns if arn.startswith("arn:")]
    if confirmed:
        waits = f"; still to be confirmed: {len(arns) - len(confirmed)}" if len(confirmed) < len(arns) else ""
        yield passed(about, f"{count_of(len(confirmed), 'confirmed address', 'confirmed addresses')}{waits}.")
    elif arns:
        fix = "Open the link of the mail 'AWS Notification - Subscription Confirmation'; deploy again for another one."
        yield failed(about, "The address has not been confirmed, so that no mail arrives.", fix)
    elif deployed.get("alert_email") == "none":
        yield noted(about, "Nobody gets any, as it was deployed (alert_email=none).")
    else:
        fix = f"cdk deploy -c environment={stack.environment} -c alert_email=YOU@EXAMPLE.ORG"
        yield failed(about, "Nobody gets the mails of this stack.", fix)


def alarms(stack: Stack) -> Iterator[Finding]:
    """Those of the stack: there, able to send a mail, and not raised. Raises botocore's errors."""
    own = stack.resources("AWS::CloudWatch::Alarm")
    pages = stack.client("cloudwatch").get_paginator("describe_alarms")
    asked = pages.paginate(AlarmNamePrefix=PREFIX, PaginationConfig={"MaxItems": _MOST})
    found = {one["AlarmName"]: one for page in asked for one in page.get("MetricAlarms", []) if one["AlarmName"] in own}
    again = f"Deploy it again: cdk deploy -c environment={stack.environment}"
    wrong = [failed("alarms", f"{name} is not there any more.", again) for name in sorted(own - set(found))]
    for name, alarm in sorted(found.items()):
        if not alarm.get("ActionsEnabled", True):
            wrong.append(failed("alarms", f"{name} is silenced: its actions are switched off.", again))
        if alarm.get("StateValue") == "ALARM":
            text, _, fix = alarm.get("AlarmDescription", "").partition("Next step:")
            wrong.append(failed("alarms", f"{name.removeprefix(PREFIX)} is raised: {text.strip()}", fix.strip()))
    yield from wrong
    if not wrong:
        yield passed("alarms", f"{count_of(len(found), 'alarm')}, none is raised.")


def dead_letters(stack: Stack) -> Iterator[Finding]:
    """Raises ConsoleError, botocore's errors."""
    url = stack.output("DeadLetterQueueUrl")
    answer = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS))
    count = sum(int(answer.get("Attributes", {}).get(name, 0)) for name in _COUNTS)
    if count:
        text = f"About {count_of(count, 'item')} failed too often to be tried again without you."
        yield failed("dead letters", text, "`cloudsync failures` says why, `cloudsync retry --all` tries them again.")
    else:
        yield passed("dead letters", "The queue is empty.")
