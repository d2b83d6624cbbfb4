"""Three clouds with files of known content, and the step behind video-downloader for each of them, on one archive and
one ledger."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cloud_sync_common.filters import Filters
from cloud_sync_common.provider_access.session import AuthorisedSession
from cloud_sync_common.provider_interface import MediaItem, Provider
from cloud_sync_common.providers.dropbox import Dropbox
from cloud_sync_common.providers.google_drive import GoogleDrive
from cloud_sync_common.providers.gopro import GoPro
from cloud_sync_common.retry_utils import Deadline
from cloud_sync_common.steps.download import SliceResult, VideoDownloader
from cloud_sync_common.stores.archive import Archive
from cloud_sync_common.stores.contents import Contents
from cloud_sync_common.stores.credential_store import CredentialStore
from cloud_sync_common.stores.credentials_lease import CredentialsLease
from cloud_sync_common.stores.ledger import Ledger
from cloud_sync_common.stores.ledger_rows import ItemRow, SourceRow
from cloud_sync_common.stores.runs import Runs
from cloud_sync_common.transfer import upload_stream
from cloud_sync_common.transfer.copies import Copies
from cloud_sync_common.transfer.upload_stream import StreamUploader

from local.fake_providers import dropbox, google_drive, gopro
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.aws_on_loopback import ARCHIVE, Aws
from tests.integration.downloader import UntilParts

MIB = 1024 * 1024
# Of `alias` only the name is that of `clip`, and the size.
SIZES = {"clip.mp4": 300_001, "alias.mp4": 300_001, "two.mp4": 150_002, "long.mp4": 11 * MIB + 5, "photo.jpg": 9_003}
PHOTOS_TOO = Filters(kinds=("video", "photo"))
HURRIED = 4.0  # seconds left at any moment: so little that the long clip goes in parts of 5 MiB
MOST_SLICES = 20

CLIP, LONG, PHOTO, CHAPTERS = "GX010001.MP4", "GX010002.MP4", "GOPR0003.JPG", "GX010004.MP4"
FILES = {CLIP: ["clip.mp4"], LONG: ["long.mp4"], PHOTO: ["photo.jpg"], CHAPTERS: ["clip.mp4", "two.mp4"]}


def write_library(folder: Path) -> Path:
    """One folder for the three fakes, each of which has a list of its own in it. Their clips have one content; GoPro's
    alone has several files in one item, and Dropbox has the second of them as a clip of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        content = random.Random(name).randbytes(size)  # noqa: S311 (test data)
        (folder / name).write_bytes(content if name.endswith(".jpg") else movie_of(content))
    return folder


def library_of(folder: Path, provider: str, instead: Mapping[str, list[str]]) -> Library:
    """`instead`: other files than those of FILES, by the name of their item."""
    items: list[dict[str, Any]] = []
    for number, (name, sources) in enumerate({**FILES, **instead}.items(), start=1):
        moment = f"2026-05-0{number}T10:00:00Z"
        kind = {"type": "Photo"} if name == PHOTO and provider == "gopro" else {}
        if len(sources) == 1 or provider == "gopro":
            items.append({"id": f"item{number}", "filename": name, "sources": sources, "captured_at": moment, **kind})
    items.append(
        {"id": "two", "filename": "Renamed.mp4", "sources": ["two.mp4"], "captured_at": "2026-06-01T10:00:00Z"}
    )
    for item in items:
        item["path"] = f"/Elsewhere/{item['filename']}"
    (folder / "library.json").write_text(json.dumps({"items": items}))
    return Library.load(folder)


