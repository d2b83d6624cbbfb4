"""A queue of the check's own, subscribed to the alerts topic for as long as one check runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from aws_check.outcome import CheckFailed
from aws_check.stack import Stack

TRIES = 3  # a new subscription may miss the first message (SNS: changes take effect "eventually")
LONG_POLL_SECONDS = 20


class Inbox:
    """Receives what the topic sends while it is open."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack, self._name = stack, name
        self._url = self._subscription = ""

    def open(self) -> None:
        """Creates the queue, which only this topic may write to, and subscribes it."""
        stack, topic, arn = self._stack, self._stack.outputs["AlertsTopicArn"], self._arn
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        attributes = {
            "Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
            "MessageRetentionPeriod": "600",
        }
        self._url = stack.client("sqs").create_queue(QueueName=self._name, Attributes=attributes)["QueueUrl"]
        subscribed = stack.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self._subscription = subscribed["SubscriptionArn"]

    @property
    def _arn(self) -> str:
        return self._stack.arn("sqs", self._name)

    def close(self) -> None:
        """Removes subscription and queue, however much of them there is."""
        try:
            self._unsubscribe()
        finally:
            self._delete_queue()

    def _unsubscribe(self) -> None:
        found = [s["SubscriptionArn"] for s in subscriptions(self._stack) if s["Endpoint"] == self._arn]
        for arn in {self._subscription, *found}:
            if arn.startswith("arn:"):  # not `PendingConfirmation`
                self._stack.client("sns").unsubscribe(SubscriptionArn=arn)

    def _delete_queue(self) -> None:
        sqs = self._stack.client("sqs")
        with suppress(sqs.exceptions.QueueDoesNotExist):
            url = self._url or sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
            sqs.delete_queue(QueueUrl=url)
        self._stack.removed_queues.add(self._name)

    def receive(self, send: Callable[[], object], wanted: Callable[[str], bool]) -> str:
        """Calls `send` until a message arrives that is wanted, and returns it. Raises CheckFailed when none does."""
        for _ in range(TRIES):
            send()
            deadline = time.monotonic() + self._stack.patience_seconds
            while (left := deadline - time.monotonic()) > 0:
                for text in self._take(left):
                    if wanted(text):
                        return text
        seconds = TRIES * self._stack.patience_seconds
        raise CheckFailed(f"no message arrived in {seconds:.0f} s, although it was sent {TRIES} times")

    def _take(self, seconds: float) -> list[str]:
        wait = min(LONG_POLL_SECONDS, max(1, int(seconds)))
        answer = self._stack.client("sqs").receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=wait
        )
        return [str(json.loads(message["Body"])["Message"]) for message in answer.get("Messages", [])]


@contextmanager
def open_inbox(stack: Stack, purpose: str) -> Iterator[Inbox]:
    """An inbox that is removed when the block ends, also by Ctrl-C and also when only half of it was made."""
    inbox = Inbox(stack, f"{stack.run_name}-{purpose}")
    try:
        inbox.open()
        yield inbox
    finally:
        inbox.close()


def subscriptions(stack: Stack) -> list[dict[str, Any]]:
    """Every subscription of the alerts topic."""
    pages = stack.client("sns").get_paginator("list_subscriptions_by_topic")
    found = pages.paginate(TopicArn=stack.outputs["AlertsTopicArn"])
    return [subscription for page in found for subscription in page["Subscriptions"]]


def queues(stack: Stack, prefix: str) -> list[str]:
    """The URLs of the queues whose name begins so."""
    pages = stack.client("sqs").get_paginator("list_queues").paginate(QueueNamePrefix=prefix)
    return [url for page in pages for url in page.get("QueueUrls", [])]
