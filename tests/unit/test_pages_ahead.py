"""Pages of one listing that are asked for side by side: order, proof and bounds are those of one page at a time."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from cloud_sync_common.exceptions import (
    CloudSyncError,
    CredentialsExpiredError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from cloud_sync_common.provider_access import listing as listing_module
from cloud_sync_common.provider_access.listing import AHEAD_SECONDS, Listing, ListingProgress
from cloud_sync_common.provider_access.session import LISTING_ATTEMPTS, AuthorisedSession
from cloud_sync_common.provider_interface import Capabilities, Credentials, Filters, MediaItem, MediaPage
from cloud_sync_common.retry_utils import Deadline

from tests.unit.doubles import PLENTY, Lease, Store

CREDENTIALS = Credentials(provider="gopro", access_token="t", version="v")
LONG = 10.0  # seconds, for what comes at once unless it never comes
BUSY, THROTTLED = ProviderUnavailableError("busy"), ProviderThrottledError("slower", 7.0)


@dataclass
class Numbered:
    """A provider that numbers its pages, of two rows each. `on` acts on each request, by page and by how often the page
    was asked for before; it may raise. `total` is what a page says."""

    pages: int
    at_once: int = 4
    on: Callable[[int, int], None] = lambda *_: None
    total: Callable[[int], int] | None = None
    name: str = "gopro"
    asked: list[int] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    validations: int = 0
    refused: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(counts_exactly=True, most_list_requests=self.at_once)

    def validate(self, credentials: Credentials) -> Credentials:
        self.validations += 1
        if self.refused:
            raise CredentialsExpiredError("the check refuses it too")
        return credentials

    def list_media(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        assert token == CREDENTIALS.access_token
        number = int(cursor or 1)
        with self.lock:
            before = self.asked.count(number)
            self.asked.append(number)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            self.on(number, before)
            return self._page(number)
        finally:
            with self.lock:
                self.under_way -= 1

    def _page(self, number: int) -> MediaPage:
        there = range(2 * number - 2, 2 * min(number, self.pages))
        rows = tuple(MediaItem(media_id=f"clip-{row}", filename="a.mp4") for row in there)
        later = [str(page) for page in range(number + 1, min(self.pages, number + self.at_once) + 1)]
        total = self.total(number) if self.total else 2 * self.pages
        cursor = later[0] if later else None
        return MediaPage(items=rows, next_cursor=cursor, later_cursors=tuple(later[1:]), total=total)


@dataclass
class Walk:
    """A listing of such a provider, and the waits in it."""

    provider: Numbered
    progress: ListingProgress = field(default_factory=ListingProgress)
    deadline: Deadline = PLENTY
    lease: Lease = field(default_factory=Lease)
    waits: list[float] = field(default_factory=list)

    @contextmanager
    def listing(self) -> Iterator[Listing]:
        parts = cast(Any, self.provider), cast(Any, Store(CREDENTIALS)), cast(Any, self.lease)
        session = AuthorisedSession(*parts, self.deadline, self.waits.append)
        with closing(Listing(session, Filters(), self.progress)) as listing:
            yield listing

    def ids(self) -> list[str]:
        """The ids of all pages to the end, in the order in which the pages are given."""
        with self.listing() as listing:
            pages = [listing.next_page()]
            while self.progress.page_cursor is not None:
                pages.append(listing.next_page())
            assert listing.adds_up()
        return [media_id for page in pages for media_id in page.ids]


def clips(pages: int) -> list[str]:
    return [f"clip-{row}" for row in range(2 * pages)]


def meeting(*pages: int) -> Callable[[int, int], None]:
    """The first requests for these pages are answered when all of them are under way; it fails if they never are."""
    barrier = threading.Barrier(len(pages))

    def on(number: int, before: int) -> None:
        if number in pages and not before:
            barrier.wait(LONG)

    return on


def once(number: int, error: CloudSyncError) -> Callable[[int, int], None]:
    def on(asked: int, before: int) -> None:
        if (asked, before) == (number, 0):
            raise error

    return on


def test_the_pages_after_the_first_one_are_asked_for_at_once_and_never_more_than_the_provider_accepts() -> None:
    provider = Numbered(9, on=meeting(2, 3, 4, 5))
    assert Walk(provider).ids() == clips(9)
    assert provider.most_under_way == 4 and Counter(provider.asked) == Counter(range(1, 10))


def test_the_next_page_is_under_way_while_the_caller_works_on_the_one_before() -> None:
    asked = threading.Event()
    provider = Numbered(3, on=lambda number, _: asked.set() if number == 2 else None)
    with Walk(provider).listing() as listing:
        listing.next_page()
        assert asked.wait(LONG)


def test_a_provider_without_numbers_is_asked_for_one_page_at_a_time() -> None:
    provider = Numbered(5, at_once=1)
    assert Walk(provider).ids() == clips(5)
    assert (provider.asked, provider.most_under_way) == ([1, 2, 3, 4, 5], 1)


def test_pages_come_in_order_whichever_answer_is_first() -> None:
    fourth = threading.Event()

    def on(number: int, _: int) -> None:
        if number == 4:
            fourth.set()
        assert number != 2 or fourth.wait(LONG)

    assert Walk(Numbered(6, on=on)).ids() == clips(6)


@pytest.mark.parametrize("error", [BUSY, ProviderContractError("odd")])
def test_a_page_that_fails_ahead_is_tried_again_in_its_turn_with_nothing_beside_it(error: CloudSyncError) -> None:
    beside: list[int] = []

    def on(number: int, before: int) -> None:
        if number == 3 and before:
            beside.append(provider.under_way)
        once(3, error)(number, before)

    provider = Numbered(9, on=on)
    walk = Walk(provider)
    assert walk.ids() == clips(9)
    assert beside == [1] and provider.asked.count(3) == 2 and len(walk.waits) == 1


def test_an_error_surfaces_at_its_page_after_as_many_attempts_as_ever() -> None:
    def on(number: int, _: int) -> None:
        if number == 3:
            raise BUSY

    provider = Numbered(9, on=on)
    walk = Walk(provider)
    with walk.listing() as listing:
        assert [listing.next_page().ids, listing.next_page().ids] == [("clip-0", "clip-1"), ("clip-2", "clip-3")]
        with pytest.raises(ProviderUnavailableError):
            listing.next_page()
    assert provider.asked.count(3) == LISTING_ATTEMPTS
    assert (walk.progress.page_cursor, walk.progress.pages) == ("3", 2)


def test_a_token_that_is_refused_ahead_is_tried_and_noted_when_the_page_is_due() -> None:
    def on(number: int, _: int) -> None:
        if number > 1:
            raise CredentialsExpiredError("refused")

    provider = Numbered(9, on=on, refused=True)
    walk = Walk(provider)
    with walk.listing() as listing:
        listing.next_page()
        assert walk.lease.refused == ""
        with pytest.raises(CredentialsExpiredError):
            listing.next_page()
    assert (walk.lease.refused, provider.validations, provider.asked.count(2)) == ("v", 1, 1)


def test_after_a_429_pages_are_asked_for_one_at_a_time_and_its_wait_is_kept_once() -> None:
    together, since = meeting(2, 3, 4, 5), dict[int, int]()

    def on(number: int, before: int) -> None:
        together(number, before)
        if number in (3, 4) and not before:
            raise THROTTLED
        if since or before:
            since[number] = provider.under_way

    provider = Numbered(9, on=on)
    walk = Walk(provider)
    assert walk.ids() == clips(9)
    assert walk.waits == [7.0]
    assert set(since.values()) == {1} and {3, 4, 7, 8, 9} <= set(since)  # the sixth may have been under way already
    again = Counter(provider.asked) - Counter(range(1, 10))
    assert {3, 4} <= again.keys() <= {3, 4, 5, 6} and set(again.values()) == {1}  # none that is older than the third


def test_a_429_at_the_first_page_slows_down_too() -> None:
    provider = Numbered(5, on=once(1, THROTTLED))
    walk = Walk(provider)
    assert (walk.ids(), walk.waits, provider.asked) == (clips(5), [7.0], [1, 1, 2, 3, 4, 5])
    assert provider.most_under_way == 1


def test_a_total_that_changes_between_two_pages_side_by_side_is_noticed() -> None:
    provider = Numbered(5, on=meeting(2, 3, 4, 5), total=lambda number: 11 if number == 3 else 10)
    walk = Walk(provider)
    with walk.listing() as listing:
        for _ in range(5):
            listing.next_page()
        assert walk.progress.total_changed and walk.progress.page_cursor is None
        assert not listing.adds_up()


def test_a_listing_that_shrinks_ends_where_it_ends_now_and_starts_again() -> None:
    together = meeting(2, 3, 4, 5)

    def on(number: int, before: int) -> None:
        together(number, before)
        if number > 1:
            provider.pages = 3

    provider = Numbered(6, on=on)
    walk = Walk(provider)
    with walk.listing() as listing:
        listing.next_page()
        assert [listing.next_page().ids, listing.next_page().ids] == [("clip-2", "clip-3"), ("clip-4", "clip-5")]
        assert (walk.progress.page_cursor, walk.progress.rows, walk.progress.pages) == (None, 6, 3)
        assert not listing.adds_up()


def test_no_page_beyond_the_end_is_asked_for() -> None:
    provider = Numbered(3)
    Walk(provider).ids()
    assert sorted(provider.asked) == [1, 2, 3]


@pytest.mark.parametrize(("left", "is_ahead"), [(AHEAD_SECONDS, True), (AHEAD_SECONDS - 0.1, False)])
def test_nothing_is_asked_for_ahead_that_may_not_end_in_time(left: float, is_ahead: bool) -> None:
    ahead = threading.Event()
    provider = Numbered(9, on=lambda number, _: ahead.set() if number == 2 else None)
    with Walk(provider, deadline=Deadline(lambda: left, 0.0)).listing() as listing:
        listing.next_page()
        assert not is_ahead or ahead.wait(LONG)
    assert is_ahead or provider.asked == [1]


def test_what_nobody_took_is_asked_for_again_by_the_next_invocation() -> None:
    provider, progress = Numbered(9), ListingProgress()
    with Walk(provider, progress).listing() as listing:
        first = listing.next_page()
    assert (progress.page_cursor, progress.pages, provider.under_way) == ("2", 1, 0)
    assert [*first.ids, *Walk(provider, progress).ids()] == clips(9)


def test_a_listing_that_ends_early_waits_for_what_is_under_way_so_that_its_bytes_count() -> None:
    begun, answered = threading.Event(), threading.Event()

    def on(number: int, _: int) -> None:
        if number == 2:
            begun.set()
            assert answered.wait(LONG)

    provider = Numbered(9, on=on)
    with Walk(provider).listing() as listing:
        listing.next_page()
        assert begun.wait(LONG)
        ending = threading.Thread(target=listing.close)
        ending.start()
        assert ending.is_alive() and provider.under_way
        answered.set()
        ending.join(LONG)
        assert not ending.is_alive() and provider.under_way == 0


def test_as_many_pages_as_may_be_ahead_are_kept_and_no_more() -> None:
    provider = Numbered(50)
    with Walk(provider).listing() as listing:
        for given in range(1, 6):
            listing.next_page()
            assert max(provider.asked) <= given + 4


def test_the_bounds_of_a_listing_hold_for_pages_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_module, "MOST_PAGES", 6)
    provider = Numbered(50)
    with pytest.raises(ProviderContractError, match="more than Cloud Sync is made for"):
        Walk(provider).ids()
    assert sorted(provider.asked) == [1, 2, 3, 4, 5, 6]
    provider = Numbered(50, total=lambda _: 10**18)
    with pytest.raises(ProviderContractError, match="more than Cloud Sync is made for"):
        Walk(provider).ids()
    assert provider.asked == [1]
