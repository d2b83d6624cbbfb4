"""Every fault of the fake Dropbox happens when a rule says so, and only then."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.fake_providers.control import menu
from local.fake_providers.dropbox_faults import DROPBOX_MENU, DropboxEndpoint, DropboxFault
from local.fake_providers.faults import Fault, FaultError
from local.fake_providers.library import Library
from tests.integration.dropbox_client import (
    FILES,
    FOLDERS,
    LONG,
    ROOT,
    SIZES,
    TRIP,
    UMLAUT,
    Certificate,
    Client,
    certificate,
    client_of,
    write_library,
)

SIZE = SIZES["one.mp4"]


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


@pytest.fixture
def content(folder: Path) -> bytes:
    return (folder / "one.mp4").read_bytes()


def add(dropbox: Client, kind: DropboxFault, **rule: Any) -> None:
    dropbox.fake.control.add_fault(kind, **rule)


def trip(dropbox: Client) -> str:
    return dropbox.fake.control.id_of(TRIP)


# The menu


def test_the_menu_has_every_fault_of_section_4_and_the_reported_bugs() -> None:
    assert sorted(DROPBOX_MENU) == [*range(1, 13), 104, 109, 110]
    assert all(kind.__doc__ for kind in DropboxFault) and len(menu(DropboxFault)) == len(DropboxFault)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"kind": "short_page"}, "no fault 'short_page'"),
        ({"kind": "not_found", "endpoint": "search"}, "not a valid DropboxEndpoint"),
        ({"kind": "not_found", "endpoint": "list_folder"}, "cannot happen at list_folder"),
        ({"kind": "throttled", "args": {"rows": 1}}, "takes no rows"),
    ],
)
def test_a_rule_that_cannot_happen_is_refused(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(FaultError, match=message):
        Fault.from_json(rule, DropboxFault)


# 1 to 12: section 4 of provider-apis.md


def test_a_page_may_repeat_entries_of_the_one_before(dropbox: Client) -> None:
    add(dropbox, DropboxFault.ENTRIES_REPEATED, rows=2)
    paths = [entry["path_display"] for entry in dropbox.list(recursive=True, limit=5)]
    assert set(paths) == FILES | FOLDERS and len(paths) > len(set(paths))


def test_a_cursor_may_be_reset(dropbox: Client) -> None:
    cursor = dropbox.latest()
    add(dropbox, DropboxFault.CURSOR_RESET, times=1)
    assert dropbox.error("files/list_folder/continue", {"cursor": cursor}) == (409, {".tag": "reset"})
    assert dropbox.changes(cursor)["entries"] == []


def test_files_may_come_and_go_while_they_are_listed(dropbox: Client) -> None:
    add(dropbox, DropboxFault.FILE_DELETED, times=1, path=TRIP)
    add(dropbox, DropboxFault.FILE_ADDED, times=1, path=LONG, target="/new.mp4")
    entries = dropbox.list(recursive=True, limit=3)
    ends = [(entry[".tag"], entry["path_display"]) for entry in entries[-2:]]
    assert ends == [("deleted", TRIP), ("file", "/new.mp4")]


def test_the_extension_may_have_the_other_case(dropbox: Client) -> None:
    add(dropbox, DropboxFault.EXTENSION_CASE, media_id=trip(dropbox))
    assert dropbox.shown("/Trips/2026") == {"/Trips/2026/GX010001.mp4"} and LONG in dropbox.shown("/Trips")


def test_a_file_may_not_be_downloadable(dropbox: Client) -> None:
    add(dropbox, DropboxFault.NOT_DOWNLOADABLE, media_id=trip(dropbox))
    assert [entry["is_downloadable"] for entry in dropbox.list("/Trips/2026")] == [False]
    assert dropbox.metadata(TRIP)["export_info"]["export_as"] == "html"
    assert dropbox.download(TRIP).json()["error"] == {".tag": "unsupported_file"}
    assert dropbox.download(LONG, Range="bytes=0-1").status == 206


def test_a_listed_file_may_not_be_found(dropbox: Client) -> None:
    add(dropbox, DropboxFault.NOT_FOUND, media_id=trip(dropbox), endpoint=DropboxEndpoint.DOWNLOAD)
    assert dropbox.download(TRIP).json()["error"]["path"] == {".tag": "not_found"}
    assert dropbox.metadata(TRIP)["name"] == "GX010001.MP4"


def test_a_file_may_be_another_revision_when_it_is_downloaded(dropbox: Client, content: bytes, folder: Path) -> None:
    listed = dropbox.metadata(TRIP)
    add(dropbox, DropboxFault.REV_CHANGED, media_id=trip(dropbox), times=1, path=ROOT)
    answer = dropbox.download(listed["id"])
    assert answer.data == (folder / "three.mp4").read_bytes()
    assert json.loads(answer.headers["Dropbox-API-Result"])["rev"] != listed["rev"]
    assert dropbox.download(f"rev:{listed['rev']}").data == content


def test_a_file_may_be_moved_right_before_the_answer(dropbox: Client, content: bytes) -> None:
    listed = dropbox.metadata(TRIP)
    add(dropbox, DropboxFault.MOVED, media_id=listed["id"], times=1, target="/Moved/b.mp4")
    assert dropbox.download(f"rev:{listed['rev']}").data == content
    moved = dropbox.metadata(listed["id"])
    assert (moved["path_display"], moved["content_hash"]) == ("/Moved/b.mp4", listed["content_hash"])
    assert dropbox.download(f"rev:{listed['rev']}").data == content


def test_a_temporary_link_may_be_gone_early(dropbox: Client) -> None:
    link = dropbox.link(TRIP)
    add(dropbox, DropboxFault.LINK_GONE, times=1)
    assert [dropbox.fetch(link).status, dropbox.fetch(link).status] == [410, 200]


@pytest.mark.parametrize("reason", ["too_many_requests", "too_many_write_operations"])
def test_the_api_may_be_throttled_with_json(dropbox: Client, reason: str) -> None:
    add(dropbox, DropboxFault.THROTTLED, times=1, retry_after=300, reason=reason)
    answer = dropbox.rpc("files/list_folder", {"path": ""})
    assert (answer.status, answer.headers["Retry-After"]) == (429, "300")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["error"] == {"reason": {".tag": reason}, "retry_after": 300}


@pytest.mark.parametrize("seconds", [15, None])
def test_the_api_may_be_throttled_with_a_text(dropbox: Client, seconds: int | None) -> None:
    add(dropbox, DropboxFault.THROTTLED_TEXT, retry_after=seconds)
    for answer in (dropbox.download(TRIP), dropbox.refresh()):
        assert (answer.status, answer.data) == (429, b"too_many_requests")
        assert answer.headers.get("Retry-After") == (None if seconds is None else str(seconds))


@pytest.mark.parametrize(
    "tag", ["expired_access_token", "invalid_access_token", "user_suspended", "invalid_select_user", "missing_scope"]
)
def test_a_token_may_be_refused_with_any_tag(dropbox: Client, tag: str) -> None:
    add(dropbox, DropboxFault.TOKEN_REFUSED, times=1, tag=tag)
    status, error = dropbox.error("files/get_metadata", {"path": TRIP})
    assert (status, error.pop(".tag")) == (401, tag)
    assert error == ({"required_scope": "files.content.read"} if tag == "missing_scope" else {})


def test_a_token_may_expire_between_two_pages(dropbox: Client) -> None:
    cursor = dropbox.latest()
    add(dropbox, DropboxFault.ACCESS_TOKEN_DIES, endpoint=DropboxEndpoint.CONTINUE, times=1)
    assert dropbox.error("files/list_folder/continue", {"cursor": cursor})[1] == {".tag": "expired_access_token"}
    assert dropbox.rpc("users/get_current_account").status == 401
    dropbox.refresh()
    assert dropbox.changes(cursor)["has_more"] is False


@pytest.mark.parametrize("dots", [0, 1, 5])
def test_a_summary_may_end_in_any_number_of_dots(dropbox: Client, dots: int) -> None:
    add(dropbox, DropboxFault.SUMMARY_DOTS, dots=dots)
    found = dropbox.rpc("files/get_metadata", {"path": "/nothing"}).json()["error_summary"]
    assert found == f"path/not_found/{'.' * dots}"


# 104, 109, 110: reported bugs


def test_a_page_may_be_empty_though_there_is_more(dropbox: Client) -> None:
    """dropbox-sdk-java issue 281."""
    add(dropbox, DropboxFault.PAGE_EMPTY, times=3)
    found = dropbox.rpc("files/list_folder", {"path": "", "recursive": True}).json()
    assert (found["entries"], found["has_more"]) == ([], True)
    assert dropbox.shown(recursive=True) == FILES | FOLDERS


def test_a_page_may_have_one_entry_alone_from_some_page_on(dropbox: Client) -> None:
    """dropbox-sdk-java issue 284."""
    add(dropbox, DropboxFault.PAGE_SMALL, after=1)
    assert dropbox.shown(recursive=True, limit=4) == FILES | FOLDERS
    assert dropbox.fake.control.stats()["requests"]["list_folder/continue"] == {"200": 6}


def test_a_download_may_be_bad_input_with_a_body(dropbox: Client) -> None:
    """koreader issue 12154."""
    add(dropbox, DropboxFault.BAD_INPUT, endpoint=DropboxEndpoint.DOWNLOAD)
    answer = dropbox.download(TRIP)
    assert answer.status == 400 and answer.data.startswith(b'Error in call to API function "files/download"')


def test_entries_of_one_folder_may_show_it_in_another_case(dropbox: Client) -> None:
    """rclone issue 1558."""
    add(dropbox, DropboxFault.FOLDER_CASE, media_id=trip(dropbox))
    (found,) = dropbox.list("/Trips/2026")
    assert (found["path_display"], found["path_lower"]) == ("/TRIPS/2026/GX010001.MP4", TRIP.lower())
    assert LONG in dropbox.shown("/Trips")


def test_a_name_may_be_decomposed_where_its_path_is_not(dropbox: Client) -> None:
    """maestral PR 678."""
    add(dropbox, DropboxFault.NAME_DECOMPOSED)
    found = dropbox.metadata(UMLAUT)
    assert found["path_display"] == unicodedata.normalize("NFD", UMLAUT) != UMLAUT
    assert found["path_lower"] == UMLAUT.lower()


# Others


def test_a_lookup_and_a_link_may_be_refused_with_a_tag(dropbox: Client) -> None:
    add(dropbox, DropboxFault.LOOKUP_REFUSED, times=1)
    assert dropbox.download(TRIP).json()["error"] == {".tag": "path", "path": {".tag": "restricted_content"}}
    add(dropbox, DropboxFault.LOOKUP_REFUSED, times=1, tag="locked")
    assert dropbox.error("files/get_metadata", {"path": TRIP})[1]["path"] == {".tag": "locked"}
    add(dropbox, DropboxFault.LINK_REFUSED, times=1, tag="not_allowed")
    assert dropbox.error("files/get_temporary_link", {"path": TRIP})[1] == {".tag": "not_allowed"}
    add(dropbox, DropboxFault.LINK_SECONDS, seconds=5)
    link = dropbox.link(TRIP)
    dropbox.fake.control.advance_clock(6)
    assert dropbox.fetch(link).status == 410


def test_metadata_may_be_wrong_or_lack_fields(dropbox: Client) -> None:
    true = dropbox.metadata(TRIP)
    changed = {}
    for kind in ("HASH_WRONG", "HASH_MISSING", "SIZE_WRONG", "PATHS_MISSING", "ROW_ODD"):
        dropbox.fake.control.clear_faults()
        add(dropbox, DropboxFault[kind], media_id=trip(dropbox))
        (found,) = dropbox.list("/Trips/2026")
        changed[kind] = {name for name in true if found.get(name) != true[name]}
        assert dropbox.metadata(LONG)["size"] == SIZES["long.mp4"]
    assert changed == {
        "HASH_WRONG": {"content_hash"},
        "HASH_MISSING": {"content_hash"},
        "SIZE_WRONG": {"size"},
        "PATHS_MISSING": {"path_lower", "path_display"},
        "ROW_ODD": {"size", "client_modified", "name", "content_hash", "rev"},
    }


def test_media_info_may_be_pending(dropbox: Client) -> None:
    add(dropbox, DropboxFault.MEDIA_PENDING)
    assert dropbox.metadata(ROOT, include_media_info=True)["media_info"] == {".tag": "pending"}


def test_the_root_may_change_between_two_calls_and_may_be_refused(dropbox: Client) -> None:
    old = dropbox.rpc("users/get_current_account").json()["root_info"]["root_namespace_id"]
    header = json.dumps({".tag": "root", "root": old})
    add(dropbox, DropboxFault.ROOT_CHANGED, times=1)
    status, error = dropbox.error("files/list_folder", {"path": ""}, Dropbox_API_Path_Root=header)
    assert (status, error["invalid_root"][".tag"]) == (422, "team")
    header = json.dumps({".tag": "root", "root": error["invalid_root"]["root_namespace_id"]})
    assert dropbox.rpc("files/list_folder", {"path": ""}, Dropbox_API_Path_Root=header).status == 200
    add(dropbox, DropboxFault.ROOT_REFUSED)
    refused = dropbox.error("files/list_folder", {"path": ""}, Dropbox_API_Path_Root=header)
    assert refused == (422, {".tag": "no_permission"})


def test_a_call_may_be_denied_fail_or_be_answered_by_something_in_between(dropbox: Client) -> None:
    add(dropbox, DropboxFault.ACCESS_DENIED, times=1)
    assert dropbox.error("files/list_folder", {"path": ""}) == (403, {".tag": "team_access_denied"})
    add(dropbox, DropboxFault.SERVER_ERROR, times=1, status=503)
    assert dropbox.rpc("files/list_folder", {"path": ""}).status == 503
    add(dropbox, DropboxFault.GATEWAY_ANSWER, times=1)
    answer = dropbox.rpc("files/list_folder", {"path": ""})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html")
    add(dropbox, DropboxFault.CHARSET_NAMED, times=1)
    answer = dropbox.rpc("files/list_folder", {"path": ""})
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_an_answer_may_be_lost_or_never_come(dropbox: Client) -> None:
    add(dropbox, DropboxFault.ANSWER_LOST, times=1)
    with pytest.raises(urllib3.exceptions.HTTPError):
        dropbox.rpc("files/list_folder", {"path": ""})
    add(dropbox, DropboxFault.STALL, times=1)
    url, headers = f"{dropbox.fake.base_url}/2/files/list_folder", {"Content-Type": "application/json"}
    with pytest.raises(urllib3.exceptions.TimeoutError):
        dropbox.http.request("POST", url, body=b'{"path": ""}', headers=headers, timeout=0.3)


# Bytes


@pytest.mark.parametrize("way", ["download", "link"])
def test_the_bytes_may_end_early_differ_or_ignore_ranges(dropbox: Client, content: bytes, way: str) -> None:
    link = dropbox.link(TRIP)

    def get(**headers: str) -> urllib3.BaseHTTPResponse:
        return dropbox.download(TRIP, **headers) if way == "download" else dropbox.fetch(link, **headers)

    def once(kind: DropboxFault, **args: Any) -> None:
        add(dropbox, kind, times=1, endpoint=DropboxEndpoint(way), media_id=trip(dropbox), **args)

    once(DropboxFault.CONNECTION_CUT, byte=1000)
    with pytest.raises(urllib3.exceptions.HTTPError):
        get()
    once(DropboxFault.RANGE_IGNORED)
    answer = get(Range="bytes=5-9")
    assert (answer.status, answer.data) == (200, content)
    once(DropboxFault.RANGE_REFUSED)
    assert get(Range="bytes=5-9").status == 416
    once(DropboxFault.RANGE_SHORT, most=3)
    answer = get(Range="bytes=5-9")
    assert (answer.data, answer.headers["Content-Range"]) == (content[5:8], f"bytes 5-7/{SIZE}")
    for asked, first, last in (("5-9", 8, 12), (f"{SIZE - 4}-", SIZE - 1, SIZE - 1)):
        once(DropboxFault.RANGE_SHIFTED, bytes_off=3)
        answer = get(Range=f"bytes={asked}")
        shifted = (206, content[first : last + 1], f"bytes {first}-{last}/{SIZE}")
        assert (answer.status, answer.data, answer.headers["Content-Range"]) == shifted
    once(DropboxFault.TOTAL_WRONG, bytes_off=3)
    answer = get(Range="bytes=5-9")
    assert (answer.data, answer.headers["Content-Range"]) == (content[5:10], f"bytes 5-9/{SIZE - 3}")
    once(DropboxFault.BYTES_CORRUPTED, byte=7)
    assert get(Range="bytes=5-9").data == content[5:7] + bytes([255 - content[7]]) + content[8:10]
    once(DropboxFault.CONTENT_REPLACED)
    replaced = get().data
    assert len(replaced) == SIZE and replaced != content
    once(DropboxFault.ETAG_MISSING)
    assert ("ETag" in get().headers, "ETag" in get().headers) == (False, True)
    assert get().data == content


def test_a_download_may_stall_be_slow_or_lack_its_metadata(dropbox: Client, content: bytes) -> None:
    add(dropbox, DropboxFault.RESULT_MISSING, times=1)
    assert "Dropbox-API-Result" not in dropbox.download(TRIP).headers
    add(dropbox, DropboxFault.SLOW, bytes_per_second=10 * SIZE)
    assert dropbox.download(TRIP).data == content
    dropbox.fake.control.clear_faults(DropboxFault.SLOW)
    add(dropbox, DropboxFault.STALL, byte=1000, endpoint=DropboxEndpoint.DOWNLOAD)
    headers = {
        "Authorization": f"Bearer {dropbox.fake.access_token}",
        "Dropbox-API-Arg": json.dumps({"path": TRIP}),
    }
    with pytest.raises(urllib3.exceptions.TimeoutError):
        dropbox.http.request("POST", f"{dropbox.fake.base_url}/2/files/download", headers=headers, timeout=0.3)
