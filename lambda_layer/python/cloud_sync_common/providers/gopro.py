"""GoPro Cloud. Its API is not documented publicly; names in brackets are the sources in docs/gopro-api.md.

Every call for media has a versioned Accept type, which the service checks before the token. A status or a shape that is
not known here means that the API has changed. That is a ProviderContractError, and never "no new videos".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

import msgspec
import requests

from cloud_sync_common import camera_names, source_identity
from cloud_sync_common.exceptions import (
    CloudSyncError,
    ConfigurationError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalUnavailableError,
    ProviderUnavailableError,
)
from cloud_sync_common.filters import PHOTO, VIDEO, Reason
from cloud_sync_common.http import answers, loose_json
from cloud_sync_common.http import client as http_client
from cloud_sync_common.http.answers import Row
from cloud_sync_common.provider_interface import (
    Capabilities,
    Credentials,
    Filters,
    MediaItem,
    MediaPage,
    MediaSource,
    PictureLink,
)
from cloud_sync_common.providers import gopro_media
from cloud_sync_common.providers.gopro_media import (
    PHOTO_TYPES,
    STILL_TYPES,
    UNCLEAR_TYPES,
    VIDEO_TYPES,
    kind_of,
    type_of,
)
from cloud_sync_common.source_identity import ListedFile, NumberedFile
from cloud_sync_common.xray_utils import subsegment

ACCEPT = "application/vnd.gopro.jk.media+json; version=2.0.0"
# Pages at once: no limit is known (docs/gopro-api.md), and other programs ask for a few files at once.
LIST_REQUESTS = 4
PER_PAGE = 50  # larger pages have come back short (go2cloud)
READY = "ready"
_ID = re.compile(r"[A-Za-z0-9_-]+")
ID_LIMIT, NAME_LIMIT, WORD_LIMIT, URL_LIMIT = 128, 400, 64, 8192  # characters that are kept
_VIDEOS = (*VIDEO_TYPES, *UNCLEAR_TYPES)
_SCOPES = {"videos": _VIDEOS, "photos": (*_VIDEOS, *PHOTO_TYPES), "everything": ()}
# The originals; those of edits have the second label. Everything else is derived from them (rclone-PR, gopro-dl).
ORIGINAL_LABELS = ("source", "baked_source")
FIELDS = "id,type,filename,file_extension,file_size,captured_at,created_at,item_count,ready_to_view,reprocessed_at"
SIGN_IN_AGAIN = (
    "Connect again: `cloudsync connect gopro`. Without it: sign in at gopro.com in a browser, copy the value of the "
    "cookie gp_access_token, and store it as access_token in the credentials secret (README, 'Store credentials')."
)
KEPT = "the stored refresh token may have been replaced at GoPro. Store another if the next run is refused."
LISTING = "the listing at GoPro"
LINKS = "the request for download links at GoPro"
ITEM = "the request for one video at GoPro"
PICTURES = "the request for pictures at GoPro"
RENEWAL = "the renewal of the token at GoPro"
CHECK = "the check of the token at GoPro"
type Query = Mapping[str, str | int] | None


class _Search(msgspec.Struct):
    """A page of /media/search: its rows as they came, of how many, and how many fit on a page."""

    rows: list[Row]
    total: int
    per_page: int


class _Variation(msgspec.Struct):
    """One of the files that /media/{id}/download offers."""

    url: str
    label: str
    item_number: int | None
    camera_position: str
    available: bool


class GoPro:
    """Implements provider_interface.Provider."""

    name = "gopro"
    capabilities = Capabilities(
        counts_exactly=True, most_list_requests=LIST_REQUESTS, several_files=True, lists_waiting=True, has_proxies=True,
        photo_kinds=frozenset(PHOTO_TYPES), unfit_filters=frozenset({"folders"}),
    )  # fmt: skip
    media_origins: tuple[str, ...] = ()  # links are signed, and the CDN refuses a token beside a signature (rclone-PR)

    def __init__(
        self, base_url: str = "https://api.gopro.com", images_url: str = "https://images-01.gopro.com"
    ) -> None:
        self._base_url, self._images_url = base_url, images_url
        self.picture_origins: tuple[str, ...] = (images_url,)

    def validate(self, credentials: Credentials) -> Credentials:
        """GET /media/user, the cheapest call that needs a token. See Provider."""
        user = self._user(credentials.access_token or "")
        return replace(credentials, user_id=credentials.user_id or loose_json.text(user.get("id")))

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
        response = self._exchange("POST", "/v1/oauth2/token", RENEWAL, form=form)
        if response.status_code in (400, 401, 403) and not answers.is_page(response):
            code = answers.oauth_code(response, "token_blacklisted")
            reason = f"({code})" if code else f"with an unknown error ({response.status_code})"
            raise CredentialsExpiredError(
                f"GoPro refuses to renew the token {reason}. A new refresh token is needed, or the token of a "
                "session. " + SIGN_IN_AGAIN,
                doubtful=not code,
            )
        if response.status_code // 100 != 2:
            self._refuse(response, RENEWAL)
        return answers.renewed(credentials, response, RENEWAL, "resource_owner_id", KEPT)

    def list_media(self, token: str, cursor: str | None, filters: Filters) -> MediaPage:
        """One page, newest first. The first one counts what the queries do not show. See Provider.

        Raises ProviderUnavailableError for a page with too few rows. GoPro sends such pages with status 200 and correct
        counts, and the same page is complete a moment later (go2cloud, measured).
        """
        if cursor is not None:
            return self._listed(token, cursor, filters)
        everything = self._search(token, filters, (), 1, 1).total
        page = self._listed(token, f"{self._scope(token, filters, everything)} 1", filters)
        hidden = {Reason.KINDS: everything - (page.total or 0)}
        if filters.captured_from or filters.captured_before:
            hidden[Reason.CAPTURED] = self._search(token, Filters(), (), 1, 1).total - everything
        left_out = Counter(page.left_out) + Counter({reason.value: count for reason, count in hidden.items()})
        return msgspec.structs.replace(page, left_out=dict(left_out))

    def _listed(self, token: str, cursor: str, filters: Filters) -> MediaPage:
        scope, _, number = cursor.partition(" ")
        page = int(number)
        search = self._search(token, filters, _SCOPES[scope], page, PER_PAGE)
        rows, total, per_page = search.rows, search.total, search.per_page
        expected = max(0, min(per_page, total - (page - 1) * per_page))
        if len(rows) < expected:
            raise ProviderUnavailableError(f"Page {page} of the listing has {len(rows)} rows instead of {expected}.")
        last = min(-(-total // per_page), page + LIST_REQUESTS)
        cursors = (*(f"{scope} {later}" for later in range(page + 1, last + 1)), None)
        found = _page(rows, total, filters)
        return msgspec.structs.replace(found, next_cursor=cursors[0], later_cursors=cursors[1:-1])

    def _scope(self, token: str, filters: Filters, everything: int) -> str:
        """What to list: `videos`, `photos` as well, or `everything` if the account has media of a type that this
        version does not know. So a new type of video is not missed silently."""
        known = self._search(token, filters, (*_SCOPES["videos"], *STILL_TYPES), 1, 1).total
        if everything != known:
            return "everything"
        return "photos" if filters.wants_photos else "videos"

    def _search(self, token: str, filters: Filters, types: tuple[str, ...], page: int, per_page: int) -> _Search:
        """A page of rows, newest first; of all types if `types` is empty."""
        query: dict[str, str | int] = {"page": page, "per_page": per_page, "fields": FIELDS, "order_by": "captured_at"}
        if types:
            query["type"] = ",".join(types)
        if filters.captured_from or filters.captured_before:
            start = filters.captured_from or "1970-01-01T00:00:00Z"
            query["captured_range"] = f"{start},{filters.captured_before or '2199-01-01T00:00:00Z'}"
        response = self._call("/media/search", token, LISTING, query=query)
        answer = answers.json_object(response, LISTING)
        media = loose_json.as_object(answer.get("_embedded")).get("media")
        rows = answers.rows_in(media, ("id", "type", "ready_to_view"), response, LISTING)
        pages = loose_json.as_object(answer.get("_pages"))
        total, most = (loose_json.whole_number(pages.get(name)) for name in ("total_items", "per_page"))
        if total is None:
            raise answers.changed(response, LISTING, f"The answer to {LISTING} does not say how many rows there are")
        if 1 < len(rows) < 2 * sum(not _usable_id(row) for row in rows):
            raise answers.changed(response, LISTING, f"The answer to {LISTING} has no usable id in most of its rows")
        is_smaller = most is not None and 0 < most < per_page and len(rows) <= most
        return _Search(rows, total, most if most and is_smaller else per_page)

    def find(self, token: str, media_id: str) -> MediaItem | None:
        """GET /media/{id}, which is not found once the item is in the trash (rclone-PR). See Provider."""
        if not _ID.fullmatch(media_id):
            return None
        try:
            response = self._call(f"/media/{media_id}", token, ITEM, query={"fields": FIELDS})
        except MediaNotFoundError:
            return None
        found = _item(answers.json_object(response, ITEM))
        if found.media_id != media_id:
            raise answers.changed(response, ITEM, f"The answer to {ITEM} is about another one")
        return found

    def refusal(self, _status: int, _headers: Mapping[str, str], _body: bytes, /) -> CloudSyncError | None:
        """The CDN's refusals mean what their status says. See Provider."""
        return None

    def sources(self, token: str, item: MediaItem) -> list[MediaSource]:
        """The originals of an item: every chapter, never a proxy. See Provider."""
        if not _ID.fullmatch(item.media_id):
            raise MediaNotFoundError(f"{item.media_id!r} is not an id of GoPro's.")
        response = self._call(f"/media/{item.media_id}/download", token, LINKS)
        answer = answers.json_object(response, LINKS)
        originals = _originals(answer, item, response)
        if not originals:
            raise OriginalUnavailableError("GoPro offers no original of this video, only smaller versions.")
        if not all(variation.available and variation.url for variation in originals):
            return []
        listed = [_listed(variation, item) for variation in originals]
        files = source_identity.numbered(listed)
        filename = _filename(answer, item, files[0].url)
        claimed = item.source_count if item.kind in gopro_media.COUNTED_TYPES else 1
        names = {} if item.kind in PHOTO_TYPES else _names_of_chapters(filename, listed, files, claimed)
        return [_source(file, names.get(file.file_number, ""), filename, claimed) for file in files]

    def pictures(self, token: str, item: MediaItem) -> list[PictureLink]:
        """The thumbnail; of a video, a frame of each sprite. See Provider."""
        if not _ID.fullmatch(item.media_id):
            raise MediaNotFoundError(f"{item.media_id!r} is not an id of GoPro's.")
        path = f"/media/{item.media_id}"
        row = answers.json_object(self._call(path, token, PICTURES, query={"fields": "token"}), PICTURES)
        found = list(gopro_media.thumbnail(self._images_url, row.get("token"), token))
        if item.kind in PHOTO_TYPES:
            return found
        offered = answers.json_object(self._call(f"{path}/download", token, PICTURES), PICTURES)
        return [*found, *gopro_media.sprites(loose_json.as_object(offered.get("_embedded")).get("sprites"))]

    def _user(self, token: str) -> Row:
        """What is said of the token's owner. The status decides; no more is asked of the body than to be JSON."""
        return loose_json.as_object(answers.json_value(self._call("/media/user", token, CHECK), CHECK))

    def _call(self, path: str, token: str, doing: str, query: Query = None) -> requests.Response:
        """A GET with the token. An expired token has been reported as status 500 too, so that is looked into."""
        response = self._exchange("GET", path, doing, token=token, query=query)
        if response.status_code == 500 and path != "/media/user":
            self._user(token)
        if response.status_code == 404 and path not in ("/media/user", "/media/search"):
            raise MediaNotFoundError("GoPro no longer has this video; it was deleted or moved to the trash.")
        self._refuse(response, doing)
        return response

    def _exchange(
        self, method: str, path: str, doing: str, *, token: str | None = None,
        query: Query = None, form: Mapping[str, str] | None = None,
    ) -> requests.Response:  # fmt: skip
        headers = {"Accept": "application/json"}  # as every token endpoint (RFC 6749, 5.1)
        if token is not None:
            headers = {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}
        with subsegment(doing):
            return http_client.request(
                method, self._base_url + path, doing=doing, headers=headers, query=query, form=form
            )

    def _refuse(self, response: requests.Response, doing: str) -> None:
        """Raises for every status but 200."""
        status = response.status_code
        if status == 200:
            return
        http_client.refuse_when_busy(status, response.headers, doing)
        if status == 403 and answers.is_page(response):
            raise ProviderUnavailableError(f"GoPro's edge blocked {doing} (403 with a page instead of an answer).")
        if status in (401, 403):
            raise CredentialsExpiredError(f"GoPro no longer accepts the stored token. {SIGN_IN_AGAIN}", doubtful=True)
        raise answers.changed(response, doing, f"The answer to {doing} has the status {status}")


