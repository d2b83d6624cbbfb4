"""The fault menu: every known fault or surprise of GoPro Cloud.

The fake always does what GoPro does normally (expiry, rotation, 406 before 401, ...), without any rule. A kind named
here makes it happen where it otherwise would not. Numbers are those of provider-apis.md, section 4.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self


class Endpoint(StrEnum):
    """The endpoints of the fake; `cdn` is every signed link, `picture` every thumbnail."""

    TOKEN = "token"
    USER = "user"
    SEARCH = "search"
    ITEM = "item"
    DOWNLOAD = "download"
    CDN = "cdn"
    PICTURE = "picture"


_ALL = frozenset(Endpoint)
_API = _ALL - {Endpoint.CDN, Endpoint.PICTURE}
_MEDIA = _API - {Endpoint.TOKEN}
_ROWS = frozenset({Endpoint.SEARCH, Endpoint.ITEM})
_NAMES = _ROWS | {Endpoint.DOWNLOAD}
_ONE_ITEM = frozenset({Endpoint.ITEM, Endpoint.DOWNLOAD})
_TOKEN = frozenset({Endpoint.TOKEN})
_SEARCH = frozenset({Endpoint.SEARCH})
_DOWNLOAD = frozenset({Endpoint.DOWNLOAD})
_CDN = frozenset({Endpoint.CDN})
_PICTURE = frozenset({Endpoint.PICTURE})
_ROW_CHANGES = frozenset({7, 8, 9, 13})

_ODD = {"file_size": 1e5, "item_count": 1.0, "filename": "GX\ud800.MP4", "created_at": 7, "reprocessed_at": {"at": []}}


type _Rest = tuple[str, tuple[str, Any]]


class Kind(StrEnum):
    """The base of the faults of one provider. Each has its name, its menu number (0: not in provider-apis.md), where it
    can happen, what it does (its `__doc__`), and its arguments with their defaults.
    """

    menu: int
    endpoints: frozenset[StrEnum]
    defaults: Mapping[str, Any]

    def __new__(
        cls, name: str, menu: int, endpoints: frozenset[StrEnum], meaning: str, *defaults: tuple[str, Any]
    ) -> Self:
        kind = str.__new__(cls, name)
        kind._value_ = name
        kind.menu, kind.endpoints, kind.__doc__ = menu, endpoints, meaning
        kind.defaults = MappingProxyType(dict(defaults))
        return kind

    def endpoint(self, name: str) -> StrEnum:
        """The provider's endpoint of that name; raises ValueError for an unknown one."""
        return type(next(iter(self.endpoints)))(name)

    def changes_rows_of(self, endpoint: StrEnum) -> bool:  # noqa: ARG002 (providers override it)
        """Whether it changes rows of such a listing, so that a rule for one item also applies to the listing."""
        return False


# What may become of a thumbnail at every provider: the meaning, and the arguments.
MOVED_PICTURE: _Rest = "a thumbnail is a 302 to `location`", ("location", "https://pictures.example/1.jpg")
OTHER_PICTURE: _Rest = (
    "200 with `what` in place of a thumbnail: page, too large (5 MiB that begin as a JPEG), or empty",
    ("what", "page"),
)


