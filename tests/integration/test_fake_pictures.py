"""The pictures that the fakes make: real ones of real clips, and what their faults put in their place."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg  # type: ignore[import-untyped, unused-ignore]
import pytest

from local.fake_providers import pictures
from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.google_drive_faults import DriveFault
from local.fake_providers.library import Library
from tests.integration import google_drive_client, gopro_client
from tests.integration.jpegs import size_of


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two short clips of two colours."""
    folder = tmp_path_factory.mktemp("clips")
    for name in ("red", "blue"):
        picture = f"color=c={name}:s=320x180:r=25:d=0.4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", picture, f"{folder / name}.mp4"]
        subprocess.run(command, check=True)
    return [folder / "red.mp4", folder / "blue.mp4"]


def test_a_thumbnail_is_a_picture_of_its_clip(clips: list[Path]) -> None:
    made = [pictures.thumbnail(clip, 450) for clip in clips]
    assert [size_of(one) for one in made] == [(450, 254)] * 2 and made[0] != made[1]


def test_a_sheet_is_full_of_frames_even_of_a_short_clip(clips: list[Path]) -> None:
    assert size_of(pictures.sheet(clips[0])) == (pictures.SHEET_FRAMES * pictures.FRAME_WIDTH, pictures.FRAME_HEIGHT)


def test_a_file_that_is_no_movie_has_a_picture_of_one_colour(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no movie")
    assert size_of(pictures.thumbnail(tmp_path / "a.mp4", 480)) == (480, 270)


@pytest.fixture
def gopro(tmp_path: Path) -> Iterator[gopro_client.Client]:
    with gopro_client.client_of(Library.load(gopro_client.write_library(tmp_path))) as client:
        yield client


def thumbnail_of(gopro: gopro_client.Client, **headers: str) -> int:
    token = gopro.api("/media/clip?fields=token").json()["token"]
    return gopro.http.request("GET", f"{gopro.fake.base_url}/resize/450wwp/{token}", headers=headers).status


def test_gopros_thumbnail_needs_the_token_of_the_item_and_that_of_the_account(gopro: gopro_client.Client) -> None:
    account = {"Authorization": f"Bearer {gopro.fake.access_token}"}
    assert (thumbnail_of(gopro, **account), thumbnail_of(gopro)) == (200, 401)
    unknown = gopro.http.request("GET", f"{gopro.fake.base_url}/resize/450wwp/e30.e30.x", headers=account)
    assert unknown.status == 404


def test_gopros_tokens_of_thumbnails_are_secrets(gopro: gopro_client.Client) -> None:
    (row,) = [row for row in gopro.api("/media/search").json()["_embedded"]["media"] if row["id"] == "clip"]
    assert row["token"] == gopro.api("/media/clip").json()["token"] and row["token"] in gopro.fake.secrets()


def test_gopro_may_hide_pictures_and_refuse_thumbnails(gopro: gopro_client.Client) -> None:
    account = {"Authorization": f"Bearer {gopro.fake.access_token}"}
    gopro.fake.control.add_fault(FaultKind.PICTURE_REFUSED, times=1)
    assert [thumbnail_of(gopro, **account) for _ in range(2)] == [404, 200]
    gopro.fake.control.add_fault(FaultKind.PICTURE_HIDDEN, media_id="clip")
    assert gopro.api("/media/clip").json()["token"] is None and gopro.download("clip")["sprites"] == []
    assert gopro.download("chapters")["sprites"] != []


def test_drives_link_ends_after_hours_and_may_be_missing(tmp_path: Path) -> None:
    with google_drive_client.client_of(Library.load(google_drive_client.write_library(tmp_path))) as drive:
        account = {"Authorization": f"Bearer {drive.fake.access_token}"}
        link = drive.row("clip")["thumbnailLink"]
        assert drive.http.request("GET", link, headers=account).status == 200
        assert drive.http.request("GET", link).status == 401
        drive.fake.control.add_fault(DriveFault.PICTURE_HIDDEN, media_id="clip")
        assert drive.row("clip", fields="hasThumbnail,thumbnailLink") == {"hasThumbnail": False}
        drive.fake.control.advance_clock(4 * 3600 + 1)
        assert drive.http.request("GET", link, headers=account).status == 403