def _page(rows: list[Row], total: int, filters: Filters) -> MediaPage:
    """Sorts rows into what can be archived, what is not ready, and other media."""
    items, waiting, ignored = [], [], []
    wanted = (VIDEO, PHOTO) if filters.wants_photos else (VIDEO,)
    for row in rows:
        if kind_of(row) not in wanted:
            ignored.append(_id(row))
        elif row.get("ready_to_view") != READY:
            waiting.append(_id(row))
        else:
            items.append(_item(row))
    gopro_media.log_unknown_types(rows)
    alone = {Reason.KINDS.value: len(ignored)} if ignored else {}
    return MediaPage(items=tuple(items), waiting=tuple(waiting), ignored=tuple(ignored), total=total, left_out=alone)


def _usable_id(row: Row) -> str:
    """The id of a row; empty for one that cannot be GoPro's, or must not be kept."""
    found = loose_json.plain_text(row.get("id"), ID_LIMIT) or ""
    return found if _ID.fullmatch(found) else ""


def _id(row: Row) -> str:
    """The id of a row. One that cannot be an id, or be kept as one, is replaced by a name that GoPro does not know, so
    that this row fails by itself and is listed with that reason."""
    return _usable_id(row) or f"unreadable:{sha256(repr(row.get('id', row)).encode()).hexdigest()[:16]}"


