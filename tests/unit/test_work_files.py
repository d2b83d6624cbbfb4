"""A file of our own is read to its end, wherever S3's answers break off."""

from __future__ import annotations

import io
import json
import re
from typing import Any, cast

import pytest
from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError
from botocore.response import StreamingBody
from cloud_sync_common import retry_utils
from cloud_sync_common.exceptions import ArchiveUnavailableError
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.stores.manifest import LINE_LIMIT, Manifest, batches
from cloud_sync_common.stores.work_files import WorkFile
from hypothesis import given, settings
from hypothesis import strategies as st

BROKEN = [
    IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ReadTimeoutError(endpoint_url="https://s3"),
    ResponseStreamingError(error="cut"),
]
TEXT = b"".join(b'{"line": %d}\n' % number for number in range(100_000))


class Body:
    """A body that breaks off after some bytes, by an error or without one."""

    def __init__(self, data: bytes, limit: int, error: Exception | None) -> None:
        self.file, self.error = io.BytesIO(data[:limit]), error if limit < len(data) else None

    def read(self, amount: int) -> bytes:
        data = self.file.read(amount)
        if not data and self.error:
            raise self.error
        return data


class Bucket:
    """S3 with one object. Each answer breaks off after `limits` bytes, the first of them first."""

    def __init__(self, data: bytes, limits: list[int], error: Exception | None) -> None:
        self.data, self.limits, self.error = data, limits, error
        self.asked: list[tuple[str | None, str | None]] = []

    def get_object(self, **given: str) -> dict[str, Any]:
        self.asked.append((given.get("Range"), given.get("IfMatch")))
        start = int(re.findall(r"\d+", given.get("Range", "0"))[0])
        rest = self.data[start:]
        limit = self.limits.pop(0) if self.limits else len(rest)
        return {"ContentLength": len(rest), "ETag": '"e"', "Body": cast(StreamingBody, Body(rest, limit, self.error))}

    def put_object(self, **given: Any) -> None:
        self.data = given["Body"].read()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry_utils, "_wait", lambda _state: 0.0)


def file(bucket: Bucket) -> WorkFile:
    return WorkFile(cast(Any, bucket), "work", "run-1", "work.jsonl", "the manifest")


@pytest.mark.parametrize("error", [*BROKEN, None])
@pytest.mark.parametrize("limits", [[400], [0, 0, 0], [400, 0, 7, 300_000, 1], [len(TEXT) - 1]])
def test_an_answer_that_breaks_off_is_read_on_from_there(error: Exception | None, limits: list[int]) -> None:
    bucket = Bucket(TEXT, list(limits), error)
    assert b"".join(line + b"\n" for line in file(bucket).lines()) == TEXT
    assert len(bucket.asked) == len(limits) + 1 and bucket.asked[0] == (None, None)
    assert all(etag == '"e"' for at, etag in bucket.asked if at)


@pytest.mark.parametrize("error", [*BROKEN, None])
def test_a_file_is_continued_although_the_answer_breaks_off(error: Exception | None) -> None:
    bucket = Bucket(TEXT, [400, 9], error)
    with file(bucket).extended(len(TEXT) - 5) as written:
        written.write(b"more\n")
    assert bucket.data == TEXT[:-5] + b"more\n"


@pytest.mark.parametrize("error", BROKEN)
def test_what_cannot_be_read_at_all_is_a_passing_trouble_of_the_archive(error: Exception) -> None:
    bucket = Bucket(TEXT, [0] * 100, error)
    with pytest.raises(ArchiveUnavailableError, match="reading the manifest"):
        list(file(bucket).lines())
    assert len(bucket.asked) < 10


def test_an_empty_file_has_no_lines() -> None:
    assert list(file(Bucket(b"", [], None)).lines()) == []


# Lines that no reader splits


@given(name=st.text(max_size=500))
@settings(deadline=None)
def test_a_line_of_the_manifest_has_no_other_line_break_than_its_own(name: str) -> None:
    bucket = Bucket(b"", [], None)
    manifest = Manifest(cast(Any, bucket), "work", "run-1")
    names = [f"{name}\u2028\u0085\x1c\x0b{number}" for number in range(3)]
    items = [MediaItem(media_id=name, filename=name, size=1) for name in names]
    with manifest.extended(0) as writer:
        writer.add(items)
    (line,) = bucket.data.decode().splitlines()
    assert [media["filename"] for media in json.loads(line)["media"]] == [item.filename for item in items]
    assert list(manifest.items()) == items


@given(st.lists(st.integers(0, 900), min_size=1, max_size=30))
@settings(deadline=None)
def test_escapes_count_towards_the_limit_of_a_line(lengths: list[int]) -> None:
    items = [MediaItem(media_id=f"id-{at}", filename="\u2028" * many, size=1) for at, many in enumerate(lengths)]
    bucket = Bucket(b"", [], None)
    with Manifest(cast(Any, bucket), "work", "run-1").extended(0) as writer:
        assert writer.add(items) == len(list(batches(items)))
    assert all(len(line) <= LINE_LIMIT for line in bucket.data.splitlines())


def test_the_rest_is_asked_for_from_where_it_broke_off_and_of_the_same_version() -> None:
    bucket = Bucket(TEXT, [1000], None)
    assert b"\n".join(file(bucket).lines()) + b"\n" == TEXT
    assert bucket.asked == [(None, None), ("bytes=1000-", '"e"')]


def test_a_file_without_a_line_break_at_its_end_has_a_last_line() -> None:
    assert list(file(Bucket(b"a\n\nb", [], None)).lines()) == [b"a", b"", b"b"]
    assert list(file(Bucket(b"a\n", [], None)).lines()) == [b"a"]


@pytest.mark.parametrize(("kept", "stored"), [(0, b"new"), (2, b"abnew"), (5, b"abcdenew")])
def test_a_file_is_continued_after_the_bytes_that_count(kept: int, stored: bytes) -> None:
    bucket = Bucket(b"abcde", [], None)
    with file(bucket).extended(kept) as continued:
        assert continued.tell() == kept
        continued.write(b"new")
    assert bucket.data == stored and len(bucket.asked) == (kept > 0)


def test_an_empty_file_is_read_once_and_has_no_lines() -> None:
    bucket = Bucket(b"", [], None)
    assert list(WorkFile(cast(Any, bucket), "work", "run", "work.jsonl", "the manifest").lines()) == []
    assert bucket.asked == [(None, None)]
