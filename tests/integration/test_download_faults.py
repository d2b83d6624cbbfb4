"""Transfers with faults of the provider: they succeed in the end, or raise the right error and store nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cloud_sync_common.exceptions import (
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalUnavailableError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
    RangeIgnoredError,
    ShortReadError,
    SourceChangedError,
    SourceLinkExpiredError,
)
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.transfer import range_transfer

from local.fake_providers.fault_menu import Endpoint, FaultKind
from tests.integration.aws_on_loopback import Aws
from tests.integration.downloader import BIG, CHAPTERS, PLAIN, TWIN, Downloader, assert_whole


@pytest.fixture
def downloader(downloader: Downloader) -> Downloader:
    downloader.connections = 2
    return downloader


@pytest.fixture
def an_answer_for_each_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """The source is asked for one part at a time, so that it can change between any two of them."""
    monkeypatch.setattr(range_transfer, "USUAL_PART", 1)


def inverted(path: Path) -> str:
    """SHA-256 of a file with every bit inverted, which is the fake's replacement of a file."""
    return hashlib.sha256(bytes(255 - value for value in path.read_bytes())).hexdigest()


def path_of(downloader: Downloader, media_id: str) -> Path:
    (path,) = (found.path for found in downloader.fake.library.originals() if found.media_id == media_id)
    return path


# Links that expire


def ending_links(downloader: Downloader) -> Callable[[], float]:
    """Always enough time; but once S3 has a part, the provider's clock jumps past the expiry of every link."""
    jumped: list[bool] = []

    def left() -> float:
        if downloader.aws.calls("UploadPart") and not jumped:
            downloader.fake.control.advance_clock(3601)
            jumped.append(True)
        return 4.0

    return left


def test_a_link_that_expires_during_a_transfer_is_renewed_and_the_upload_continues(
    aws: Aws, downloader: Downloader
) -> None:
    assert downloader.move(BIG, left=ending_links(downloader))[-1].status == "ARCHIVED"
    asked = downloader.fake.control.stats()["requests"]
    assert asked["cdn"]["403"] >= 1 and asked["download"]["200"] == 2
    assert len(aws.calls("CreateMultipartUpload")) == 1
    assert_whole(downloader)


@pytest.mark.parametrize("status", [401, 403, 410])
@pytest.mark.parametrize(("media_id", "after"), [(PLAIN, 0), (BIG, 0), (BIG, 2)])
def test_a_refused_link_is_requested_again(
    aws: Aws, downloader: Downloader, status: int, media_id: str, after: int
) -> None:
    downloader.fake.control.add_fault(FaultKind.LINK_REFUSED, status=status, after=after, times=1)
    assert downloader.move(media_id)[-1].status == "ARCHIVED"
    assert len(aws.calls("CreateMultipartUpload")) == (media_id == BIG)
    assert_whole(downloader, media_id)


@pytest.mark.parametrize("kinds", [(FaultKind.LENSES,), (FaultKind.CHAPTERS_UNNUMBERED,), ()], ids=str)
@pytest.mark.parametrize("refused", [0, 1, 2])
def test_a_renewed_link_leads_to_the_same_file_in_whatever_order_the_files_are_listed(
    aws: Aws, downloader: Downloader, kinds: tuple[FaultKind, ...], refused: int
) -> None:
    for kind in kinds:
        downloader.fake.control.add_fault(kind)
    downloader.fake.control.add_fault(FaultKind.ORDER_REVERSED, after=1, times=1)
    downloader.fake.control.add_fault(FaultKind.LINK_REFUSED, after=refused, times=1)
    assert downloader.move(CHAPTERS)[-1].status == "ARCHIVED"
    assert_whole(downloader, CHAPTERS)
    assert len(aws.archived()) == 3


def test_a_file_that_is_listed_twice_is_one_object(aws: Aws, downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.LISTED_TWICE)
    for media_id in (PLAIN, CHAPTERS):
        assert downloader.move(media_id)[-1].status == "ARCHIVED"
        assert_whole(downloader, media_id)
    assert len(aws.archived()) == 4


def test_links_that_never_work_are_an_error(aws: Aws, downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.LINK_REFUSED)
    with pytest.raises(SourceLinkExpiredError):
        downloader.move(PLAIN)
    assert aws.archived() == {}
    assert downloader.fake.control.stats()["requests"]["download"]["200"] < 30