def _item(row: Row) -> MediaItem:
    media_id, kind, extension = _id(row), type_of(row), loose_json.extension(row.get("file_extension"))
    if kind_of(row) == PHOTO:
        kind, extension = kind if kind in PHOTO_TYPES else PHOTO_TYPES[0], extension or "jpg"
    elif extension in ("", "json"):
        extension = "mp4"
    captured, created, changed = (
        loose_json.moment(row.get(name)) for name in ("captured_at", "created_at", "reprocessed_at")
    )
    number = loose_json.whole_number(row.get("item_count"))
    return MediaItem(
        media_id=media_id,
        filename=loose_json.filename(row.get("filename"), NAME_LIMIT) or f"{media_id}.{extension}",
        captured_at=captured or created,
        # Only these are known to change with the content; updated_at also changes with the title.
        revision=f"{changed}/{(loose_json.moment(row.get('item_count')) if number is None else number) or 1}",
        size=loose_json.whole_number(row.get("file_size")),
        kind=kind,
        source_count=number if number and number <= source_identity.MOST_FILES else 1,
        uploaded_at=created,
    )


def _variation(row: Row) -> _Variation:
    """What is neither offered nor refused in words that we know is tried."""
    return _Variation(
        url=loose_json.text(row.get("url"), URL_LIMIT) or "",
        label=loose_json.text(row.get("label"), WORD_LIMIT) or "",
        item_number=loose_json.whole_number(row.get("item_number")),
        camera_position=loose_json.text(row.get("camera_position"), WORD_LIMIT) or "",
        available=row.get("available") not in (False, "false"),
    )


