"""Hashes of a source that are computed during the transfer, compared with independent ones."""

from __future__ import annotations

import hashlib
import random

import pytest
from cloud_sync_common.transfer.content_hash import (
    BlockHash,
    ContentHash,
    plausible_etags,
    published_hash,
    shows_the_same,
)
from cloud_sync_common.transfer.part_plan import MIB
from hypothesis import given, settings
from hypothesis import strategies as st

CONTENT = random.Random(5).randbytes(100_000)  # noqa: S311 (test data)


def etag_of(content: bytes, part: int) -> str:
    """The ETag that S3 gives to a multipart upload."""
    parts = [hashlib.md5(content[n : n + part]).digest() for n in range(0, len(content), part)]  # noqa: S324
    return f"{hashlib.md5(b''.join(parts)).hexdigest()}-{len(parts)}"  # noqa: S324


def proven(spec: BlockHash, content: bytes, ranges: list[tuple[int, int]]) -> bool | None:
    """The verdict after the transfer of these ranges, in this order."""
    proof = ContentHash(spec, len(content))
    for first, end in ranges:
        hasher = proof.hasher(first)
        if hasher is not None:
            for start in range(first, end, 777):
                hasher.update(memoryview(content[start : min(start + 777, end)]))
            proof.keep(hasher)
    return proof.verdict()


def multipart(block: int, etag: str) -> BlockHash:
    return BlockHash("md5", block, etag.split("-", maxsplit=1)[0], of_digests=True, guessed=True)


