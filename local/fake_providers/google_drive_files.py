"""Files as Drive's JSON shows them, with the faults that change their rows; and the hashes of their bytes."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from awscrt.checksums import crc32c

from local.fake_providers.faults import ActiveFaults
from local.fake_providers.google_drive_faults import DriveFault
from local.fake_providers.google_drive_tree import FOLDER, GOOGLE, ME, DriveFile, Revision, SharedDrive, Tree

type Json = dict[str, Any]

_CHUNK = 1024 * 1024
_CHECKSUMS = ("md5Checksum", "sha1Checksum", "sha256Checksum")


@dataclass(frozen=True)
class Hashes:
    """The published hashes of a content, in hex; `crc32c` is in base64, as in x-goog-hash."""

    md5: str
    sha1: str
    sha256: str
    crc32c: str


def hashes(source: Path) -> Hashes:
    """The hashes of a file, computed once for each content."""
    status = source.stat()
    return _hashes(source, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hashes(source: Path, _size: int, _changed: int) -> Hashes:
    whole = [hashlib.new(name, usedforsecurity=False) for name in ("md5", "sha1", "sha256")]
    check = 0
    with source.open("rb") as file:
        while piece := file.read(_CHUNK):
            check = crc32c(piece, check)
            for one in whole:
                one.update(piece)
    md5, sha1, sha256 = (one.hexdigest() for one in whole)
    return Hashes(md5, sha1, sha256, base64.b64encode(check.to_bytes(4)).decode())


def file_json(tree: Tree, file: DriveFile, active: ActiveFaults) -> Json:
    """Every field of a file, as faults change them. Integers of 64 bits are text (drive.v3.json)."""
    mine = file.is_mine
    answer: Json = {
        "kind": "drive#file",
        "id": file.file_id,
        "name": file.name,
        "mimeType": file.mime_type,
        "starred": file.starred,
        "trashed": tree.in_trash(file),
        "explicitlyTrashed": file.trashed,
        "spaces": ["drive"],
        "version": str(file.version),
        "createdTime": file.created,
        "modifiedTime": file.modified,
        "modifiedByMe": mine,
        "viewedByMe": mine,
        "webViewLink": f"https://drive.google.com/file/d/{file.file_id}/view?usp=drivesdk",
        "shared": bool(file.shared_at or file.drive_id),
        "ownedByMe": mine,
        "capabilities": _capabilities(file, active),
        "lastModifyingUser": person(file.owner or ME),
        "isAppAuthorized": True,
        **_place(file),
        **_content(tree, file),
        "hasThumbnail": file.has_thumbnail,
    }
    return _with_faults(answer, file, active)


def _place(file: DriveFile) -> Json:
    """What depends on where it is: a file that is only shared has no parents (Drive guides, shared files)."""
    found: Json = {"parents": list(file.parents)} if file.parents else {}
    if file.drive_id:
        return found | {"driveId": file.drive_id, "teamDriveId": file.drive_id}
    found["owners"] = [person(file.owner)]
    if file.shared_at:
        found |= {"sharedWithMeTime": file.shared_at, "sharingUser": person(file.owner)}
    return found


def _content(tree: Tree, file: DriveFile) -> Json:
    """What only some kinds of files have: only blobs have a size and checksums."""
    found: Json = {"quotaBytesUsed": str(file.size if file.is_mine else 0)}
    if file.resource_key:
        found["resourceKey"] = file.resource_key
    if file.target:
        target = tree.get(file.target)
        found["shortcutDetails"] = {"targetId": file.target} | ({"targetMimeType": target.mime_type} if target else {})
    if file.media:
        found["videoMediaMetadata"] = dict(file.media)
    if file.head is None:
        return found
    suffix = PurePosixPath(file.name).suffix.lstrip(".")
    known = hashes(file.head.source)
    return found | {
        "size": str(file.size),
        "md5Checksum": known.md5,
        "sha1Checksum": known.sha1,
        "sha256Checksum": known.sha256,
        "headRevisionId": file.head.revision_id,
        "originalFilename": file.name,
        "fileExtension": suffix,
        "fullFileExtension": suffix,
    }


def _capabilities(file: DriveFile, active: ActiveFaults) -> Json:
    refused = active.find(DriveFault.NOT_DOWNLOADABLE, file.file_id) is not None
    mine = file.is_mine
    return {
        "canDownload": file.downloadable and not refused and file.mime_type != FOLDER,
        "canReadRevisions": mine and not file.mime_type.startswith(GOOGLE),
        "canListChildren": file.mime_type == FOLDER,
        "canEdit": mine,
        "canTrash": mine,
    }


def _with_faults(answer: Json, file: DriveFile, active: ActiveFaults) -> Json:
    def fault(kind: DriveFault) -> Any:
        return active.find(kind, file.file_id)

    hidden: set[str] = set(missing["names"]) if (missing := fault(DriveFault.CHECKSUMS_MISSING)) else set()
    if fault(DriveFault.METADATA_MISSING):
        hidden.add("videoMediaMetadata")
    if fault(DriveFault.PICTURE_HIDDEN):
        answer["hasThumbnail"] = False
    if name := fault(DriveFault.SAME_NAME):
        answer["name"] = name["value"]
    if other := fault(DriveFault.MIME_OTHER):
        answer["mimeType"] = other["value"]
    if "shortcutDetails" in answer and fault(DriveFault.SHORTCUT_DANGLING):
        answer["shortcutDetails"] |= {"targetId": f"1Gone{file.file_id}"}
    if file.head is not None:
        answer |= _size(file, fault(DriveFault.SIZE_WRONG), number=fault(DriveFault.SIZE_NUMBER) is not None)
        wrong = _CHECKSUMS if fault(DriveFault.HASHES_WRONG) else _CHECKSUMS[:1] if fault(DriveFault.MD5_WRONG) else ()
        answer |= {name: answer[name][::-1] for name in wrong}
    if odd := fault(DriveFault.ROW_ODD):
        answer |= odd["values"]
    return {name: value for name, value in answer.items() if name not in hidden}


def _size(file: DriveFile, wrong: Mapping[str, Any] | None, *, number: bool) -> Json:
    size = file.size - (wrong["bytes_off"] if wrong else 0)
    return {"size": size if number else str(size)}


def revision_json(file: DriveFile, revision: Revision) -> Json:
    """One revision of a file (drive.v3.json, schema Revision)."""
    return {
        "kind": "drive#revision",
        "id": revision.revision_id,
        "mimeType": file.mime_type,
        "modifiedTime": revision.modified,
        "keepForever": False,
        "published": False,
        "size": str(revision.source.stat().st_size),
        "md5Checksum": hashes(revision.source).md5,
        "originalFilename": file.name,
    }


def drive_json(drive: SharedDrive) -> Json:
    """A shared drive."""
    return {
        "kind": "drive#drive",
        "id": drive.drive_id,
        "name": drive.name,
        "createdTime": drive.created,
        "hidden": False,
        "capabilities": {"canListChildren": True, "canDownload": True, "canReadRevisions": True},
    }


def person(address: str) -> Json:
    """A user."""
    return {
        "kind": "drive#user",
        "displayName": address.partition("@")[0].title(),
        "me": address == ME,
        "permissionId": hashlib.sha256(address.encode()).hexdigest()[:20],
        "emailAddress": address,
    }
