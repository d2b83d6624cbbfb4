"""The step Catalogue: what it describes, in which order, and that nothing is asked for twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cloud_sync_common.catalogue.look import Look
from cloud_sync_common.provider_interface import MediaItem
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.runtime.step_status import StepStatus
from cloud_sync_common.steps.catalogue import CatalogueRequest, CatalogueResult, CatalogueWriter
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.catalogue import Catalogue
from cloud_sync_common.stores.catalogue_progress import CatalogueProgress, CatalogueProgresses
from cloud_sync_common.stores.catalogue_rows import Details, IndexRow
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.stores.manifest import Manifest

from tests.unit.in_process_aws import WORK, InProcessAws, running_aws

ARCHIVE = "archive"
MAY, JUNE = "2026-05-03T10:00:00Z", "2026-06-07T10:00:00Z"


@dataclass
class World:
    """A provider's items in ledger and archive, and the step."""

    aws: InProcessAws
    looks: list[str] = field(default_factory=list)

    def archived(self, media_id: str, captured_at: str = MAY, **given: Any) -> MediaItem:
        """An item whose one file is in ledger and archive."""
        item = MediaItem(media_id=media_id, filename=f"GX01{media_id}.MP4", captured_at=captured_at, **given)
        key = f"gopro/{captured_at[:4]}/{captured_at[5:7]}/{media_id}/{item.filename}"
        self.aws.s3.put_object(Bucket=ARCHIVE, Key=key, Body=b"bytes")
        self.aws.ledger.claim(item, "run-1", 60)
        self.aws.ledger.archive_source(
            media_id, 1, "run-1", SourceRow(status=Status.ARCHIVED, key=key, size=5, checksum="c", proofs=("length",))
        )
        self.aws.ledger.archive_item(media_id, "run-1", bytes_total=5)
        return item

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.aws.s3, WORK, "gopro")

    @property
    def progress(self) -> CatalogueProgress:
        return CatalogueProgresses(self.aws.table, "gopro").get()

    def writer(self) -> CatalogueWriter:
        return CatalogueWriter(
            provider="gopro",
            ledger=self.aws.ledger,
            manifest=Manifest(self.aws.s3, WORK, "run-1"),
            archive=Archive(self.aws.s3, ARCHIVE, "STANDARD"),
            catalogue=self.catalogue,
            progresses=CatalogueProgresses(self.aws.table, "gopro"),
            look=Look("gopro", frozenset({"photo"})),
            most_requests=1000,
            deadline=Deadline.after(900),
        )

    def run(self, *items: MediaItem, run_id: str = "run-1", **parts: Any) -> CatalogueResult:
        """One invocation, for a run whose manifest has these items."""
        self.aws.manifest(run_id, list(items))
        writer = replace(self.writer(), manifest=Manifest(self.aws.s3, WORK, run_id), **parts)
        return writer.write(CatalogueRequest(run_id=run_id, provider="gopro", new=len(items)))

    def rows(self, month: str) -> dict[str, IndexRow]:
        return self.catalogue.index(month).rows

    def details(self, item: MediaItem) -> Details:
        found = self.catalogue.details(item.captured_at, item.media_id)
        assert found is not None
        return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with running_aws(monkeypatch) as aws:
        aws.s3.create_bucket(Bucket=ARCHIVE)
        yield World(aws)


def test_the_items_of_a_run_get_details_and_a_line_in_the_index_of_their_month(world: World) -> None:
    first, second = world.archived("0001"), world.archived("0002", "2026-05-04T10:00:00Z")
    assert world.run(first, second).status is StepStatus.COMPLETE
    assert list(world.rows("2026-05")) == ["0001", "0002"]
    details = world.details(first)
    assert (details.camera, details.taken_from) == ("GoPro", {"camera": "name"})
    assert (details.captured_at, details.captured_from, details.captured_clock) == (MAY, "provider", "utc")
    assert details.files[0].proofs == ("length",)
    assert world.rows("2026-05")["0001"] == details.row


def test_older_items_are_described_the_oldest_first_and_the_walk_ends(world: World) -> None:
    world.archived("0002", JUNE)
    world.archived("0001", MAY)
    world.run()
    assert set(world.rows("2026-05")) == {"0001"} and set(world.rows("2026-06")) == {"0002"}
    assert world.progress.complete and world.progress.detailed == 2
    assert world.progress.cursor == "gopro/2026/06/0002/GX010002.MP4"
