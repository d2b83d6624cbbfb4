"""Originals that are damaged at the provider: archived byte for byte, named as damaged, and replaced by whole ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cloud_sync_common.stores.ledger_rows import Status
from cloud_sync_common.transfer.range_transfer import MOST_LOOKS

from local.fake_providers.fault_menu import FaultKind
from tests.integration.aws_on_loopback import Aws
from tests.integration.downloader import BIG, CHAPTERS, ID, PLAIN, Downloader, assert_whole

CUT, EMPTY, OTHER = FaultKind.OBJECT_CUT, FaultKind.EMPTY, FaultKind.OBJECT_REPLACED
NO_MOVIE, SPHERICAL, QUICKTIME = "it is no movie, although its name says so", ID(16), ID(15)


def content_of(downloader: Downloader, media_id: str) -> bytes:
    (path,) = (found.path for found in downloader.fake.library.originals() if found.media_id == media_id)
    return Path(path).read_bytes()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("media_id", [PLAIN, BIG, CHAPTERS, SPHERICAL, QUICKTIME])
def test_real_movies_are_proven_whole(downloader: Downloader, media_id: str) -> None:
    assert "whole-movie" in downloader.move(media_id)[-1].proofs
    assert downloader.row(media_id).damage == ""
    assert_whole(downloader, media_id)


def test_a_movie_that_is_resumed_is_proven_whole_by_a_short_look_at_its_start(downloader: Downloader) -> None:
    downloader.half_move(BIG, parts=2)
    downloader.fake.control.reset()
    left = len(content_of(downloader, BIG)) - 2 * downloader.source(BIG).part_size
    assert "whole-movie" in downloader.move(BIG)[-1].proofs
    assert downloader.bytes_served() <= left + MOST_LOOKS * 1024 + 10
    assert_whole(downloader)


@pytest.mark.parametrize("media_id", [PLAIN, BIG])
def test_a_movie_that_is_cut_off_is_archived_as_it_is_and_named(
    aws: Aws, downloader: Downloader, media_id: str
) -> None:
    whole = content_of(downloader, media_id)
    cut = whole[: len(whole) * 60 // 100]
    downloader.fake.control.add_fault(CUT, media_id=media_id)
    result = downloader.move(media_id)[-1]
    row, source = downloader.row(media_id), downloader.source(media_id)
    assert (result.status, row.status, source.status) == ("ARCHIVED", Status.ARCHIVED, Status.ARCHIVED)
    assert row.damage == source.damage and row.damage.startswith(f"it ends after {len(cut)} of at least ")
    assert downloader.archived(media_id) == [sha256(cut)] and "whole-movie" not in source.proofs
    assert aws.uploads() == []


@pytest.mark.parametrize(
    ("kind", "content", "damage"),
    [
        (EMPTY, lambda _: b"", "it is empty"),
        (OTHER, lambda whole: bytes(255 - byte for byte in whole), NO_MOVIE),
    ],
)
def test_what_is_no_movie_is_archived_as_it_is_and_named(
    downloader: Downloader, kind: FaultKind, content: object, damage: str
) -> None:
    assert callable(content)
    expected = sha256(content(content_of(downloader, PLAIN)))
    downloader.fake.control.add_fault(kind, media_id=PLAIN)
    downloader.fake.control.add_fault(FaultKind.FILE_SIZE_NULL, media_id=PLAIN)
    assert downloader.move(PLAIN)[-1].status == "ARCHIVED"
    assert (downloader.row(PLAIN).damage, downloader.archived(PLAIN)) == (damage, [expected])


@pytest.mark.parametrize(("media_id", "answers"), [(PLAIN, 1), (BIG, 5)])
def test_a_movie_that_looks_cut_off_for_a_moment_is_archived_whole(
    downloader: Downloader, media_id: str, answers: int
) -> None:
    downloader.fake.control.add_fault(CUT, media_id=media_id, times=answers)
    downloader.move(media_id)
    assert downloader.row(media_id).damage == "" and "whole-movie" in downloader.source(media_id).proofs
    assert_whole(downloader, media_id)


def test_a_whole_movie_that_takes_the_place_of_a_damaged_one_is_archived_beside_it(
    aws: Aws, downloader: Downloader
) -> None:
    downloader.fake.control.add_fault(CUT, media_id=PLAIN)
    downloader.move(PLAIN)
    downloader.fake.control.clear_faults()
    listed = downloader.items()[PLAIN]
    item = type(listed)(media_id=PLAIN, filename=listed.filename, captured_at=listed.captured_at, revision="/2")
    assert downloader.move(item, "run-2")[-1].status == "ARCHIVED"
    assert (downloader.row(PLAIN).damage, len(aws.archived())) == ("", 2)
    assert_whole(downloader, PLAIN)


def test_a_file_of_several_that_is_cut_off_is_named(downloader: Downloader) -> None:
    downloader.fake.control.add_fault(CUT, media_id=CHAPTERS, source=2)
    downloader.move(CHAPTERS)
    assert downloader.row(CHAPTERS).damage.startswith("file 2: it ends after ")
    assert [downloader.source(CHAPTERS, number).damage == "" for number in (1, 2, 3)] == [True, False, True]
