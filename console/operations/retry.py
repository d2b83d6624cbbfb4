"""Trying again what has failed: a run for it, and when that has begun, never before, its messages leave the dead-letter
queue."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import msgspec
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.filters import KINDS
from cloud_sync_common.runtime.run_input import filters_of
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.ledger_rows import Status

from console.errors import ConsoleError, NotFoundError, UsageError
from console.operations.dead_letters import Clearing
from console.operations.item import candidates
from console.operations.ledger import Reading, by_keys, partition
from console.operations.pauses import Pause, by_hand
from console.operations.runs import is_under_way
from console.operations.waiting import NotArchived, failed_items, item_of
from console.stack import Stack
from console.wording import title_of

BEGIN_SECONDS = 60.0  # within which a run begins its work, or nothing is deleted
_BETWEEN_SECONDS = 1.0


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
    """A run that was started, whether it does its work, and what became of the dead-letter queue: messages of its items
    that were deleted, and others that were left. It works although its provider is `paused`."""

    provider: str
    run_id: str
    items: int
    has_begun: bool = False
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
    shown, is_archived = one_line(name, 100), False
    for provider, media_id in candidates(name, list(stack.secrets)):
        for row in partition(stack, f"{provider}#{kept_id(media_id)}", reading):
            if row["sk"] == "ITEM":
                item = item_of(provider, row)
                if item.status != Status.ARCHIVED:
                    return item
                is_archived = True
    if is_archived:
        raise UsageError(f"{shown!r} is archived: there is nothing to try again. `cloudsync show` has it.")
    raise NotFoundError(f"The ledger has no item {shown!r}. `cloudsync failures` names those that have failed.")


def start(stack: Stack, retry: Retry, reading: Reading) -> Retried:
    """Starts the run. Raises ConsoleError when one of this provider is under way: a second one would end at once.
    Raises botocore's errors."""
    if is_under_way(stack, retry.provider, reading):
        raise ConsoleError(
            f"A run of {title_of(retry.provider)} is under way; a second one would end at once. Repeat the command "
            "when it has ended: `cloudsync run --follow` shows it."
        )
    given, pause = by_hand(stack, retry.provider)
    run_input = given | retry.run_input
    name = f"retry-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.output("StateMachineArn"), name=name, input=json.dumps(run_input)
    )
    return Retried(provider=retry.provider, run_id=name, items=len(retry.items), paused=pause)


def has_begun(stack: Stack, started: Retried, reading: Reading) -> bool:
    """Whether the run does its work: if another one began at the same moment, this one has ended at once, and tries
    nothing. Waits for at most BEGIN_SECONDS. Raises botocore's errors."""
    key, end = (f"RUN#{started.run_id}", "RUN"), time.monotonic() + BEGIN_SECONDS
    while not by_keys(stack, [key], ("started_at",), reading):
        if time.monotonic() > end:
            return False
        time.sleep(_BETWEEN_SECONDS)
    return True


def clearing(
    stack: Stack, retries: Collection[Retry], begun: Collection[Retried], settled: Collection[str], reading: Reading
) -> Clearing:
    """Deletes the messages about what these runs try again, and, of the providers in `settled`, about what has been
    archived since. Every other message stays; so does one that such a run has itself written meanwhile."""
    providers = {one.provider for one in begun}
    items = (item for retry in retries if retry.provider in providers for item in retry.items)
    tried = {(item.provider, item.media_id) for item in items}
    return Clearing(stack, tried, {one.run_id for one in begun}, settled, reading)
