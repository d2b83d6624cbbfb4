"""Dropbox's own SDK for Python, which nobody here wrote, takes the fake for Dropbox.

It finds the fake under Dropbox's names through a CONNECT proxy, and validates every field of every answer.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import dropbox as sdk
import pytest
import requests
import urllib3
from dropbox import DropboxOAuth2FlowNoRedirect, create_session
from dropbox.common import PathRoot
from dropbox.content_hash import DropboxContentHasher
from dropbox.exceptions import (
    ApiError,
    AuthError,
    BadInputError,
    HttpError,
    InternalServerError,
    PathRootError,
    RateLimitError,
)
from dropbox.files import DeletedMetadata, FileMetadata, FolderMetadata, PathOrLink, ThumbnailMode, ThumbnailSize
from stone.backends.python_rsrc.stone_validators import ValidationError

from local.fake_providers.dropbox import HOSTS
from local.fake_providers.dropbox_faults import DropboxEndpoint, DropboxFault
from local.fake_providers.library import Library
from tests.connect_proxy import connect_proxy
from tests.integration.dropbox_client import (
    EMPTY,
    FILES,
    FOLDERS,
    LONG,
    PAPER,
    ROOT,
    SCOPES,
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
from tests.integration.jpegs import size_of

# The SDK calls datetime.utcnow(), which Python gives up.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def service(folder: Path, tls: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The fake, which this process finds under Dropbox's names."""
    with (
        client_of(Library.load(folder), tls) as client,
        connect_proxy(dict.fromkeys(HOSTS, client.fake.port)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))
        yield client
        assert proxy.refused == []


@pytest.fixture
def session(service: Client) -> Iterator[requests.Session]:
    with create_session() as made:
        yield made


@pytest.fixture
def judge(service: Client, session: requests.Session) -> sdk.Dropbox:
    """The SDK with the fake's refresh token and no secret; it retries nothing."""
    return sdk.Dropbox(
        oauth2_refresh_token=service.fake.refresh_token,
        app_key=service.fake.app_key,
        session=session,
        max_retries_on_error=0,
        max_retries_on_rate_limit=0,
    )


def everything(judge: sdk.Dropbox, **argument: object) -> list[FileMetadata | FolderMetadata | DeletedMetadata]:
    found = judge.files_list_folder("", recursive=True, **argument)
    entries = list(found.entries)
    while found.has_more:
        found = judge.files_list_folder_continue(found.cursor)
        entries += found.entries
    return entries


# Listing


@pytest.mark.parametrize("limit", [1, 4, 2000])
def test_the_sdk_lists_every_file_and_folder(judge: sdk.Dropbox, limit: int) -> None:
    entries = everything(judge, limit=limit)
    assert {entry.path_display for entry in entries if isinstance(entry, FileMetadata)} == FILES
    assert {entry.path_display for entry in entries if isinstance(entry, FolderMetadata)} == FOLDERS
    assert len(entries) == len(FILES | FOLDERS)


def test_the_sdk_reads_the_metadata_of_a_file(judge: sdk.Dropbox, folder: Path) -> None:
    found = judge.files_get_metadata(ROOT, include_media_info=True)
    assert (found.size, f"{found.client_modified:%Y-%m-%d}") == (SIZES["three.mp4"], "2026-01-01")
    video = found.media_info.get_metadata()
    assert (video.duration, video.dimensions.width, f"{video.time_taken:%H:%M}") == (61_000, 1920, "09:59")
    assert judge.files_get_metadata(found.id).rev == judge.files_get_metadata(f"rev:{found.rev}").rev == found.rev
    paper = judge.files_get_metadata(PAPER)
    assert (paper.is_downloadable, paper.export_info.export_options) == (False, ["html", "markdown"])


def test_the_sdk_computes_the_same_content_hash_of_every_file(judge: sdk.Dropbox, folder: Path) -> None:
    sources = {TRIP: "one.mp4", LONG: "long.mp4", EMPTY: "empty.mp4", UMLAUT: "two.mp4"}
    for path, name in sources.items():
        hasher = DropboxContentHasher()
        hasher.update((folder / name).read_bytes())
        assert judge.files_get_metadata(path).content_hash == hasher.hexdigest()


