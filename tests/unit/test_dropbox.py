"""What the provider makes of Dropbox's listings and files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cloud_sync_common.exceptions import (
    ConfigurationError,
    MediaNotFoundError,
    OriginalRefusedError,
    ProviderContractError,
    ProviderUnavailableError,
)
from cloud_sync_common.file_services.listing_cursor import MOST_EMPTY_PAGES, RESTARTS
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Credentials, Filters, MediaItem, MediaPage
from cloud_sync_common.providers.dropbox import FEED_ROUNDS, Dropbox
from cloud_sync_common.safe_text import protect

from tests.unit.doubles import Lease, Store, session_of
from tests.unit.dropbox_service import (
    ACCOUNT,
    CONTINUE,
    HASH,
    LIST,
    METADATA,
    account,
    deleted,
    folder,
    page,
    refusal,
    video,
)
from tests.unit.gopro_service import answer
from tests.unit.routed_service import RoutedService

TOKEN = "sl.synthetic-access-token-0"
type Uses = Callable[[RoutedService], RoutedService]


@pytest.fixture
def uses(monkeypatch: pytest.MonkeyPatch) -> Uses:
    def use(service: RoutedService) -> RoutedService:
        monkeypatch.setattr(http_client, "request", service.request)
        return service

    return use


def pages_of(provider: Dropbox) -> list[MediaPage]:
    found, cursor = [], None
    while True:
        found.append(provider.list_media(TOKEN, cursor, Filters()))
        cursor = found[-1].next_cursor
        if cursor is None:
            return found


def ids_of(provider: Dropbox) -> list[str]:
    return [item.media_id for page in pages_of(provider) for item in page.items]


def arguments(service: RoutedService, path: str) -> list[Any]:
    return [json.loads(asked["content"]) for asked in service.asked if asked["path"] == path]


def one(name: str, **other: Any) -> dict[str, Any]:
    return video(f"{name}.mp4", f"/{name}.mp4", id=f"id:{name}", **other)


# A listing


def test_everything_is_listed_and_then_what_has_changed_since(uses: Uses) -> None:
    more = (page(one("b"), cursor="c2"), page(one("c"), cursor="c3"), page(cursor="c4"))
    service = uses(account(page(one("a"), cursor="c1", has_more=True), *more))
    assert ids_of(Dropbox()) == ["id:a", "id:b", "id:c"]
    assert arguments(service, LIST)[0] == {
        "path": "",
        "recursive": True,
        "limit": 1000,
        "include_non_downloadable_files": True,
    }
    assert [argument["cursor"] for argument in arguments(service, CONTINUE)] == ["c1", "c2", "c3"]
    asked = service.asked[0]
    assert (asked["method"], asked["url"]) == ("POST", "https://api.dropboxapi.com/2/files/list_folder")
    assert asked["headers"] == {
        "Authorization": f"Bearer {TOKEN}",
        "Accept": "application/json",
        "Content-Type": "application/json",
    }


def test_an_item_says_what_dropbox_says_of_the_file(uses: Uses) -> None:
    uses(account(page(video())))
    (found, _) = pages_of(Dropbox())
    assert found.items == (
        MediaItem(
            media_id="id:synthFile",
            filename="a.mp4",
            captured_at="2026-01-02T10:00:00Z",
            captured_at_from="client_modified",
            uploaded_at="2026-01-02T10:05:00Z",
            revision=f"sha256-4mib:{HASH}",
            size=734_003_200,
            kind="video",
            folder="Trips",
        ),
    )


def test_more_may_follow_a_page_without_entries(uses: Uses) -> None:
    """dropbox-sdk-java #281."""
    more = (page(cursor="c2", has_more=True), page(one("a"), cursor="c3"), page(cursor="c4"))
    uses(account(page(cursor="c1", has_more=True), *more))
    assert ids_of(Dropbox()) == ["id:a"]


def test_an_empty_page_may_be_the_same_one_once_more(uses: Uses) -> None:
    uses(
        account(
            page(cursor="c1", has_more=True),
            page(cursor="c1", has_more=True),
            page(one("a"), cursor="c2"),
            page(cursor="c3"),
        )
    )
    assert ids_of(Dropbox()) == ["id:a"]


def test_pages_without_entries_do_not_follow_each_other_without_end(uses: Uses) -> None:
    endless = [page(cursor=f"c{number}", has_more=True) for number in range(MOST_EMPTY_PAGES + 5)]
    service = uses(account(page(cursor="first", has_more=True), *endless))
    with pytest.raises(ProviderUnavailableError, match="empty pages"):
        pages_of(Dropbox())
    assert len(service.asked) == MOST_EMPTY_PAGES + 1