def test_a_token_that_expires_before_a_link_is_renewed_is_an_error_and_keeps_the_upload(
    aws: Aws, downloader: Downloader
) -> None:
    downloader.fake.control.add_fault(FaultKind.ACCESS_TOKEN_DIES, endpoint=Endpoint.DOWNLOAD, after=1)
    item = downloader.items()[BIG]
    with pytest.raises(CredentialsExpiredError):
        downloader.move(item, left=ending_links(downloader))
    assert len(aws.uploads()) == 1
    downloader.fake.control.reset()
    aws.store({"provider": "gopro", "access_token": downloader.fake.access_token, "user_id": "renewed"})
    assert downloader.move(item)[-1].status == "ARCHIVED" and len(aws.calls("CreateMultipartUpload")) == 1
    assert_whole(downloader)


# Connections that break


@pytest.mark.parametrize("byte", [0, 1, 65_536, 1_000_000])
def test_a_connection_cut_in_the_middle_of_a_part_costs_only_that_part(
    aws: Aws, downloader: Downloader, byte: int
) -> None:
    downloader.fake.control.add_fault(FaultKind.CONNECTION_CUT, byte=byte, after=1, times=1)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert len(aws.calls("CreateMultipartUpload")) == 1
    assert_whole(downloader)


def test_a_small_file_whose_connection_is_cut_is_fetched_again(aws: Aws, downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.CONNECTION_CUT, byte=100_000, times=1)
    assert downloader.move(PLAIN)[-1].status == "ARCHIVED"
    assert_whole(downloader, PLAIN)


@pytest.mark.parametrize("media_id", [PLAIN, BIG])
def test_a_source_that_always_ends_early_is_never_stored(aws: Aws, downloader: Downloader, media_id: str) -> None:
    downloader.fake.control.add_fault(FaultKind.CONNECTION_CUT, byte=300_000)
    with pytest.raises((ShortReadError, ProviderUnavailableError)):
        downloader.move(media_id)
    assert aws.archived() == {} and downloader.row(media_id).status is Status.IN_PROGRESS
    downloader.fake.control.clear_faults()
    assert downloader.move(media_id)[-1].status == "ARCHIVED"
    assert_whole(downloader, media_id)


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        (FaultKind.THROTTLED, {"retry_after": 0}),
        (FaultKind.THROTTLED, {}),
        (FaultKind.SERVER_ERROR, {"status": 503}),
        (FaultKind.SERVER_ERROR, {"status": 500}),
    ],
)
def test_a_transient_fault_of_the_cdn_is_retried(downloader: Downloader, kind: FaultKind, how: dict[str, int]) -> None:
    downloader.fake.control.add_fault(kind, endpoint=Endpoint.CDN, after=1, times=2, **how)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert_whole(downloader)


def test_a_wait_longer_than_the_remaining_time_is_left_to_the_state_machine(
    downloader: Downloader,
) -> None:
    downloader.fake.control.add_fault(FaultKind.THROTTLED, endpoint=Endpoint.CDN, retry_after=600)
    with pytest.raises(ProviderThrottledError) as failure:
        downloader.move(BIG)
    assert failure.value.retry_after == 600


# Sources that change


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_source_replaced_during_a_transfer_is_started_again_and_archived_as_the_new_one(
    aws: Aws, downloader: Downloader, after: int
) -> None:
    downloader.fake.control.add_fault(FaultKind.OBJECT_REPLACED, after=after)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert downloader.archived(BIG) == [inverted(path_of(downloader, BIG))] == list(aws.archived().values())
    assert aws.uploads() == []


def test_a_source_replaced_between_two_slices_is_started_again(aws: Aws, downloader: Downloader) -> None:
    upload = downloader.half_move(BIG).upload_id
    downloader.fake.control.add_fault(FaultKind.OBJECT_REPLACED)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert downloader.archived(BIG) == [inverted(path_of(downloader, BIG))]
    assert aws.uploads() == [] and upload in {call.upload_id for call in aws.calls("AbortMultipartUpload")}


@pytest.mark.parametrize("kind", [FaultKind.ETAG_MISSING, FaultKind.ETAG_WEAK])
@pytest.mark.parametrize("after", [1, 3])
def test_without_a_strong_etag_a_source_whose_date_moves_is_started_again(
    aws: Aws, downloader: Downloader, kind: FaultKind, after: int
) -> None:
    downloader.fake.control.add_fault(kind)
    downloader.fake.control.add_fault(FaultKind.OBJECT_REPLACED, after=after)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert downloader.archived(BIG) == [inverted(path_of(downloader, BIG))] == list(aws.archived().values())
    assert aws.uploads() == []


