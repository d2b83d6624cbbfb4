"""Odd things beside, and instead of, the links of one video: its files are offered, or that video fails by itself."""

from __future__ import annotations

from typing import Any

import pytest
from cloud_sync_common.exceptions import OriginalUnavailableError
from cloud_sync_common.http import address_guard
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import MediaItem, MediaSource
from cloud_sync_common.providers.gopro import GoPro
from cloud_sync_common.source_identity import MOST_FILES
from cloud_sync_common.stores.archive_keys import object_key

from tests.unit.gopro_service import TOKEN, Service, answer, download, variation
from tests.unit.test_gopro_answers import CLIP, ODD


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    monkeypatch.setattr(http_client, "request", service.request)
    return service


def offered(service: Service, *variations: dict[str, Any], item: MediaItem = CLIP) -> list[MediaSource]:
    service.answers = [answer(download(*variations))]
    return GoPro().sources(TOKEN, item)


UNREADABLE = [
    "https://[",
    "https://[a",
    "https://cdn.example:port/1.mp4",
    "https://[::1",
    "http://",
    "//",
    "\x00",
    "ftp:x",
]


@pytest.mark.parametrize("one", UNREADABLE)
@pytest.mark.parametrize("other", UNREADABLE)
def test_unreadable_links_of_one_video_are_each_refused_when_they_are_used(
    service: Service, one: str, other: str
) -> None:
    found = offered(service, variation() | {"url": one}, variation() | {"url": other})
    assert found and len({source.file_number for source in found}) == len(found)
    for source in found:
        with pytest.raises(OriginalUnavailableError):
            address_guard.check_url(source.url, allow_loopback=False)


@pytest.mark.parametrize("position", ODD, ids=lambda value: repr(value)[:12])
def test_a_camera_position_of_any_type_hides_no_file(service: Service, position: Any) -> None:
    files = [variation(path=f"/{lens}/1.mp4", camera_position=position) for lens in ("front", "back")]
    found = offered(service, *files)
    assert [source.file_number for source in found] == [1, 2] and len({source.identity for source in found}) == 2
    assert offered(service, *reversed(files)) == found


ABSURD = [0, -1, MOST_FILES + 1, 10**9, 2**63 - 1, 2**63, 10**400, 1.5, 1e300, "9" * 5_000, "one", True, [1], {}, None]


@pytest.mark.parametrize("number", ABSURD, ids=lambda value: repr(value)[:12])
def test_an_absurd_number_of_a_file_is_none(service: Service, number: Any) -> None:
    files = [variation(path=f"/{chapter}.mp4", item_number=number) for chapter in (1, 2)]
    found = offered(service, *files)
    assert [(source.file_number, source.file_count) for source in found] == [(1, 2), (2, 2)]
    one = offered(service, variation(path="/clip.mp4", item_number=number))
    assert [(source.file_number, source.file_count) for source in one] == [(1, 1)]


@pytest.mark.parametrize("number", ["1", 1, 1.0, MOST_FILES])
def test_a_number_that_can_be_one_is_taken(service: Service, number: Any) -> None:
    (source,) = offered(service, variation(path="/clip.mp4", item_number=number))
    assert source.file_number == int(number)
    assert len(object_key("gopro", CLIP, source)) < 200


@pytest.mark.parametrize("name", ["1080", "2160", "2024", "0720", "100"])
def test_a_path_that_ends_with_a_resolution_or_a_year_numbers_no_chapter(service: Service, name: str) -> None:
    (source,) = offered(service, variation(path=f"/edit/{name}.mp4"))
    assert (source.file_number, source.file_count) == (1, 1)


def test_a_path_numbers_a_chapter_if_the_video_has_so_many(service: Service) -> None:
    chapters = MediaItem(media_id=CLIP.media_id, filename=CLIP.filename, kind="Chaptered", source_count=120)
    found = offered(service, *(variation(path=f"/{number}.mp4") for number in range(120, 0, -1)), item=chapters)
    assert [source.url.rpartition("/")[2].partition(".")[0] for source in found] == [str(n) for n in range(1, 121)]


def test_a_link_whose_path_ends_with_a_long_number_has_none(service: Service) -> None:
    (source,) = offered(service, variation(path="/clip/" + "7" * 6_000 + ".mp4"))
    assert (source.file_number, source.file_count) == (1, 1)
