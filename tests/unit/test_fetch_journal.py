"""The journal of a file that is being fetched: what it says, what is missing, and what half a journal says."""

from __future__ import annotations

import base64
import random
from itertools import pairwise

import pytest
from awscrt.checksums import crc64nvme

from console.operations.restore.fetch import journal
from console.operations.restore.fetch.journal import Piece, Subject

SUBJECT = Subject(bucket="b", key="k", version_id="v", etag='"e"', size=1000, checksum="AAAAAAAAAAA=")
PIECES = [Piece(500, 100, 7), Piece(0, 250, 2**64 - 1)]


def test_what_is_written_is_read_in_the_order_of_the_file() -> None:
    assert journal.read(journal.head(SUBJECT) + journal.lines(PIECES)) == (SUBJECT, sorted(PIECES))


def test_every_beginning_of_a_journal_has_only_whole_lines() -> None:
    whole = journal.head(SUBJECT) + journal.lines(PIECES)
    for length in range(len(whole)):
        subject, pieces = journal.read(whole[:length])
        assert subject == (SUBJECT if length >= len(journal.head(SUBJECT)) - 1 else None)
        assert pieces == sorted(PIECES[: len(pieces)])
        assert journal.is_torn(whole[:length]) == (b"\n" not in whole[:length])


@pytest.mark.parametrize("tail", [b"\0" * 500, b"12 34", b"12 34 zz\n600 1 0000000000000000\n", b"\xff\n"])
def test_a_tail_of_any_bytes_ends_the_journal(tail: bytes) -> None:
    assert journal.read(journal.head(SUBJECT) + journal.lines(PIECES[:1]) + tail) == (SUBJECT, PIECES[:1])


def test_what_no_fetch_writes_is_not_believed() -> None:
    odd = [Piece(0, 0, 1), Piece(900, 101, 1), Piece(0, 600, 1), Piece(500, 100, 1)]
    assert journal.read(journal.head(SUBJECT) + journal.lines(odd))[1] == [Piece(0, 600, 1)]
    huge = Subject(bucket="b", key="k", version_id="", etag="", size=10**12, checksum="")
    assert journal.read(journal.head(huge) + journal.lines([Piece(0, 10**11, 1)]))[1] == []


@pytest.mark.parametrize("content", [b"theirs", b"theirs\n", b'{"bucket":1}\n', b"[" * 100_000 + b"\n", b"x\0\n"])
def test_a_journal_of_somebody_else_has_no_subject_and_is_not_torn(content: bytes) -> None:
    assert journal.read(content) == (None, [])
    assert not journal.is_torn(content)


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b'{"buck', b'{"bucket":"b","key'])
def test_what_a_power_loss_may_leave_of_a_journal_is_torn(content: bytes) -> None:
    assert journal.is_torn(content)


def test_ranges_that_are_missing() -> None:
    assert journal.missing(PIECES, 1000) == [(250, 500), (600, 1000)]
    assert journal.missing([], 1000) == [(0, 1000)]
    assert journal.missing([Piece(0, 1000, 1)], 1000) == []
    assert journal.missing([], 0) == []


def test_the_checksum_of_a_file_is_combined_from_those_of_its_pieces() -> None:
    chance = random.Random(1)  # noqa: S311 (a sequence that a seed repeats)
    content = chance.randbytes(10_000)
    cuts = [0, *sorted(chance.sample(range(1, 10_000), 30)), 10_000]
    pieces = [Piece(start, end - start, crc64nvme(content[start:end])) for start, end in pairwise(cuts)]
    chance.shuffle(pieces)
    assert journal.combined(pieces) == crc64nvme(content)
    assert base64.b64encode(journal.combined([]).to_bytes(8, "big")) == b"AAAAAAAAAAA="
