"""The step behind video-downloader, with the fake GoPro Cloud and AWS on loopback, called as the state machine calls
it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import Filters, MediaItem
from cloud_sync_common.providers.gopro import GoPro
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps.download import SliceResult, VideoDownloader
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import ItemRow, SourceRow, Status
from cloud_sync_common.stores.runs import Runs
from cloud_sync_common.transfer import upload_stream

from local.fake_providers.gopro import FakeGoPro
from tests.integration.aws_on_loopback import ARCHIVE, SECRET, Aws

# Ids of items of the demo library (local/demo_library.py), named after their special case.
ID = "65a0f0c2b7e4d1a2c3b4{:04x}".format
PLAIN, TWIN, CHAPTERS, UNNUMBERED, BIG, NO_ORIGINAL, ODD_NAME = map(ID, (1, 2, 3, 4, 5, 12, 13))

# The remaining time at any moment: so little that the big clip is uploaded in parts of 5 MiB.
HURRIED = 4.0
MOST_SLICES = 20


@dataclass
class Downloader:
    """Transfers items of the fake into the archive; each slice is a new step object, as in a new invocation."""

    aws: Aws
    fake: FakeGoPro
    connections: int = 4
    most_bytes: int = 10**12  # that a run may read
    ledger: Ledger = field(init=False)
    runs: Runs = field(init=False)

    def __post_init__(self) -> None:
        self.ledger, self.runs = Ledger(self.aws.table, "gopro"), Runs(self.aws.table, "gopro")
        self.lease = CredentialsLease(self.aws.table, "gopro")
        self.aws.store({"provider": "gopro", "access_token": self.fake.access_token})

    def items(self) -> dict[str, MediaItem]:
        """The items that the provider lists, by id."""
        provider, found, cursor = GoPro(self.fake.base_url), {}, None
        while True:
            page = provider.list_media(self.fake.access_token, cursor, Filters())
            found |= {item.media_id: item for item in page.items}
            cursor = page.next_cursor
            if cursor is None:
                return found

    def slice(
        self,
        item: MediaItem | str,
        run_id: str = "run-1",
        *,
        left: Callable[[], float] = lambda: HURRIED,
        ledger: Ledger | None = None,
    ) -> SliceResult:
        """One slice; `left` returns the remaining seconds at each call."""
        transfer = self._transfer(left, ledger or self.ledger)
        return transfer.run_slice(self.items()[item] if isinstance(item, str) else item, run_id)

    def batch(self, *media_ids: str, left: Callable[[], float] = lambda: HURRIED) -> list[str]:
        """One batch; returns the ids of the unfinished items."""
        items = self.items()
        moved = self._transfer(left, self.ledger).run_batch(tuple(items[media_id] for media_id in media_ids), "run-1")
        return [item.media_id for item in moved.unfinished]

    def _transfer(self, left: Callable[[], float], ledger: Ledger) -> VideoDownloader:
        deadline = Deadline(left, margin=0.0)
        return VideoDownloader(
            session=AuthorisedSession(GoPro(self.fake.base_url), self._store(), self.lease, deadline),
            ledger=ledger,
            runs=self.runs,
            archive=Archive(self.aws.s3, ARCHIVE, "STANDARD"),
            uploader=upload_stream.of_this_process(allow_loopback=True),
            connections=self.connections,
            deadline=deadline,
            memory_mb=1024,
            most_bytes=self.most_bytes,
        )

    def _store(self) -> CredentialStore:
        return CredentialStore(self.aws.secrets, SECRET, "gopro")

    def move(self, item: MediaItem | str, run_id: str = "run-1", **how: Any) -> list[SliceResult]:
        """Slices until the item is no longer in progress, as the state machine makes them."""
        results = [self.slice(item, run_id, **how)]
        while results[-1].status == "IN_PROGRESS" and len(results) < MOST_SLICES:
            results.append(self.slice(item, run_id, **how))
        return results

    def half_move(self, item: MediaItem | str, parts: int = 1) -> SourceRow:
        """A slice of the big clip whose time is up once S3 has so many parts. Returns the upload to resume."""
        connections, self.connections = self.connections, 1
        result = self.slice(item, left=UntilParts(self.aws, parts))
        self.connections = connections
        row = self.source(BIG)
        assert (result.status, row.status) == ("IN_PROGRESS", Status.IN_PROGRESS) and result.bytes_archived > 0
        assert self.aws.uploads() == [row.upload_id]
        return row

    def row(self, media_id: str) -> ItemRow:
        return self.ledger.known([media_id])[media_id]

    def source(self, media_id: str, number: int = 1) -> SourceRow:
        row = self.ledger.source(media_id, number)
        assert row is not None
        return row

    def originals(self, *media_ids: str) -> list[str]:
        """SHA-256 of the files that must be in the archive for these items, in order."""
        files = self.fake.library.originals()
        return [
            hashlib.sha256(original.path.read_bytes()).hexdigest()
            for media_id in media_ids
            for original in files
            if original.media_id == media_id
        ]

    def archived(self, media_id: str, objects: dict[str, str] | None = None) -> list[str]:
        """SHA-256 of the objects that the ledger names for an item, in the order of its files."""
        found, hashes = objects or self.aws.archived(), []
        while row := self.ledger.source(media_id, len(hashes) + 1):
            hashes.append(found[row.key])
        return hashes

    def bytes_served(self) -> int:
        """Bytes of media that the provider has sent since its statistics were last reset."""
        return sum(self.fake.control.stats()["bytes_served"].values())


def assert_whole(downloader: Downloader, media_id: str = BIG) -> None:
    """Checks that this item is archived byte for byte, and that no upload is left."""
    assert downloader.row(media_id).status is Status.ARCHIVED
    assert downloader.archived(media_id) == downloader.originals(media_id)
    assert downloader.aws.uploads() == []


@dataclass
class UntilParts:
    """The remaining time: enough until S3 has received so many more parts, then none."""

    aws: Aws
    count: int = 1

    def __post_init__(self) -> None:
        self._enough = len(self.aws.calls("UploadPart")) + self.count

    def __call__(self) -> float:
        return HURRIED if len(self.aws.calls("UploadPart")) < self._enough else 0.0
