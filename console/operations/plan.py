"""A dry run: what the next run of a provider would move, by the provider's listing, the filters and the ledger.

It asks as media-lister does (steps/list_media.py), by the same listing, the same filters and the same judgement of a
row; a test holds the two against each other. Nothing is written: no manifest, and no row of what is new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from cloud_sync_common.exceptions import ConfigurationError, CredentialsExpiredError
from cloud_sync_common.filters import Filters, Selection
from cloud_sync_common.provider_access.listing import Listing, ListingProgress
from cloud_sync_common.provider_interface import MediaItem, MediaPage
from cloud_sync_common.runtime.run_input import check_fit, filters_of
from cloud_sync_common.safe_text import one_line
from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.ledger import BATCH_GET_LIMIT, Ledger
from cloud_sync_common.stores.ledger_rows import ItemState, Status
from cloud_sync_common.stores.manifest import batches

from console.errors import UsageError
from console.operations.deployed_functions import Deployed
from console.operations.estimate import Work
from console.operations.provider_services import answering
from console.operations.provider_session import ProviderSession
from console.stack import Stack

EXAMPLES = 5
MOST_REASONS, OTHER_REASONS = 20, "other reasons"  # of a provider, as in a run
_LINE = 80  # characters of a reason

type Note = Callable[[Found], None]
"""Is told of each page how far the listing is."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One video that the run would move. `size` is None where the provider states none."""

    media_id: str
    filename: str
    captured_at: str
    size: int | None


@dataclass
class Found:
    """What one provider's listing and the ledger say. Of what the run would move, `again` are known and not archived
    yet, `changed` have an archived version, and `unknown_sizes` have no size that is stated."""

    listed: int = 0
    archived: int = 0
    waiting: int = 0
    exhausted: int = 0
    again: int = 0
    changed: int = 0
    unknown_sizes: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    left_out_bytes: Counter[str] = field(default_factory=Counter)
    work: Work = field(default_factory=Work)
    examples: list[Example] = field(default_factory=list)

    def leave_out(self, reason: str, items: int, count: int = 0) -> None:
        """Counts what is not work, by its reason."""
        known = one_line(reason, _LINE)
        known = known if known in self.left_out or len(self.left_out) < MOST_REASONS else OTHER_REASONS
        self.left_out[known] += items
        self.left_out_bytes[known] += count


def filters_for(
    provider: str,
    given: Mapping[str, Any],
    deployed: Deployed,
    chosen: Mapping[str, Any],
    unfit: Iterable[str] = (),
) -> Filters:
    """The lasting filters, of the environment and `chosen` in the settings, and those that are given in their place.
    Raises UsageError when they do not fit."""
    lasting, asked = deployed.filters.get(provider), {"provider": provider, "filters": dict(given)}
    try:
        filters = filters_of(asked, lasting, provider, chosen)
        check_fit(filters, provider, tuple(unfit))
    except ConfigurationError as error:
        raise UsageError(str(error)) from None
    return filters


@dataclass
class Planning:
    """One provider's plan in the making. `note` is told of each page."""

    stack: Stack
    session: ProviderSession
    deployed: Deployed
    filters: Filters
    note: Note
    _seen: set[int] = field(init=False, default_factory=set)

    def found(self) -> Found:
        """Lists everything. Raises CredentialsRefusedError, ConsoleError, botocore's errors."""
        progress = ListingProgress()
        while True:
            self._seen.clear()
            found, progress, adds_up = self._attempt(progress)
            if adds_up:
                return found
            progress = progress.from_the_start()

    def _attempt(self, progress: ListingProgress) -> tuple[Found, ListingProgress, bool]:
        """One walk over the listing; a token that ends on the way is renewed, and the walk goes on where it was."""
        found, authorised, gathered = Found(), self.session.authorised(), list[MediaItem]()
        selection = authorised.selection(self.filters, datetime.now(UTC))
        with answering():
            while True:
                try:
                    with closing(Listing(authorised, self.filters, progress)) as listing:
                        self._walk(listing, selection, found, gathered)
                        return found, progress, listing.adds_up()
                except CredentialsExpiredError as error:
                    authorised = self.session.renewed(error)

    def _walk(self, listing: Listing, selection: Selection, found: Found, gathered: list[MediaItem]) -> None:
        """To the end of the listing. A hundred items at a time are compared with the ledger."""
        at_end = False
        while not at_end:
            page = listing.next_page()
            gathered += _selected(page, selection, found)
            found.listed, found.waiting = listing.progress.listed, found.waiting + len(set(page.waiting))
            at_end = page.next_cursor is None
            while len(gathered) >= BATCH_GET_LIMIT or (gathered and at_end):
                self._compare(gathered[:BATCH_GET_LIMIT], found)
                del gathered[:BATCH_GET_LIMIT]
            self.note(found)

    def _compare(self, items: list[MediaItem], found: Found) -> None:
        table = self.stack.account.table(self.stack.output("LedgerTable"))
        known = Ledger(table, self.session.provider_id).states(item.media_id for item in items)
        new = [item for item in items if self._is_new_here(item) and self._is_work(item, known, found)]
        found.work.add(new, sum(1 for _ in batches(new)), self.deployed)
        found.unknown_sizes += sum(item.size is None for item in new)
        found.examples += [
            Example(
                media_id=item.media_id,
                filename=one_line(item.filename),
                captured_at=one_line(item.captured_at, _LINE),
                size=item.size,
            )
            for item in new[: EXAMPLES - len(found.examples)]
        ]

    def _is_new_here(self, item: MediaItem) -> bool:
        """Whether this version was not listed before, as for a manifest: a listing can name a video twice."""
        mark = hash((kept_id(item.media_id), item.revision))
        is_new = mark not in self._seen
        self._seen.add(mark)
        return is_new

    def _is_work(self, item: MediaItem, known: Mapping[str, ItemState], found: Found) -> bool:
        row = known.get(item.media_id)
        if row is None:
            return True
        if row.is_exhausted(self.deployed.max_attempts) and not self.filters.retry_failed:
            found.exhausted += 1
            return False
        if row.holds(item.revision):
            found.archived += 1
            return False
        is_changed = row.status is Status.ARCHIVED
        found.changed += is_changed
        found.again += not is_changed
        return True


def _selected(page: MediaPage, selection: Selection, found: Found) -> list[MediaItem]:
    """The items that no filter leaves out; the others are counted."""
    for given, count in page.left_out.items():
        found.leave_out(given, count)
    kept = []
    for item in page.items:
        if reason := selection.reason(item):
            found.leave_out(reason.value, 1, item.size or 0)
        else:
            kept.append(item)
    return kept
