"""The walk over a provider's listing, page by page and in as many invocations as it takes, and its proof.

A listing counts only when it adds up: the rows listed are compared with the provider's own total at the end. One that
does not add up is started again, up to LISTINGS times. Absence from a listing never means deletion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import msgspec

from cloud_sync_common.exceptions import ProviderContractError, ProviderUnavailableError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_access.pages_ahead import PagesAhead
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import Filters, MediaItem, MediaPage

LISTINGS = 3  # how often a listing is started before one that does not add up fails the run
MARK_BYTES = 8  # of an id, that are remembered from page to page: two ids of two pages share them by no chance
# The largest library that a run is made for (docs/limits.md), in pages of 50 rows and in rows: a listing that does not
# end there never will.
MOST_PAGES, MOST_ROWS = 200_000, 10_000_000
# A request for a page takes at most as long: it has ended when an invocation runs out of time. The last pages before
# that are asked for one by one.
AHEAD_SECONDS = 75
CURSOR_LIMIT = 32 * 1024  # bytes; it travels in the run's state (docs/design.md, "Limits of a run")


class ListingProgress(msgspec.Struct, kw_only=True):
    """How far a listing is: what the cursor carries from one invocation to the next.

    `page_cursor` is the provider's for the next page, None before the first page and after the last. `page_marks` are
    the marks of the rows of the page before, one behind the other: when something is uploaded in the middle of a
    listing, rows move over the border between two pages and come twice (rclone-PR). `total_changed`: the total was
    another on an earlier page. When something is deleted meanwhile, a row moves over the border unseen, although the
    numbers agree in the end. `rows` counts every row, also those that came twice; `repeated` is how many did so in the
    attempt before.
    """

    page_cursor: str | None = None
    page_marks: bytes = b""
    attempt: int = 1
    listed: int = 0
    total: int | None = None
    total_changed: bool = False
    rows: int = 0
    pages: int = 0
    repeated: int = 0

    def from_the_start(self, listed: int | None = None) -> ListingProgress:
        """The next attempt, for a listing that does not add up; `listed` as for Listing.adds_up."""
        repeated = self.rows - (self.listed if listed is None else listed)
        return ListingProgress(attempt=self.attempt + 1, repeated=repeated)

    def repeats_rows(self, listed: int) -> bool:
        """Whether the provider lists some rows twice for good, and counts them so: every row that it counts has come,
        as many of them twice as in the attempt before, so that it is not because of an upload in the middle."""
        return self.rows == self.total and 0 < self.rows - listed == self.repeated


@dataclass(frozen=True)
class Listing:
    """A walk over the whole library of one provider. While the caller works on a page, the next ones are asked for,
    where the provider numbers its pages. To be closed at the end: it may have asked for pages that nobody takes, whose
    bytes count as read, and which the next invocation asks for again."""

    session: AuthorisedSession
    filters: Filters
    progress: ListingProgress

    @cached_property
    def _pages(self) -> PagesAhead:
        return PagesAhead(self.session.provider)

    def close(self) -> None:
        """Ends what was asked for ahead."""
        self._pages.close()

    def next_page(self) -> MediaPage:
        """The next page, without the rows that the page before had. Raises what Provider.list_media raises."""
        progress = self.progress
        self._check_bounds()
        page = self.session.list_media(progress.page_cursor, self.filters, self._pages.page)
        new = _without(page, progress.page_marks)
        progress.page_marks = b"".join(map(_mark, _rows(page)))
        progress.page_cursor = page.next_cursor
        progress.rows += len(page.ids)
        progress.pages += 1
        progress.listed += len(set(new.ids))
        progress.total_changed |= progress.total not in (None, page.total)
        progress.total = page.total
        self._go_ahead(page)
        return new

    def _go_ahead(self, page: MediaPage) -> None:
        """Asks for the pages after this one, unless they are out of bounds, or time is nearly up."""
        left = 0 if self._is_too_long else MOST_PAGES - self.progress.pages
        if page.next_cursor is not None and self.session.deadline.allows(AHEAD_SECONDS):
            self._pages.ask_for((page.next_cursor, *page.later_cursors)[:left])

    @property
    def _is_too_long(self) -> bool:
        progress = self.progress
        return progress.pages >= MOST_PAGES or max(progress.rows, progress.total or 0) > MOST_ROWS

    def _check_bounds(self) -> None:
        """Raises ProviderContractError when the listing is longer than any that Cloud Sync is made for, or says that it
        will be."""
        progress = self.progress
        if self._is_too_long:
            raise ProviderContractError(
                f"The provider's listing has more than {MOST_ROWS:,} rows or {MOST_PAGES:,} pages, or says so: after "
                f"{progress.pages:,} pages it has listed {progress.rows:,} rows of {progress.total}. That is more than "
                "Cloud Sync is made for, so it is taken for an answer that makes no sense. Nothing was lost."
            )

    def adds_up(self, listed: int | None = None) -> bool:
        """Whether the listing, at its end, agrees with the provider's total. `listed` is how many different rows there
        were, where the caller knows that better than from page to page.

        Raises ProviderUnavailableError after several listings that disagree: a run that misses videos must not look
        like one that found everything.
        """
        progress = self.progress
        listed = progress.listed if listed is None else listed
        agrees = progress.total in (None, listed) and not progress.total_changed
        if agrees or not self.session.provider.capabilities.counts_exactly:
            return True
        if progress.repeats_rows(listed) and not progress.total_changed:
            logger.warning("rows are listed twice", extra={"rows": progress.rows, "different": listed})
            return True
        logger.warning("the listing does not add up", extra={"listed": listed, "total": progress.total})
        if progress.attempt >= LISTINGS:
            raise ProviderUnavailableError(
                f"The provider says that it has {progress.total} items, but lists {listed}, or they change while they "
                "are listed. Start the run again later."
            )
        return False


type _Row = tuple[str, str]  # an id, and what is known of its version


def _row(item: MediaItem) -> _Row:
    return item.media_id, item.revision


def _rows(page: MediaPage) -> list[_Row]:
    return [*map(_row, page.items), *((media_id, "") for media_id in (*page.waiting, *page.ignored))]


def _mark(row: _Row) -> bytes:
    """What is remembered of a row, however long its id is. An item that has changed meanwhile is another row: where a
    feed of changes closes the listing, it comes once more, and counts as it is by then."""
    return sha256("\0".join(row).encode()).digest()[:MARK_BYTES]


def _without(page: MediaPage, marks: bytes) -> MediaPage:
    """The page without the rows that have these marks, and with each of the others once, as it came last."""
    seen = {marks[first : first + MARK_BYTES] for first in range(0, len(marks), MARK_BYTES)}
    items = {item.media_id: item for item in page.items if _mark(_row(item)) not in seen}
    return msgspec.structs.replace(
        page,
        items=tuple(items.values()),
        waiting=tuple(media_id for media_id in dict.fromkeys(page.waiting) if _mark((media_id, "")) not in seen),
        ignored=tuple(media_id for media_id in dict.fromkeys(page.ignored) if _mark((media_id, "")) not in seen),
    )


def decode_cursor[Progress: msgspec.Struct](cursor: str | None, kind: type[Progress]) -> Progress:
    """A step's progress from its cursor; a fresh one for no cursor, or for one of another version of this code, which a
    run that is under way during a deployment still carries: the step then starts again."""
    if cursor is None:
        return kind()
    try:
        return msgspec.json.decode(cursor, type=kind)
    except msgspec.DecodeError:
        logger.warning("a cursor of another version; starting again")
        return kind()


def encode_cursor(progress: msgspec.Struct, listing: ListingProgress) -> str:
    """A step's progress, which includes its listing's, as text that travels through the state machine.

    Raises ProviderContractError when a page is too large to be remembered until the next invocation.
    """
    cursor = msgspec.json.encode(progress)
    if len(cursor) > CURSOR_LIMIT:
        raise ProviderContractError(
            f"The provider's pages have {len(listing.page_marks) // MARK_BYTES:,} rows and a cursor of "
            f"{len(listing.page_cursor or ''):,} characters, which do not fit into {CURSOR_LIMIT:,} bytes."
        )
    return cursor.decode()
