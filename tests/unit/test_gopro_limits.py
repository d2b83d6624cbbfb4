"""GoPro's answers at their limits: lengths, counts, and which numbers decide."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from cloud_sync_common.exceptions import (
    CredentialsExpiredError,
    MediaNotFoundError,
    ProviderContractError,
    ProviderUnavailableError,
)
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Credentials, Filters, MediaItem
from cloud_sync_common.providers.gopro import ID_LIMIT, NAME_LIMIT, PER_PAGE, URL_LIMIT, WORD_LIMIT, GoPro

from tests.unit.gopro_service import ROW, TOKEN, Service, answer, download, search, variation

CLIP = MediaItem(media_id="65a0", filename="GX010001.MP4", kind="Video", source_count=3)
OAUTH = Credentials(
    provider="gopro", access_token="a", refresh_token="r", client_id="c", client_secret="s", user_id="u", expires_at=7.0
)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    monkeypatch.setattr(http_client, "request", service.request)
    return service


def item(service: Service, **changes: Any) -> MediaItem:
    service.answers = [answer(search(ROW | changes))]
    (found,) = GoPro().list_media(TOKEN, "videos 1", Filters()).items
    return found


# Lengths


@pytest.mark.parametrize(("length", "kept"), [(NAME_LIMIT, True), (NAME_LIMIT + 1, False)])
def test_a_long_name_is_cut_in_the_middle_and_keeps_its_end(service: Service, length: int, kept: bool) -> None:
    name = "a" * (length - 24) + "the-end-of-the-name.MP4!"
    found = item(service, filename=name).filename
    assert (found == name) == kept and len(found) == NAME_LIMIT and found.endswith("end-of-the-name.MP4!")
    assert found[: NAME_LIMIT - 20] == name[: NAME_LIMIT - 20]


@pytest.mark.parametrize(("length", "kept"), [(ID_LIMIT, True), (ID_LIMIT + 1, False)])
def test_an_id_that_is_too_long_is_replaced_by_a_name_that_gopro_does_not_know(
    service: Service, length: int, kept: bool
) -> None:
    found = item(service, id="a" * length).media_id
    assert (found == "a" * length) == kept
    if not kept:
        assert found.startswith("unreadable:") and len(found) == len("unreadable:") + 16
        with pytest.raises(MediaNotFoundError):
            GoPro().sources(TOKEN, replace_id(found))


def replace_id(media_id: str) -> MediaItem:
    return MediaItem(media_id=media_id, filename="x.mp4")


def test_two_ids_that_cannot_be_kept_stay_two(service: Service) -> None:
    rows = [ROW | {"id": value} for value in ("a" * 200, "b" * 200, ["c"], None)]
    usable = [ROW | {"id": f"id{number}"} for number in range(4)]
    service.answers = [answer(search(*rows, *usable))]
    assert len(set(GoPro().list_media(TOKEN, "videos 1", Filters()).ids)) == 8


@pytest.mark.parametrize(("length", "kept"), [(WORD_LIMIT, True), (WORD_LIMIT + 1, False)])
def test_a_word_that_is_too_long_is_no_word(service: Service, length: int, kept: bool) -> None:
    assert (item(service, captured_at="1" * length).captured_at == "1" * length) == kept
    assert (item(service, reprocessed_at="1" * length).revision != item(service).revision) == kept


@pytest.mark.parametrize(("length", "kept"), [(URL_LIMIT, True), (URL_LIMIT + 1, False)])
def test_a_link_that_is_too_long_is_not_available(service: Service, length: int, kept: bool) -> None:
    url = "https://cdn.example/1.mp4?"
    service.answers = [answer(download(variation() | {"url": url + "a" * (length - len(url))}))]
    assert bool(GoPro().sources(TOKEN, CLIP)) == kept


# Pages


@pytest.mark.parametrize(("unusable", "rows", "refused"), [(1, 1, False), (1, 2, False), (2, 3, True), (2, 4, False)])
def test_a_page_is_refused_when_more_than_half_of_several_rows_have_no_usable_id(
    service: Service, unusable: int, rows: int, refused: bool
) -> None:
    given = [ROW | {"id": None if number < unusable else f"id{number}"} for number in range(rows)]
    service.answers = [answer(search(*given))]
    if refused:
        with pytest.raises(ProviderContractError, match="no usable id"):
            GoPro().list_media(TOKEN, "videos 1", Filters())
    else:
        assert len(GoPro().list_media(TOKEN, "videos 1", Filters()).ids) == rows


@pytest.mark.parametrize(
    ("total", "page", "then"),
    [
        (PER_PAGE, 1, None),
        (PER_PAGE + 1, 1, "videos 2"),
        (2 * PER_PAGE, 2, None),
        (2 * PER_PAGE + 1, 2, "videos 3"),
        (0, 1, None),
    ],
)
def test_there_is_another_page_exactly_while_rows_are_left(
    service: Service, total: int, page: int, then: str | None
) -> None:
    rows = [ROW | {"id": f"id{number}"} for number in range(min(PER_PAGE, total - (page - 1) * PER_PAGE))]
    service.answers = [answer(search(*rows, total=total, page=page))]
    assert GoPro().list_media(TOKEN, f"videos {page}", Filters()).next_cursor == then


@pytest.mark.parametrize(("per_page", "then"), [(10, "videos 2"), (12, None), (500, None), (0, None), (None, None)])
def test_a_page_that_the_service_makes_smaller_is_complete_with_fewer_rows(
    service: Service, per_page: int | None, then: str | None
) -> None:
    rows = [ROW | {"id": f"id{number}"} for number in range(min(per_page or 12, 12))]
    body = search(*rows, total=12)
    body["_pages"]["per_page"] = per_page
    service.answers = [answer(body)]
    page = GoPro().list_media(TOKEN, "videos 1", Filters())
    assert (len(page.ids), page.next_cursor, page.total) == (len(rows), then, 12)


# Files


@pytest.mark.parametrize(("kind", "count"), [("Video", 3), ("Looped", 3), ("MultiClipEdit", 1), ("TimeLapseVideo", 1)])
def test_only_where_a_video_has_chapters_its_count_says_how_many_files_there_are(
    service: Service, kind: str, count: int
) -> None:
    service.answers = [answer(download(variation()))]
    (source,) = GoPro().sources(TOKEN, replace_kind(kind))
    assert (source.file_count, source.file_number) == (count, 1)


def replace_kind(kind: str) -> MediaItem:
    return MediaItem(media_id="65a0", filename="GX010001.MP4", kind=kind, source_count=3)


def test_more_files_than_the_listing_says_are_all_counted(service: Service) -> None:
    files = [variation(path=f"/source/{number}.mp4", item_number=number) for number in range(1, 6)]
    service.answers = [answer(download(*files))]
    assert {source.file_count for source in GoPro().sources(TOKEN, CLIP)} == {5}


def test_a_number_that_gopro_states_goes_before_the_one_in_the_path(service: Service) -> None:
    files = [variation(path="/source/1.mp4", item_number=2), variation(path="/source/2.mp4", item_number=1)]
    service.answers = [answer(download(*files))]
    assert [(source.file_number, source.url.partition("?")[0][-5:]) for source in GoPro().sources(TOKEN, CLIP)] == [
        (1, "2.mp4"),
        (2, "1.mp4"),
    ]


@pytest.mark.parametrize(("available", "offered"), [(True, 1), (None, 1), ("true", 1), (False, 0), ("false", 0)])
def test_what_is_not_refused_is_tried(service: Service, available: Any, offered: int) -> None:
    service.answers = [answer(download(variation(available=available)))]
    assert len(GoPro().sources(TOKEN, CLIP)) == offered


# Statuses


def test_only_a_download_that_is_missing_says_that_the_video_is_gone(service: Service) -> None:
    service.answers = [answer(status=404)]
    with pytest.raises(MediaNotFoundError):
        GoPro().sources(TOKEN, CLIP)
    with pytest.raises(ProviderContractError, match="status 404"):
        GoPro().list_media(TOKEN, "videos 1", Filters())


def test_a_500_of_the_check_itself_is_asked_for_once(service: Service) -> None:
    service.answers = [answer(status=500)]
    with pytest.raises(ProviderUnavailableError):
        GoPro().validate(OAUTH)
    assert service.paths == ["/media/user"]


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (403, "text/html", ProviderUnavailableError),
        (403, "application/json", CredentialsExpiredError),
        (401, "text/html", CredentialsExpiredError),
        (204, "", ProviderContractError),
        (302, "", ProviderContractError),
    ],
)
def test_a_page_of_the_edge_says_nothing_about_the_token(
    service: Service, status: int, kind: str, error: type[Exception]
) -> None:
    service.answers = [answer(status=status, Content_Type=kind)]
    with pytest.raises(error):
        GoPro().validate(OAUTH)


# Renewals


@pytest.mark.parametrize(
    ("expires_in", "known"), [(3600, True), ("3600", True), (0, False), (None, False), (-5, False)]
)
def test_the_end_of_a_token_is_known_only_where_gopro_says_it(service: Service, expires_in: Any, known: bool) -> None:
    service.answers = [answer({"access_token": "new", "expires_in": expires_in})]
    renewed = GoPro().refresh(OAUTH)
    assert (renewed.access_token, renewed.refresh_token, renewed.user_id) == ("new", "r", "u")
    assert renewed.expires_at == (pytest.approx(time.time() + 3600, abs=60) if known else None)


def test_a_renewal_sends_what_oauth_asks_for_and_no_token_in_a_header(service: Service) -> None:
    service.answers = [answer({"access_token": "new", "refresh_token": "r2", "resource_owner_id": 5})]
    renewed = GoPro().refresh(OAUTH)
    assert (renewed.refresh_token, renewed.user_id) == ("r2", "5")
    (asked,) = service.asked
    assert asked["form"] == {
        "grant_type": "refresh_token", "client_id": "c", "client_secret": "s", "refresh_token": "r",
    }  # fmt: skip
    assert asked["method"] == "POST" and asked["headers"] == {"Accept": "application/json"}


def test_a_check_keeps_the_user_that_is_known_and_learns_one_that_is_not(service: Service) -> None:
    service.answers = [answer({"id": "gopro-user"})]
    assert GoPro().validate(OAUTH).user_id == "u"
    assert GoPro().validate(replace(OAUTH, user_id=None)).user_id == "gopro-user"
