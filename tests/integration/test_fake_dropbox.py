"""The fake Dropbox behaves like Dropbox: listings, cursors, metadata, roots, errors."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.fake_providers.library import Library
from tests.integration.dropbox_client import (
    EMPTY,
    FILES,
    FOLDERS,
    LONG,
    PAPER,
    ROOT,
    SIZES,
    SONG,
    TRIP,
    UMLAUT,
    Certificate,
    Client,
    certificate,
    client_of,
    write_library,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def dropbox(folder: Path, tls: Certificate) -> Iterator[Client]:
    with client_of(Library.load(folder), tls) as client:
        yield client


# Calls


def test_every_answer_with_json_has_exactly_that_type_and_a_number(dropbox: Client) -> None:
    answers = [
        dropbox.rpc("users/get_current_account"),
        dropbox.rpc("files/list_folder", {"path": ""}),
        dropbox.rpc("files/get_metadata", {"path": "/nothing"}),
        dropbox.rpc("files/get_metadata", {"path": ROOT}, Authorization=f"Bearer sl.{'x' * 120}"),
        dropbox.refresh(),
    ]
    assert [answer.status for answer in answers] == [200, 200, 409, 401, 200]
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/json"}
    assert len({answer.headers["X-Dropbox-Request-Id"] for answer in answers}) == 5


@pytest.mark.parametrize(
    ("route", "argument", "headers", "text"),
    [
        ("files/list_folder", {"path": "/"}, {}, 'Specify the root folder as an empty string rather than as "/".'),
        ("files/list_folder", {"path": "Trips"}, {}, "did not match pattern"),
        ("files/list_folder", {}, {}, "expected string"),
        ("files/list_folder", {"path": "", "limit": 2001}, {}, "limit"),
        ("files/list_folder", [], {}, "expected object"),
        ("files/list_folder", {"path": ""}, {"Content_Type": "text/plain"}, 'Bad HTTP "Content-Type" header'),
        ("files/list_folder/continue", {"cursor": "nonsense"}, {}, 'Invalid "cursor" parameter'),
        ("files/get_metadata", {"path": ""}, {}, "The root folder is unsupported."),
        ("users/get_current_account", {"a": 1}, {}, "expected null"),
        ("users/get_current_account", None, {"Authorization": "Bearer"}, "Invalid authorization value"),
        ("users/get_current_account", None, {"Authorization": "Bearer nonsense"}, "access token is malformed"),
        ("users/get_current_account", None, {"Dropbox_API_Path_Root": "{"}, '"Dropbox-API-Path-Root"'),
    ],
)
def test_bad_input_is_400_with_a_text_that_names_the_function(
    dropbox: Client, route: str, argument: object, headers: dict[str, str], text: str
) -> None:
    answer = dropbox.rpc(route, argument, **headers)
    assert (answer.status, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert (
        answer.data.decode().startswith(f'Error in call to API function "{route}": ') and text in answer.data.decode()
    )


def test_the_summary_of_an_error_ends_in_a_changing_number_of_dots(dropbox: Client) -> None:
    found = {dropbox.rpc("files/get_metadata", {"path": "/nothing"}).json()["error_summary"] for _ in range(40)}
    assert found == {f"path/not_found/{'.' * dots}" for dots in range(4)}


# Listings


def test_a_recursive_listing_has_every_folder_before_its_files(dropbox: Client) -> None:
    paths = [entry["path_display"] for entry in dropbox.list(recursive=True)]
    assert set(paths) == FILES | FOLDERS and len(paths) == len(FILES | FOLDERS)
    assert paths.index("/Trips") < paths.index("/Trips/2026") < paths.index(TRIP)


def test_a_flat_listing_has_one_folder_alone(dropbox: Client) -> None:
    assert dropbox.shown() == {"/Trips", "/Music", UMLAUT, EMPTY, PAPER, ROOT}
    assert dropbox.shown("/trips") == {"/Trips/2026", LONG}


@pytest.mark.parametrize("path", ["/TRIPS/2026", "//Trips/2026", "/trips//2026/"])
def test_a_path_is_found_in_any_case_and_with_doubled_slashes(dropbox: Client, path: str) -> None:
    assert dropbox.shown(path) == {TRIP}


def test_an_entry_has_the_fields_of_a_file(dropbox: Client) -> None:
    (found,) = [entry for entry in dropbox.list(recursive=True) if entry["path_display"] == TRIP]
    assert found.pop("id").startswith("id:") and len(found.pop("rev")) == 21
    assert len(found.pop("content_hash")) == 64
    assert found == {
        ".tag": "file",
        "name": "GX010001.MP4",
        "path_lower": TRIP.lower(),
        "path_display": TRIP,
        "client_modified": "2026-05-06T10:00:00Z",
        "server_modified": "2026-05-07T08:00:00Z",
        "size": SIZES["one.mp4"],
        "is_downloadable": True,
    }


def test_pages_have_every_entry_once_and_the_last_says_so(dropbox: Client) -> None:
    found = dropbox.rpc("files/list_folder", {"path": "", "recursive": True, "limit": 4}).json()
    pages, more = [found["entries"]], [found["has_more"]]
    while found["has_more"]:
        found = dropbox.changes(found["cursor"])
        pages, more = [*pages, found["entries"]], [*more, found["has_more"]]
    assert ([len(page) for page in pages], more) == ([4, 4, 2], [True, True, False])
    assert {entry["path_display"] for page in pages for entry in page} == FILES | FOLDERS


def test_a_full_last_page_says_that_there_is_no_more(dropbox: Client) -> None:
    found = dropbox.rpc("files/list_folder", {"path": "", "recursive": True, "limit": 10}).json()
    assert (len(found["entries"]), found["has_more"]) == (10, False)


def test_the_pages_can_be_made_smaller_than_the_limit(dropbox: Client) -> None:
    dropbox.fake.control.set_page_size(3)
    found = dropbox.rpc("files/list_folder", {"path": "", "recursive": True, "limit": 2000}).json()
    assert (len(found["entries"]), found["has_more"]) == (3, True)
    assert dropbox.shown(recursive=True) == FILES | FOLDERS


def test_thousands_of_files_are_listed_page_by_page(dropbox: Client) -> None:
    dropbox.fake.control.put_many(2_500, "one.mp4")
    found = dropbox.list("/Many", recursive=True, limit=1000)
    assert len({entry["id"] for entry in found}) == len(found) == 2_500 + 3
    assert dropbox.fake.control.stats()["requests"]["list_folder/continue"] == {"200": 2}


def test_what_cannot_be_downloaded_is_listed_with_how_to_export_it_or_left_out(dropbox: Client) -> None:
    (paper,) = [entry for entry in dropbox.list() if entry["path_display"] == PAPER]
    assert (paper["is_downloadable"], paper["export_info"]["export_as"]) == (False, "html")
    assert PAPER not in dropbox.shown(include_non_downloadable_files=False)


@pytest.mark.parametrize(("path", "tag"), [("/nothing", "not_found"), (ROOT, "not_folder")])
def test_only_a_folder_can_be_listed(dropbox: Client, path: str, tag: str) -> None:
    assert dropbox.error("files/list_folder", {"path": path}) == (409, {".tag": "path", "path": {".tag": tag}})


# Changes


def test_a_cursor_that_is_kept_gives_what_has_changed_since_in_order(dropbox: Client) -> None:
    cursor = dropbox.latest()
    dropbox.fake.control.put_file("/Trips/new.mp4", "two.mp4")
    dropbox.fake.control.delete(ROOT)
    dropbox.fake.control.put_file(TRIP, "three.mp4")
    found = dropbox.changes(cursor)
    shown = [(entry[".tag"], entry["path_display"]) for entry in found["entries"]]
    assert (shown, found["has_more"]) == ([("file", "/Trips/new.mp4"), ("deleted", ROOT), ("file", TRIP)], False)
    assert dropbox.changes(found["cursor"])["entries"] == []


def test_a_listing_ends_in_the_cursor_of_later_changes(dropbox: Client) -> None:
    cursor = dropbox.rpc("files/list_folder", {"path": "", "recursive": True}).json()["cursor"]
    dropbox.fake.control.put_file("/later.mp4", "one.mp4")
    assert [entry["path_display"] for entry in dropbox.changes(cursor)["entries"]] == ["/later.mp4"]


def test_what_changes_during_a_listing_comes_once_more_at_its_end(dropbox: Client) -> None:
    found = dropbox.rpc("files/list_folder", {"path": "", "recursive": True, "limit": 3}).json()
    assert TRIP in {entry["path_display"] for entry in found["entries"]}
    dropbox.fake.control.put_file(TRIP, "three.mp4")
    dropbox.fake.control.delete(EMPTY)
    later = []
    while found["has_more"]:
        found = dropbox.changes(found["cursor"])
        later += found["entries"]
    assert [(entry[".tag"], entry["path_display"]) for entry in later[-2:]] == [("file", TRIP), ("deleted", EMPTY)]


def test_a_deleted_folder_is_one_deleted_entry_and_all_in_it_is_gone(dropbox: Client) -> None:
    cursor = dropbox.latest()
    dropbox.fake.control.delete("/Trips")
    assert [(e[".tag"], e["path_display"]) for e in dropbox.changes(cursor)["entries"]] == [("deleted", "/Trips")]
    assert dropbox.shown(recursive=True) == FILES - {TRIP, LONG} | {"/Music"}


def test_deleted_entries_are_listed_only_when_asked_for(dropbox: Client) -> None:
    dropbox.fake.control.delete(ROOT)
    assert ROOT not in dropbox.shown()
    found = {entry["path_display"]: entry[".tag"] for entry in dropbox.list(include_deleted=True)}
    assert found[ROOT] == "deleted"
    assert dropbox.metadata(ROOT, include_deleted=True)[".tag"] == "deleted"


def test_a_moved_file_keeps_its_id_and_its_content(dropbox: Client) -> None:
    before, cursor = dropbox.metadata(LONG), dropbox.latest()
    dropbox.fake.control.move("/Trips", "/Journeys")
    after = dropbox.metadata("/Journeys/Long ride.mp4")
    assert (after["id"], after["content_hash"]) == (before["id"], before["content_hash"])
    assert dropbox.metadata(before["id"])["path_display"] == "/Journeys/Long ride.mp4"
    shown = [(entry[".tag"], entry["path_display"]) for entry in dropbox.changes(cursor)["entries"]]
    assert shown[:2] == [("deleted", "/Trips"), ("folder", "/Journeys")] and len(shown) == 5


def test_a_rename_that_changes_only_the_case_is_no_change_and_stays_unknown_to_what_is_inside(dropbox: Client) -> None:
    """dropbox-sdk-python issue 63."""
    cursor = dropbox.latest()
    dropbox.fake.control.move("/Trips", "/TRIPS")
    assert dropbox.changes(cursor)["entries"] == []
    assert {"/TRIPS", "/Trips/2026", TRIP} <= dropbox.shown(recursive=True)


def test_cursors_can_be_reset_and_a_new_listing_works(dropbox: Client) -> None:
    cursor = dropbox.latest()
    dropbox.fake.control.reset_cursors()
    assert dropbox.error("files/list_folder/continue", {"cursor": cursor}) == (409, {".tag": "reset"})
    assert dropbox.changes(dropbox.latest())["entries"] == []


def test_a_longpoll_needs_no_token_and_ends_with_a_change(dropbox: Client) -> None:
    cursor = dropbox.latest()
    dropbox.fake.control.put_file("/new.mp4", "one.mp4")
    waiting = {"cursor": cursor, "timeout": 480}
    assert dropbox.rpc("files/list_folder/longpoll", waiting, Authorization="").json() == {"changes": True}
    assert dropbox.rpc("files/list_folder/longpoll", {"cursor": cursor, "timeout": 5}).status == 400


# Metadata


@pytest.mark.parametrize("path", [TRIP, TRIP.upper(), "id", "rev"])
def test_metadata_is_found_by_path_id_and_revision(dropbox: Client, path: str) -> None:
    known = dropbox.metadata(TRIP)
    asked = {"id": known["id"], "rev": f"rev:{known['rev']}"}.get(path, path)
    assert dropbox.metadata(asked) == known


def test_a_new_revision_has_a_new_rev_and_hash_and_the_old_one_is_still_there(dropbox: Client, folder: Path) -> None:
    old = dropbox.metadata(TRIP)
    dropbox.fake.control.put_file(TRIP, "three.mp4")
    new = dropbox.metadata(old["id"])
    assert new["id"] == old["id"] and {new["rev"], new["content_hash"]} & {old["rev"], old["content_hash"]} == set()
    assert dropbox.download(f"rev:{old['rev']}").data == (folder / "one.mp4").read_bytes()
    assert dropbox.download(TRIP).data == (folder / "three.mp4").read_bytes()


def test_media_info_comes_only_when_asked_for_and_never_in_listings(dropbox: Client) -> None:
    info = dropbox.metadata(ROOT, include_media_info=True)["media_info"]
    assert info == {
        ".tag": "metadata",
        "metadata": {
            ".tag": "video",
            "time_taken": "2026-05-01T09:59:00Z",
            "duration": 61_000,
            "dimensions": {"height": 1080, "width": 1920},
        },
    }
    assert "media_info" not in dropbox.metadata(ROOT)
    assert not any("media_info" in entry for entry in dropbox.list(include_media_info=True))


def test_a_decomposed_path_finds_nothing_because_paths_are_stored_composed(dropbox: Client) -> None:
    """maestral PR 678, measured."""
    assert dropbox.metadata(UMLAUT)["name"] == UMLAUT[1:]
    path = unicodedata.normalize("NFD", UMLAUT)
    assert dropbox.error("files/get_metadata", {"path": path})[1]["path"] == {".tag": "not_found"}


def test_a_path_is_lower_cased_character_for_character(dropbox: Client) -> None:
    """maestral issue 410, measured: a sigma at the end of a word is not another letter."""
    dropbox.fake.control.put_file("/ΣΣΣ.mp4", "one.mp4")
    assert dropbox.metadata("/σσσ.mp4")["path_lower"] == "/σσσ.mp4"


# Account and roots


def test_the_account_shows_its_root_and_its_space(dropbox: Client) -> None:
    account = dropbox.rpc("users/get_current_account").json()
    root = account["root_info"]
    assert root[".tag"] == "user" and root["root_namespace_id"] == root["home_namespace_id"]
    assert (len(account["account_id"]), account["account_type"]) == (40, {".tag": "pro"})
    space = dropbox.rpc("users/get_space_usage").json()
    assert space["used"] == sum(SIZES.values()) + SIZES["three.mp4"] + len("Notes\n")
    assert space["allocation"][".tag"] == "individual"


def root(tag: str, namespace: str | None = None) -> str:
    return json.dumps({".tag": tag} | ({} if namespace is None else {tag: namespace}))


def test_a_team_space_is_seen_only_with_its_path_root(dropbox: Client) -> None:
    dropbox.fake.control.put_team_file("/Team films/one.mp4", "one.mp4")
    namespace = dropbox.fake.control.join_team()
    account = dropbox.rpc("users/get_current_account").json()
    assert account["root_info"][".tag"] == "team" and account["root_info"]["home_path"] == "/Anna Example"
    listing = {"path": "", "recursive": True}
    home = dropbox.rpc("files/list_folder", listing).json()["entries"]
    team = dropbox.rpc("files/list_folder", listing, Dropbox_API_Path_Root=root("root", namespace)).json()["entries"]
    assert {entry["path_display"] for entry in home} == FILES | FOLDERS
    assert {entry["path_display"] for entry in team} == {
        "/Team films", "/Team films/one.mp4", "/Anna Example", *(f"/Anna Example{path}" for path in FILES | FOLDERS)
    }  # fmt: skip


def test_an_invalid_root_is_422_with_the_valid_one(dropbox: Client) -> None:
    old = dropbox.rpc("users/get_current_account").json()["root_info"]["root_namespace_id"]
    assert dropbox.rpc("files/list_folder", {"path": ""}, Dropbox_API_Path_Root=root("root", old)).status == 200
    new = dropbox.fake.control.join_team()
    status, error = dropbox.error("files/list_folder", {"path": ""}, Dropbox_API_Path_Root=root("root", old))
    assert (status, error[".tag"], error["invalid_root"]["root_namespace_id"]) == (422, "invalid_root", new)
    status, error = dropbox.error("files/list_folder", {"path": ""}, Dropbox_API_Path_Root=root("namespace_id", "7"))
    assert (status, error) == (422, {".tag": "no_permission"})
    for header in (root("home"), root("namespace_id", old)):
        assert ROOT in dropbox_shown(dropbox, header)


def dropbox_shown(dropbox: Client, header: str) -> set[str]:
    found: Any = dropbox.rpc("files/list_folder", {"path": ""}, Dropbox_API_Path_Root=header).json()
    return {entry["path_display"] for entry in found["entries"]}


def test_a_path_may_name_a_namespace(dropbox: Client) -> None:
    namespace = dropbox.rpc("users/get_current_account").json()["root_info"]["home_namespace_id"]
    assert dropbox.metadata(f"ns:{namespace}{ROOT}")["name"] == "root.mp4"
    assert dropbox.error("files/get_metadata", {"path": f"ns:7{ROOT}"})[1]["path"] == {".tag": "not_found"}


# The library


def test_originals_are_the_videos_that_can_be_downloaded(dropbox: Client) -> None:
    found = {(original["filename"], original["size"]) for original in dropbox.fake.control.originals()}
    names = {TRIP: "one.mp4", LONG: "long.mp4", UMLAUT: "two.mp4", ROOT: "three.mp4"}
    assert found == {(path.rpartition("/")[2], SIZES[name]) for path, name in names.items()} | {("empty.mp4", 0)}
    assert SONG.rpartition("/")[2] not in {name for name, _ in found}


def test_a_folder_of_videos_is_a_dropbox_with_the_same_folders(tmp_path: Path, tls: Certificate) -> None:
    for name in ("library/a.MP4", "library/Deep/b.mov", "more/c.360"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"video")
    with client_of(Library.load(tmp_path / "library", extra=[tmp_path / "more"]), tls) as client:
        assert client.shown(recursive=True) == {"/a.MP4", "/Deep", "/Deep/b.mov", "/c.360"}


def test_tests_of_our_own_code_may_do_without_tls(folder: Path) -> None:
    with client_of(Library.load(folder), content_port=0) as client:
        assert client.fake.base_url.startswith("http://") and client.shown("/Trips") == {"/Trips/2026", LONG}
        assert client.fetch(client.link(LONG), Range="bytes=0-0").status == 206


def test_two_items_with_one_name_become_two_files(tmp_path: Path, tls: Certificate) -> None:
    same: list[dict[str, Any]] = [{"id": name, "filename": "GX010001.MP4", "sources": ["one.mp4"]} for name in "ab"]
    chapters = [{"id": "c", "filename": "GX010002.MP4", "sources": ["one.mp4", "two.mp4"]}]
    with client_of(Library.load(write_library(tmp_path, same + chapters)), tls) as client:
        assert client.shown() == {
            "/GX010001.MP4", "/GX010001 (1).MP4", "/GX010002.MP4", "/GX010002 chapter 2.MP4"
        }  # fmt: skip
