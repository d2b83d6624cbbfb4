"""Photos and bursts from the fake GoPro Cloud into the archive, and the names of chapters as on the card."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

import pytest
from cloud_sync_common.exceptions import OriginalUnavailableError
from cloud_sync_common.filters import Filters
from cloud_sync_common.provider_interface import MediaItem, MediaPage
from cloud_sync_common.providers.gopro import GoPro
from cloud_sync_common.stores.ledger_rows import Status

from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.gopro import FakeGoPro, running
from local.fake_providers.library import Library
from local.movies import movie_of
from tests.integration.aws_on_loopback import ARCHIVE, Aws
from tests.integration.downloader import Downloader

FILES = {"photo.jpg": 9_000, "burst-1.jpg": 8_000, "burst-2.jpg": 8_001, "burst-3.jpg": 8_002, "raw.gpr": 12_000}
BURST = ["burst-1.jpg", "burst-2.jpg", "burst-3.jpg"]
ITEMS = [
    {"id": "photo", "type": "Photo", "filename": "GOPR0905.JPG", "sources": ["photo.jpg"]},
    {"id": "raw", "type": "Photo", "filename": "GOPR0907.GPR", "sources": ["raw.gpr"]},
    {"id": "burst", "type": "Burst", "filename": "G0010906.JPG", "sources": BURST},
    {"id": "series", "type": "TimeLapse", "filename": "G0020908.JPG", "sources": BURST[::-1], "item_count": 1},
    {"id": "sound", "type": "Audio", "filename": "GX010909.WAV", "sources": ["photo.jpg"]},
    {"id": "clip", "filename": "GX010910.MP4", "sources": ["clip.mp4"]},
    {"id": "chapters", "filename": "GX010911.MP4", "sources": ["clip.mp4", "clip-2.mp4", "clip-3.mp4"]},
]
BOTH = Filters(kinds=("video", "photo"))


@pytest.fixture
def photos(tmp_path: Path) -> Iterator[FakeGoPro]:
    """An account with photos, a burst, a series, sound and videos."""
    for name, size in FILES.items():
        (tmp_path / name).write_bytes(random.Random(name).randbytes(size))  # noqa: S311 (test data)
    for name in ("clip.mp4", "clip-2.mp4", "clip-3.mp4"):
        (tmp_path / name).write_bytes(movie_of(random.Random(name).randbytes(20_000)))  # noqa: S311 (test data)
    (tmp_path / "library.json").write_text(json.dumps({"items": ITEMS}))
    with running(Library.load(tmp_path)) as fake:
        yield fake


@pytest.fixture
def downloader(aws: Aws, photos: FakeGoPro) -> Downloader:
    return Downloader(aws, photos)


def listed(fake: FakeGoPro, filters: Filters) -> MediaPage:
    return GoPro(fake.base_url).list_media(fake.access_token, None, filters)


def item(fake: FakeGoPro, media_id: str) -> MediaItem:
    return next(found for found in listed(fake, BOTH).items if found.media_id == media_id)


def test_photos_are_listed_if_they_are_wanted_and_counted_if_not(photos: FakeGoPro) -> None:
    both, videos = listed(photos, BOTH), listed(photos, Filters())
    assert {found.media_id for found in both.items} == {"photo", "raw", "burst", "series", "clip", "chapters"}
    assert {found.media_id for found in videos.items} == {"clip", "chapters"}
    assert (both.left_out, videos.left_out) == ({"kinds": 1}, {"kinds": 5})


@pytest.mark.parametrize("media_id", ["photo", "raw", "burst", "series"])
def test_every_original_of_a_photo_is_archived_byte_for_byte(aws: Aws, downloader: Downloader, media_id: str) -> None:
    (result,) = downloader.move(item(downloader.fake, media_id))
    originals = [found for found in downloader.fake.library.originals(photos=True) if found.media_id == media_id]
    assert result.status == "ARCHIVED" and downloader.row(media_id).status is Status.ARCHIVED
    digests = [sha256(found.path.read_bytes()).hexdigest() for found in originals]
    assert downloader.archived(media_id) == digests and sorted(aws.archived().values()) == sorted(digests)


def test_the_pictures_of_a_burst_are_numbered_beside_each_other(downloader: Downloader) -> None:
    downloader.move(item(downloader.fake, "burst"))
    keys = [downloader.source("burst", number).key for number in (1, 2, 3)]
    assert [key.rpartition("/")[2] for key in keys] == ["G0010906-01.JPG", "G0010906-02.JPG", "G0010906-03.JPG"]


def test_a_burst_that_lacks_a_picture_is_not_archived_as_a_whole_until_it_is_there(downloader: Downloader) -> None:
    burst = item(downloader.fake, "burst")
    downloader.fake.control.add_fault(FaultKind.VARIATIONS_LOST, media_id="burst", keep=[1, 2])
    with pytest.raises(OriginalUnavailableError, match="only 2 of the 3 files"):
        downloader.move(burst)
    downloader.fake.control.clear_faults()
    downloader.move(burst)
    assert downloader.row("burst").status is Status.ARCHIVED and len(downloader.archived("burst")) == 3


def test_a_photo_whose_file_is_not_offered_is_not_replaced_by_its_cover(aws: Aws, downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.NO_SOURCE, media_id="photo")
    with pytest.raises(OriginalUnavailableError):
        downloader.move(item(downloader.fake, "photo"))
    assert aws.archived() == {}


def test_a_photo_that_is_not_available_now_waits(downloader: Downloader) -> None:
    downloader.fake.control.add_fault(FaultKind.UNAVAILABLE, media_id="photo")
    downloader.move(item(downloader.fake, "photo"))
    assert downloader.row("photo").status is Status.UNAVAILABLE


# Chapters


def test_chapters_are_called_as_on_the_card_in_key_and_metadata(aws: Aws, downloader: Downloader) -> None:
    downloader.move("chapters")
    keys = [downloader.source("chapters", number).key for number in (1, 2, 3)]
    names = [f"GX0{number}0911.MP4" for number in (1, 2, 3)]
    assert [key.rpartition("/")[2] for key in keys] == names
    said = [aws.s3.head_object(Bucket=ARCHIVE, Key=key)["Metadata"]["filename"] for key in keys]
    assert list(map(unquote, said)) == names


def test_chapters_that_were_archived_under_numbers_stay_there_and_only_a_new_one_has_its_name(
    aws: Aws, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an update of Cloud Sync between the second and the third chapter."""
    chapters = item(downloader.fake, "chapters")
    with monkeypatch.context() as before:
        before.setattr("cloud_sync_common.camera_names.chapter_names", lambda *_: [])
        downloader.fake.control.add_fault(FaultKind.VARIATIONS_LOST, media_id="chapters", keep=[1, 2])
        with pytest.raises(OriginalUnavailableError):
            downloader.move(chapters)
        downloader.fake.control.clear_faults()
    old = set(aws.archived())
    downloader.fake.control.reset()
    assert downloader.move(chapters)[-1].status == "ARCHIVED"
    found = {key.rpartition("/")[2] for key in aws.archived()}
    assert found == {"GX010911-01.MP4", "GX010911-02.MP4", "GX030911.MP4"} and old < set(aws.archived())
    served = downloader.fake.control.stats()["bytes_served"]
    assert set(served) == {"chapters/source/3"}, "what is archived is not moved again"
    assert downloader.archived("chapters") == downloader.originals("chapters")


def test_a_reprocessed_chapter_is_archived_beside_its_old_name_and_reconciliation_knows_both(
    aws: Aws, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("cloud_sync_common.camera_names.chapter_names", lambda *_: [])
        downloader.move("chapters")
    row = downloader.fake.library.get("chapters")
    assert row is not None
    changed = {**row.row, "reprocessed_at": "2026-11-01T00:00:00Z", "sources": ["clip.mp4", "clip.mp4", "clip-3.mp4"]}
    downloader.fake.control.put_item(changed)
    downloader.move(item(downloader.fake, "chapters"), "run-2")
    second = downloader.source("chapters", 2)
    assert second.key.endswith("/GX010911-02-v2.MP4")
    assert downloader.ledger.keys_of("chapters") == set(aws.archived()) and len(aws.archived()) == 4
