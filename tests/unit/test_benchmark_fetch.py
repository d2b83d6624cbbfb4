"""The benchmark of downloads: what its server says of an object, and which runs count."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import fetch, object_store
from benchmarks.fetch import Tool, Used, check, measure
from benchmarks.measured import PeerFailed
from benchmarks.object_store import ARCHIVE, START, Object, Store

NAMESPACE = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
CONTENT = b"the bytes of a film"
OURS = Tool("ours", lambda bucket, into: [bucket, str(into)])


def runs_take(monkeypatch: pytest.MonkeyPatch, start: Used, whole: Used) -> None:
    """The resources of a download of one tiny file, and of all files."""
    monkeypatch.setattr(
        fetch, "_downloaded", lambda _tool, _store, bucket, _into: (start if bucket == START else whole, 12)
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store, not running, of one object in each bucket."""
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    checksum = object_store.checksum_of(path)
    objects = tuple(
        Object(bucket, "gopro/2026/05/FILM01/GX010001.MP4", len(CONTENT), checksum, {"provider": "gopro"})
        for bucket in (ARCHIVE, START)
    )
    return Store("https://127.0.0.1:1", tmp_path / "authority.pem", objects)


@pytest.mark.parametrize(("name", "entry"), [("objects", "Contents"), ("versions", "Version")])
def test_a_listing_has_each_object_of_its_bucket_with_size_and_etag(store: Store, name: str, entry: str) -> None:
    root = ElementTree.fromstring(object_store.listings(store.objects)[f"{ARCHIVE}-{name}.xml"])  # noqa: S314 (ours)
    (found,) = root.findall(f"s3:{entry}", NAMESPACE)
    values = {child.tag.rpartition("}")[2]: child.text for child in found}
    one = store.objects[0]
    assert (values["Key"], values["Size"], values["ETag"]) == (one.key, str(one.size), one.etag)


def test_an_object_has_its_metadata_and_the_checksum_only_of_the_whole(store: Store) -> None:
    text = object_store.configuration(1111, "somebody", store.objects)
    assert text.startswith("user somebody;") and "listen 127.0.0.1:1111 ssl;" in text
    one = store.objects[0]
    assert f"map $http_range $checksum_0 {{ '' '{one.encoded_checksum}'; default ''; }}" in text
    location = next(line for line in text.splitlines() if f"location = /{ARCHIVE}/{one.key} " in line)
    assert "add_header x-amz-meta-provider 'gopro';" in location
    assert "add_header x-amz-checksum-crc64nvme '$checksum_0';" in location
    assert text.count("{") == text.count("}")


def test_a_download_counts_only_with_every_file_once_and_every_byte_right(store: Store, tmp_path: Path) -> None:
    into = tmp_path / "into"
    (into / "2026-05").mkdir(parents=True)
    with pytest.raises(PeerFailed, match=r"GX010001\.MP4 is not there"):
        check(store, ARCHIVE, into)
    file = into / "2026-05" / "GX010001.MP4"
    file.write_bytes(CONTENT)
    check(store, ARCHIVE, into)
    file.write_bytes(b"T" + CONTENT[1:])
    with pytest.raises(PeerFailed):
        check(store, ARCHIVE, into)
    file.write_bytes(CONTENT)
    (into / "GX010001.MP4").write_bytes(CONTENT)
    with pytest.raises(PeerFailed):
        check(store, ARCHIVE, into)


def test_the_time_of_the_start_in_the_same_round_is_subtracted(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: Used = {"seconds": 4.0, "cpu_seconds": 3.0, "max_rss_mib": 90.0}
    runs_take(monkeypatch, {"seconds": 1.0, "cpu_seconds": 0.5}, whole)
    found = measure(OURS, store, tmp_path, 2)
    assert (found.number, found.seconds, found.cpu_seconds) == (2, 3.0, 2.5)
    assert (found.whole_seconds, found.whole_cpu_seconds, found.max_rss_mib, found.source_requests) == (4, 3, 90, 12)


def test_a_run_that_took_no_longer_than_its_start_does_not_count(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: Used = {"seconds": 1.0, "cpu_seconds": 3.0, "max_rss_mib": 90.0}
    runs_take(monkeypatch, {"seconds": 1.0, "cpu_seconds": 0.5}, whole)
    with pytest.raises(PeerFailed, match="the files are too small"):
        measure(OURS, store, tmp_path, 1)


def test_the_start_is_the_median_of_warm_ones(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((60.0, 1.0, 9.0, 2.0))  # the first one is cold
    monkeypatch.setattr(fetch, "_downloaded", lambda *_: (dict.fromkeys(("seconds", "cpu_seconds"), next(times)), 1))
    assert fetch._start(OURS, store, tmp_path) == {"seconds": 2.0, "cpu_seconds": 2.0}


def test_each_round_begins_with_another_tool_and_has_all() -> None:
    tools = fetch.tools()
    rounds = [tuple(fetch._in_turn(tools, number)) for number in (1, 2, 3, 4)]
    assert [one[0] for one in rounds] == [*tools, tools[0]]
    assert all(set(one) == set(tools) for one in rounds)


def test_ours_is_the_command_as_its_owner_has_it(tmp_path: Path) -> None:
    words = fetch.tools()[0].command(ARCHIVE, tmp_path)
    assert words[1:] == [
        "-m", "console", "restore", "fetch", "--json", "--everything", "--bucket", ARCHIVE, os.fspath(tmp_path),
    ]  # fmt: skip
