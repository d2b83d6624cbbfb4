"""Google's own client libraries find the fake Google Drive, and its authorization server, to be theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.fake_providers.google_drive import HOSTS, FakeGoogleDrive, running
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.google_drive_fields import FILE
from local.fake_providers.library import Library
from tests.integration.google_drive_client import ALL_DRIVES, MINE, SIZES, VIDEOS, write_library
from tests.integration.jpegs import size_of
from tests.integration.judges.consent import grant
from tests.integration.judges.google_client import GoogleClient, google_client
from tests.integration.judges.programs import Authority, new_authority

BOTH = dict.fromkeys(ALL_DRIVES, True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def served(folder: Path, authority: Authority) -> Iterator[FakeGoogleDrive]:
    with running(Library.load(folder), authority.server(HOSTS)) as fake:
        yield fake


@pytest.fixture(scope="module")
def library(served: FakeGoogleDrive, authority: Authority) -> Iterator[GoogleClient]:
    with google_client(served, authority) as client:
        yield client


@pytest.fixture
def fake(served: FakeGoogleDrive) -> FakeGoogleDrive:
    served.control.reset()
    return served


@pytest.fixture
def google(fake: FakeGoogleDrive, library: GoogleClient) -> GoogleClient:
    library.result("connect", access_token=fake.access_token, refresh_token=fake.refresh_token)
    return library


def rows(pages: list[Any], name: str = "files") -> list[Any]:
    return [row for page in pages for row in page[name]]


def test_it_lists_page_after_page(google: GoogleClient, folder: Path) -> None:
    fields = "nextPageToken,incompleteSearch,files(id,size,sha256Checksum,videoMediaMetadata)"
    pages = google.result("pages", q=VIDEOS, pageSize=3, orderBy="modifiedTime desc", fields=fields)
    assert [len(page["files"]) for page in pages] == [3, 3, 1]
    assert [row["id"] for row in rows(pages)] == [*MINE, "locked"]
    first = rows(pages)[0]
    assert first["sha256Checksum"] == hashlib.sha256((folder / "clip.mp4").read_bytes()).hexdigest()
    assert (first["size"], first["videoMediaMetadata"]["durationMillis"]) == (str(SIZES["clip.mp4"]), "61000")


def test_it_goes_on_after_an_empty_page(fake: FakeGoogleDrive, google: GoogleClient) -> None:
    fake.control.add_fault(DriveFault.PAGE_EMPTY, times=2)
    pages = google.result("pages", q=VIDEOS, fields="nextPageToken,files(id)")
    assert [len(page["files"]) for page in pages] == [0, 0, 7]


def test_it_lists_a_shared_drive(google: GoogleClient) -> None:
    (shared,) = google.result("drives")["drives"]
    found = google.result("pages", corpora="drive", driveId=shared["id"], q="mimeType = 'video/mp4'", **BOTH)
    assert [row["id"] for row in rows(found)] == ["team"]
    assert google.result("drive", driveId=shared["id"])["name"] == "Family videos"


def test_it_tells_whose_account_it_is(google: GoogleClient) -> None:
    assert google.result("about", fields="user")["user"]["me"] is True


@pytest.mark.parametrize(("chunk", "parts"), [(1 << 20, 1), (100_000, 4), (300_001, 1)])
def test_it_downloads_in_ranges(google: GoogleClient, folder: Path, chunk: int, parts: int) -> None:
    got = google.result("download", fileId="clip", chunk=chunk)
    expected = hashlib.sha256((folder / "clip.mp4").read_bytes()).hexdigest()
    assert got == {"sha256": expected, "parts": parts}


def test_it_downloads_an_empty_file(google: GoogleClient) -> None:
    got = google.result("download", fileId="empty", chunk=1 << 20)
    assert got["sha256"] == hashlib.sha256(b"").hexdigest()


def test_it_downloads_an_older_revision(fake: FakeGoogleDrive, google: GoogleClient, folder: Path) -> None:
    revision = google.result("get", fileId="clip", fields="headRevisionId")["headRevisionId"]
    fake.control.replace_content("clip", "other.mp4")
    old = google.result("download", fileId="clip", chunk=1 << 20, revision=revision)
    new = google.result("download", fileId="clip", chunk=1 << 20)
    assert old["sha256"] == hashlib.sha256((folder / "clip.mp4").read_bytes()).hexdigest()
    assert new["sha256"] == hashlib.sha256((folder / "other.mp4").read_bytes()).hexdigest()


def test_it_has_the_thumbnail_of_a_video_and_knows_of_none_elsewhere(google: GoogleClient) -> None:
    got = google.result("thumbnail", fileId="clip")
    assert (got["hasThumbnail"], got["status"], got["type"]) == (True, 200, "image/jpeg")
    assert got["thumbnailLink"].endswith("=s220") and size_of(bytes.fromhex(got["content"]))[0] == 220
    assert google.result("get", fileId="empty", fields="hasThumbnail,thumbnailLink") == {"hasThumbnail": False}
    listed = google.result("pages", q="name = 'clip.mp4'", fields="files(id,hasThumbnail,thumbnailLink)")
    assert all(row["thumbnailLink"].startswith("https://") for row in rows(listed))


def test_it_reads_the_feed(fake: FakeGoogleDrive, google: GoogleClient) -> None:
    token = google.result("start")["startPageToken"]
    fake.control.put_item({"id": "fresh", "sources": ["other.mp4"]})
    fake.control.trash_item("twin")
    fake.control.delete_item("holiday")
    fields = "nextPageToken,newStartPageToken,changes(fileId,removed,file(name,trashed))"
    pages = google.result("changes", pageToken=token, pageSize=2, fields=fields)
    assert [len(page["changes"]) for page in pages] == [2, 1]
    found = {row["fileId"]: (row["removed"], row.get("file", {}).get("trashed")) for row in rows(pages, "changes")}
    assert found == {"fresh": (False, False), "twin": (False, True), "holiday": (True, None)}
    again = google.result("changes", pageToken=pages[-1]["newStartPageToken"])
    assert rows(again, "changes") == []


@pytest.mark.parametrize(
    ("do", "params", "status", "reason"),
    [
        ("get", {"fileId": "nobody"}, 404, "notFound"),
        ("get", {"fileId": "team"}, 404, "notFound"),
        ("get", {"fileId": "clip", "fields": "colour"}, 400, "invalidParameter"),
        ("get", {"fileId": "clip", "acknowledgeAbuse": True}, 403, "invalidAbuseAcknowledgment"),
        ("pages", {"q": "colour = 'red'"}, 400, "invalid"),
        ("pages", {"pageToken": "bogus"}, 400, "invalid"),
        ("pages", {"corpora": "drive", **BOTH}, 400, "invalid"),
        ("changes", {"pageToken": "bogus"}, 400, "invalid"),
        ("download", {"fileId": "notes", "chunk": 1000}, 403, "fileNotDownloadable"),
        ("download", {"fileId": "locked", "chunk": 1000}, 403, "cannotDownloadFile"),
        ("about", {}, 400, "required"),
        ("drive", {"driveId": "nobody"}, 404, "notFound"),
    ],
)
def test_it_reads_the_reason_of_a_refusal(
    google: GoogleClient, do: str, params: dict[str, Any], status: int, reason: str
) -> None:
    answer = google.ask(do, **params)
    assert (answer["status"], answer["reason"]) == (status, reason) and answer["text"]


@pytest.mark.parametrize("kind", [DriveFault.DOWNLOAD_QUOTA, DriveFault.ABUSIVE])
def test_it_reads_why_bytes_are_refused(fake: FakeGoogleDrive, google: GoogleClient, kind: DriveFault) -> None:
    fake.control.add_fault(kind, media_id="clip")
    answer = google.ask("download", fileId="clip", chunk=1000)
    reasons = {DriveFault.DOWNLOAD_QUOTA: "downloadQuotaExceeded", DriveFault.ABUSIVE: "cannotDownloadAbusiveFile"}
    assert (answer["status"], answer["reason"]) == (403, reasons[kind])


def test_it_asks_again_when_it_is_told_to_slow_down(fake: FakeGoogleDrive, google: GoogleClient) -> None:
    fake.control.add_fault(DriveFault.REFUSED, endpoint=DriveEndpoint.GET, times=1)
    assert google.result("get", fileId="clip", fields="id") == {"id": "clip"}
    assert fake.control.stats()["requests"]["files.get"] == {"403": 1, "200": 1}


def test_it_renews_a_token_that_has_ended_and_goes_on(fake: FakeGoogleDrive, google: GoogleClient) -> None:
    fake.control.expire_access_tokens()
    assert google.result("get", fileId="clip", fields="id") == {"id": "clip"}
    assert fake.control.stats()["token_refreshes"] == 1


def test_it_names_a_dead_refresh_token(fake: FakeGoogleDrive, google: GoogleClient) -> None:
    fake.control.revoke_consent()
    assert google.ask("get", fileId="clip") == {"refresh": "invalid_grant"}


def test_an_installed_app_gets_tokens_from_the_consent_page(
    fake: FakeGoogleDrive, google: GoogleClient, authority: Authority
) -> None:
    tokens = google.authorize(lambda url: grant(url, authority.client()), access_type="offline", prompt="consent")
    assert tokens == {"access_token": fake.access_token, "refresh_token": fake.refresh_token}
    google.result("connect", **tokens)
    assert google.result("get", fileId="clip", fields="id") == {"id": "clip"}


OF_JSON = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object"}


def test_every_field_is_one_of_drives_and_of_its_type(fake: FakeGoogleDrive, google: GoogleClient) -> None:
    token = google.result("start")["startPageToken"]
    fake.control.rename_item("clip", "new.mp4")
    everything = google.result("pages", fields="*", pageSize=1000, **BOTH)[0]
    sent = {
        "FileList": [everything],
        "File": everything["files"],
        "ChangeList": google.result("changes", pageToken=token, fields="*"),
        "Change": rows(google.result("changes", pageToken=token, fields="*"), "changes"),
        "DriveList": [google.result("drives", fields="*")],
        "Drive": google.result("drives", fields="*")["drives"],
        "About": [google.result("about", fields="*")],
    }
    known = google.result("schemas", names=list(sent))
    for name, answers in sent.items():
        assert answers
        types = {field: OF_JSON[type(value)] for answer in answers for field, value in answer.items()}
        assert types.items() <= known[name].items(), name
    assert set(FILE) == set(known["File"])