def test_the_sdk_reads_the_account_and_its_space(judge: sdk.Dropbox, service: Client) -> None:
    account = judge.users_get_current_account()
    assert (account.account_id, account.account_type.is_pro()) == (service.fake.account_id, True)
    assert account.root_info.root_namespace_id == account.root_info.home_namespace_id
    assert judge.users_get_space_usage().allocation.get_individual().allocated > judge.users_get_space_usage().used
    service.fake.control.join_team()
    assert judge.users_get_current_account().root_info.home_path == "/Anna Example"
    assert judge.users_get_space_usage().allocation.get_team().user_within_team_space_limit_type.is_off()


# Downloading and ranges


@pytest.mark.parametrize(("path", "name"), [(TRIP, "one.mp4"), (LONG, "long.mp4"), (UMLAUT, "two.mp4")])
def test_the_sdk_downloads_a_file_byte_for_byte(
    judge: sdk.Dropbox, folder: Path, tmp_path: Path, path: str, name: str
) -> None:
    found = judge.files_download_to_file(str(tmp_path / "film"), path)
    assert (tmp_path / "film").read_bytes() == (folder / name).read_bytes()
    assert found.content_hash == judge.files_get_metadata(path).content_hash
    metadata, answer = judge.files_download(f"rev:{found.rev}")
    assert (metadata.id, answer.content) == (found.id, (folder / name).read_bytes())


