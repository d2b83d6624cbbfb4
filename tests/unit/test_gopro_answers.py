"""What the provider makes of GoPro Cloud's links, renewals and refusals."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import msgspec
import pytest
from cloud_sync_common.exceptions import (
    CloudSyncError,
    ConfigurationError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalUnavailableError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Credentials, Filters, MediaItem, MediaSource
from cloud_sync_common.providers.gopro import FIELDS, PER_PAGE, GoPro

from tests.unit.gopro_service import ROW, TOKEN, Service, answer, download, search, variation

CLIP = MediaItem(media_id="65a0f0c2b7e4d1a2c3b4d5e6", filename="GX010001.MP4")
SESSION = Credentials(provider="gopro", access_token=TOKEN)
OAUTH = Credentials(
    provider="gopro",
    access_token="access-token-0",
    refresh_token="refresh-token-0",
    client_id="client-id-0",
    client_secret="client-secret-0",
    user_id="user-0",
    version="v",
)
PAGE = b"<!DOCTYPE HTML><HTML><BODY>Request blocked.</BODY></HTML>"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    monkeypatch.setattr(http_client, "request", service.request)
    return service


def offered(service: Service, *variations: dict[str, Any], filename: str | None = "GX010001.MP4") -> list[MediaSource]:
    service.answers = [answer(download(*variations, filename=filename))]
    return GoPro().sources(TOKEN, CLIP)


def paths(sources: list[MediaSource]) -> list[str]:
    return [source.url.removeprefix("https://cdn.example").split("?")[0] for source in sources]


# Links


def test_a_source_contains_no_credentials(service: Service) -> None:
    (source,) = offered(service, variation())
    assert (source.file_number, source.file_count, source.filename) == (1, 1, "GX010001.MP4")
    assert source.url.startswith("https://cdn.example/source/")
    assert source.headers == {} and TOKEN not in source.url
    assert "Signature" not in repr(source) and "cdn.example" not in repr(source)
    assert service.paths == [f"/media/{CLIP.media_id}/download"]


def test_a_proxy_is_never_an_original_in_any_position_or_resolution(service: Service) -> None:
    tall = {"width": 15360, "height": 8640}
    labels = ("edit_proxy", "concat", "high_res_proxy_mp4", "mp4_low", "audio_proxy", "timelapse_video")
    proxies = [variation(label, f"/{label}/1.mp4", **tall) for label in labels]
    assert paths(offered(service, *proxies[:3], variation(), *proxies[3:])) == ["/source/default/1.mp4"]
    with pytest.raises(OriginalUnavailableError):
        offered(service, *proxies)


def test_without_variations_there_is_no_original(service: Service) -> None:
    with pytest.raises(OriginalUnavailableError):
        offered(service)


@pytest.mark.parametrize("numbers", [(3, 1, 2), ("3", "1", "2")])
def test_chapters_come_in_the_order_of_their_numbers(service: Service, numbers: tuple[Any, ...]) -> None:
    given = [variation(path=f"/{number}.mp4", item_number=number) for number in numbers]
    sources = offered(service, *given)
    assert paths(sources) == [f"/{number}.mp4" for number in sorted(map(int, numbers))]
    assert [(source.file_number, source.file_count) for source in sources] == [(1, 3), (2, 3), (3, 3)]


def test_a_missing_chapter_does_not_shift_the_numbers_of_the_others(service: Service) -> None:
    given = [variation(path=f"/{number}.mp4", item_number=number) for number in (12, 2, 10)]
    assert [(source.file_number, source.file_count) for source in offered(service, *given)] == [
        (2, 12),
        (10, 12),
        (12, 12),
    ]


def test_without_numbers_the_paths_of_the_links_give_the_order(service: Service) -> None:
    given = [variation(path=f"/source/default/{number}.mp4") for number in (10, 2, 1)]
    assert paths(offered(service, *given)) == [f"/source/default/{number}.mp4" for number in (1, 2, 10)]


@pytest.mark.parametrize("numbers", [{"item_number": 1}, {"item_number": "1"}, {}], ids=str)
def test_the_files_of_two_lenses_are_told_apart_in_whatever_order_they_come(
    service: Service, numbers: dict[str, Any]
) -> None:
    front, back = (
        variation(path=f"/{position}/1.mp4", camera_position=position, **numbers) for position in ("front", "back")
    )
    found = offered(service, front, back)
    assert [(source.file_number, source.file_count) for source in found] == [(1, 2), (2, 2)]
    assert sorted(paths(found)) == ["/back/1.mp4", "/front/1.mp4"]
    assert offered(service, back, front) == found


def test_a_variation_that_is_listed_twice_is_one_source(service: Service) -> None:
    twice = [variation(path=f"/{number}.mp4", item_number=number) for number in (1, 2, 2, 1)]
    assert paths(offered(service, *twice)) == ["/1.mp4", "/2.mp4"]


def test_the_original_of_an_edit_is_its_rendering(service: Service) -> None:
    (source,) = offered(service, variation("baked_source", "/baked/1.mp4"), filename="Best of winter")
    assert source.url.startswith("https://cdn.example/baked/1.mp4") and source.filename == "Best of winter.mp4"


def test_the_camera_files_take_precedence_over_a_rendering(service: Service) -> None:
    assert paths(offered(service, variation("baked_source", "/baked/1.mp4"), variation())) == ["/source/default/1.mp4"]


@pytest.mark.parametrize(
    "last", [variation(available=False), variation() | {"url": None}, variation() | {"url": ""}], ids=str
)
def test_if_one_chapter_is_not_available_now_none_is_given(service: Service, last: dict[str, Any]) -> None:
    assert offered(service, variation(), last) == []


@pytest.mark.parametrize(
    ("named", "path", "filename"),
    [
        (None, "/1.mp4", "GX010001.MP4"),
        ("", "/1.mp4", "GX010001.MP4"),
        ("GX010002.MP4", "/1.mp4", "GX010002.MP4"),
        ("clip.360", "/1.360", "clip.360"),
        ("Holiday v1.5", "/1.mov", "Holiday v1.5.mov"),
        ("Holiday", "/1", "Holiday.mp4"),
    ],
)
def test_a_source_has_a_name_with_the_extension_of_a_video(
    service: Service, named: str | None, path: str, filename: str
) -> None:
    assert offered(service, variation(path=path), filename=named)[0].filename == filename


# Names on the camera's card


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ("GX010051.MP4", ["GX010051.MP4", "GX020051.MP4", "GX030051.MP4"]),
        ("GOPR0815.MP4", ["GOPR0815.MP4", "GP010815.MP4", "GP020815.MP4"]),
        ("GX020051.MP4", ["GX020051.MP4"] * 3),
        ("Lake.MP4", ["Lake.MP4"] * 3),
    ],
)
@pytest.mark.parametrize("numbered", [True, False], ids=["item_number", "path"])
def test_chapters_have_their_names_of_the_card_where_the_first_one_has(
    service: Service, first: str, names: list[str], numbered: bool
) -> None:
    given = [
        variation(path=f"/source/default/{number}.mp4", **({"item_number": number} if numbered else {}))
        for number in (2, 3, 1)
    ]
    sources = offered(service, *given, filename=first)
    assert [source.filename for source in sources] == names
    assert {source.own_name for source in sources} == {len(set(names)) == 3}


def test_a_missing_chapter_takes_no_name_of_another(service: Service) -> None:
    sources = offered(service, *(variation(path=f"/{n}.mp4", item_number=n) for n in (1, 3)), filename="GX010051.MP4")
    assert [source.filename for source in sources] == ["GX010051.MP4", "GX030051.MP4"]


def test_the_first_chapter_alone_has_its_name_when_more_are_expected(service: Service) -> None:
    service.answers = [answer(download(variation(item_number=1), filename="GX010051.MP4"))]
    item = MediaItem(media_id="65a0", filename="GX010051.MP4", kind="Video", source_count=3)
    (source,) = GoPro().sources(TOKEN, item)
    assert (source.filename, source.own_name, source.file_count) == ("GX010051.MP4", True, 3)


@pytest.mark.parametrize(
    "files",
    [
        [{"camera_position": "front", "item_number": 1}, {"camera_position": "back", "item_number": 1}],
        [{"path": "/a.mp4"}, {"path": "/b.mp4"}],
    ],
    ids=["two lenses", "nobody knows which is which"],
)
def test_files_that_are_no_chapters_for_certain_are_numbered(service: Service, files: list[dict[str, Any]]) -> None:
    given = [variation(**{"path": f"/x/{index}.mp4", **file}) for index, file in enumerate(files, start=1)]
    found = offered(service, *given, filename="GX010051.MP4")
    assert [(source.filename, source.own_name) for source in found] == [("GX010051.MP4", False)] * 2


def test_a_single_file_keeps_its_name(service: Service) -> None:
    (source,) = offered(service, variation(item_number=1), filename="GX010051.MP4")
    assert (source.filename, source.own_name) == ("GX010051.MP4", False)


# Photos

PHOTO = MediaItem(media_id="65a0", filename="GOPR0905.JPG", kind="Photo")
BURST = MediaItem(media_id="65a1", filename="GOPR0906.JPG", kind="Burst", source_count=3)


def picture(number: int, **more: Any) -> dict[str, Any]:
    url = f"https://cdn.example/source/default/{number}.jpg?Signature=s"
    return {"item_number": number, "camera_position": "default", "available": True, "url": url, **more}


def pictures(service: Service, item: MediaItem, *files: dict[str, Any]) -> list[MediaSource]:
    cover = variation(path="/cover/1.jpg")
    service.answers = [answer(download(cover, filename=item.filename, files=list(files)))]
    return GoPro().sources(TOKEN, item)


def test_the_original_of_a_photo_is_its_file_and_not_the_cover(service: Service) -> None:
    (source,) = pictures(service, PHOTO, picture(1))
    assert paths([source]) == ["/source/default/1.jpg"]
    assert (source.filename, source.file_count, source.own_name) == ("GOPR0905.JPG", 1, False)


def test_a_burst_is_all_of_its_pictures_in_order(service: Service) -> None:
    found = pictures(service, BURST, picture(3), picture(1), picture(2))
    assert paths(found) == [f"/source/default/{number}.jpg" for number in (1, 2, 3)]
    assert [(source.file_number, source.file_count, source.filename) for source in found] == [
        (number, 3, "GOPR0906.JPG") for number in (1, 2, 3)
    ]


def test_a_burst_that_lacks_a_picture_says_how_many_there_must_be(service: Service) -> None:
    assert [source.file_count for source in pictures(service, BURST, picture(1))] == [3]


def test_the_number_of_a_series_of_photos_is_not_that_of_its_files(service: Service) -> None:
    series = MediaItem(media_id="65a2", filename="G0010907.JPG", kind="TimeLapse", source_count=99)
    assert [source.file_count for source in pictures(service, series, picture(1), picture(2))] == [2, 2]


@pytest.mark.parametrize("last", [picture(2, available=False), picture(2, url=None)], ids=["available", "url"])
def test_if_one_picture_is_not_available_now_none_is_given(service: Service, last: dict[str, Any]) -> None:
    assert pictures(service, BURST, picture(1), last) == []


def test_a_photo_without_files_has_no_original_whatever_its_cover_is(service: Service) -> None:
    with pytest.raises(OriginalUnavailableError):
        pictures(service, PHOTO)


@pytest.mark.parametrize(
    ("named", "path", "filename"),
    [("GOPR0905", "/1.jpg", "GOPR0905.jpg"), ("GOPR0905.GPR", "/1.gpr", "GOPR0905.GPR"), ("Lake", "/1", "Lake.jpg"),
     ("Lake.mp4", "/1.png", "Lake.mp4.png")],
)  # fmt: skip
def test_a_photo_has_a_name_with_the_extension_of_one(service: Service, named: str, path: str, filename: str) -> None:
    item = MediaItem(media_id="65a0", filename=named, kind="Photo")
    (source,) = pictures(service, item, picture(1, url=f"https://cdn.example{path}?Signature=s"))
    assert source.filename == filename


@pytest.mark.parametrize("media_id", ["../../v1/oauth2/token", "a/b", "a?b", "", "a b", "é"])
def test_an_id_that_cannot_be_from_gopro_is_not_requested(service: Service, media_id: str) -> None:
    with pytest.raises(MediaNotFoundError):
        GoPro().sources(TOKEN, MediaItem(media_id=media_id, filename="x.mp4"))
    assert service.asked == []


# Renewals


def test_a_renewal_takes_everything_that_the_answer_contains(service: Service) -> None:
    body = {"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 7200, "resource_owner_id": "user-1"}
    service.answers = [answer(body)]
    found = GoPro().refresh(OAUTH)
    assert found.expires_at is not None and abs(found.expires_at - time.time() - 7200) < 60
    expected = replace(OAUTH, access_token="access-1", refresh_token="refresh-1", user_id="user-1")
    assert replace(found, expires_at=None) == expected
    (asked,) = service.asked
    assert (asked["method"], service.paths) == ("POST", ["/v1/oauth2/token"])
    assert asked["headers"] == {"Accept": "application/json"}, "RFC 6749, 5.1; the media type belongs to the media"
    assert asked["form"] == {
        "grant_type": "refresh_token",
        "client_id": "client-id-0",
        "client_secret": "client-secret-0",
        "refresh_token": "refresh-token-0",
    }


def test_what_the_answer_leaves_out_stays_as_it_was(service: Service) -> None:
    service.answers = [answer({"access_token": "access-1"})]
    assert GoPro().refresh(OAUTH) == replace(OAUTH, access_token="access-1")


ROTATED = {"access_token": "access-1", "refresh_token": "refresh-1"}


@pytest.mark.parametrize(
    "side",
    [
        {"expires_in": "7200", "resource_owner_id": 4711},
        {"expires_in": 7200.0},
        {"expires_in": "soon", "resource_owner_id": {"id": 1}, "scope": [["x"] * 3]},
        {"expires_in": -1},
        {"expires_in": 10**400, "resource_owner_id": "x" * 100_000},
        {"token_type": None, "expires_in": True, "created_at": "\ud800"},
    ],
    ids=lambda side: str(side)[:40],
)
@pytest.mark.parametrize("status", [200, 201, 203, 299])
def test_a_rotated_token_is_kept_whatever_else_the_answer_holds(service: Service, side: Any, status: int) -> None:
    service.answers = [answer(ROTATED | side, status)]
    found = GoPro().refresh(OAUTH)
    assert (found.access_token, found.refresh_token) == ("access-1", "refresh-1")
    assert isinstance(found.user_id, str) and len(found.user_id) < 2_000
    assert found.expires_at is None or found.expires_at > time.time() + 7_000


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"access_token": "access-1", "refresh_token": "refresh-1"}',
        b'{"access_token": "access-1", "refresh_token": "refresh-1", "name": "caf\xe9"}',
        b'{"access_token": " access-1\\n", "refresh_token": "refresh-1", "x": "\\ud800", "y": NaN, "z": 1e999}',
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "access_token": "access-1", "refresh_token": "refresh-1"}',
    ],
    ids=["byte order mark", "Latin-1", "odd values", "nested"],
)
def test_a_bad_byte_in_the_answer_costs_no_token(service: Service, body: bytes) -> None:
    service.answers = [answer(body)]
    found = GoPro().refresh(OAUTH)
    assert (found.access_token, found.refresh_token) == ("access-1", "refresh-1")


@pytest.mark.parametrize("access", [None, 7, "", "two words", "caf\xe9", ["access-1"]])
def test_a_new_refresh_token_is_kept_without_a_usable_access_token(service: Service, access: Any) -> None:
    service.answers = [answer({"access_token": access, "refresh_token": "refresh-1"})]
    found = GoPro().refresh(OAUTH)
    assert (found.access_token, found.refresh_token) == (None, "refresh-1")


@pytest.mark.parametrize("body", [b"", b"<html>", {}, [], {"refresh_token": None}, {"access_token": ["x"]}])
def test_a_renewal_without_any_token_is_no_renewal(service: Service, body: Any) -> None:
    service.answers = [answer(body)]
    with pytest.raises(ProviderContractError, match="has no token"):
        GoPro().refresh(OAUTH)


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"error": "token_blacklisted", "error_description": "secret words"}, 400, "token_blacklisted"),
        ({"error": "invalid_grant"}, 400, "invalid_grant"),
        ({"error": "invalid_client"}, 401, "invalid_client"),
        ({"error": "Free text <b>that</b> is no word"}, 400, "400"),
        (b"not json", 403, "403"),
        ([1], 401, "401"),
    ],
)
def test_a_refused_renewal_names_gopros_error_code_and_the_next_step(
    service: Service, body: Any, status: int, word: str
) -> None:
    service.answers = [answer(body, status)]
    with pytest.raises(CredentialsExpiredError, match=rf"\({word}\).*store") as failure:
        GoPro().refresh(OAUTH)
    assert not any(secret in str(failure.value) for secret in (*OAUTH.secrets, "secret words", "Free text"))


def test_a_renewal_that_the_edge_blocked_does_not_ask_the_owner_to_sign_in(service: Service) -> None:
    service.answers = [answer(PAGE, 403, Content_Type="text/html; charset=UTF-8")]
    with pytest.raises(ProviderUnavailableError):
        GoPro().refresh(OAUTH)


def test_a_session_token_cannot_be_renewed_and_nothing_is_sent(service: Service) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be renewed.*store it"):
        GoPro().refresh(SESSION)
    assert service.asked == []


# Validation


@pytest.mark.parametrize(("credentials", "user"), [(SESSION, "user-7"), (OAUTH, "user-0")], ids=["session", "oauth"])
def test_credentials_of_both_kinds_are_validated_by_one_cheap_call_and_stay_as_they_are(
    service: Service, credentials: Credentials, user: str
) -> None:
    service.answers = [answer({"id": "user-7", "total_count": 3})]
    assert GoPro().validate(credentials) == replace(credentials, user_id=user)
    (asked,) = service.asked
    assert (asked["method"], service.paths) == ("GET", ["/media/user"])
    assert asked["headers"]["Authorization"] == f"Bearer {credentials.access_token}"


@pytest.mark.parametrize("body", [[], [{"id": "user-7"}], "ok", 1, None, {}, {"id": None}, {"id": [1]}])
def test_the_check_of_the_token_is_answered_by_its_status_whatever_json_comes_with_it(
    service: Service, body: Any
) -> None:
    service.answers = [answer(json.dumps(body).encode())]
    assert GoPro().validate(SESSION) == SESSION


@pytest.mark.parametrize("body", [b"", b"<html>", b"{"])
def test_a_page_or_nothing_is_no_answer_to_the_check_of_the_token(service: Service, body: bytes) -> None:
    service.answers = [answer(body)]
    with pytest.raises(ProviderContractError):
        GoPro().validate(SESSION)


def test_a_refused_validation_says_how_to_sign_in_again(service: Service) -> None:
    service.answers = [answer({"error": "unauthorized"}, 401)]
    with pytest.raises(CredentialsExpiredError, match=r"no longer accepts the stored token.*gp_access_token"):
        GoPro().validate(OAUTH)
    assert service.paths == ["/media/user"]


# Refusals


def listing(_token: str = TOKEN) -> None:
    GoPro().list_media(TOKEN, None, Filters())


def links() -> None:
    GoPro().sources(TOKEN, CLIP)


def check() -> None:
    GoPro().validate(SESSION)


@pytest.mark.parametrize("call", [listing, links, check])
@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (401, {}, CredentialsExpiredError),
        (403, {"Content_Type": "application/json"}, CredentialsExpiredError),
        (403, {"Content_Type": "text/html"}, ProviderUnavailableError),
        (406, {}, ProviderContractError),
        (410, {}, ProviderContractError),
        (415, {}, ProviderContractError),
        (400, {}, ProviderContractError),
        (302, {"Location": "https://elsewhere.example"}, ProviderContractError),
        (204, {}, ProviderContractError),
        (408, {}, ProviderUnavailableError),
        (425, {}, ProviderUnavailableError),
        (429, {}, ProviderThrottledError),
        (502, {}, ProviderUnavailableError),
        (509, {}, ProviderUnavailableError),
    ],
)
def test_each_status_has_its_error(
    service: Service, call: Any, status: int, headers: dict[str, str], error: type[CloudSyncError]
) -> None:
    service.answers = [answer(b"", status, **headers)]
    with pytest.raises(error) as failure:
        call()
    assert type(failure.value) is error and TOKEN not in str(failure.value)


def test_a_video_can_be_missing_but_not_the_listing(service: Service) -> None:
    service.answers = [answer({"error": "not_found"}, 404)]
    with pytest.raises(MediaNotFoundError):
        links()
    for call in (listing, check):
        with pytest.raises(ProviderContractError, match="404"):
            call()


@pytest.mark.parametrize(
    ("body", "doubtful"),
    [({"error": "invalid_grant"}, False), ({"error": "token_blacklisted"}, False), ({"message": "Forbidden"}, True)],
)
def test_only_the_code_of_a_token_endpoint_is_its_own_word(service: Service, body: Any, doubtful: bool) -> None:
    service.answers = [answer(body, 400)]
    with pytest.raises(CredentialsExpiredError) as failure:
        GoPro().refresh(OAUTH)
    assert failure.value.doubtful is doubtful


@pytest.mark.parametrize("status", [401, 403])
def test_a_status_alone_is_a_doubtful_refusal(service: Service, status: int) -> None:
    service.answers = [answer(b"", status)]
    with pytest.raises(CredentialsExpiredError) as failure:
        check()
    assert failure.value.doubtful


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("0", 0.0), (None, None), ("soon", None), ("-3", None)])
def test_the_error_carries_the_wait_that_gopro_asks_for(
    service: Service, value: str | None, seconds: float | None
) -> None:
    service.answers = [answer(b"", 429, **({} if value is None else {"Retry_After": value}))]
    with pytest.raises(ProviderThrottledError) as failure:
        listing()
    assert failure.value.retry_after == seconds


def test_a_wait_may_also_be_a_date(service: Service) -> None:
    service.answers = [answer(b"", 429, Retry_After=formatdate(time.time() + 40, usegmt=True))]
    with pytest.raises(ProviderThrottledError) as failure:
        listing()
    assert failure.value.retry_after is not None and 30 < failure.value.retry_after <= 41


def test_after_a_500_the_token_is_checked_because_an_expired_one_can_cause_it(service: Service) -> None:
    service.answers = [answer(b"", 500), answer(b"", 401)]
    with pytest.raises(CredentialsExpiredError):
        listing()
    assert service.paths == ["/media/search", "/media/user"]


def test_a_500_with_a_valid_token_is_transient(service: Service) -> None:
    service.answers = [answer(b"", 500), answer({"id": "user-7"})]
    with pytest.raises(ProviderUnavailableError, match="500"):
        links()


@pytest.mark.parametrize("call", [listing, links])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", {}, [], None, {"_embedded": {}}, {"_embedded": {"media": {}}, "_pages": {}}, {"_embedded": None}],
)
def test_an_answer_with_another_shape_is_a_contract_error_and_never_empty(
    service: Service, call: Any, body: Any
) -> None:
    service.answers = [answer(body)]
    with pytest.raises(ProviderContractError, match="nothing was lost"):
        call()


@pytest.mark.parametrize(
    "row", [ROW | {"id": None}, ROW | {"id": ["x"]}, {"type": "Video"}, ROW | {"id": "x" * 3_000}, [], None, "text"]
)
def test_a_row_that_cannot_be_read_is_counted_and_stops_no_other(service: Service, row: Any) -> None:
    service.answers = [answer(search(ROW, row, ROW | {"id": "2"}))]
    page = GoPro().list_media(TOKEN, None, Filters())
    assert len(set(page.ids)) == page.total == 3 and {ROW["id"], "2"} <= {item.media_id for item in page.items}
    assert all(len(media_id) <= 128 for media_id in page.ids)


def test_a_video_without_a_usable_id_fails_by_itself_and_is_listed_as_such(service: Service) -> None:
    service.answers = [answer(search(ROW | {"id": "x" * 3_000}))]
    (item,) = GoPro().list_media(TOKEN, None, Filters()).items
    with pytest.raises(MediaNotFoundError, match="is not an id"):
        GoPro().sources(TOKEN, item)


@pytest.mark.parametrize("name", ["id", "type", "ready_to_view"])
def test_what_the_only_row_of_a_page_lacks_concerns_that_row(service: Service, name: str) -> None:
    service.answers = [answer(search({key: value for key, value in ROW.items() if key != name}))]
    page = GoPro().list_media(TOKEN, "videos 1", Filters())
    assert len(page.ids) == page.total == 1


@pytest.mark.parametrize("name", ["id", "type", "ready_to_view"])
def test_a_field_that_decides_and_is_missing_in_all_rows_is_a_changed_api(service: Service, name: str) -> None:
    rows = [{field: value for field, value in ROW.items() if field != name}] * 3
    service.answers = [answer(search(*rows))]
    with pytest.raises(ProviderContractError, match=name):
        listing()


def test_a_page_where_most_rows_have_no_usable_id_is_a_changed_api(service: Service) -> None:
    service.answers = [answer(search(ROW, ROW | {"id": {"new": 1}}, ROW | {"id": {"new": 2}}))]
    with pytest.raises(ProviderContractError, match="most"):
        listing()


ODD: list[Any] = [None, True, False, 0, -1, 7, 1.0, 1e5, 2.5, 1e300, 10**30, "", "7", "7.0", "1e3", "\ud800", "\u2028",
                  "x" * 20_000, [], [1], {}, {"a": [{}]}]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("name", sorted(ROW))
def test_an_odd_value_in_one_row_concerns_this_row_only(service: Service, name: str, value: Any) -> None:
    service.answers = [answer(search(ROW | {"id": "before"}, ROW | {name: value}, ROW | {"id": "after"}))]
    page = GoPro().list_media(TOKEN, None, Filters())
    items = {item.media_id: item for item in page.items}
    assert len(page.ids) == page.total == 3 and {"before", "after"} <= set(items)
    assert all(len(msgspec.json.encode(item)) < 4_000 for item in page.items)
    deciding = ("id", "type", "ready_to_view", "file_extension")
    assert name in deciding or ROW["id"] in items, "a field that decides nothing hides no video"


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("name", ["available", "item_number", "width", "type", "quality", "head"])
def test_a_video_is_offered_whatever_is_beside_its_link(service: Service, name: str, value: Any) -> None:
    found = offered(service, variation(**{name: value}))
    assert len(found) == 1 or (name, value) == ("available", False)


@pytest.mark.parametrize("url", ["https://[", "https://cdn.example/1.mp4?Expires=\u00b2", "x" * 9_000, 7, None, ["x"]])
def test_a_link_that_is_none_concerns_its_video_only(service: Service, url: Any) -> None:
    found = offered(service, variation() | {"url": url})
    assert len(found) <= 1


@pytest.mark.parametrize("number", [1.0, "1", "1.0", 1])
def test_the_counts_of_a_page_come_as_numbers_text_and_floats(service: Service, number: Any) -> None:
    body = search(ROW)
    body["_pages"] = {"total_items": number, "per_page": str(PER_PAGE)}
    service.answers = [answer(body)]
    assert GoPro().list_media(TOKEN, None, Filters()).total == 1


@pytest.mark.parametrize("per_page", [0, -1, None, "many", 10**9])
def test_a_page_size_that_makes_no_sense_does_not_move_the_end_of_the_listing(service: Service, per_page: Any) -> None:
    body = search(ROW)
    body["_pages"] |= {"per_page": per_page}
    service.answers = [answer(body)]
    assert GoPro().list_media(TOKEN, None, Filters()).next_cursor is None


def test_a_page_size_below_the_rows_of_the_page_does_not_move_the_end_of_the_listing(service: Service) -> None:
    body = search(*(ROW | {"id": f"id{number}"} for number in range(3)))
    body["_pages"] |= {"per_page": 1}
    service.answers = [answer(body)]
    assert GoPro().list_media(TOKEN, None, Filters()).next_cursor is None


def test_unknown_fields_are_ignored(service: Service) -> None:
    service.answers = [answer(search(ROW | {"mood": {"deep": [1]}}) | {"_links": {}})]
    assert len(GoPro().list_media(TOKEN, None, Filters()).items) == 1


def test_a_page_where_most_ids_have_another_shape_is_a_changed_api(service: Service) -> None:
    service.answers = [answer(search(*(ROW | {"id": f"urn:gopro:{number}"} for number in range(3))))]
    with pytest.raises(ProviderContractError, match="most"):
        listing()


# One item by itself


def test_an_item_is_asked_for_by_its_id_with_the_fields_that_a_listing_has(service: Service) -> None:
    service.answers = [answer(ROW)]
    found = GoPro().find(TOKEN, CLIP.media_id)
    assert found is not None and (found.media_id, found.size) == (CLIP.media_id, ROW["file_size"])
    assert service.paths == [f"/media/{CLIP.media_id}"] and service.asked[0]["query"] == {"fields": FIELDS}


def test_an_item_that_is_not_found_is_gone(service: Service) -> None:
    service.answers = [answer({"error": "not_found"}, 404)]
    assert GoPro().find(TOKEN, CLIP.media_id) is None


@pytest.mark.parametrize("media_id", ["", "../user", "search?x=", "unreadable:0"])
def test_what_cannot_be_an_id_is_asked_for_nowhere(service: Service, media_id: str) -> None:
    assert GoPro().find(TOKEN, media_id) is None and service.asked == []


@pytest.mark.parametrize("body", [{}, [], {**ROW, "id": "another"}, {"_embedded": {}}], ids=str)
def test_an_answer_about_something_else_says_nothing_of_an_item(service: Service, body: Any) -> None:
    service.answers = [answer(body)]
    with pytest.raises(ProviderContractError):
        GoPro().find(TOKEN, CLIP.media_id)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, CredentialsExpiredError), (429, ProviderThrottledError), (503, ProviderUnavailableError)],
)
def test_a_refusal_says_nothing_of_an_item(service: Service, status: int, error: type[CloudSyncError]) -> None:
    service.answers = [answer(b"", status)]
    with pytest.raises(error):
        GoPro().find(TOKEN, CLIP.media_id)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 503])
def test_gopros_media_host_means_what_its_status_says_and_gets_no_token(status: int) -> None:
    assert GoPro().refusal(status, {}, b"<html>") is None and GoPro().media_origins == ()
