"""The hashes that a provider publishes: which one is checked, in whatever order, and in several processes."""

from __future__ import annotations

import hashlib
import random

import anycrc
import msgspec
import pytest
from cloud_sync_common.exceptions import IntegrityError
from cloud_sync_common.provider_interface import UNKNOWN, Fingerprint, MediaSource
from cloud_sync_common.stores.archive import Part
from cloud_sync_common.transfer.content_hash import cheapest_hash
from cloud_sync_common.transfer.part_plan import MIB, PartPlan
from cloud_sync_common.transfer.proofs import MOST_KEPT, KeptHashes, Proofs
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_content_hash import published as other

CONTENT = random.Random(6).randbytes(13 * MIB)  # noqa: S311 (test data)
PLAN = PartPlan(len(CONTENT), 4 * MIB)
KINDS = ["crc32c", "sha256-4mib", "sha256", "md5"]


def published(kind: str, content: bytes = CONTENT) -> str:
    if kind == "crc32c":
        return f"crc32c:{anycrc.Model('CRC32C').calc(content):08x}"
    return other(kind, content)


def proofs_of(*hashes: str, size: int = len(CONTENT)) -> Proofs:
    source = MediaSource(file_number=1, filename="a.mp4", content_hashes=hashes)
    return Proofs(source, Fingerprint(size, ""), check_etag=False)


def part(number: int, content: bytes = CONTENT) -> Part:
    first, last = PLAN.bounds(number)
    return Part(number, last - first + 1, "etag", hashlib.sha256(content[first : last + 1]).hexdigest())


def move(proofs: Proofs, *numbers: int, content: bytes = CONTENT) -> None:
    for number in numbers:
        first, last = PLAN.bounds(number)
        hashers = proofs.hashers(first)
        for start in range(first, last + 1, 777_777):
            for _, hasher in hashers:
                hasher.update(memoryview(content[start : min(start + 777_777, last + 1)]))
        proofs.keep(hashers, part(number, content))


def held(*numbers: int, content: bytes = CONTENT) -> dict[int, Part]:
    return {number: part(number, content) for number in numbers}


def test_the_hash_that_is_checked_is_the_cheapest_of_those_that_are_published() -> None:
    texts = {kind: published(kind) for kind in KINDS}
    for number, kind in enumerate(KINDS):
        found = cheapest_hash([texts[each] for each in reversed(KINDS[number:])], len(CONTENT))
        alone = cheapest_hash([texts[kind]], len(CONTENT))
        assert found == alone and found is not None
    assert cheapest_hash(["sha1:00", "quickxor:abc", ""], 5) is cheapest_hash([], 5) is None


@pytest.mark.parametrize(
    ("kind", "in_order"), [("crc32c", False), ("sha256-4mib", False), ("sha256", True), ("md5", True)]
)
def test_only_a_hash_of_the_whole_file_asks_for_one_connection(kind: str, in_order: bool) -> None:
    assert proofs_of(published(kind)).needs_order(PLAN.part_size) is in_order


@given(order=st.permutations([1, 2, 3, 4]), kind=st.sampled_from(["crc32c", "sha256-4mib"]))
@settings(deadline=None, max_examples=20)
def test_parts_in_any_order_and_cut_after_each_of_them_prove_the_hash(order: list[int], kind: str) -> None:
    kept, done = b"", list[int]()
    for number in order:  # each part by a process of its own
        proofs = proofs_of(published(kind))
        proofs.resume(PLAN, held(*done), kept)
        assert proofs.made() == ()
        move(proofs, number)
        kept = proofs.kept(PLAN)
        done.append(number)
    last = proofs_of(published(kind))
    last.resume(PLAN, held(*done), kept)
    assert last.made() == ("content-hash",)


@given(
    position=st.integers(0, len(CONTENT) - 1),
    kind=st.sampled_from(["crc32c", "sha256-4mib"]),
    slices=st.integers(0, 4),
)
@settings(deadline=None, max_examples=30)
def test_one_flipped_byte_in_any_slice_is_refused(position: int, kind: str, slices: int) -> None:
    wrong = CONTENT[:position] + bytes([CONTENT[position] ^ 1]) + CONTENT[position + 1 :]
    first = proofs_of(published(kind))
    move(first, *range(1, slices + 1), content=wrong)
    second = proofs_of(published(kind))
    second.resume(PLAN, held(*range(1, slices + 1), content=wrong), first.kept(PLAN))
    move(second, *range(slices + 1, 5), content=wrong)
    with pytest.raises(IntegrityError, match="does not have the hash"):
        second.made()


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_hash_of_the_whole_file_is_given_up_by_the_second_slice_which_needs_no_order_then(kind: str) -> None:
    first, second = proofs_of(published(kind)), proofs_of(published(kind))
    move(first, 1, 2)
    assert first.kept(PLAN) == b""
    second.resume(PLAN, held(1, 2), b"")
    assert not second.needs_order(PLAN.part_size) and second.hashers(8 * MIB) == []
    move(second, 3, 4)
    assert second.made() == ()


def test_what_was_kept_counts_only_for_the_very_part_that_s3_holds() -> None:
    first = proofs_of(published("crc32c"))
    move(first, 1, 2)
    replaced = {**held(1), 2: replaced_by_another(part(2))}
    for parts, kept in ((replaced, first.kept(PLAN)), (held(1, 2, 3), first.kept(PLAN)), (held(1), b"\xc1")):
        second = proofs_of(published("crc32c"))
        second.resume(PLAN, parts, kept)
        assert second.hashers(0) == [] and second.made() == ()


def replaced_by_another(part: Part) -> Part:
    return Part(part.number, part.size, part.etag, "another checksum")


def test_what_was_kept_for_another_published_hash_is_not_used() -> None:
    first, second = proofs_of(published("crc32c")), proofs_of(published("crc32c"), published("md5"))
    move(first, 1)
    second.resume(PLAN, held(1), first.kept(PLAN))
    assert second.hashers(0) == []


def test_what_would_not_fit_into_a_row_of_the_ledger_is_not_kept() -> None:
    for count, fits in ((100, True), (2_800, True), (3_000, False)):
        proofs, plan = proofs_of("crc32c:00", size=count), PartPlan(count, 1)
        for number in range(1, count + 1):
            hashers = proofs.hashers(number - 1)
            hashers[0][1].update(memoryview(b"x"))
            proofs.keep(hashers, Part(number, 1, "", "AAAAAAAAAAA="))
        kept = proofs.kept(plan)
        assert (0 < len(kept) <= MOST_KEPT) is fits
        assert not fits or len(msgspec.msgpack.decode(kept, type=KeptHashes).parts) == count


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [4 * MIB, 5_000_000, 8 * MIB, 1, 0])
def test_a_source_that_does_not_say_how_long_it_is_is_proven_at_its_end(kind: str, size: int) -> None:
    content, wrong = CONTENT[:size], CONTENT[: size - 1] if size else b"?"
    for sent, proven in ((content, True), (wrong, False)):
        proofs = proofs_of(published(kind, content), size=UNKNOWN)
        for first in range(0, max(1, len(sent)), 4 * MIB):
            hashers = proofs.hashers(first)
            for _, hasher in hashers:
                hasher.update(memoryview(sent[first : first + 4 * MIB]))
            proofs.keep(hashers)
        if proven:
            assert proofs.made() == ("content-hash",)
        else:
            with pytest.raises(IntegrityError):
                proofs.made()