def test_one_entry_on_each_page_is_a_listing_like_any_other(uses: Uses) -> None:
    """dropbox-sdk-java #284: one entry for each call, from some point on."""
    single = [page(one(f"v{number}"), cursor=f"c{number}", has_more=True) for number in range(1, 1500)]
    uses(account(page(one("v0"), cursor="c0", has_more=True), *single, page(cursor="last"), page(cursor="end")))
    assert len(ids_of(Dropbox())) == 1500


def test_a_cursor_that_comes_again_does_not_make_an_endless_listing(uses: Uses) -> None:
    uses(account(page(one("a"), cursor="c1", has_more=True), page(one("b"), cursor="c1", has_more=True)))
    with pytest.raises(ProviderUnavailableError, match="does not end"):
        pages_of(Dropbox())


def test_changes_that_never_stop_do_not_keep_a_listing_open(uses: Uses) -> None:
    busy = [page(one("b"), cursor=f"c{number}") for number in range(2 * FEED_ROUNDS)]
    service = uses(account(page(one("a"), cursor="c"), *busy))
    pages_of(Dropbox())
    assert len(service.asked) == FEED_ROUNDS + 2


def test_a_cursor_that_was_reset_begins_the_listing_again(uses: Uses) -> None:
    service = account(page(one("a"), cursor="c1", has_more=True), refusal(409, "reset"), page(cursor="c3"))
    service.gives(LIST, page(one("a"), one("b"), cursor="c2"))
    uses(service)
    assert [[item.media_id for item in found.items] for found in pages_of(Dropbox())] == [
        ["id:a"],
        [],
        ["id:a", "id:b"],
        [],
    ]
    assert service.paths == [LIST, CONTINUE, LIST, CONTINUE]


def test_a_listing_is_not_begun_again_without_end(uses: Uses) -> None:
    service = uses(account(page(one("a"), cursor="c1", has_more=True), refusal(409, "reset")))
    with pytest.raises(ProviderUnavailableError, match=f"{RESTARTS + 1} times"):
        pages_of(Dropbox())
    assert service.paths.count(LIST) == RESTARTS + 1


def test_a_feed_that_was_reset_has_everything_listed_again(uses: Uses) -> None:
    service = account(page(one("a"), cursor="c1"), refusal(409, "reset"), page(cursor="c3"))
    service.gives(LIST, page(one("b"), cursor="c2"))
    uses(service)
    assert ids_of(Dropbox()) == ["id:a", "id:b"]


@pytest.mark.parametrize(
    "body",
    [
        {"entries": [], "cursor": "c1"},
        {"entries": [], "cursor": "c1", "has_more": "false"},
        {"entries": [], "cursor": 7, "has_more": False},
        {"entries": [], "has_more": False},
        {"entries": None, "cursor": "c1", "has_more": False},
        {"cursor": "c1", "has_more": False},
        [],
        b"<html>",
    ],
    ids=repr,
)
def test_an_answer_of_another_shape_is_a_changed_api_and_never_the_end(uses: Uses, body: Any) -> None:
    service = RoutedService()
    service.gives(LIST, answer(body))
    uses(service)
    with pytest.raises(ProviderContractError):
        Dropbox().list_media(TOKEN, None, Filters())


def test_entries_have_their_effect_in_order(uses: Uses) -> None:
    entries = (
        video("a.mp4", "/Trips/a.mp4", id="id:a"),
        video("b.mp4", "/Trips/Sub/b.mp4", id="id:b"),
        video("c.mp4", "/tripsABC/c.mp4", id="id:c"),
        deleted("/Trips"),
        video("d.mp4", "/Trips/d.mp4", id="id:d"),
        video("d.mp4", "/Trips/D.mp4", id="id:e"),
    )
    uses(account(page(*entries)))
    assert ids_of(Dropbox()) == ["id:c", "id:e"]


def test_a_file_that_was_moved_comes_with_the_same_id_and_revision(uses: Uses) -> None:
    moved = (deleted("/Trips/a.mp4"), video("best.mp4", "/Best/best.mp4"))
    uses(account(page(video()), page(*moved, cursor="c2"), page(cursor="c3")))
    before, after = (item for found in pages_of(Dropbox()) for item in found.items)
    assert (before.media_id, before.revision) == (after.media_id, after.revision)
    assert (before.folder, after.folder, after.filename) == ("Trips", "Best", "best.mp4")


# What is media


