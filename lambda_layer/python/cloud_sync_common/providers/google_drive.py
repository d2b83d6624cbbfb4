"""Google Drive, by its API v3. Where the facts come from is in docs/drive-and-dropbox.md; "discovery" is Google's own
description of the API, drive.v3.json.

A listing is one flat query for each place (the account's own files, those of others, each shared drive), closed by the
feeds of changes. There is no count: what shows that a listing is whole is that no page says `incompleteSearch`, that
the last page was reached, and that what has changed meanwhile is in a feed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import msgspec
import requests

from cloud_sync_common.exceptions import (
    CloudSyncError,
    ConfigurationError,
    MediaNotFoundError,
    OriginalNotReadyError,
    OriginalRefusedError,
    ProviderUnavailableError,
)
from cloud_sync_common.file_services import media_files
from cloud_sync_common.file_services.folder_tree import ROOT, FolderTree
from cloud_sync_common.file_services.listing_cursor import FeedCursor, PageTokenRefused, page_of, rows_of_pages
from cloud_sync_common.file_services.refusals import words_in
from cloud_sync_common.file_services.rows import Row, check_ids, hashes_of, id_of, name_of, rows_of, token_in, word
from cloud_sync_common.file_services.sorted_rows import SortedRows
from cloud_sync_common.file_services.token_endpoint import TokenEndpoint
from cloud_sync_common.filters import KINDS, VIDEO
from cloud_sync_common.http import answers, loose_json
from cloud_sync_common.http import client as http_client
from cloud_sync_common.provider_interface import (
    Capabilities,
    Credentials,
    Filters,
    MediaItem,
    MediaPage,
    MediaSource,
    PictureLink,
)
from cloud_sync_common.providers import google_refusals
from cloud_sync_common.providers.google_refusals import SIGNED_OUT, STORE
from cloud_sync_common.providers.google_refusals import TOO_NARROW as TOO_NARROW  # noqa: PLC0414 (the command's too)
from cloud_sync_common.xray_utils import subsegment

API, OAUTH = "https://www.googleapis.com", "https://oauth2.googleapis.com"
# Google's servers for thumbnails, which want the token where the file is not public (discovery, thumbnailLink).
THUMBNAILS = tuple(f"https://lh{number}.googleusercontent.com" for number in range(3, 7))
PER_PAGE = 1_000  # the most that a page can have, of files and of changes (discovery)
FOLDER_PAGES = 50  # that are read beforehand; a folder beyond them is asked for by itself
MOST_DRIVES = 20  # whose positions in their feeds a cursor has room for
PICTURE_SIDE, LINK_LIMIT = 480, 8_192  # pixels of the longer side of a thumbnail; characters of its link
UNUSED_DAYS = 180  # after which a refresh token that nobody used ends (OAuth guide: six months)
_ID = re.compile(r"[A-Za-z0-9_-]+")
FOLDER, SHORTCUT = "application/vnd.google-apps.folder", "application/vnd.google-apps.shortcut"
_OWN_KINDS = "application/vnd.google-apps."  # documents, sheets, maps, ...: they have no bytes of their own
FILE_FIELDS = (
    "id,name,mimeType,size,md5Checksum,sha256Checksum,headRevisionId,createdTime,modifiedTime,parents,driveId,trashed,"
    "ownedByMe,resourceKey,capabilities(canDownload),videoMediaMetadata(durationMillis),imageMediaMetadata(time),"
    "shortcutDetails(targetId,targetMimeType,targetResourceKey)"
)
_HASHES = {"sha256": "sha256Checksum", "md5": "md5Checksum"}  # the first one a file has names its version
SCOPES = frozenset({f"{API}/auth/drive", f"{API}/auth/drive.readonly"})

LISTING = "the listing at Google Drive"
ITEM = "the request for one file at Google Drive"
RENEWAL = "the renewal of the token at Google Drive"
CHECK = "the check of the token at Google Drive"
INCOMPLETE = "Google Drive has not searched everywhere (incompleteSearch): files would be missing. Start the run again."
# Google says `invalid_grant` for every way in which a refresh token ends (OAuth guide, "Refresh token expiration").
ENDED = (
    "Google no longer accepts the stored refresh token: the OAuth consent screen is still in 'Testing', where every "
    "token ends after seven days (set its publishing status to 'In production'), or the access was revoked"
)
NOT_RENEWED = "Google refuses to renew the stored token, for a reason that this version does not know"
UNUSED = "Google no longer accepts the stored refresh token, because it was not used for six months"
_REAUTH = "The administrator of this Google Workspace ends sessions ('session control'); have the OAuth client trusted"
_CODES = {
    "invalid_grant": ENDED,
    **dict.fromkeys(("invalid_rapt", "rapt_required"), _REAUTH),  # google-auth, oauth2/reauth.py
    "invalid_request": "Google cannot use the stored client_id and client_secret; store those of a 'Desktop app'",
    "invalid_client": "Google does not know the client_id with this client_secret; copy both from the Cloud console",
    "deleted_client": "The OAuth client of the stored client_id was deleted; create another one, a 'Desktop app'",
    "disabled_client": "The OAuth client of the stored client_id is disabled; enable it in the Google Cloud console",
    "unauthorized_client": "The stored refresh token was issued to another OAuth client; store that one's client_id",
    "admin_policy_enforced": "The administrator of this Google account does not allow the OAuth client; ask for that",
    "org_internal": "The OAuth client is for its own organisation only; set its user type to 'External'",
}
_LOST = "This Google account cannot see a shared drive in the settings. Have it added again, or take the drive out."
_NO_DRIVE = "Google Drive does not know this account's own drive. See whether drive.google.com opens with this account."


class Reach(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is listed beside the account's own files: the files of others that it can see, the shared drives with these
    ids, and what its shortcuts lead to."""

    shared_with_me: bool = False
    shared_drives: tuple[str, ...] = ()
    shortcuts: bool = False


