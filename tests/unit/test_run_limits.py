"""A run stays within Step Functions' limits: 256 KiB of state, 25,000 events in the history of an execution.

Limits: Step Functions developer guide, "Service quotas". The worst case is computed from the code's own limits and from
the state machine's definition; docs/design.md, "Limits of a run", explains the arithmetic.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import msgspec
import pytest
from cloud_sync_common.exceptions import ConfigurationError, ProviderContractError
from cloud_sync_common.provider_access.listing import CURSOR_LIMIT, MARK_BYTES, ListingProgress, encode_cursor
from cloud_sync_common.provider_interface import Filters, MediaItem
from cloud_sync_common.providers.gopro import PER_PAGE
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.runtime import run_input
from cloud_sync_common.runtime.execution_errors import SENTENCE_LIMIT
from cloud_sync_common.steps.list_media import PAGE_SECONDS, Progress
from cloud_sync_common.stores.archive_keys import kept_id
from cloud_sync_common.stores.manifest import LINE_LIMIT, Batch, ManifestWriter

from cloud_sync.config import ENVIRONMENTS
from cloud_sync.definition import definition
from tests.unit.state_machine import State, states

STATE_LIMIT, HISTORY_LIMIT = 256 * 1024, 25_000
NAME_LIMIT = 80  # characters of an execution's name (API reference, StartExecution)
CAUSE_LIMIT = 32_768  # characters of a cause (API reference, LambdaFunctionFailedEventDetails); up to 4 bytes each
TEN_MILLION = 10_000_000
STATES = states(definition())


def size(document: Any) -> int:
    return len(json.dumps(document, ensure_ascii=False).encode())


def largest_filters() -> Filters:
    count = 1
    while len(msgspec.json.encode(ids(count + 1))) <= run_input.FILTERS_LIMIT:
        count += 1
    return run_input.filters_of({"filters": {"media_ids": list(ids(count).media_ids)}})


def ids(count: int) -> Filters:
    return Filters(media_ids=tuple(f"65a0f0c2b7e4d1a2c3b4{number:04x}" for number in range(count)))


def largest_cursor() -> str:
    """A provider's cursor of quotation marks only: JSON within JSON needs four characters for each."""
    listing = ListingProgress(total=TEN_MILLION, listed=TEN_MILLION, page_cursor="")
    progress = Progress(listing=listing, new=TEN_MILLION)
    spare = CURSOR_LIMIT - len(msgspec.json.encode(progress))
    listing.page_cursor = '"' * (spare // 2)
    return encode_cursor(progress, listing)


def error() -> dict[str, str]:
    return {"Error": "ProviderUnavailableError", "Cause": "🏔" * CAUSE_LIMIT}


def test_the_state_of_a_run_stays_within_its_limit_whatever_happens() -> None:
    counts = dict.fromkeys(("listed", "new", "waiting", "exhausted", "batches"), TEN_MILLION)
    listing: dict[str, Any] = {
        "status": "IN_PROGRESS",
        "next_cursor": largest_cursor(),
        "manifest_key": "k" * 128,
        **counts,
    }
    listing["renewal"] = {"renewals": 3}
    state = {
        "run_id": "r" * NAME_LIMIT,
        "provider": "google_drive",
        "filters": msgspec.to_builtins(largest_filters()),
        "listing": listing,
        "error": error(),
    }
    # ReportFailure sends all of it, with two short fields, and adds its result to it.
    assert size({"run_id": "r" * NAME_LIMIT, "started_at": "2026-11-22T02:00:00.000Z", "state": state}) < STATE_LIMIT
    assert size(state | {"failure": {"error": "ProviderUnavailableError", "cause": "🏔" * SENTENCE_LIMIT}}) < STATE_LIMIT


def test_the_state_of_a_child_stays_within_its_limit_whatever_happens() -> None:
    state = {
        "run_id": "r" * NAME_LIMIT,
        "provider": "google_drive",
        "batch": {"unfinished": [{"filename": "x" * LINE_LIMIT}]},
        "error": error(),
    }
    assert size(state) < STATE_LIMIT


def test_the_state_of_a_video_within_a_child_stays_within_its_limit_whatever_happens() -> None:
    state = {
        "run_id": "r" * NAME_LIMIT,
        "provider": "google_drive",
        "media": {"filename": "x" * LINE_LIMIT},
        "slice": {"status": "IN_PROGRESS", "bytes_archived": 2**53, "renewals": 3},
        "error": error(),
    }
    assert size({**state, "scope": "media"}) < STATE_LIMIT


def test_the_output_of_each_video_is_empty_so_that_ten_of_them_fit_into_a_child() -> None:
    found = STATES["EachMedia"]["ItemProcessor"]["States"]
    done = [state for state in found.values() if state["Type"] == "Succeed" or state.get("End")]
    assert [(state["Type"], state["Result"]) for state in done] == [("Pass", {})]


def test_filters_that_would_not_fit_are_refused_with_the_next_step() -> None:
    with pytest.raises(ConfigurationError, match=r"filters\.media_ids.*2000 videos.*several runs"):
        run_input.filters_of({"filters": {"media_ids": list(ids(2000).media_ids)}})
    assert len(largest_filters().media_ids) > 1000


def test_a_page_with_too_many_rows_for_the_cursor_is_a_broken_contract() -> None:
    listing = ListingProgress(page_marks=bytes(4000 * MARK_BYTES))
    with pytest.raises(ProviderContractError, match="4,000 rows"):
        encode_cursor(Progress(listing=listing), listing)


def test_two_thousand_ids_of_a_page_and_the_longest_cursor_of_a_provider_fit_into_the_cursor() -> None:
    """The largest pages there are have 2,000 rows (Dropbox, list_folder); Drive's have 1,000."""
    listing = ListingProgress(page_cursor="c" * 2048, page_marks=bytes(2000 * MARK_BYTES), listed=TEN_MILLION)
    assert len(encode_cursor(Progress(listing=listing, new=TEN_MILLION), listing)) < CURSOR_LIMIT * 3 // 4


@pytest.mark.parametrize(
    "large",
    [
        {"filename": "x" * LINE_LIMIT},
        {"filename": "\U0001f3d4" * LINE_LIMIT},
        {"filename": "x", "revision": "\u2028" * LINE_LIMIT},
        {"filename": "x", "media_id": "b" * 20_000},
    ],
    ids=",".join,
)
def test_a_video_too_large_for_the_manifest_is_listed_with_that_reason_and_the_others_as_they_are(
    large: dict[str, str],
) -> None:
    small = [MediaItem(media_id=name, filename="x.mp4", size=1) for name in "ac"]
    odd = MediaItem(**{"media_id": "b", "size": 1} | large)  # type: ignore[arg-type]
    file = BytesIO()
    assert ManifestWriter(file).add([small[0], odd, small[1]]) == 3
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) < LINE_LIMIT / 2
    (before,), (told,), (after,) = (msgspec.json.decode(line, type=Batch).media for line in lines)
    assert [before, after] == small and told.media_id == kept_id(odd.media_id)
    assert "has" in told.unusable and "16384" in told.unusable


