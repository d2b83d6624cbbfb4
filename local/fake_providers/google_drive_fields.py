"""The parameter `fields`: which part of an answer is sent (Drive guides, "Return specific fields")."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from local.fake_providers.google_drive_errors import invalid_parameter

type Mask = dict[str, Mask]
"""Names to what is wanted below them; nothing named below: all of it. The name `*` stands for every name."""

_FILE_NAMES = (
    "appProperties capabilities clientEncryptionDetails contentHints contentRestrictions copyRequiresWriterPermission "
    "createdTime description "
    "downloadRestrictions driveId explicitlyTrashed exportLinks fileExtension folderColorRgb fullFileExtension "
    "hasAugmentedPermissions hasThumbnail headRevisionId iconLink id imageMediaMetadata inheritedPermissionsDisabled "
    "isAppAuthorized kind labelInfo lastModifyingUser linkShareMetadata md5Checksum mimeType modifiedByMe "
    "modifiedByMeTime modifiedTime name originalFilename ownedByMe owners parents permissionIds permissions properties "
    "quotaBytesUsed resourceKey sha1Checksum sha256Checksum shared sharedWithMeTime sharingUser shortcutDetails size "
    "spaces starred teamDriveId thumbnailLink thumbnailVersion trashed trashedTime trashingUser version "
    "videoMediaMetadata viewedByMe viewedByMeTime viewersCanCopyContent webContentLink webViewLink writersCanShare"
)
"""The fields of a file (drive.v3.json, schema File)."""

ANYTHING: Mask = {"*": {}}
FILE: Mask = {name: {} for name in _FILE_NAMES.split()}
FILE_LIST: Mask = {"kind": {}, "nextPageToken": {}, "incompleteSearch": {}, "files": FILE}
CHANGE: Mask = {
    **{name: {} for name in ("kind", "type", "changeType", "time", "removed", "fileId", "driveId", "teamDriveId")},
    "file": FILE,
    "drive": ANYTHING,
    "teamDrive": ANYTHING,
}
CHANGE_LIST: Mask = {"kind": {}, "nextPageToken": {}, "newStartPageToken": {}, "changes": CHANGE}

_SHORT = "(kind,id,name,mimeType,resourceKey)"
DEFAULT_FILE = "kind,id,name,mimeType,resourceKey"
DEFAULT_FILE_LIST = f"kind,nextPageToken,incompleteSearch,files{_SHORT}"
DEFAULT_CHANGE_LIST = (
    "kind,nextPageToken,newStartPageToken,"
    f"changes(kind,type,changeType,time,removed,fileId,driveId,drive(kind,id,name),file{_SHORT})"
)


def selected(answer: Mapping[str, Any], fields: str | None, default: str, shape: Mask) -> dict[str, Any]:
    """The part of an answer that `fields` selects, or what Drive sends without it. An empty text selects nothing
    (backlot issue 337, measured). Raises DriveError for a selection that does not fit the `shape`."""
    text = default if fields is None else fields
    if not text.strip():
        return {}
    mask = _parsed(text)
    _check(mask, shape)
    part: dict[str, Any] = _part(dict(answer), mask)
    return part


def _parsed(text: str) -> Mask:
    tokens = re.findall(r"[A-Za-z0-9_*]+|[(),/]|\S", text)
    mask = _list(tokens, text)
    if tokens:
        raise invalid_parameter("fields", f"Invalid field selection {text}")
    return mask


def _list(tokens: list[str], text: str) -> Mask:
    mask: Mask = {}
    while True:
        _item(tokens, text, mask)
        if tokens[:1] != [","]:
            return mask
        del tokens[0]


def _item(tokens: list[str], text: str, mask: Mask) -> None:
    """One name, a path of names, or a name with a list in brackets."""
    if not tokens or not re.fullmatch(r"[A-Za-z0-9_*]+", tokens[0]):
        raise invalid_parameter("fields", f"Invalid field selection {text}")
    below = mask.setdefault(tokens.pop(0), {})
    if tokens[:1] == ["/"]:
        del tokens[0]
        _item(tokens, text, below)
    elif tokens[:1] == ["("]:
        del tokens[0]
        below.update(_list(tokens, text))
        if tokens[:1] != [")"]:
            raise invalid_parameter("fields", f"Invalid field selection {text}")
        del tokens[0]


def _check(mask: Mask, shape: Mask) -> None:
    if not shape or "*" in shape:
        return
    for name, below in mask.items():
        if name != "*" and name not in shape:
            raise invalid_parameter("fields", f"Invalid field selection {name}")
        _check(below, shape.get(name, {}))


def _part(value: Any, mask: Mask) -> Any:
    if not mask:
        return value
    if isinstance(value, list):
        return [_part(one, mask) for one in value]
    if not isinstance(value, dict):
        return value
    wanted: Iterable[str] = value if "*" in mask else mask
    return {name: _part(value[name], mask.get(name, mask.get("*", {}))) for name in wanted if name in value}
