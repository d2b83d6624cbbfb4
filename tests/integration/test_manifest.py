"""The manifest of a run in S3: JSON Lines, extended by each invocation and read as a stream."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.manifest import Manifest

from tests.integration.aws_on_loopback import WORK, Aws


@pytest.fixture
def manifest(aws: Aws) -> Manifest:
    return Manifest(aws.s3, WORK, "run-1")


def clip(number: int, filename: str = "GX010001.MP4") -> MediaItem:
    return MediaItem(media_id=f"clip-{number}", filename=filename, captured_at="2026-05-06T10:00:00Z", size=number)


def write(manifest: Manifest, items: list[MediaItem], kept: int = 0) -> int:
    with manifest.extended(kept) as writer:
        writer.add(items)
        return writer.size


def test_it_is_stored_under_the_run_in_the_work_bucket(aws: Aws, manifest: Manifest) -> None:
    write(manifest, [clip(1)])
    assert manifest.key == "runs/run-1/work.jsonl"
    assert aws.s3.head_object(Bucket=WORK, Key=manifest.key)["ContentType"] == "application/x-ndjson"


def test_each_line_is_the_json_of_one_batch(aws: Aws, manifest: Manifest) -> None:
    write(manifest, [clip(1, "two\nlines 🏔️.MP4"), *map(clip, range(2, 25))])
    lines = [json.loads(line)["media"] for line in aws.read(manifest.key, WORK).splitlines()]
    assert [len(line) for line in lines] == [20, 4]
    assert [media["media_id"] for line in lines for media in line] == [f"clip-{number}" for number in range(1, 25)]
    assert lines[0][0]["filename"] == "two\nlines 🏔️.MP4"


def test_items_are_read_back_as_written(manifest: Manifest) -> None:
    items = [clip(number, f'"{number}" é 🏔️\u2028.MP4') for number in range(500)]
    write(manifest, items)
    assert list(manifest.items()) == items


def test_a_later_invocation_appends_to_an_earlier_one(manifest: Manifest) -> None:
    size = write(manifest, [clip(1)])
    assert write(manifest, [], size) == size
    write(manifest, [clip(2), clip(3)], size)
    assert list(manifest.items()) == [clip(1), clip(2), clip(3)]


def test_lines_of_a_dead_invocation_are_written_once(manifest: Manifest) -> None:
    size = write(manifest, [clip(1)])
    for _ in ("the one that died after storing it", "the one that replaced it"):
        write(manifest, [clip(2), clip(3)], size)
    assert list(manifest.items()) == [clip(1), clip(2), clip(3)]


def test_what_is_written_in_this_version_is_not_written_again(manifest: Manifest) -> None:
    first, again, later = (MediaItem(media_id="a", filename="a.mp4", revision=one) for one in ("1", "1", "2"))
    long = MediaItem(media_id="x" * 3_000, filename="x.mp4")
    with manifest.extended(0) as writer:
        assert writer.unwritten([first, again]) == [again]
        writer.add([first, long])
        assert writer.unwritten([again, later, long]) == [later]
        size = writer.size
    with manifest.extended(size) as writer:
        assert writer.unwritten([again, later, long]) == [later]
        writer.add([later])
    assert [item.revision for item in manifest.items()] == ["1", "", "2"]


def test_starting_again_removes_the_earlier_lines(manifest: Manifest) -> None:
    write(manifest, [clip(1), clip(2)])
    write(manifest, [clip(3)])
    assert list(manifest.items()) == [clip(3)]


@pytest.mark.parametrize("restart", [True, False])
def test_an_invocation_that_fails_leaves_the_manifest_as_it_was(manifest: Manifest, restart: bool) -> None:
    size = write(manifest, [clip(1)])

    def fail() -> None:
        with manifest.extended(0 if restart else size) as writer:
            writer.add([clip(2)])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(manifest.items()) == [clip(1)]


def test_a_run_without_work_has_an_empty_manifest_and_one_that_never_listed_has_none(
    aws: Aws, manifest: Manifest
) -> None:
    assert list(manifest.items()) == []
    write(manifest, [])
    assert aws.read(manifest.key, WORK) == b"" and list(manifest.items()) == []


def test_two_runs_have_a_manifest_each(aws: Aws, manifest: Manifest) -> None:
    other = Manifest(aws.s3, WORK, "run-2")
    write(manifest, [clip(1)])
    write(other, [clip(2)])
    assert (list(manifest.items()), list(other.items())) == ([clip(1)], [clip(2)])


def test_reading_does_not_load_the_whole_manifest(aws: Aws, manifest: Manifest) -> None:
    line = b'{"media":[{"media_id":"clip","filename":"%s"}]}\n' % (b"x" * 300)
    aws.s3.put_object(Bucket=WORK, Key=manifest.key, Body=line * 30_000)
    whole = len(line) * 30_000
    items = manifest.items()
    next(items)
    tracemalloc.start()
    before, most = tracemalloc.get_traced_memory()[0], 0
    count = 1
    for count, _ in enumerate(items, start=2):
        if count % 1000 == 0:
            most = max(most, tracemalloc.get_traced_memory()[0] - before)
    tracemalloc.stop()
    assert count == 30_000 and most < whole / 10