@dataclass
class Cloud:
    """One provider's account, and what moves its items; each slice is a new step object, as in a new invocation."""

    aws: Aws
    provider: Provider
    fake: Any
    folder: Path
    record: bool = True
    noting: bool = True
    storage_class: str = "STANDARD"  # of originals
    uploader: StreamUploader = field(default_factory=lambda: upload_stream.of_this_process(allow_loopback=True))
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.aws.table, self.provider.name)
        self.secret = f"{self.provider.name}/credentials-of-this-test"
        stored = {"provider": self.provider.name, "access_token": self.fake.access_token}
        self.aws.secrets.create_secret(Name=self.secret, SecretString=json.dumps(stored))

    def item(self, filename: str) -> MediaItem:
        """The item that is listed with this name now."""
        return self.items()[filename]

    def items(self) -> dict[str, MediaItem]:
        found: dict[str, MediaItem] = {}
        cursor = None
        while True:
            page = self.provider.list_media(self.fake.access_token, cursor, PHOTOS_TOO)
            found |= {item.filename: item for item in page.items}
            cursor = page.next_cursor
            if cursor is None:
                return found

    def slice(self, item: MediaItem, run_id: str, left: Callable[[], float], *, connections: int = 4) -> SliceResult:
        deadline = Deadline(left, margin=0.0)
        store = CredentialStore(self.aws.secrets, self.secret, self.provider.name)
        archive, name = Archive(self.aws.s3, ARCHIVE, self.storage_class), self.provider.name
        step = VideoDownloader(
            session=AuthorisedSession(self.provider, store, CredentialsLease(self.aws.table, name), deadline),
            ledger=self.ledger,
            runs=Runs(self.aws.table, name),
            archive=archive,
            uploader=self.uploader,
            connections=connections,
            deadline=deadline,
            memory_mb=1024,
            most_bytes=10**12,
            single_put=5 * MIB,
            copies=Copies(archive, Contents(self.aws.table), self.record) if self.noting else None,
        )
        return step.run_slice(item, run_id)

    def move(self, filename: str, run_id: str = "run-1", left: Callable[[], float] = lambda: HURRIED) -> SliceResult:
        """Slices until the item is no longer in progress. Returns the last one's result."""
        item = self.item(filename)
        for _ in range(MOST_SLICES):
            result = self.slice(item, run_id, left)
            if result.status != "IN_PROGRESS":
                break
        return result

    def half_move(self, filename: str) -> None:
        """A slice of the long clip whose time is up once S3 has one part of it."""
        result = self.slice(self.item(filename), "run-1", UntilParts(self.aws, 1), connections=1)
        assert result.status == "IN_PROGRESS" and len(self.aws.uploads()) == 1

    def source(self, filename: str, number: int = 1) -> SourceRow:
        row = self.ledger.source(self.item(filename).media_id, number)
        assert row is not None
        return row

    def row(self, filename: str) -> ItemRow:
        media_id = self.item(filename).media_id
        return self.ledger.known([media_id])[media_id]

    def bytes_served(self) -> int:
        """Bytes of media that this provider has sent."""
        return sum(self.fake.control.stats()["bytes_served"].values())

    def size_of(self, file: str) -> int:
        return (self.folder / file).stat().st_size

    def digest_of(self, file: str) -> str:
        return sha256((self.folder / file).read_bytes()).hexdigest()

    def archived(self, filename: str, number: int = 1) -> str:
        """SHA-256 of the bytes in the archive that the ledger names for a file, its own or those it is a copy of."""
        row = self.source(filename, number)
        return sha256(self.aws.read(row.copy_of or row.key)).hexdigest()


@dataclass(frozen=True)
class ThreeClouds:
    """GoPro, Google Drive and Dropbox side by side."""

    gopro: Cloud
    google_drive: Cloud
    dropbox: Cloud

    def named(self, name: str) -> Cloud:
        found: Cloud = getattr(self, name)
        return found

    @property
    def all(self) -> tuple[Cloud, ...]:
        return self.gopro, self.google_drive, self.dropbox


@contextlib.contextmanager
def running_clouds(
    aws: Aws, folder: Path, instead: Mapping[str, Mapping[str, list[str]]] | None = None
) -> Iterator[ThreeClouds]:
    """The three of them, as long as the block. `instead`: other files than those of FILES, by provider and item."""
    write_library(folder)
    others = instead or {}
    with contextlib.ExitStack() as stack:
        gopros = stack.enter_context(gopro.running(library_of(folder, "gopro", others.get("gopro", {}))))
        drive = stack.enter_context(
            google_drive.running(library_of(folder, "google_drive", others.get("google_drive", {})))
        )
        box = stack.enter_context(dropbox.running(library_of(folder, "dropbox", others.get("dropbox", {}))))
        yield ThreeClouds(
            Cloud(aws, GoPro(gopros.base_url), gopros, folder),
            Cloud(aws, GoogleDrive(drive.base_url, drive.base_url), drive, folder),
            Cloud(aws, Dropbox(box.base_url, box.content_url), box, folder),
        )
        upload_stream.of_this_process(allow_loopback=True).sources.close()
