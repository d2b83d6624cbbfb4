"""Where GoPro Cloud has pictures of an item, by the answers of docs/gopro-api.md."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_sync_common.exceptions import CredentialsExpiredError, MediaNotFoundError, ProviderContractError
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import MediaItem, PictureLink
from cloud_sync_common.providers.gopro import GoPro

from tests.unit.gopro_service import ROW, TOKEN, answer, download
from tests.unit.routed_service import RoutedService

ITEM = MediaItem(media_id=ROW["id"], filename="GX010001.MP4", kind="Video")
PHOTO = MediaItem(media_id=ROW["id"], filename="GOPR0001.JPG", kind="Photo")
PATH = f"/media/{ITEM.media_id}"
MEDIA_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJtZWRpdW0iOjF9.c2lnbmF0dXJl"
SHEET = "https://cdn.example/sprite/1.jpg?Expires=1795000000&Signature=s"
# As in a real answer (dustin test/mediavid.json).
SPRITE: dict[str, Any] = {
    "type": "jpg", "fps": 59.94006, "total_count": 1, "width": 1000, "height": 56,
    "frame": {"count": 10, "width": 100, "height": 56}, "urls": [SHEET], "heads": ["https://cdn.example/h"],
}  # fmt: skip


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> RoutedService:
    service = RoutedService()
    monkeypatch.setattr(http_client, "request", service.request)
    return service


def offering(service: RoutedService, token: Any, *sprites: Any) -> list[PictureLink]:
    """The pictures of a video whose row has this token, and whose download answer these sprites."""
    service.gives(PATH, {"token": token})
    body = download()
    body["_embedded"]["sprites"] = list(sprites)
    service.gives(f"{PATH}/download", body)
    return GoPro().pictures(TOKEN, ITEM)


def test_the_thumbnail_comes_before_a_frame_of_the_sprite(service: RoutedService) -> None:
    thumbnail, frame = offering(service, MEDIA_TOKEN, SPRITE)
    assert thumbnail.url == f"https://images-01.gopro.com/resize/450wwp/{MEDIA_TOKEN}"
    assert (thumbnail.kind, thumbnail.crop, dict(thumbnail.headers)) == (
        "provider", None, {"Authorization": f"Bearer {TOKEN}"},
    )  # fmt: skip
    assert (frame.kind, frame.crop, frame.url, dict(frame.headers)) == ("sprite", (500, 0, 100, 56), SHEET, {})


def test_of_the_items_row_nothing_but_the_token_of_the_thumbnail_is_asked_for(service: RoutedService) -> None:
    offering(service, MEDIA_TOKEN, SPRITE)
    assert service.paths == [PATH, f"{PATH}/download"] and service.queries(PATH) == [{"fields": "token"}]


def test_of_a_photo_only_the_thumbnail_is_asked_for(service: RoutedService) -> None:
    service.gives(PATH, {"token": MEDIA_TOKEN})
    assert [link.kind for link in GoPro().pictures(TOKEN, PHOTO)] == ["provider"] and service.paths == [PATH]


def test_thumbnails_are_at_the_address_of_the_environment_and_the_token_goes_there(service: RoutedService) -> None:
    provider = GoPro("https://127.0.0.1:1", "https://127.0.0.1:2")
    service.gives(PATH, {"token": MEDIA_TOKEN})
    (link,) = provider.pictures(TOKEN, PHOTO)
    assert link.url.startswith("https://127.0.0.1:2/resize/") and provider.picture_origins == ("https://127.0.0.1:2",)


@pytest.mark.parametrize("token", [None, "", {"a": 1}, [], "x" * 5000, True])
def test_what_is_no_token_leads_to_no_thumbnail(service: RoutedService, token: Any) -> None:
    assert offering(service, token) == []


def test_a_token_cannot_lead_to_another_address(service: RoutedService) -> None:
    (link,) = offering(service, "../../v1/oauth2/token?x=1#@evil.example/\r\n")
    assert link.url.startswith("https://images-01.gopro.com/resize/450wwp/..%2F..%2F") and "\n" not in link.url


@pytest.mark.parametrize(
    ("changes", "crop"),
    [
        ({"width": 500}, (0, 56, 100, 56)),  # two rows of five frames
        ({"width": None}, (500, 0, 100, 56)),
        ({"frame": {"count": 1, "width": 160, "height": 90}}, (0, 0, 160, 90)),
        ({"frame": {"count": "9", "width": "160", "height": "90"}}, (640, 0, 160, 90)),
        ({"width": 50}, (0, 280, 100, 56)),
    ],
)
def test_the_frame_in_the_middle_of_a_sheet_is_taken(
    service: RoutedService, changes: dict[str, Any], crop: tuple[int, ...]
) -> None:
    (frame,) = offering(service, None, SPRITE | changes)
    assert frame.crop == crop


@pytest.mark.parametrize(("sheets", "taken"), [(1, 0), (2, 0), (3, 1), (8, 3)])
def test_of_several_sheets_the_one_in_the_middle_is_taken(service: RoutedService, sheets: int, taken: int) -> None:
    urls = [f"https://cdn.example/{number}.jpg" for number in range(sheets)]
    (frame,) = offering(service, None, SPRITE | {"urls": urls})
    assert frame.url == urls[taken]


@pytest.mark.parametrize(
    "sprite",
    [
        None,
        7,
        {},
        SPRITE | {"urls": []},
        SPRITE | {"urls": None},
        SPRITE | {"urls": [None, {"a": 1}]},
        SPRITE | {"frame": None},
        SPRITE | {"frame": {"count": 0, "width": 100, "height": 56}},
        SPRITE | {"frame": {"count": 10, "width": -1, "height": 56}},
        SPRITE | {"frame": {"count": 10**9, "width": 100, "height": 56}},
        SPRITE | {"frame": {"count": 10, "width": 1e300, "height": 56}},
    ],
)
def test_a_sprite_that_makes_no_sense_is_passed_over(service: RoutedService, sprite: Any) -> None:
    assert [link.kind for link in offering(service, MEDIA_TOKEN, sprite, SPRITE)] == ["provider", "sprite"]


def test_no_more_than_a_few_sprites_are_taken(service: RoutedService) -> None:
    assert len(offering(service, None, *[SPRITE] * 50)) == 4


def test_an_id_that_is_not_gopros_is_not_asked_for(service: RoutedService) -> None:
    with pytest.raises(MediaNotFoundError):
        GoPro().pictures(TOKEN, MediaItem(media_id="../user", filename="x.mp4"))
    assert service.asked == []


@pytest.mark.parametrize(
    ("status", "error"), [(401, CredentialsExpiredError), (404, MediaNotFoundError), (410, ProviderContractError)]
)
def test_a_refusal_means_what_it_means_everywhere(service: RoutedService, status: int, error: type[Exception]) -> None:
    service.gives(PATH, answer(b"{}", status))
    with pytest.raises(error):
        GoPro().pictures(TOKEN, ITEM)


def test_neither_token_is_in_a_text_of_the_link(service: RoutedService) -> None:
    shown = repr(offering(service, MEDIA_TOKEN, SPRITE))
    assert MEDIA_TOKEN not in shown and TOKEN not in shown and "Signature" not in shown and "://" not in shown
