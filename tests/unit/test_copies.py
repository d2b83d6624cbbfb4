"""What shows that the archive has a content already, what does not, and who says so to the owner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from boto3.dynamodb.conditions import Attr
from cloud_sync_common.provider_interface import Fingerprint, MediaSource
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.contents import MOST_OF_ONE_CONTENT, Contents, by_checksum
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.transfer.copies import Copies
from cloud_sync_common.transfer.earlier_copy import EarlierCopy
from cloud_sync_common.transfer.proofs import Proofs

from tests.unit.in_process_aws import InProcessAws, running_aws
from tests.unit.run_reports import clip, report, success
from tests.unit.test_report import Listing

ARCHIVE, SIZE = "archive", 4
CHECKSUM = "7Ujnccgdw5E="  # of b"clip"
KEY, OWN = "gopro/2026/01/clip/GX010001.MP4", "dropbox/2026/01/other/"
SHA256, BLOCKS, MD5 = f"sha256:{'a' * 64}", f"sha256-4mib:{'b' * 64}", f"md5:{'c' * 32}"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcessAws]:
    with running_aws(monkeypatch) as aws:
        aws.s3.create_bucket(Bucket=ARCHIVE)
        put(aws, KEY)
        yield aws


def put(aws: InProcessAws, key: str, body: bytes = b"clip") -> None:
    aws.s3.put_object(Bucket=ARCHIVE, Key=key, Body=body, ChecksumAlgorithm="CRC64NVME")


def copies(aws: InProcessAws, *, record: bool = True) -> Copies:
    return Copies(Archive(aws.s3, ARCHIVE, "STANDARD"), Contents(aws.table), record)


def listed(*hashes: str) -> MediaSource:
    return MediaSource(1, "a.mp4", size=SIZE, content_hashes=hashes)


def row(key: str, checksum: str = CHECKSUM, size: int = SIZE) -> SourceRow:
    return SourceRow(status=Status.ARCHIVED, key=key, size=size, checksum=checksum)


def rows(aws: InProcessAws) -> list[dict[str, Any]]:
    return aws.table.scan(FilterExpression=Attr("pk").begins_with("CONTENT#"))["Items"]


@pytest.mark.parametrize(
    ("known", "published", "agreed"),
    [
        ((SHA256,), (SHA256, MD5), SHA256),
        ((SHA256, BLOCKS), (BLOCKS,), BLOCKS),
        ((SHA256,), (BLOCKS,), None),
        ((MD5,), (MD5,), None),
        ((), (SHA256,), None),
        ((SHA256,), (), None),
    ],
    ids=["sha256", "blocks", "another kind", "md5 alone", "nothing known", "nothing published"],
)
def test_only_a_strong_hash_that_is_known_of_an_object_shows_a_copy_before_a_byte_is_read(
    aws: InProcessAws, known: tuple[str, ...], published: tuple[str, ...], agreed: str | None
) -> None:
    copies(aws).contents.note(KEY, SIZE, CHECKSUM, known)
    found = copies(aws).of_published(listed(*published), SIZE, OWN)
    assert (found and (found.key, found.checksum, found.agreed)) == (agreed and (KEY, CHECKSUM, agreed))


@pytest.mark.parametrize("size", [SIZE + 1, 0, None])
def test_the_same_hash_with_another_size_or_none_shows_nothing(aws: InProcessAws, size: int | None) -> None:
    copies(aws).contents.note(KEY, SIZE, CHECKSUM, (SHA256,))
    assert copies(aws).of_published(listed(SHA256), size, OWN) is None


def test_the_size_and_the_checksum_of_all_bytes_show_a_copy_once_they_are_read(aws: InProcessAws) -> None:
    copies(aws).contents.note(KEY, SIZE, CHECKSUM)
    found = copies(aws).of_content(SIZE, CHECKSUM, OWN)
    assert found is not None and (found.key, found.agreed) == (KEY, f"crc64nvme:{CHECKSUM}")
    assert copies(aws).of_content(SIZE, "AAAAAAAAAAA=", OWN) is None
    assert copies(aws).of_content(SIZE + 1, CHECKSUM, OWN) is None


@pytest.mark.parametrize(
    ("known", "computed", "is_copy"),
    [
        ((BLOCKS,), (BLOCKS,), True),
        ((BLOCKS,), (f"sha256-4mib:{'0' * 64}",), False),
        ((SHA256,), (BLOCKS,), True),
        ((SHA256, BLOCKS), (f"sha256:{'0' * 64}", BLOCKS), False),
        ((), (BLOCKS,), True),
        ((BLOCKS,), (), True),
    ],
    ids=["agrees", "another", "nothing in common", "one of two is another", "nothing known", "nothing computed"],
)
def test_the_same_checksum_is_not_believed_where_a_hash_that_both_have_is_another(
    aws: InProcessAws, known: tuple[str, ...], computed: tuple[str, ...], is_copy: bool
) -> None:
    copies(aws).contents.note(KEY, SIZE, CHECKSUM, known)
    assert (copies(aws).of_content(SIZE, CHECKSUM, OWN, computed) is not None) == is_copy
    put(aws, f"{OWN}a.mp4")
    assert copies(aws).note(row(f"{OWN}a.mp4"), computed).same_as == (KEY if is_copy else "")


def test_hashes_that_are_learned_later_are_added_to_those_that_were_known(aws: InProcessAws) -> None:
    contents = copies(aws).contents
    for hashes in ((), (SHA256,), (BLOCKS,)):
        contents.note(KEY, SIZE, CHECKSUM, hashes)
    (known,) = contents.having(SIZE, by_checksum(CHECKSUM))
    assert known.hashes == {SHA256, BLOCKS}


def test_without_the_switch_nothing_is_a_copy(aws: InProcessAws) -> None:
    off = copies(aws, record=False)
    off.contents.note(KEY, SIZE, CHECKSUM, (SHA256,))
    assert off.of_published(listed(SHA256), SIZE, OWN) is off.of_content(SIZE, CHECKSUM, OWN) is None


def test_a_version_of_the_file_itself_is_no_other_object(aws: InProcessAws) -> None:
    copies(aws).contents.note(KEY, SIZE, CHECKSUM, (SHA256,))
    own = KEY.rpartition("/")[0] + "/"
    assert copies(aws).of_published(listed(SHA256), SIZE, own) is None
    assert copies(aws).of_content(SIZE, CHECKSUM, own) is None


@pytest.mark.parametrize("body", [None, b"clap", b"longer"], ids=["gone", "other bytes", "another size"])
def test_an_object_that_is_not_what_it_was_is_no_original_and_the_next_one_is_asked(
    aws: InProcessAws, body: bytes | None
) -> None:
    second = "gopro/2026/01/twin/GX010001.MP4"
    put(aws, second)
    for key in (KEY, second):
        copies(aws).contents.note(key, SIZE, CHECKSUM, (SHA256,))
    aws.s3.delete_object(Bucket=ARCHIVE, Key=KEY)
    if body:
        put(aws, KEY, body)
    found = copies(aws).of_published(listed(SHA256), SIZE, OWN)
    assert found is not None and found.key == second


def test_a_copy_is_never_the_original_of_another_and_is_known_to_need_its_own(aws: InProcessAws) -> None:
    found = copies(aws)
    found.contents.note(KEY, SIZE, CHECKSUM, (SHA256,))
    first = found.of_published(listed(SHA256), SIZE, OWN)
    assert first is not None
    pointer = "dropbox/2026/01/other/a.mp4.copy"
    found.note_copy(pointer, first, ())
    put(aws, pointer)
    again = found.of_content(SIZE, CHECKSUM, "google_drive/2026/01/id/")
    assert again is not None and again.key == KEY
    assert found.contents.needs(KEY, SIZE, CHECKSUM) == pointer
    assert found.contents.needs(pointer, SIZE, CHECKSUM) == "" == found.contents.needs(KEY, 0, CHECKSUM)


def test_what_a_copy_shows_of_its_original_is_known_from_then_on(aws: InProcessAws) -> None:
    found = copies(aws)
    found.contents.note(KEY, SIZE, CHECKSUM)
    first = found.of_content(SIZE, CHECKSUM, OWN)
    assert first is not None and found.of_published(listed(BLOCKS), SIZE, OWN) is None
    found.note_copy(f"{OWN}a.mp4.copy", first, (BLOCKS,))
    again = found.of_published(listed(BLOCKS), SIZE, "google_drive/2026/01/id/")
    assert again is not None and again.key == KEY


def test_of_two_that_are_stored_the_later_one_knows_the_earlier_and_not_the_other_way_round(
    aws: InProcessAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(f"2026-01-01T00:00:0{tick}.000Z" for tick in range(10))
    monkeypatch.setattr("cloud_sync_common.stores.conditional_table.now", lambda: next(ticks))
    off, twin = copies(aws, record=False), "dropbox/2026/01/twin/a.mp4"
    put(aws, twin)
    for key in (KEY, twin):  # at one moment: both are noted before either of them asks
        off.contents.note(key, SIZE, CHECKSUM)
    later, earlier = off.note(row(twin), ()), off.note(row(KEY), ())
    assert (earlier.same_as, later.same_as) == ("", KEY) and earlier.noted and later.noted


def test_nothing_is_noted_of_an_empty_file_nor_of_one_whose_checksum_is_unknown(aws: InProcessAws) -> None:
    found = copies(aws)
    assert found.note(row(KEY, size=0), (SHA256,)).same_as == found.note(row(KEY, checksum=""), ()).same_as == ""
    assert rows(aws) == []


def test_what_is_known_is_not_written_again(aws: InProcessAws) -> None:
    contents = copies(aws).contents
    contents.note(KEY, SIZE, CHECKSUM, (SHA256, MD5))
    before = rows(aws)
    contents.note(KEY, SIZE, CHECKSUM, (SHA256, MD5))
    assert rows(aws) == before and len(before) == 2
    assert {entry["pk"] for entry in before} == {f"CONTENT#{SIZE}#{SHA256}", f"CONTENT#{SIZE}#crc64nvme:{CHECKSUM}"}


def test_an_odd_row_of_a_content_is_left_alone(aws: InProcessAws) -> None:
    for key, odd in (("a", {"checksum": None}), ("b", {"checksum": 7}), ("c", {"checksum": CHECKSUM, "hashes": 1})):
        aws.table.put_item(Item={"pk": f"CONTENT#{SIZE}#{SHA256}", "sk": key, **odd})
    copies(aws).contents.note(KEY, SIZE, CHECKSUM, (SHA256,))
    assert [known.key for known in copies(aws).contents.having(SIZE, SHA256)] == [KEY]


def test_as_many_objects_of_one_content_are_looked_at_and_no_more(aws: InProcessAws) -> None:
    for number in range(MOST_OF_ONE_CONTENT + 1):
        copies(aws).contents.note(f"gopro/{number:03}", SIZE, CHECKSUM)
    assert len(copies(aws).contents.having(SIZE, by_checksum(CHECKSUM))) == MOST_OF_ONE_CONTENT


# Hashes


def proofs_of(*hashes: str, for_copies: bool) -> Proofs:
    source = MediaSource(1, "a.bin", size=9, content_hashes=hashes)
    proofs = Proofs(source, Fingerprint(9, ""), check_etag=False, for_copies=for_copies)
    hashers = proofs.hashers(0)
    for _, hasher in hashers:
        hasher.update(memoryview(b"some data"))
    proofs.keep(hashers)
    return proofs


# Of b"some data", by coreutils: sha256sum of it, and sha256sum of that digest's 32 bytes.
WHOLE = "sha256:1307990e6ba5ca145eb35e99182a9bec46531bc54ddf656a602c780fa0240dee"
IN_BLOCKS = "sha256-4mib:149078105941cd1edda0ec5a568fc1d178661b6441831c3647d88f41f7dfc886"


@pytest.mark.parametrize(
    ("published", "for_copies", "known"),
    [
        ((), False, ()),
        ((), True, (IN_BLOCKS,)),
        ((WHOLE,), False, (WHOLE,)),
        ((WHOLE,), True, (WHOLE, IN_BLOCKS)),
        ((IN_BLOCKS,), True, (IN_BLOCKS,)),
    ],
)
def test_a_hash_of_blocks_is_computed_for_copies_and_a_published_one_is_known_when_it_agrees(
    published: tuple[str, ...], for_copies: bool, known: tuple[str, ...]
) -> None:
    assert proofs_of(*published, for_copies=for_copies).hashes == known


def test_a_published_hash_that_does_not_agree_is_not_known_of_the_content() -> None:
    assert proofs_of(f"sha256:{'0' * 64}", for_copies=False).hashes == ()


def test_a_file_of_which_not_all_was_seen_has_no_hash() -> None:
    source = MediaSource(1, "a.bin", size=9)
    assert Proofs(source, Fingerprint(9, ""), check_etag=False, for_copies=True).hashes == ()


def test_a_copy_has_no_bytes_that_a_new_version_could_equal() -> None:
    copied = msgspec.structs.replace(row("dropbox/a.mp4.copy"), copy_of=KEY)
    assert EarlierCopy.before(copied, "key", 1) == EarlierCopy()


# What the owner hears


def test_a_mail_counts_what_is_in_the_archive_twice_and_what_that_costs(aws: InProcessAws) -> None:
    aws.manifest("run-1", [clip(1), clip(2), clip(3)])
    for number, repeated in ((1, {"twice_bytes": 3 * 10**12}), (2, {"twice_bytes": 10**12}), (3, {})):
        aws.archive(clip(number), "run-1", run_bytes=5, **repeated)
    summary = report(aws, success(Listing(listed=3, new=3)))
    assert getattr(summary, "repeated", None) == {"twice": 2, "twice_bytes": 4 * 10**12}
    (mail,) = aws.mails()
    assert "2 videos (4.00 TB) are in the archive twice: size and CRC-64" in mail["Message"]
    assert "In Deep Archive that costs 3.9600 USD a month." in mail["Message"] and "record_copies" in mail["Message"]


def test_a_mail_counts_what_was_recorded_as_a_copy(aws: InProcessAws) -> None:
    aws.manifest("run-1", [clip(1), clip(2)])
    aws.archive(clip(1), "run-1", run_bytes=5, copied_bytes=2_000_000)
    aws.archive(clip(2), "run-1", run_bytes=5)
    summary = report(aws, success(Listing(listed=2, new=2)))
    assert getattr(summary, "repeated", None) == {"copied": 1, "copied_bytes": 2_000_000}
    (mail,) = aws.mails()
    assert "1 video (2.0 MB) had the content of objects that are in the archive already" in mail["Message"]
    assert "twice" not in mail["Message"] and "all is well" in mail["Message"]


def test_a_mail_says_nothing_of_copies_where_there_are_none(aws: InProcessAws) -> None:
    aws.manifest("run-1", [clip(1)])
    aws.archive(clip(1), "run-1", run_bytes=5)
    summary = report(aws, success(Listing(listed=1, new=1)))
    (mail,) = aws.mails()
    assert getattr(summary, "repeated", None) == {} and "already" not in mail["Message"]