@pytest.mark.parametrize("kind", [FaultKind.ETAG_MISSING, FaultKind.ETAG_WEAK])
def test_where_nothing_shows_a_change_a_source_is_read_by_one_request(
    aws: Aws, downloader: Downloader, kind: FaultKind
) -> None:
    downloader.fake.control.add_fault(kind)
    downloader.fake.control.add_fault(FaultKind.DATE_MISSING)
    downloader.fake.control.add_fault(FaultKind.OBJECT_REPLACED, after=2)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert downloader.source(BIG).single_stream
    assert_whole(downloader)


def test_an_upload_begun_with_a_strong_etag_is_not_continued_without_one(aws: Aws, downloader: Downloader) -> None:
    upload = downloader.half_move(BIG).upload_id
    for kind in (FaultKind.ETAG_MISSING, FaultKind.DATE_MISSING, FaultKind.OBJECT_REPLACED):
        downloader.fake.control.add_fault(kind)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert downloader.archived(BIG) == [inverted(path_of(downloader, BIG))]
    assert aws.uploads() == [] and upload in {call.upload_id for call in aws.calls("AbortMultipartUpload")}


@pytest.mark.parametrize("status", [412, 400, 501])
def test_a_cdn_that_refuses_if_match_as_such_is_read_without_it(aws: Aws, downloader: Downloader, status: int) -> None:
    downloader.fake.control.add_fault(FaultKind.CONDITION_REFUSED, status=status)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    refused = downloader.fake.control.stats()["requests"]["cdn"][str(status)]
    assert 1 <= refused <= downloader.connections, "once it is known, no request says it again"
    assert len(aws.calls("CreateMultipartUpload")) == 1
    assert_whole(downloader)


@pytest.mark.parametrize("status", [412, 400, 501])
@pytest.mark.parametrize("after", [1, 2, 3, 4])
@pytest.mark.usefixtures("an_answer_for_each_part")
def test_without_if_match_a_replaced_source_is_still_found(
    aws: Aws, downloader: Downloader, after: int, status: int
) -> None:
    downloader.fake.control.add_fault(FaultKind.CONDITION_REFUSED, status=status)
    downloader.fake.control.add_fault(FaultKind.OBJECT_REPLACED, after=after)
    downloader.connections = 1
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert downloader.archived(BIG) == [inverted(path_of(downloader, BIG))] == list(aws.archived().values())
    assert aws.uploads() == []


@pytest.mark.usefixtures("an_answer_for_each_part")
def test_a_source_that_keeps_changing_is_an_error_and_never_mixed(aws: Aws, downloader: Downloader) -> None:
    for after in range(1, 80, 2):
        downloader.fake.control.add_fault(FaultKind.OBJECT_REPLACED, after=after, times=1)
    downloader.connections = 1
    with pytest.raises(SourceChangedError):
        downloader.move(BIG)
    assert aws.archived() == {}


# Responses other than the requested media


@pytest.mark.parametrize("media_id", [PLAIN, BIG])
def test_an_html_page_is_never_stored_as_a_video(aws: Aws, downloader: Downloader, media_id: str) -> None:
    downloader.fake.control.add_fault(FaultKind.PAGE_INSTEAD)
    with pytest.raises(ProviderUnavailableError, match="with a page"):
        downloader.move(media_id)
    assert aws.archived() == {}
    downloader.fake.control.clear_faults()
    assert downloader.move(media_id)[-1].status == "ARCHIVED"
    assert_whole(downloader, media_id)


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("media_id", [PLAIN, BIG])
def test_a_file_of_less_than_half_the_listed_size_is_not_stored_as_the_original(
    aws: Aws, downloader: Downloader, media_id: str, ranges: bool
) -> None:
    downloader.fake.control.add_fault(FaultKind.FILE_SIZE_STALE, bytes_off=-100_000_000)
    if not ranges:
        downloader.fake.control.add_fault(FaultKind.RANGE_IGNORED)
    with pytest.raises(OriginalUnavailableError, match="not stored in its place"):
        downloader.move(media_id)
    assert aws.archived() == {} and aws.uploads() == []


@pytest.mark.parametrize("media_id", [PLAIN, BIG])
def test_a_cdn_that_ignores_ranges_is_read_in_one_stream_and_the_result_shows_it(
    aws: Aws, downloader: Downloader, media_id: str
) -> None:
    downloader.fake.control.add_fault(FaultKind.RANGE_IGNORED)
    (result,) = downloader.move(media_id)
    assert (result.status, result.single_stream) == ("ARCHIVED", True)
    assert downloader.source(media_id).single_stream and aws.uploads() == []
    assert downloader.fake.control.stats()["requests"]["cdn"] == {"200": 1}
    assert_whole(downloader, media_id)


