"""What one file's server answers concerns that file: the others are archived, and the run goes on."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from cloud_sync_common.exceptions import OriginalUnavailableError, ProviderContractError, SourceChangedError

from local.fake_providers.fault_menu import FaultKind
from tests.integration.aws_on_loopback import Aws
from tests.integration.downloader import BIG, CHAPTERS, PLAIN, TWIN, Downloader, UntilParts, assert_whole
from tests.integration.test_download_faults import path_of

NONSENSE = [FaultKind.RANGE_SHIFTED, FaultKind.AUTHORIZATION_REFUSED]


@pytest.fixture
def downloader(downloader: Downloader) -> Downloader:
    downloader.connections = 2
    return downloader


@pytest.mark.parametrize("kind", NONSENSE)
@pytest.mark.parametrize(("media_id", "after"), [(PLAIN, 0), (BIG, 1), (CHAPTERS, 1)])
def test_nonsense_from_the_server_of_one_file_concerns_that_video_alone(
    aws: Aws, downloader: Downloader, kind: FaultKind, media_id: str, after: int
) -> None:
    downloader.fake.control.add_fault(kind, media_id=media_id, after=after)
    with pytest.raises(OriginalUnavailableError, match="other videos"):
        downloader.move(media_id)
    assert downloader.move(TWIN)[-1].status == "ARCHIVED"
    downloader.fake.control.clear_faults()
    assert downloader.move(media_id)[-1].status == "ARCHIVED"
    assert_whole(downloader, media_id)


@pytest.mark.parametrize("kind", NONSENSE)
@pytest.mark.parametrize(("media_id", "after"), [(PLAIN, 0), (BIG, 1), (BIG, 3)])
def test_nonsense_that_comes_once_is_asked_for_again(
    aws: Aws, downloader: Downloader, kind: FaultKind, media_id: str, after: int
) -> None:
    downloader.fake.control.add_fault(kind, media_id=media_id, after=after, times=1)
    assert downloader.move(media_id)[-1].status == "ARCHIVED"
    assert len(aws.calls("CreateMultipartUpload")) == (media_id == BIG)
    assert_whole(downloader, media_id)


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_about_the_files_of_several_videos_means_that_the_api_has_changed(
    aws: Aws, downloader: Downloader, kind: FaultKind
) -> None:
    downloader.fake.control.add_fault(kind)
    with pytest.raises(ProviderContractError):
        downloader.move(PLAIN)
    assert aws.archived() == {}


def test_a_video_that_the_listing_could_not_describe_fails_with_that_reason(aws: Aws, downloader: Downloader) -> None:
    item = msgspec.structs.replace(downloader.items()[PLAIN], unusable="It is too large to be handed on.")
    with pytest.raises(OriginalUnavailableError, match="handed on"):
        downloader.move(item)
    assert aws.archived() == {}


def test_the_lens_that_is_left_takes_neither_row_nor_object_of_the_one_that_is_gone(
    aws: Aws, downloader: Downloader
) -> None:
    """First only the other file was moved, then the listing has only this one."""
    downloader.fake.control.add_fault(FaultKind.LENSES)
    item = downloader.items()[CHAPTERS]
    item = msgspec.structs.replace(item, source_count=1, size=None)
    lenses = downloader.originals(CHAPTERS)
    downloader.fake.control.add_fault(FaultKind.VARIATIONS_LOST, keep=[1], times=1)
    assert downloader.move(item)[-1].status == "ARCHIVED"
    first = downloader.source(CHAPTERS)
    downloader.fake.control.add_fault(FaultKind.VARIATIONS_LOST, keep=[3], times=1)
    again = msgspec.structs.replace(item, revision="another")
    assert downloader.move(again, "run-2")[-1].status == "ARCHIVED"
    assert downloader.source(CHAPTERS) == first
    assert downloader.archived(CHAPTERS) == [lenses[0], lenses[2]]
    downloader.fake.control.clear_faults()
    downloader.fake.control.add_fault(FaultKind.LENSES)
    whole = msgspec.structs.replace(item, revision="whole")
    assert downloader.move(whole, "run-3")[-1].status == "ARCHIVED"
    assert downloader.archived(CHAPTERS) == [lenses[0], lenses[2], lenses[1]]
    assert sorted(aws.archived().values()) == sorted(lenses), "each file once"


@pytest.mark.parametrize("connections", [1, 2])
@pytest.mark.parametrize("media_id", [PLAIN, BIG])
def test_a_date_that_moves_with_each_answer_is_not_looked_at_after_the_first_restart_if_the_etag_is_strong(
    aws: Aws, downloader: Downloader, media_id: str, connections: int
) -> None:
    downloader.connections = connections
    downloader.fake.control.add_fault(FaultKind.DATE_MOVING, media_id=media_id)
    assert downloader.move(media_id)[-1].status == "ARCHIVED"
    assert len(aws.calls("CreateMultipartUpload")) == 2 * (media_id == BIG)
    assert_whole(downloader, media_id)


@pytest.mark.parametrize("connections", [1, 2])
@pytest.mark.parametrize("etag", [FaultKind.ETAG_MISSING, FaultKind.ETAG_WEAK])
def test_where_only_a_date_could_show_the_version_and_moves_with_each_answer_one_answer_is_archived(
    aws: Aws, downloader: Downloader, etag: FaultKind, connections: int
) -> None:
    downloader.connections = connections
    downloader.fake.control.add_fault(FaultKind.DATE_MOVING)
    downloader.fake.control.add_fault(etag)
    moved = downloader.move(BIG)
    assert (moved[-1].status, moved[-1].single_stream) == ("ARCHIVED", True)
    assert_whole(downloader)


def test_a_moving_date_does_not_begin_a_file_anew_in_each_slice(aws: Aws, downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.DATE_MOVING)
    downloader.connections = 1
    for parts in (1, 1, 1):
        downloader.slice(BIG, left=UntilParts(aws, parts))
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert len(aws.calls("CreateMultipartUpload")) == 2
    assert_whole(downloader)


def test_a_moving_date_hides_no_change_of_the_content(aws: Aws, downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.DATE_MOVING)
    downloader.fake.control.add_fault(FaultKind.OBJECT_REPLACED, after=3)
    downloader.connections = 1
    with pytest.raises(SourceChangedError):
        downloader.move(BIG)
    assert aws.archived() == {}
    content = bytes(255 - value for value in path_of(downloader, BIG).read_bytes())
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert downloader.archived(BIG) == [sha256(content).hexdigest()] == list(aws.archived().values())
