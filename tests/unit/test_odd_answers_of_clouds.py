"""Google Drive and Dropbox, with any value in place of any other: each row is an item, or counted, or the answer is
refused with one of our errors. Nothing else ever comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cloud_sync_common.exceptions import (
    CloudSyncError,
    ConfigurationError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalRefusedError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from cloud_sync_common.file_services.media_files import NOT_DOWNLOADABLE, OTHER_FILES
from cloud_sync_common.filters import EVERYTHING, Filters
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import Credentials, Fingerprint, MediaItem, MediaPage, Provider
from cloud_sync_common.providers.dropbox import Dropbox
from cloud_sync_common.providers.google_drive import GoogleDrive, Reach
from cloud_sync_common.stores import archive_keys
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import drive_service, dropbox_service
from tests.unit.gopro_service import answer
from tests.unit.routed_service import RoutedService

TOKEN = "synthetic-access-token-0"
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["video/mp4", "a.mp4", "id:a", "2026-01-02T10:00:00Z", "-1", "1e9", "../..", "\x00", "x" * 9000])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
ODD = (ProviderContractError, ProviderUnavailableError)


def replaced(rows: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Any]:
    """A row with other values in some of its fields, or something that is no row at all."""
    fields = st.dictionaries(
        st.sampled_from([*drive_service.video(), *dropbox_service.video(), "symlink_info", "imageMediaMetadata"]),
        VALUES,
    )
    return st.builds(lambda row, other: row | other, rows, fields) | VALUES


DRIVE_ROWS = replaced(
    st.sampled_from(
        [
            drive_service.video(),
            drive_service.folder("f1", "Trips"),
            drive_service.video(
                "s1", mimeType=drive_service.SHORTCUT, shortcutDetails={"targetId": "t1", "targetMimeType": "video/mp4"}
            ),
        ]
    )
)
DROPBOX_ROWS = replaced(
    st.sampled_from([dropbox_service.video(), dropbox_service.folder("/Trips"), dropbox_service.deleted("/Trips")])
)


class AnyFile(RoutedService):
    """Every path that has no answer gives this one: files that are asked for by themselves."""

    def __init__(self, otherwise: Any) -> None:
        super().__init__()
        self.otherwise = otherwise

    def request(self, method: str, url: str, **asked: Any) -> Any:
        try:
            return super().request(method, url, **asked)
        except KeyError:
            return answer(self.otherwise)


def given_by[T](service: RoutedService, call: Callable[[], T], *allowed: type[CloudSyncError]) -> T | None:
    """What a call gives; None where it raises one of the allowed errors, whose message shows no token."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(http_client, "request", service.request)
        try:
            return call()
        except allowed as error:
            said = str(error)
    assert said and TOKEN not in said
    return None


def check_items(items: tuple[MediaItem, ...]) -> None:
    for item in items:
        assert msgspec.json.decode(msgspec.json.encode(item), type=MediaItem) == item
        assert item.media_id and item.filename and item.kind in ("video", "photo")


def check_page(page: MediaPage | None, rows: int) -> None:
    """Every row is an item or counted, and other files are named too."""
    if page is None:
        return
    check_items(page.items)
    assert len(page.items) + sum(page.left_out.values()) <= rows
    others = page.left_out.get(OTHER_FILES, 0) + page.left_out.get("kinds", 0)
    assert others <= len(page.ignored) <= others + page.left_out.get(NOT_DOWNLOADABLE, 0)


@given(rows=st.lists(DRIVE_ROWS, max_size=4), alone=DRIVE_ROWS, filters=st.sampled_from([Filters(), EVERYTHING]))
def test_any_rows_of_google_drive_are_items_or_counted_or_refused(rows: Any, alone: Any, filters: Filters) -> None:
    service = AnyFile(alone)
    service.gives(drive_service.START, {"startPageToken": "4711"})
    service.gives(drive_service.FILES, drive_service.page(), drive_service.page(*rows))
    provider = GoogleDrive(reach=Reach(shared_with_me=True, shortcuts=True))
    page = given_by(service, lambda: provider.list_media(TOKEN, None, filters), *ODD)
    check_page(page, len(rows))
    if page and not any(isinstance(row, dict) and "driveId" in row for row in (*rows, alone)):
        assert len(page.items) + sum(page.left_out.values()) == len(rows)


