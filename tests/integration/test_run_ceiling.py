"""What one run may read from the provider: a run that has read as much leaves the rest to the next one."""

from __future__ import annotations

import pytest
from cloud_sync_common.exceptions import CloudSyncError
from cloud_sync_common.stores.runs import RunStatus

from local.fake_providers.fault_menu import FaultKind
from tests.integration.aws_on_loopback import Aws
from tests.integration.downloader import BIG, PLAIN, TWIN, Downloader

ANSWERS = 100_000  # bytes of the API's answers, which count as well


def test_a_run_that_has_read_as_much_as_it_may_begins_no_other_video(aws: Aws, downloader: Downloader) -> None:
    downloader.most_bytes = 1
    assert downloader.move(PLAIN)[-1].status == "ARCHIVED"
    before = aws.archived()
    served = downloader.bytes_served()
    assert (downloader.slice(TWIN).status, downloader.slice(BIG).status) == ("LEFT", "LEFT")
    assert downloader.batch(TWIN, BIG) == []
    assert aws.archived() == before and downloader.bytes_served() == served
    assert downloader.ledger.known([TWIN, BIG]) == {}  # no row says that anything had failed


def test_the_next_run_continues_where_a_run_at_its_ceiling_ended(aws: Aws, downloader: Downloader) -> None:
    downloader.most_bytes = 1
    upload = downloader.half_move(BIG)
    assert downloader.slice(BIG).status == "LEFT"
    assert (downloader.row(BIG).status, downloader.row(BIG).attempts) == ("IN_PROGRESS", 0)
    downloader.runs.end("run-1", RunStatus.SUCCEEDED, {})
    aws.server.calls.clear()
    downloader.most_bytes = 10**12
    assert downloader.move(BIG, "run-2")[-1].status == "ARCHIVED"
    assert aws.calls("CreateMultipartUpload") == [] and downloader.source(BIG).key == upload.key
    assert downloader.archived(BIG) == downloader.originals(BIG)
    assert downloader.row(BIG).attempts == 0


def test_what_a_run_reads_is_counted_over_all_its_invocations(downloader: Downloader) -> None:
    assert downloader.batch(PLAIN, TWIN) == []
    sizes = [downloader.source(media_id).size for media_id in (PLAIN, TWIN)]
    read = downloader.runs.bytes_read("run-1")
    assert 0 <= read - sum(sizes) < ANSWERS
    downloader.move(BIG)
    assert 0 <= downloader.runs.bytes_read("run-1") - read - downloader.source(BIG).size < ANSWERS
    assert downloader.runs.bytes_read("run-2") == 0


def test_bytes_that_lead_to_nothing_are_counted_as_well(downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.CONNECTION_CUT, byte=300_000)
    with pytest.raises(CloudSyncError):
        downloader.slice(PLAIN)
    assert downloader.runs.bytes_read("run-1") >= 300_000


def test_a_row_of_a_run_has_no_part_in_counting_what_it_reads(downloader: Downloader) -> None:
    """The count is in no index, and the row of the run stays as it is."""
    downloader.runs.begin("run-1", "arn")
    before = downloader.runs.get("run-1")
    for _ in range(3):
        downloader.runs.note_read("run-1", 10)
    assert downloader.runs.bytes_read("run-1") == 30 and downloader.runs.get("run-1") == before