OWN_FILES = Reach()
type Query = Mapping[str, str | int]
type Place = tuple[str, str]


class _Cursor(FeedCursor, frozen=True, kw_only=True, omit_defaults=True):
    """`part` is the number of the place that is listed, or of the feed. `starts` are the positions of the feeds."""

    part: int = 0
    starts: tuple[str, ...] = ()


class GoogleDrive:
    """Implements provider_interface.Provider."""

    name = "google_drive"
    capabilities = Capabilities()

    def __init__(self, base_url: str = API, oauth_url: str = OAUTH, reach: Reach = OWN_FILES) -> None:
        if len(reach.shared_drives) > MOST_DRIVES or not all(map(_ID.fullmatch, reach.shared_drives)):
            raise ConfigurationError(f"The shared drives must be at most {MOST_DRIVES} ids, as in their addresses.")
        self._base_url, self._reach = base_url, reach
        self.media_origins: tuple[str, ...] = (base_url,)
        self.picture_origins: tuple[str, ...] = (base_url, *THUMBNAILS)
        self._tokens = TokenEndpoint(f"{oauth_url}/token", RENEWAL, _CODES, NOT_RENEWED, STORE, SCOPES, TOO_NARROW)
        self._folders, self._with_folders = FolderTree(), set[Place]()  # the places whose folders are known

    def validate(self, credentials: Credentials) -> Credentials:
        """GET /about, one of the cheapest calls. See Provider."""
        response = self._answer_of("about", credentials.access_token or "", CHECK, {"fields": "user(permissionId)"})
        user = loose_json.as_object(answers.json_object(response, CHECK).get("user"))
        return replace(credentials, user_id=credentials.user_id or word(user, "permissionId") or None)

    def refresh(self, credentials: Credentials) -> Credentials:
        """The refresh token stays the same. See Provider."""
        unused = time.time() - (credentials.stored_at or time.time()) > UNUSED_DAYS * 86_400
        tokens = replace(self._tokens, refused=_CODES | {"invalid_grant": UNUSED}) if unused else self._tokens
        fields = {"client_id": credentials.client_id or "", "client_secret": credentials.client_secret or ""}
        return tokens.renewed(credentials, fields)

    def list_media(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        """One page of a place, or of a feed. See Provider. Nothing is filtered but photos that nobody wants: whoever
        reports what is left out has to see it."""
        kinds = KINDS if filters.wants_photos else (VIDEO,)
        at = _Cursor.of(cursor)
        try:
            if len(at.starts) != len(self._feeds) or at.part >= len(self._places):
                at = _Cursor(starts=tuple(self._position(token, drive) for drive in self._feeds))
            if not at.in_feed:
                return self._files(token, at, kinds)
            # What is left alone was counted by the listing.
            return msgspec.structs.replace(self._changes(token, at, kinds), left_out={})
        except PageTokenRefused:
            return MediaPage(items=(), next_cursor=at.again().text())

    @property
    def _feeds(self) -> tuple[str, ...]:
        """The shared drives whose feeds are read; empty for the account's own feed."""
        return ("", *self._reach.shared_drives)

    @property
    def _places(self) -> tuple[Place, ...]:
        """What is listed: a condition, and the id of a shared drive."""
        others = [("not 'me' in owners", "")] if self._reach.shared_with_me else []
        return (("'me' in owners", ""), *others, *(("", drive) for drive in self._reach.shared_drives))

    def _position(self, token: str, drive: str) -> str:
        """Where a feed is now. Positions do not expire (discovery)."""
        query = {"supportsAllDrives": "true", **({"driveId": drive} if drive else {})}
        response = self._answer_of("changes/startPageToken", token, LISTING, query)
        return token_in(answers.json_object(response, LISTING), "startPageToken", response, LISTING)

    def _files(self, token: str, at: _Cursor, kinds: tuple[str, ...]) -> MediaPage:
        """One page of a place."""
        place = self._places[at.part]
        self._know_folders(token, place)
        types = ("video/", "application/", "image/")[: len(kinds) + 1]
        wanted = " or ".join(f"mimeType contains '{kind}'" for kind in types)
        rows, following = self._rows(token, place, f"({wanted})", at.token)
        if following:
            return self._page(token, rows, kinds, at.turned(following, len(rows)))
        if place[1]:  # a shared drive that one has lost lists as empty, without an error (rclone, backend/drive)
            self._answer_of(f"drives/{place[1]}", token, LISTING, {"fields": "id"})
        last = at.part + 1 == len(self._places)
        return self._page(token, rows, kinds, at.begun(in_feed=last, part=0 if last else at.part + 1))

    def _rows(self, token: str, place: Place, wanted: str, page: str) -> tuple[list[Row], str]:
        """One page of files that are not in the trash, and the token of the next one, empty at the end."""
        return page_of(partial(self._some_rows, token, place, wanted, page), PER_PAGE)

    def _some_rows(self, token: str, place: Place, wanted: str, page: str, most: int) -> tuple[list[Row], str]:
        condition, drive = place
        query: dict[str, str | int] = {
            "q": " and ".join(filter(None, ("trashed = false", condition, wanted))),
            "pageSize": most,
            "fields": f"nextPageToken,incompleteSearch,files({FILE_FIELDS})",
            "corpora": "drive" if drive else "user",
            **_in_drive(drive),
            **({"pageToken": page} if page else {}),
        }
        response = self._answer_of("files", token, LISTING, query)
        answer = answers.json_object(response, LISTING)
        if answer.get("incompleteSearch", False) is not False:
            raise ProviderUnavailableError(INCOMPLETE)
        rows = rows_of(answer, "files", ("id", "mimeType"), response, LISTING)
        check_ids(rows, _ID, response, LISTING)
        return rows, token_in(answer, "nextPageToken", response, LISTING, needed=False)

    def _changes(self, token: str, at: _Cursor, kinds: tuple[str, ...]) -> MediaPage:
        """One page of a feed. What it says is gone is passed over: absence is asked for by itself (`find`)."""
        query: dict[str, str | int] = {
            "pageToken": at.token or at.starts[at.part],
            "pageSize": PER_PAGE,
            "fields": f"nextPageToken,newStartPageToken,changes(fileId,removed,file({FILE_FIELDS}))",
            **_in_drive(self._feeds[at.part]),
        }
        response = self._answer_of("changes", token, LISTING, query)
        answer = answers.json_object(response, LISTING)
        changes = rows_of(answer, "changes", (), response, LISTING)
        rows = [row for change in changes if (row := loose_json.as_object(change.get("file")))]
        if following := token_in(answer, "nextPageToken", response, LISTING, needed=False):
            return self._page(token, rows, kinds, at.turned(following, len(rows)))
        token_in(answer, "newStartPageToken", response, LISTING)
        last = at.part + 1 == len(self._feeds)
        return self._page(token, rows, kinds, None if last else at.begun(in_feed=True, part=at.part + 1))

    def _page(self, token: str, rows: list[Row], kinds: tuple[str, ...], beyond: _Cursor | None) -> MediaPage:
        """Sorts rows into media, other files, and what is left alone (which is counted, and so are the other files)."""
        sorted_rows = SortedRows(kinds)
        for listed in rows:
            target = self._target(token, listed)
            row = target or listed
            if sorted_rows.takes(_left_alone(row), _kind(row), id_of(row, _ID)) and (target or self._belongs(row)):
                sorted_rows.items.append(self._item(token, row))
        return sorted_rows.page(beyond)

    def _target(self, token: str, row: Row) -> Row | None:
        """What a shortcut leads to, where shortcuts are followed and there still is something with bytes. What Google
        refuses of it concerns it alone."""
        details = loose_json.as_object(row.get("shortcutDetails"))
        has_bytes = not word(details, "targetMimeType").startswith(_OWN_KINDS)
        if not (self._reach.shortcuts and word(row, "mimeType") == SHORTCUT and has_bytes):
            return None
        try:
            key = word(details, "targetResourceKey", shape=_ID)
            return {"resourceKey": key, **self._file(token, word(details, "targetId"), key)}
        except (MediaNotFoundError, OriginalNotReadyError, OriginalRefusedError):
            return None

    def _belongs(self, row: Row) -> bool:
        """Whether a file is in one of the places that are listed."""
        if drive := word(row, "driveId"):
            return drive in self._reach.shared_drives
        return self._reach.shared_with_me or row.get("ownedByMe") is not False

    def _item(self, token: str, row: Row) -> MediaItem:
        folder = self._folders.path(row, partial(self._file, token))
        return msgspec.structs.replace(self._described(row), folder=folder)

    def _described(self, row: Row) -> MediaItem:
        """The item without its folder, which may take requests of its own."""
        media_id, hashes = id_of(row, _ID), hashes_of(row, _HASHES)
        created, modified = (media_files.moment(word(row, field)) for field in ("createdTime", "modifiedTime"))
        captured_at, captured_at_from = media_files.earliest(modified_time=modified, created_time=created)
        if exif := media_files.exif_moment(word(loose_json.as_object(row.get("imageMediaMetadata")), "time")):
            captured_at, captured_at_from = exif, "exif"
        return MediaItem(
            media_id=media_id,
            filename=name_of(row) or media_id,
            captured_at=captured_at,
            captured_at_from=captured_at_from,
            uploaded_at=created,
            revision=next(iter(hashes), f"revision:{word(row, 'headRevisionId') or modified}"),
            size=loose_json.whole_number(row.get("size")),
            kind=_kind(row),
            unusable=google_refusals.LOCKED if _is_locked(row) else "",
            origin=word(row, "resourceKey", shape=_ID),
        )

    def _know_folders(self, token: str, place: Place) -> None:
        """Reads the folders of a place, once. Most of them are needed, and a thousand come with one request."""
        if place not in self._with_folders:
            folders = partial(self._rows, token, place, f"mimeType = '{FOLDER}'")
            for row in rows_of_pages(folders, FOLDER_PAGES):
                self._folders.add(row)
            self._with_folders.add(place)

    def find(self, token: str, media_id: str) -> MediaItem | None:
        """GET /files/{id}. What a shortcut may lead to is found wherever it is. See Provider."""
        try:
            row = self._file(token, media_id)
        except MediaNotFoundError:
            return None
        except (OriginalNotReadyError, OriginalRefusedError) as refused:
            return MediaItem(media_id=media_id, filename=media_id, unusable=str(refused))
        is_listed = row.get("trashed") is not True and (self._reach.shortcuts or self._belongs(row))
        return self._item(token, row) if is_listed else None

    def sources(self, token: str, item: MediaItem) -> list[MediaSource]:
        """The file as it is now. Its address takes the token in a header only (rclone, backend/drive). See Provider."""
        row = self._file(token, item.media_id, item.origin)
        if row.get("trashed") is True:
            raise MediaNotFoundError("The file is in the trash of Google Drive.")
        if _is_locked(row):
            raise OriginalRefusedError(google_refusals.LOCKED)
        found = self._described(row)
        url = f"{self._base_url}/drive/v3/files/{item.media_id}?alt=media&supportsAllDrives=true"
        headers = _headers(token, f"{item.media_id}/{item.origin}" if item.origin else "")
        return [
            MediaSource(
                1, found.filename, 1, url, headers, found.size, hashes_of(row, _HASHES), revision=found.revision
            )
        ]

    def pictures(self, token: str, item: MediaItem) -> list[PictureLink]:
        """The thumbnail, where the answer has a link to one: that is how to know (discovery). See Provider."""
        row = self._file(token, item.media_id, item.origin, "id,thumbnailLink")
        if not (url := loose_json.text(row.get("thumbnailLink"), LINK_LIMIT)):
            return []
        is_own = url.startswith(tuple(f"{origin}/" for origin in self.picture_origins))
        sized = re.sub(r"=s[0-9]+$", f"=s{PICTURE_SIDE}", url)
        return [PictureLink("provider", sized, _headers(token) if is_own else {})]

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> CloudSyncError | None:
        """By the reasons in its body. See Provider."""
        return google_refusals.REFUSALS.of_media(status, headers, body)

    def _file(self, token: str, file_id: str, key: str = "", fields: str = FILE_FIELDS) -> Row:
        """What Google says of one file. Raises MediaNotFoundError."""
        if not _ID.fullmatch(file_id):
            raise MediaNotFoundError(f"{file_id!r} is not an id of Google Drive's.")
        query = {"fields": fields, "supportsAllDrives": "true"}
        response = self._answer_of(f"files/{file_id}", token, ITEM, query, f"{file_id}/{key}" if key else "")
        row = answers.json_object(response, ITEM)
        if file_id not in (word(row, "id"), ROOT):
            raise answers.changed(response, ITEM, f"The answer to {ITEM} has another 'id': it is about another one")
        return row

    def _answer_of(self, path: str, token: str, doing: str, query: Query, key: str = "") -> requests.Response:
        headers, url = {"Accept": "application/json", **_headers(token, key)}, f"{self._base_url}/drive/v3/{path}"
        with subsegment(doing):
            response = http_client.request("GET", url, doing=doing, headers=headers, query=query)
        if response.status_code == 200:
            return response
        if "pageToken" in query and "pageToken" in words_in(response.content, "location"):
            raise PageTokenRefused
        lost = _LOST if self._reach.shared_drives else _NO_DRIVE
        raise google_refusals.REFUSALS.error(response, doing, SIGNED_OUT, "" if doing == ITEM else lost)


def _headers(token: str, key: str = "") -> dict[str, str]:
    """`key` is id/key of a file that was shared by its link alone (Drive guide, "Resource keys")."""
    return {"Authorization": f"Bearer {token}", **({"X-Goog-Drive-Resource-Keys": key} if key else {})}


def _in_drive(drive: str) -> dict[str, str]:
    return {"driveId": drive, "supportsAllDrives": "true", "includeItemsFromAllDrives": "true"} if drive else {}


def _left_alone(row: Row) -> str:
    """Why a row is left alone; empty: it is not."""
    mime_type = word(row, "mimeType")
    if row.get("trashed") is True:
        return "in the trash"
    if mime_type.startswith(_OWN_KINDS):
        return {FOLDER: "folder", SHORTCUT: "shortcut"}.get(mime_type, "of Google's own documents")
    return media_files.NOT_DOWNLOADABLE if _kind(row) and _is_locked(row) else ""


def _kind(row: Row) -> str:
    has_facts = bool(loose_json.as_object(row.get("videoMediaMetadata")))
    return media_files.kind_of(name_of(row), word(row, "mimeType"), has_video_facts=has_facts)


def _is_locked(row: Row) -> bool:
    return loose_json.as_object(row.get("capabilities")).get("canDownload") is False
