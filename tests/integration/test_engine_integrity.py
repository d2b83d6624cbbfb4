"""The object equals the source, whatever happens during the transfer; SeaweedFS verifies every checksum itself.

Sizes, part plans, cut connections, the times at which invocations end, and the order of parts are random.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import anycrc
import pytest
from cloud_sync_common.aws import aws_chunked
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    IntegrityError,
    ProviderUnavailableError,
    ShortReadError,
)
from cloud_sync_common.provider_interface import MediaItem, MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores import archive as archive_module
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.transfer import range_transfer, source_transfer, upload_stream
from cloud_sync_common.transfer.part_plan import PartPlan
from cloud_sync_common.transfer.range_transfer import TransferOptions, TransferStats
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.source_transfer import SourceTransfer
from cloud_sync_common.transfer.upload_stream import StreamUploader
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local.movies import SMALLEST, movie_of
from tests.integration.aws_on_loopback import forget_clients
from tests.integration.range_source import Served, serving
from tests.integration.seaweedfs import BUCKET, SeaweedFs
from tests.unit.test_content_hash import published

SMALLEST_PART = 5 * 1024 * 1024  # S3's, and SeaweedFS's
CONTENT = movie_of(random.Random(11).randbytes(20_000_000))  # noqa: S311 (test data)
SLOW = settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # no shrinking: an example takes long
    suppress_health_check=[HealthCheck.too_slow],
)


class OneRow:
    """A ledger of one source."""

    def __init__(self) -> None:
        self.row: SourceRow | None = None

    def source(self, *_: object) -> SourceRow | None:
        return self.row

    def begin_source(self, _media_id: str, _number: int, _run: str, row: SourceRow, *, replaces: str) -> bool:
        assert (self.row.upload_id if self.row else "") == replaces
        self.row = row
        return True

    def archive_source(self, _media_id: str, _number: int, _run: str, row: SourceRow) -> None:
        self.row = row


@pytest.fixture(scope="module")
def engine(seaweed: SeaweedFs) -> Iterator[SeaweedFs]:
    """SeaweedFS, with the function code's clients and connections made for it."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in seaweed.variables.items():
            patched.setenv(name, value)
        forget_clients()
        yield seaweed
        forget_clients()


class Archiving:
    """Transfers one file into SeaweedFS, in one or more invocations."""

    _number = 0
    content_hashes: tuple[str, ...] = ()

    def __init__(self, server: SeaweedFs, served: Served, connections: int = 4) -> None:
        type(self)._number += 1
        self.item = MediaItem(media_id=f"item{self._number}", filename="clip.mp4", captured_at="2026-05-01T00:00:00Z")
        self.server, self.served, self.ledger, self.connections = server, served, OneRow(), connections

    def invocation(self, deadline: Deadline, connections: int | None = None) -> SourceRow | None:
        this: StreamUploader = upload_stream.of_this_process(allow_loopback=True)
        archive = Archive(self.server.s3, BUCKET, "STANDARD")
        options = TransferOptions(this, archive, connections or self.connections, deadline, 900.0, stats_of(deadline))
        source = MediaSource(
            file_number=1, filename="clip.mp4", url=self.served.url, content_hashes=self.content_hashes
        )
        link = SourceLink(source, lambda ended: ended, deadline, RequestLimiter(options.connections, options.deadline))
        ledger: Any = self.ledger
        return this.run(SourceTransfer(options, ledger, "test", self.item, source, link, "run").archive())

    def stored(self) -> bytes:
        assert self.ledger.row is not None and self.ledger.row.status is Status.ARCHIVED
        return self.server.read(self.ledger.row.key)

    def nothing_is_there(self) -> bool:
        found = self.server.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"test/2026/05/{self.item.media_id}/")
        return found.get("KeyCount", 0) == 0


def parts_of(part_size: int, most_in_one: int) -> Any:
    """Patches for the plan of the test; the function code would use one part for so small a file."""
    return (
        patch.object(source_transfer, "plan_parts", lambda size, *_: PartPlan(size, part_size)),
        patch.object(source_transfer, "largest_put", lambda *_: most_in_one),
    )


def true_checksum(content: bytes) -> str:
    return aws_chunked.encode_checksum(anycrc.Model("CRC64-NVME").calc(content))


class AfterRequests(Deadline):
    """A deadline that comes after so many requests of one transfer to S3, of which the upload's beginning is one."""

    def __init__(self, requests: int) -> None:
        super().__init__(lambda: 60.0, margin=0.0)
        self._requests, self.stats = requests, TransferStats()

    def allows(self, seconds: float) -> bool:
        return self.stats.requests < self._requests


def stats_of(deadline: Deadline) -> TransferStats:
    """Those that the deadline depends on, if it does on any."""
    return deadline.stats if isinstance(deadline, AfterRequests) else TransferStats()


