"""Where Google Drive and Dropbox have pictures of a file, by their own descriptions of their APIs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloud_sync_common.exceptions import MediaNotFoundError
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Credentials, MediaItem, PictureLink
from cloud_sync_common.providers.dropbox import Dropbox
from cloud_sync_common.providers.google_drive import GoogleDrive

from tests.unit import drive_service, dropbox_service
from tests.unit.gopro_service import answer
from tests.unit.routed_service import RoutedService

TOKEN = "ya29.synthetic-token"
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
FILE = MediaItem(media_id="1AbcSynthetic", filename="GX010001.MP4")
PATH = f"{drive_service.FILES}/{FILE.media_id}"
PHOTO = MediaItem(media_id="id:synthFile", filename="GOPR0001.JPG", kind="photo", size=2_000_000)
LH3 = "https://lh3.googleusercontent.com/drive-storage/AJQsynthetic"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> RoutedService:
    service = RoutedService()
    monkeypatch.setattr(http_client, "request", service.request)
    return service


def of_drive(service: RoutedService, link: Any) -> list[PictureLink]:
    service.gives(PATH, {"id": FILE.media_id, "thumbnailLink": link})
    return GoogleDrive().pictures(TOKEN, FILE)


def test_drive_is_asked_for_the_link_alone_which_is_asked_for_480_pixels(service: RoutedService) -> None:
    (link,) = of_drive(service, f"{LH3}=s220")
    assert (link.kind, link.method, link.url, link.crop) == ("provider", "GET", f"{LH3}=s480", None)
    assert service.queries(PATH) == [{"fields": "id,thumbnailLink", "supportsAllDrives": "true"}]


def test_a_link_in_another_form_stays_as_it_is(service: RoutedService) -> None:
    assert of_drive(service, f"{LH3}?sz=w200")[0].url == f"{LH3}?sz=w200"


@pytest.mark.parametrize("link", [None, "", {"a": 1}, "https://x/" + "x" * 9_000])
def test_a_file_without_a_link_has_no_picture(service: RoutedService, link: Any) -> None:
    assert of_drive(service, link) == []


@pytest.mark.parametrize(
    ("link", "has_token"),
    [
        (f"{LH3}=s220", True),
        ("https://lh6.googleusercontent.com/x=s220", True),
        ("https://www.googleapis.com/x", True),
        ("https://lh3.googleusercontent.com.evil.example/x=s220", False),
        ("https://lh3.googleusercontent.com@evil.example/x", False),
        ("http://lh3.googleusercontent.com/x", False),
        ("https://docs.google.com/feeds/vt?id=x", False),
        ("https://user-content.googleusercontent.com/x", False),
    ],
)
def test_the_token_goes_to_googles_own_servers_for_thumbnails_only(
    service: RoutedService, link: str, has_token: bool
) -> None:
    (found,) = of_drive(service, link)
    assert dict(found.headers) == (AUTHORIZATION if has_token else {})


def test_the_key_of_a_file_that_was_shared_by_its_link_goes_with_the_request(service: RoutedService) -> None:
    service.gives(PATH, {"id": FILE.media_id, "thumbnailLink": LH3})
    GoogleDrive().pictures(TOKEN, MediaItem(media_id=FILE.media_id, filename="x.mp4", origin="0-key"))
    assert service.asked[0]["headers"]["X-Goog-Drive-Resource-Keys"] == f"{FILE.media_id}/0-key"


def test_a_file_that_drive_no_longer_shows_is_gone(service: RoutedService) -> None:
    body = {"error": {"errors": [{"reason": "notFound"}], "code": 404}}
    service.gives(PATH, answer(body, 404))
    with pytest.raises(MediaNotFoundError):
        GoogleDrive().pictures(TOKEN, FILE)


def of_dropbox(service: RoutedService, item: MediaItem = PHOTO, **row: Any) -> list[PictureLink]:
    service.gives(dropbox_service.METADATA, dropbox_service.video("GOPR0001.JPG", "/GOPR0001.JPG", **row))
    return Dropbox().pictures(TOKEN, item)


def test_dropbox_is_asked_for_a_jpeg_of_the_version_that_there_is(service: RoutedService) -> None:
    (link,) = of_dropbox(service)
    assert (link.kind, link.method, link.crop) == ("provider", "POST", None)
    assert link.url == "https://content.dropboxapi.com/2/files/get_thumbnail_v2"
    assert json.loads(link.headers["Dropbox-API-Arg"]) == {
        "resource": {".tag": "path", "path": "rev:0123456789abcdef01234"},
        "format": {".tag": "jpeg"},
        "size": {".tag": "w480h320"},
        "mode": {".tag": "fitone_bestfit"},
    }
    assert link.headers["Authorization"] == f"Bearer {TOKEN}" and service.paths == [dropbox_service.METADATA]


@pytest.mark.parametrize("name", ["a.mp4", "a.MOV", "a.360", "a.heic", "a.gpr", "a", "jpg"])
def test_dropbox_is_not_asked_for_what_it_makes_no_thumbnails_of(service: RoutedService, name: str) -> None:
    assert of_dropbox(service, MediaItem(media_id="id:synthFile", filename=name)) == [] and service.asked == []


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png", "a.tif", "a.tiff", "a.gif", "a.webp", "a.ppm", "a.bmp"])
def test_dropbox_makes_thumbnails_of_these(service: RoutedService, name: str) -> None:
    assert len(of_dropbox(service, MediaItem(media_id="id:synthFile", filename=name))) == 1


def test_dropbox_is_not_asked_for_a_photo_of_more_than_20_mb(service: RoutedService) -> None:
    large = MediaItem(media_id="id:synthFile", filename="a.jpg", size=20 * 1024 * 1024 + 1)
    assert of_dropbox(service, large) == [] and service.asked == []


def test_a_file_that_dropbox_does_not_give_out_has_no_picture(service: RoutedService) -> None:
    assert of_dropbox(service, is_downloadable=False) == []


def test_the_namespace_of_a_team_is_named_there_too(service: RoutedService) -> None:
    provider = Dropbox()
    provider.use(Credentials(provider="dropbox", access_token=TOKEN, path_root="17"))
    service.gives(dropbox_service.METADATA, dropbox_service.video())
    (link,) = provider.pictures(TOKEN, PHOTO)
    assert json.loads(link.headers["Dropbox-API-Path-Root"]) == {".tag": "root", "root": "17"}
    assert TOKEN not in repr(link) and "://" not in repr(link)
