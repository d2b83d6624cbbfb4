"""GoPro Cloud. Its API is not documented publicly; names in brackets are the sources in docs/gopro-api.md.

Every call for media has a versioned Accept type, which the service checks before the token. A status or a shape that is
not known here means that the API has changed. That is a ProviderContractError, and never "no new videos".
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests

from cloud_sync_common import source_identity
from cloud_sync_common.exceptions import (
    ConfigurationError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalUnavailableError,
    ProviderContractError,
    ProviderUnavailableError,
)
from cloud_sync_common.http import client as http_client
from cloud_sync_common.http.response_shape import shape
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import (
    Capabilities,
    Credentials,
    Filters,
    MediaItem,
    MediaPage,
    MediaSource,
)
from cloud_sync_common.source_identity import ListedFile
from cloud_sync_common.xray_utils import subsegment

ACCEPT = "application/vnd.gopro.jk.media+json; version=2.0.0"
PER_PAGE = 50  # larger pages have come back short (go2cloud)
READY = "ready"
# The types that are videos (gopro-api models.py). The service ignores a filter with a misspelt value altogether.
VIDEO_TYPES = (
    "Video",
    "TimeLapseVideo",
    "BurstVideo",
    "Chaptered",
    "Livestream",
    "Looped",
    "LoopedVideo",
    "ExternalVideo",
    "MultiClipEdit",
    "Edit",
)
STILL_TYPES = ("Photo", "TimeLapse", "Burst", "Session", "Audio")
UNCLEAR_TYPES = ("Continuous",)  # a video in some sources, a series of stills in others: the extension decides
VIDEO_EXTENSIONS = frozenset(("mp4", "mov", "360", "m4v"))
_SCOPES = {"videos": (*VIDEO_TYPES, *UNCLEAR_TYPES), "everything": ()}
# The types whose item_count is the number of chapters (rclone-PR); in others it counts other things.
CHAPTERED_TYPES = ("Video", "Chaptered", "Looped", "LoopedVideo")
# The originals; those of edits have the second label. Everything else is derived from them (rclone-PR, gopro-dl).
ORIGINAL_LABELS = ("source", "baked_source")
FIELDS = (
    "id,type,filename,file_extension,file_size,captured_at,created_at,item_count,ready_to_view,reprocessed_at,"
    "content_title"
)
SIGN_IN_AGAIN = (
    "Sign in at gopro.com in a browser, copy the value of the cookie gp_access_token, and store it as access_token in "
    "the credentials secret (README, 'Store credentials')."
)


class _Row(msgspec.Struct):
    """A row of /media/search: the fields that we use, with every type that has been seen."""

    id: str
    type: str | msgspec.UnsetType | None = msgspec.UNSET
    filename: str | None = None
    file_extension: str | None = None
    file_size: int | str | None = None
    captured_at: str | None = None
    created_at: str | None = None
    item_count: int | str | None = None
    ready_to_view: str | msgspec.UnsetType | None = msgspec.UNSET
    reprocessed_at: str | None = None


class _Media(msgspec.Struct):
    media: list[_Row]


class _Pages(msgspec.Struct):
    current_page: int
    per_page: int
    total_items: int
    total_pages: int


class _Search(msgspec.Struct):
    embedded: _Media = msgspec.field(name="_embedded")
    pages: _Pages = msgspec.field(name="_pages")


class _Variation(msgspec.Struct):
    url: str | msgspec.UnsetType | None = msgspec.UNSET
    label: str | msgspec.UnsetType | None = msgspec.UNSET
    item_number: int | str | None = None
    camera_position: object = None
    available: bool = True


class _Variations(msgspec.Struct):
    variations: list[_Variation]


class _Download(msgspec.Struct):
    embedded: _Variations = msgspec.field(name="_embedded")
    filename: str | None = None


class _Token(msgspec.Struct):
    access_token: str
    refresh_token: str | None = None
    expires_in: int | None = None
    resource_owner_id: str | None = None


class _User(msgspec.Struct):
    id: str | None = None


class GoPro:
    """Implements provider_interface.Provider."""

    name = "gopro"
    capabilities = Capabilities(counts_exactly=True)

    def __init__(self, base_url: str = "https://api.gopro.com") -> None:
        self._base_url = base_url

    def validate(self, credentials: Credentials) -> Credentials:
        """GET /media/user, the cheapest call that needs a token. See Provider."""
        user = self._user(credentials.access_token or "")
        return replace(credentials, user_id=credentials.user_id or user.id)

    def refresh(self, credentials: Credentials) -> Credentials:
        """Exchanges the refresh token for a new access token, and usually for a new refresh token too. See Provider."""
        if not credentials.renewable:
            raise ConfigurationError("A session token cannot be renewed. " + SIGN_IN_AGAIN)
        form = {
            "grant_type": "refresh_token",
            "client_id": credentials.client_id or "",
            "client_secret": credentials.client_secret or "",
            "refresh_token": credentials.refresh_token or "",
        }
        response = self._exchange("POST", "/v1/oauth2/token", "the renewal of the token", form=form)
        if response.status_code in (400, 401, 403) and not _is_html(response):
            raise CredentialsExpiredError(
                f"GoPro refuses to renew the token ({_oauth_error(response)}). Obtain a new refresh token and store "
                "it, or store a session token. " + SIGN_IN_AGAIN
            )
        self._refuse(response, "the renewal of the token")
        token = _decode(response, _Token, "the renewal of the token")
        return replace(
            credentials,
            access_token=token.access_token,
            refresh_token=token.refresh_token or credentials.refresh_token,
            expires_at=time.time() + token.expires_in if token.expires_in else None,
            user_id=token.resource_owner_id or credentials.user_id,
        )

    def list_media(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        """One page, newest first. See Provider.

        Raises ProviderUnavailableError for a page with too few rows. GoPro sends such pages with status 200 and correct
        counts, and the same page is complete a moment later (go2cloud, measured).
        """
        scope, _, number = (cursor or f"{self._scope(token, filters)} 1").partition(" ")
        page = int(number)
        search = self._search(token, filters, _SCOPES[scope], page, PER_PAGE)
        rows, total, per_page = search.embedded.media, search.pages.total_items, search.pages.per_page
        expected = max(0, min(per_page, total - (page - 1) * per_page))
        if len(rows) < expected:
            raise ProviderUnavailableError(f"Page {page} of the listing has {len(rows)} rows instead of {expected}.")
        return _page(rows, total, f"{scope} {page + 1}" if page * per_page < total else None)

    def _scope(self, token: str, filters: Filters) -> str:
        """What to list: `videos`, or `everything` if the account has media of a type that this version does not know.
        So a new type of video is not missed silently."""
        everything = self._search(token, filters, (), 1, 1).pages.total_items
        known = self._search(token, filters, (*_SCOPES["videos"], *STILL_TYPES), 1, 1).pages.total_items
        return "videos" if everything == known else "everything"

    def _search(self, token: str, filters: Filters, types: tuple[str, ...], page: int, per_page: int) -> _Search:
        """A page of rows, newest first; of all types if `types` is empty."""
        query: dict[str, str | int] = {"page": page, "per_page": per_page, "fields": FIELDS, "order_by": "captured_at"}
        if types:
            query["type"] = ",".join(types)
        if filters.captured_from or filters.captured_before:
            start = filters.captured_from or "1970-01-01T00:00:00Z"
            query["captured_range"] = f"{start},{filters.captured_before or '2199-01-01T00:00:00Z'}"
        response = self._call("/media/search", token, "the listing", query=query)
        search = _decode(response, _Search, "the listing")
        _require(search.embedded.media, ("type", "ready_to_view"), response, "the listing")
        return search

    def sources(self, token: str, item: MediaItem) -> list[MediaSource]:
        """The originals of an item: every chapter, never a proxy. See Provider."""
        if not re.fullmatch(r"[A-Za-z0-9_-]+", item.media_id):
            raise MediaNotFoundError(f"{item.media_id!r} is not an id of GoPro's.")
        doing = "the request for download links"
        response = self._call(f"/media/{item.media_id}/download", token, doing)
        download = _decode(response, _Download, doing)
        _require(download.embedded.variations, ("label", "url"), response, doing)
        originals = _originals(download.embedded.variations)
        if not originals:
            raise OriginalUnavailableError("GoPro offers no original of this video, only smaller versions.")
        if not all(variation.available and variation.url for variation in originals):
            return []
        files = source_identity.numbered([_listed(variation) for variation in originals])
        filename = _with_extension(download.filename or item.filename, files[0].url)
        claimed = item.source_count if item.kind in CHAPTERED_TYPES else 1
        return [
            MediaSource(
                file_number=file.file_number,
                file_count=max(claimed, file.file_count),
                filename=filename,
                url=file.url,
                identity=file.identity,
            )
            for file in files
        ]

    def _user(self, token: str) -> _User:
        return _decode(self._call("/media/user", token, "the check of the token"), _User, "the check of the token")

    def _call(
        self, path: str, token: str, doing: str, query: Mapping[str, str | int] | None = None
    ) -> requests.Response:
        """A GET with the token. An expired token has been reported as status 500 too, so that is looked into."""
        response = self._exchange("GET", path, doing, token=token, query=query)
        if response.status_code == 500 and path != "/media/user":
            self._user(token)
        if response.status_code == 404 and path.endswith("/download"):
            raise MediaNotFoundError("GoPro no longer has this video; it was deleted or moved to the trash.")
        self._refuse(response, doing)
        return response

    def _exchange(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        token: str | None = None,
        query: Mapping[str, str | int] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> requests.Response:
        headers = {"Accept": "application/json"}  # as every token endpoint (RFC 6749, 5.1)
        if token is not None:
            headers = {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}
        doing = f"{doing} at GoPro"
        with subsegment(doing):
            return http_client.request(
                method, self._base_url + path, doing=doing, headers=headers, query=query, form=form
            )

    def _refuse(self, response: requests.Response, doing: str) -> None:
        """Raises for every status but 200."""
        status = response.status_code
        if status == 200:
            return
        http_client.refuse_when_busy(status, response.headers, f"{doing} at GoPro")
        if status == 403 and _is_html(response):
            raise ProviderUnavailableError(f"GoPro's edge blocked {doing} (403 with a page instead of an answer).")
        if status in (401, 403):
            raise CredentialsExpiredError(f"GoPro no longer accepts the stored token. {SIGN_IN_AGAIN}")
        raise _changed(response, doing, f"GoPro answered {status} to {doing}")


def _page(rows: list[_Row], total: int, next_cursor: str | None) -> MediaPage:
    """Sorts rows into videos, videos that are not ready, and other media."""
    items, waiting, ignored = [], [], []
    for row in rows:
        if not _is_video(row):
            ignored.append(row.id)
        elif row.ready_to_view != READY:
            waiting.append(row.id)
        else:
            items.append(_item(row))
    return MediaPage(
        items=tuple(items), next_cursor=next_cursor, waiting=tuple(waiting), ignored=tuple(ignored), total=total
    )


def _is_video(row: _Row) -> bool:
    """Decides by type; for an unknown type, by the extension (dustin/gopro #49: closed lists of types break)."""
    if row.type in VIDEO_TYPES:
        return True
    unknown = row.type not in STILL_TYPES
    if unknown and row.type not in UNCLEAR_TYPES:
        logger.warning("a type of media that this version does not know", extra={"media_id": row.id, "kind": row.type})
    return unknown and (row.file_extension or "").lower() in VIDEO_EXTENSIONS


def _item(row: _Row) -> MediaItem:
    extension = (row.file_extension or "mp4").lower()
    filename = row.filename or f"{row.id}.{'mp4' if extension == 'json' else extension}"
    return MediaItem(
        media_id=row.id,
        filename=filename,
        captured_at=row.captured_at or row.created_at or "",
        # Only these are known to change with the content; updated_at also changes with the title.
        revision=f"{row.reprocessed_at or ''}/{row.item_count or 1}",
        size=_whole_number(row.file_size),
        kind=str(row.type or ""),
        source_count=_whole_number(row.item_count) or 1,
    )


def _whole_number(value: int | str | None) -> int | None:
    """The service sends numbers as numbers, as text, or not at all."""
    try:
        return None if value is None else int(value)
    except ValueError:
        return None


def _originals(variations: list[_Variation]) -> list[_Variation]:
    """All variations with the first label that occurs."""
    for label in ORIGINAL_LABELS:
        found = [variation for variation in variations if variation.label == label]
        if found:
            return found
    return []


def _listed(variation: _Variation) -> ListedFile:
    """What GoPro says of a file. The number of a chapter is its `item_number` or, if that is missing, in the path of
    its URL (rclone-PR, gopro-dl); a camera with two lenses gives both files of a chapter the same number."""
    number = _whole_number(variation.item_number)
    url, position = variation.url or "", variation.camera_position
    if number is None:
        match = re.search(r"/(\d{1,9})\.[A-Za-z0-9]+$", urlsplit(url).path, re.ASCII)
        number = int(match.group(1)) if match else 0
    usual = position is None or position in ("", "default")
    return ListedFile("" if usual else str(position), number, url)


def _with_extension(filename: str, url: str) -> str:
    """The filename with an extension. Edits have only a title, and the extension is in the link (dustin fixtures)."""
    if PurePosixPath(filename).suffix.lower().lstrip(".") in VIDEO_EXTENSIONS:
        return filename
    return filename + (PurePosixPath(urlsplit(url).path).suffix or ".mp4")


def _decode[T](response: requests.Response, kind: type[T], doing: str) -> T:
    """The answer as a struct. Raises ProviderContractError if its shape is not the one that we know."""
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _changed(response, doing, f"GoPro's answer to {doing} has a different shape ({error})") from None


def _require(rows: Sequence[msgspec.Struct], fields: tuple[str, ...], response: requests.Response, doing: str) -> None:
    """Raises ProviderContractError if none of the rows has a field that decides what a row is. A value may be null."""
    for field in fields:
        if rows and all(getattr(row, field) is msgspec.UNSET for row in rows):
            raise _changed(response, doing, f"GoPro's answer to {doing} no longer has the field '{field}'")


def _changed(response: requests.Response, doing: str, what: str) -> ProviderContractError:
    """The error for a changed API. The log gets the shape of the answer, without its values."""
    kind = response.headers.get("Content-Type", "")[:80]
    sample = {"doing": doing, "status": response.status_code, "content_type": kind, "shape": shape(response.content)}
    logger.error("the provider's API has changed", extra=sample)
    return ProviderContractError(
        f"{what}: its API is no longer the one that this version was written for. Look for a newer version of Cloud "
        "Sync; nothing was lost."
    )


def _is_html(response: requests.Response) -> bool:
    return "html" in response.headers.get("Content-Type", "").lower()


def _oauth_error(response: requests.Response) -> str:
    """The error code of an OAuth answer (RFC 6749, 5.2), or else the status; never its free text."""
    try:
        word = msgspec.json.decode(response.content, type=dict[str, Any]).get("error", "")
    except (msgspec.DecodeError, msgspec.ValidationError):
        word = ""
    return word if isinstance(word, str) and re.fullmatch(r"[a-z_]{1,40}", word) else str(response.status_code)
