"""What the provider makes of Google Drive's listings and files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cloud_sync_common.exceptions import (
    ConfigurationError,
    MediaNotFoundError,
    OriginalRefusedError,
    ProviderContractError,
    ProviderUnavailableError,
)
from cloud_sync_common.file_services.folder_tree import MOST_LEVELS
from cloud_sync_common.file_services.listing_cursor import RESTARTS
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Filters, MediaItem, MediaPage
from cloud_sync_common.providers.google_drive import PER_PAGE, GoogleDrive, Reach
from cloud_sync_common.safe_text import protect

from tests.unit.drive_service import (
    CHANGES,
    FILES,
    MD5,
    ROOT_ID,
    SHA256,
    SHORTCUT,
    START,
    changes,
    drive,
    folder,
    page,
    refusal,
    video,
)
from tests.unit.gopro_service import answer
from tests.unit.routed_service import RoutedService

TOKEN = "ya29.synthetic-access-token-0"
type Uses = Callable[[RoutedService], RoutedService]


@pytest.fixture
def uses(monkeypatch: pytest.MonkeyPatch) -> Uses:
    def use(service: RoutedService) -> RoutedService:
        monkeypatch.setattr(http_client, "request", service.request)
        return service

    return use


def pages_of(provider: GoogleDrive, filters: Filters | None = None) -> list[MediaPage]:
    found, cursor = [], None
    while True:
        found.append(provider.list_media(TOKEN, cursor, filters or Filters()))
        cursor = found[-1].next_cursor
        if cursor is None:
            return found


def items_of(provider: GoogleDrive) -> list[MediaItem]:
    return [item for page in pages_of(provider) for item in page.items]


def listed(uses: Uses, *rows: dict[str, Any], folders: tuple[dict[str, Any], ...] = ()) -> list[MediaItem]:
    uses(drive(page(*rows), folders=folders))
    return items_of(GoogleDrive())


# A listing


def test_the_feeds_position_is_noted_first_and_the_feed_is_read_last(uses: Uses) -> None:
    service = uses(drive(page(video())))
    assert [len(found.items) for found in pages_of(GoogleDrive())] == [1, 0]
    assert service.paths == [START, FILES, FILES, f"{FILES}/root", CHANGES]
    assert service.queries(CHANGES)[0]["pageToken"] == "4711"


def test_the_query_is_one_flat_one_for_the_accounts_own_files(uses: Uses) -> None:
    service = uses(drive(page()))
    pages_of(GoogleDrive())
    query = service.queries(FILES)[1]
    assert query["q"] == (
        "trashed = false and 'me' in owners and (mimeType contains 'video/' or mimeType contains 'application/')"
    )
    assert (query["pageSize"], query["corpora"]) == (1000, "user")
    assert query["fields"].startswith("nextPageToken,incompleteSearch,files(id,name,mimeType,size,")
    assert not {"driveId", "includeItemsFromAllDrives", "orderBy"} & set(query)
    assert all(asked["headers"]["Authorization"] == f"Bearer {TOKEN}" for asked in service.asked)


def test_an_item_says_what_google_says_of_the_file(uses: Uses) -> None:
    (item,) = listed(uses, video())
    assert item == MediaItem(
        media_id="1AbcSynthetic",
        filename="GX010001.MP4",
        captured_at="2026-01-02T10:00:00.000Z",
        captured_at_from="modified_time",
        uploaded_at="2026-01-02T10:05:00.000Z",
        revision=f"sha256:{SHA256}",
        size=734_003_200,
        kind="video",
    )


def test_pages_are_followed_to_the_last_one_although_some_are_empty(uses: Uses) -> None:
    service = uses(drive(page(video("a"), following="t2"), page(following="t3"), page(video("b"))))
    assert [item.media_id for item in items_of(GoogleDrive())] == ["a", "b"]
    assert [query.get("pageToken") for query in service.queries(FILES)] == [None, None, "t2", "t3"]


def test_a_full_page_without_a_token_is_asked_for_in_halves_before_it_is_the_last_one(uses: Uses) -> None:
    """gdrive-fsspec #30, pygsheets PR 377: exactly one full page, and nothing behind it, though there was more."""
    rows = [video(f"file{number}") for number in range(PER_PAGE + 3)]
    half = PER_PAGE // 2
    service = uses(drive(page(*rows[:PER_PAGE]), page(*rows[:half], following="t2"), page(*rows[half:])))
    assert [item.media_id for item in items_of(GoogleDrive())] == [row["id"] for row in rows]
    asked = [(query["pageSize"], query.get("pageToken")) for query in service.queries(FILES)[1:]]
    assert asked == [(PER_PAGE, None), (half, None), (PER_PAGE, "t2")]


