"""The fault menu of the fake Dropbox: every known fault or surprise of Dropbox.

The fake always does what Dropbox does normally, without any rule. A kind named here makes it happen where it otherwise
would not. Numbers 1 to 12 are those faults of provider-apis.md, section 4, that are Dropbox's, in its order. Numbers
from 100 on are the reported bugs of drive-and-dropbox.md, section E, that are Dropbox's: 104 is its fourth.
"""

from enum import StrEnum

from local.fake_providers import fault_menu
from local.fake_providers.fault_menu import Kind


class DropboxEndpoint(StrEnum):
    """The endpoints of the fake. `code` and `token` are the two grants of /oauth2/token; `link` is /cd, where temporary
    links lead."""

    AUTHORIZE = "authorize"
    CODE = "code"
    TOKEN = "token"
    REVOKE = "revoke"
    ACCOUNT = "account"
    SPACE = "space"
    LIST = "list_folder"
    CONTINUE = "list_folder/continue"
    LATEST = "list_folder/get_latest_cursor"
    LONGPOLL = "list_folder/longpoll"
    METADATA = "get_metadata"
    TEMPORARY_LINK = "get_temporary_link"
    DOWNLOAD = "download"
    THUMBNAIL = "get_thumbnail_v2"
    LINK = "link"


_E = DropboxEndpoint
_ALL = frozenset(_E)
_GRANTS = frozenset({_E.CODE, _E.TOKEN})
_LISTS = frozenset({_E.LIST, _E.CONTINUE})
_FEED = _LISTS | {_E.LATEST}
_ONE_FILE = frozenset({_E.METADATA, _E.TEMPORARY_LINK, _E.DOWNLOAD, _E.THUMBNAIL})
_PICTURE = frozenset({_E.THUMBNAIL})
_ROUTES = _FEED | _ONE_FILE | {_E.ACCOUNT, _E.SPACE, _E.REVOKE}
_ROWS = _LISTS | _ONE_FILE
_BYTES = frozenset({_E.DOWNLOAD, _E.LINK})
_CONTENT = frozenset({_E.DOWNLOAD, _E.TEMPORARY_LINK})
_SHOWN = _ROWS | {_E.LINK}
_DOWNLOAD = frozenset({_E.DOWNLOAD})
_CONTINUE = frozenset({_E.CONTINUE})

_ODD = {"size": 1e5, "client_modified": 7, "name": "a\ud800.mp4", "content_hash": "00", "rev": None}


