"""Every fault of the fake Google Drive's menu happens to the requests that its rule selects."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from local.fake_providers.control import menu
from local.fake_providers.faults import Fault, FaultError
from local.fake_providers.google_drive_faults import DRIVE_MENU, DriveEndpoint, DriveFault
from local.fake_providers.library import Library
from tests.integration.google_drive_client import ALL_DRIVES, MINE, SIZES, VIDEOS, Client, client_of, write_library

SIZE = SIZES["clip.mp4"]
NEWEST = {"orderBy": "modifiedTime desc"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def drive(folder: Path) -> Iterator[Client]:
    with client_of(Library.load(folder)) as client:
        yield client


def fault(drive: Client, kind: DriveFault, **rule: object) -> None:
    drive.fake.control.add_fault(kind, **rule)  # type: ignore[arg-type]


def whole_list(drive: Client, size: int = 3) -> list[list[str]]:
    """The ids of each page."""
    pages, token = [], None
    while token or not pages:
        page = drive.page(VIDEOS, pageSize=size, **NEWEST, **({"pageToken": token} if token else {}))
        pages.append([row["id"] for row in page["files"]])
        token = page.get("nextPageToken")
        assert len(pages) < 30
    return pages


def test_every_fault_of_the_menu_exists_and_is_explained() -> None:
    assert set(DRIVE_MENU) == {*range(1, 12), 101, 102, 103, 105, 106, 107, 108, 109}
    assert all(kind.__doc__ for kind in DriveFault)
    shown = menu(DriveFault)
    assert len(shown) == len(DriveFault) > 50 and json.loads(json.dumps(shown)) == shown


def test_a_rule_of_another_provider_or_endpoint_is_refused() -> None:
    with pytest.raises(FaultError, match="only at media"):
        Fault(DriveFault.DOWNLOAD_QUOTA, DriveEndpoint.LIST)
    with pytest.raises(FaultError, match="short_page"):
        Fault.from_json({"kind": "short_page"}, DriveFault)
    rule = Fault.from_json({"kind": "page_short", "endpoint": "files.list", "args": {"rows": 2}}, DriveFault)
    assert rule == Fault(DriveFault.PAGE_SHORT, DriveEndpoint.LIST, args={"rows": 2})


# 1 to 11: provider-apis.md, section 4


def test_01_a_page_may_be_short_or_empty_and_go_on(drive: Client) -> None:
    fault(drive, DriveFault.PAGE_SHORT, times=1, rows=1)
    fault(drive, DriveFault.PAGE_EMPTY, times=1, after=1)
    assert whole_list(drive) == [["clip"], [], ["twin", "holiday", "sphere"], ["umlaut", "empty", "locked"]]


def test_01_pages_of_the_feed_may_be_empty_and_go_on(drive: Client) -> None:
    token = drive.start()
    drive.fake.control.rename_item("clip", "new.mp4")
    fault(drive, DriveFault.PAGE_EMPTY, times=2)
    pages = []
    for _ in range(3):
        pages.append(drive.changes(token))
        token = pages[-1].get("nextPageToken")
    assert [len(page["changes"]) for page in pages] == [0, 0, 1] and "newStartPageToken" in pages[-1]


def test_02_a_valid_page_token_is_refused(drive: Client) -> None:
    token, feed = drive.page(VIDEOS, pageSize=2)["nextPageToken"], drive.start()
    fault(drive, DriveFault.PAGE_TOKEN_REJECTED)
    for path, params in (("files", {"q": VIDEOS, "pageSize": 2, "pageToken": token}), ("changes", {"pageToken": feed})):
        assert drive.reason(drive.api(path, params)) == (400, "invalid")
    assert drive.api("files", {"q": VIDEOS}).status == 200


@pytest.mark.parametrize(
    "names", [["sha256Checksum"], ["sha1Checksum", "sha256Checksum"], ["md5Checksum", "sha1Checksum", "sha256Checksum"]]
)
def test_03_checksums_are_missing(drive: Client, names: list[str]) -> None:
    fault(drive, DriveFault.CHECKSUMS_MISSING, media_id="clip", names=names)
    assert not set(names) & set(drive.row("clip")) and set(names) <= set(drive.row("twin"))


def test_04_the_md5_is_that_of_other_bytes(drive: Client) -> None:
    right = drive.row("clip")
    fault(drive, DriveFault.MD5_WRONG, media_id="clip")
    wrong = drive.row("clip")
    assert wrong["md5Checksum"] != right["md5Checksum"] and wrong["sha256Checksum"] == right["sha256Checksum"]


def test_05_a_shortcut_leads_nowhere(drive: Client) -> None:
    fault(drive, DriveFault.SHORTCUT_DANGLING)
    target = drive.row("alias")["shortcutDetails"]["targetId"]
    assert drive.reason(drive.api(f"files/{target}")) == (404, "notFound")


def test_06_several_files_have_one_name(drive: Client) -> None:
    fault(drive, DriveFault.SAME_NAME, value="GX010001.MP4")
    assert {row["name"] for row in drive.page(VIDEOS)["files"]} == {"GX010001.MP4"}


def test_07_a_fresh_file_is_in_no_list_yet_but_found_by_its_id(drive: Client) -> None:
    token = drive.start(**{"supportsAllDrives": "true"})
    drive.fake.control.rename_item("team", "fresh.mp4")
    fault(drive, DriveFault.FRESH_HIDDEN, media_id="team", lasts=3600)
    assert "team" not in drive.ids(**ALL_DRIVES) and drive.changes(token, **ALL_DRIVES)["changes"] == []
    assert drive.row("team", supportsAllDrives="true")["name"] == "fresh.mp4"
    drive.fake.control.set_lifetimes(access_token_seconds=1e6)
    drive.token()
    drive.fake.control.advance_clock(3601)
    assert "team" in drive.ids(**ALL_DRIVES)


def test_08_a_size_is_a_number(drive: Client) -> None:
    fault(drive, DriveFault.SIZE_NUMBER, media_id="clip")
    assert (drive.row("clip")["size"], drive.row("twin")["size"]) == (SIZE, "200002")


@pytest.mark.parametrize(
    ("reason", "status"),
    [("rateLimitExceeded", 403), ("userRateLimitExceeded", 403), ("dailyLimitExceeded", 403),
     ("downloadQuotaExceeded", 403), ("cannotDownloadAbusiveFile", 403), ("cannotDownloadFile", 403),
     ("insufficientFilePermissions", 403), ("appNotAuthorizedToFile", 403), ("domainPolicy", 403), ("notFound", 404),
     ("accessNotConfigured", 403), ("backendError", 500), ("reasonOfTomorrow", 403)],
)  # fmt: skip
def test_09_each_reason_of_a_refusal(drive: Client, reason: str, status: int) -> None:
    fault(drive, DriveFault.REFUSED, media_id="clip", reason=reason)
    assert drive.reason(drive.media("clip")) == drive.reason(drive.api("files/clip")) == (status, reason)
    assert drive.media("twin").status == drive.api("files").status == 200


def test_10_a_valid_refresh_token_is_refused(drive: Client) -> None:
    fault(drive, DriveFault.INVALID_GRANT, times=1)
    refused = drive.token()
    assert refused.status == 400
    assert refused.json() == {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    assert drive.token().status == 200


def test_11_a_file_cannot_be_downloaded(drive: Client) -> None:
    fault(drive, DriveFault.NOT_DOWNLOADABLE, media_id="clip")
    rows = {row["id"]: row["capabilities"]["canDownload"] for row in drive.page(VIDEOS)["files"]}
    assert (rows["clip"], rows["twin"]) == (False, True)
    assert drive.reason(drive.media("clip")) == (403, "cannotDownloadFile") and drive.media("twin").status == 200


# 101 to 109: reported bugs


def test_101_joined_parents_find_only_some_children_and_do_not_say_so(drive: Client) -> None:
    alps, trips = (drive.fake.control.put_folder(path) for path in ("Trips/Alps", "Trips"))
    both = f"trashed = false and ('{alps}' in parents or '{trips}' in parents)"
    assert sorted(drive.ids(both)) == ["clip", "sphere", "still", "twin"]
    fault(drive, DriveFault.PARENTS_INCOMPLETE)
    page = drive.page(both)
    assert (sorted(row["id"] for row in page["files"]), page["incompleteSearch"]) == (["clip", "twin"], False)
    assert sorted(drive.ids(f"'{trips}' in parents")) == ["sphere", "still"] and len(drive.ids(VIDEOS)) == 7


def test_102_rows_are_lost_without_a_sign(drive: Client) -> None:
    fault(drive, DriveFault.ROWS_LOST, times=1, rows=2)
    assert whole_list(drive) == [["clip"], ["sphere", "umlaut", "empty"], ["locked"]]


def test_103_a_page_token_ends_during_a_pause(drive: Client) -> None:
    fault(drive, DriveFault.PAGE_TOKEN_SECONDS, times=1, seconds=60)
    params = {"q": VIDEOS, "pageSize": 2, "pageToken": drive.page(VIDEOS, pageSize=2)["nextPageToken"]}
    assert drive.api("files", params).status == 200
    drive.fake.control.advance_clock(61)
    assert drive.reason(drive.api("files", params)) == (400, "invalid")


def test_105_one_full_page_is_all_there_is(drive: Client) -> None:
    fault(drive, DriveFault.TOKEN_LEFT_OUT)
    assert whole_list(drive) == [MINE[:3]]


def test_106_no_checksum_ever_matches(drive: Client) -> None:
    right = drive.row("clip")
    fault(drive, DriveFault.HASHES_WRONG, media_id="clip")
    wrong = drive.row("clip")
    assert all(wrong[name] != right[name] for name in ("md5Checksum", "sha1Checksum", "sha256Checksum"))
    assert wrong["size"] == right["size"] and drive.media("clip").status == 200


def test_107_the_quota_of_a_file_is_used_up_for_a_day(drive: Client) -> None:
    fault(drive, DriveFault.DOWNLOAD_QUOTA, media_id="clip", lasts=86_400)
    drive.fake.control.set_lifetimes(access_token_seconds=1e6)
    drive.token()
    assert [drive.reason(drive.media("clip")) for _ in range(3)] == [(403, "downloadQuotaExceeded")] * 3
    assert drive.media("twin").status == drive.api("files/clip").status == 200
    drive.fake.control.advance_clock(86_401)
    assert drive.media("clip").status == 200


@pytest.mark.parametrize("reason", ["cannotDownloadAbusiveFile", "abuse"])
def test_108_an_abusive_file_needs_to_be_acknowledged(drive: Client, reason: str) -> None:
    fault(drive, DriveFault.ABUSIVE, media_id="clip", reason=reason)
    assert drive.reason(drive.media("clip")) == (403, reason)
    assert drive.media("clip", {"acknowledgeAbuse": "true"}).status == 200
    refused = drive.media("twin", {"acknowledgeAbuse": "true"})
    assert drive.reason(refused) == (403, "invalidAbuseAcknowledgment")
    metadata = drive.api("files/clip", {"acknowledgeAbuse": "true"})
    assert drive.reason(metadata) == (403, "invalidAbuseAcknowledgment")


def test_108_an_abusive_file_may_be_refused_even_then(drive: Client) -> None:
    fault(drive, DriveFault.ABUSIVE, media_id="clip", even_acknowledged=True)
    answer = drive.media("clip", {"acknowledgeAbuse": "true"})
    assert drive.reason(answer) == (403, "cannotDownloadAbusiveFile")


def test_109_the_body_of_a_400_is_no_file(drive: Client) -> None:
    fault(drive, DriveFault.BAD_REQUEST, media_id="clip")
    assert drive.reason(drive.media("clip")) == (400, "badRequest")


# Lists and rows


def test_a_search_of_all_drives_is_incomplete_and_says_so(drive: Client) -> None:
    fault(drive, DriveFault.INCOMPLETE_SEARCH)
    page = drive.page(corpora="allDrives", pageSize=1000, **ALL_DRIVES)
    assert page["incompleteSearch"] is True and "team" not in {row["id"] for row in page["files"]}


def test_an_upload_appears_between_two_pages(drive: Client) -> None:
    item = {"id": "fresh", "sources": ["other.mp4"], "captured_at": "2026-11-01T00:00:00Z"}
    drive.fake.control.insert_between_pages(after_page=1, item=item)
    assert whole_list(drive)[:2] == [MINE[:3], ["holiday", "sphere", "umlaut"]]
    assert "fresh" in drive.ids(VIDEOS)


def test_a_copy_appears_between_two_pages(drive: Client) -> None:
    token = drive.start()
    drive.fake.control.insert_between_pages()
    drive.page(VIDEOS)
    (row,) = [row for row in drive.changes(token)["changes"] if row["file"]["mimeType"].startswith("video/")]
    assert row["file"]["size"] == drive.row(row["fileId"])["size"]


def test_a_file_is_trashed_between_two_pages(drive: Client) -> None:
    fault(drive, DriveFault.TRASH_ITEM, times=1, file_id="clip")
    assert whole_list(drive) == [MINE[:3], ["umlaut", "empty", "locked"]]
    assert drive.row("sphere")["trashed"] is False


def test_a_row_comes_twice(drive: Client) -> None:
    token = drive.start()
    drive.fake.control.rename_item("clip", "new.mp4")
    fault(drive, DriveFault.ROW_REPEATED, media_id="clip")
    assert [row["id"] for row in drive.page(VIDEOS, **NEWEST)["files"]][:3] == ["clip", "clip", "twin"]
    assert [row["fileId"] for row in drive.changes(token)["changes"]] == ["clip", "clip"]


def test_fields_of_a_row_are_odd(drive: Client) -> None:
    fault(drive, DriveFault.ROW_ODD, media_id="clip", values={"size": "-1", "name": None})
    fault(drive, DriveFault.METADATA_MISSING, media_id="clip")
    fault(drive, DriveFault.MIME_OTHER, media_id="twin", value="application/octet-stream")
    fault(drive, DriveFault.SIZE_WRONG, media_id="twin", bytes_off=2)
    clip, twin = drive.row("clip"), drive.row("twin")
    assert (clip["size"], clip["name"], "videoMediaMetadata" in clip) == ("-1", None, False)
    assert (twin["mimeType"], twin["size"]) == ("application/octet-stream", "200000")


def test_odd_fields_are_sent_by_default_too(drive: Client) -> None:
    fault(drive, DriveFault.ROW_ODD, media_id="clip")
    assert drive.row("clip")["name"] == "GX\ud800.MP4"


def test_a_listed_file_is_not_found(drive: Client) -> None:
    fault(drive, DriveFault.TRASHED, media_id="clip")
    assert "clip" in drive.ids(VIDEOS)
    assert drive.reason(drive.media("clip")) == drive.reason(drive.api("files/clip")) == (404, "notFound")


def test_a_file_is_moved_right_before_the_answer(drive: Client, folder: Path) -> None:
    before = drive.row("clip")
    fault(drive, DriveFault.MOVED, media_id="clip", times=1, name="b.mp4", folder="Trips/Lakes")
    assert drive.media("clip").data == (folder / "clip.mp4").read_bytes()
    after = drive.row("clip")
    assert (after["name"], after["sha256Checksum"]) == ("b.mp4", before["sha256Checksum"])
    assert after["parents"] == [drive.fake.control.put_folder("Trips/Lakes")] != before["parents"]


def test_another_content_is_uploaded_right_before_the_answer(drive: Client, folder: Path) -> None:
    before = drive.row("clip")
    fault(drive, DriveFault.CONTENT_UPLOADED, media_id="clip", times=1, like="twin")
    assert drive.media("clip").data == (folder / "twin.mp4").read_bytes()
    after, twin = drive.row("clip"), drive.row("twin")
    assert (after["name"], after["sha256Checksum"]) == (before["name"], twin["sha256Checksum"])
    assert after["headRevisionId"] != before["headRevisionId"]


def test_shared_drives_are_lost(drive: Client) -> None:
    drive_id = drive.fake.control.put_shared_drive("Family videos")
    fault(drive, DriveFault.DRIVE_LOST)
    assert drive.ids(corpora="drive", driveId=drive_id, **ALL_DRIVES) == []
    assert drive.reason(drive.api(f"drives/{drive_id}")) == (404, "notFound")
    assert drive.api("drives").json()["drives"] == []


# Every endpoint


def test_an_access_token_expires_after_some_requests_and_a_new_one_works(drive: Client) -> None:
    fault(drive, DriveFault.ACCESS_TOKEN_DIES, after=2, times=1)
    assert [drive.api("files").status for _ in range(4)] == [200, 200, 401, 401]
    assert drive.token().status == 200 and drive.media("clip").status == 200


@pytest.mark.parametrize("header", [None, 7])
def test_too_many_requests_may_have_retry_after_or_not(drive: Client, header: object) -> None:
    fault(drive, DriveFault.THROTTLED, retry_after=header)
    for answer in (drive.api("files"), drive.media("clip"), drive.token()):
        assert drive.reason(answer) == (429, "rateLimitExceeded")
        assert answer.headers.get("Retry-After") == (None if header is None else str(header))


def test_the_service_fails(drive: Client) -> None:
    fault(drive, DriveFault.SERVER_ERROR, status=503)
    assert drive.reason(drive.api("files")) == drive.reason(drive.media("clip")) == (503, "backendError")


@pytest.mark.parametrize(("body", "kind"), [("<html></html>", "text/html"), ('{"a": 1}', "application/json")])
def test_a_gateway_answers_before_any_other_check(drive: Client, body: str, kind: str) -> None:
    fault(drive, DriveFault.GATEWAY_ANSWER, body=body)
    answer = drive.api("files", Authorization="Bearer nobody")
    assert (answer.status, answer.data.decode()) == (200, body) and answer.headers["Content-Type"].startswith(kind)


def test_an_answer_begins_with_a_byte_order_mark(drive: Client) -> None:
    fault(drive, DriveFault.BYTE_ORDER_MARK)
    assert drive.api("files").data.startswith(b"\xef\xbb\xbf{")


def test_an_answer_is_lost_after_the_request_was_carried_out(drive: Client) -> None:
    fault(drive, DriveFault.ANSWER_LOST, endpoint=DriveEndpoint.TOKEN, times=1)
    before = drive.fake.access_token
    with pytest.raises(urllib3.exceptions.ProtocolError):
        drive.token()
    assert drive.fake.access_token != before and drive.api("files").status == 200


@pytest.mark.parametrize("path", ["files", "files/clip?alt=media"])
def test_nothing_more_comes(drive: Client, path: str) -> None:
    fault(drive, DriveFault.STALL, byte=1000)
    url, token = f"{drive.fake.base_url}/drive/v3/{path}", {"Authorization": f"Bearer {drive.fake.access_token}"}
    with pytest.raises(urllib3.exceptions.TimeoutError):
        drive.http.request("GET", url, headers=token, timeout=0.5)


# Bytes


def test_the_connection_closes_in_the_middle(drive: Client, folder: Path) -> None:
    fault(drive, DriveFault.CONNECTION_CUT, times=1, byte=1000)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        drive.media("clip")
    assert drive.media("clip").data == (folder / "clip.mp4").read_bytes()


def test_a_range_is_ignored_refused_shortened_or_shifted(drive: Client, folder: Path) -> None:
    content = (folder / "clip.mp4").read_bytes()
    fault(drive, DriveFault.RANGE_IGNORED, times=1)
    answer = drive.media("clip", Range="bytes=10-19")
    assert (answer.status, answer.data) == (200, content)
    fault(drive, DriveFault.RANGE_REFUSED, times=1)
    assert drive.reason(drive.media("clip", Range="bytes=10-19")) == (416, "requestedRangeNotSatisfiable")
    fault(drive, DriveFault.RANGE_SHORT, times=1, most=4)
    answer = drive.media("clip", Range="bytes=10-19")
    assert (answer.data, answer.headers["Content-Range"]) == (content[10:14], f"bytes 10-13/{SIZE}")
    fault(drive, DriveFault.RANGE_SHIFTED, times=1, bytes_off=3)
    answer = drive.media("clip", Range="bytes=10-19")
    assert (answer.data, answer.headers["Content-Range"]) == (content[13:23], f"bytes 13-22/{SIZE}")
    fault(drive, DriveFault.TOTAL_WRONG, times=1, bytes_off=3)
    answer = drive.media("clip", Range="bytes=10-19")
    assert (answer.data, answer.headers["Content-Range"]) == (content[10:20], f"bytes 10-19/{SIZE - 3}")


def test_headers_may_come_where_they_usually_do_not(drive: Client) -> None:
    fault(drive, DriveFault.HASH_HEADER)
    fault(drive, DriveFault.ETAG_PRESENT)
    whole, part = drive.media("clip"), drive.media("clip", Range="bytes=0-9")
    assert part.headers["x-goog-hash"] == whole.headers["x-goog-hash"]
    assert whole.headers["ETag"] == part.headers["ETag"] == f'"{drive.row("clip")["headRevisionId"]}"'
    drive.fake.control.clear_faults()
    fault(drive, DriveFault.HASH_HEADER, statuses=[])
    assert "x-goog-hash" not in drive.media("clip").headers


def test_other_bytes_of_the_same_length_and_revision(drive: Client, folder: Path) -> None:
    content = (folder / "clip.mp4").read_bytes()
    fault(drive, DriveFault.CONTENT_REPLACED, times=1)
    assert drive.media("clip").data == bytes(255 - one for one in content)
    fault(drive, DriveFault.BYTES_CORRUPTED, byte=5)
    assert drive.media("clip", Range="bytes=5-5").data == bytes([255 - content[5]])
    assert drive.media("clip", Range="bytes=6-9").data == content[6:10]


def test_a_page_comes_instead_of_a_file(drive: Client) -> None:
    fault(drive, DriveFault.PAGE_INSTEAD)
    answer = drive.media("clip")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/html")


def test_a_download_is_slow(drive: Client) -> None:
    fault(drive, DriveFault.SLOW, bytes_per_second=1_000_000)
    started = time.monotonic()
    assert len(drive.media("clip").data) == SIZE
    assert time.monotonic() - started > 0.2
