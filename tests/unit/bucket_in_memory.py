"""An archive bucket for the unit tests of `--bucket`: S3's answers from memory, with versions and delete markers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.response import StreamingBody
from cloud_sync_common.provider_interface import Fingerprint, MediaItem, MediaSource
from cloud_sync_common.stores import archive_keys

from console.operations.restore.bucket import Bucket
from tests.unit.console_account import ScriptedAccount, refusal

NAME = "cloudsync-archive"
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class Version:
    """One version of an object; `size` is that of `body` where there is one. `body` None and no size: a delete
    marker."""

    version_id: str
    metadata: dict[str, str] = field(default_factory=dict)
    size: int = 0
    checksum: str = ""
    body: bytes = b""
    storage_class: str = "DEEP_ARCHIVE"
    restore: str = ""
    is_marker: bool = False


class S3:
    """Answers as S3 does; `requests` are what it was asked, `restored` what it was asked to thaw. `answers` are the
    codes with which it refuses to thaw a key, in order, before it does."""

    def __init__(self, page: int = 2) -> None:
        self.objects: dict[str, list[Version]] = {}
        self.requests: list[tuple[str, str]] = []
        self.restored: list[dict[str, Any]] = []
        self.answers: dict[str, list[str]] = {}
        self._page, self._count = page, 0

    @property
    def bucket(self) -> Bucket:
        operations = ("head_object", "get_object", "restore_object", "list_object_versions_pages")
        return Bucket(ScriptedAccount(s3={name: getattr(self, name) for name in operations}), NAME)

    def put(self, key: str, **given: Any) -> Version:
        self._count += 1
        version = Version(f"v{self._count}", **given)
        self.objects.setdefault(key, []).insert(0, version)
        return version

    def store(self, item: MediaItem, size: int = 7, number: int = 1, copy: int = 1, **more: Any) -> str:
        """As the downloader stores a file of a video. Returns its key."""
        given: dict[str, Any] = {
            "provider": "gopro",
            "etag": '"e"',
            "listed": "",
            "filename": item.filename,
            "count": 1,
        } | more
        source = MediaSource(number, given["filename"], given["count"])
        key = archive_keys.object_key(given["provider"], item, source, copy)
        version = Fingerprint(size, given["etag"], "a date", given["listed"])
        said = archive_keys.metadata(given["provider"], item, source, version)
        self.put(key, metadata=said, size=size, checksum=f"sum {number} {copy}")
        return key

    def list_object_versions_pages(self, Bucket: str) -> Iterator[dict[str, Any]]:
        assert Bucket == NAME
        listed = [(key, at, one) for key in sorted(self.objects) for at, one in enumerate(self.objects[key])]
        for start in range(0, max(len(listed), 1), self._page):
            page: dict[str, Any] = {}
            for key, at, one in listed[start : start + self._page]:
                kind = "DeleteMarkers" if one.is_marker else "Versions"
                page.setdefault(kind, []).append({"Key": key, "VersionId": one.version_id, "IsLatest": at == 0})
            yield page

    def head_object(self, Bucket: str, Key: str, ChecksumMode: str, VersionId: str = "") -> dict[str, Any]:
        assert ChecksumMode == "ENABLED"
        one = self._version("HeadObject", Key, VersionId)
        return {
            "ContentLength": len(one.body) or one.size, "VersionId": one.version_id, "Metadata": one.metadata,
            "LastModified": BEGAN + timedelta(hours=int(one.version_id[1:])), "ETag": '"etag"',
            **({"StorageClass": one.storage_class} if one.storage_class != "STANDARD" else {}),
            **({"ChecksumCRC64NVME": one.checksum} if one.checksum else {}),
            **({"Restore": one.restore} if one.restore else {}),
        }  # fmt: skip

    def get_object(self, Bucket: str, Key: str, VersionId: str = "") -> dict[str, Any]:
        one = self._version("GetObject", Key, VersionId)
        return {"Body": StreamingBody(io.BytesIO(one.body), len(one.body))}

    def restore_object(self, Bucket: str, Key: str, VersionId: str, RestoreRequest: Any) -> dict[str, Any]:
        one = self._version("RestoreObject", Key, VersionId)
        if codes := self.answers.get(Key):
            raise refusal(codes.pop(0), "RestoreObject")
        one.restore = 'ongoing-request="true"'
        self.restored.append({"Key": Key, "VersionId": VersionId, **RestoreRequest})
        return {}

    def _version(self, operation: str, key: str, version_id: str) -> Version:
        self.requests.append((operation, key))
        found = self.objects.get(key, [])
        one = next((one for one in found if not version_id or one.version_id == version_id), None)
        if one is None or one.is_marker:
            raise refusal("404" if operation == "HeadObject" else "NoSuchKey", operation)
        return one