@pytest.mark.parametrize("name", ["a.mp4", "a.MP4", "GS01.360", "VID.insv", "clip.MOV", "x.mts", "DJI_1.mkv"])
def test_the_extension_says_what_a_video_is(uses: Uses, name: str) -> None:
    uses(account(page(video(name, f"/{name}"))))
    assert ids_of(Dropbox()) == ["id:synthFile"]


@pytest.mark.parametrize("name", ["notes.txt", "mp4", "a.mp4.part", "main.ts", "a.jpg", "noextension", ".mp4x"])
def test_other_files_are_listed_as_such(uses: Uses, name: str) -> None:
    uses(account(page(video(name, f"/{name}"))))
    (found, _) = pages_of(Dropbox())
    assert found.items == () and found.ignored == ("id:synthFile",)


def test_photos_are_listed_where_they_are_wanted(uses: Uses) -> None:
    files = [video(name, f"/{name}", id=f"id:{name[0]}") for name in ("a.JPG", "b.mp4", "c.txt")]
    uses(account(page(*files)))
    found = pages_of(Dropbox())[0]
    assert [item.media_id for item in found.items] == ["id:b"]
    assert found.left_out == {"kinds": 1, "neither video nor photo": 1}
    uses(account(page(*files)))
    found = Dropbox().list_media(TOKEN, None, Filters(kinds=("video", "photo")))
    assert [(item.media_id, item.kind) for item in found.items] == [("id:a", "photo"), ("id:b", "video")]
    assert Dropbox.capabilities.folders_ignore_case


def test_what_is_left_alone_is_counted_with_its_reason(uses: Uses) -> None:
    paper = video("Notes.paper", "/Notes.paper", id="id:p", is_downloadable=False, export_info={"export_as": "html"})
    locked = one("l") | {"is_downloadable": False}
    uses(account(page(folder("/Trips"), folder("/Trips/Sub"), paper, locked, one("a"))))
    found, feed = pages_of(Dropbox())
    assert found.left_out == {"folder": 2, "not downloadable": 2} and feed.left_out == {}
    assert found.ignored == ("id:l",), "what was archived before it was locked is not missing from the listing"
    assert [item.media_id for item in found.items] == ["id:a"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, f"sha256-4mib:{HASH}"),
        ({"content_hash": HASH.upper()}, f"sha256-4mib:{HASH}"),
        ({"content_hash": None}, "rev:0123456789abcdef01234"),
        ({"content_hash": "none"}, "rev:0123456789abcdef01234"),
    ],
    ids=str,
)
def test_the_revision_is_the_content_as_far_as_dropbox_states_it(
    uses: Uses, fields: dict[str, Any], expected: str
) -> None:
    uses(account(page(video(**fields))))
    assert pages_of(Dropbox())[0].items[0].revision == expected


@pytest.mark.parametrize(
    ("times", "captured"),
    [
        ({}, ("2026-01-02T10:00:00Z", "client_modified")),
        ({"client_modified": "2027-01-01T00:00:00Z"}, ("2026-01-02T10:05:00Z", "server_modified")),
        ({"client_modified": None}, ("2026-01-02T10:05:00Z", "server_modified")),
        ({"client_modified": "soon", "server_modified": 1}, ("", "")),
        ({"client_modified": "1601-01-01T00:00:00Z"}, ("2026-01-02T10:05:00Z", "server_modified")),
        ({"client_modified": "9999-12-31T23:59:59Z"}, ("2026-01-02T10:05:00Z", "server_modified")),
    ],
    ids=str,
)
def test_the_earliest_time_stands_in_for_the_capture_and_is_named(
    uses: Uses, times: dict[str, Any], captured: tuple[str, str]
) -> None:
    uses(account(page(video(**times))))
    item = pages_of(Dropbox())[0].items[0]
    assert (item.captured_at, item.captured_at_from) == captured


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ({"path_display": "/a.mp4"}, ""),
        ({"path_display": "/Trips/2026/a.mp4"}, "Trips/2026"),
        ({"path_display": "/J\u0061\u0308nner/a.mp4"}, "J\u00e4nner"),
        ({"path_display": None}, "trips"),
        ({"path_display": None, "path_lower": None}, ""),
        ({"path_display": "/Private/a&signature=abcdefghijkl/Clips/a.mp4"}, "Private/_/Clips"),
        ({"path_display": "/Private/" + "x" * 5000 + "/a.mp4"}, "Private/" + "x" * 5000),
        ({"path_display": 7, "path_lower": ["/trips/a.mp4"]}, ""),
    ],
    ids=str,
)
def test_a_folder_is_the_path_without_the_name_in_one_form_of_unicode(
    uses: Uses, path: dict[str, Any], expected: str
) -> None:
    uses(account(page(video(**path))))
    assert pages_of(Dropbox())[0].items[0].folder == expected