@given(
    size=st.integers(0, len(CONTENT) - 1),
    whole=st.booleans(),
    part_size=st.integers(SMALLEST_PART, 8_000_000),
    most_in_one=st.integers(1, 12_000_000),
    connections=st.integers(1, 6),
    slices=st.lists(st.integers(1, 9), max_size=6),
    cuts=st.lists(st.integers(0, 5_000_000), max_size=3),
)
@SLOW
def test_object_equals_source_for_any_size_plan_cut_and_resume(
    engine: SeaweedFs,
    size: int,
    whole: bool,
    part_size: int,
    most_in_one: int,
    connections: int,
    slices: list[int],
    cuts: list[int],
) -> None:
    whole = whole and size >= SMALLEST
    content = movie_of(CONTENT[:size]) if whole else CONTENT[:size]
    plan, one = parts_of(part_size, most_in_one)
    with serving(Served(content, cuts=cuts)) as served, plan, one:
        archiving = Archiving(engine, served, connections)
        for parts in slices:
            with contextlib.suppress(ProviderUnavailableError, ShortReadError):  # no time to try again
                if archiving.invocation(AfterRequests(parts)) is not None:
                    break
        row = archiving.invocation(Deadline.after(60))
        assert row is not None and row.checksum == true_checksum(content) and row.size == size
        assert (row.damage == "", "whole-movie" in row.proofs) == (whole, whole)
        assert archiving.stored() == content
        upload_stream.of_this_process(allow_loopback=True).sources.close()
    assert engine.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


@given(
    size=st.integers(SMALLEST, 12_000_000),
    part_size=st.integers(SMALLEST_PART, 7_000_000),
    position=st.floats(0, 1),
    whole=st.booleans(),
)
@SLOW
def test_one_flipped_bit_on_the_way_to_s3_is_refused_and_no_object_appears(
    engine: SeaweedFs, size: int, part_size: int, position: float, whole: bool
) -> None:
    """The checksum is that of the source; one bit of the content changes on the way."""
    where, passed, framed = min(int(size * position), size - 1), 0, aws_chunked.framed

    def damage(buffer: memoryview, count: int, crc: int | None) -> memoryview:
        nonlocal passed
        if passed <= where < passed + count:
            buffer[aws_chunked.SPACE_BEFORE + where - passed] ^= 1
        passed += count
        if passed == size:
            passed = 0  # a retry is damaged too
        return framed(buffer, count, crc)

    plan, one = parts_of(part_size, size if whole else 1)
    content = movie_of(CONTENT[:size])
    with serving(Served(content)) as served, plan, one:
        archiving = Archiving(engine, served, connections=1)
        # SeaweedFS reports some of these parts as IncompleteBody, which is retried and refused again.
        with patch.object(aws_chunked, "framed", damage), pytest.raises((IntegrityError, ArchiveUnavailableError)):
            archiving.invocation(Deadline.after(60))
        assert archiving.nothing_is_there()
        assert archiving.invocation(Deadline.after(60)) is not None and archiving.stored() == content
        upload_stream.of_this_process(allow_loopback=True).sources.close()


def test_a_wrong_checksum_of_the_whole_object_is_refused_and_no_object_appears(engine: SeaweedFs) -> None:
    """Every part is right; only the checksum of the whole object is wrong."""
    plan, one = parts_of(SMALLEST_PART, 1)
    with serving(Served(CONTENT)) as served, plan, one:
        archiving = Archiving(engine, served)
        wrong = aws_chunked.encode_checksum(12345)
        with patch.object(archive_module, "combined_checksum", lambda _: wrong), pytest.raises(IntegrityError):
            archiving.invocation(Deadline.after(60))
        assert archiving.nothing_is_there()
        upload_stream.of_this_process(allow_loopback=True).sources.close()


CHANGED = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]


@pytest.mark.parametrize("answers", [1, 2, 4])
@pytest.mark.parametrize("honours_if_match", [True, False])
def test_a_source_that_is_replaced_between_parts_is_never_mixed(
    engine: SeaweedFs, answers: int, honours_if_match: bool
) -> None:
    plan, one = parts_of(SMALLEST_PART, 1)
    served = Served(CONTENT, successor=(answers, CHANGED), honours_if_match=honours_if_match)
    with serving(served), plan, one, patch.object(range_transfer, "USUAL_PART", 1):  # an answer for each part
        archiving = Archiving(engine, served, connections=1)
        assert archiving.invocation(Deadline.after(60)) is not None
        assert archiving.stored() == CHANGED and len(served.asked) > answers
        upload_stream.of_this_process(allow_loopback=True).sources.close()


def test_a_source_that_is_replaced_between_invocations_is_never_mixed(engine: SeaweedFs) -> None:
    plan, one = parts_of(SMALLEST_PART, 1)
    with serving(Served(CONTENT)) as served, plan, one:
        archiving = Archiving(engine, served, connections=1)
        assert archiving.invocation(AfterRequests(2)) is None
        served.content, served.etag = CHANGED, '"second"'
        assert archiving.invocation(Deadline.after(60)) is not None
        assert archiving.stored() == CHANGED
        upload_stream.of_this_process(allow_loopback=True).sources.close()


@pytest.mark.parametrize("kind", ["md5", "sha256", "sha256-4mib"])
@pytest.mark.parametrize("in_one", [True, False])
def test_a_published_hash_is_verified_during_the_transfer_and_a_wrong_one_refuses_the_object(
    engine: SeaweedFs, kind: str, in_one: bool
) -> None:
    plan, one = parts_of(8 * 1024 * 1024 if kind == "sha256-4mib" else SMALLEST_PART, len(CONTENT) if in_one else 1)
    with serving(Served(CONTENT)) as served, plan, one:
        right, wrong = Archiving(engine, served), Archiving(engine, served)
        for archiving, content in ((right, CONTENT), (wrong, CONTENT[:-1] + b"?")):
            archiving.content_hashes = (published(kind, content),)
        row = right.invocation(Deadline.after(60))
        assert row is not None and "content-hash" in row.proofs
        with pytest.raises(IntegrityError):
            wrong.invocation(Deadline.after(60))
        assert wrong.nothing_is_there()
        upload_stream.of_this_process(allow_loopback=True).sources.close()
