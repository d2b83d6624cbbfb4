"""The fault menu of the fake Google Drive: every known fault or surprise of Drive v3 and of Google's OAuth server.

The fake always does what Google does normally, without any rule. A kind named here makes it happen where it otherwise
would not. Numbers 1 to 11 are those faults of provider-apis.md, section 4, that are Drive's, in its order. Numbers from
100 on are the reported bugs of drive-and-dropbox.md, section E, that are Drive's: 101 is its first.
"""

from enum import StrEnum

from local.fake_providers import fault_menu
from local.fake_providers.fault_menu import Kind


class DriveEndpoint(StrEnum):
    """The endpoints of the fake. `code` and `token` are the two grants of /token, `media` is every alt=media,
    `thumbnail` what a thumbnailLink leads to."""

    AUTHORIZE = "authorize"
    CODE = "code"
    TOKEN = "token"
    REVOKE = "revoke"
    ABOUT = "about"
    LIST = "files.list"
    GET = "files.get"
    MEDIA = "media"
    REVISIONS = "revisions"
    START = "changes.getStartPageToken"
    CHANGES = "changes.list"
    DRIVES = "drives.list"
    DRIVE = "drives.get"
    THUMBNAIL = "thumbnail"


_E = DriveEndpoint
_ALL = frozenset(_E)
_OAUTH = frozenset({_E.AUTHORIZE, _E.CODE, _E.TOKEN, _E.REVOKE})
_GRANTS = frozenset({_E.CODE, _E.TOKEN})
_API = _ALL - _OAUTH - {_E.THUMBNAIL}
_JSON = _ALL - {_E.MEDIA, _E.THUMBNAIL}
_PICTURE = frozenset({_E.THUMBNAIL})
_LIST = frozenset({_E.LIST})
_CHANGES = frozenset({_E.CHANGES})
_PAGES = _LIST | _CHANGES
_ROWS = _PAGES | {_E.GET}
_SHARED_DRIVE = frozenset({_E.LIST, _E.DRIVE, _E.DRIVES})
_ONE_FILE = frozenset({_E.GET, _E.MEDIA, _E.REVISIONS})
_BYTES = frozenset({_E.MEDIA})
_ONE = _BYTES | {_E.GET}

_ODD = {"size": 1e5, "modifiedTime": 7, "name": "GX\ud800.MP4", "md5Checksum": "00", "parents": [], "capabilities": []}