# History: a Task that succeeds is five events (entered, scheduled, started, succeeded, exited), each attempt that fails
# three (scheduled, started, failed), a Choice two. Errors of the first retrier can come at each visit. Those of the
# second come when a function was idle for weeks, so at most once in a run for each function.


def events(state: State) -> int:
    if state["Type"] == "Choice":
        return 2
    return 5 + 3 * sum(retry["MaxAttempts"] for retry in state.get("Retry", [])[:1])


def events_of_waking(*names: str) -> int:
    """The events of a second retrier that is used up in each of these states."""
    return 3 * sum(STATES[name]["Retry"][1]["MaxAttempts"] for name in names)


def test_a_listing_of_ten_million_items_fits_into_one_history_and_half_of_it_when_every_page_is_slow() -> None:
    """Each invocation lists until less than a page's time is left, and is retried as often as its Retry allows."""
    one_invocation = events(STATES["ListMedia"]) + events(STATES["IsListingComplete"])
    the_rest = sum(events(STATES[name]) for name in ("Authenticate", "RenewForListing", "EachBatch", "Report"))
    the_rest += events_of_waking("Authenticate", "ListMedia", "Report")
    seconds = float(ENVIRONMENTS["prod"].lister_timeout_seconds)
    usable = seconds - Deadline.of(_WholeTime(seconds)).margin - PAGE_SECONDS
    items = usable / 1.0 * PER_PAGE  # at a second a page, which is slow
    assert the_rest + one_invocation * -(-TEN_MILLION // items) < HISTORY_LIMIT
    slowest = usable / PAGE_SECONDS * PER_PAGE
    assert (HISTORY_LIMIT - the_rest) / one_invocation * slowest > TEN_MILLION / 2


def test_a_video_of_four_terabytes_fits_into_one_history_at_five_megabytes_a_second() -> None:
    one_slice = events(STATES["DownloadSlice"]) + events(STATES["IsVideoComplete"])
    around = ("DownloadBatch", "EachMedia", "RenewForDownload", "RecordFailure", "StopRun")
    the_rest = sum(events(STATES[name]) for name in around)
    the_rest += events_of_waking("DownloadSlice", "RenewForDownload", "RecordFailure")
    seconds = ENVIRONMENTS["prod"].downloader_timeout_seconds - 30
    assert (HISTORY_LIMIT - the_rest) // one_slice * seconds * 5_000_000 > 4e12


class _WholeTime:
    """The context of an invocation that has just begun."""

    aws_request_id, memory_limit_in_mb = "request-1", 256

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


def test_a_run_ends_after_seven_days_whatever_it_does() -> None:
    machine = definition()
    assert machine["TimeoutSeconds"] == 7 * 24 * 3600
    # Whatever a Task may wait at most is far less, so that it is the whole run that goes on and not one invocation.
    assert all(state.get("TimeoutSeconds", 0) <= 960 for state in machine["States"].values())
