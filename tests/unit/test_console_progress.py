"""The progress of a run: right in every number, and read by key alone, however large the run is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.ledger_rows import SourceRow, Status

from console.operations import progress
from console.operations.progress import Pace, RunWatch
from tests.unit.console_ledger import World, a_world
from tests.unit.in_process_aws import REGION, WORK

RUN = "run-1"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world(monkeypatch) as world:
        world.account.real["s3"] = boto3.Session("x", "x", region_name=REGION).client("s3")
        world.account.real["s3"].create_bucket(Bucket="archive")
        world.stack = type(world.stack)(world.account, "dev", {**world.stack.outputs, "WorkBucket": WORK})
        yield world


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def videos(count: int, size: int | None = 100) -> list[MediaItem]:
    return [MediaItem(media_id=f"clip-{n}", filename=f"{n}.MP4", size=size, revision="r") for n in range(count)]


def watch(world: World, **more: Any) -> RunWatch:
    return RunWatch(world.stack, "gopro", RUN, clock=Clock(), **more)


def test_before_its_manifest_is_there_a_run_is_listing(world: World) -> None:
    found = watch(world).sample()
    assert (found.stage, found.videos, found.total, found.rate) == ("listing", 0, 0, None)


def test_a_run_that_found_nothing_new_is_ending_and_nothing_else_is_printed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.aws.manifest(RUN, [])
    found = watch(world).sample()
    assert (found.stage, found.videos, capsys.readouterr().out) == ("ending", 0, "")


def test_a_reconciliation_compares_and_has_no_manifest(world: World) -> None:
    assert watch(world, mode="reconcile").sample().stage == "comparing"


def test_a_manifest_that_grows_is_read_again_until_a_video_has_begun(world: World) -> None:
    seen = watch(world)
    world.aws.manifest(RUN, videos(2))
    assert seen.sample().videos == 2
    world.aws.manifest(RUN, videos(3))
    assert (seen.sample().videos, seen.sample().total) == (3, 300)


def test_what_is_archived_counts_by_its_true_size_and_what_has_failed_not_at_all(world: World) -> None:
    items = videos(3)
    world.aws.manifest(RUN, items)
    seen = watch(world)
    seen.sample()
    world.aws.archive(items[0], RUN, run_bytes=150)
    world.aws.ledger.fail_item(items[1], RUN, "integrity", "Other bytes.")
    found = seen.sample()
    assert (found.videos, found.ended, found.failed, found.done, found.total) == (3, 2, 1, 150, 250)
    assert [(one.filename, one.status, one.done, one.reason) for one in found.news] == [
        ("0.MP4", "ARCHIVED", 150, ""), ("1.MP4", "FAILED", 0, "Other bytes.")
    ]  # fmt: skip
    assert seen.sample().news == []


def test_what_an_earlier_run_left_failed_is_still_to_be_done(world: World) -> None:
    (item,) = videos(1)
    world.aws.ledger.fail_item(item, "before", "integrity", "Other bytes.")
    world.aws.manifest(RUN, [item])
    found = watch(world).sample()
    assert (found.ended, found.total, found.moving) == (0, 100, [])


def test_the_parts_of_an_upload_count_and_are_not_listed_all_the_time(world: World) -> None:
    (item,) = videos(1)
    world.aws.manifest(RUN, [item])
    s3 = world.account.real["s3"]
    upload = s3.create_multipart_upload(Bucket="archive", Key="k")["UploadId"]
    s3.upload_part(Bucket="archive", Key="k", UploadId=upload, PartNumber=1, Body=b"x" * 30)
    world.aws.ledger.claim(item, RUN, 60)
    row = SourceRow(status=Status.IN_PROGRESS, key="k", size=120, upload_id=upload)
    world.aws.ledger.begin_source(item.media_id, 1, RUN, row)
    clock = Clock()
    seen = RunWatch(world.stack, "gopro", RUN, clock=clock)
    found = seen.sample()
    assert (found.done, found.total) == (30, 120)
    assert [(one.filename, one.done, one.size) for one in found.moving] == [("0.MP4", 30, 120)]
    s3.upload_part(Bucket="archive", Key="k", UploadId=upload, PartNumber=2, Body=b"x" * 20)
    assert seen.sample().done == 30
    clock.now = progress.PARTS_SECONDS
    found = seen.sample()
    assert (found.done, found.rate, found.seconds_left) == (50, 4.0, 17.5)
    s3.abort_multipart_upload(Bucket="archive", Key="k", UploadId=upload)
    clock.now *= 2
    assert seen.sample().done == 50  # it was completed, or is being begun again: the rows say which


def test_of_a_video_of_several_files_each_counts_and_its_size_is_known_when_all_are(world: World) -> None:
    item = MediaItem(media_id="m", filename="a.MP4", size=None, source_count=2)
    world.aws.manifest(RUN, [item])
    world.aws.ledger.claim(item, RUN, 60)
    done = SourceRow(status=Status.ARCHIVED, key="k", size=70, checksum="c")
    world.aws.ledger.archive_source("m", 1, RUN, done)
    seen = watch(world)
    assert [(one.done, one.size) for one in seen.sample().moving] == [(70, 70)]
    world.aws.ledger.archive_source("m", 2, "before", done)  # a version that this run replaces
    assert [(one.done, one.size) for one in seen.sample().moving] == [(70, 140)]


def test_what_another_run_has_archived_in_this_version_is_done(world: World) -> None:
    (item,) = videos(1)
    world.aws.archive(item, "another", run_bytes=100)
    world.aws.manifest(RUN, [item])
    found = watch(world).sample()
    assert (found.ended, found.failed, found.stage) == (1, 0, "ending")


class Noting:
    """DynamoDB that notes what it is asked for: operations, and the keys of each."""

    def __init__(self, real: Any) -> None:
        self.real, self.operations, self.keys = real, set[str](), 0

    def batch_get_item(self, RequestItems: Any) -> Any:
        self.operations.add("batch_get_item")
        self.keys += sum(len(request["Keys"]) for request in RequestItems.values())
        return self.real.batch_get_item(RequestItems=RequestItems)

    def __getattr__(self, name: str) -> Any:
        self.operations.add(name)
        return getattr(self.real, name)


@pytest.fixture
def noting(world: World) -> Noting:
    found = Noting(world.account.real["dynamodb"])
    world.account.real = {**world.account.real, "dynamodb": found}
    return found


def test_a_large_run_costs_no_more_to_look_at_than_a_small_one_and_none_is_overlooked(
    world: World, noting: Noting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "FRONT", 20)
    monkeypatch.setattr(progress, "BATCH", 10)
    items = videos(120)
    world.aws.manifest(RUN, items)
    seen = watch(world)
    seen.sample()
    assert noting.keys == 30  # the front, and a batch of the others
    done(world, items[119])
    looks = 1
    while not seen.sample().ended:
        looks += 1
    assert looks <= 10
    for item in items[:15]:
        done(world, item)
    assert seen.sample().ended == 16
    before = noting.keys
    seen.sample()
    assert noting.keys - before == 30
    for item in items[15:119]:
        done(world, item)
    found = seen.sample(is_over=True)
    assert (found.ended, found.done, found.total, found.stage) == (120, 12_000, 12_000, "ending")


def done(world: World, item: MediaItem) -> None:
    row = {"status": "ARCHIVED", "run_id": RUN, "revision": item.revision, "bytes_total": item.size}
    world.put(f"gopro#{item.media_id}", "ITEM", media_id=item.media_id, **row)


def test_nothing_is_ever_scanned(world: World, noting: Noting) -> None:
    world.aws.manifest(RUN, videos(5))
    watch(world).sample(is_over=True)
    assert noting.operations == {"batch_get_item"}


def test_the_rate_is_that_of_the_last_minute_and_what_was_there_before_is_none_of_it() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.add(1_000) is None
    rates = []
    for clock.now, done in ((10.0, 2_000), (20.0, 3_000), (100.0, 3_000), (101.0, 2_500)):
        rates.append(pace.add(done))
    assert rates == [100.0, 100.0, 0.0, 0.0]
