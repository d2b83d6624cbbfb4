"""The same clip in two clouds: recorded as a copy where the owner wants that, else stored twice and noted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.transfer import upload_stream

from tests.integration.aws_on_loopback import ARCHIVE, Aws
from tests.integration.three_clouds import CHAPTERS, CLIP, LONG, PHOTO, Cloud, ThreeClouds, running_clouds

RENAMED = "Renamed.mp4"  # the second of CHAPTERS, in the other clouds
FILE_OF = {CLIP: "clip.mp4", LONG: "long.mp4", PHOTO: "photo.jpg", RENAMED: "two.mp4"}
PAIRS = [("gopro", "dropbox"), ("gopro", "google_drive"), ("google_drive", "dropbox"), ("dropbox", "google_drive")]


@pytest.fixture
def clouds(aws: Aws, tmp_path: Path) -> Iterator[ThreeClouds]:
    with running_clouds(aws, tmp_path / "library") as clouds:
        yield clouds


def whole_objects(aws: Aws) -> list[str]:
    """The keys of everything in the archive but the pointers."""
    found = aws.s3.list_objects_v2(Bucket=ARCHIVE).get("Contents", [])
    return sorted(entry["Key"] for entry in found if not entry["Key"].endswith(".copy"))


def contents(aws: Aws) -> list[dict[str, Any]]:
    """The rows by which contents are known."""
    return aws.table.scan(FilterExpression=Attr("pk").begins_with("CONTENT#"))["Items"]


def assert_copy(aws: Aws, row: SourceRow, of: SourceRow) -> None:
    """The row says ARCHIVED, and its pointer says of which object it is a copy."""
    assert (row.status, row.copy_of, row.size, row.checksum) == (Status.ARCHIVED, of.key, of.size, of.checksum)
    assert json.loads(aws.read(row.key)) == {"copy_of": of.key, "size": of.size, "crc64nvme": of.checksum}
    assert "s3-checksum" in row.proofs and row.key.endswith(".copy")


def assert_by_itself(cloud: Cloud, name: str, file: str) -> None:
    assert cloud.source(name).copy_of == "" and cloud.archived(name) == cloud.digest_of(file)


@pytest.mark.parametrize("name", [CLIP, LONG, PHOTO])
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_same_file_in_two_clouds_is_one_object_and_a_copy_of_it(
    aws: Aws, clouds: ThreeClouds, first: str, second: str, name: str
) -> None:
    original, other = clouds.named(first), clouds.named(second)
    assert original.move(name).status == other.move(name).status == "ARCHIVED"
    assert_copy(aws, other.source(name), original.source(name))
    assert whole_objects(aws) == [original.source(name).key] and aws.uploads() == []
    assert other.archived(name) == other.digest_of(FILE_OF[name])
    row, size = other.row(name), other.size_of(FILE_OF[name])
    assert (row.status, row.copied_bytes, row.twice_bytes) == (Status.ARCHIVED, size, 0)
    assert original.row(name).copied_bytes == original.row(name).twice_bytes == 0


@pytest.mark.parametrize(("first", "name"), [("gopro", CLIP), ("gopro", LONG), ("google_drive", LONG)])
def test_not_a_byte_moves_where_the_provider_publishes_a_hash_that_is_known(
    clouds: ThreeClouds, first: str, name: str
) -> None:
    """Dropbox publishes a hash of hashes of blocks, which is computed of every file while copies are wanted."""
    clouds.named(first).move(name)
    clouds.dropbox.move(name)
    row = clouds.dropbox.source(name)
    assert clouds.dropbox.bytes_served() == 0 and row.agreed == row.listed != ""
    assert "content-hash" in row.proofs


def test_a_file_whose_hash_nobody_knows_is_read_once_and_found_by_its_checksum(clouds: ThreeClouds) -> None:
    """Google Drive publishes a hash of the whole, which parts that come side by side do not have."""
    clouds.dropbox.move(LONG)
    clouds.google_drive.move(LONG)
    row = clouds.google_drive.source(LONG)
    assert row.agreed == f"crc64nvme:{row.checksum}" and "content-hash" in row.proofs
    assert row.size <= clouds.google_drive.bytes_served() <= row.size + 1  # a first byte shows the version


def test_a_hash_that_was_checked_while_copies_were_not_wanted_is_known_later(clouds: ThreeClouds) -> None:
    clouds.dropbox.record = False
    clouds.dropbox.move(LONG)
    second = clouds.dropbox.item(LONG)
    clouds.dropbox.fake.control.put_file("/Again.mp4", "long.mp4")
    clouds.dropbox.record, served = True, clouds.dropbox.bytes_served()
    clouds.dropbox.move("Again.mp4")
    assert clouds.dropbox.bytes_served() == served
    assert clouds.dropbox.source("Again.mp4").copy_of == clouds.dropbox.source(LONG).key and second.filename == LONG


@pytest.mark.parametrize("name", [CLIP, LONG])
def test_without_the_switch_both_are_stored_and_the_second_says_so(aws: Aws, clouds: ThreeClouds, name: str) -> None:
    for cloud in clouds.all:
        cloud.record = False
        assert cloud.move(name).status == "ARCHIVED"
        assert_by_itself(cloud, name, FILE_OF[name])
    size = clouds.gopro.size_of(FILE_OF[name])
    assert [cloud.row(name).twice_bytes for cloud in clouds.all] == [0, size, size]
    first = clouds.gopro.source(name)
    assert [cloud.source(name).same_as for cloud in clouds.all] == ["", first.key, first.key]
    assert len(whole_objects(aws)) == 3


def test_where_nobody_looks_for_copies_nothing_is_noted(aws: Aws, clouds: ThreeClouds) -> None:
    clouds.gopro.noting = False
    clouds.gopro.move(CLIP)
    assert contents(aws) == [] and not clouds.gopro.source(CLIP).noted


@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("second", ["google_drive", "dropbox"])
def test_other_bytes_of_the_same_name_and_size_are_never_a_copy(
    aws: Aws, tmp_path: Path, second: str, record: bool
) -> None:
    with running_clouds(aws, tmp_path / "library", {second: {CLIP: ["alias.mp4"]}}) as clouds:
        other = clouds.named(second)
        other.record = record
        clouds.gopro.move(CLIP)
        assert other.move(CLIP).status == "ARCHIVED"
        assert_by_itself(other, CLIP, "alias.mp4")
        assert other.source(CLIP).size == clouds.gopro.source(CLIP).size and other.source(CLIP).same_as == ""
        assert len(whole_objects(aws)) == 2


def test_of_an_item_with_several_files_each_is_a_copy_or_stored_by_itself(aws: Aws, clouds: ThreeClouds) -> None:
    clouds.dropbox.move(RENAMED)
    assert clouds.gopro.move(CHAPTERS).status == "ARCHIVED"
    first, second = clouds.gopro.source(CHAPTERS, 1), clouds.gopro.source(CHAPTERS, 2)
    assert first.copy_of == "" and clouds.gopro.archived(CHAPTERS) == clouds.gopro.digest_of("clip.mp4")
    assert_copy(aws, second, clouds.dropbox.source(RENAMED))
    assert clouds.gopro.archived(CHAPTERS, 2) == clouds.gopro.digest_of("two.mp4")
    assert clouds.gopro.row(CHAPTERS).copied_bytes == second.size
    assert clouds.gopro.ledger.keys_of(clouds.gopro.item(CHAPTERS).media_id) == {first.key, second.own_key}


@pytest.mark.parametrize("second", ["google_drive", "dropbox"])
@pytest.mark.parametrize("name", [CLIP, LONG])
def test_an_object_that_was_deleted_meanwhile_is_nobodys_original(
    aws: Aws, clouds: ThreeClouds, second: str, name: str
) -> None:
    clouds.gopro.move(name)
    aws.s3.delete_object(Bucket=ARCHIVE, Key=clouds.gopro.source(name).key)
    assert clouds.named(second).move(name).status == "ARCHIVED"
    assert_by_itself(clouds.named(second), name, FILE_OF[name])
    assert clouds.named(second).source(name).same_as == ""


@pytest.mark.parametrize("second", ["google_drive", "dropbox"])
@pytest.mark.parametrize("file", ["alias.mp4", "two.mp4"], ids=["of the same size", "of another size"])
def test_an_object_that_was_replaced_meanwhile_is_nobodys_original(
    aws: Aws, clouds: ThreeClouds, second: str, file: str
) -> None:
    clouds.gopro.move(CLIP)
    body = (clouds.gopro.folder / file).read_bytes()
    key = clouds.gopro.source(CLIP).key
    aws.s3.put_object(Bucket=ARCHIVE, Key=key, Body=body, ChecksumAlgorithm="CRC64NVME")
    assert clouds.named(second).move(CLIP).status == "ARCHIVED"
    assert_by_itself(clouds.named(second), CLIP, "clip.mp4")


def test_a_transfer_that_was_begun_before_the_same_file_came_from_elsewhere_ends_as_its_copy(
    aws: Aws, clouds: ThreeClouds
) -> None:
    clouds.dropbox.half_move(LONG)
    clouds.gopro.move(LONG)
    assert clouds.dropbox.move(LONG).status == "ARCHIVED"
    assert_copy(aws, clouds.dropbox.source(LONG), clouds.gopro.source(LONG))
    assert aws.uploads() == [] and whole_objects(aws) == [clouds.gopro.source(LONG).key]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_file_that_took_two_slices_is_known_by_its_checksum(
    aws: Aws, clouds: ThreeClouds, first: str, second: str
) -> None:
    original, other = clouds.named(first), clouds.named(second)
    original.half_move(LONG)
    original.move(LONG)
    assert original.archived(LONG) == original.digest_of("long.mp4")
    assert other.move(LONG).status == "ARCHIVED"
    assert_copy(aws, other.source(LONG), original.source(LONG))


def test_a_copy_whose_rows_are_lost_is_recorded_again_with_the_pointer_that_it_has(
    aws: Aws, clouds: ThreeClouds
) -> None:
    clouds.gopro.move(CLIP)
    clouds.dropbox.move(CLIP)
    before, objects = clouds.dropbox.source(CLIP), aws.archived()
    forget(aws, "dropbox#")
    clouds.dropbox.move(CLIP)
    assert clouds.dropbox.source(CLIP).key == before.key and aws.archived() == objects


def test_an_original_whose_rows_are_lost_is_found_again_and_is_no_copy_of_itself(aws: Aws, clouds: ThreeClouds) -> None:
    for name in (CLIP, LONG):
        clouds.dropbox.move(name)
    objects = aws.archived()
    forget(aws, "dropbox#")
    for name in (CLIP, LONG):
        clouds.dropbox.move(name)
        assert_by_itself(clouds.dropbox, name, FILE_OF[name])
    assert aws.archived() == objects


def test_an_original_that_is_stored_twice_already_does_not_become_a_copy(clouds: ThreeClouds) -> None:
    for cloud in clouds.all:
        cloud.record = False
        cloud.move(CLIP)
        cloud.record = True
    row = clouds.dropbox.source(CLIP)
    item = clouds.dropbox.item(CLIP)
    clouds.dropbox.ledger.claim(item, "another", 0)
    for cloud in clouds.all:
        cloud.move(CLIP, "run-2")
    assert clouds.dropbox.source(CLIP) == row


@pytest.mark.parametrize("record", [True, False])
def test_a_copy_that_is_replaced_at_its_provider_is_archived_by_itself_beside_its_pointer(
    aws: Aws, clouds: ThreeClouds, record: bool
) -> None:
    clouds.gopro.move(CLIP)
    clouds.google_drive.move(CLIP)
    before = clouds.google_drive.source(CLIP)
    clouds.google_drive.fake.control.replace_content(clouds.google_drive.item(CLIP).media_id, "alias.mp4")
    clouds.google_drive.record = record
    assert clouds.google_drive.move(CLIP, "run-2").status == "ARCHIVED"
    row = clouds.google_drive.source(CLIP)
    assert (row.copy, row.copy_of, row.key) == (2, "", before.key.removesuffix(".MP4.copy") + "-v2.MP4")
    assert_by_itself(clouds.google_drive, CLIP, "alias.mp4")
    assert clouds.google_drive.ledger.keys_of(clouds.google_drive.item(CLIP).media_id) == {before.own_key, row.key}
    assert clouds.google_drive.row(CLIP).copied_bytes == 0


def test_a_clip_that_becomes_the_same_as_another_is_a_copy_in_its_new_version(aws: Aws, clouds: ThreeClouds) -> None:
    clouds.gopro.move(CLIP)
    drive = clouds.google_drive
    drive.move(RENAMED)
    first = drive.source(RENAMED)
    drive.fake.control.replace_content(drive.item(RENAMED).media_id, "clip.mp4")
    assert drive.move(RENAMED, "run-2").status == "ARCHIVED"
    assert_copy(aws, drive.source(RENAMED), clouds.gopro.source(CLIP))
    assert drive.source(RENAMED).copy == 2
    assert drive.ledger.keys_of(drive.item(RENAMED).media_id) == {first.key, drive.source(RENAMED).own_key}


def test_a_pointer_can_be_read_at_once_where_originals_go_into_deep_archive(aws: Aws, clouds: ThreeClouds) -> None:
    for cloud in (clouds.gopro, clouds.dropbox):
        cloud.storage_class = "DEEP_ARCHIVE"
        cloud.move(CLIP)
    found = {entry["Key"]: entry["StorageClass"] for entry in aws.s3.list_objects_v2(Bucket=ARCHIVE)["Contents"]}
    original, copy = clouds.gopro.source(CLIP), clouds.dropbox.source(CLIP)
    assert found == {original.key: "DEEP_ARCHIVE", copy.key: "STANDARD"}
    assert_copy(aws, copy, original)
    said = aws.s3.head_object(Bucket=ARCHIVE, Key=copy.key)["Metadata"]
    assert (said["provider"], said["source-size"]) == ("dropbox", str(copy.size))


def test_two_clouds_that_archive_the_same_clip_at_the_same_moment_lose_nothing(aws: Aws, clouds: ThreeClouds) -> None:
    """Whichever is first: both are stored then, or one is a copy of the other."""
    clouds.google_drive.uploader = upload_stream.of_this_process.__wrapped__(allow_loopback=True)
    both = (clouds.gopro, clouds.google_drive)
    with ThreadPoolExecutor(2) as side_by_side:
        results = list(side_by_side.map(lambda cloud: cloud.move(LONG).status, both))
    clouds.google_drive.uploader.close()
    assert results == ["ARCHIVED", "ARCHIVED"]
    assert [cloud.archived(LONG) for cloud in both] == 2 * [clouds.gopro.digest_of("long.mp4")]
    repeated = [bool(cloud.source(LONG).copy_of or cloud.source(LONG).same_as) for cloud in both]
    assert sorted(repeated) == [False, True] and aws.uploads() == []


def forget(aws: Aws, prefix: str) -> None:
    """Deletes every row of a provider's items."""
    for row in aws.table.scan(FilterExpression=Attr("pk").begins_with(prefix))["Items"]:
        aws.table.delete_item(Key={"pk": row["pk"], "sk": row["sk"]})
