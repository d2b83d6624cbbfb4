"""A batch in one invocation archives every video that it can finish, and returns exactly the rest."""

from __future__ import annotations

from collections import Counter

import pytest
from cloud_sync_common import prices
from cloud_sync_common.stores.ledger_rows import Status

from local.fake_providers.fault_menu import Endpoint, FaultKind
from tests.integration.aws_on_loopback import Aws
from tests.integration.downloader import (
    BIG,
    CHAPTERS,
    HURRIED,
    NO_ORIGINAL,
    PLAIN,
    TWIN,
    UNNUMBERED,
    Downloader,
    UntilParts,
)


def archived(downloader: Downloader, *media_ids: str) -> bool:
    """Whether these items are archived byte for byte, and no others."""
    objects = downloader.aws.archived()
    expected = sorted(downloader.originals(*media_ids))
    rows = downloader.ledger.known(media_ids)
    return sorted(objects.values()) == expected and all(rows[each].status is Status.ARCHIVED for each in media_ids)


def test_a_batch_is_archived_in_one_invocation(downloader: Downloader, aws: Aws) -> None:
    assert downloader.batch(PLAIN, TWIN, CHAPTERS, UNNUMBERED) == []
    assert archived(downloader, PLAIN, TWIN, CHAPTERS, UNNUMBERED)
    assert aws.calls("CreateMultipartUpload") == []


def test_a_batch_asks_the_ledger_as_often_as_its_costs_say(
    downloader: Downloader, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = downloader.items()
    downloader.ledger.add_pending([items[PLAIN], items[TWIN]], "run-1")
    client, asked = aws.table.meta.client, Counter[str]()
    send = client._make_api_call  # type: ignore[attr-defined]

    def note(operation: str, parameters: object) -> object:
        asked[operation] += 1
        return send(operation, parameters)

    monkeypatch.setattr(client, "_make_api_call", note)
    assert downloader.batch(PLAIN, TWIN) == []
    looked_up_by_the_lister = 1
    reads = 2 * (prices.READS_PER_VIDEO - looked_up_by_the_lister) + prices.READS_PER_BATCH
    # Of each video the claim, its file, and its outcome with what was done for it; and what the batch has read.
    assert (asked["GetItem"] + asked["Query"], asked["UpdateItem"]) == (reads, 2 * 3 + prices.WRITES_PER_BATCH)


def test_a_repeated_batch_transfers_nothing(downloader: Downloader) -> None:
    downloader.batch(PLAIN, TWIN)
    before = downloader.bytes_served()
    assert downloader.batch(PLAIN, TWIN) == []
    assert downloader.bytes_served() == before and archived(downloader, PLAIN, TWIN)


def test_a_failing_video_is_left_and_those_beside_it_are_archived(downloader: Downloader) -> None:
    assert downloader.batch(PLAIN, NO_ORIGINAL, TWIN) == [NO_ORIGINAL]
    assert archived(downloader, PLAIN, TWIN)


def test_a_refused_token_leaves_all_videos_to_slices_which_renew_it(downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.ACCESS_TOKEN_DIES, endpoint=Endpoint.DOWNLOAD)
    assert downloader.batch(PLAIN, TWIN) == [PLAIN, TWIN]
    assert downloader.lease.refused_version() != "" and archived(downloader)


def test_a_video_that_needs_more_time_is_not_started(downloader: Downloader) -> None:
    assert downloader.batch(PLAIN, BIG, TWIN, left=lambda: HURRIED) == [BIG, TWIN]
    assert archived(downloader, PLAIN) and BIG not in downloader.ledger.known([BIG])


def test_a_large_video_keeps_its_parts_when_the_time_is_up(downloader: Downloader, aws: Aws) -> None:
    downloader.connections = 1
    assert downloader.batch(BIG, left=UntilParts(aws)) == [BIG]
    assert downloader.source(BIG).status is Status.IN_PROGRESS and len(aws.uploads()) == 1
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert archived(downloader, BIG)


def test_a_video_missing_at_the_provider_does_not_stop_a_batch(downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.TRASHED, endpoint=Endpoint.DOWNLOAD, media_id=PLAIN)
    assert downloader.batch(PLAIN, TWIN) == []
    assert downloader.row(PLAIN).status is Status.UNAVAILABLE and archived(downloader, TWIN)
