"""Fetching: every byte right under its own name, nothing that is there written over, nothing read twice."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec
import pytest
from awscrt.checksums import crc64nvme

from console.operations.restore.fetch import journal
from console.operations.restore.fetch.engine import fetch
from console.operations.restore.fetch.names import JOURNAL, MANIFEST, PART, Layout
from console.operations.restore.fetch.outcome import Ending
from tests.integration.fetching import KIB, SMALL, content, entries, fetched, names, server
from tests.integration.killed_fetch import memory_of
from tests.integration.object_server import ObjectServer

__all__ = ["server"]

MONTH, NAME = "2026-05", "GX010001.MP4"


def test_files_are_fetched_in_ranges_and_have_their_names_and_capture_times(
    server: ObjectServer, tmp_path: Path
) -> None:
    for number, size in enumerate((0, 1, 700 * KIB, 300 * KIB)):
        server.put(f"gopro/2026/05/x/GX01000{number}.MP4", content(number, size))
    into = tmp_path / "new" / "place"
    result = fetched(server, into, version_id="v1")
    assert (result.is_whole, result.counts, result.exit_code) == (True, {Ending.FETCHED: 4}, 0)
    for key, thing in server.objects.items():
        path = into / MONTH / key.rpartition("/")[2]
        assert (path.read_bytes(), path.stat().st_mtime) == (thing.content, 1779006600)  # 2026-05-17T08:30:00Z
    assert result.read_bytes == sum(len(thing.content) for thing in server.objects.values())
    assert set(server.conditions) == {("v1", '"first"')}
    assert len(names(into)) == 4


def test_what_is_there_is_not_read_again_whether_the_manifest_has_it_or_not(
    server: ObjectServer, tmp_path: Path
) -> None:
    server.put(f"a/{NAME}", content(1))
    fetched(server, tmp_path)
    asked = len(server.asked)
    assert fetched(server, tmp_path).counts == {Ending.THERE: 1}
    assert len(server.heads) == 1  # the manifest says it all
    (tmp_path / MANIFEST).unlink()
    assert fetched(server, tmp_path).counts == {Ending.THERE: 1}
    assert (len(server.asked), names(tmp_path)) == (asked, {f"{MONTH}/{NAME}"})
    assert set(entries(tmp_path)) == {f"{MONTH}/{NAME}"}


def test_a_file_that_was_changed_since_stays_and_the_original_comes_beside_it(
    server: ObjectServer, tmp_path: Path
) -> None:
    server.put(f"a/{NAME}", content(1))
    fetched(server, tmp_path)
    edited = tmp_path / MONTH / NAME
    edited.write_bytes(b"x" + content(1)[1:])
    assert fetched(server, tmp_path).counts == {Ending.FETCHED: 1}
    assert edited.read_bytes().startswith(b"x" + content(1)[1:9])
    assert (tmp_path / MONTH / "GX010001 (2).MP4").read_bytes() == content(1)


def test_files_of_one_name_get_numbers_also_where_only_letters_differ(server: ObjectServer, tmp_path: Path) -> None:
    for number, name in enumerate(("clip.mp4", "clip.mp4", "CLIP.MP4")):
        server.put(f"{number}/{name}", content(number))
    assert fetched(server, tmp_path).is_whole
    found = {name.rpartition("/")[2].casefold() for name in names(tmp_path)}
    assert found == {"clip.mp4", "clip (2).mp4", "clip (3).mp4"}
    assert {path.read_bytes() for path in (tmp_path / MONTH).iterdir()} == {content(number) for number in range(3)}


def test_two_files_with_the_bytes_of_one_object_are_read_once(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/one.mp4", content(1))
    files = [
        server.file("a/one.mp4", number, filename=name, version_id="v1")
        for number, name in enumerate(("one.mp4", "one.mp4", "copy.mp4"), 1)
    ]
    result = fetch(files, server.source(), str(tmp_path), SMALL)
    assert (result.is_whole, result.read_bytes) == (True, 300 * KIB)
    assert {path.name for path in (tmp_path / MONTH).iterdir()} == {"one.mp4", "one (2).mp4", "copy.mp4"}
    assert {path.read_bytes() for path in (tmp_path / MONTH).iterdir()} == {content(1)}
    assert len((tmp_path / MANIFEST).read_bytes().splitlines()) == 3


def test_a_copy_is_not_taken_from_a_file_that_was_changed(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/one.mp4", content(1))
    fetched(server, tmp_path, version_id="v1")
    before = (tmp_path / MONTH / "one.mp4").stat().st_mtime_ns
    (tmp_path / MONTH / "one.mp4").write_bytes(bytes(300 * KIB))
    os.utime(tmp_path / MONTH / "one.mp4", ns=(before, before))  # so that nothing shows it but its bytes
    result = fetched(server, tmp_path, version_id="v1", filename="copy.mp4")
    assert (result.is_whole, (tmp_path / MONTH / "copy.mp4").read_bytes()) == (True, content(1))


def test_the_memory_does_not_grow_with_the_size(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/large.mp4", bytes(96 * 1024 * KIB))
    file = server.file("a/large.mp4")
    assert memory_of(server, file, tmp_path) < 48 * 1024 * KIB


def test_a_flipped_byte_is_caught_and_the_file_read_once_more(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/bad.mp4", content(1), flips=1, flipped=200_000)
    server.put("b/good.mp4", content(2))
    result = fetched(server, tmp_path)
    assert (result.is_whole, result.fetched_again) == (True, 1)
    assert (tmp_path / MONTH / "bad.mp4").read_bytes() == content(1)
    assert sum(end - first for key, first, end in server.asked if key == "a/bad.mp4") == 2 * 300 * KIB


def test_bytes_that_are_wrong_twice_are_reported_and_not_kept(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/bad.mp4", content(1), flips=2, flipped=5)
    server.put("b/good.mp4", content(2))
    result = fetched(server, tmp_path)
    assert (result.counts, result.exit_code) == ({Ending.WRONG: 1, Ending.FETCHED: 1}, 1)
    assert [(one.filename, one.path) for one in result.problems] == [("bad.mp4", "")]
    assert names(tmp_path) == {f"{MONTH}/good.mp4"}


@pytest.mark.parametrize("stated", ["other", "none"])
def test_an_object_that_the_ledger_knows_otherwise_is_not_taken_for_it(
    server: ObjectServer, tmp_path: Path, stated: str
) -> None:
    server.put(f"a/{NAME}", content(1), **({} if stated == "other" else {"checksum": ""}))
    result = fetched(server, tmp_path, checksum="AAAAAAAAAAA=")
    assert result.counts == {Ending.WRONG: 1}
    assert names(tmp_path) == set()
    assert bool(server.asked) == (stated == "none")  # where S3 states another one, no byte is read


def test_the_manifest_says_what_each_file_is_and_how_it_was_proved(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/both.mp4", content(1))
    server.put("b/ledger.mp4", content(2), checksum="")
    fetched(server, tmp_path, options=msgspec.structs.replace(SMALL, sha256=True), version_id="v7")
    found = entries(tmp_path)
    both, ledger = found[f"{MONTH}/both.mp4"], found[f"{MONTH}/ledger.mp4"]
    assert (both.proof, ledger.proof) == ("s3+ledger", "ledger")
    assert both.sha256 == hashlib.sha256(content(1)).hexdigest()
    assert (both.provider, both.media_id, both.key, both.version_id, both.size, both.crc64) == (
        "gopro", "id-1", "a/both.mp4", "v7", 300 * KIB, server.objects["a/both.mp4"].checksum,
    )  # fmt: skip


def test_half_a_line_of_the_manifest_is_written_anew(server: ObjectServer, tmp_path: Path) -> None:
    server.put("a/one.mp4", content(1))
    fetched(server, tmp_path)
    with (tmp_path / MANIFEST).open("ab") as file:
        file.write(b'{"name":"2026-')
    server.put("b/two.mp4", content(2))
    assert fetched(server, tmp_path).counts == {Ending.THERE: 1, Ending.FETCHED: 1}
    assert set(entries(tmp_path)) == {f"{MONTH}/one.mp4", f"{MONTH}/two.mp4"}


@pytest.mark.parametrize(
    ("layout", "paths"),
    [
        (Layout.FLAT, {"x.mp4", "y.mp4"}),
        (Layout.CAMERA, {"HERO12 Black/x.mp4", "HERO12 Black/y.mp4"}),
        (Layout.MONTH, {"2026-05/x.mp4", "2026-05/y.mp4"}),
    ],
)
def test_layouts(server: ObjectServer, tmp_path: Path, layout: Layout, paths: set[str]) -> None:
    server.put("a/x.mp4", content(1, 10))
    server.put("a/y.mp4", content(2, 10))
    fetched(server, tmp_path, options=msgspec.structs.replace(SMALL, layout=layout), camera="HERO12 Black")
    assert names(tmp_path) == paths


def test_a_part_of_another_version_is_begun_anew(server: ObjectServer, tmp_path: Path) -> None:
    thing = server.put(f"a/{NAME}", content(1))
    folder = tmp_path / MONTH
    folder.mkdir()
    old = journal.Subject(
        bucket="archive", key=f"a/{NAME}", version_id="", etag='"other"', size=300 * KIB, checksum=thing.checksum
    )
    (folder / (NAME + PART)).write_bytes(b"y" * 32 * KIB)
    (folder / (NAME + JOURNAL)).write_bytes(journal.head(old) + journal.lines([journal.Piece(0, 32 * KIB, 1)]))
    result = fetched(server, tmp_path)
    assert (result.is_whole, result.kept_bytes, result.read_bytes) == (True, 0, 300 * KIB)
    assert (folder / NAME).read_bytes() == content(1)


def test_what_a_journal_claims_and_the_disk_has_not_is_read_again(server: ObjectServer, tmp_path: Path) -> None:
    """As after a power loss, or a disk that has lost a sector."""
    thing = server.put(f"a/{NAME}", content(1))
    folder, piece = tmp_path / MONTH, 32 * KIB
    folder.mkdir()
    subject = journal.Subject(
        bucket="archive", key=f"a/{NAME}", version_id="", etag=thing.etag, size=300 * KIB, checksum=thing.checksum
    )
    crcs = [_crc(content(1)[at : at + piece]) for at in range(0, 3 * piece, piece)]
    pieces = [journal.Piece(number * piece, piece, crc) for number, crc in enumerate(crcs)]
    (folder / (NAME + JOURNAL)).write_bytes(journal.head(subject) + journal.lines(pieces) + b"98304 32")
    kept = content(1)[:piece] + bytes(piece) + content(1)[2 * piece : 3 * piece]
    (folder / (NAME + PART)).write_bytes(kept)
    result = fetched(server, tmp_path)
    assert (result.is_whole, result.kept_bytes) == (True, 2 * piece)
    assert min(first for _, first, _ in server.asked) == piece
    assert (folder / NAME).read_bytes() == content(1)


def _crc(data: bytes) -> int:
    found: int = crc64nvme(data)
    return found


def test_a_file_without_a_journal_of_ours_is_somebody_elses_and_stays(server: ObjectServer, tmp_path: Path) -> None:
    server.put(f"a/{NAME}", content(1))
    (tmp_path / MONTH).mkdir()
    (tmp_path / MONTH / (NAME + PART)).write_bytes(b"theirs")
    assert fetched(server, tmp_path).is_whole
    assert (tmp_path / MONTH / (NAME + PART)).read_bytes() == b"theirs"
    assert (tmp_path / MONTH / "GX010001 (2).MP4").read_bytes() == content(1)


@pytest.mark.parametrize("planted", [NAME, NAME + PART, NAME + JOURNAL])
def test_a_planted_link_is_not_followed(server: ObjectServer, tmp_path: Path, planted: str) -> None:
    server.put(f"a/{NAME}", content(1))
    outside, into = tmp_path / "outside", tmp_path / "into"
    outside.write_bytes(b"precious")
    (into / MONTH).mkdir(parents=True)
    os.symlink(outside, into / MONTH / planted)
    result = fetched(server, into)
    assert outside.read_bytes() == b"precious"
    assert (result.is_whole, (into / MONTH / "GX010001 (2).MP4").read_bytes()) == (True, content(1))


def test_a_part_that_is_another_name_of_a_file_is_left_alone(server: ObjectServer, tmp_path: Path) -> None:
    thing = server.put(f"a/{NAME}", content(1))
    outside, folder = tmp_path / "outside", tmp_path / "into" / MONTH
    outside.write_bytes(b"precious")
    folder.mkdir(parents=True)
    os.link(outside, folder / (NAME + PART))
    subject = journal.Subject(
        bucket="archive", key=f"a/{NAME}", version_id="", etag=thing.etag, size=300 * KIB, checksum=thing.checksum
    )
    (folder / (NAME + JOURNAL)).write_bytes(journal.head(subject))
    assert fetched(server, tmp_path / "into").is_whole
    assert (outside.read_bytes(), (folder / NAME).read_bytes()) == (b"precious", content(1))


def test_a_link_in_place_of_a_folder_is_not_followed(server: ObjectServer, tmp_path: Path) -> None:
    server.put(f"a/{NAME}", content(1))
    outside, into = tmp_path / "outside", tmp_path / "into"
    outside.mkdir()
    into.mkdir()
    os.symlink(outside, into / MONTH)
    result = fetched(server, into)
    assert (result.counts, names(outside)) == ({Ending.FAILED: 1}, set())
    assert "is no folder but a link" in result.problems[0].problem
