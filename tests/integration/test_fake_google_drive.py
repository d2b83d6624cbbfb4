"""The fake Google Drive lists, describes and sends files as Drive v3 does."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import anycrc
import pytest

from local.fake_providers.google_drive_faults import DriveFault
from local.fake_providers.library import Library
from tests.integration.google_drive_client import (
    ALL_DRIVES,
    FRIEND,
    ITEMS,
    MINE,
    SIZES,
    VIDEOS,
    Client,
    client_of,
    write_library,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def drive(folder: Path) -> Iterator[Client]:
    with client_of(Library.load(folder)) as client:
        yield client


# Rows


def test_a_video_is_described_with_size_and_duration_as_text_and_three_checksums(drive: Client, folder: Path) -> None:
    row, content = drive.row("clip"), (folder / "clip.mp4").read_bytes()
    assert (row["name"], row["mimeType"], row["size"]) == ("GX010001.MP4", "video/mp4", "300001")
    assert row["modifiedTime"] == "2026-05-06T10:00:00.000Z"
    assert row["videoMediaMetadata"] == {"width": 3840, "height": 2160, "durationMillis": "61000"}
    for name in ("md5", "sha1", "sha256"):
        assert row[f"{name}Checksum"] == hashlib.new(name, content).hexdigest()
    assert row["capabilities"]["canDownload"] is True and row["ownedByMe"] is True
    assert len(row["parents"]) == 1 and row["headRevisionId"]


def test_only_files_with_content_have_a_size_and_checksums(drive: Client) -> None:
    for file_id in ("notes", "alias", "root"):
        assert not {"size", "md5Checksum", "sha256Checksum", "headRevisionId"} & set(drive.row(file_id))


def test_a_shortcut_names_its_target(drive: Client) -> None:
    row = drive.row("alias")
    assert row["mimeType"] == "application/vnd.google-apps.shortcut"
    assert row["shortcutDetails"] == {"targetId": "clip", "targetMimeType": "video/mp4"}


def test_two_files_in_one_folder_may_have_one_name(drive: Client) -> None:
    one, two = drive.row("clip"), drive.row("twin")
    assert one["name"] == two["name"] and one["parents"] == two["parents"] and one["id"] != two["id"]


def test_a_shared_file_has_its_owner_and_no_folder(drive: Client) -> None:
    row = drive.row("drone")
    assert row["owners"][0]["emailAddress"] == FRIEND and "parents" not in row and row["ownedByMe"] is False


def test_a_file_of_a_shared_drive_has_the_drive_and_no_owner(drive: Client) -> None:
    row = drive.row("team", supportsAllDrives="true")
    assert row["driveId"] and "owners" not in row


def test_the_path_of_a_file_is_that_of_its_folders(drive: Client) -> None:
    names, row = [], drive.row("clip")
    while "parents" in row:
        names.append(row["name"])
        row = drive.row(row["parents"][0])
    assert (names, row["name"]) == (["GX010001.MP4", "Alps", "Trips"], "My Drive")


def test_a_folder_of_plain_videos_is_served_with_its_folders(tmp_path: Path) -> None:
    (tmp_path / "2026" / "May").mkdir(parents=True)
    (tmp_path / "2026" / "May" / "a.mp4").write_bytes(b"a")
    with client_of(Library.load(tmp_path)) as drive:
        (row,) = drive.page("mimeType = 'video/mp4'")["files"]
        parent = drive.row(row["parents"][0])
        assert (row["name"], parent["name"], drive.row(parent["parents"][0])["name"]) == ("a.mp4", "May", "2026")


def test_two_folders_may_have_one_name_and_a_file_may_be_in_none(drive: Client) -> None:
    folder = {"filename": "Trips", "mime_type": "application/vnd.google-apps.folder"}
    drive.fake.control.put_item({"id": "second", **folder})
    drive.fake.control.put_item({"id": "inside", "parent": "second", "sources": ["other.mp4"]})
    drive.fake.control.put_item({"id": "orphan", "parent": "", "sources": ["other.mp4"]})
    drive.fake.control.put_item({"id": "computer", "parent": "0AMyLaptop", "sources": ["other.mp4"]})
    twins = [row["id"] for row in drive.page("name = 'Trips'")["files"]]
    assert len(twins) == 2 and drive.ids("'second' in parents") == ["inside"]
    assert {"inside", "orphan", "computer"} <= set(drive.ids(VIDEOS)) and "parents" not in drive.row("orphan")
    assert drive.reason(drive.api(f"files/{drive.row('computer')['parents'][0]}")) == (404, "notFound")


def test_what_is_in_a_shared_folder_is_not_itself_shared_with_me(drive: Client) -> None:
    folder = {"filename": "Theirs", "mime_type": "application/vnd.google-apps.folder"}
    drive.fake.control.put_item({"id": "theirs", "shared_by": FRIEND, **folder})
    drive.fake.control.put_item({"id": "below", "shared_by": FRIEND, "parent": "theirs", "sources": ["other.mp4"]})
    assert [row["id"] for row in drive.page("sharedWithMe = true", orderBy="name")["files"]] == ["drone", "theirs"]
    assert drive.ids("'theirs' in parents") == ["below"] and drive.row("below")["ownedByMe"] is False


@pytest.mark.parametrize("name", ["a/b.mp4", " c .mp4", "d", "U\u0308ber.mp4", "e\\f.mp4", "line\nbreak.mp4"])
def test_a_name_is_kept_as_it_was_given(drive: Client, name: str) -> None:
    drive.fake.control.put_item({"id": "named", "filename": name, "folder": "Trips", "sources": ["other.mp4"]})
    row = drive.row("named")
    assert (row["name"], drive.row(row["parents"][0])["name"]) == (name, "Trips")


def test_each_source_of_an_item_is_a_file(drive: Client) -> None:
    described = {"filename": "GX010002.MP4", "path": "Trips/GX010002.MP4", "sources": ["twin.mp4", "other.mp4"]}
    drive.fake.control.put_item({"id": "two", **described})
    assert [drive.row(one)["name"] for one in ("two", "two-2")] == ["GX010002.MP4", "GX010002 chapter 2.MP4"]


# Lists


def test_a_list_has_no_more_than_four_fields_of_a_file_unless_asked(drive: Client) -> None:
    page = drive.api("files", {"q": "name = 'holiday.mov'"}).json()
    (row,) = page["files"]
    assert row == {"kind": "drive#file", "id": "holiday", "name": "holiday.mov", "mimeType": "video/quicktime"}
    assert page["incompleteSearch"] is False and "nextPageToken" not in page


def test_the_recommended_query_finds_the_owners_own_videos(drive: Client) -> None:
    assert drive.ids(VIDEOS, orderBy="modifiedTime desc") == [*MINE, "locked"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("trashed = true", ["gone"]),
        ("sharedWithMe = true", ["drone"]),
        (f"'{FRIEND}' in owners", ["drone"]),
        ("name = 'gx010001.mp4'", ["clip", "twin"]),
        ("name contains 'GX'", ["clip", "twin"]),
        ("name contains 'X01'", []),
        ("name = 'Über \\'Grat\\'.mp4'", ["umlaut"]),
        ("mimeType = 'application/vnd.google-apps.shortcut'", ["alias"]),
        ("shortcutDetails.targetId = 'clip'", ["alias"]),
        ("mimeType contains 'video/' and not (name contains 'GX' or trashed = true) and 'me' in owners",
         ["holiday", "umlaut", "empty", "locked"]),
        ("modifiedTime > '2026-05-04T12:00:00+02:00'", ["clip", "twin"]),
        ("modifiedTime >= '2026-05-04T10:00:00' and modifiedTime < '2026-05-06T10:00:00'", ["twin", "holiday"]),
        ("'root' in parents and trashed = false", ["holiday", "empty"]),
    ],
)  # fmt: skip
def test_a_query_finds(drive: Client, q: str, found: list[str]) -> None:
    assert drive.ids(q, orderBy="modifiedTime desc") == found


@pytest.mark.parametrize(
    "q",
    ["name", "name =", "name = clip", "colour = 'red'", "name > 'a'", "(trashed = true", "trashed = 'true'",
     "modifiedTime > 'soon'", "'x' in pockets", "trashed = true or", "name = 'a' name = 'b'", "name = 'open", "@"],
)  # fmt: skip
def test_a_query_that_drive_does_not_understand_is_refused(drive: Client, q: str) -> None:
    answer = drive.api("files", {"q": q})
    assert drive.reason(answer) == (400, "invalid")
    assert answer.json()["error"]["errors"][0]["location"] == "q"


def test_what_is_in_a_trashed_folder_is_trashed(drive: Client) -> None:
    folder = drive.fake.control.put_folder("Trips/Alps")
    drive.fake.control.trash_item(folder)
    assert drive.ids(VIDEOS, orderBy="name") == ["empty", "sphere", "holiday", "locked", "umlaut"]
    row = drive.row("clip")
    assert (row["trashed"], row["explicitlyTrashed"]) == (True, False)
    drive.fake.control.restore_item(folder)
    assert "clip" in drive.ids(VIDEOS)


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("name", ["empty", "sphere", "clip", "twin", "holiday", "umlaut"]),
        ("name desc", ["umlaut", "holiday", "clip", "twin", "sphere", "empty"]),
        ("quotaBytesUsed desc", ["clip", "twin", "holiday", "sphere", "umlaut", "empty"]),
        ("name,modifiedTime", ["empty", "sphere", "twin", "clip", "holiday", "umlaut"]),
    ],
)
def test_a_list_is_in_the_order_that_is_asked_for(drive: Client, order: str, found: list[str]) -> None:
    assert [one for one in drive.ids(VIDEOS, orderBy=order) if one != "locked"] == found


@pytest.mark.parametrize("order", ["size", "name down"])
def test_an_unknown_order_is_refused(drive: Client, order: str) -> None:
    assert drive.reason(drive.api("files", {"orderBy": order})) == (400, "invalid")


def test_pages_have_a_token_until_the_last(drive: Client) -> None:
    params = {"q": VIDEOS, "pageSize": 3, "fields": "nextPageToken,files(id)", "orderBy": "modifiedTime desc"}
    pages = [drive.api("files", params).json()]
    while token := pages[-1].get("nextPageToken"):
        pages.append(drive.api("files", params | {"pageToken": token}).json())
    assert [[row["id"] for row in page["files"]] for page in pages] == [MINE[:3], MINE[3:], ["locked"]]


def test_a_full_last_page_has_no_token(drive: Client) -> None:
    assert "nextPageToken" not in drive.page(VIDEOS, pageSize=7)


def test_a_page_token_is_not_sent_unless_it_is_asked_for(drive: Client) -> None:
    assert drive.api("files", {"pageSize": 2, "fields": "files(id)"}).json().keys() == {"files"}


@pytest.mark.parametrize("changed", [{"q": "trashed = true"}, {"orderBy": "name"}, {"pageToken": "bogus"}])
def test_a_page_token_of_another_list_is_refused(drive: Client, changed: dict[str, str]) -> None:
    token = drive.page(VIDEOS, pageSize=2)["nextPageToken"]
    answer = drive.api("files", {"q": VIDEOS, "pageSize": 2, "pageToken": token} | changed)
    assert drive.reason(answer) == (400, "invalid")
    assert answer.json()["error"]["errors"][0]["location"] == "pageToken"


def test_a_page_token_is_valid_for_hours_and_not_for_days(drive: Client) -> None:
    params = {"q": VIDEOS, "pageSize": 2, "pageToken": drive.page(VIDEOS, pageSize=2)["nextPageToken"]}
    drive.fake.control.set_lifetimes(access_token_seconds=1e9)
    drive.token()
    drive.fake.control.advance_clock(5 * 3600)
    assert drive.api("files", params).status == 200
    drive.fake.control.advance_clock(2 * 3600)
    assert drive.reason(drive.api("files", params)) == (400, "invalid")


def test_a_list_is_no_snapshot_so_an_upload_shifts_its_rows(drive: Client) -> None:
    first = drive.page(VIDEOS, pageSize=3)
    drive.fake.control.put_item({"id": "fresh", "sources": ["other.mp4"], "captured_at": "2026-11-01T00:00:00Z"})
    second = drive.page(VIDEOS, pageSize=3, pageToken=first["nextPageToken"])
    assert first["files"][-1]["id"] == second["files"][0]["id"] == "holiday"


@pytest.mark.parametrize(
    ("size", "reason"), [("0", "invalidParameter"), ("1001", "invalidParameter"), ("many", "invalid"), ("", "invalid")]
)
def test_a_page_size_out_of_its_limits_is_refused(drive: Client, size: str, reason: str) -> None:
    assert drive.reason(drive.api("files", {"pageSize": size})) == (400, reason)


def test_a_page_has_a_hundred_rows_unless_another_number_is_asked_for(folder: Path) -> None:
    with client_of(Library.generated(folder / "clip.mp4", 250)) as drive:
        assert [len(drive.page()["files"]), len(drive.page(pageSize=1000)["files"])] == [100, 250]


# Fields


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("id", {"id": "clip"}),
        ("id,videoMediaMetadata/width", {"id": "clip", "videoMediaMetadata": {"width": 3840}}),
        ("id, capabilities(canDownload)", {"id": "clip", "capabilities": {"canDownload": True}}),
        ("owners(me),shortcutDetails", {"owners": [{"me": True}]}),
        ("", {}),
    ],
)
def test_fields_select_a_part(drive: Client, fields: str, expected: object) -> None:
    assert drive.api("files/clip", {"fields": fields}).json() == expected


@pytest.mark.parametrize("fields", ["colour", "id,,name", "id(", "id)", "nextPageToken", "id,name/"])
def test_a_selection_that_does_not_fit_is_refused(drive: Client, fields: str) -> None:
    answer = drive.api("files/clip", {"fields": fields})
    assert drive.reason(answer) == (400, "invalidParameter")
    assert answer.json()["error"]["errors"][0]["location"] == "fields"


# Shared drives


def test_files_of_shared_drives_are_hidden_unless_both_flags_are_set(drive: Client) -> None:
    assert "team" not in drive.ids() and "team" not in drive.ids(supportsAllDrives="true")
    refused = drive.api("files", {"includeItemsFromAllDrives": "true"})
    assert drive.reason(refused) == (403, "supportsTeamDrivesRequired")
    assert "team" in drive.ids(**ALL_DRIVES)
    assert drive.reason(drive.api("files/team")) == (404, "notFound")
    assert drive.api("files/team", {"supportsAllDrives": "true"}).status == 200


def test_the_bytes_of_a_shared_drive_need_no_flag(drive: Client) -> None:
    assert len(drive.media("team").data) == len(drive.media("team", ALL_DRIVES).data) == SIZES["team.mp4"]


def test_one_shared_drive_is_listed_by_itself(drive: Client) -> None:
    (shared,) = drive.api("drives").json()["drives"]
    assert drive.ids(corpora="drive", driveId=shared["id"], **ALL_DRIVES) == ["team"]
    assert drive.row("team", supportsAllDrives="true")["driveId"] == shared["id"]
    one = drive.api(f"drives/{shared['id']}", {"fields": "*"}).json()
    assert one["name"] == shared["name"] == "Family videos"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"corpora": "drive"}, (400, "invalid")),
        ({"corpora": "user", "driveId": "x"}, (400, "invalid")),
        ({"corpora": "drive", "driveId": "x"}, (404, "notFound")),
        ({"corpora": "pocket"}, (400, "invalid")),
    ],
)
def test_parameters_of_shared_drives_have_to_fit_together(
    drive: Client, params: dict[str, str], expected: tuple[int, str]
) -> None:
    assert drive.reason(drive.api("files", params | ALL_DRIVES)) == expected


def test_all_drives_need_to_be_included(drive: Client) -> None:
    answer = drive.api("files", {"corpora": "allDrives", "supportsAllDrives": "true"})
    assert drive.reason(answer) == (403, "teamDriveIncludeItemsRequired")


def test_a_lost_shared_drive_lists_as_empty_without_an_error(drive: Client) -> None:
    drive_id = drive.fake.control.put_shared_drive("Family videos")
    drive.fake.control.lose_shared_drive(drive_id)
    page = drive.page(corpora="drive", driveId=drive_id, **ALL_DRIVES)
    assert (page["files"], page["incompleteSearch"]) == ([], False)
    assert drive.reason(drive.api(f"drives/{drive_id}")) == (404, "notFound")
    assert drive.api("drives").json()["drives"] == []


def test_an_empty_shared_drive_is_there(drive: Client) -> None:
    drive_id = drive.fake.control.put_shared_drive("Nothing yet")
    assert drive.page(corpora="drive", driveId=drive_id, **ALL_DRIVES)["files"] == []
    assert drive.api(f"drives/{drive_id}").json() == {"kind": "drive#drive", "id": drive_id, "name": "Nothing yet"}


# About


def test_about_needs_fields_and_tells_the_quota_as_text(drive: Client) -> None:
    assert drive.reason(drive.api("about")) == (400, "required")
    about = drive.api("about", {"fields": "user(me,emailAddress),storageQuota"}).json()
    mine = sum(SIZES[name] for item in ITEMS if item["id"] not in ("drone", "team") for name in item.get("sources", []))
    assert about["user"]["me"] is True
    assert about["storageQuota"]["usage"] == str(mine) and about["storageQuota"]["usageInDriveTrash"] == "90007"


# Bytes


def test_a_file_comes_whole_with_its_own_type_no_etag_and_a_crc32c(drive: Client, folder: Path) -> None:
    answer, content = drive.media("clip"), (folder / "clip.mp4").read_bytes()
    assert (answer.status, answer.data) == (200, content)
    assert "ETag" not in answer.headers and answer.headers["Content-Type"] == "video/mp4"
    crc = int(anycrc.Model("CRC32C").calc(content)).to_bytes(4)
    assert answer.headers["x-goog-hash"] == f"crc32c={base64.b64encode(crc).decode()}"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=1000-1999", 1000, 1999),
        ("bytes=300000-", 300_000, 300_000),
        ("bytes=-1", 300_000, 300_000),
        ("bytes=299000-999999", 299_000, 300_000),
    ],
)
def test_a_range_is_a_part(drive: Client, folder: Path, asked: str, first: int, last: int) -> None:
    answer = drive.media("clip", Range=asked)
    assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {first}-{last}/300001")
    assert answer.data == (folder / "clip.mp4").read_bytes()[first : last + 1] and "x-goog-hash" not in answer.headers


@pytest.mark.parametrize(("file_id", "total"), [("clip", 300_001), ("empty", 0)])
def test_a_range_past_the_end_is_not_satisfiable(drive: Client, file_id: str, total: int) -> None:
    answer = drive.media(file_id, Range=f"bytes={total}-")
    assert drive.reason(answer) == (416, "requestedRangeNotSatisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{total}"


def test_an_empty_file_comes_without_a_range(drive: Client) -> None:
    answer = drive.media("empty")
    assert (answer.status, answer.data, answer.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize("file_id", ["notes", "alias", "root"])
def test_what_is_no_blob_has_no_bytes(drive: Client, file_id: str) -> None:
    assert drive.reason(drive.media(file_id)) == (403, "fileNotDownloadable")


def test_what_must_not_be_downloaded_says_so_before_and_then(drive: Client) -> None:
    assert drive.row("locked")["capabilities"]["canDownload"] is False
    assert drive.reason(drive.media("locked")) == (403, "cannotDownloadFile")


def test_a_token_in_the_address_does_not_count(drive: Client) -> None:
    url = f"{drive.fake.base_url}/drive/v3/files/clip?alt=media&access_token={drive.fake.access_token}"
    assert drive.reason(drive.http.request("GET", url)) == (403, "forbidden")


def test_a_file_with_a_resource_key_needs_it(drive: Client) -> None:
    drive.fake.control.put_item({"id": "linked", "sources": ["drone.mp4"], "shared_by": FRIEND, "resource_key": "key1"})
    assert drive.reason(drive.media("linked")) == (404, "notFound")
    answer = drive.media("linked", X_Goog_Drive_Resource_Keys="other/x,linked/key1")
    assert answer.status == 200 and len(answer.data) == SIZES["drone.mp4"]


def test_a_file_for_good_gone_is_not_found(drive: Client) -> None:
    drive.fake.control.delete_item("clip")
    for answer in (drive.api("files/clip"), drive.media("clip")):
        assert drive.reason(answer) == (404, "notFound")
        assert answer.json()["error"]["message"] == "File not found: clip."


def test_a_trashed_file_is_still_found_by_its_id(drive: Client) -> None:
    assert drive.row("gone")["trashed"] is True and drive.media("gone").status == 200


# Revisions


def test_another_content_of_the_same_size_is_another_revision(drive: Client, folder: Path) -> None:
    before = drive.row("clip")
    drive.fake.control.replace_content("clip", "other.mp4")
    after = drive.row("clip")
    assert before["size"] == after["size"] and before["headRevisionId"] != after["headRevisionId"]
    assert before["sha256Checksum"] != after["sha256Checksum"] and before["modifiedTime"] < after["modifiedTime"]
    assert drive.media("clip").data == (folder / "other.mp4").read_bytes()
    pinned = drive.api(f"files/clip/revisions/{before['headRevisionId']}", {"alt": "media"})
    assert pinned.data == (folder / "clip.mp4").read_bytes()
    listed = drive.api("files/clip/revisions").json()["revisions"]
    assert [one["id"] for one in listed] == [before["headRevisionId"], after["headRevisionId"]]
    assert drive.api(f"files/clip/revisions/{after['headRevisionId']}").json()["md5Checksum"] == after["md5Checksum"]


def test_revisions_of_others_cannot_be_read(drive: Client) -> None:
    assert drive.reason(drive.api("files/drone/revisions")) == (403, "insufficientFilePermissions")
    assert drive.reason(drive.api("files/clip/revisions/none", {"alt": "media"})) == (404, "notFound")


def test_a_name_or_a_folder_may_change_without_a_new_revision(drive: Client) -> None:
    before = drive.row("clip")
    drive.fake.control.rename_item("clip", "Matterhorn.mp4")
    drive.fake.control.move_item("clip", "Best")
    after = drive.row("clip")
    assert (after["name"], drive.row(after["parents"][0])["name"]) == ("Matterhorn.mp4", "Best")
    assert [after[name] for name in ("headRevisionId", "md5Checksum", "modifiedTime")] == [
        before[name] for name in ("headRevisionId", "md5Checksum", "modifiedTime")
    ]
    assert int(after["version"]) > int(before["version"])


# Changes


def test_the_feed_tells_what_has_changed_since_its_token(drive: Client) -> None:
    token = drive.start()
    assert drive.changes(token) == {"kind": "drive#changeList", "changes": [], "newStartPageToken": token}
    control = drive.fake.control
    control.put_item({"id": "fresh", "sources": ["other.mp4"]})
    control.rename_item("clip", "first.mp4")
    control.rename_item("clip", "second.mp4")
    control.trash_item("twin")
    control.delete_item("holiday")
    page = drive.changes(token)
    told = [(row["fileId"], row["removed"], row.get("file", {}).get("trashed")) for row in page["changes"]]
    expected = [("fresh", False, False), ("clip", False, False), ("twin", False, True), ("holiday", True, None)]
    assert told == expected and page["changes"][1]["file"]["name"] == "second.mp4"
    assert drive.changes(page["newStartPageToken"])["changes"] == []


def test_the_feed_comes_in_pages_and_its_tokens_do_not_expire(drive: Client) -> None:
    token = drive.start()
    for number in range(5):
        drive.fake.control.put_item({"id": f"fresh{number}", "sources": ["other.mp4"]})
    drive.fake.control.set_lifetimes(access_token_seconds=1e9)
    drive.token()
    drive.fake.control.advance_clock(30 * 86_400)
    found, pages = [], 0
    while token:
        page = drive.changes(token, pageSize=2)
        found += [row["fileId"] for row in page["changes"]]
        token, pages = page.get("nextPageToken"), pages + 1
    assert (found, pages) == ([f"fresh{number}" for number in range(5)], 3)
    assert page["newStartPageToken"] == drive.start()


@pytest.mark.parametrize("token", ["", "bogus", "-5", "999999999", "1"])
def test_a_token_that_is_none_of_the_feeds_is_refused(drive: Client, token: str) -> None:
    assert drive.reason(drive.api("changes", {"pageToken": token})) == (400, "invalid")


def test_a_shared_drive_has_a_feed_of_its_own(drive: Client) -> None:
    drive_id = drive.fake.control.put_shared_drive("Family videos")
    mine, all_drives = drive.start(), {"supportsAllDrives": "true"}
    token = drive.start(driveId=drive_id, **all_drives)
    drive.fake.control.rename_item("team", "renamed.mp4")
    drive.fake.control.rename_item("clip", "renamed.mp4")
    theirs = drive.changes(token, driveId=drive_id, includeItemsFromAllDrives="true", **all_drives)["changes"]
    assert [row["fileId"] for row in theirs] == ["team"]
    assert [row["fileId"] for row in drive.changes(mine)["changes"]] == ["clip"]
    assert [row["fileId"] for row in drive.changes(mine, **ALL_DRIVES)["changes"]] == ["team", "clip"]
    wrong = drive.api("changes", {"pageToken": mine, "driveId": drive_id, **all_drives})
    assert drive.reason(wrong) == (400, "invalid")


def test_a_lost_shared_drive_is_in_the_feed(drive: Client) -> None:
    token, drive_id = drive.start(), drive.fake.control.put_shared_drive("Family videos")
    drive.fake.control.lose_shared_drive(drive_id)
    (row,) = drive.changes(token, **ALL_DRIVES)["changes"]
    assert (row["changeType"], row["driveId"], row["removed"]) == ("drive", drive_id, True)
    answer = drive.api("changes", {"pageToken": token, "driveId": drive_id, "supportsAllDrives": "true"})
    assert drive.reason(answer) == (404, "notFound")


# Access


def test_a_bad_token_is_told_from_none(drive: Client) -> None:
    bad = drive.api("files", Authorization="Bearer nobody")
    assert drive.reason(bad) == (401, "authError") and "invalid_token" in bad.headers["WWW-Authenticate"]
    assert json.loads(bad.data)["error"]["status"] == "UNAUTHENTICATED"
    assert drive.reason(drive.http.request("GET", f"{drive.fake.base_url}/drive/v3/files")) == (403, "forbidden")


def test_an_access_token_ends_after_an_hour_of_the_fakes_clock(drive: Client) -> None:
    drive.fake.control.advance_clock(3500)
    assert drive.api("files").status == 200
    drive.fake.control.advance_clock(101)
    assert drive.reason(drive.api("files")) == (401, "authError")
    assert drive.token().json()["expires_in"] == 3599 and drive.api("files").status == 200


def test_five_thousand_files_are_listed(folder: Path) -> None:
    with client_of(Library.generated(folder / "clip.mp4", 5_000)) as drive:
        params = {"q": VIDEOS, "pageSize": 1000, "fields": "nextPageToken,files(id)"}
        found, token = set(), None
        while token is not None or not found:
            page = drive.api("files", params | ({"pageToken": token} if token else {})).json()
            found |= {row["id"] for row in page["files"]}
            token = page.get("nextPageToken")
        assert len(found) == 5_000


def test_originals_are_what_a_complete_archive_has(drive: Client) -> None:
    mine = {original["media_id"] for original in drive.fake.control.originals()}
    assert mine == set(MINE)
    others = {one["media_id"]: one["origin"] for one in drive.fake.control.originals(everything=True)}
    assert set(others) - mine == {"drone", "team"} and others["team"] and not others["clip"]


def test_a_fault_of_one_file_is_in_lists_too(drive: Client) -> None:
    drive.fake.control.add_fault(DriveFault.CHECKSUMS_MISSING, media_id="clip")
    rows = {row["id"]: row for row in drive.page(VIDEOS)["files"]}
    assert "sha256Checksum" not in rows["clip"] and "sha256Checksum" in rows["twin"]
