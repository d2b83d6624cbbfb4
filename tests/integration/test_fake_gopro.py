"""The fake GoPro Cloud behaves like GoPro Cloud: negotiation, tokens, listings, the download response."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.fake_providers.fault_menu import FaultKind
from local.fake_providers.library import Library, LibraryError
from tests.integration.gopro_client import ITEMS, Client, client_of, write_library


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def gopro(folder: Path) -> Iterator[Client]:
    with client_of(Library.load(folder)) as client:
        yield client


# Content negotiation, then authentication


@pytest.mark.parametrize("path", ["/media/user", "/media/search", "/media/clip", "/media/clip/download"])
@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/vnd.gopro.jk.unheard-of+json"])
def test_a_missing_or_unknown_accept_header_is_406_even_without_a_token(
    gopro: Client, path: str, accept: str | None
) -> None:
    answer = gopro.api(path, accept, Authorization="")
    assert (answer.status, answer.data) == (406, b"")


def test_a_dropped_version_is_410_even_without_a_token(gopro: Client) -> None:
    answer = gopro.api("/media/search", "application/vnd.gopro.jk.media+json; version=1.0.0", Authorization="")
    assert (answer.status, answer.data) == (410, b"")


def test_search_and_download_also_know_the_media_type_of_a_search(gopro: Client) -> None:
    own = "application/vnd.gopro.jk.media.search+json; version=2.0.0"
    paths = ("/media/search", "/media/clip/download", "/media/clip", "/media/user")
    assert [gopro.api(path, own).status for path in paths] == [200, 200, 406, 406]


@pytest.mark.parametrize("authorization", ["", "Bearer nonsense"])
def test_a_bad_token_is_401_with_json(gopro: Client, authorization: str) -> None:
    answer = gopro.api("/media/user", Authorization=authorization)
    assert answer.status == 401 and "error" in answer.json()


def test_a_cookie_works_like_a_bearer_token(gopro: Client) -> None:
    cookie = f"gp_access_token={gopro.fake.access_token}; gp_user_id={gopro.fake.user_id}"
    assert gopro.api("/media/user", Cookie=cookie).json()["id"] == gopro.fake.user_id


def test_an_access_token_is_an_opaque_jwe(gopro: Client) -> None:
    assert gopro.fake.access_token.startswith("eyJ") and gopro.fake.access_token.count(".") == 4


def test_the_account_shows_its_totals(gopro: Client) -> None:
    account = gopro.api("/media/user").json()
    assert (account["total_count"], account["exempt"]["total_count"]) == (len(ITEMS), len(ITEMS))


# Tokens


@pytest.mark.parametrize("as_json", [False, True], ids=["form", "json"])
def test_a_refresh_returns_new_tokens_with_a_lifetime_and_the_owner(gopro: Client, as_json: bool) -> None:
    before = gopro.fake.access_token, gopro.fake.refresh_token
    answer = gopro.renew(as_json=as_json).json()
    assert (answer["access_token"], answer["refresh_token"]) == (gopro.fake.access_token, gopro.fake.refresh_token)
    assert not {*before} & {answer["access_token"], answer["refresh_token"]}
    assert (answer["expires_in"], answer["resource_owner_id"]) == (86_400, gopro.fake.user_id)
    assert gopro.api("/media/user").status == 200


def test_a_used_refresh_token_is_blacklisted(gopro: Client) -> None:
    used = gopro.fake.refresh_token
    gopro.renew()
    assert gopro.renew(refresh_token=used).json()["error"] == "token_blacklisted"
    assert gopro.fake.control.stats()["token_refreshes"] == 1


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"client_secret": "other"}, 401, "invalid_client"),
        ({"refresh_token": "junk"}, 400, "invalid_grant"),
        ({"grant_type": "password", "username": "u", "password": "p"}, 400, "invalid_grant"),
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_bad_grant_is_refused_by_name(gopro: Client, changes: dict[str, Any], status: int, error: str) -> None:
    answer = gopro.renew(**changes)
    assert (answer.status, answer.json()["error"]) == (status, error)


def signed_in(gopro: Client, **changes: Any) -> Any:
    owner = {"username": gopro.fake.username, "password": gopro.fake.password}
    return gopro.renew(**{"grant_type": "password", "refresh_token": "", **owner, **changes})


def test_name_and_password_give_tokens_beside_those_that_there_are(gopro: Client) -> None:
    before = gopro.fake.refresh_token
    answer = signed_in(gopro)
    tokens = answer.json()
    assert (answer.status, tokens["refresh_token"]) == (200, gopro.fake.refresh_token)
    assert tokens["resource_owner_id"] == gopro.fake.user_id and tokens["expires_in"] == 86_400
    assert gopro.renew(refresh_token=before).status == gopro.renew(refresh_token=tokens["refresh_token"]).status == 200
    assert {tokens["refresh_token"], gopro.fake.password} <= gopro.fake.secrets()


def test_another_password_is_an_invalid_grant(gopro: Client) -> None:
    answer = signed_in(gopro, password="other")
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(("code", "shown"), [(4014, {"error_code": 4014}), (0, {})])
def test_a_second_factor_refuses_the_password_and_no_renewal(gopro: Client, code: int, shown: dict[str, int]) -> None:
    gopro.fake.control.add_fault(FaultKind.TWO_FACTOR, code=code)
    answer = signed_in(gopro)
    body = answer.json()
    assert (answer.status, body["error"]) == (400, "invalid_grant")
    assert {name: body[name] for name in body if name == "error_code"} == shown
    assert gopro.renew().status == 200


def test_an_access_token_expires_by_the_fakes_clock_and_a_refresh_helps(folder: Path) -> None:
    with client_of(Library.load(folder), access_token_seconds=600) as gopro:
        gopro.fake.control.advance_clock(599)
        assert gopro.api("/media/user").status == 200
        gopro.fake.control.advance_clock(2)
        assert gopro.api("/media/user").status == 401
        assert gopro.renew().json()["expires_in"] == 600
        assert gopro.api("/media/user").status == 200


def test_all_access_tokens_can_be_expired_at_once(gopro: Client) -> None:
    gopro.fake.control.expire_access_tokens()
    assert (gopro.api("/media/user").status, gopro.renew().status) == (401, 200)


# Listings


def test_a_listing_is_newest_first_and_can_be_ordered_by_upload(gopro: Client) -> None:
    assert gopro.ids() == ["clip", "chapters", "edit", "burst", "proxyonly", "cooking"]
    assert gopro.ids("order_by=created_at")[0] == "cooking"


def test_pages_have_every_item_once_and_consistent_counts(gopro: Client) -> None:
    pages = [gopro.search(f"per_page=4&page={page}") for page in (1, 2, 3)]
    assert [len(page["_embedded"]["media"]) for page in pages] == [4, 2, 0]
    assert pages[1]["_pages"] == {"current_page": 2, "per_page": 4, "total_items": 6, "total_pages": 2}


def test_a_page_has_30_rows_by_default_and_200_at_most(folder: Path, tmp_path: Path) -> None:
    many: list[dict[str, Any]] = [{"id": f"item{number:03}", "sources": ["one.mp4"]} for number in range(205)]
    with client_of(Library.load(write_library(tmp_path, many))) as gopro:
        assert [len(gopro.ids(query)) for query in ("", "per_page=1000")] == [30, 200]
        assert gopro.search("per_page=1000")["_pages"]["per_page"] == 200


def test_only_the_requested_fields_are_returned_and_unknown_names_are_ignored(gopro: Client) -> None:
    assert gopro.search("fields=id,no_such_field&per_page=1")["_embedded"]["media"] == [{"id": "clip"}]
    assert gopro.api("/media/clip?fields=id").json() == {"id": "clip"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=Burst", ["burst"]),
        ("type=Burst,MultiClipEdit", ["edit", "burst"]),
        ("type=Vidoe", ["clip", "chapters", "edit", "burst", "proxyonly", "cooking"]),
        ("processing_states=transcoding", ["cooking"]),
        ("captured_range=2026-05-03T10:00:00Z,2026-05-05T10:00:00Z", ["edit", "burst"]),
        ("captured_range=2026-05-03T10:00:00Z,2026-05-03T10:00:00Z", []),
        ("created_range=2026-06-01T00:00:00Z,2026-06-02T00:00:00.000Z", ["cooking"]),
    ],
)
def test_filters_work_like_those_of_gopro(gopro: Client, query: str, found: list[str]) -> None:
    assert gopro.ids(query) == found


@pytest.mark.parametrize("text", ["yesterday,today", "2026-05-03T10:00:00Z", ""])
def test_a_malformed_range_is_500(gopro: Client, text: str) -> None:
    assert gopro.api(f"/media/search?captured_range={text}").status == 500


def test_a_row_has_the_fields_of_the_library_verbatim(tmp_path: Path) -> None:
    odd: list[dict[str, Any]] = [
        {"id": "plain", "sources": ["one.mp4", "two.mp4"]},
        {"id": "odd", "sources": ["one.mp4"], "file_size": "123", "filename": None, "reprocessed_at": "x", "mood": [1]},
    ]
    with client_of(Library.load(write_library(tmp_path, odd))) as gopro:
        plain, row = gopro.api("/media/plain").json(), gopro.api("/media/odd").json()
    assert (plain["file_size"], plain["item_count"], plain["filename"]) == (170_000, 2, "one.mp4")
    assert [row[key] for key in ("file_size", "filename", "reprocessed_at", "mood")] == ["123", None, "x", [1]]


# The download response


def test_a_single_source_has_no_item_number(gopro: Client) -> None:
    (original,) = gopro.originals("clip")
    assert original["label"] == "source" and "item_number" not in original
    assert gopro.fetch(original["url"]).data == Path(gopro.fake.library.folder, "clip.mp4").read_bytes()


def test_files_of_a_video_hold_a_proxy_with_other_bytes(gopro: Client) -> None:
    for media_id in ("clip", "chapters"):
        (proxy,), source = gopro.download(media_id)["files"], gopro.fetch(gopro.link(media_id)).data
        assert gopro.fetch(proxy["url"]).data not in (source, b"")


def test_the_first_variation_is_not_the_original(gopro: Client) -> None:
    labels = [entry["label"] for entry in gopro.download("chapters")["variations"]]
    assert labels == ["edit_proxy", "concat", "source", "source", "source", "high_res_proxy_mp4", "mp4_low"]


def test_chapters_are_numbered_sources_of_one_item(gopro: Client) -> None:
    chapters = gopro.originals("chapters")
    assert [chapter["item_number"] for chapter in chapters] == [1, 2, 3]
    assert [len(gopro.fetch(chapter["url"]).data) for chapter in chapters] == [90_000, 80_000, 70_000]


def test_chapters_without_numbers_differ_in_their_links(gopro: Client) -> None:
    gopro.fake.control.put_item({"id": "chapters", "sources": ["one.mp4", "two.mp4"], "item_numbers": False})
    chapters = gopro.originals("chapters")
    assert not any("item_number" in chapter for chapter in chapters)
    assert [f"/source/default/{number}.mp4?" in chapters[number - 1]["url"] for number in (1, 2)] == [True, True]


def test_an_edit_is_offered_as_baked_source_only(gopro: Client) -> None:
    assert [entry["label"] for entry in gopro.download("edit")["variations"]] == ["baked_source"]


def test_files_of_a_burst_hold_the_originals_and_the_variation_only_the_cover(gopro: Client) -> None:
    burst = gopro.download("burst")
    assert [entry["item_number"] for entry in burst["files"]] == [1, 2]
    assert [len(gopro.fetch(entry["url"]).data) for entry in burst["files"]] == [90_000, 80_000]
    assert [entry["label"] for entry in burst["variations"]] == ["source"]


def test_an_item_without_sources_offers_proxies_only(gopro: Client) -> None:
    labels = {entry["label"] for entry in gopro.download("proxyonly")["variations"]}
    assert labels == {"edit_proxy", "high_res_proxy_mp4", "mp4_low"}


def test_an_unavailable_original_is_marked_and_its_link_is_404(gopro: Client) -> None:
    gopro.fake.control.put_item({"id": "clip", "sources": ["clip.mp4"], "available": False})
    (original,) = gopro.originals("clip")
    assert (original["available"], gopro.fetch(original["url"]).status) == (False, 404)


def test_labels_filter_the_download_response(gopro: Client) -> None:
    answer = gopro.download("clip", "labels=source")
    assert [entry["label"] for entry in answer["variations"] + answer["sidecar_files"]] == ["source"]


def test_neither_size_nor_checksum_is_in_the_download_response(gopro: Client) -> None:
    text = json.dumps(gopro.download("chapters"))
    assert "size" not in text and "hash" not in text and "90000" not in text


@pytest.mark.parametrize("path", ["/media/nobody", "/media/nobody/download"])
def test_an_unknown_item_is_404(gopro: Client, path: str) -> None:
    assert gopro.api(path).status == 404


def test_a_trashed_item_is_404_and_gone_from_the_listing(gopro: Client) -> None:
    gopro.fake.control.trash_item("clip")
    assert gopro.api("/media/clip/download").status == 404 and "clip" not in gopro.ids()


# The library


def test_originals_are_all_sources_of_ready_videos(folder: Path) -> None:
    found = {(each.media_id, each.source_number, each.size) for each in Library.load(folder).originals()}
    chapters = {("chapters", 1, 90_000), ("chapters", 2, 80_000), ("chapters", 3, 70_000)}
    assert found == {("clip", 1, 300_001), ("edit", 1, 90_000)} | chapters


def test_a_folder_of_videos_is_a_library_with_stable_ids(tmp_path: Path) -> None:
    for name in ("a.MP4", "deep/b.mov", "deep/c.360", "deep/notes.txt", "more/d.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"video")
    found = Library.load(tmp_path / "deep", extra=[tmp_path / "more"])
    assert sorted(str(item.row["filename"]) for item in found.items()) == ["b.mov", "c.360", "d.mp4"]
    again = Library.load(tmp_path / "deep", extra=[tmp_path / "more"])
    assert [item.media_id for item in found.items()] == [item.media_id for item in again.items()]
    assert {len(item.media_id) for item in found.items()} == {24}


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"id": "bad", "sources": ["../secret.mp4"]}], "Item 'bad' names '../secret.mp4'"),
        ([{"id": "bad", "sources": ["/etc/passwd"]}], "Item 'bad' names '/etc/passwd'"),
        ([{"id": "bad", "sources": ["gone.mp4"]}], "Item 'bad' names 'gone.mp4'"),
        ([{"id": "bad", "sources": "one.mp4"}], "'bad' is not a list"),
        ([{"id": "bad", "label": "concat"}], "'bad' is 'concat'"),
        ([{"id": "../bad"}], "no id"),
        ([{"id": "bad"}, {"id": "bad"}], "'bad' 2 times"),
        ({"id": "bad"}, "not a list"),
    ],
)
def test_a_library_that_cannot_be_served_is_refused_by_item(tmp_path: Path, items: Any, message: str) -> None:
    with pytest.raises(LibraryError, match=message):
        Library.load(write_library(tmp_path / "library", items))