class DropboxFault(Kind):
    """Every fault of Dropbox. A rule for one file, named by its id, also applies to listings whose rows it changes."""

    def changes_rows_of(self, endpoint: StrEnum) -> bool:
        """Rows of the two routes that list."""
        return endpoint in _LISTS and self.endpoints == _ROWS

    ENTRIES_REPEATED = (
        "entries_repeated",
        1,
        _CONTINUE,
        "the last `rows` entries of the page before come again",
        ("rows", 1),
    )
    CURSOR_RESET = "cursor_reset", 2, _CONTINUE, "409 reset: the cursor is no longer known"
    FILE_DELETED = "file_deleted", 3, _LISTS, "after this page the file at `path` is deleted", ("path", "/gone.mp4")
    FILE_ADDED = (
        "file_added",
        3,
        _LISTS,
        "after this page a copy of the file at `path` is uploaded to `target`",
        ("path", "/a.mp4"),
        ("target", "/new.mp4"),
    )
    EXTENSION_CASE = "extension_case", 4, _ROWS, "the extension has the other case: .MP4 for .mp4"
    NOT_DOWNLOADABLE = "not_downloadable", 5, _ROWS, "is_downloadable is false, with export_info; no content is sent"
    NOT_FOUND = "not_found", 6, _ONE_FILE, "409 path/not_found, though the file is listed"
    REV_CHANGED = (
        "rev_changed",
        7,
        _CONTENT,
        "right before the answer the file gets the content of that at `path`",
        ("path", "/other.mp4"),
    )
    LINK_GONE = "link_gone", 8, frozenset({_E.LINK}), "410, though the four hours are not over"
    THROTTLED = (
        "throttled",
        9,
        _ROUTES,
        "429 with JSON and Retry-After",
        ("retry_after", 15),
        ("reason", "too_many_requests"),
    )
    THROTTLED_TEXT = (
        "throttled_text",
        10,
        _ALL,
        "429 with a text; Retry-After is `retry_after`, or absent",
        ("retry_after", 15),
    )
    TOKEN_REFUSED = (
        "token_refused",
        11,
        _ROUTES,
        "401 with this `tag`",
        ("tag", "expired_access_token"),
        ("required_scope", "files.content.read"),
    )
    ACCESS_TOKEN_DIES = "access_token_dies", 11, _ROUTES, "the presented token expires: 401 from now on"
    SUMMARY_DOTS = "summary_dots", 12, _ROUTES, "error_summary ends in `dots` dots", ("dots", 0)

    PAGE_EMPTY = "page_empty", 104, _LISTS, "no entries, has_more is true, and the cursor stays where it was"
    PAGE_SMALL = "page_small", 104, _LISTS, "at most `rows` entries, whatever the limit is", ("rows", 1)
    BAD_INPUT = "bad_input", 109, _ROUTES, "400 with a text that names the function"
    FOLDER_CASE = (
        "folder_case",
        110,
        _ROWS,
        "the folders in path_display are in capitals, unlike those of other entries",
    )
    NAME_DECOMPOSED = "name_decomposed", 110, _ROWS, "name and path_display are in NFD; path_lower stays in NFC"

    MOVED = (
        "moved",
        0,
        _ONE_FILE,
        "right before the answer the file is moved to `target`",
        ("target", "/Moved/moved.mp4"),
    )
    LOOKUP_REFUSED = "lookup_refused", 0, _ONE_FILE, "409 path/`tag`", ("tag", "restricted_content")
    LINK_REFUSED = (
        "link_refused",
        0,
        frozenset({_E.TEMPORARY_LINK}),
        "409 with this `tag`, for the link alone",
        ("tag", "email_not_verified"),
    )
    LINK_SECONDS = (
        "link_seconds",
        0,
        frozenset({_E.TEMPORARY_LINK}),
        "links are valid for `seconds`",
        ("seconds", 14_400),
    )
    HASH_WRONG = "hash_wrong", 0, _ROWS, "content_hash is that of other bytes"
    HASH_MISSING = "hash_missing", 0, _ROWS, "no content_hash"
    SIZE_WRONG = "size_wrong", 0, _ROWS, "size is `bytes_off` bytes too small", ("bytes_off", 1)
    PATHS_MISSING = "paths_missing", 0, _ROWS, "path_lower and path_display are absent, as of what is not mounted"
    ROW_ODD = "row_odd", 0, _ROWS, "fields of the metadata have these odd `values`", ("values", _ODD)
    MEDIA_PENDING = "media_pending", 0, frozenset({_E.METADATA}), "media_info is pending"
    ROOT_CHANGED = "root_changed", 0, _ROUTES, "right before the answer the account gets a new root, that of a team"
    ROOT_REFUSED = "root_refused", 0, _ROUTES, "422 no_permission, if a path root is named"
    ACCESS_DENIED = "access_denied", 0, _ROUTES, "403 with JSON", ("tag", "team_access_denied")

    INVALID_GRANT = "invalid_grant", 0, _GRANTS, "a valid code or refresh token is an invalid_grant"
    APP_DISABLED = "app_disabled", 0, _ALL, "the app is disabled: for its owner, its tokens and new ones"
    NO_REFRESH_TOKEN = "no_refresh_token", 0, frozenset({_E.CODE}), "no refresh_token, as without offline access"
    ROTATED = "rotated", 0, frozenset({_E.TOKEN}), "a refresh returns another refresh_token, and the old one is dead"
    SCOPE_NARROWED = "scope_narrowed", 0, _GRANTS, "the token has only this `scope`", ("scope", "account_info.read")

    SERVER_ERROR = "server_error", 0, _ALL, "500, or another `status`, with a text", ("status", 500)
    GATEWAY_ANSWER = (
        "gateway_answer",
        0,
        _ALL,
        "`status` and `body`, as from a gateway in between, before any other check",
        ("status", 200),
        ("body", "<html><title>Please wait</title></html>"),
    )
    CHARSET_NAMED = "charset_named", 0, _ROUTES, "Content-Type is application/json; charset=utf-8"
    ANSWER_LOST = (
        "answer_lost",
        0,
        (_ROUTES - _BYTES) | _GRANTS,
        "the request is carried out, then the connection closes",
    )
    STALL = (
        "stall",
        0,
        _ROUTES | _BYTES | _GRANTS,
        "nothing more comes after `byte` bytes of content (others: no response)",
        ("byte", 0),
    )
    CONNECTION_CUT = "connection_cut", 0, _BYTES, "the connection closes after `byte` bytes of this body", ("byte", 0)
    RANGE_IGNORED = "range_ignored", 0, _BYTES, "Range is ignored: 200 and the whole file"
    RANGE_REFUSED = "range_refused", 0, _BYTES, "any Range gets 416"
    RANGE_SHORT = "range_short", 0, _BYTES, "a 206 has at most `most` bytes, and says so", ("most", 100_000)
    TOTAL_WRONG = (
        "total_wrong",
        0,
        _BYTES,
        "Content-Range states `bytes_off` bytes fewer than there are",
        ("bytes_off", 1),
    )
    RANGE_SHIFTED = "range_shifted", 0, _BYTES, "206, labelled correctly, but `bytes_off` further on", ("bytes_off", 1)
    RESULT_MISSING = "result_missing", 0, _DOWNLOAD, "no Dropbox-API-Result"
    ETAG_MISSING = "etag_missing", 0, _BYTES, "no ETag"
    BYTES_CORRUPTED = "bytes_corrupted", 0, _BYTES, "the file's byte at `byte` is inverted", ("byte", 0)
    CONTENT_REPLACED = "content_replaced", 0, _BYTES, "other bytes of the same length, of the same revision"
    PICTURE_REFUSED = (
        "picture_refused",
        0,
        _PICTURE,
        "409 with this `tag`, for the thumbnail alone",
        ("tag", "unsupported_image"),
    )
    PICTURE_MOVED = "picture_moved", 0, _PICTURE, *fault_menu.MOVED_PICTURE
    PICTURE_OTHER = "picture_other", 0, _PICTURE, *fault_menu.OTHER_PICTURE
    SLOW = "slow", 0, _BYTES, "each connection is limited to `bytes_per_second`", ("bytes_per_second", 1_000_000)


DROPBOX_MENU = {
    number: tuple(kind for kind in DropboxFault if kind.menu == number)
    for number in sorted({kind.menu for kind in DropboxFault} - {0})
}
"""Menu number to its kinds."""
