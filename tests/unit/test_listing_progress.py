"""How a walk over a listing goes on from one invocation to the next, and when its numbers are believed."""

from __future__ import annotations

import pytest
from cloud_sync_common.exceptions import ProviderContractError, ProviderUnavailableError
from cloud_sync_common.provider_access.listing import (
    CURSOR_LIMIT,
    MARK_BYTES,
    Listing,
    ListingProgress,
    decode_cursor,
    encode_cursor,
)
from cloud_sync_common.provider_interface import Capabilities, Credentials, Filters, MediaItem, MediaPage

from tests.unit.doubles import Account, Lease, Store, session_of

CREDENTIALS = Credentials(provider="gopro", access_token="t", version="v")


def listing(*pages: MediaPage, exact: bool = True, **progress: object) -> Listing:
    account = Account(capabilities=Capabilities(counts_exactly=exact), pages=lambda number: pages[number - 1])
    given = ListingProgress(**progress)  # type: ignore[arg-type]
    return Listing(session_of(account, Store(CREDENTIALS), Lease()), Filters(), given)


def page(*ids: str, total: int | None = 9, cursor: str | None = None, **groups: tuple[str, ...]) -> MediaPage:
    items = tuple(MediaItem(media_id=media_id, filename=f"{media_id}.mp4") for media_id in ids)
    return MediaPage(items=items, total=total, next_cursor=cursor, **groups)


def test_a_page_is_counted_by_its_different_rows_and_by_all_of_them() -> None:
    walk = listing(page("a", "b", "a", waiting=("w", "w"), ignored=("i",), cursor="2"), page("i", "w", "c"))
    first = walk.next_page()
    assert (sorted(item.media_id for item in first.items), first.waiting, first.ignored) == (["a", "b"], ("w",), ("i",))
    assert (walk.progress.rows, walk.progress.listed, walk.progress.page_cursor) == (6, 4, "2")
    second = walk.next_page()
    assert [item.media_id for item in second.items] == ["c"]  # the others were on the page before
    assert (walk.progress.rows, walk.progress.listed, walk.progress.page_cursor) == (9, 5, None)
    assert len(walk.progress.page_marks) == 3 * MARK_BYTES


def test_rows_of_the_page_before_are_left_out_of_every_group() -> None:
    walk = listing(page("a", "b", cursor="2"), page("c", waiting=("a", "w"), ignored=("b", "i")))
    walk.next_page()
    second = walk.next_page()
    assert (second.waiting, second.ignored) == (("w",), ("i",))


def test_of_a_row_that_comes_twice_on_a_page_the_last_is_taken() -> None:
    first, again = MediaItem(media_id="a", filename="first"), MediaItem(media_id="a", filename="again")
    walk = listing(MediaPage(items=(first, again, MediaItem(media_id="b", filename="b"))))
    assert [item.filename for item in walk.next_page().items] == ["again", "b"]


def test_a_row_that_comes_again_on_the_next_page_counts_again_only_when_it_has_changed() -> None:
    before, after = (MediaItem(media_id="a", filename="a.mp4", revision=revision) for revision in ("1", "2"))
    walk = listing(MediaPage(items=(before,), next_cursor="2"), MediaPage(items=(before,)), exact=False)
    assert [len(walk.next_page().items) for _ in range(2)] == [1, 0]
    walk = listing(MediaPage(items=(before,), next_cursor="2"), MediaPage(items=(after,)), exact=False)
    assert [walk.next_page().items for _ in range(2)] == [(before,), (after,)]


def test_a_thousand_ids_of_any_length_are_remembered_in_eight_bytes_each() -> None:
    ids = [f"{number}{'x' * (number % 200)}" for number in range(1000)]
    walk = listing(page(*ids, cursor="2"), page(*ids[500:], "new"))
    assert len(walk.next_page().items) == 1000 and len(walk.progress.page_marks) == 8000
    assert [item.media_id for item in walk.next_page().items] == ["new"]


@pytest.mark.parametrize(
    ("totals", "changed"), [((9, 9), False), ((9, 8), True), ((None, None), False), ((9, None), True)]
)
def test_a_total_that_is_another_on_a_later_page_is_remembered(
    totals: tuple[int | None, int | None], changed: bool
) -> None:
    walk = listing(page("a", total=totals[0], cursor="2"), page("b", total=totals[1]))
    walk.next_page()
    assert not walk.progress.total_changed  # the first total is no change
    walk.next_page()
    assert walk.progress.total_changed == changed


def test_a_total_that_changed_once_has_changed() -> None:
    walk = listing(page("a", cursor="2"), page("b", total=8, cursor="3"), page("c", total=8))
    for _ in range(3):
        walk.next_page()
    assert walk.progress.total_changed


@pytest.mark.parametrize(
    ("progress", "adds_up"),
    [
        ({"listed": 5, "total": 5}, True),
        ({"listed": 5, "total": None}, True),
        ({"listed": 5, "total": 5, "total_changed": True}, False),
        ({"listed": 4, "total": 5}, False),
        ({"listed": 6, "total": 5}, False),
        ({"listed": 4, "total": 5, "rows": 5, "repeated": 1}, True),  # as often twice as in the attempt before
        ({"listed": 4, "total": 5, "rows": 5, "repeated": 0}, False),
        ({"listed": 3, "total": 5, "rows": 5, "repeated": 1}, False),
        ({"listed": 4, "total": 6, "rows": 5, "repeated": 1}, False),
        ({"listed": 4, "total": 5, "rows": 5, "repeated": 1, "total_changed": True}, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_a_listing_is_believed_when_it_agrees_with_the_total(
    progress: dict[str, object], adds_up: bool, attempt: int
) -> None:
    walk = listing(attempt=attempt, **progress)
    if attempt == 3 and not adds_up:
        with pytest.raises(ProviderUnavailableError, match="Start the run again later"):
            walk.adds_up()
    else:
        assert walk.adds_up() == adds_up
    assert listing(exact=False, attempt=attempt, **progress).adds_up()


def test_whoever_knows_better_how_many_rows_there_are_is_believed() -> None:
    assert listing(listed=4, total=5).adds_up(5) and not listing(listed=5, total=5).adds_up(4)
    assert not listing(listed=5, total=5).adds_up(0)


def test_a_listing_starts_again_with_the_next_attempt_and_knows_how_many_rows_came_twice() -> None:
    before = ListingProgress(page_cursor="2", attempt=2, listed=4, rows=7, total=9, total_changed=True)
    assert before.from_the_start() == ListingProgress(attempt=3, repeated=3)
    assert before.from_the_start(6) == ListingProgress(attempt=3, repeated=1)
    assert before.from_the_start(0) == ListingProgress(attempt=3, repeated=7)


def test_a_cursor_has_everything_and_at_most_its_limit() -> None:
    progress = ListingProgress(page_cursor="2", page_marks=b"12345678", listed=4, total=9, total_changed=True, rows=5)
    assert decode_cursor(encode_cursor(progress, progress), ListingProgress) == progress
    assert decode_cursor(None, ListingProgress) == ListingProgress()
    spare = CURSOR_LIMIT - len(encode_cursor(progress, progress))
    progress.page_cursor = "2" * (spare + 1)
    assert len(encode_cursor(progress, progress)) == CURSOR_LIMIT
    progress.page_cursor = "2" * (spare + 2)
    with pytest.raises(ProviderContractError, match="pages have 1 rows and a cursor of 3"):
        encode_cursor(progress, progress)
