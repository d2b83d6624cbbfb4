"""Dropbox, by its HTTP API v2. Where the facts come from is in docs/drive-and-dropbox.md; "spec" is Dropbox's own
description of the API, dropbox-api-spec.

A listing is one recursive `list_folder`, gone on with until `has_more` is false. Its last cursor is the feed of
changes: going on from there gives what has changed since, until nothing is left. There is no count.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import msgspec
import requests

from cloud_sync_common.exceptions import (
    CloudSyncError,
    ConfigurationError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalNotReadyError,
    OriginalRefusedError,
    ProviderContractError,
    ProviderThrottledError,
)
from cloud_sync_common.file_services import media_files
from cloud_sync_common.file_services.listing_cursor import FeedCursor, PageTokenRefused
from cloud_sync_common.file_services.refusals import Meaning, Refusals, words_in
from cloud_sync_common.file_services.rows import (
    Row,
    check_ids,
    digest_of,
    id_of,
    name_of,
    path_of,
    rows_of,
    token_in,
    word,
)
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
from cloud_sync_common.xray_utils import subsegment

API, CONTENT = "https://api.dropboxapi.com", "https://content.dropboxapi.com"
PER_PAGE = 1_000  # a few more may come; 2,000 are allowed (spec), but what is noted of each travels in the run's state
FEED_ROUNDS = 100  # in which something has changed each time; what changes later is the next run's
PATH_LIMIT = 4_096  # characters
# What thumbnails are made of: pictures with these extensions, and of up to 20 MB (spec, get_thumbnail_v2).
THUMBNAIL_EXTENSIONS = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
THUMBNAIL_LIMIT = 20 * 1024 * 1024
_THUMBNAIL = {"format": {".tag": "jpeg"}, "size": {".tag": "w480h320"}, "mode": {".tag": "fitone_bestfit"}}
_ID, _REV = re.compile(r"id:[A-Za-z0-9_-]+"), re.compile(r"[0-9a-f]{9,64}")
_NAMESPACE = re.compile(r"[0-9]+")  # as in root_namespace_id (spec, common.stone, whose pattern allows more)

LISTING = "the listing at Dropbox"
ITEM = "the request for one file at Dropbox"
RENEWAL = "the renewal of the token at Dropbox"
CHECK = "the check of the token at Dropbox"

CONNECT = "connect again: `cloudsync connect dropbox`"
STORE = f"{CONNECT.capitalize()}, or by hand (docs/connect.md, 'Dropbox')."
ENDED = "Dropbox no longer accepts the stored refresh token: the app was disconnected from the account, or deleted"
_APP = (
    "Dropbox does not know the app of the stored client_id, or has disabled it: enable it at "
    "dropbox.com/developers/apps, or store the app key of another. A client_secret is not needed, but has to be right "
    "where one is stored: leave it out"
)
_RENEWAL_REFUSED = {"invalid_grant": ENDED, "invalid_client": _APP, "unauthorized_client": _APP}
SIGNED_OUT = f"Dropbox no longer accepts the stored token. {STORE}"
_DISCONNECTED = f"Dropbox does not know the stored token: the app was disconnected from the account. {STORE}"
_SLOWER = "Dropbox asks us to wait."
SCOPES = ("files.metadata.read", "files.content.read", "account_info.read")
_ALL_SCOPES = " and ".join((", ".join(SCOPES[:-1]), SCOPES[-1]))
_SCOPE = (
    f"The app at Dropbox or the stored token lacks {{}}: switch on {_ALL_SCOPES} at dropbox.com/developers/apps "
    f"('Permissions'), and {CONNECT}."
)
_SUSPENDED = "This Dropbox account is suspended by its team. Ask the team's administrator to restore it."
_ROOT = (
    "The team's folders are in another place than the stored path_root says. Choose again, also the account's own "
    "folder only: `cloudsync connect dropbox`."
)
_NO_ACCESS = "This kind of Dropbox account may not do what Cloud Sync asks for. Use an account that may."
_RESTRICTED = "Dropbox does not give this file out, because its content is restricted. Only Dropbox can change that."
_NO_BYTES = "This is a document of Dropbox's own, which has no bytes to archive. Export it by hand to keep it."
_LINK = "This is a symbolic link, which has no bytes of its own. What it leads to is archived if it is in this Dropbox."
_IN_USE = "The file is locked at Dropbox while somebody edits it. Later runs look again."
_GONE = "Dropbox no longer has this file; it was deleted, or its folder is not shared with this account any more."
# What a refusal means, by its tags (spec: auth.stone, common.stone, files.stone). `error_summary` is never looked at:
# it ends in a number of dots that is drawn by lot. Of several tags, the first one here counts.
_MEANINGS: dict[str, Meaning] = {
    **dict.fromkeys(("too_many_requests", "too_many_write_operations"), (ProviderThrottledError, _SLOWER)),
    **{scope: (ConfigurationError, _SCOPE.format(f"the permission {scope}")) for scope in SCOPES},
    "missing_scope": (ConfigurationError, _SCOPE.format("a permission")),
    "user_suspended": (ConfigurationError, _SUSPENDED),
    "expired_access_token": (CredentialsExpiredError, SIGNED_OUT),
    "invalid_access_token": (CredentialsExpiredError, _DISCONNECTED),
    **dict.fromkeys(("invalid_root", "no_permission"), (ConfigurationError, _ROOT)),
    **dict.fromkeys(("invalid_account_type", "team_access_denied"), (ConfigurationError, _NO_ACCESS)),
    "restricted_content": (OriginalRefusedError, _RESTRICTED),
    **dict.fromkeys(("unsupported_file", "unsupported_content_type"), (OriginalRefusedError, _NO_BYTES)),
    "locked": (OriginalNotReadyError, _IN_USE),
    **dict.fromkeys(("not_found", "not_file"), (MediaNotFoundError, _GONE)),
}
_REFUSALS = Refusals((".tag", "required_scope"), _MEANINGS)
# Plain text instead of JSON: Dropbox does not accept the app, the token, or the request (sarif-pattern-matcher). An app
# without the permission is told so in this way (activepieces #3936), and a token without it by missing_scope.
_REFUSED_AS_SUCH = (
    "Dropbox refuses every request (400): the app is disabled or lacks a permission, or the stored token is cut off. "
    f"Enable the app at dropbox.com/developers/apps, switch on {_ALL_SCOPES}, and {CONNECT}."
)
_BYTES_REFUSED = (
    "Dropbox refuses to give the bytes of a file (400 with a text): the app is disabled, or it or the stored token "
    f"lacks files.content.read. Look at the app at dropbox.com/developers/apps, and {CONNECT}."
)


_ACCOUNT = "users/get_current_account"
type Argument = Mapping[str, Any] | None


class _Cursor(FeedCursor, frozen=True, kw_only=True, omit_defaults=True):
    """`rounds`: how often the feed was read to its end, and had something."""

    rounds: int = 0


class Dropbox:
    """Implements provider_interface.Provider."""

    name = "dropbox"
    capabilities = Capabilities(has_client_secret=False, folders_ignore_case=True)

    def __init__(self, base_url: str = API, content_url: str = CONTENT) -> None:
        self._base_url, self._content_url = base_url, content_url
        self.media_origins: tuple[str, ...] = (content_url,)
        self.picture_origins: tuple[str, ...] = ()
        self._tokens = TokenEndpoint(f"{base_url}/oauth2/token", RENEWAL, _RENEWAL_REFUSED, _APP, STORE)
        self._path_root = ""

    def use(self, credentials: Credentials) -> None:
        """Paths begin in the namespace `path_root`: a team's folders are seen from its root only (UsesCredentials)."""
        self._path_root = credentials.path_root or ""
        if self._path_root and not _NAMESPACE.fullmatch(self._path_root):
            raise ConfigurationError(
                "The stored path_root is not the id of a namespace at Dropbox, which is a number: root_namespace_id of "
                f"the account. Leave path_root out of the credentials, or {CONNECT}."
            )

    def validate(self, credentials: Credentials) -> Credentials:
        """POST /users/get_current_account. See Provider."""
        self.use(credentials)
        response = self._answer_of(_ACCOUNT, credentials.access_token or "", CHECK, None)
        account = word(answers.json_object(response, CHECK), "account_id")
        return replace(credentials, user_id=credentials.user_id or account or None)

    def refresh(self, credentials: Credentials) -> Credentials:
        """The refresh token stays, and no client secret is needed, because PKCE stood in for it. See Provider."""
        secret = {"client_secret": credentials.client_secret} if credentials.client_secret else {}
        return self._tokens.renewed(credentials, {"client_id": credentials.client_id or "", **secret})

    def list_media(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        """One page of the whole account, or of its changes since. See Provider. Nothing is filtered but photos that
        nobody wants: whoever reports what is left out has to see it."""
        at = _Cursor.of(cursor)
        try:
            response = self._page_of(token, at)
        except PageTokenRefused:
            again = msgspec.structs.replace(at.again(), in_feed=False)
            return MediaPage(items=(), next_cursor=again.text())
        answer = answers.json_object(response, LISTING)
        rows = rows_of(answer, "entries", (".tag",), response, LISTING)
        beyond = _beyond(at, answer, len(rows), response)
        kinds = KINDS if filters.wants_photos else (VIDEO,)
        page = _page(_in_order(rows), kinds, beyond)
        check_ids([row for row in rows if row.get(".tag") == "file"], _ID, response, LISTING)
        # What is left alone was counted by the listing.
        return msgspec.structs.replace(page, left_out={}) if at.in_feed else page

    def _page_of(self, token: str, at: _Cursor) -> requests.Response:
        """Entries that cannot be downloaded are asked for too, so that they are counted."""
        if at.token:
            return self._answer_of("files/list_folder/continue", token, LISTING, {"cursor": at.token})
        everything = {"path": "", "recursive": True, "limit": PER_PAGE, "include_non_downloadable_files": True}
        return self._answer_of("files/list_folder", token, LISTING, everything)

    def find(self, token: str, media_id: str) -> MediaItem | None:
        """POST /files/get_metadata. See Provider."""
        try:
            return _item(self._file(token, media_id))
        except MediaNotFoundError:
            return None
        except (OriginalNotReadyError, OriginalRefusedError) as refused:
            return MediaItem(media_id=media_id, filename=media_id, unusable=str(refused))

    def sources(self, token: str, item: MediaItem) -> list[MediaSource]:
        """The file as it is now, asked for by its revision, so that every answer is of that version. See Provider."""
        row = self._file(token, item.media_id)
        if reason := _has_no_bytes(row):
            raise OriginalRefusedError(reason)
        found, content = _item(row), digest_of(row, "content_hash", 64)
        argument = json.dumps({"path": _version_of(row, item)})
        headers = {**self._headers(token), "Dropbox-API-Arg": argument}
        url = f"{self._content_url}/2/files/download"
        hashes = (f"sha256-4mib:{content}",) if content else ()
        return [MediaSource(1, found.filename, 1, url, headers, found.size, hashes, revision=found.revision)]

    def pictures(self, token: str, item: MediaItem) -> list[PictureLink]:
        """The thumbnail of a photo; there is none of a video, and nothing is asked for one. See Provider."""
        extension = PurePosixPath(item.filename).suffix.lower()
        if extension not in THUMBNAIL_EXTENSIONS or (item.size or 0) > THUMBNAIL_LIMIT:
            return []
        row = self._file(token, item.media_id)
        if _has_no_bytes(row):
            return []
        resource = {".tag": "path", "path": _version_of(row, item)}
        headers = {**self._headers(token), "Dropbox-API-Arg": json.dumps({"resource": resource, **_THUMBNAIL})}
        return [PictureLink("provider", f"{self._content_url}/2/files/get_thumbnail_v2", headers, "POST")]

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> CloudSyncError | None:
        """By the tags in its body. What is refused with a text may concern this file or all. See Provider."""
        if _is_refused_as_such(status, headers):
            return ProviderContractError(_BYTES_REFUSED)
        return _REFUSALS.of_media(status, headers, body)

    def _file(self, token: str, media_id: str) -> Row:
        """What Dropbox says of one file. Raises MediaNotFoundError."""
        if not _ID.fullmatch(media_id):
            raise MediaNotFoundError(f"{media_id!r} is not an id of Dropbox's.")
        response = self._answer_of("files/get_metadata", token, ITEM, {"path": media_id})
        row = answers.json_object(response, ITEM)
        if word(row, "id") != media_id:
            raise answers.changed(response, ITEM, f"The answer to {ITEM} has another 'id': it is about another one")
        if row.get(".tag", "file") != "file":
            raise MediaNotFoundError(_GONE)
        return row

    def _headers(self, token: str) -> dict[str, str]:
        root = json.dumps({".tag": "root", "root": self._path_root})
        return {"Authorization": f"Bearer {token}", **({"Dropbox-API-Path-Root": root} if self._path_root else {})}

    def _answer_of(self, route: str, token: str, doing: str, argument: Argument) -> requests.Response:
        response = self._asked(route, token, doing, argument)
        if _is_refused_as_such(response.status_code, response.headers) and route != _ACCOUNT:
            self._answer_of(_ACCOUNT, token, CHECK, None)  # raises where the token or the app is refused
            response = self._asked(route, token, doing, argument)  # something on the way may have answered
            if _is_refused_as_such(response.status_code, response.headers):
                raise ConfigurationError(_SCOPE.format(f"the permission {SCOPES[0]}"))
        if response.status_code == 200:
            return response
        if route.endswith("/continue") and "reset" in words_in(response.content, ".tag"):
            raise PageTokenRefused
        if _is_refused_as_such(response.status_code, response.headers):
            raise CredentialsExpiredError(_REFUSED_AS_SUCH, doubtful=True)
        raise _REFUSALS.error(response, doing, SIGNED_OUT, "" if doing == ITEM else _ROOT)

    def _asked(self, route: str, token: str, doing: str, argument: Argument) -> requests.Response:
        headers = {**self._headers(token), "Accept": "application/json", "Content-Type": "application/json"}
        url, content = f"{self._base_url}/2/{route}", json.dumps(argument).encode()
        with subsegment(doing):
            return http_client.request("POST", url, doing=doing, headers=headers, content=content)


def _is_refused_as_such(status: int, headers: Mapping[str, str]) -> bool:
    """`headers` are looked up by lower-case name."""
    return status == 400 and headers.get("content-type", "").lower().startswith("text/plain")


def _beyond(at: _Cursor, answer: Row, count: int, response: requests.Response) -> _Cursor | None:
    """The cursor after a page with so many entries; None at the end. A page may have no entries, and another may follow
    it (dropbox-sdk-java #281), so only `has_more` says that there are no more."""
    token, has_more = token_in(answer, "cursor", response, LISTING), answer.get("has_more")
    if not isinstance(has_more, bool):
        raise answers.changed(
            response, LISTING, f"The answer to {LISTING} does not say in 'has_more' whether there is more"
        )
    if has_more:
        return at.turned(token, count)
    if at.in_feed and (count == 0 or at.rounds >= FEED_ROUNDS):
        return None
    return at.begun(in_feed=True, token=token, rounds=at.rounds + 1 if at.in_feed else 0)


def _in_order(rows: list[Row]) -> list[Row]:
    """The entries that are left when each has had its effect on those before it: a later one of the same path replaces
    an earlier one, and a path that was deleted takes with it what is below (spec, list_folder)."""
    found: dict[str, Row] = {}
    for number, row in enumerate(rows):
        path = word(row, "path_lower", PATH_LIMIT) or f"//{number}"
        if row.get(".tag") == "deleted":
            for below in [known for known in found if f"{known}/".startswith(f"{path}/")]:
                del found[below]
        else:
            found[path] = row
    return list(found.values())


def _page(rows: list[Row], kinds: tuple[str, ...], beyond: _Cursor | None) -> MediaPage:
    """Sorts entries into media, other files, and what is left alone."""
    sorted_rows = SortedRows(kinds)
    for row in rows:
        if sorted_rows.takes(_left_alone(row), media_files.kind_of(_name(row)), id_of(row, _ID)):
            sorted_rows.items.append(_item(row))
    return sorted_rows.page(beyond)


def _left_alone(row: Row) -> str:
    """Why an entry is left alone; empty: it is not."""
    if row.get(".tag") == "folder":
        return "folder"
    return {"": "", _LINK: "symbolic link"}.get(_has_no_bytes(row), media_files.NOT_DOWNLOADABLE)


def _item(row: Row) -> MediaItem:
    media_id, content = id_of(row, _ID), digest_of(row, "content_hash", 64)
    client, server = (media_files.moment(word(row, field)) for field in ("client_modified", "server_modified"))
    captured_at, captured_at_from = media_files.earliest(client_modified=client, server_modified=server)
    return MediaItem(
        media_id=media_id,
        filename=_name(row) or media_id,
        captured_at=captured_at,
        captured_at_from=captured_at_from,
        uploaded_at=server,
        revision=f"sha256-4mib:{content}" if content else f"rev:{word(row, 'rev')}",
        size=loose_json.whole_number(row.get("size")),
        kind=media_files.kind_of(_name(row)),
        unusable=_has_no_bytes(row),
        folder=_folder(row),
    )


def _has_no_bytes(row: Row) -> str:
    """Why not; empty: it has some. A symbolic link is downloaded as the link that it is (dropbox-sdk-js #284)."""
    if row.get("is_downloadable") is False:
        return _NO_BYTES
    return _LINK if isinstance(row.get("symlink_info"), dict) else ""


def _version_of(row: Row, item: MediaItem) -> str:
    """What names the version of a row to the content host."""
    rev = word(row, "rev")
    return f"rev:{rev}" if _REV.fullmatch(rev) else item.media_id


def _name(row: Row) -> str:
    return name_of(row) or name_of({"name": _path(row).rpartition("/")[2]})


def _folder(row: Row) -> str:
    """The path without the name. Only the last part of `path_display` is sure to have the right case (spec); the form
    in Unicode may differ between entries (maestral PR 678)."""
    return unicodedata.normalize("NFC", _path(row).rpartition("/")[0].strip("/"))


def _path(row: Row) -> str:
    return path_of(row, "path_display", "path_lower")