@pytest.mark.parametrize("byte", [0, 6_000_000])
def test_a_single_stream_that_breaks_is_started_again_and_leaves_nothing_behind(
    aws: Aws, downloader: Downloader, byte: int
) -> None:
    downloader.fake.control.add_fault(FaultKind.RANGE_IGNORED)
    downloader.fake.control.add_fault(FaultKind.CONNECTION_CUT, byte=byte, times=1)
    (result,) = downloader.move(BIG)
    assert (result.status, result.single_stream) == ("ARCHIVED", True)
    started, aborted = aws.calls("CreateMultipartUpload"), aws.calls("AbortMultipartUpload")
    assert len(started) == len(aborted) + 1 and aws.uploads() == []
    assert_whole(downloader)


def test_a_single_stream_longer_than_an_invocation_is_an_error_with_the_fix(aws: Aws, downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.RANGE_IGNORED)
    downloader.fake.control.add_fault(FaultKind.SLOW, bytes_per_second=4_000_000)
    with pytest.raises(RangeIgnoredError, match="Raise downloader_timeout_seconds"):
        downloader.slice(BIG, left=lambda: 2.0)
    assert aws.archived() == {} and aws.uploads() == []


def test_a_cdn_that_stops_honouring_ranges_keeps_the_uploaded_parts(aws: Aws, downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.RANGE_IGNORED, after=2)
    with pytest.raises(RangeIgnoredError):
        downloader.move(BIG)
    assert aws.archived() == {} and len(aws.uploads()) == 1
    downloader.fake.control.clear_faults()
    assert downloader.move(BIG)[-1].status == "ARCHIVED" and len(aws.calls("CreateMultipartUpload")) == 1
    assert_whole(downloader)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.RANGE_SHIFTED, ProviderContractError),
        (FaultKind.AUTHORIZATION_REFUSED, ProviderContractError),
    ],
)
@pytest.mark.parametrize(("media_id", "after"), [(PLAIN, 0), (BIG, 0), (BIG, 1)])
def test_an_unexpected_response_is_never_stored(
    aws: Aws, downloader: Downloader, kind: FaultKind, error: type[Exception], media_id: str, after: int
) -> None:
    downloader.fake.control.add_fault(kind, after=after)
    with pytest.raises(error):
        downloader.move(media_id)
    assert aws.archived() == {}


def test_refused_ranges_keep_the_uploaded_parts(aws: Aws, downloader: Downloader) -> None:
    downloader.half_move(BIG)
    downloader.fake.control.add_fault(FaultKind.RANGE_REFUSED)
    with pytest.raises((SourceChangedError, ProviderContractError)):
        downloader.move(BIG)
    downloader.fake.control.clear_faults()
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert_whole(downloader)


def test_a_video_trashed_during_a_transfer_is_unavailable_and_not_a_failure(aws: Aws, downloader: Downloader) -> None:
    item = downloader.items()[BIG]
    downloader.half_move(item)
    downloader.fake.control.trash_item(BIG)
    assert downloader.slice(item).status == "UNAVAILABLE"
    assert downloader.row(BIG).error_category == MediaNotFoundError.category and aws.archived() == {}


@pytest.mark.parametrize("media_id", [PLAIN, BIG])
@pytest.mark.parametrize("kind", [FaultKind.RANGE_SHORT, FaultKind.TOTAL_UNKNOWN, FaultKind.CODING_NAMED])
def test_an_odd_but_honest_answer_costs_nothing(downloader: Downloader, media_id: str, kind: FaultKind) -> None:
    downloader.fake.control.add_fault(kind)
    assert downloader.move(media_id)[-1].status == "ARCHIVED"
    assert_whole(downloader, media_id)


# A refusal of one video


def test_a_video_that_is_refused_once_is_archived_and_the_token_stays_accepted(downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.REFUSED, media_id=PLAIN, times=1)
    assert downloader.move(PLAIN)[-1].status == "ARCHIVED"
    assert downloader.lease.refused_version() == ""


@pytest.mark.parametrize("status", [401, 403, 409, 410, 451])
def test_a_video_that_is_always_refused_fails_alone(downloader: Downloader, status: int) -> None:
    downloader.fake.control.add_fault(FaultKind.REFUSED, media_id=PLAIN, status=status)
    with pytest.raises(OriginalUnavailableError, match="It gives those of other videos"):
        downloader.move(PLAIN)
    assert downloader.move(TWIN)[-1].status == "ARCHIVED" and downloader.lease.refused_version() == ""
