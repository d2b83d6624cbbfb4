"""The step behind media-lister: every new video is in the manifest once, whatever happens during the listing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import pytest
from botocore.exceptions import ClientError
from cloud_sync_common.exceptions import (
    CloudSyncError,
    CredentialsExpiredError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from cloud_sync_common.filters import Folders
from cloud_sync_common.http.client import Traffic
from cloud_sync_common.provider_access.listing import LISTINGS
from cloud_sync_common.provider_interface import Capabilities, Credentials, Filters, MediaItem, MediaPage
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps.list_media import MOST_REASONS, REASON_LIMIT, ListRequest, ListResult, MediaLister
from cloud_sync_common.stores.ledger import BATCH_GET_LIMIT
from cloud_sync_common.stores.ledger_rows import ItemRow, Status
from cloud_sync_common.stores.runs import RunRow
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as replaced

from tests.unit.doubles import METRICS, PLENTY, Account, Lease, Lines, Rows, RunsUnderWay, Store, session_of

CREDENTIALS = Credentials(provider="gopro", access_token="access-0", version="v")
MOST_BYTES = 10**12
OUT_OF_TIME = Deadline(lambda: 0.0, 0.0)


@dataclass
class Library:
    """Rows in the provider's order, split into pages; `between` may change it after each page."""

    ids: list[str]
    per_page: int = 3
    waiting: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    claimed: Callable[[int], int | None] = lambda count: count
    between: Callable[[int], None] = lambda _: None
    pages_given: int = 0
    at_once: ClassVar[int] = 1  # requests for pages that it accepts
    lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, number: int) -> MediaPage:
        with self.lock:
            return self._page(number)

    def _page(self, number: int) -> MediaPage:
        rows = self.ids[(number - 1) * self.per_page : number * self.per_page]
        last = -(-len(self.ids) // self.per_page)
        following = [str(later) for later in range(number + 1, min(last, number + self.at_once) + 1)]
        page = MediaPage(
            items=tuple(media(row) for row in rows if row not in (*self.waiting, *self.ignored)),
            waiting=tuple(row for row in rows if row in self.waiting),
            ignored=tuple(row for row in rows if row in self.ignored),
            next_cursor=next(iter(following), None),
            later_cursors=tuple(following[1:]),
            total=self.claimed(len(self.ids)),
        )
        self.pages_given += 1
        self.between(self.pages_given)
        return page


@dataclass
class Executions:
    """The part of Step Functions that the lister uses."""

    status: str | Exception = "RUNNING"
    asked: list[str] = field(default_factory=list)

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:
        self.asked.append(executionArn)
        if isinstance(self.status, Exception):
            raise self.status
        return {"status": self.status}


@dataclass
class Lister:
    """The step with doubles, called as the state machine calls it."""

    account: Account
    rows: Rows = field(default_factory=Rows)
    runs: RunsUnderWay = field(default_factory=RunsUnderWay)
    lines: Lines = field(default_factory=Lines)
    lease: Lease = field(default_factory=Lease)
    executions: Executions = field(default_factory=Executions)

    def call(
        self, cursor: str | None = None, filters: Filters | None = None, deadline: Deadline = PLENTY
    ) -> ListResult:
        step = MediaLister(
            session=session_of(self.account, Store(CREDENTIALS), self.lease, deadline),
            ledger=cast(Any, self.rows),
            runs=cast(Any, self.runs),
            manifest=cast(Any, self.lines),
            executions=cast(Any, self.executions),
            max_attempts=3,
            most_bytes=MOST_BYTES,
            deadline=deadline,
            metrics=METRICS,
        )
        request = ListRequest(
            run_id="run-1", provider="gopro", execution_arn="arn:1", filters=filters or Filters(), cursor=cursor
        )
        return step.list_new(request)

    def to_the_end(self) -> ListResult:
        """Calls it until it is complete, as the state machine does."""
        result = self.call()
        while result.status == "IN_PROGRESS":
            result = self.call(result.next_cursor)
        return result


def media(media_id: str, revision: str = "", **more: Any) -> MediaItem:
    return MediaItem(media_id=media_id, filename=f"{media_id}.MP4", revision=revision, **more)


def names(count: int) -> list[str]:
    return [f"clip-{number:03}" for number in range(count)]


@pytest.fixture(params=[1, 4], ids=["page by page", "side by side"], autouse=True)
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fact holds however many pages are asked for at once."""
    monkeypatch.setattr(Library, "at_once", request.param)


def lister(library: Library) -> Lister:
    return Lister(
        Account(pages=library.page, capabilities=Capabilities(counts_exactly=True, most_list_requests=library.at_once))
    )


def test_every_page_is_listed_and_every_new_video_is_in_the_manifest() -> None:
    found = lister(Library(names(8)))
    result = found.call()
    assert (result.status, result.listed, result.new, result.next_cursor) == ("COMPLETE", 8, 8, None)
    assert found.lines.ids == names(8) and result.manifest_key == found.lines.key
    assert Counter(found.account.listed) == Counter([None, "2", "3"])
    assert {row.status for row in found.rows.rows.values()} == {Status.PENDING} and len(found.rows.rows) == 8


def test_an_empty_library_is_complete_and_has_no_work() -> None:
    found = lister(Library([]))
    assert found.call() == ListResult(status="COMPLETE", manifest_key=found.lines.key)


def test_videos_that_are_not_ready_wait_and_other_media_are_only_counted() -> None:
    found = lister(Library(names(7), waiting=("clip-001", "clip-005"), ignored=("clip-003",)))
    result = found.call()
    assert (result.listed, result.new, result.waiting) == (7, 4, 2)
    assert found.lines.ids == ["clip-000", "clip-002", "clip-004", "clip-006"]
    assert set(found.rows.rows) == set(found.lines.ids)


def test_a_row_that_moves_to_the_next_page_is_listed_once() -> None:
    ids = names(8)
    found = lister(Library([*ids[:3], *ids[2:]], claimed=lambda count: count - 1))
    result = found.call()
    assert (result.status, result.listed, found.lines.ids) == ("COMPLETE", 8, ids)
    assert Counter(found.account.listed) == Counter([None, "2", "3"])


@pytest.mark.parametrize("twice", [[2], [2, 5], [0], [7]], ids=str)
@pytest.mark.parametrize("pause", [False, True])
def test_rows_that_are_listed_and_counted_twice_for_good_are_taken_once_and_said(
    twice: list[int], pause: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [name for at, name in enumerate(names(8)) for _ in range(1 + (at in twice))]
    found = lister(Library(ids))
    result = found.call(deadline=OUT_OF_TIME if pause else PLENTY)
    while result.status == "IN_PROGRESS":
        result = found.call(result.next_cursor)
    assert (result.status, result.listed, result.new, found.lines.ids) == ("COMPLETE", 8, 8, names(8))
    (line,) = (vars(record) for record in caplog.records if record.msg == "rows are listed twice")
    assert (line["rows"], line["different"]) == (8 + len(twice), 8)


@dataclass
class Feed(Library):
    """After the last page of rows comes one with those of them that have changed meanwhile."""

    changed: tuple[MediaItem, ...] = ()

    def _page(self, number: int) -> MediaPage:
        if number > -(-len(self.ids) // self.per_page):
            return MediaPage(items=self.changed)
        page = super()._page(number)
        return replaced(page, total=None, next_cursor=page.next_cursor or str(number + 1))


@pytest.mark.parametrize("pause", [False, True])
@pytest.mark.parametrize("known", [False, True], ids=["new", "from an earlier run"])
def test_a_video_that_a_feed_names_again_in_the_same_version_is_in_the_manifest_once(pause: bool, known: bool) -> None:
    moved, edited = replaced(media("clip-001"), filename="best.mp4"), replaced(media("clip-002"), revision="later")
    found = Lister(Account(pages=Feed(names(8), changed=(moved, edited)).page))
    if known:
        found.rows.add_pending([media(name) for name in names(8)], "run-0")
    result = found.call(deadline=OUT_OF_TIME if pause else PLENTY)
    while result.status == "IN_PROGRESS":
        result = found.call(result.next_cursor, deadline=OUT_OF_TIME if pause else PLENTY)
    assert found.lines.ids == [*names(8), "clip-002"] and result.new == 9
    assert found.lines.stored[-1] == edited, "in another version it is other work"


def test_rows_that_repeat_differently_each_time_are_no_complete_listing() -> None:
    library = Library(names(8))

    def shift(given: int) -> None:
        library.ids[:] = names(8)
        if given % 3 == 1:
            library.ids[:] = [*names(3), *names(8)[3 - given % 2 : 7], "late"][:8]

    library.between = shift
    library.claimed = lambda _: 9
    with pytest.raises(ProviderUnavailableError):
        lister(library).to_the_end()


def test_an_upload_between_two_pages_restarts_the_listing_and_loses_nothing() -> None:
    library = Library(names(8))
    library.between = lambda given: library.ids.insert(0, "new") if given == 1 else None
    found = lister(library)
    result = found.to_the_end()
    assert (result.status, result.listed, result.new) == ("COMPLETE", 9, 9)
    assert found.lines.ids == ["new", *names(8)]


def test_a_deletion_between_two_pages_loses_no_other_video() -> None:
    library = Library(names(8))
    library.between = lambda given: library.ids.remove("clip-001") if given == 1 else None
    found = lister(library)
    result = found.to_the_end()
    assert result.status == "COMPLETE" and found.lines.ids == [name for name in names(8) if name != "clip-001"]


def test_a_deletion_between_two_invocations_loses_no_other_video() -> None:
    library = Library(names(8))
    found = lister(library)
    cursor = found.call(deadline=OUT_OF_TIME).next_cursor
    library.ids.remove("clip-001")
    assert found.call(found.call(cursor).next_cursor).status == "COMPLETE"
    assert found.lines.ids == [name for name in names(8) if name != "clip-001"]


def test_a_repeated_invocation_that_had_stored_the_manifest_lists_nothing_twice() -> None:
    found = lister(Library(names(8)))
    cursor = found.call(deadline=OUT_OF_TIME).next_cursor
    found.call(cursor, deadline=OUT_OF_TIME)  # its response is lost
    assert found.call(cursor).new == 8 and found.lines.ids == names(8)


def test_a_listing_that_does_not_add_up_is_restarted_and_counts_nothing_twice() -> None:
    library = Library(names(8), waiting=("clip-004",))
    library.claimed = lambda count: count + 1 if library.pages_given < 3 else count
    found = lister(library)
    found.rows.rows["clip-000"] = ItemRow(status=Status.FAILED, attempts=3)
    result = found.to_the_end()
    assert (result.status, result.listed, result.new, result.waiting, result.exhausted) == ("COMPLETE", 8, 6, 1, 1)
    assert found.lines.ids == [name for name in names(8) if name not in ("clip-000", "clip-004")]
    assert Counter(found.account.listed) == Counter([None, "2", "3"] * 2)


def test_an_invocation_that_restarts_the_listing_can_be_repeated() -> None:
    library = Library(names(8))
    found = lister(library)
    cursor = found.call(deadline=OUT_OF_TIME).next_cursor
    library.ids.insert(0, "soon-gone")
    assert found.call(cursor).listed == 0  # it restarts; this response is lost
    library.ids.remove("soon-gone")
    assert (found.call(cursor).status, found.lines.ids) == ("COMPLETE", names(8))


def test_a_listing_that_never_adds_up_is_an_error_with_both_numbers() -> None:
    found = lister(Library(names(8), claimed=lambda count: count + 5))
    with pytest.raises(ProviderUnavailableError, match=r"13\b.*\b8\b"):
        found.to_the_end()
    assert len(found.account.listed) == 3 * LISTINGS


@pytest.mark.parametrize(
    ("capabilities", "claimed"),
    [(Capabilities(counts_exactly=False), 99), (Capabilities(counts_exactly=True), None)],
    ids=["the total is not exact", "there is no total"],
)
def test_an_inexact_or_missing_total_is_not_compared_with_the_listing(
    capabilities: Capabilities, claimed: int | None
) -> None:
    found = lister(Library(names(8), claimed=lambda _: claimed))
    found.account.capabilities = capabilities
    assert (found.call().status, found.lines.ids) == ("COMPLETE", names(8))


@given(count=st.integers(0, 130), per_page=st.integers(1, 60), pauses=st.lists(st.booleans(), min_size=1, max_size=140))
@settings(deadline=None)
def test_a_listing_in_many_invocations_loses_nothing_and_lists_nothing_twice(
    count: int, per_page: int, pauses: list[bool]
) -> None:
    found, turns = lister(Library(names(count), per_page=per_page)), iter(pauses)
    result = found.call(deadline=OUT_OF_TIME)
    while result.status == "IN_PROGRESS":
        deadline = OUT_OF_TIME if next(turns, False) else PLENTY
        result = found.call(result.next_cursor, deadline=deadline)
    assert (result.status, result.listed, result.new) == ("COMPLETE", count, count)
    assert found.lines.ids == names(count)


def test_when_time_is_up_cursor_and_manifest_keep_the_progress() -> None:
    found = lister(Library(names(8)))
    first = found.call(deadline=OUT_OF_TIME)
    assert (first.status, first.listed, found.lines.ids) == ("IN_PROGRESS", 3, names(3))
    found.call(first.next_cursor)
    assert Counter(found.account.listed) == Counter([None, "2", "3"])


def test_a_row_that_moves_between_two_invocations_is_listed_once() -> None:
    ids = names(8)
    found = lister(Library([*ids[:3], *ids[2:]], claimed=lambda count: count - 1))
    result = found.call(found.call(deadline=OUT_OF_TIME).next_cursor)
    assert (result.status, result.listed, found.lines.ids) == ("COMPLETE", 8, ids)


@pytest.mark.parametrize(
    ("row", "is_work"),
    [
        (ItemRow(status=Status.ARCHIVED, revision="r1"), False),
        (ItemRow(status=Status.ARCHIVED, revision="r0"), True),
        (ItemRow(status=Status.PENDING), True),
        (ItemRow(status=Status.IN_PROGRESS, revision="r1"), True),
        (ItemRow(status=Status.UNAVAILABLE, revision="r1", attempts=9), True),
        (ItemRow(status=Status.FAILED, revision="r1", attempts=2), True),
        (ItemRow(status=Status.FAILED, revision="r1", attempts=3), False),
    ],
    ids=lambda value: f"{value.status}-{value.revision}-{value.attempts}" if isinstance(value, ItemRow) else "",
)
def test_work_is_every_video_not_archived_that_has_not_failed_too_often(row: ItemRow, is_work: bool) -> None:
    found = Lister(Account(pages=lambda _: MediaPage(items=(media("clip", "r1"),), total=1)), Rows({"clip": row}))
    result = found.call()
    assert (result.listed, result.new, found.lines.ids) == (1, int(is_work), ["clip"] if is_work else [])
    assert result.exhausted == int(row.status is Status.FAILED and not is_work)
    assert found.rows.rows["clip"] is row


def test_retry_failed_includes_videos_that_failed_too_often() -> None:
    found = lister(Library(names(2)))
    found.rows.rows["clip-001"] = ItemRow(status=Status.FAILED, attempts=7)
    result = found.call(filters=Filters(retry_failed=True))
    assert (result.new, result.exhausted, found.lines.ids) == (2, 0, names(2))


def test_only_the_requested_videos_are_work() -> None:
    found = lister(Library(names(8)))
    found.rows.rows["clip-002"] = ItemRow(status=Status.FAILED, attempts=7)
    result = found.call(filters=Filters(media_ids=("clip-001", "clip-007", "no-such-clip")))
    assert (result.listed, result.new, result.exhausted, result.left_out) == (8, 2, 0, {"media_ids": 6})
    assert found.lines.ids == ["clip-001", "clip-007"] and set(found.rows.rows) == {"clip-001", "clip-002", "clip-007"}


def test_what_a_filter_leaves_out_is_counted_by_its_reason_and_not_written_anywhere() -> None:
    clips = [
        media("old", captured_at="2020-01-01T00:00:00Z"),
        media("large", size=9_000_000),
        media("still", kind="photo"),
        media("wanted", size=1_000_000, captured_at="2026-01-01T00:00:00Z"),
        media("private", folder="Private/2026"),
        media("large-too", size=9_000_001),
    ]
    found = Lister(Account(pages=lambda _: MediaPage(items=tuple(clips), total=6)))
    filters = Filters(captured_from="2025-01-01T00:00:00Z", max_size_mb=8.0, folders=Folders(exclude=("Private",)))
    result = found.call(filters=filters)
    assert (result.listed, result.new, found.lines.ids, set(found.rows.rows)) == (6, 1, ["wanted"], {"wanted"})
    assert result.left_out == {"captured": 1, "size": 2, "kinds": 1, "folders": 1}
    assert found.rows.reads == [1], "what is left out is not looked up"


@pytest.mark.parametrize("ignore_case", [True, False])
def test_the_case_of_folders_counts_as_the_provider_says(ignore_case: bool) -> None:
    can = Capabilities(counts_exactly=True, folders_ignore_case=ignore_case, photo_kinds=frozenset({"Still"}))
    pages = MediaPage(items=(media("a", folder="trips"), media("b", kind="Still")), total=2)
    result = Lister(Account(pages=lambda _: pages, capabilities=can)).call(
        filters=Filters(folders=Folders(exclude=("Trips",)))
    )
    assert result.left_out == ({"folders": 1, "kinds": 1} if ignore_case else {"kinds": 1})


def test_a_widened_filter_archives_what_was_left_out_before() -> None:
    found = lister(Library(names(4)))
    narrow = found.call(filters=Filters(names=("clip-001*",)))
    assert (narrow.new, narrow.left_out) == (1, {"names": 3})
    found.rows.rows["clip-001"] = ItemRow(status=Status.ARCHIVED)
    wide = found.call()
    assert (wide.new, wide.left_out, found.lines.ids) == (3, {}, ["clip-000", "clip-002", "clip-003"])


@pytest.mark.parametrize(
    "row",
    [
        ItemRow(status=Status.PENDING, run_id="run-0"),
        ItemRow(status=Status.IN_PROGRESS, run_id="run-0"),
        ItemRow(status=Status.UNAVAILABLE, attempts=1),
        ItemRow(status=Status.FAILED, attempts=2),
    ],
    ids=lambda row: row.status,
)
def test_what_was_pending_when_a_filter_was_narrowed_stays_as_it_is_and_is_work_again_later(row: ItemRow) -> None:
    found = lister(Library(names(3)))
    found.rows.rows["clip-002"] = row
    narrow = found.call(filters=Filters(names=("*0.MP4", "*1.MP4")))
    assert (narrow.new, narrow.left_out) == (2, {"names": 1}) and found.rows.rows["clip-002"] is row
    assert found.call().new == 3 and "clip-002" in found.lines.ids


def test_what_was_archived_is_left_out_by_a_narrower_filter_and_moved_no_more_by_a_wider_one() -> None:
    found = lister(Library(names(2)))
    archived = ItemRow(status=Status.ARCHIVED)
    found.rows.rows |= {"clip-000": archived, "clip-001": archived}
    assert found.call(filters=Filters(names=("other*",))).left_out == {"names": 2}
    assert (found.call().new, found.lines.ids) == (0, [])


def test_what_the_provider_leaves_alone_is_counted_with_the_rest_on_every_page() -> None:
    library = Library(names(8))
    found = lister(library)
    found.account.pages = lambda number: replaced(
        library.page(number), left_out={"googles own document": number, "names": 10}
    )
    result = found.call(filters=Filters(names=("clip-00[0]*", "clip-001*")))
    assert result.left_out == {"googles own document": 1 + 2 + 3, "names": 30 + 7}


def test_counts_of_what_is_left_out_go_on_in_the_next_invocation_and_begin_again_with_the_listing() -> None:
    library = Library(names(8))
    library.claimed = lambda count: count + 1 if library.pages_given < 3 else count
    found, filters = lister(library), Filters(names=("clip-000*",))
    result = found.call(filters=filters, deadline=OUT_OF_TIME)
    while result.status == "IN_PROGRESS":
        result = found.call(result.next_cursor, filters=filters, deadline=OUT_OF_TIME)
    assert (result.listed, result.left_out) == (8, {"names": 7})


def test_a_provider_with_reasons_without_end_outgrows_no_state_and_hides_no_filter() -> None:
    reasons = {f"reason {number} {'x' * 1000}": 1 for number in range(100)}
    page = MediaPage(items=(media("a"),), total=1, left_out=reasons)
    result = Lister(Account(pages=lambda _: page)).call(filters=Filters(names=("b*",)))
    assert len(result.left_out) == MOST_REASONS + 2 and max(map(len, result.left_out)) == REASON_LIMIT
    assert (result.left_out["other reasons"], result.left_out["names"]) == (100 - MOST_REASONS, 1)


def test_the_filters_reach_the_provider_on_every_page() -> None:
    filters = Filters(captured_from="2026-01-01T00:00:00Z")
    found = lister(Library(names(8)))
    found.call(filters=filters)
    assert found.account.seen == [filters] * 3


def test_the_ledger_is_read_in_batches_of_a_hundred() -> None:
    found = lister(Library(names(260), per_page=50))
    found.call()
    assert sum(found.rows.reads) == 260 and max(found.rows.reads) <= BATCH_GET_LIMIT and len(found.rows.reads) == 3


def test_a_second_run_stops_while_another_is_running() -> None:
    found = lister(Library(names(8)))
    found.runs.current = RunRow(run_id="run-0", execution_arn="arn:0")
    found.lines.stored = [media("of-the-other")]
    assert found.call() == ListResult(status="ALREADY_RUNNING")
    assert found.account.listed == [] and found.lines.ids == ["of-the-other"]
    assert (found.executions.asked, found.runs.current.run_id) == (["arn:0"], "run-0")


def gone(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "DescribeExecution")


@pytest.mark.parametrize(
    "status",
    ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT", gone("ExecutionDoesNotExist"), gone("InvalidArn")],
    ids=str,
)
def test_a_run_whose_execution_has_ended_is_replaced(status: str | Exception) -> None:
    found = lister(Library(names(8)))
    found.runs.current, found.executions.status = RunRow(run_id="run-0", execution_arn="arn:0"), status
    assert found.call().status == "COMPLETE"
    assert found.runs.current == RunRow(run_id="run-1", execution_arn="arn:1")


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDenied", "SomethingNew"])
def test_a_run_of_which_it_is_not_known_whether_it_is_under_way_is_not_replaced(code: str) -> None:
    found = lister(Library(names(8)))
    found.runs.current, found.executions.status = RunRow(run_id="run-0", execution_arn="arn:0"), gone(code)
    with pytest.raises((CloudSyncError, ClientError)):
        found.call()
    assert found.runs.current.run_id == "run-0" and found.account.listed == []


def test_a_repeated_call_of_the_same_run_lists() -> None:
    found = lister(Library(names(8)))
    found.runs.current = RunRow(run_id="run-1", execution_arn="arn:1")
    assert found.call().status == "COMPLETE" and found.executions.asked == []


def test_a_refused_token_is_recorded_and_the_manifest_is_unchanged() -> None:
    found = lister(Library(names(8)))
    cursor = found.call(deadline=OUT_OF_TIME).next_cursor
    found.account.trouble = [CredentialsExpiredError("at the listing"), CredentialsExpiredError("at the check")]
    with pytest.raises(CredentialsExpiredError):
        found.call(cursor)
    assert found.lease.refused == CREDENTIALS.version and found.lines.ids == names(3)


def test_a_transient_error_on_a_page_is_retried() -> None:
    found = lister(Library(names(8)))
    found.account.trouble = [ProviderThrottledError("x", 0.0), ProviderThrottledError("x", 0.0)]
    assert (found.call().status, found.lines.ids) == ("COMPLETE", names(8))
    assert Counter(found.account.listed) == Counter([None, None, None, "2", "3"]) and found.lease.refused == ""


@pytest.mark.parametrize("cursor", ['{"page_cursor":"2","listing":1,"page_ids":["a"]}', "{}", "no JSON"])
def test_a_cursor_of_another_version_starts_the_listing_again(cursor: str) -> None:
    found = lister(Library(names(8)))
    result = found.call(cursor)
    assert (result.status, result.listed, found.lines.ids) == ("COMPLETE", 8, names(8))


def test_a_listing_logs_its_seconds_and_its_count(caplog: pytest.LogCaptureFixture) -> None:
    page = MediaPage(items=tuple(map(media, names(3))), total=3)
    lister = Lister(Account(pages=lambda _: page))
    lister.to_the_end()
    (line,) = (vars(record) for record in caplog.records if record.msg == "listing")
    assert line["listed"] == 3 and line["seconds"] >= 0


def test_ids_of_absurd_length_are_listed_once_each_and_never_outgrow_the_cursor() -> None:
    long = [name + "x" * 20_000 for name in names(8)]
    found = lister(Library(long))
    cursor = found.call(deadline=OUT_OF_TIME).next_cursor
    assert cursor is not None and len(cursor) < 2_000
    assert (found.call(cursor).listed, found.lines.ids) == (8, long)


@pytest.mark.parametrize(("left", "pages"), [(10.0, 3), (9.9, 1)])
def test_another_page_is_begun_only_with_ten_seconds_left(left: float, pages: int) -> None:
    found = lister(Library(names(8)))
    found.call(deadline=Deadline(lambda: left, 0.0))
    assert len(found.account.listed) == pages


def test_a_video_that_waits_on_two_rows_waits_once() -> None:
    found = Lister(Account(pages=lambda _: MediaPage(items=(), waiting=("a", "b", "a"), total=None)))
    assert found.call().waiting == 2


@pytest.mark.parametrize(("pages", "refused"), [(4, False), (5, True)])
def test_a_listing_whose_answers_alone_are_as_much_as_a_run_may_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, pages: int, refused: bool
) -> None:
    """Each page is an answer of a fifth of that; the listing has one page more than are asked for."""
    monkeypatch.setattr(Traffic, "received", 0)

    def receive(_: int) -> None:
        Traffic.received += MOST_BYTES // 5

    found, cursor = lister(Library(names(3 * (pages + 1)), between=receive)), None
    for _ in range(pages - 1):
        cursor = found.call(cursor, deadline=OUT_OF_TIME).next_cursor
    if refused:
        with pytest.raises(ProviderContractError, match="listing alone"):
            found.call(cursor, deadline=OUT_OF_TIME)
    else:
        assert found.call(cursor, deadline=OUT_OF_TIME).status == "IN_PROGRESS"
    assert found.runs.read == pages * MOST_BYTES // 5


def test_a_listing_that_has_ended_is_no_failure_however_large_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Traffic, "received", 0)

    def receive(_: int) -> None:
        Traffic.received += MOST_BYTES

    assert lister(Library(names(2), between=receive)).call().status == "COMPLETE"
