"""A listing ends, whatever a provider says of its length."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cloud_sync_common.exceptions import ProviderContractError
from cloud_sync_common.provider_access import listing as listing_module
from cloud_sync_common.provider_access.listing import MOST_PAGES, MOST_ROWS, Listing, ListingProgress
from cloud_sync_common.provider_interface import Credentials, Filters, MediaItem, MediaPage

from tests.unit.doubles import Account, Lease, Store, session_of

CREDENTIALS = Credentials(provider="gopro", access_token="access-0", version="v")


def endless(ids: Callable[[int], str], total: Callable[[int], int | None]) -> Account:
    """A provider that always has a next page, of two rows."""

    def page(number: int) -> MediaPage:
        rows = tuple(MediaItem(media_id=ids(2 * number + row), filename="a.mp4") for row in (0, 1))
        return MediaPage(items=rows, next_cursor=str(number + 1), total=total(number))

    return Account(pages=page)


ENDLESS = {
    "new rows and an absurd total": endless(str, lambda _: 10**18),
    "the same rows and an absurd total": endless(lambda row: str(row % 2), lambda _: 10**18),
    "two pages in turn": endless(lambda row: str(row % 4), lambda _: 1_000),
    "a total that is always a little larger": endless(str, lambda number: 2 * number + 2),
    "no total": endless(str, lambda _: None),
}


def walk_on(walk: Listing, pages: int) -> None:
    for _ in range(pages):
        walk.next_page()


@pytest.mark.parametrize("account", ENDLESS.values(), ids=ENDLESS)
def test_a_listing_without_an_end_is_refused(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_module, "MOST_PAGES", 100)
    monkeypatch.setattr(listing_module, "MOST_ROWS", 10_000)
    walk = Listing(session_of(account, Store(CREDENTIALS), Lease()), Filters(), ListingProgress())
    with pytest.raises(ProviderContractError, match="more than Cloud Sync is made for"):
        walk_on(walk, 200)
    assert len(account.listed) <= 100


def test_what_was_walked_over_counts_in_every_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_module, "MOST_PAGES", 5)
    account, progress = endless(str, lambda _: 1_000), ListingProgress()
    for _ in range(5):  # each page in an invocation of its own
        Listing(session_of(account, Store(CREDENTIALS), Lease()), Filters(), progress).next_page()
    with pytest.raises(ProviderContractError):
        Listing(session_of(account, Store(CREDENTIALS), Lease()), Filters(), progress).next_page()
    assert progress.from_the_start().pages == 0  # another attempt is as long


def test_a_library_of_ten_million_rows_in_pages_of_fifty_is_within_the_bounds() -> None:
    assert MOST_ROWS >= 10_000_000 and MOST_PAGES * 50 >= 10_000_000
