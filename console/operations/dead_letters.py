"""The dead-letter queue: of its messages, only those leave it that a later run takes care of or has taken care of.

While they are looked at, messages are hidden; those that stay are shown again at the end, or by SQS itself after
HIDDEN_SECONDS, whatever becomes of this program.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.ledger_rows import Status

from console.operations.ledger import Reading, by_keys
from console.stack import Stack

MOST_MESSAGES = 50_000  # that are looked at; of more, the rest stays for the next time
HIDDEN_SECONDS = 900  # ten at a time, so many messages take five minutes
WAIT_SECONDS = 1  # for a message, so that all servers of the queue are asked
_AT_A_TIME = 10  # messages of one request (SQS API reference)
_EMPTY = 2  # answers in a row that are the end: one may be, although there are messages ("Short and long polling")

type About = tuple[str, str]  # the provider and the id of an item


@dataclass
class Cleared:
    """What has become of the messages, as far as it came: how many were deleted because a run tries the item again, by
    provider, or because the item was archived after they were written, and how many are left."""

    deleted: dict[str, int] = field(default_factory=dict)
    archived: int = 0
    left: int = 0


@dataclass(frozen=True)
class Message:
    """One message: which item it is about (empty texts: none of ours wrote it), which run wrote it, and when (Unix
    time)."""

    handle: str
    about: About
    run_id: str
    sent_at: float


@dataclass(frozen=True)
class Clearing:
    """Which messages go: those about the items in `tried`, unless one of `runs`, which try them, has written it; and,
    of the providers in `settled`, those about an item that was archived afterwards."""

    stack: Stack
    tried: Collection[About]
    runs: Collection[str]
    settled: Collection[str]
    reading: Reading

    def clear(self, cleared: Cleared) -> None:
        """Raises botocore's errors; `cleared` says how far it came."""
        sqs, url = self.stack.client("sqs"), self.stack.output("DeadLetterQueueUrl")
        hidden: list[str] = []
        try:
            for messages in _received(sqs, url):
                hidden += [message.handle for message in messages]
                gone = self._deleted(sqs, url, messages, cleared)
                hidden = [handle for handle in hidden if handle not in gone]
        finally:
            cleared.left = len(hidden)
            _show(sqs, url, hidden)

    def _deleted(self, sqs: Any, url: str, messages: list[Message], cleared: Cleared) -> set[str]:
        """The handles of those that have left the queue."""
        tried = [one for one in messages if one.about in self.tried and one.run_id not in self.runs]
        others = [one for one in messages if one.about[0] in self.settled and one not in tried]
        since = self._archived({one.about for one in others})
        settled = [one for one in others if since.get(one.about, 0.0) > one.sent_at]
        gone = _delete(sqs, url, [one.handle for one in (*tried, *settled)])
        for one in tried:
            cleared.deleted[one.about[0]] = cleared.deleted.get(one.about[0], 0) + (one.handle in gone)
        cleared.archived += sum(one.handle in gone for one in settled)
        return gone

    def _archived(self, items: Iterable[About]) -> Mapping[About, float]:
        """When those of the items that are archived were, in Unix time."""
        keys = {(f"{provider}#{kept_id(media_id)}", "ITEM"): (provider, media_id) for provider, media_id in items}
        rows = by_keys(self.stack, keys, ("status", "archived_at"), self.reading)
        archived = {keys[key]: row for key, row in rows.items() if row.get("status") == Status.ARCHIVED}
        return {about: _second_of(str(row.get("archived_at", ""))) for about, row in archived.items()}


def _received(sqs: Any, url: str) -> Iterator[list[Message]]:
    """The messages, some at a time: what was received stays hidden. One that SQS delivers twice is looked at twice."""
    empty = received = 0
    while empty < _EMPTY and received < MOST_MESSAGES:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=_AT_A_TIME,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
            AttributeNames=["SentTimestamp"],
        )
        found = [_message(one) for one in answer.get("Messages", [])]
        empty, received = (0 if found else empty + 1), received + len(found)
        yield found


def _message(received: Any) -> Message:
    about, run_id = _about(received["Body"])
    sent = received.get("Attributes", {}).get("SentTimestamp", "")
    at = int(sent) / 1000 if sent.isdecimal() else float("inf")
    return Message(handle=received["ReceiptHandle"], about=about, run_id=run_id, sent_at=at)


def _about(body: str) -> tuple[About, str]:
    """What a message of failure-recorder's is about, and the run that wrote it; empty texts for any other."""
    try:
        message = json.loads(body)
        provider, media_id = message["again"]["provider"], message["media"]["media_id"]
        return (str(provider), str(media_id)), str(message.get("run_id", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ("", ""), ""


def _delete(sqs: Any, url: str, handles: list[str]) -> set[str]:
    """Those of them that SQS has deleted: it answers for each one by itself."""
    if not handles:
        return set()
    entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return {handles[int(one["Id"])] for one in answer.get("Successful", [])}


def _show(sqs: Any, url: str, handles: list[str]) -> None:
    """Makes them visible again. One that SQS refuses is visible already."""
    for some in batched(handles, _AT_A_TIME):
        entries = [{"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": 0} for n, handle in enumerate(some)]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def _second_of(moment: str) -> float:
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
