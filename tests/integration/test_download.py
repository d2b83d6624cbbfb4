"""Transfers of originals: every byte of every file is archived once, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import shutil
from pathlib import Path
from urllib.parse import unquote

import anycrc
import msgspec
import pytest
from cloud_sync_common.exceptions import CredentialsExpiredError, OriginalUnavailableError
from cloud_sync_common.steps.download import SliceResult
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.stores.runs import RunStatus

from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from tests.integration.aws_on_loopback import ARCHIVE, Aws, S3Call
from tests.integration.downloader import (
    BIG,
    CHAPTERS,
    NO_ORIGINAL,
    ODD_NAME,
    PLAIN,
    TWIN,
    UNNUMBERED,
    Downloader,
)

# Every kind of original


def test_a_small_file_is_one_put_and_equals_its_original(aws: Aws, downloader: Downloader) -> None:
    (result,) = downloader.move(PLAIN)
    assert result.status == "ARCHIVED" and result.bytes_archived == downloader.source(PLAIN).size
    assert downloader.archived(PLAIN) == downloader.originals(PLAIN)
    assert len(aws.calls("PutObject")) == 1 and aws.calls("CreateMultipartUpload") == []


def test_a_large_file_is_uploaded_in_parts_and_equals_its_original(aws: Aws, downloader: Downloader) -> None:
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert downloader.archived(BIG) == downloader.originals(BIG)
    parts = [call.part for call in aws.calls("UploadPart")]
    assert len(parts) > 1 and sorted(parts) == list(range(1, len(parts) + 1))
    assert (len(aws.calls("CreateMultipartUpload")), len(aws.calls("CompleteMultipartUpload"))) == (1, 1)
    assert aws.calls("PutObject") == [] and aws.uploads() == []


@pytest.mark.parametrize(("media_id", "count"), [(CHAPTERS, 3), (UNNUMBERED, 2)])
def test_every_chapter_is_a_separate_object_in_order(
    aws: Aws, downloader: Downloader, media_id: str, count: int
) -> None:
    downloader.move(media_id)
    assert len(downloader.originals(media_id)) == count
    assert downloader.archived(media_id) == downloader.originals(media_id)
    assert sorted(aws.archived()) == [downloader.source(media_id, number).key for number in range(1, count + 1)]


def test_every_original_of_the_library_is_archived_and_nothing_else_is(aws: Aws, downloader: Downloader) -> None:
    items = downloader.items()
    for item in items.values():
        if item.media_id != NO_ORIGINAL:
            assert downloader.move(item)[-1].status == "ARCHIVED", item
    expected = downloader.originals(*(media_id for media_id in items if media_id != NO_ORIGINAL))
    objects = aws.archived()
    assert len(expected) >= 17 and sorted(objects.values()) == sorted(expected)
    for media_id in set(items) - {NO_ORIGINAL}:
        assert downloader.archived(media_id, objects) == downloader.originals(media_id)
        assert downloader.row(media_id).status is Status.ARCHIVED


def test_two_clips_with_one_filename_become_two_objects(aws: Aws, downloader: Downloader) -> None:
    items = downloader.items()
    assert items[PLAIN].filename == items[TWIN].filename
    downloader.move(PLAIN)
    downloader.move(TWIN)
    assert downloader.archived(PLAIN) + downloader.archived(TWIN) == downloader.originals(PLAIN, TWIN)
    assert len(aws.archived()) == 2


def test_the_metadata_of_an_object_names_its_source(aws: Aws, downloader: Downloader) -> None:
    downloader.move(ODD_NAME)
    head = aws.s3.head_object(Bucket=ARCHIVE, Key=downloader.source(ODD_NAME).key)
    stored = head["Metadata"]
    assert (stored["provider"], stored["media-id"], stored["file-number"]) == ("gopro", ODD_NAME, "1")
    assert stored["captured-at"] == "2026-04-12T06:45:00Z" and head["ContentType"] == "video/mp4"
    assert unquote(stored["filename"]) == 'Über den "Grat" ∕ 50% steil + Blick 🏔️ (1).MP4'


@pytest.mark.parametrize("media_id", [PLAIN, BIG])
def test_the_ledger_holds_the_true_checksum_of_the_whole_object(
    aws: Aws, downloader: Downloader, media_id: str
) -> None:
    downloader.move(media_id)
    row = downloader.source(media_id)
    content = aws.read(row.key)
    expected = anycrc.Model("CRC64-NVME").calc(content).to_bytes(8, "big")
    assert (row.status, row.checksum) == (Status.ARCHIVED, base64.b64encode(expected).decode())
    assert (row.size, row.upload_id) == (len(content), "")


def test_an_archived_item_has_its_bytes_its_stats_and_no_lease(aws: Aws, downloader: Downloader) -> None:
    results = downloader.move(CHAPTERS)
    size = sum(downloader.source(CHAPTERS, number).size for number in (1, 2, 3))
    row = downloader.row(CHAPTERS)
    assert (row.status, row.revision, row.lease_owner) == (Status.ARCHIVED, downloader.items()[CHAPTERS].revision, "")
    assert (row.effort_run, row.run_bytes, row.run_slices) == ("run-1", size, len(results))
    assert row.run_requests >= 3 and row.run_gb_seconds > 0
    assert aws.row(f"gopro#{CHAPTERS}", "ITEM")["bytes_total"] == size


# Once, and only once


def test_a_second_run_transfers_no_byte(aws: Aws, downloader: Downloader) -> None:
    for media_id in (PLAIN, CHAPTERS, BIG):
        downloader.move(media_id)
    items = downloader.items()
    downloader.fake.control.reset()
    before = aws.archived()
    aws.server.calls.clear()
    for run_id in ("run-1", "run-2"):
        for media_id in (PLAIN, CHAPTERS, BIG):
            assert downloader.slice(items[media_id], run_id) == SliceResult("ARCHIVED")
    assert downloader.fake.control.requests() == [] and aws.server.calls == []
    assert aws.archived() == before


def test_an_item_leased_by_another_run_is_left_alone(aws: Aws, downloader: Downloader) -> None:
    item = downloader.items()[PLAIN]
    downloader.ledger.claim(item, "run-0", 900)
    assert downloader.slice(item) == SliceResult("BUSY")
    assert downloader.bytes_served() == 0 and aws.archived() == {}
    assert downloader.row(PLAIN).lease_owner == "run-0"


def test_items_leased_by_an_ended_run_are_taken_over(downloader: Downloader) -> None:
    item = downloader.items()[PLAIN]
    downloader.runs.begin("run-0", "arn:0")
    downloader.ledger.claim(item, "run-0", 900)
    assert downloader.slice(item).status == "BUSY"
    downloader.runs.end("run-0", RunStatus.SUCCEEDED, {})
    assert downloader.slice(item).status == "ARCHIVED"


def test_a_foreign_object_under_the_key_is_never_overwritten(aws: Aws, downloader: Downloader) -> None:
    downloader.move(PLAIN)
    key = downloader.source(PLAIN).key
    aws.s3.delete_object(Bucket=ARCHIVE, Key=key)
    aws.table.delete_item(Key={"pk": f"gopro#{PLAIN}", "sk": "SOURCE#0001"})
    aws.table.delete_item(Key={"pk": f"gopro#{PLAIN}", "sk": "ITEM"})
    aws.s3.put_object(Bucket=ARCHIVE, Key=key, Body=b"somebody else's")
    assert downloader.move(PLAIN)[-1].status == "ARCHIVED"
    assert aws.read(key) == b"somebody else's"
    assert downloader.source(PLAIN).key != key and downloader.archived(PLAIN) == downloader.originals(PLAIN)


def test_an_object_that_appears_during_the_transfer_is_never_overwritten(aws: Aws, downloader: Downloader) -> None:
    keys: list[str] = []

    def intrude(call: S3Call) -> None:
        if call.name == "CreateMultipartUpload" and not keys:
            keys.append(call.key)
            aws.s3.put_object(Bucket=ARCHIVE, Key=call.key, Body=b"somebody else's")

    aws.server.after = intrude
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert aws.read(keys[0]) == b"somebody else's" and downloader.source(BIG).key not in keys
    assert downloader.archived(BIG) == downloader.originals(BIG) and aws.uploads() == []


# The provider's side


def test_the_cdn_never_sees_the_token(downloader: Downloader) -> None:
    for media_id in (PLAIN, CHAPTERS, BIG):
        downloader.move(media_id)
    stats = downloader.fake.control.stats()
    assert stats["requests"]["cdn"] and set(stats["requests"]["cdn"]) == {"206"}
    assert not stats["cdn_saw_authorization"] and not stats["cdn_saw_api_token"]


@pytest.mark.parametrize("connections", [1, 2, 4])
def test_no_more_connections_are_used_than_allowed(aws: Aws, gopro: FakeGoPro, connections: int) -> None:
    downloader = Downloader(aws, gopro, connections)
    gopro.control.add_fault(FaultKind.SLOW, bytes_per_second=20_000_000)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    most = gopro.control.stats()["cdn_connections_max"]
    assert min(connections, 2) <= most <= connections


def test_a_whole_file_is_fetched_once(downloader: Downloader) -> None:
    downloader.move(BIG)
    size = downloader.source(BIG).size
    assert size <= downloader.bytes_served() <= size * 1.01


def test_a_trashed_video_is_unavailable_and_not_a_failure(aws: Aws, downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.TRASHED, media_id=PLAIN)
    assert downloader.slice(PLAIN) == SliceResult("UNAVAILABLE")
    row = downloader.row(PLAIN)
    assert (row.status, row.error_category, row.attempts) == (Status.UNAVAILABLE, "media_not_found", 0)
    assert aws.archived() == {}


def test_an_original_that_is_not_available_now_is_archived_by_a_later_run(downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.UNAVAILABLE, media_id=PLAIN)
    assert downloader.slice(PLAIN) == SliceResult("UNAVAILABLE")
    assert downloader.row(PLAIN).status is Status.UNAVAILABLE and downloader.row(PLAIN).error_category
    downloader.fake.control.clear_faults()
    assert downloader.slice(PLAIN, "run-2").status == "ARCHIVED"
    assert downloader.archived(PLAIN) == downloader.originals(PLAIN)


def test_without_an_original_nothing_is_stored(aws: Aws, downloader: Downloader) -> None:
    with pytest.raises(OriginalUnavailableError):
        downloader.slice(NO_ORIGINAL)
    assert aws.archived() == {} and aws.uploads() == [] and downloader.bytes_served() == 0


def test_a_refused_token_is_recorded_and_not_used_again(downloader: Downloader) -> None:
    item = downloader.items()[PLAIN]
    downloader.fake.control.expire_access_tokens()
    with pytest.raises(CredentialsExpiredError):
        downloader.slice(item)
    downloader.fake.control.reset()
    with pytest.raises(CredentialsExpiredError):
        downloader.slice(item)
    assert downloader.fake.control.requests() == []


# Content that the provider has reprocessed


@pytest.fixture
def own_library(demo_folder: Path, tmp_path: Path) -> Path:
    """A copy of the demo library that a test may change."""
    return shutil.copytree(demo_folder, tmp_path / "library")


@pytest.mark.parametrize(("media_id", "file"), [(PLAIN, "media/02-1.mp4"), (BIG, "media/05-1.mp4")])
def test_a_reprocessed_item_becomes_a_second_object_beside_the_first(
    aws: Aws, own_library: Path, media_id: str, file: str
) -> None:
    with running(Library.load(own_library)) as fake:
        downloader = Downloader(aws, fake)
        downloader.move(media_id)
        first = aws.archived()
        changed = bytes(255 - value for value in (own_library / file).read_bytes())
        (own_library / "media" / "changed.mp4").write_bytes(changed)
        row = dict(fake.library.get(media_id).row)  # type: ignore[union-attr]
        fake.control.put_item(row | {"reprocessed_at": "2026-11-01T00:00:00Z", "sources": ["media/changed.mp4"]})
        assert downloader.move(media_id, "run-2")[-1].status == "ARCHIVED"
    both = aws.archived()
    assert first.items() < both.items() and len(both) == 2
    assert both[downloader.source(media_id).key] == hashlib.sha256(changed).hexdigest()
    assert (downloader.row(media_id).status, downloader.row(media_id).revision) == (
        Status.ARCHIVED, "2026-11-01T00:00:00Z/1",
    )  # fmt: skip


def test_an_item_that_was_reprocessed_to_the_same_bytes_is_not_stored_twice(aws: Aws, downloader: Downloader) -> None:
    downloader.move(BIG)
    before = aws.archived()
    aws.server.calls.clear()
    found = downloader.fake.library.get(BIG)
    assert found is not None
    changes = {"reprocessed_at": "2026-11-01T00:00:00Z", "sources": ["media/05-1.mp4"]}
    downloader.fake.control.put_item(dict(found.row) | changes)
    result = downloader.slice(BIG, "run-2")
    assert (result.status, result.bytes_archived) == ("ARCHIVED", 0)
    assert aws.archived() == before and {call.name for call in aws.server.calls} <= {"HeadObject", "GetObject"}
    assert downloader.row(BIG).revision == "2026-11-01T00:00:00Z/1"


def test_a_source_that_is_archived_is_not_contacted_again_in_a_later_slice(downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.SERVER_ERROR, endpoint=Endpoint.CDN, after=2, status=404)
    assert downloader.move(CHAPTERS)[-1].status == "UNAVAILABLE"
    downloader.fake.control.clear_faults()
    downloader.fake.control.add_fault(FaultKind.SERVER_ERROR, endpoint=Endpoint.CDN, source=1, status=404)
    downloader.fake.control.add_fault(FaultKind.SERVER_ERROR, endpoint=Endpoint.CDN, source=2, status=404)
    assert downloader.move(CHAPTERS, run_id="run-1")[-1].status == "ARCHIVED"
    assert downloader.archived(CHAPTERS) == downloader.originals(CHAPTERS)


def test_a_new_revision_of_an_item_is_asked_for_once_and_noted(aws: Aws, downloader: Downloader) -> None:
    assert downloader.move(CHAPTERS)[-1].status == "ARCHIVED"
    before = {number: downloader.source(CHAPTERS, number) for number in (1, 2, 3)}
    item = msgspec.structs.replace(downloader.items()[CHAPTERS], revision="another")
    assert downloader.move(item, run_id="run-2")[-1].status == "ARCHIVED"
    assert all(downloader.source(CHAPTERS, number).revision == "another" for number in before)
    assert all(downloader.source(CHAPTERS, number).key == row.key for number, row in before.items())
    assert len(aws.archived()) == 3
