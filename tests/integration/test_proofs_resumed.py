"""What a source says of its content is proven by a transfer in slices as by one in one piece."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from cloud_sync_common.exceptions import IntegrityError
from cloud_sync_common.provider_interface import MediaItem, MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import SourceRow
from cloud_sync_common.transfer import upload_stream
from cloud_sync_common.transfer.part_plan import MIB
from cloud_sync_common.transfer.range_transfer import TransferOptions
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.source_transfer import SourceTransfer

from tests.integration.aws_on_loopback import ARCHIVE, Aws
from tests.integration.range_source import Served, serving
from tests.integration.test_engine_integrity import AfterRequests, OneRow, stats_of
from tests.unit.test_content_hash import etag_of
from tests.unit.test_published_hashes import published

CONTENT = random.Random(12).randbytes(70 * MIB)  # noqa: S311 (test data)
FOUR_PARTS = etag_of(CONTENT, 20 * MIB)


@dataclass
class Slices:
    """One file on its way into the archive. Of each invocation nothing stays but the ledger's row and what S3 has."""

    aws: Aws
    served: Served
    content_hashes: tuple[str, ...] = ()
    row: OneRow = field(default_factory=OneRow)

    @property
    def ledger(self) -> Any:
        """The rows of a source in memory, the hashes of its parts in DynamoDB."""
        real = Ledger(self.aws.table, "test")
        self.row.keep_hashes, self.row.hashes = real.keep_hashes, real.hashes  # type: ignore[attr-defined]
        return self.row

    def invocation(self, deadline: Deadline) -> SourceRow | None:
        uploader = upload_stream.of_this_process(allow_loopback=True)
        archive = Archive(self.aws.s3, ARCHIVE, "STANDARD")
        options = TransferOptions(uploader, archive, 2, deadline, 900.0, stats_of(deadline), single_put=5 * MIB)
        source = MediaSource(
            file_number=1, filename="clip.mp4", url=self.served.url, content_hashes=self.content_hashes
        )
        link = SourceLink(source, lambda ended: ended, deadline, RequestLimiter(options.connections, options.deadline))
        item, ledger = MediaItem(media_id="clip", filename="clip.mp4"), self.ledger
        moving = SourceTransfer(options, ledger, "test", item, source, link, "run")
        return uploader.run(moving.archive())

    def move(self, parts_at_once: int) -> SourceRow:
        for _ in range(20):
            if row := self.invocation(AfterRequests(parts_at_once)):
                return row
        raise AssertionError("twenty slices were not enough")


@pytest.fixture
def slices(aws: Aws) -> Iterator[Slices]:
    with serving(Served(CONTENT, etag=f'"{FOUR_PARTS}"')) as served:
        yield Slices(aws, served)
        upload_stream.of_this_process(allow_loopback=True).sources.close()


def stored(slices: Slices, row: SourceRow) -> Any:
    return hashlib.sha256(slices.aws.read(row.key)).hexdigest()


@pytest.mark.parametrize("parts_at_once", [1, 3, 100])
def test_the_etags_of_the_parts_prove_the_sources_own_however_many_slices_moved_them(
    slices: Slices, parts_at_once: int
) -> None:
    slices.aws.server.encryption = "AES256"
    row = slices.move(parts_at_once)
    assert row.proofs == ("s3-checksum", "source-etag")
    assert stored(slices, row) == hashlib.sha256(CONTENT).hexdigest()
    assert sorted(call.part or 0 for call in slices.aws.calls("UploadPart")) == [1, 2, 3, 4]  # each of them once


@pytest.mark.parametrize("position", [0, 20 * MIB - 1, 20 * MIB, 45 * MIB, len(CONTENT) - 1])
def test_a_byte_that_the_provider_has_spoilt_in_any_slice_is_not_proven(slices: Slices, position: int) -> None:
    """It is archived all the same, as a wrong guess of the part size would look alike."""
    slices.aws.server.encryption = "AES256"
    slices.served.content = CONTENT[:position] + bytes([CONTENT[position] ^ 1]) + CONTENT[position + 1 :]
    assert slices.move(1).proofs == ("s3-checksum",)


@pytest.mark.parametrize("encryption", ["aws:kms", "aws:kms:dsse", ""])
def test_where_s3s_etags_are_no_md5s_no_request_is_spent_on_them(slices: Slices, encryption: str) -> None:
    slices.aws.server.encryption = encryption
    assert slices.move(100).proofs == ("s3-checksum",)
    assert len(slices.aws.calls("UploadPart")) == 2


@pytest.mark.parametrize("kind", ["crc32c", "sha256-4mib"])
def test_a_published_hash_is_proven_by_a_transfer_that_is_cut_after_each_part(slices: Slices, kind: str) -> None:
    slices.content_hashes = (published(kind, CONTENT),)
    assert slices.move(1).proofs == ("s3-checksum", "content-hash")
    assert sorted(call.part or 0 for call in slices.aws.calls("UploadPart")) == [1, 2]  # each of them once


def test_kept_hashes_are_of_one_upload_and_no_walk_through_the_ledger_meets_them(aws: Aws) -> None:
    ledger = Ledger(aws.table, "test")
    ledger.keep_hashes("clip", 1, "upload", b"\x00\xff")
    ledger.keep_hashes("clip", 1, "upload", b"\x00\xfe")
    assert ledger.hashes("clip", 1, "upload") == b"\x00\xfe"
    assert ledger.hashes("clip", 1, "another") == ledger.hashes("clip", 2, "upload") == b""
    assert ledger.rows_of("clip") == [] and ledger.page(None) == ([], None) and ledger.sources("clip") == {}


@pytest.mark.parametrize("kind", ["crc32c", "sha256-4mib"])
@pytest.mark.parametrize("position", [0, 35 * MIB, len(CONTENT) - 1])
def test_a_byte_that_was_spoilt_in_any_slice_is_refused_by_a_published_hash(
    slices: Slices, kind: str, position: int
) -> None:
    slices.content_hashes = (published(kind, CONTENT),)
    slices.served.content = CONTENT[:position] + bytes([CONTENT[position] ^ 1]) + CONTENT[position + 1 :]
    with pytest.raises(IntegrityError, match="does not have the hash"):
        slices.move(1)
    assert slices.aws.archived() == {} and slices.aws.uploads() == []


def test_a_hash_of_the_whole_file_is_not_checked_by_a_transfer_that_was_cut(slices: Slices) -> None:
    slices.content_hashes = (published("md5", CONTENT),)
    assert slices.move(1).proofs == ("s3-checksum",)