@given(rows=st.lists(DROPBOX_ROWS, max_size=4), filters=st.sampled_from([Filters(), EVERYTHING]))
def test_any_entries_of_dropbox_are_items_or_counted_or_refused(rows: Any, filters: Filters) -> None:
    service = RoutedService()
    service.gives(dropbox_service.LIST, dropbox_service.page(*rows))
    page = given_by(service, lambda: Dropbox().list_media(TOKEN, None, filters), *ODD)
    check_page(page, len(rows))


BODIES = st.dictionaries(
    st.sampled_from(
        ["files", "changes", "entries", "cursor", "has_more", "nextPageToken", "newStartPageToken", "incompleteSearch",
         "startPageToken", "user", "account_id", "id", "name", "error"]
    ),
    VALUES | st.lists(DRIVE_ROWS, max_size=2),
) | VALUES  # fmt: skip


@given(body=BODIES, calls=st.sampled_from(["list", "go on", "validate", "find", "sources"]))
@pytest.mark.parametrize("make", [GoogleDrive, Dropbox])
def test_any_body_with_status_200_is_understood_or_refused(make: Callable[[], Provider], body: Any, calls: str) -> None:
    service, provider = AnyFile(body), make()
    item = MediaItem(media_id="id:a" if provider.name == "dropbox" else "a", filename="a.mp4")
    credentials = Credentials(provider=provider.name, access_token=TOKEN, version="v")
    cursor = '{"in_feed":true,"token":"t","starts":["4711"]}'
    tried: dict[str, Callable[[], object]] = {
        "list": lambda: provider.list_media(TOKEN, None, Filters()),
        "go on": lambda: provider.list_media(TOKEN, cursor, Filters()),
        "validate": lambda: provider.validate(credentials),
        "find": lambda: provider.find(TOKEN, item.media_id),
        "sources": lambda: provider.sources(TOKEN, item),
    }
    given_by(service, tried[calls], *ODD, MediaNotFoundError, OriginalRefusedError)


@given(row=st.sampled_from([DRIVE_ROWS, DROPBOX_ROWS]).flatmap(lambda rows: rows))
@pytest.mark.parametrize("make", [GoogleDrive, Dropbox])
def test_any_file_that_can_be_read_has_a_key_and_headers_that_can_be_sent(
    make: Callable[[], Provider], row: Any
) -> None:
    provider = make()
    media_id = "id:synthFile" if provider.name == "dropbox" else "1AbcSynthetic"
    service = AnyFile(row | {"id": media_id} if isinstance(row, dict) else row)
    item = MediaItem(media_id=media_id, filename="a.mp4")
    allowed = (*ODD, MediaNotFoundError, OriginalRefusedError)
    for source in given_by(service, lambda: provider.sources(TOKEN, item), *allowed) or []:
        key = archive_keys.object_key(provider.name, item, source)
        assert key.isascii() and len(key) <= 1024 and key.count("/") == 4
        stored = archive_keys.metadata(provider.name, item, source, Fingerprint(1, "", "", source.listed))
        assert sum(len(name) + len(value) for name, value in stored.items()) <= 2048
        sent = "".join((*source.headers, *source.headers.values(), source.url))
        assert sent.isascii() and sent.isprintable()


@given(
    status=st.sampled_from([400, 401, 403, 404, 409, 422, 429, 500]),
    body=BODIES.map(msgspec.json.encode) | st.binary(max_size=60),
    kind=st.sampled_from(["application/json", "text/plain", "text/html", ""]),
)
@pytest.mark.parametrize("make", [GoogleDrive, Dropbox])
def test_any_refusal_is_one_of_our_errors(make: Callable[[], Provider], status: int, body: bytes, kind: str) -> None:
    provider, headers = make(), {"content-type": kind}
    meaning = provider.refusal(status, headers, body)
    assert meaning is None or isinstance(meaning, CloudSyncError)
    service = RoutedService()
    refused = answer(body, status, Content_Type=kind)
    service.routes = {path: [refused] for path in ("/token", "/oauth2/token")}
    credentials = Credentials("x", TOKEN, "refresh-token-0", "client", "secret", version="v")
    errors = (*ODD, CredentialsExpiredError, ConfigurationError, ProviderThrottledError)
    assert given_by(service, lambda: provider.refresh(credentials), *errors) is None
    everywhere = AnyFile(b"")
    everywhere.request = lambda *_, **__: answer(body, status, Content_Type=kind)  # type: ignore[method-assign]
    for call in (provider.validate, lambda _: provider.list_media(TOKEN, None, Filters())):
        assert given_by(everywhere, lambda: call(credentials), *errors) is None  # noqa: B023