def test_the_sdk_downloads_a_part_of_a_file(judge: sdk.Dropbox, folder: Path) -> None:
    metadata, answer = judge.files_download(LONG, extra_headers={"Range": "bytes=4194300-4194309"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (206, f"bytes 4194300-4194309/{metadata.size}")
    assert answer.content == (folder / "long.mp4").read_bytes()[4194300:4194310]
    with pytest.raises(HttpError) as refused:
        judge.files_download(EMPTY, extra_headers={"Range": "bytes=0-0"})
    assert refused.value.status_code == 416


def test_the_sdk_gets_a_temporary_link(
    judge: sdk.Dropbox, session: requests.Session, service: Client, folder: Path
) -> None:
    found = judge.files_get_temporary_link(TRIP)
    assert found.metadata.size == SIZES["one.mp4"]
    link = found.link.replace("https://api.dropboxapi.com", service.fake.base_url)
    assert session.get(link).content == (folder / "one.mp4").read_bytes()
    service.fake.control.advance_clock(4 * 3600 + 1)
    assert session.get(link).status_code == 410


# Thumbnails


def test_the_sdk_gets_the_thumbnail_of_a_photo(judge: sdk.Dropbox, service: Client) -> None:
    service.fake.control.put_file("/Photos/photo.JPG", "one.mp4")
    found, answer = judge.files_get_thumbnail_v2(
        PathOrLink.path("/Photos/photo.JPG"), size=ThumbnailSize.w480h320, mode=ThumbnailMode.fitone_bestfit
    )
    assert found.file_metadata.name == "photo.JPG" and size_of(answer.content)[0] == 480
    by_revision, _ = judge.files_get_thumbnail_v2(PathOrLink.path(f"rev:{found.file_metadata.rev}"))
    assert by_revision.file_metadata.id == found.file_metadata.id


def test_the_sdk_knows_why_there_is_no_thumbnail(judge: sdk.Dropbox, service: Client) -> None:
    service.fake.control.put_file("/photo.jpg", "one.mp4")
    service.fake.control.add_fault(DropboxFault.PICTURE_REFUSED, after=2)
    errors = []
    for path in (TRIP, "/nothing.jpg", "/photo.jpg"):
        with pytest.raises(ApiError) as refused:
            judge.files_get_thumbnail_v2(PathOrLink.path(path))
        errors.append(refused.value.error)
    assert errors[0].is_unsupported_extension() and errors[1].get_path().is_not_found()
    assert errors[2].is_unsupported_image()


# Changes


def test_the_sdk_sees_what_changes_after_a_cursor(judge: sdk.Dropbox, service: Client) -> None:
    cursor = judge.files_list_folder_get_latest_cursor("", recursive=True).cursor
    service.fake.control.put_file("/New/film.mp4", "two.mp4")
    service.fake.control.delete(ROOT)
    service.fake.control.move(LONG, "/Longer ride.mp4")
    assert judge.files_list_folder_longpoll(cursor).changes is True
    found = judge.files_list_folder_continue(cursor)
    assert [(type(entry), entry.path_display) for entry in found.entries] == [
        (FolderMetadata, "/New"),
        (FileMetadata, "/New/film.mp4"),
        (DeletedMetadata, ROOT),
        (DeletedMetadata, LONG),
        (FileMetadata, "/Longer ride.mp4"),
    ]
    assert judge.files_list_folder_continue(found.cursor).entries == []


def test_the_sdk_is_told_of_a_cursor_that_is_reset(judge: sdk.Dropbox, service: Client) -> None:
    cursor = judge.files_list_folder_get_latest_cursor("", recursive=True).cursor
    service.fake.control.reset_cursors()
    with pytest.raises(ApiError) as refused:
        judge.files_list_folder_continue(cursor)
    assert refused.value.error.is_reset()


def test_the_sdk_goes_on_over_empty_small_and_repeated_pages(judge: sdk.Dropbox, service: Client) -> None:
    service.fake.control.add_fault(DropboxFault.PAGE_EMPTY, after=1, times=3)
    service.fake.control.add_fault(DropboxFault.PAGE_SMALL, after=2)
    service.fake.control.add_fault(DropboxFault.ENTRIES_REPEATED, times=1)
    assert {entry.path_display for entry in everything(judge, limit=3)} == FILES | FOLDERS


# Errors


@pytest.mark.parametrize(
    ("path", "says"),
    [("/nothing", "is_not_found"), ("/Trips", "is_not_file"), (SONG, "is_restricted_content")],
)
def test_the_sdk_knows_why_a_download_is_refused(judge: sdk.Dropbox, path: str, says: str) -> None:
    with pytest.raises(ApiError) as refused:
        judge.files_download(path)
    assert getattr(refused.value.error.get_path(), says)()


def test_the_sdk_knows_what_has_to_be_exported(judge: sdk.Dropbox) -> None:
    with pytest.raises(ApiError) as refused:
        judge.files_download(PAPER)
    assert refused.value.error.is_unsupported_file()


@pytest.mark.parametrize("path", ["/nothing", ROOT])
def test_the_sdk_knows_why_a_listing_is_refused(judge: sdk.Dropbox, path: str) -> None:
    with pytest.raises(ApiError) as refused:
        judge.files_list_folder(path)
    error = refused.value.error.get_path()
    assert (error.is_not_found(), error.is_not_folder()) == (path != ROOT, path == ROOT)


def test_the_sdk_knows_why_a_link_is_refused(judge: sdk.Dropbox, service: Client) -> None:
    service.fake.control.set_email_verified(False)
    with pytest.raises(ApiError) as refused:
        judge.files_get_temporary_link(TRIP)
    assert refused.value.error.is_email_not_verified()


def test_the_sdk_is_told_how_long_to_wait(judge: sdk.Dropbox, service: Client) -> None:
    service.fake.control.add_fault(DropboxFault.THROTTLED, times=1, retry_after=300)
    service.fake.control.add_fault(
        DropboxFault.THROTTLED_TEXT, endpoint=DropboxEndpoint.LIST, after=1, times=1, retry_after=7
    )
    for seconds in (300, 7):
        with pytest.raises(RateLimitError) as refused:
            judge.files_list_folder("")
        assert refused.value.backoff == seconds


def test_the_sdk_tells_failures_from_bad_input(judge: sdk.Dropbox, service: Client) -> None:
    judge.files_get_metadata(TRIP)
    service.fake.control.add_fault(DropboxFault.SERVER_ERROR, times=1, status=503)
    with pytest.raises(InternalServerError):
        judge.files_get_metadata(TRIP)
    service.fake.control.add_fault(DropboxFault.BAD_INPUT, times=1)
    with pytest.raises(BadInputError):
        judge.files_get_metadata(TRIP)


def test_the_sdk_takes_a_path_root_and_is_told_of_a_new_one(judge: sdk.Dropbox, service: Client) -> None:
    service.fake.control.put_team_file("/Team films/one.mp4", "one.mp4")
    new = service.fake.control.join_team()
    rooted = judge.with_path_root(PathRoot.root(new))
    assert "/Team films/one.mp4" in {entry.path_display for entry in everything(rooted)}
    with pytest.raises(PathRootError) as refused:
        judge.with_path_root(PathRoot.root("1")).files_list_folder("")
    assert refused.value.error.get_invalid_root().root_namespace_id == new
    with pytest.raises(PathRootError) as refused:
        judge.with_path_root(PathRoot.namespace_id("1")).files_list_folder("")
    assert refused.value.error.is_no_permission()


def test_the_sdk_would_notice_an_answer_that_is_not_as_dropboxs(judge: sdk.Dropbox, service: Client) -> None:
    judge.users_get_current_account()
    service.fake.control.add_fault(DropboxFault.CHARSET_NAMED, times=1)
    with pytest.raises(AssertionError, match="application/json"):
        judge.files_list_folder("")
    service.fake.control.add_fault(DropboxFault.ROW_ODD, times=1, values={"rev": "short"})
    with pytest.raises(ValidationError, match="rev"):
        judge.files_list_folder("")
    service.fake.control.add_fault(DropboxFault.RESULT_MISSING, times=1)
    with pytest.raises(KeyError, match="dropbox-api-result"):
        judge.files_download(TRIP)


# Tokens


def test_the_sdk_refreshes_without_a_secret_when_a_token_expires_midway(judge: sdk.Dropbox, service: Client) -> None:
    found = judge.files_list_folder("", recursive=True, limit=4)
    service.fake.control.add_fault(DropboxFault.ACCESS_TOKEN_DIES, endpoint=DropboxEndpoint.CONTINUE, times=1)
    assert len(judge.files_list_folder_continue(found.cursor).entries) == 4
    assert service.fake.control.stats()["token_refreshes"] == 2


@pytest.mark.parametrize(
    ("tag", "says"),
    [
        ("invalid_access_token", "is_invalid_access_token"),
        ("user_suspended", "is_user_suspended"),
        ("invalid_select_user", "is_invalid_select_user"),
        ("missing_scope", "is_missing_scope"),
    ],
)
def test_the_sdk_knows_why_a_token_is_refused(judge: sdk.Dropbox, service: Client, tag: str, says: str) -> None:
    service.fake.control.add_fault(DropboxFault.TOKEN_REFUSED, tag=tag)
    with pytest.raises(AuthError) as refused:
        judge.files_get_metadata(TRIP)
    assert getattr(refused.value.error, says)()
    if tag == "missing_scope":
        assert refused.value.error.get_missing_scope().required_scope == "files.content.read"


def test_the_sdk_is_told_of_a_revoked_consent(judge: sdk.Dropbox, service: Client) -> None:
    service.fake.control.revoke()
    with pytest.raises(AuthError) as refused:
        judge.files_get_metadata(TRIP)
    assert refused.value.error.is_invalid_access_token()


def test_the_sdk_revokes_its_own_token(judge: sdk.Dropbox, service: Client) -> None:
    judge.auth_token_revoke()
    assert service.refresh().status == 400


def test_the_sdk_gets_tokens_with_pkce_and_a_pasted_code(service: Client, folder: Path) -> None:
    flow = DropboxOAuth2FlowNoRedirect(
        service.fake.app_key, use_pkce=True, token_access_type="offline", scope=list(SCOPES)
    )
    granted = flow.finish(pasted_code(service, flow.start()))
    assert (granted.account_id, granted.scope) == (service.fake.account_id, " ".join(SCOPES))
    with sdk.Dropbox(oauth2_refresh_token=granted.refresh_token, app_key=service.fake.app_key) as judge:
        assert judge.files_download(TRIP)[1].content == (folder / "one.mp4").read_bytes()
    with pytest.raises(requests.HTTPError):
        flow.finish("another code")


def pasted_code(service: Client, url: str) -> str:
    """What its owner does: opens the page, reads it, allows, and copies the code."""
    assert url.startswith("https://www.dropbox.com/oauth2/authorize?")
    url = url.replace("https://www.dropbox.com", service.fake.base_url)
    page = service.http.request("GET", url).data.decode()
    kept = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)">', page)}
    answer: urllib3.BaseHTTPResponse = service.http.request(
        "POST", url.partition("?")[0], fields=kept | {"decision": "allow"}, encode_multipart=False
    )
    return str(re.findall(r'class="auth-code" value="([^"]+)"', answer.data.decode())[0])
