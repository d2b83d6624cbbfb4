"""An interrupted transfer resumes where it was and ends with the original, whatever interrupted it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cloud_sync_common.exceptions import ProviderUnavailableError
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.transfer.range_transfer import MOST_LOOKS

from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from tests.integration.aws_on_loopback import ARCHIVE, Aws
from tests.integration.downloader import BIG, CHAPTERS, PLAIN, Downloader, UntilParts, assert_whole

ROOT = Path(__file__).resolve().parents[2]
HUGE = 120_000_000  # bytes


# Out of time


def test_slices_transfer_every_part_once(aws: Aws, gopro: FakeGoPro) -> None:
    downloader, results = Downloader(aws, gopro, connections=1), []
    while not results or results[-1].status == "IN_PROGRESS":
        results.append(downloader.slice(BIG, left=UntilParts(aws)))
        assert len(results) < 20
    assert len(results) > 2 and results[-1].status == "ARCHIVED"
    assert sum(result.bytes_archived for result in results) == downloader.source(BIG).size
    parts = [call.part for call in aws.calls("UploadPart")]
    assert len(set(parts)) == len(parts) and len(aws.calls("CreateMultipartUpload")) == 1
    assert downloader.row(BIG).run_slices == len(results)
    assert_whole(downloader)


def test_a_slice_may_end_between_two_chapters(aws: Aws, downloader: Downloader) -> None:
    def left() -> float:
        return 4.0 if not aws.calls("PutObject") else -1.0

    first = downloader.slice(CHAPTERS, left=left)
    assert first.status == "IN_PROGRESS" and len(aws.archived()) == 1
    aws.server.calls.clear()
    assert downloader.move(CHAPTERS)[-1].status == "ARCHIVED" and len(aws.calls("PutObject")) == 2
    assert_whole(downloader, CHAPTERS)


def test_a_slice_without_progress_is_an_error_and_not_an_endless_loop(downloader: Downloader) -> None:
    downloader.half_move(BIG)
    with pytest.raises(ProviderUnavailableError, match="Not one part"):
        downloader.slice(BIG, left=lambda: -1.0)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"


# Killed


def event(item: MediaItem) -> str:
    return json.dumps({"request": "slice", "run_id": "run-1", "provider": "gopro", "media": msgspec.to_builtins(item)})


def process(downloader: Downloader, *events: str, connections: int = 2) -> subprocess.Popen[str]:
    """The real handler in a process of its own."""
    paths = f"{ROOT}:{ROOT / 'lambda_layer' / 'python'}"
    settings = downloader.aws.variables | {
        "GOPRO_API_BASE_URL": downloader.fake.base_url,
        "CONNECTIONS_PER_VIDEO": str(connections),
        "PYTHONPATH": paths,
    }
    command = [sys.executable, "-m", "tests.integration.slice_process", *events]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | settings, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def test_a_killed_slice_loses_only_the_parts_in_progress(aws: Aws, downloader: Downloader) -> None:
    item = downloader.items()[BIG]
    # The probe and two parts get through; then the provider sends nothing more.
    downloader.fake.control.add_fault(FaultKind.STALL, endpoint=Endpoint.CDN, after=3, byte=100_000)
    with process(downloader, event(item)) as victim:
        until = time.monotonic() + 60
        while len(aws.calls("UploadPart")) < 2:
            assert victim.poll() is None and time.monotonic() < until
            time.sleep(0.02)
        victim.send_signal(signal.SIGKILL)
    downloader.fake.control.clear_faults()
    assert downloader.row(BIG).status is Status.IN_PROGRESS and aws.archived() == {}
    uploaded = {call.part for call in aws.calls("UploadPart")}
    aws.server.calls.clear()
    assert downloader.slice(item, "run-2").status == "BUSY", "the dead run holds the item until its lease ends"
    assert downloader.move(item)[-1].status == "ARCHIVED"
    assert not uploaded & {call.part for call in aws.calls("UploadPart")} and aws.calls("CreateMultipartUpload") == []
    assert_whole(downloader)


def test_memory_stays_constant_during_the_transfer_of_a_large_file(aws: Aws, tmp_path: Path) -> None:
    with (tmp_path / "huge.mp4").open("wb") as file:
        file.truncate(HUGE)
    (tmp_path / "small.mp4").write_bytes(bytes(400_000))
    items = [{"id": name, "sources": [f"{name}.mp4"]} for name in ("small", "huge")]
    (tmp_path / "library.json").write_text(json.dumps({"items": items}))
    with running(Library.load(tmp_path)) as fake:
        downloader = Downloader(aws, fake)
        events = [event(item) for _, item in sorted(downloader.items().items(), reverse=True)]
        with process(downloader, *events, connections=4) as worker:
            _, errors = worker.communicate(timeout=200)
        assert worker.returncode == 0, errors
        small, huge = (json.loads(line) for line in errors.splitlines())
        assert (small["status"], huge["status"], downloader.source("huge").size) == ("ARCHIVED", "ARCHIVED", HUGE)
    assert len(aws.calls("UploadPart")) > 10
    grown = huge["most_memory"] - small["most_memory"]
    assert grown < HUGE / 3, f"{grown / 1e6:.1f} MB more for a file of {HUGE / 1e6:.1f} MB"


class Killed(BaseException):
    """The function dies here."""


class Dying(Ledger):
    """A ledger that never records success: the function dies right after S3 has the object."""

    def archive_source(self, *_: Any, **__: Any) -> None:
        raise Killed


def assert_nothing_was_written(aws: Aws, media_id: str) -> None:
    """A large file is looked up before its transfer; a small one is sent, and S3 writes it only if it is new."""
    assert {call.status for call in aws.calls("PutObject")} == (set() if media_id == BIG else {412})
    assert aws.calls("UploadPart") == [] and aws.calls("CreateMultipartUpload") == []


@pytest.mark.parametrize("media_id", [PLAIN, BIG])
def test_an_object_that_was_never_recorded_is_found_and_not_stored_twice(
    aws: Aws, downloader: Downloader, media_id: str
) -> None:
    with pytest.raises(Killed):
        downloader.move(media_id, ledger=Dying(aws.table, "gopro"))
    assert len(aws.archived()) == 1 and downloader.row(media_id).status is Status.IN_PROGRESS
    aws.server.calls.clear()
    assert downloader.move(media_id)[-1].status == "ARCHIVED"
    assert_nothing_was_written(aws, media_id)
    assert len(aws.archived()) == 1
    row = downloader.source(media_id)
    assert row.checksum and (row.status, row.upload_id) == (Status.ARCHIVED, "")
    assert_whole(downloader, media_id)


# Lost


@pytest.mark.parametrize("media_id", [PLAIN, CHAPTERS, BIG])
def test_objects_are_found_and_not_stored_twice_after_the_ledger_was_lost(
    aws: Aws, downloader: Downloader, media_id: str
) -> None:
    downloader.move(media_id)
    before = aws.archived()
    for row in aws.table.scan()["Items"]:
        aws.table.delete_item(Key={"pk": row["pk"], "sk": row["sk"]})
    aws.server.calls.clear()
    downloader.fake.control.reset()
    assert downloader.move(media_id, "run-2")[-1].status == "ARCHIVED"
    assert aws.archived() == before
    assert_nothing_was_written(aws, media_id)
    assert media_id != BIG or downloader.bytes_served() <= 10 + MOST_LOOKS * 1024  # the movie's boxes
    assert_whole(downloader, media_id)


def test_an_aborted_upload_is_started_again(aws: Aws, downloader: Downloader) -> None:
    row = downloader.half_move(BIG, parts=2)
    aws.s3.abort_multipart_upload(Bucket=ARCHIVE, Key=row.key, UploadId=row.upload_id)
    assert downloader.move(BIG)[-1].status == "ARCHIVED"
    assert len(aws.calls("CreateMultipartUpload")) == 2
    assert_whole(downloader)


def test_an_upload_aborted_while_parts_are_sent_is_started_again(aws: Aws, downloader: Downloader) -> None:
    row = downloader.half_move(BIG)
    started, ended = len(aws.calls("UploadPart")), []

    def left() -> float:
        if len(aws.calls("UploadPart")) > started and not ended:
            ended.append(aws.s3.abort_multipart_upload(Bucket=ARCHIVE, Key=row.key, UploadId=row.upload_id))
        return 4.0

    downloader.connections = 1
    assert downloader.move(BIG, left=left)[-1].status == "ARCHIVED"
    assert ended and len(aws.calls("CreateMultipartUpload")) == 2
    assert_whole(downloader)