def _originals(answer: Row, item: MediaItem, response: requests.Response) -> list[_Variation]:
    """Of a photo, all files; of a video, all variations with the first label that occurs: its files are proxies
    (go2cloud, gopro-dl)."""
    offered = loose_json.as_object(answer.get("_embedded"))
    if item.kind in PHOTO_TYPES:
        return [_variation(row) for row in answers.rows_in(offered.get("files"), ("url",), response, LINKS)]
    rows = answers.rows_in(offered.get("variations"), ("label", "url"), response, LINKS)
    variations = [_variation(row) for row in rows]
    by_label = ([each for each in variations if each.label == label] for label in ORIGINAL_LABELS)
    return next(filter(None, by_label), [])


def _listed(variation: _Variation, item: MediaItem) -> ListedFile:
    """What GoPro says of a file. The number of a chapter is its `item_number` or, if that is missing, in the path of
    its URL (rclone-PR, gopro-dl), where a larger number than cameras give is a resolution or a year; a camera with two
    lenses gives both files of a chapter the same number."""
    number = variation.item_number
    if number is None or number > source_identity.MOST_FILES:
        match = re.search(r"/([0-9]{1,4})\.[A-Za-z0-9]+$", source_identity.path(variation.url))
        number = int(match[1]) if match and int(match[1]) <= max(camera_names.CHAPTERS, item.source_count) else None
    position = variation.camera_position.lower()
    return ListedFile("" if position == "default" else position, number or 0, variation.url)


def _filename(answer: Row, item: MediaItem, url: str) -> str:
    """The filename with an extension. Edits have only a title, and the extension is in the link (dustin fixtures), of
    which nothing else is kept: its path may be what signs it."""
    is_photo = item.kind in PHOTO_TYPES
    known, usual = (gopro_media.PHOTO_EXTENSIONS, "jpg") if is_photo else (gopro_media.VIDEO_EXTENSIONS, "mp4")
    name = loose_json.filename(answer.get("filename"), NAME_LIMIT) or item.filename
    return camera_names.with_extension(name, source_identity.path(url), known, usual)


def _source(file: NumberedFile, own_name: str, filename: str, claimed: int) -> MediaSource:
    return MediaSource(
        file_number=file.file_number,
        filename=own_name or filename,
        file_count=max(claimed, file.file_count),
        url=file.url,
        identity=file.identity,
        own_name=own_name != "",
    )


def _names_of_chapters(first: str, listed: list[ListedFile], files: list[NumberedFile], claimed: int) -> dict[int, str]:
    """The names of chapters on the camera's card, by number; none unless GoPro numbers them, all of one lens."""
    if {0 if file.position else file.number for file in listed} != {file.file_number for file in files}:
        return {}
    return dict(enumerate(camera_names.chapter_names(first, max(claimed, files[0].file_count)), start=1))
