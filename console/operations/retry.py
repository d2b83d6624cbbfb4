"""Trying again what has failed: a run for it, and then, never before, its messages leave the dead-letter queue."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.filters import KINDS
from cloud_sync_common.runtime.run_input import filters_of
from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.ledger_rows import Status

from console.errors import ConsoleError, NotFoundError, UsageError
from console.operations.item import candidates
from console.operations.ledger import Reading, partition
from console.operations.pauses import Pause, by_hand
from console.operations.runs import is_under_way
from console.operations.waiting import NotArchived, failed_items, item_of
from console.stack import Stack

MOST_MESSAGES = 5_000  # that are looked at; each is received once
_AT_A_TIME = 10  # messages of one request (SQS API reference)
_HIDDEN_SECONDS = 300  # while they are looked at; those that stay are shown again at the end


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tried again of one provider. `is_all`: everything that has failed, by a run that names nothing."""

    provider: str
    items: list[NotArchived]
    is_all: bool

    @property
    def run_input(self) -> dict[str, Any]:
        """A failed item was wanted as it is: of whichever kind."""
        if self.is_all:
            return {"provider": self.provider, "filters": {"retry_failed": True}}
        ids = [item.media_id for item in self.items]
        return {
            "provider": self.provider,
            "filters": {"media_ids": ids, "retry_failed": True, "kinds": list(KINDS)},
        }


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was started, and what became of the dead-letter queue: messages of its items that were deleted, and
    others that were left. The run works although its provider is `paused`."""

    provider: str
    run_id: str
    items: int
    paused: Pause | None = None
    messages_deleted: int = 0
    messages_left: int = 0


def all_failed(stack: Stack, providers: Collection[str], reading: Reading) -> list[Retry]:
    """What has failed at each of these providers that has any. Raises botocore's errors."""
    found = ((provider, failed_items(stack, provider, reading)) for provider in providers)
    return [Retry(provider=provider, items=items, is_all=True) for provider, items in found if items]


def these(stack: Stack, names: Collection[str], reading: Reading) -> list[Retry]:
    """The items that are named, by provider. Raises NotFoundError for one that the ledger does not have, UsageError for
    one that is archived, and for more than one run can name."""
    items = {(item.provider, item.media_id): item for item in (_item(stack, name, reading) for name in names)}
    found = [
        Retry(provider=provider, items=[one for one in items.values() if one.provider == provider], is_all=False)
        for provider in sorted({provider for provider, _ in items})
    ]
    for retry in found:
        try:
            filters_of(retry.run_input)
        except ConfigurationError:
            raise UsageError(
                f"{len(retry.items)} items are more than one run can name. Name fewer, or take --all."
            ) from None
    return found


def _item(stack: Stack, name: str, reading: Reading) -> NotArchived:
    for provider, media_id in candidates(name, list(stack.secrets)):
        for row in partition(stack, f"{provider}#{kept_id(media_id)}", reading):
            if row["sk"] == "ITEM":
                item = item_of(provider, row)
                if item.status == Status.ARCHIVED:
                    raise UsageError(f"{name!r} is archived: there is nothing to try again. `cloudsync show` has it.")
                return item
    raise NotFoundError(f"The ledger has no item {name!r}. `cloudsync failures` names those that have failed.")


def start(stack: Stack, retry: Retry, reading: Reading) -> Retried:
    """Starts the run. Raises ConsoleError when one of this provider is under way: a second one would end at once.
    Raises botocore's errors."""
    if is_under_way(stack, retry.provider, reading):
        raise ConsoleError(
            f"A run of {retry.provider} is under way; a second one would end at once. Repeat the command when it has "
            "ended: `cloudsync run --follow` shows it."
        )
    given, pause = by_hand(stack, retry.provider)
    run_input = given | retry.run_input
    name = f"retry-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.output("StateMachineArn"), name=name, input=json.dumps(run_input)
    )
    return Retried(provider=retry.provider, run_id=name, items=len(retry.items), paused=pause)


def clear_messages(stack: Stack, retries: list[Retry], started: list[Retried]) -> list[Retried]:
    """Deletes the messages of the items that the started runs try again. Every other message stays, and is visible
    again at once; so is one that such a run has itself written meanwhile. Raises botocore's errors."""
    runs = {one.run_id for one in started}
    wanted = {(retry.provider, item.media_id): retry.provider for retry in retries for item in retry.items}
    deleted, left, hidden = dict.fromkeys((one.provider for one in started), 0), 0, list[str]()
    sqs, url = stack.client("sqs"), stack.output("DeadLetterQueueUrl")
    try:
        for message in _messages(sqs, url):
            about, run_id = _about(message["Body"])
            if about in wanted and run_id not in runs:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                deleted[wanted[about]] += 1
            else:
                hidden.append(message["ReceiptHandle"])
                left += 1
    finally:
        for handle in hidden:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    return [msgspec.structs.replace(one, messages_deleted=deleted[one.provider], messages_left=left) for one in started]


def _messages(sqs: Any, url: str) -> Iterator[Any]:
    """Each message once: what was received stays hidden until the end. Two empty answers in a row are the end, because
    one may be empty although there are messages (SQS developer guide, "Short and long polling")."""
    empty = received = 0
    while empty < 2 and received < MOST_MESSAGES:
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=_AT_A_TIME, VisibilityTimeout=_HIDDEN_SECONDS, WaitTimeSeconds=1
        )
        found = answer.get("Messages", [])
        empty, received = (0 if found else empty + 1), received + len(found)
        yield from found


def _about(body: str) -> tuple[tuple[str, str], str]:
    """The provider and the id that a message is about, and the run that wrote it; empty texts for anything else."""
    try:
        message = json.loads(body)
        provider, media_id = message["again"]["provider"], message["media"]["media_id"]
        return (str(provider), str(media_id)), str(message.get("run_id", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ("", ""), ""
