"""What is known at a provider and not archived: what waits, what has failed, and why."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.ledger_rows import Status

from console.operations.causes import cause_of
from console.operations.ledger import Reading, Row, not_archived
from console.stack import Stack

MOST = 1_000  # items that are read for a screen: those that changed last
EXAMPLES = 3
_LINE = 300  # characters of a reason


class NotArchived(msgspec.Struct, frozen=True, kw_only=True):
    """One item that is not archived. `status` is the ledger's, `category` and `reason` say why where it has failed."""

    provider: str
    media_id: str
    filename: str
    captured_at: str
    status: str
    category: str = ""
    reason: str = ""
    attempts: int = 0
    run_id: str = ""
    updated_at: str = ""

    @property
    def has_failed(self) -> bool:
        return self.status == Status.FAILED


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Items with one cause: what it means, and the step that fixes it. `waits`: the next run tries them by itself."""

    provider: str
    status: str
    category: str
    items: int
    meaning: str
    fix: str
    waits: bool
    examples: list[NotArchived]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider has not archived: `failed`, and `waiting` for a later run. `is_all`: nothing was left unread; the
    numbers are the least that there are otherwise."""

    provider: str
    failed: int
    waiting: int
    is_all: bool
    groups: list[Group]


def waiting(stack: Stack, provider: str, reading: Reading, most: int | None = MOST) -> Waiting:
    """At most so many items (None: all). Raises botocore's errors."""
    rows, is_all = not_archived(stack, provider, reading, most)
    items = [item_of(provider, row) for row in rows]
    failed = sum(item.has_failed for item in items)
    return Waiting(
        provider=provider, failed=failed, waiting=len(items) - failed, is_all=is_all, groups=_groups(provider, items)
    )


def failed_items(stack: Stack, provider: str, reading: Reading) -> list[NotArchived]:
    """Every item whose last attempt has failed."""
    rows, _ = not_archived(stack, provider, reading, None)
    return [item for item in (item_of(provider, row) for row in rows) if item.has_failed]


def item_of(provider: str, row: Row) -> NotArchived:
    """An item by its row, whatever is in it."""
    attempts = row.get("attempts", 0)
    return NotArchived(
        provider=provider,
        media_id=str(row.get("media_id") or row["pk"].partition("#")[2]),
        filename=one_line(str(row.get("filename", ""))),
        captured_at=str(row.get("captured_at", "")),
        status=str(row.get("status", Status.UNREADABLE)),
        category=one_line(str(row.get("error_category", ""))),
        reason=one_line(str(row.get("error_message", "")), _LINE),
        attempts=attempts if isinstance(attempts, int) else 0,
        run_id=str(row.get("failed_run") or row.get("run_id", "")),
        updated_at=str(row.get("updated_at", "")),
    )


def _groups(provider: str, items: Iterable[NotArchived]) -> list[Group]:
    """By status and cause: what has failed first, and the largest group of each first."""
    found: dict[tuple[str, str], list[NotArchived]] = {}
    for item in items:
        status = item.status if item.status in (Status.FAILED, Status.UNAVAILABLE) else Status.PENDING
        found.setdefault((status, item.category if status is not Status.PENDING else ""), []).append(item)
    order = sorted(found.items(), key=lambda group: (group[0][0] != Status.FAILED, -len(group[1]), group[0]))
    return [_group(provider, status, category, group) for (status, category), group in order]


def _group(provider: str, status: str, category: str, items: list[NotArchived]) -> Group:
    cause = cause_of(category)
    is_new = status == Status.PENDING
    return Group(
        provider=provider,
        status=status,
        category=category,
        items=len(items),
        meaning="New, or not finished yet." if is_new else cause.meaning,
        fix="Nothing: the next run goes on with it." if is_new else cause.fix,
        waits=status != Status.FAILED,
        examples=items[:EXAMPLES],
    )