def test_an_id_that_cannot_be_kept_fails_by_itself(uses: Uses) -> None:
    uses(account(page(one("a"), one("b"), one("c") | {"id": "/c.mp4"})))
    item = pages_of(Dropbox())[0].items[2]
    assert item.media_id.startswith("unreadable:")
    with pytest.raises(MediaNotFoundError):
        Dropbox().sources(TOKEN, item)


def test_entries_that_mostly_have_no_id_are_a_changed_api(uses: Uses) -> None:
    uses(account(page(one("a"), one("b") | {"id": "b"}, one("c") | {"id": 3})))
    with pytest.raises(ProviderContractError, match="usable 'id'"):
        pages_of(Dropbox())


# One file


CLIP = MediaItem(media_id="id:synthFile", filename="a.mp4")


def asked_alone(uses: Uses, *answers: Any) -> RoutedService:
    service = RoutedService()
    service.gives(METADATA, *answers)
    return uses(service)


def test_a_file_that_is_asked_for_is_the_item_that_is_listed(uses: Uses) -> None:
    uses(account(page(video())))
    (item,) = pages_of(Dropbox())[0].items
    service = asked_alone(uses, video())
    assert Dropbox().find(TOKEN, "id:synthFile") == item
    assert arguments(service, METADATA) == [{"path": "id:synthFile"}]


@pytest.mark.parametrize(
    "said",
    [
        refusal(409, "path", "not_found"),
        folder("/Trips") | {"id": "id:synthFile"},
        deleted("/a") | {"id": "id:synthFile"},
    ],
    ids=["not found", "a folder", "deleted"],
)
def test_absence_is_what_dropbox_says_of_one_file(uses: Uses, said: Any) -> None:
    asked_alone(uses, said)
    assert Dropbox().find(TOKEN, "id:synthFile") is None


@pytest.mark.parametrize(
    "said", [answer(b"", 404), answer(b"", 409), video(id="id:other")], ids=["404", "409", "other"]
)
def test_anything_else_is_no_absence(uses: Uses, said: Any) -> None:
    asked_alone(uses, said)
    with pytest.raises(ProviderContractError):
        Dropbox().find(TOKEN, "id:synthFile")


@pytest.mark.parametrize("media_id", ["/a.mp4", "rev:0123456789ab", "ns:1/a", "id:", "id:a b", "", "id:é"])
def test_an_id_that_cannot_be_from_dropbox_is_not_requested(uses: Uses, media_id: str) -> None:
    service = uses(RoutedService())
    assert Dropbox().find(TOKEN, media_id) is None
    with pytest.raises(MediaNotFoundError):
        Dropbox().sources(TOKEN, MediaItem(media_id=media_id, filename="x.mp4"))
    assert service.asked == []


def test_a_source_is_the_very_revision_with_its_hash_and_the_token_in_a_header(uses: Uses) -> None:
    asked_alone(uses, video())
    provider = Dropbox()
    (source,) = provider.sources(TOKEN, CLIP)
    assert source.url == "https://content.dropboxapi.com/2/files/download"
    assert source.headers == {
        "Authorization": f"Bearer {TOKEN}",
        "Dropbox-API-Arg": '{"path": "rev:0123456789abcdef01234"}',
    }
    assert (source.file_number, source.file_count, source.filename, source.size) == (1, 1, "a.mp4", 734_003_200)
    assert source.content_hashes == (f"sha256-4mib:{HASH}",) and source.revision == f"sha256-4mib:{HASH}"
    assert provider.media_origins == ("https://content.dropboxapi.com",) and TOKEN not in repr(source)


def test_headers_are_ascii_whatever_a_revision_is(uses: Uses) -> None:
    """koreader #12154: a header with other characters gets a 400 with a sentence, which was stored as the file."""
    asked_alone(uses, video(rev="ümlaut\n", content_hash=None))
    (source,) = Dropbox().sources(TOKEN, CLIP)
    assert json.loads(source.headers["Dropbox-API-Arg"]) == {"path": "id:synthFile"}
    assert all(value.isascii() and value.isprintable() for value in source.headers.values())
    assert source.content_hashes == ()