class FaultKind(Kind):
    """Every fault of GoPro Cloud."""

    def changes_rows_of(self, endpoint: StrEnum) -> bool:
        """Rows of a search alone: every other request is for one item."""
        return endpoint is Endpoint.SEARCH and self.menu in _ROW_CHANGES

    ACCESS_TOKEN_DIES = "access_token_dies", 1, _MEDIA, "the presented token expires: 401 from now on"

    NO_ROTATION = "no_rotation", 2, _TOKEN, "a refresh returns no refresh_token and the old one stays valid"
    NO_OWNER_ID = "no_owner_id", 2, _TOKEN, "a refresh returns no resource_owner_id"

    RENEWAL_ODD = "renewal_odd", 2, _TOKEN, "a refresh is a 201 with expires_in as text and resource_owner_id a number"

    TOKEN_BLACKLISTED = "token_blacklisted", 3, _TOKEN, "a valid refresh token is token_blacklisted", ("status", 400)
    INVALID_GRANT = "invalid_grant", 3, _TOKEN, "a valid refresh token is an invalid_grant", ("status", 400)

    TWO_FACTOR = (
        "two_factor",
        0,
        _TOKEN,
        "name and password are refused, because two-factor is on: invalid_grant with `code`, or without one (0)",
        ("status", 400),
        ("code", 4014),
    )

    CONTRACT_CHANGED = "contract_changed", 4, _MEDIA, "a valid Accept gets 410 (or 406, 415), no body", ("status", 410)

    SHORT_PAGE = "short_page", 5, _SEARCH, "only the first `rows` rows are sent; _pages stays as it was", ("rows", 12)

    INSERT_ITEM = (
        "insert_item",
        6,
        _SEARCH,
        "after this page an upload appears: `item`, or a copy of one",
        ("item", None),
    )

    FILENAME_NULL = "filename_null", 7, _NAMES, "filename is null"
    FILENAME_EMPTY = "filename_empty", 7, _NAMES, "filename is an empty string"
    FILE_SIZE_NULL = "file_size_null", 7, _ROWS, "file_size is null"
    FILE_SIZE_STRING = "file_size_string", 7, _ROWS, "file_size is a string of digits"
    FILE_SIZE_STALE = "file_size_stale", 7, _ROWS, "file_size is `bytes_off` bytes too small", ("bytes_off", 3245)

    ROW_ODD = "row_odd", 7, _ROWS, "fields of a row have these odd `values`", ("values", _ODD)
    ROW_REPEATED = "row_repeated", 7, _SEARCH, "the row is listed twice for good, and counted twice in the total"

    STATE_UNKNOWN = "state_unknown", 8, _ROWS, "ready_to_view has an unknown value", ("value", "levitating")
    TYPE_UNKNOWN = "type_unknown", 8, _ROWS, "type has an unknown value", ("value", "Hologram")

    SAME_FILENAME = "same_filename", 9, _NAMES, "every affected item has this filename", ("value", "GX010001.MP4")

    CHAPTERS_NUMBERED = "chapters_numbered", 10, _DOWNLOAD, "chapters have item_number 1..N"
    CHAPTERS_UNNUMBERED = "chapters_unnumbered", 10, _DOWNLOAD, "chapters have no item_number; the link's path has it"

    LENSES = "lenses", 0, _DOWNLOAD, "the files are those of several lenses: each has item_number 1 and a position"
    ORDER_REVERSED = "order_reversed", 0, _DOWNLOAD, "the originals are listed in the opposite order"
    VARIATIONS_LOST = (
        "variations_lost",
        0,
        _DOWNLOAD,
        "only the originals `keep`, by their place, are listed",
        ("keep", [1]),
    )
    LISTED_TWICE = "listed_twice", 0, _DOWNLOAD, "each original is listed twice, with two links to the same path"
    LINK_RAW = "link_raw", 0, _DOWNLOAD, "links have a raw space, quotes and `Über` in response-content-disposition"

    PROXY_TALLEST = "proxy_tallest", 11, _DOWNLOAD, "proxies, in files[] too, have more pixels than the source"

    NO_SOURCE = "no_source", 12, _DOWNLOAD, "no original is offered, only proxies"

    SHOWN_AS_EDIT = "shown_as_edit", 13, _NAMES, "the item is a MultiClipEdit: json, size null, baked_source"

    UNAVAILABLE = "unavailable", 14, _DOWNLOAD, "originals are listed with available:false"

    LINK_SECONDS = "link_seconds", 15, _DOWNLOAD, "links are valid for `seconds` of the fake's clock", ("seconds", 3600)
    LINK_REFUSED = "link_refused", 15, _CDN, "a valid link is refused as if expired (403, 401, 410)", ("status", 403)

    CONNECTION_CUT = "connection_cut", 16, _CDN, "the connection closes after `byte` bytes of this body", ("byte", 0)
    ANSWER_LOST = "answer_lost", 16, _API, "the request is carried out, then the connection closes without a response"

    RANGE_IGNORED = "range_ignored", 17, _CDN, "Range is ignored: 200 and the whole file"
    RANGE_REFUSED = "range_refused", 17, _CDN, "any Range gets 416"
    RANGE_SHIFTED = "range_shifted", 17, _CDN, "206, labelled correctly, but `bytes_off` further on", ("bytes_off", 1)

    OBJECT_REPLACED = "object_replaced", 18, _CDN, "other bytes of the same length, no movie's, with their own ETag"
    OBJECT_CUT = (
        "object_cut",
        0,
        _CDN,
        "the original itself has only its first `percent` percent, with their own ETag",
        ("percent", 60),
    )

    AUTHORIZATION_REFUSED = "authorization_refused", 19, _CDN, "400 as for an Authorization header, without one"

    HEAD_REFUSED = "head_refused", 20, _CDN, "HEAD gets 403 even on the link signed for it"

    THROTTLED = "throttled", 21, _ALL, "429; the Retry-After header is `retry_after`, or absent", ("retry_after", None)

    TRASHED = "trashed", 22, _ONE_ITEM, "404, though the item is still listed"

    EDGE_BLOCKED = "edge_blocked", 23, _API, "403 with an HTML page, before any other check"

    GATEWAY_ANSWER = (
        "gateway_answer",
        0,
        _API,
        "`status` and `body`, as from a gateway or firewall in between, before any other check",
        ("status", 200),
        ("body", "<html><title>Please wait</title></html>"),
    )
    REFUSED = (
        "refused",
        0,
        _DOWNLOAD,
        "401, or another `status`, though the token is accepted elsewhere",
        ("status", 401),
    )
    BYTE_ORDER_MARK = "byte_order_mark", 0, _API, "the answer begins with a UTF-8 byte order mark"

    SERVER_ERROR = "server_error", 24, _ALL, "500, or another `status`", ("status", 500), ("retry_after", None)

    CONDITION_REFUSED = (
        "condition_refused",
        0,
        _CDN,
        "any If-Match gets 412 (or 400, 501), even a true one",
        ("status", 412),
    )
    ETAG_MISSING = "etag_missing", 0, _CDN, "no ETag"
    ETAG_WEAK = "etag_weak", 0, _CDN, "a weak ETag, the same for all versions"
    ETAG_LONG = "etag_long", 0, _CDN, "the ETag has 3,000 characters more"
    DATE_MOVING = (
        "date_moving",
        0,
        _CDN,
        "Last-Modified is another one in each answer, as from servers of several clocks",
    )
    DATE_MISSING = "date_missing", 0, _CDN, "no Last-Modified"
    RANGE_SHORT = "range_short", 0, _CDN, "a 206 has at most `most` bytes, and says so", ("most", 100_000)
    TOTAL_UNKNOWN = "total_unknown", 0, _CDN, "Content-Range has `*` instead of the total"
    LENGTH_MISSING = (
        "length_missing",
        0,
        _CDN,
        "HTTP/1.0: no ranges and no length; the connection ends after `percent` percent of the file",
        ("percent", 100),
    )
    EMPTY = "empty", 0, _CDN, "the original has no bytes; a Range gets 416 without Content-Range"
    CODING_NAMED = "coding_named", 0, _CDN, "Content-Encoding is `value`, on plain bytes", ("value", "UTF-8")
    SLOW = "slow", 0, _CDN, "each connection is limited to `bytes_per_second`", ("bytes_per_second", 1_000_000)
    STALL = "stall", 0, _ALL, "nothing more comes after `byte` bytes of body (API: no response at all)", ("byte", 0)
    PAGE_INSTEAD = (
        "page_instead",
        0,
        _CDN,
        "200 and an HTML page, as from a CDN with custom error responses of status 200",
    )
    PICTURE_REFUSED = (
        "picture_refused",
        0,
        _PICTURE,
        "a thumbnail is a 404, as one client had for all, or another `status`",
        ("status", 404),
    )
    PICTURE_MOVED = "picture_moved", 0, _PICTURE, *MOVED_PICTURE
    PICTURE_OTHER = "picture_other", 0, _PICTURE, *OTHER_PICTURE
    PICTURE_HIDDEN = "picture_hidden", 0, _ONE_ITEM, "no token for a thumbnail, and no sprites"
    BYTES_CORRUPTED = (
        "bytes_corrupted",
        0,
        _CDN,
        "the file's byte at `byte` is inverted, the ETag is unchanged",
        ("byte", 0),
    )


MENU: Mapping[int, tuple[FaultKind, ...]] = MappingProxyType(
    {number: tuple(kind for kind in FaultKind if kind.menu == number) for number in range(1, 25)}
)
"""Menu number to its kinds."""