@given(block=st.integers(100, 120_000), blocks_a_part=st.integers(1, 7), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_parts_aligned_with_blocks_prove_the_content_in_any_order(block: int, blocks_a_part: int, seed: int) -> None:
    part = block * blocks_a_part
    ranges = [(first, min(first + part, len(CONTENT))) for first in range(0, len(CONTENT), part)]
    random.Random(seed).shuffle(ranges)  # noqa: S311 (test data)
    spec = multipart(block, etag_of(CONTENT, block))
    assert proven(spec, CONTENT, ranges) is True
    assert proven(spec, CONTENT, ranges[1:]) is None


@given(part=st.integers(1000, 100_000), block=st.integers(500, 100_000))
@settings(deadline=None, max_examples=60)
def test_parts_in_order_prove_the_content_whatever_their_size(part: int, block: int) -> None:
    ranges = [(first, min(first + part, len(CONTENT))) for first in range(0, len(CONTENT), part)]
    assert proven(multipart(block, etag_of(CONTENT, block)), CONTENT, ranges) is True


@given(position=st.integers(0, len(CONTENT) - 1), kind=st.sampled_from(["md5", "sha256", "sha256-4mib"]))
@settings(deadline=None, max_examples=40)
def test_one_wrong_byte_is_detected_by_every_published_hash(position: int, kind: str) -> None:
    spec = published_hash(published(kind, CONTENT), len(CONTENT))
    wrong = CONTENT[:position] + bytes([CONTENT[position] ^ 1]) + CONTENT[position + 1 :]
    assert spec is not None
    assert proven(spec, CONTENT, [(0, len(CONTENT))]) is True
    assert proven(spec, wrong, [(0, len(CONTENT))]) is False


def published(kind: str, content: bytes) -> str:
    if kind == "sha256-4mib":
        blocks = [hashlib.sha256(content[n : n + 4 * MIB]).digest() for n in range(0, len(content), 4 * MIB)]
        return f"sha256-4mib:{hashlib.sha256(b''.join(blocks)).hexdigest()}"
    return f"{kind}:{hashlib.new(kind, content).hexdigest()}"


def test_a_wrong_guess_of_the_part_size_proves_nothing_and_is_no_error() -> None:
    assert proven(multipart(20_000, etag_of(CONTENT, 30_000)), CONTENT, [(0, len(CONTENT))]) is None


@pytest.mark.parametrize(
    ("etag", "size", "blocks"),
    [
        ('"81485c0e873d222199469076b60f30e9-1"', 5 * MIB, [5 * MIB]),
        (f'"{"0" * 32}-2"', 39 * MIB, [20 * MIB, 25 * MIB]),
        (f'"{"0" * 32}-3"', 250 * MIB, [100 * MIB]),
        (f'"{"0" * 32}"', 7, [7]),
        (f'"{"0" * 32}-977"', 5 * MIB, []),
        ('"67418d3a-40000000"', 1024 * MIB, []),
        ('W/"weak"', 7, []),
        ("", 7, []),
        (f'"{"0" * 32}-1"', 0, []),
        (f'"{"0" * 32}-{"9" * 5000}"', 7, []),
        (f'"{"0" * 32}-0"', 7, []),
        (f'"{"0" * 32}-\N{SUPERSCRIPT TWO}"', 7, []),
        (f'"{"0" * 32}-\N{ARABIC-INDIC DIGIT TWO}"', 10 * MIB, []),
    ],
)
def test_only_part_sizes_that_give_that_many_parts_are_plausible(etag: str, size: int, blocks: list[int]) -> None:
    assert [guess.block_size for guess in plausible_etags(etag, size)] == blocks


def test_an_etag_made_by_aws_is_reproduced() -> None:
    """5 MiB of zeros, uploaded as one part of 20 MiB (provider notes)."""
    (guess,) = plausible_etags('"81485c0e873d222199469076b60f30e9-1"', 5 * MIB)
    assert proven(guess, bytes(5 * MIB), [(0, 5 * MIB)]) is True


MD5 = hashlib.md5(CONTENT).hexdigest()  # noqa: S324


@pytest.mark.parametrize(
    ("stored", "etag", "same"),
    [
        (f'"{MD5}"', f'"{MD5}"', True),
        (f'"{MD5}"', MD5, True),
        (f'"{MD5}"', f'"{etag_of(CONTENT, 100_000)}"', True),  # the source was uploaded as one part
        (f'"{etag_of(CONTENT, 30_000)}"', f'"{etag_of(CONTENT, 30_000)}"', True),
        (f'"{etag_of(CONTENT, 30_000)}"', f'"{etag_of(CONTENT, 29_000)}"', False),  # as many parts, of other sizes
        (f'"{etag_of(CONTENT, 100_000)}"', f'"{MD5}"', False),
        (f'"{MD5}"', f'"{etag_of(CONTENT, 50_000)}"', False),
        (f'"{MD5}"', f'"{etag_of(CONTENT[1:], 100_000)}"', False),
        (f'"{MD5}"', f'"{MD5}-1"', False),
        (f'"{MD5}"', f'W/"{MD5}"', False),
        (f'"{"0" * 32}"', f'"{MD5}"', False),  # encrypted with KMS: no MD5
        ("", f'"{MD5}"', False),
        (f'"{MD5}"', "", False),
        ("", "", False),
        ('"first"', '"first"', False),  # neither says anything of the bytes
    ],
)
def test_the_etag_of_s3_shows_the_same_content_where_both_are_md5s_of_the_same_parts(
    stored: str, etag: str, same: bool
) -> None:
    assert shows_the_same(stored, etag) is same


@pytest.mark.parametrize("content_hash", [None, "", "crc32:00", "quickxor:abc"])
def test_a_hash_of_an_unknown_kind_is_not_checked(content_hash: str | None) -> None:
    assert published_hash(content_hash, 10) is None


def one_byte_changed(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


@pytest.mark.parametrize("position", [0, 50_000, len(CONTENT) - 1])
def test_a_plain_md5_etag_proves_the_content_and_one_changed_byte_is_not_proven(position: int) -> None:
    (guess,) = plausible_etags(f'"{hashlib.md5(CONTENT).hexdigest()}"', len(CONTENT))  # noqa: S324
    assert proven(guess, CONTENT, [(0, 40_000), (40_000, len(CONTENT))]) is True
    assert proven(guess, one_byte_changed(CONTENT, position), [(0, len(CONTENT))]) is None


@pytest.mark.parametrize("position", [0, 5 * MIB - 1, 5 * MIB, 5 * MIB + 9])
def test_an_etag_of_two_parts_proves_the_content_and_one_changed_byte_is_not_proven(position: int) -> None:
    content = bytes(5 * MIB) + CONTENT[:10]
    (guess,) = plausible_etags(f'"{etag_of(content, 5 * MIB)}"', len(content))
    parts = [(0, 5 * MIB), (5 * MIB, len(content))]
    assert proven(guess, content, parts) is True and proven(guess, content, parts[::-1]) is True
    assert proven(guess, one_byte_changed(content, position), parts) is None


def test_what_looks_like_an_etag_of_an_upload_in_parts_is_no_plain_md5_and_the_other_way_round() -> None:
    digest = hashlib.md5(CONTENT).hexdigest()  # noqa: S324
    (of_one_part,) = plausible_etags(f'"{digest}-1"', len(CONTENT))
    (plain,) = plausible_etags(f'"{etag_of(CONTENT, len(CONTENT)).removesuffix("-1")}"', len(CONTENT))
    assert [proven(guess, CONTENT, [(0, len(CONTENT))]) for guess in (of_one_part, plain)] == [None, None]


def test_the_etag_of_one_byte_is_its_md5_and_that_of_none_proves_nothing() -> None:
    digest = hashlib.md5(b"x").hexdigest()  # noqa: S324
    assert [guess.digest for guess in plausible_etags(f'"{digest}"', 1)] == [digest]
    assert plausible_etags(f'"{digest}"', 0) == ()