@pytest.mark.parametrize("count", [PER_PAGE - 1, 1, 0])
def test_a_page_that_is_not_full_is_the_last_one_without_a_token(uses: Uses, count: int) -> None:
    service = uses(drive(page(*(video(f"file{number}") for number in range(count)))))
    assert len(items_of(GoogleDrive())) == count
    assert len(service.queries(FILES)) == 2


def test_pages_that_are_always_full_and_never_followed_are_no_whole_listing(uses: Uses) -> None:
    rows = [video(f"file{number}") for number in range(PER_PAGE)]
    uses(drive(page(*rows), page(*rows[: PER_PAGE // 2])))
    with pytest.raises(ProviderUnavailableError, match="does not say what comes after it"):
        pages_of(GoogleDrive())


def test_half_a_page_may_be_the_rest_when_files_were_deleted_meanwhile(uses: Uses) -> None:
    rows = [video(f"file{number}") for number in range(PER_PAGE)]
    uses(drive(page(*rows), page(*rows[:7])))
    assert len(items_of(GoogleDrive())) == 7


@pytest.mark.parametrize("said", [True, "true", None])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_listing_is_refused_when_google_has_not_searched_everywhere(uses: Uses, at: int, said: Any) -> None:
    bodies = [page(), page(video("a"), following="t2"), page(video("b"))]
    bodies[at]["incompleteSearch"] = said
    service = uses(drive())
    service.routes[FILES] = [answer(body) for body in bodies]
    with pytest.raises(ProviderUnavailableError, match="incompleteSearch"):
        pages_of(GoogleDrive())


def test_a_page_token_that_comes_again_does_not_make_an_endless_listing(uses: Uses) -> None:
    uses(drive(page(video("a"), following="t2"), page(video("b"), following="t2")))
    with pytest.raises(ProviderUnavailableError, match="does not end"):
        pages_of(GoogleDrive())


def test_a_circle_of_page_tokens_is_noticed(uses: Uses) -> None:
    circle = [page(video(f"file{number}"), following=f"t{number % 3}") for number in range(40)]
    service = uses(drive(*circle))
    with pytest.raises(ProviderUnavailableError, match="does not end"):
        pages_of(GoogleDrive())
    assert len(service.asked) < 15


def test_a_page_token_that_has_ended_begins_the_place_again(uses: Uses) -> None:
    """ericyd/gdrive-copy #83: after a pause, the token is invalid."""
    ended = refusal(400, "invalid", "pageToken")
    service = uses(drive(page(video("a"), following="t2"), ended, page(video("a"), video("b"))))
    pages = pages_of(GoogleDrive())
    assert [[item.media_id for item in found.items] for found in pages] == [["a"], [], ["a", "b"], []]
    assert [query.get("pageToken") for query in service.queries(FILES)] == [None, None, "t2", None]
    assert service.paths.count(START) == 1, "the feed is read from where it was before the first attempt"


def test_a_listing_is_not_begun_again_without_end(uses: Uses) -> None:
    rounds = [(page(video("a"), following="t2"), refusal(400, "invalid", "pageToken"))] * (RESTARTS + 1)
    uses(drive(*(one for pair in rounds for one in pair)))
    with pytest.raises(ProviderUnavailableError, match=f"{RESTARTS + 1} times"):
        pages_of(GoogleDrive())


def test_a_position_in_a_feed_that_has_ended_begins_the_feed_again(uses: Uses) -> None:
    feed = (changes(video("b"), following="c2"), refusal(400, "invalid", "pageToken"), changes(video("b")))
    service = uses(drive(page(video("a")), feed=feed))
    assert [item.media_id for item in items_of(GoogleDrive())] == ["a", "b", "b"]
    assert [query["pageToken"] for query in service.queries(CHANGES)] == ["4711", "c2", "4711"]


def test_another_mistake_in_the_query_is_no_token_that_has_ended(uses: Uses) -> None:
    uses(drive(page(video("a"), following="t2"), refusal(400, "invalid", "q")))
    with pytest.raises(ProviderContractError):
        pages_of(GoogleDrive())


@pytest.mark.parametrize("token", [7, "", ["t2"], "t" * 7000, {"token": "t2"}], ids=repr)
def test_a_token_that_cannot_be_read_is_not_the_end(uses: Uses, token: Any) -> None:
    uses(drive(page(video(), nextPageToken=token)))
    with pytest.raises(ProviderContractError, match="nextPageToken"):
        pages_of(GoogleDrive())


def test_a_page_token_with_our_own_token_in_it_goes_nowhere(uses: Uses) -> None:
    protect(TOKEN)
    uses(drive(page(video("a"), following=f"x{TOKEN}")))
    with pytest.raises(ProviderContractError, match="nextPageToken") as failure:
        pages_of(GoogleDrive())
    assert TOKEN not in str(failure.value)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"files": None},
        {"files": {}},
        {"files": "x"},
        {"error": {"code": 403}},
        {"files": 7, "kind": "drive#fileList"},
    ],
    ids=repr,
)
def test_an_answer_of_another_shape_names_the_field(uses: Uses, body: Any) -> None:
    service = uses(drive())
    service.routes[FILES] = [answer(page()), answer(body)]
    with pytest.raises(ProviderContractError, match="'files'"):
        pages_of(GoogleDrive())
    uses(drive(page(), feed=(body | {"changes": body.get("files")},)))
    with pytest.raises(ProviderContractError, match="'changes'"):
        pages_of(GoogleDrive())


@pytest.mark.parametrize("body", [{}, {"files": None}, {"files": {}}, [], b"<html>"], ids=repr)
def test_an_answer_without_files_is_a_changed_api_and_never_an_empty_account(uses: Uses, body: Any) -> None:
    service = uses(drive())
    service.routes[FILES] = [answer(page()), answer(body)]
    with pytest.raises(ProviderContractError):
        pages_of(GoogleDrive())


def test_a_feed_that_does_not_say_where_it_ends_is_a_changed_api(uses: Uses) -> None:
    uses(drive(page(video()), feed=({"changes": []},)))
    with pytest.raises(ProviderContractError, match="newStartPageToken"):
        pages_of(GoogleDrive())


def test_what_has_changed_meanwhile_comes_from_the_feed(uses: Uses) -> None:
    gone = {"fileId": "c", "removed": True}
    trash = video("d", trashed=True)
    first = changes(video("b"), trash, following="c2")
    first["changes"].append(gone)
    uses(drive(page(video("a")), feed=(first, changes(video("e", ownedByMe=False)))))
    pages = pages_of(GoogleDrive())
    assert [[item.media_id for item in found.items] for found in pages] == [["a"], ["b"], []]
    assert all(found.left_out == {} for found in pages[1:]), "what is left alone was counted by the listing"


def test_cursors_are_small_and_without_the_token(uses: Uses) -> None:
    service = drive(page(video(), following="~!!~" + "A" * 600), page())
    drives = tuple(f"0ADrive{number}Uk9PVA" for number in range(20))
    for one in drives:
        service.gives(f"/drive/v3/drives/{one}", {"id": one})
    uses(service)
    cursors = [found.next_cursor for found in pages_of(GoogleDrive(reach=Reach(shared_drives=drives)))]
    written = [cursor for cursor in cursors if cursor is not None]
    assert len(written) >= 40 and max(map(len, written)) <= 2048
    assert not any(TOKEN in cursor for cursor in written)


def test_a_cursor_of_another_version_begins_the_listing_again(uses: Uses) -> None:
    service = uses(drive(page(video())))
    assert GoogleDrive().list_media(TOKEN, "videos 7", Filters()).items
    assert service.paths[0] == START


# What is media


@pytest.mark.parametrize(
    ("name", "mime_type", "facts", "kind"),
    [
        ("GX010001.MP4", "video/mp4", {}, "video"),
        ("clip", "video/quicktime", {}, "video"),
        ("GS010001.360", "application/octet-stream", {}, "video"),
        ("VID_1.insv", "application/octet-stream", {}, "video"),
        ("noextension", "application/octet-stream", {"durationMillis": "61000"}, "video"),
        ("notes.pdf", "application/pdf", {}, ""),
        ("backup.zip", "application/zip", {}, ""),
        ("main.ts", "video/mp2t", {}, ""),
        ("recording.ts", "video/mp2t", {"durationMillis": "61000"}, "video"),
    ],
)
def test_type_extension_and_facts_say_what_a_video_is(
    uses: Uses, name: str, mime_type: str, facts: dict[str, str], kind: str
) -> None:
    uses(drive(page(video("a", name=name, mimeType=mime_type, videoMediaMetadata=facts or None))))
    (found, _) = pages_of(GoogleDrive())
    assert [item.kind for item in found.items] == ([kind] if kind else [])
    assert list(found.ignored) == ([] if kind else ["a"])


def test_what_is_left_alone_is_counted_with_its_reason(uses: Uses) -> None:
    documents = [video(f"doc{n}", mimeType="application/vnd.google-apps.document", size=None) for n in range(3)]
    locked = video("locked", capabilities={"canDownload": False})
    shortcut = video("short", mimeType=SHORTCUT, shortcutDetails={"targetId": "x", "targetMimeType": "video/mp4"})
    uses(drive(page(*documents, locked, shortcut, folder("f", "Trips"), video("a"))))
    (found, _) = pages_of(GoogleDrive())
    assert [item.media_id for item in found.items] == ["a"]
    assert found.left_out == {"of Google's own documents": 3, "not downloadable": 1, "shortcut": 1, "folder": 1}
    assert found.ignored == ("locked",), "what was archived before it was locked is not missing from the listing"


def test_two_files_with_one_name_in_one_folder_are_two_items(uses: Uses) -> None:
    items = listed(uses, video("a"), video("b", sha256Checksum="0" * 64))
    assert [(item.media_id, item.filename) for item in items] == [("a", "GX010001.MP4"), ("b", "GX010001.MP4")]


def test_a_move_and_a_new_name_change_no_revision(uses: Uses) -> None:
    trips = (folder("f1", "Trips"),)
    (before,) = listed(uses, video(), folders=trips)
    (after,) = listed(uses, video(name="Best.mp4", parents=["f1"], modifiedTime="2026-07-01T00:00:00Z"), folders=trips)
    assert (before.revision, before.folder) == (after.revision, "") and after.folder == "Trips"


@pytest.mark.parametrize(
    ("missing", "revision"),
    [
        ({}, f"sha256:{SHA256}"),
        ({"sha256Checksum": None}, f"md5:{MD5}"),
        ({"sha256Checksum": "no hash", "md5Checksum": MD5.upper()}, f"md5:{MD5}"),
        ({"sha256Checksum": None, "md5Checksum": None}, "revision:0BrevisionOne"),
        (
            {"sha256Checksum": None, "md5Checksum": None, "headRevisionId": None},
            "revision:2026-01-02T10:00:00.000Z",
        ),
    ],
    ids=str,
)
def test_the_revision_is_the_content_as_far_as_google_states_it(
    uses: Uses, missing: dict[str, Any], revision: str
) -> None:
    (item,) = listed(uses, video(**missing))
    assert item.revision == revision


@pytest.mark.parametrize(
    ("times", "captured"),
    [
        ({}, ("2026-01-02T10:00:00.000Z", "modified_time")),
        ({"modifiedTime": "2026-03-01T00:00:00.000Z"}, ("2026-01-02T10:05:00.000Z", "created_time")),
        ({"modifiedTime": None}, ("2026-01-02T10:05:00.000Z", "created_time")),
        ({"modifiedTime": "yesterday", "createdTime": 7}, ("", "")),
        ({"modifiedTime": "1970-01-01T00:00:00.000Z"}, ("2026-01-02T10:05:00.000Z", "created_time")),
        ({"imageMediaMetadata": {"time": "0000:00:00 00:00:00"}}, ("2026-01-02T10:00:00.000Z", "modified_time")),
    ],
    ids=str,
)
def test_the_earliest_time_stands_in_for_the_capture_and_is_named(
    uses: Uses, times: dict[str, Any], captured: tuple[str, str]
) -> None:
    (item,) = listed(uses, video(**times))
    assert (item.captured_at, item.captured_at_from) == captured


def test_photos_are_asked_for_and_listed_where_they_are_wanted(uses: Uses) -> None:
    photo = video("p", name="GOPR0001.JPG", mimeType="image/jpeg", imageMediaMetadata={"time": "2025:08:05 10:01:02"})
    raw = video("r", name="GOPR0002.GPR", mimeType="application/octet-stream", videoMediaMetadata=None)
    photo.pop("videoMediaMetadata")
    service = uses(
        drive(page(raw, video("v"), video("d", name="a.pdf", mimeType="application/pdf", videoMediaMetadata=None)))
    )
    (found, _) = pages_of(GoogleDrive())
    assert "image/" not in service.queries(FILES)[1]["q"]
    assert [item.media_id for item in found.items] == ["v"] and found.ignored == ("r", "d")
    assert found.left_out == {"kinds": 1, "neither video nor photo": 1}
    service = uses(drive(page(photo, raw, video("v"))))
    (found, _) = pages_of(GoogleDrive(), Filters(kinds=("video", "photo")))
    assert service.queries(FILES)[1]["q"].endswith(" or mimeType contains 'image/')")
    assert [(item.media_id, item.kind) for item in found.items] == [("p", "photo"), ("r", "photo"), ("v", "video")]
    assert (found.items[0].captured_at, found.items[0].captured_at_from) == ("2025-08-05T10:01:02", "exif")


def test_an_id_that_cannot_be_kept_fails_by_itself(uses: Uses) -> None:
    uses(drive(page(video("a"), video("b"), video("../x"))))
    items = items_of(GoogleDrive())
    assert [item.media_id for item in items[:2]] == ["a", "b"]
    assert items[2].media_id.startswith("unreadable:")
    with pytest.raises(MediaNotFoundError):
        GoogleDrive().sources(TOKEN, items[2])


def test_rows_that_mostly_have_no_id_are_a_changed_api(uses: Uses) -> None:
    uses(drive(page(video("a"), video(None), video("é"))))
    with pytest.raises(ProviderContractError, match="usable 'id'"):
        pages_of(GoogleDrive())


def test_a_video_whose_name_cannot_be_kept_is_a_video(uses: Uses) -> None:
    odd = video(name="a&signature=abcdefghijkl.360", mimeType="application/octet-stream", videoMediaMetadata=None)
    (item,) = listed(uses, odd)
    assert (item.filename, item.kind) == ("_.360", "video")


def test_a_long_name_keeps_its_extension(uses: Uses) -> None:
    (item,) = listed(uses, video(name="x" * 5000 + ".mp4"))
    assert len(item.filename) == 400 and item.filename.endswith(".mp4")


# Folders


def test_a_folder_is_a_path_below_the_accounts_root(uses: Uses) -> None:
    folders = (folder("f2", "Jänner", "f1"), folder("f1", "Trips"))
    service = uses(drive(page(video("a", parents=["f2"]), video("b")), folders=folders))
    assert [item.folder for item in items_of(GoogleDrive())] == ["Trips/J\u00e4nner", ""]
    assert [path for path in service.paths if path.startswith(f"{FILES}/")] == [f"{FILES}/root"]


def test_a_folder_that_was_not_listed_is_asked_for_once(uses: Uses) -> None:
    service = drive(page(video("a", parents=["f9"]), video("b", parents=["f9"])))
    service.gives(f"{FILES}/f9", folder("f9", "Shared/with me", None, ownedByMe=False))
    uses(service)
    assert [item.folder for item in items_of(GoogleDrive())] == ["Shared_with me", "Shared_with me"]
    assert service.paths.count(f"{FILES}/f9") == service.paths.count(f"{FILES}/root") == 1


def test_a_folder_that_is_not_shown_ends_the_path(uses: Uses) -> None:
    service = drive(page(video("a", parents=["f9"])), folders=(folder("f9", "Clips", "hidden"),))
    service.gives(f"{FILES}/hidden", refusal(404, "notFound", "fileId"))
    uses(service)
    assert [item.folder for item in items_of(GoogleDrive())] == ["Clips"]


def test_folders_that_contain_each_other_end_somewhere(uses: Uses) -> None:
    folders = (folder("f1", "One", "f2"), folder("f2", "Two", "f1"))
    (item,) = listed(uses, video(parents=["f1"]), folders=folders)
    assert item.folder == "Two/One"


@pytest.mark.parametrize("name", [None, "", 7.5, "a&signature=abcdefghijkl"], ids=repr)
def test_a_folder_whose_name_cannot_be_kept_hides_none_above_it(uses: Uses, name: Any) -> None:
    """Else a filter that leaves out `Private` would let in what is in such a folder there."""
    folders = (folder("f1", "Private"), folder("f2", "x", "f1") | {"name": name}, folder("f3", "Clips", "f2"))
    (item,) = listed(uses, video(parents=["f3"]), folders=folders)
    assert item.folder == "Private/_/Clips"


def test_a_path_has_all_its_folders_however_many_there_are(uses: Uses) -> None:
    """Google allows a hundred. A path that lacked its beginning would escape the filter of a folder."""
    folders = [folder(f"f{level}", f"n{level}", f"f{level - 1}" if level else ROOT_ID) for level in range(999)]
    (item,) = listed(uses, video(parents=["f998"]), folders=tuple(folders))
    assert item.folder == "/".join(f"n{level}" for level in range(999))


def test_folders_without_end_end_somewhere(uses: Uses) -> None:
    folders = [folder(f"f{level}", f"n{level}", f"f{level - 1}") for level in range(1, 1500)]
    service = drive()
    pages = (page(*folders[:750], following="t2"), page(*folders[750:]), page(video(parents=["f1499"])))
    service.routes[FILES] = [answer(body) for body in pages]
    uses(service)
    (item,) = items_of(GoogleDrive())
    assert item.folder.endswith("/n1498/n1499") and item.folder.count("/") == MOST_LEVELS - 1


@pytest.mark.parametrize(("status", "reason"), [(403, "insufficientFilePermissions"), (403, "appNotAuthorizedToFile")])
def test_a_folder_that_google_refuses_ends_the_path_and_not_the_listing(uses: Uses, status: int, reason: str) -> None:
    service = drive(page(video("a", parents=["f9"])), folders=(folder("f9", "Clips", "hidden"),))
    service.gives(f"{FILES}/hidden", refusal(status, reason))
    uses(service)
    assert [item.folder for item in items_of(GoogleDrive())] == ["Clips"]
    service = drive(page(video("a", parents=["f9"])), folders=(folder("f9", "Clips"),))
    service.routes[f"{FILES}/root"] = [refusal(status, reason)]
    service.gives(f"{FILES}/{ROOT_ID}", refusal(status, reason))
    uses(service)
    assert [item.folder for item in items_of(GoogleDrive())] == ["Clips"]


# Other places


def test_a_shared_drive_is_a_place_and_a_feed_of_its_own(uses: Uses) -> None:
    service = drive(page(video("a")))
    inside = video("b", driveId="0ADriveOne", ownedByMe=None, parents=["0ADriveOne"])
    service.routes[FILES] = [answer(body) for body in (page(), page(video("a")), page(), page(inside))]
    service.gives("/drive/v3/drives/0ADriveOne", {"id": "0ADriveOne"})
    service.gives(f"{FILES}/0ADriveOne", folder("0ADriveOne", "Family", None, driveId="0ADriveOne", ownedByMe=None))
    uses(service)
    items = items_of(GoogleDrive(reach=Reach(shared_drives=("0ADriveOne",))))
    assert [(item.media_id, item.folder) for item in items] == [("a", ""), ("b", "")]
    last = service.queries(FILES)[-1]
    assert (last["corpora"], last["driveId"]) == ("drive", "0ADriveOne")
    assert last["supportsAllDrives"] == last["includeItemsFromAllDrives"] == "true"
    assert [query.get("driveId") for query in service.queries(START)] == [None, "0ADriveOne"]
    assert [query.get("driveId") for query in service.queries(CHANGES)] == [None, "0ADriveOne"]


def test_a_shared_drive_that_was_lost_is_an_error_although_it_lists_as_empty(uses: Uses) -> None:
    service = drive(page())
    service.gives("/drive/v3/drives/0ADriveOne", refusal(404, "notFound", "driveId"))
    uses(service)
    with pytest.raises(ConfigurationError, match="shared drive"):
        pages_of(GoogleDrive(reach=Reach(shared_drives=("0ADriveOne",))))


@pytest.mark.parametrize("drives", [("not an id",), tuple(f"d{n}" for n in range(21))], ids=len)
def test_shared_drives_must_be_ids_and_not_too_many(drives: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="at most 20 ids"):
        GoogleDrive(reach=Reach(shared_drives=drives))


def test_files_of_others_are_listed_only_where_that_is_wanted(uses: Uses) -> None:
    theirs, elsewhere = video("t", ownedByMe=False), video("s", driveId="0AOther", ownedByMe=None)
    service = uses(drive(page(video("a")), feed=(changes(theirs, elsewhere),)))
    assert [item.media_id for item in items_of(GoogleDrive())] == ["a"]
    service = uses(drive(page(video("a")), feed=(changes(theirs, elsewhere),)))
    assert [item.media_id for item in items_of(GoogleDrive(reach=Reach(shared_with_me=True)))][-1] == "t"
    assert any("not 'me' in owners" in query["q"] for query in service.queries(FILES))


def test_a_shortcut_is_followed_where_that_is_wanted(uses: Uses) -> None:
    details = {"targetId": "t1", "targetMimeType": "video/mp4", "targetResourceKey": "0-key"}
    service = drive(page(video("s1", mimeType=SHORTCUT, shortcutDetails=details)))
    service.gives(f"{FILES}/t1", video("t1", ownedByMe=False, resourceKey="0-key"))
    uses(service)
    (item,) = items_of(GoogleDrive(reach=Reach(shortcuts=True)))
    assert (item.media_id, item.origin) == ("t1", "0-key")
    asked = next(asked for asked in service.asked if asked["path"] == f"{FILES}/t1")
    assert asked["headers"]["X-Goog-Drive-Resource-Keys"] == "t1/0-key"


@pytest.mark.parametrize("target", ["application/vnd.google-apps.folder", "video/mp4"])
def test_a_shortcut_to_nothing_with_bytes_is_left_alone(uses: Uses, target: str) -> None:
    details = {"targetId": "t1", "targetMimeType": target}
    service = drive(page(video("s1", mimeType=SHORTCUT, shortcutDetails=details)))
    service.gives(f"{FILES}/t1", refusal(404, "notFound", "fileId"))
    uses(service)
    (found, _) = pages_of(GoogleDrive(reach=Reach(shortcuts=True)))
    assert found.left_out == {"shortcut": 1} and not found.items


@pytest.mark.parametrize(
    "reason", ["insufficientFilePermissions", "cannotDownloadAbusiveFile", "downloadQuotaExceeded"]
)
def test_what_google_refuses_of_a_shortcuts_target_concerns_it_alone(uses: Uses, reason: str) -> None:
    details = {"targetId": "t1", "targetMimeType": "video/mp4"}
    service = drive(page(video("s1", mimeType=SHORTCUT, shortcutDetails=details), video("a")))
    service.gives(f"{FILES}/t1", refusal(403, reason))
    uses(service)
    (found, _) = pages_of(GoogleDrive(reach=Reach(shortcuts=True)))
    assert found.left_out == {"shortcut": 1} and [item.media_id for item in found.items] == ["a"]


def test_the_key_that_a_shortcut_has_goes_with_the_file_that_does_not_say_it(uses: Uses) -> None:
    details = {"targetId": "t1", "targetMimeType": "video/mp4", "targetResourceKey": "0-key"}
    service = drive(page(video("s1", mimeType=SHORTCUT, shortcutDetails=details)))
    service.gives(f"{FILES}/t1", video("t1", ownedByMe=False))
    uses(service)
    (item,) = items_of(GoogleDrive(reach=Reach(shortcuts=True)))
    assert (item.media_id, item.origin) == ("t1", "0-key")


@pytest.mark.parametrize("key", ["a\r\nX-Other: 1", "schl\u00fcssel", "a b", "", 7.5, None, ["0-key"]], ids=repr)
def test_a_key_that_cannot_stand_in_a_header_is_none(uses: Uses, key: Any) -> None:
    (item,) = listed(uses, video(resourceKey=key))
    assert item.origin == ""


# One file


def asked_alone(uses: Uses, *answers: Any, file_id: str = "1AbcSynthetic") -> RoutedService:
    service = drive()
    service.gives(f"{FILES}/{file_id}", *answers)
    return uses(service)


def test_a_file_that_is_asked_for_is_the_item_that_is_listed(uses: Uses) -> None:
    (item,) = listed(uses, video())
    asked_alone(uses, video())
    assert GoogleDrive().find(TOKEN, "1AbcSynthetic") == item


@pytest.mark.parametrize(
    "said",
    [
        refusal(404, "notFound", "fileId"),
        video(trashed=True),
        video(ownedByMe=False),
        video(driveId="0AOther", ownedByMe=None),
    ],
    ids=["not found", "in the trash", "another's", "in a shared drive"],
)
def test_absence_is_what_google_says_of_one_file(uses: Uses, said: Any) -> None:
    asked_alone(uses, said)
    assert GoogleDrive().find(TOKEN, "1AbcSynthetic") is None


def test_a_404_that_is_not_googles_is_no_absence(uses: Uses) -> None:
    asked_alone(uses, answer(b"not here", 404))
    with pytest.raises(ProviderContractError):
        GoogleDrive().find(TOKEN, "1AbcSynthetic")


def test_an_answer_about_another_file_is_a_changed_api(uses: Uses) -> None:
    asked_alone(uses, video("2Other"))
    with pytest.raises(ProviderContractError, match="another one"):
        GoogleDrive().find(TOKEN, "1AbcSynthetic")


def test_a_file_that_may_not_be_downloaded_is_found_and_says_so(uses: Uses) -> None:
    asked_alone(uses, video(capabilities={"canDownload": False}))
    found = GoogleDrive().find(TOKEN, "1AbcSynthetic")
    assert found is not None and "allow downloads" in found.unusable


@pytest.mark.parametrize(
    ("reason", "sentence"), [("insufficientFilePermissions", "Ask its owner"), ("downloadQuotaExceeded", "Later runs")]
)
def test_a_file_that_google_refuses_is_not_gone(uses: Uses, reason: str, sentence: str) -> None:
    asked_alone(uses, refusal(403, reason))
    found = GoogleDrive().find(TOKEN, "1AbcSynthetic")
    assert found is not None and found.media_id == "1AbcSynthetic" and sentence in found.unusable


@pytest.mark.parametrize("media_id", ["../about", "a/b", "a?b", "", "é", "root id"])
def test_an_id_that_cannot_be_from_google_is_not_requested(uses: Uses, media_id: str) -> None:
    service = uses(drive())
    assert GoogleDrive().find(TOKEN, media_id) is None
    with pytest.raises(MediaNotFoundError):
        GoogleDrive().sources(TOKEN, MediaItem(media_id=media_id, filename="x.mp4"))
    assert service.asked == []


CLIP = MediaItem(media_id="1AbcSynthetic", filename="GX010001.MP4")


def test_a_source_is_the_file_with_its_hashes_and_the_token_in_a_header(uses: Uses) -> None:
    service = asked_alone(uses, video())
    provider = GoogleDrive()
    (source,) = provider.sources(TOKEN, CLIP)
    assert source.url == "https://www.googleapis.com/drive/v3/files/1AbcSynthetic?alt=media&supportsAllDrives=true"
    assert source.headers == {"Authorization": f"Bearer {TOKEN}"}
    assert (source.file_number, source.file_count, source.filename) == (1, 1, "GX010001.MP4")
    assert (source.size, source.content_hashes) == (734_003_200, (f"sha256:{SHA256}", f"md5:{MD5}"))
    assert source.revision == f"sha256:{SHA256}" and TOKEN not in repr(source)
    assert provider.media_origins == ("https://www.googleapis.com",)
    assert service.queries(f"{FILES}/1AbcSynthetic")[0]["supportsAllDrives"] == "true"


def test_a_source_takes_one_request_whatever_folder_it_is_in(uses: Uses) -> None:
    service = asked_alone(uses, video(parents=["f9"]))
    GoogleDrive().sources(TOKEN, CLIP)
    assert service.paths == [f"{FILES}/1AbcSynthetic"]


def test_a_source_that_needs_a_key_gets_it(uses: Uses) -> None:
    service = asked_alone(uses, video(resourceKey="0-key"))
    (source,) = GoogleDrive().sources(TOKEN, MediaItem(media_id=CLIP.media_id, filename="x", origin="0-key"))
    assert source.headers["X-Goog-Drive-Resource-Keys"] == "1AbcSynthetic/0-key"
    assert service.asked[0]["headers"]["X-Goog-Drive-Resource-Keys"] == "1AbcSynthetic/0-key"


def test_a_file_in_the_trash_or_locked_gives_no_source(uses: Uses) -> None:
    asked_alone(uses, video(trashed=True))
    with pytest.raises(MediaNotFoundError):
        GoogleDrive().sources(TOKEN, CLIP)
    asked_alone(uses, video(capabilities={"canDownload": False}))
    with pytest.raises(OriginalRefusedError):
        GoogleDrive().sources(TOKEN, CLIP)


def test_an_answer_with_another_status_is_a_changed_api(uses: Uses) -> None:
    asked_alone(uses, answer(b"", 204))
    with pytest.raises(ProviderContractError):
        GoogleDrive().find(TOKEN, "1AbcSynthetic")


def test_the_root_of_the_account_is_asked_for_by_its_name(uses: Uses) -> None:
    service = drive(page(video("a", parents=["x1"])), folders=(folder("x1", "My laptop", None),))
    uses(service)
    assert [item.folder for item in items_of(GoogleDrive())] == ["My laptop"]
    assert service.paths.count(f"{FILES}/root") == 1 and ROOT_ID not in service.paths
