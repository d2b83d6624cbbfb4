"""A file whose server sends neither ETag nor date, and wants a token, as Google Drive's does: what is archived is one
version of it, whole, and the row says which, whenever it is replaced by another of the same size."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cloud_sync_common.exceptions import SourceLinkExpiredError
from cloud_sync_common.provider_interface import MediaItem, MediaSource
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.transfer import upload_stream
from cloud_sync_common.transfer.media_host import MediaHost
from cloud_sync_common.transfer.range_transfer import TransferOptions
from cloud_sync_common.transfer.request_limiter import RequestLimiter
from cloud_sync_common.transfer.source_link import SourceLink
from cloud_sync_common.transfer.source_transfer import SourceTransfer

from local.movies import movie_of
from tests.integration.aws_on_loopback import ARCHIVE, Aws
from tests.integration.range_source import Served, serving
from tests.integration.test_engine_integrity import AfterRequests, OneRow, parts_of, stats_of

PART = 5 * 1024 * 1024
BEFORE, AFTER = (movie_of(random.Random(seed).randbytes(3 * PART + 17)) for seed in (1, 2))  # noqa: S311 (test data)
CONNECTIONS = 2


@dataclass
class Cloud:
    """One file of an account, which a provider lists by a revision, or by a hash of its content."""

    aws: Aws
    served: Served
    lists_hashes: bool = False
    row: OneRow = field(default_factory=OneRow)
    token: str = "token-1"

    def source(self) -> MediaSource:
        """The file, as the provider lists it at this moment."""
        digest = hashlib.sha256(self.served.content).hexdigest()
        return MediaSource(
            file_number=1,
            filename="clip.mp4",
            url=self.served.url,
            headers={"Authorization": f"Bearer {self.token}"},
            size=len(self.served.content),
            content_hashes=(f"sha256:{digest}",) if self.lists_hashes else (),
            revision=digest[:12],
        )

    def renewed(self, _ended: MediaSource) -> MediaSource:
        self.token = self.served.token
        return self.source()

    def invocation(self, deadline: Deadline, *origins: str) -> SourceRow | None:
        uploader = upload_stream.of_this_process(allow_loopback=True)
        own = origins or (self.served.url.removesuffix("/clip.mp4"),)
        options = TransferOptions(
            uploader, Archive(self.aws.s3, ARCHIVE, "STANDARD"), CONNECTIONS, deadline, 900.0, stats_of(deadline),
            host=MediaHost(origins=own),
        )  # fmt: skip
        source, ledger = self.source(), Ledger(self.aws.table, "test")
        rows: Any = self.row
        rows.keep_hashes, rows.hashes = ledger.keep_hashes, ledger.hashes
        link = SourceLink(source, self.renewed, deadline, RequestLimiter(CONNECTIONS, deadline))
        item = MediaItem(media_id="clip", filename="clip.mp4")
        plan, one = parts_of(PART, 1024)
        with plan, one:
            return uploader.run(SourceTransfer(options, rows, "test", item, source, link, "run").archive())

    def assert_one_version(self, content: bytes) -> None:
        row = self.row.row
        assert row is not None and row.status is Status.ARCHIVED
        stored, digest = self.aws.read(row.key), hashlib.sha256(content).hexdigest()
        assert hashlib.sha256(stored).hexdigest() == digest
        assert row.listed == (f"sha256:{digest}" if self.lists_hashes else digest[:12])


@pytest.fixture
def cloud(aws: Aws) -> Iterator[Cloud]:
    with serving(Served(BEFORE, etag=None, token="token-1")) as served:
        yield Cloud(aws, served)
        upload_stream.of_this_process(allow_loopback=True).sources.close()


@pytest.mark.parametrize("lists_hashes", [False, True], ids=["revision", "hash"])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_file_that_is_replaced_while_it_is_read_is_archived_in_its_new_version_and_never_mixed(
    cloud: Cloud, after: int, lists_hashes: bool
) -> None:
    """The first request is for one byte. Two others are for two parts each, or one is for all of them in order, where a
    hash of the whole is checked."""
    cloud.lists_hashes, cloud.served.successor = lists_hashes, (after, AFTER)
    requests = 2 if lists_hashes else 3
    assert cloud.invocation(Deadline.after(60)) is not None
    cloud.assert_one_version(AFTER if after < requests else BEFORE)
    assert cloud.aws.s3.list_multipart_uploads(Bucket=ARCHIVE).get("Uploads", []) == []


@pytest.mark.parametrize("lists_hashes", [False, True], ids=["revision", "hash"])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_file_that_is_replaced_between_two_slices_is_begun_anew(cloud: Cloud, after: int, lists_hashes: bool) -> None:
    cloud.lists_hashes = lists_hashes
    assert cloud.invocation(AfterRequests(after)) is None
    cloud.served.content = AFTER
    assert cloud.invocation(Deadline.after(60)) is not None
    cloud.assert_one_version(AFTER)


def test_a_file_that_was_archived_and_then_replaced_by_one_of_the_same_size_is_moved_again(cloud: Cloud) -> None:
    first = cloud.invocation(Deadline.after(60))
    cloud.served.content = AFTER
    second = cloud.invocation(Deadline.after(60))
    cloud.assert_one_version(AFTER)
    assert first is not None and second is not None and (first.copy, second.copy) == (1, 2)
    assert cloud.aws.read(first.key) == BEFORE


def test_a_file_that_stays_the_same_is_moved_once(cloud: Cloud) -> None:
    first = cloud.invocation(Deadline.after(60))
    asked = len(cloud.served.asked)
    second = cloud.invocation(Deadline.after(60))
    assert first is not None and second is not None and second.key == first.key
    assert len(cloud.served.asked) == asked + 1


def test_a_token_that_ends_in_the_middle_is_replaced_and_the_file_read_on(cloud: Cloud) -> None:
    assert cloud.invocation(AfterRequests(2)) is None
    cloud.served.token = "token-2"
    assert cloud.invocation(Deadline.after(60)) is not None and cloud.token == "token-2"
    cloud.assert_one_version(BEFORE)


def test_a_token_that_is_refused_for_good_ends_the_slice_and_the_parts_stay(cloud: Cloud) -> None:
    assert cloud.invocation(AfterRequests(2)) is None
    cloud.served.token = "token-2"
    cloud.renewed = replace  # type: ignore[method-assign,assignment]
    with pytest.raises(SourceLinkExpiredError):
        cloud.invocation(Deadline.after(60))
    (upload,) = cloud.aws.s3.list_multipart_uploads(Bucket=ARCHIVE)["Uploads"]
    assert cloud.row.row is not None and upload["UploadId"] == cloud.row.row.upload_id
