"""A provider's items in ledger and archive, as a run leaves them, and the step Catalogue with doubles of what it asks.

The provider, its pictures and frame-maker are in memory; DynamoDB and S3 are moto's.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from botocore.client import BaseClient
from cloud_sync_common.catalogue.at_provider import AtProvider
from cloud_sync_common.catalogue.frames import Frames
from cloud_sync_common.catalogue.look import Look
from cloud_sync_common.movie.byte_source import ByteSource
from cloud_sync_common.provider_access.pictures import PictureFetcher
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import MediaItem, PictureLink
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps.catalogue import CatalogueRequest, CatalogueResult, CatalogueWriter, Night
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.archived_bytes import ArchivedFiles
from cloud_sync_common.stores.catalogue import Catalogue
from cloud_sync_common.stores.catalogue_progress import CatalogueProgress, CatalogueProgresses
from cloud_sync_common.stores.catalogue_rows import Details, IndexRow
from cloud_sync_common.stores.ledger_rows import SourceRow, Status
from cloud_sync_common.stores.manifest import Manifest
from cloud_sync_common.transfer.upload_stream import StreamUploader

from local.gopro_notes import telemetry, user_data
from tests.unit.built_movies import MATTERHORN, Build, Source
from tests.unit.in_process_aws import WORK, InProcessAws, running_aws

ARCHIVE = "archive"
MAY, JUNE = "2026-05-03T10:00:00Z", "2026-06-07T10:00:00Z"
GOPRO = user_data("HERO11 Black", "H22.01.02.32.00", "3461324500123", (1500, 9250))
MOVIE = Build(notes=GOPRO).content()
WITH_PLACE = Build(notes=GOPRO, telemetry=[telemetry("HERO11 Black", MATTERHORN)]).content()
JPEG = b"\xff\xd8\xff a small picture"
TOKEN, LINK = "a-token-of-the-owner", "https://pictures.example/1.jpg?Signature=a-signature"


class FrameMaker:
    """Makes the same picture of everything, and notes its events."""

    def __init__(self) -> None:
        self.events: list[Mapping[str, Any]] = []

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        self.events.append(event)
        return {"jpeg": base64.b64encode(JPEG).decode(), "width": 480, "height": 270}


@dataclass
class Service(AtProvider):
    """The provider: what it lists, and what it answers by the id of an item. An error is raised instead."""

    items: dict[str, MediaItem] = field(default_factory=dict)
    links: dict[str, list[PictureLink] | Exception] = field(default_factory=dict)
    movies: dict[str, bytes | Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bytes_of_a_file: int = 0

    @property
    def name(self) -> str:
        return "gopro"

    def described(self, media_id: str) -> MediaItem | None:
        with self.asking():
            self.asked.append(f"find {media_id}")
            return self.items.get(media_id)

    def picture_links(self, item: MediaItem) -> list[PictureLink]:
        with self.asking():
            self.asked.append(f"pictures {item.media_id}")
            return _answer(self.links.get(item.media_id, []))

    def picture(self, link: PictureLink) -> bytes:
        with self.asking():
            return b"\x89PNG\r\n\x1a\n of the provider"

    def file(self, item: MediaItem, number: int, known: Mapping[int, SourceRow]) -> ByteSource:
        with self.asking():
            self.asked.append(f"file {item.media_id}")
            self.received += self.bytes_of_a_file
            return Source(_answer(self.movies.get(item.media_id, b"")))


def _answer[T](prepared: T | Exception) -> T:
    if isinstance(prepared, Exception):
        raise prepared
    return prepared


def service() -> Service:
    return Service(
        cast(AuthorisedSession, None), cast(PictureFetcher, None), cast(StreamUploader, None), Deadline.after(900)
    )


@dataclass
class World:
    aws: InProcessAws
    service: Service = field(default_factory=service)
    frame_maker: FrameMaker = field(default_factory=FrameMaker)

    def archived(self, media_id: str, captured_at: str = MAY, *, content: bytes = MOVIE, **given: Any) -> MediaItem:
        """An item whose one file is in ledger and archive. `frozen`: in Deep Archive; `damage`: of its row."""
        storage, damage = "DEEP_ARCHIVE" if given.pop("frozen", False) else "STANDARD", given.pop("damage", "")
        item = MediaItem(media_id=media_id, filename=f"GX01{media_id}.MP4", captured_at=captured_at, **given)
        key = f"gopro/{captured_at[:4]}/{captured_at[5:7]}/{media_id}/{item.filename}"
        self.aws.s3.put_object(Bucket=ARCHIVE, Key=key, Body=content, StorageClass=storage)  # type: ignore[arg-type]
        row = SourceRow(status=Status.ARCHIVED, key=key, size=len(content), checksum="c", proofs=("length",))
        self.aws.ledger.claim(item, "run-0", 60)
        self.aws.ledger.archive_source(media_id, 1, "run-0", row)
        self.aws.ledger.archive_item(media_id, "run-0", bytes_total=row.size, damage=damage)
        self.service.items[media_id] = item
        return item

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.aws.s3, WORK, "gopro")

    @property
    def progresses(self) -> CatalogueProgresses:
        return CatalogueProgresses(self.aws.table, "gopro")

    @property
    def progress(self) -> CatalogueProgress:
        return self.progresses.get()

    @property
    def look(self) -> Look:
        return Look(
            self.service,
            frozenset({"photo"}),
            ArchivedFiles(self.aws.s3, ARCHIVE, {"gopro"}),
            Frames(self.frame_maker),
        )

    def writer(self, run_id: str, **parts: Any) -> CatalogueWriter:
        made = CatalogueWriter(
            provider="gopro",
            ledger=self.aws.ledger,
            manifest=Manifest(self.aws.s3, WORK, run_id),
            archive=Archive(self.aws.s3, ARCHIVE, "STANDARD"),
            catalogue=self.catalogue,
            progresses=self.progresses,
            look=self.look,
            most_requests=1000,
            deadline=Deadline.after(900),
        )
        return replace(made, **parts)

    def run(
        self, *items: MediaItem, run_id: str = "run-1", after: Night | None = None, **parts: Any
    ) -> CatalogueResult:
        """One invocation, for a run whose manifest has these items."""
        self.aws.manifest(run_id, list(items))
        return self.run_writer(self.writer(run_id, **parts), run_id, len(items), after)

    def run_writer(
        self, writer: CatalogueWriter, run_id: str, new: int = 0, after: Night | None = None
    ) -> CatalogueResult:
        return writer.write(CatalogueRequest(run_id=run_id, provider="gopro", new=new, next=after))

    def rows(self, month: str = "2026-05") -> dict[str, IndexRow]:
        return self.catalogue.index(month).rows

    def details(self, media_id: str, captured_at: str = MAY) -> Details:
        found = self.catalogue.details(captured_at, media_id)
        assert found is not None
        return found

    def forget(self) -> None:
        """As before the first night: ledger and archive stay."""
        for key in self.object_keys():
            self.aws.s3.delete_object(Bucket=WORK, Key=key)
        self.aws.table.delete_item(Key={"pk": "PROVIDER#gopro", "sk": "CATALOGUE"})

    def stored(self) -> dict[str, bytes]:
        """Everything in the work bucket, by key."""
        return {key: self.aws.s3.get_object(Bucket=WORK, Key=key)["Body"].read() for key in self.object_keys()}

    def object_keys(self) -> list[str]:
        """Of everything in the work bucket."""
        return [found["Key"] for found in self.aws.s3.list_objects_v2(Bucket=WORK).get("Contents", [])]


@contextmanager
def running_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with running_aws(monkeypatch) as aws:
        aws.s3.create_bucket(Bucket=ARCHIVE)
        yield World(aws)


@contextmanager
def requests_of_aws(monkeypatch: pytest.MonkeyPatch, *, die_at: int | None = None) -> Iterator[list[str]]:
    """The names of the requests in the block. With `die_at`, the process is gone after the request of that number, as
    if Lambda had stopped it before it could read the answer."""
    made: list[str] = []
    send = BaseClient.__dict__["_make_api_call"]

    def noted(self: BaseClient, operation: str, given: Any) -> Any:
        answer = send(self, operation, given)
        made.append(operation)
        if len(made) == die_at:
            raise Killed
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", noted)
        yield made


class Killed(BaseException):
    """The process is gone: nothing catches it."""
