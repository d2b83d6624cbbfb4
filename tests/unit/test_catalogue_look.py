"""What is found out of one item: from its movie, its provider and its name; its picture; and what is never kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    ConfigurationError,
    PictureUnavailableError,
    ProviderUnavailableError,
)
from cloud_sync_common.movie.place import Place
from cloud_sync_common.provider_interface import MediaItem, PictureLink
from cloud_sync_common.stores.archived_bytes import ArchivedFiles
from cloud_sync_common.stores.catalogue_rows import Details, Picture
from cloud_sync_common.stores.ledger_rows import SourceRow, Status

from tests.unit.catalogue_world import ARCHIVE, JPEG, LINK, MAY, MOVIE, TOKEN, WITH_PLACE, World, running_world

MATTERHORN = Place(latitude=45.9763, longitude=7.6586, altitude=4478.0)
THUMBNAIL = PictureLink("provider", LINK, {"Authorization": f"Bearer {TOKEN}"})
SPRITE = PictureLink("sprite", LINK, crop=(0, 90, 160, 90))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with running_world(monkeypatch) as made:
        yield made


def described(world: World, item: MediaItem, **parts: object) -> Details:
    world.run(item, look=replace(world.look, **parts))  # type: ignore[arg-type]
    return world.details(item.media_id, item.captured_at)


def test_a_movie_says_what_it_is_and_with_what_it_was_recorded(world: World) -> None:
    found = described(world, world.archived("0001"))
    assert (found.duration, found.width, found.height, found.codec) == (12.5, 1920, 1080, "avc1")
    assert (found.camera, found.firmware, found.hilights) == ("HERO11 Black", "H22.01.02.32.00", (1.5, 9.25))
    assert set(found.taken_from.values()) == {"movie"} and found.taken_from["camera"] == "movie"


def test_a_satellites_time_wins_and_the_place_is_kept(world: World) -> None:
    found = described(world, world.archived("0001", content=WITH_PLACE))
    assert (found.captured_from, found.captured_clock) == ("gps", "utc") and found.captured_at.startswith("2026-01-11")
    assert found.place == MATTERHORN and found.row.place == MATTERHORN
    assert found.listed_at == MAY


def test_with_places_off_nothing_that_is_stored_has_one(world: World) -> None:
    found = described(world, world.archived("0001", content=WITH_PLACE), places=False)
    assert found.place is None and "place" not in found.taken_from
    assert not any(b"45.97" in content or b"latitude" in content for content in world.stored().values())


def test_what_is_frozen_is_read_at_the_provider_and_the_archive_gives_what_is_not(world: World) -> None:
    frozen = world.archived("0001", frozen=True)
    world.service.movies["0001"] = MOVIE
    assert described(world, frozen).camera == "HERO11 Black"
    assert "file 0001" in world.service.asked
    described(world, world.archived("0002"))
    assert "file 0002" not in world.service.asked


def test_a_copy_has_its_bytes_in_another_object(world: World) -> None:
    world.archived("0001")
    item = MediaItem(media_id="0002", filename="GX010002.MP4", captured_at=MAY)
    pointer, original = "gopro/2026/05/0002/GX010002.MP4.copy", "gopro/2026/05/0001/GX010001.MP4"
    world.aws.s3.put_object(Bucket=ARCHIVE, Key=pointer, Body=b"{}")
    row = SourceRow(status=Status.ARCHIVED, key=pointer, size=len(MOVIE), checksum="c", copy_of=original)
    world.aws.ledger.claim(item, "run-0", 60)
    world.aws.ledger.archive_source("0002", 1, "run-0", row)
    world.aws.ledger.archive_item("0002", "run-0", bytes_total=row.size)
    found = described(world, item)
    assert (found.camera, found.files[0].key, found.files[0].copy_of) == ("HERO11 Black", original, original)


def test_the_chapters_of_a_recording_have_one_duration_together(world: World) -> None:
    item = world.archived("0001")
    second = SourceRow(status=Status.ARCHIVED, key="gopro/2026/05/0001/GX020001.MP4", size=len(MOVIE), checksum="d")
    world.aws.s3.put_object(Bucket=ARCHIVE, Key=second.key, Body=MOVIE)
    world.aws.ledger.archive_source("0001", 2, "run-0", second)
    assert described(world, item).duration == 25.0


def test_a_chapter_that_cannot_be_read_leaves_the_duration_open_and_nothing_else(world: World) -> None:
    item = world.archived("0001")
    second = SourceRow(status=Status.ARCHIVED, key="gopro/2026/05/0001/GX020001.MP4", size=9, checksum="d")
    world.aws.ledger.archive_source("0001", 2, "run-0", second)
    found = described(world, item)
    assert (found.duration, found.camera) == (None, "HERO11 Black")


def test_a_copy_of_what_belongs_to_a_provider_that_is_none_any_more_is_read_at_its_own(world: World) -> None:
    item = world.archived("0001")
    world.service.movies["0001"] = MOVIE
    assert described(world, item, archive=ArchivedFiles(world.aws.s3, ARCHIVE, {"dropbox"})).camera == "HERO11 Black"
    assert "file 0001" in world.service.asked


@pytest.mark.parametrize("error", [ConfigurationError("The role may not."), ArchiveUnavailableError("Later.")])
def test_what_aws_refuses_is_no_trouble_of_an_item_but_of_all(world: World, error: Exception) -> None:
    item = world.archived("0001", frozen=True)
    world.service.movies["0001"] = error
    with pytest.raises(type(error)):
        world.run(item)
    assert world.rows() == {} and world.progress.failures == 0


@pytest.mark.parametrize("content", [b"", b"no movie", MOVIE[:-100], MOVIE[: len(MOVIE) // 2]])
def test_a_movie_that_cannot_be_read_has_what_its_name_says(world: World, content: bytes) -> None:
    found = described(world, world.archived("0001", content=content))
    assert found.camera in ("GoPro", "HERO11 Black") and world.rows()["0001"].is_detailed


def test_the_providers_thumbnail_comes_first_and_is_made_small_and_bare(world: World) -> None:
    item = world.archived("0001")
    world.service.links["0001"] = [THUMBNAIL, SPRITE]
    assert described(world, item).picture is Picture.PROVIDER
    assert [event["codec"] for event in world.frame_maker.events] == ["image"]
    assert world.catalogue.thumbnail(MAY, "0001") == JPEG


def test_of_a_sprite_one_frame_is_cut_out(world: World) -> None:
    item = world.archived("0001")
    world.service.links["0001"] = [SPRITE]
    assert described(world, item).picture is Picture.SPRITE
    assert world.frame_maker.events[0]["crop"] == [0, 90, 160, 90]


@pytest.mark.parametrize("error", [PictureUnavailableError("None."), ProviderUnavailableError("Later.")])
def test_without_a_picture_of_the_provider_there_is_a_frame_of_the_movie(world: World, error: Exception) -> None:
    item = world.archived("0001")
    world.service.links["0001"] = error
    assert described(world, item).picture is Picture.FRAME
    assert [event["codec"] for event in world.frame_maker.events] == ["h264"]


def test_a_picture_that_frame_maker_cannot_read_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    item = world.archived("0001")
    world.service.links["0001"] = [THUMBNAIL]
    monkeypatch.setattr(world.frame_maker, "invoke", lambda event: None)
    assert described(world, item).picture is Picture.NONE
    assert world.catalogue.thumbnail(MAY, "0001") == b"" and world.rows()["0001"].is_detailed


@pytest.mark.parametrize("jpeg", ["no base64!", "AAAA", None, 7])
def test_what_frame_maker_answers_is_believed_only_if_it_is_a_picture(
    world: World, monkeypatch: pytest.MonkeyPatch, jpeg: object
) -> None:
    monkeypatch.setattr(world.frame_maker, "invoke", lambda event: {"jpeg": jpeg})
    assert described(world, world.archived("0001")).picture is Picture.NONE


def test_without_frame_maker_no_picture_is_kept_and_none_is_asked_for(world: World) -> None:
    item = world.archived("0001")
    world.service.links["0001"] = [THUMBNAIL]
    assert described(world, item, frames=None).picture is Picture.NONE
    assert world.service.asked == [] and world.rows()["0001"].is_detailed


def test_neither_a_token_nor_a_link_is_stored_or_logged_or_returned(
    world: World, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    first, second = world.archived("0001"), world.archived("0002", frozen=True)
    world.service.links |= {"0001": [THUMBNAIL], "0002": [THUMBNAIL]}
    world.service.movies["0002"] = ValueError(f"GET {LINK} Bearer {TOKEN}")
    answer = str(world.run(first, second))
    rows = str(world.aws.table.scan()["Items"])
    events = str(world.frame_maker.events)
    written = " ".join(content.decode("latin-1") for content in world.stored().values())
    out, err = capfd.readouterr()
    for text in (answer, rows, events, written, out, err, caplog.text):
        assert TOKEN not in text and "a-signature" not in text
    assert "a defect" in out + err + caplog.text


def test_a_defect_of_ours_is_of_one_item_alone(world: World) -> None:
    first, second = world.archived("0001", frozen=True), world.archived("0002")
    world.service.movies["0001"] = ZeroDivisionError()
    result = world.run(first, second)
    assert (result.detailed, result.failures) == (1, 1)