class DriveFault(Kind):
    """Every fault of Google Drive. A rule for one file, named by its id, also applies to the rows of lists."""

    def changes_rows_of(self, endpoint: StrEnum) -> bool:
        """Rows of files.list and changes.list."""
        about_rows = self.endpoints in (_ROWS, _ROWS | _BYTES) or self in ("fresh_hidden", "row_repeated")
        return endpoint in _PAGES and about_rows

    PAGE_SHORT = "page_short", 1, _PAGES, "at most `rows` rows, whatever the pageSize is, and a token", ("rows", 1)
    PAGE_EMPTY = "page_empty", 1, _PAGES, "no rows but a token: the next page has what this one would have"
    PAGE_TOKEN_REJECTED = "page_token_rejected", 2, _PAGES, "a valid pageToken is a 400 invalid"
    CHECKSUMS_MISSING = (
        "checksums_missing",
        3,
        _ROWS,
        "the fields `names` are absent",
        ("names", ["sha1Checksum", "sha256Checksum"]),
    )
    MD5_WRONG = "md5_wrong", 4, _ROWS, "md5Checksum is that of other bytes; sha1 and sha256 are right"
    SHORTCUT_DANGLING = "shortcut_dangling", 5, _ROWS, "a shortcut's target is a file that does not exist"
    SAME_NAME = "same_name", 6, _ROWS, "every affected file has this name", ("value", "GX010001.MP4")
    FRESH_HIDDEN = "fresh_hidden", 7, _PAGES, "the file is not in any list yet, as within an hour on shared drives"
    SIZE_NUMBER = "size_number", 8, _ROWS, "size is a number, not text"
    REFUSED = (
        "refused",
        9,
        _API,
        "the error with this `reason`; its status is the usual one, or `status`",
        ("reason", "userRateLimitExceeded"),
        ("status", None),
    )
    INVALID_GRANT = "invalid_grant", 10, _GRANTS, "a valid code or refresh token is an invalid_grant"
    NOT_DOWNLOADABLE = "not_downloadable", 11, _ROWS | _BYTES, "canDownload is false; media gets cannotDownloadFile"

    PARENTS_INCOMPLETE = (
        "parents_incomplete",
        101,
        _LIST,
        "parents joined by `or`: only the children of the first `keep` are found",
        ("keep", 1),
    )
    ROWS_LOST = "rows_lost", 102, _LIST, "the last `rows` rows of the page are left out, without any sign", ("rows", 1)
    PAGE_TOKEN_SECONDS = "page_token_seconds", 103, _LIST, "the page's token is valid for `seconds`", ("seconds", 60)
    TOKEN_LEFT_OUT = "token_left_out", 105, _LIST, "one full page and no token, though there is more"
    HASHES_WRONG = "hashes_wrong", 106, _ROWS, "all three checksums are those of other bytes, as of Google Photos'"
    DOWNLOAD_QUOTA = "download_quota", 107, _BYTES, "403 downloadQuotaExceeded, for as long as the rule is there"
    ABUSIVE = (
        "abusive",
        108,
        _BYTES,
        "403 cannotDownloadAbusiveFile (or `reason`) unless acknowledged, or even then",
        ("reason", "cannotDownloadAbusiveFile"),
        ("even_acknowledged", False),
    )
    BAD_REQUEST = "bad_request", 109, _BYTES, "400 with a JSON body, which must not become the file"

    INCOMPLETE_SEARCH = "incomplete_search", 0, _LIST, "incompleteSearch is true, and shared drives are left out"
    INSERT_ITEM = "insert_item", 0, _PAGES, "after this page an upload appears: `item`, or a copy", ("item", None)
    TRASH_ITEM = "trash_item", 0, _PAGES, "after this page the file `file_id` is trashed", ("file_id", "")
    ROW_REPEATED = "row_repeated", 0, _PAGES, "each affected row comes twice"
    ROW_ODD = "row_odd", 0, _ROWS, "fields of the file have these odd `values`", ("values", _ODD)
    MIME_OTHER = "mime_other", 0, _ROWS, "mimeType is `value`", ("value", "application/octet-stream")
    SIZE_WRONG = "size_wrong", 0, _ROWS, "size is `bytes_off` bytes too small", ("bytes_off", 1)
    METADATA_MISSING = "metadata_missing", 0, _ROWS, "no videoMediaMetadata, as while a video is processed"
    TRASHED = "trashed", 0, _ONE_FILE, "404 notFound, though the file is still listed"
    DRIVE_LOST = "drive_lost", 0, _SHARED_DRIVE, "shared drives list as empty; drives.get is a 404"
    ACCESS_TOKEN_DIES = "access_token_dies", 0, _API, "the presented token expires: 401 from now on"

    REFRESH_TOKEN_LEFT_OUT = "refresh_token_left_out", 0, frozenset({_E.CODE}), "no refresh_token in the answer"
    ROTATED = "rotated", 0, frozenset({_E.TOKEN}), "a refresh returns another refresh_token, and the old one is dead"
    SCOPE_NARROWED = "scope_narrowed", 0, _GRANTS, "only this `scope` is granted", ("scope", "")
    CLIENT_REFUSED = "client_refused", 0, _GRANTS, "401 with this `error`", ("error", "deleted_client")

    THROTTLED = "throttled", 0, _ALL, "429; Retry-After is `retry_after`, or absent", ("retry_after", None)
    SERVER_ERROR = "server_error", 0, _ALL, "500, or another `status`, with JSON", ("status", 500)
    GATEWAY_ANSWER = (
        "gateway_answer",
        0,
        _ALL,
        "`status` and `body`, as from a gateway in between, before any other check",
        ("status", 200),
        ("body", "<html><title>Please wait</title></html>"),
    )
    BYTE_ORDER_MARK = "byte_order_mark", 0, _JSON, "the answer begins with a UTF-8 byte order mark"
    ANSWER_LOST = "answer_lost", 0, _JSON, "the request is carried out, then the connection closes"
    STALL = "stall", 0, _ALL, "nothing more comes after `byte` bytes of content (others: no response)", ("byte", 0)
    CONNECTION_CUT = "connection_cut", 0, _BYTES, "the connection closes after `byte` bytes of this body", ("byte", 0)
    RANGE_IGNORED = "range_ignored", 0, _BYTES, "Range is ignored: 200 and the whole file"
    RANGE_REFUSED = "range_refused", 0, _BYTES, "any Range gets 416"
    RANGE_SHORT = "range_short", 0, _BYTES, "a 206 has at most `most` bytes, and says so", ("most", 100_000)
    RANGE_SHIFTED = "range_shifted", 0, _BYTES, "206, labelled correctly, but `bytes_off` further on", ("bytes_off", 1)
    TOTAL_WRONG = (
        "total_wrong",
        0,
        _BYTES,
        "Content-Range states `bytes_off` bytes fewer than there are",
        ("bytes_off", 1),
    )
    HASH_HEADER = "hash_header", 0, _BYTES, "x-goog-hash comes with `statuses`", ("statuses", [200, 206])
    ETAG_PRESENT = "etag_present", 0, _BYTES, "the answer has an ETag, that of the head revision"
    CONTENT_REPLACED = "content_replaced", 0, _BYTES, "other bytes of the same length, of the same revision"
    CONTENT_UPLOADED = (
        "content_uploaded",
        0,
        _ONE,
        "right before the answer the file gets the content of the file `like`, as a new revision",
        ("like", ""),
    )
    MOVED = (
        "moved",
        0,
        _ONE,
        "right before the answer the file gets another `name`, and another `folder` of My Drive",
        ("name", "moved.mp4"),
        ("folder", "Moved"),
    )
    BYTES_CORRUPTED = "bytes_corrupted", 0, _BYTES, "the file's byte at `byte` is inverted", ("byte", 0)
    PAGE_INSTEAD = "page_instead", 0, _BYTES, "200 and an HTML page"
    PICTURE_REFUSED = (
        "picture_refused",
        0,
        _PICTURE,
        "a thumbnail is a 404, as of a file that has changed, or another `status`",
        ("status", 404),
    )
    PICTURE_MOVED = "picture_moved", 0, _PICTURE, *fault_menu.MOVED_PICTURE
    PICTURE_OTHER = "picture_other", 0, _PICTURE, *fault_menu.OTHER_PICTURE
    PICTURE_HIDDEN = "picture_hidden", 0, _ROWS, "no thumbnailLink, as while a file is processed"
    SLOW = "slow", 0, _BYTES, "each connection is limited to `bytes_per_second`", ("bytes_per_second", 1_000_000)


DRIVE_MENU = {
    number: tuple(kind for kind in DriveFault if kind.menu == number)
    for number in sorted({kind.menu for kind in DriveFault} - {0})
}
"""Menu number to its kinds."""