def test_what_has_no_bytes_gives_no_source(uses: Uses) -> None:
    asked_alone(uses, video(is_downloadable=False))
    with pytest.raises(OriginalRefusedError, match="Export it"):
        Dropbox().sources(TOKEN, CLIP)
    found = Dropbox().find(TOKEN, "id:synthFile")
    assert found is not None and "Export it" in found.unusable


@pytest.mark.parametrize("name", [None, 7.5, ""], ids=repr)
def test_a_file_without_a_name_is_called_as_its_path_ends(uses: Uses, name: Any) -> None:
    uses(account(page(video(name=name))))
    (item,) = pages_of(Dropbox())[0].items
    assert (item.filename, item.folder, item.kind) == ("a.mp4", "Trips", "video")


@pytest.mark.parametrize("name", ["a&signature=abcdefghijkl.MP4", "x" * 40_000 + ".mp4", "Bearer.mp4" * 4_000])
def test_a_video_whose_name_cannot_be_kept_is_a_video(uses: Uses, name: str) -> None:
    uses(account(page(video(name=name))))
    (item,) = pages_of(Dropbox())[0].items
    assert (item.filename, item.kind) == ("_.mp4", "video")


def test_a_symbolic_link_is_left_alone_and_counted(uses: Uses) -> None:
    """Its download is the link itself, not what it leads to (dropbox-sdk-js #284)."""
    link = video("b.mp4", "/b.mp4", id="id:b", size=0, symlink_info={"target": "/Users/me/b.mp4"})
    uses(account(page(link, video())))
    found = pages_of(Dropbox())[0]
    assert [item.media_id for item in found.items] == ["id:synthFile"] and found.left_out == {"symbolic link": 1}
    asked_alone(uses, link | {"id": "id:synthFile"})
    with pytest.raises(OriginalRefusedError, match="symbolic link"):
        Dropbox().sources(TOKEN, CLIP)
    alone = Dropbox().find(TOKEN, "id:synthFile")
    assert alone is not None and "symbolic link" in alone.unusable


def test_a_file_that_dropbox_refuses_is_not_gone(uses: Uses) -> None:
    asked_alone(uses, refusal(409, "path", "restricted_content"))
    found = Dropbox().find(TOKEN, "id:synthFile")
    assert found is not None and found.media_id == "id:synthFile" and "restricted" in found.unusable


def test_a_cursor_with_our_own_token_in_it_goes_nowhere(uses: Uses) -> None:
    protect(TOKEN)
    uses(account(page(video(), cursor=f"AA{TOKEN}", has_more=True)))
    with pytest.raises(ProviderContractError, match="'cursor'") as failure:
        Dropbox().list_media(TOKEN, None, Filters())
    assert TOKEN not in str(failure.value)


# Team spaces


def test_paths_begin_in_the_namespace_that_is_stored(uses: Uses) -> None:
    service = account(page(video()))
    service.gives(METADATA, video())
    uses(service)
    provider = Dropbox()
    provider.use(Credentials(provider="dropbox", access_token=TOKEN, path_root="3235641"))
    pages_of(provider)
    (source,) = provider.sources(TOKEN, CLIP)
    sent = [asked["headers"]["Dropbox-API-Path-Root"] for asked in service.asked]
    assert len(sent) == 3
    assert {json.dumps(json.loads(text)) for text in (*sent, source.headers["Dropbox-API-Path-Root"])} == {
        '{".tag": "root", "root": "3235641"}'
    }


def test_a_session_tells_the_provider_the_namespace_before_it_asks(uses: Uses) -> None:
    service = uses(account(page(video())))
    stored = Credentials(provider="dropbox", access_token=TOKEN, path_root="3235641", version="v")
    session_of(Dropbox(), Store(stored), Lease()).list_media(None, Filters())
    assert json.loads(service.asked[0]["headers"]["Dropbox-API-Path-Root"])["root"] == "3235641"


@pytest.mark.parametrize("root", ["3235641/x", "a b", "ü", '"}', "Trips", "ns:3235641", "3235641 ", "٣"])
def test_what_cannot_be_a_namespace_is_not_sent(root: str) -> None:
    with pytest.raises(ConfigurationError, match="path_root"):
        Dropbox().use(Credentials(provider="dropbox", access_token=TOKEN, path_root=root))


def test_a_validation_says_whose_the_token_is(uses: Uses) -> None:
    service = RoutedService()
    service.gives(ACCOUNT, {"account_id": "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc", "root_info": {".tag": "user"}})
    uses(service)
    stored = Credentials(provider="dropbox", access_token=TOKEN)
    assert Dropbox().validate(stored) == replace(stored, user_id="dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc")
    assert arguments(service, ACCOUNT) == [None]
