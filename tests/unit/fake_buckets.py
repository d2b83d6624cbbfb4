"""Buckets in memory, with what S3 does when objects are copied: conditions, versions, checksums, thawing, parts."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from awscrt.checksums import crc64nvme
from botocore.exceptions import ClientError
from cloud_sync_common.aws.aws_chunked import encode_checksum

type Asked = tuple[str, dict[str, Any]]


def checksum(content: bytes) -> str:
    return encode_checksum(crc64nvme(content))


@dataclass
class Stored:
    content: bytes
    version_id: str
    storage_class: str = "STANDARD"
    restore: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    def head(self) -> dict[str, Any]:
        restore = {"Restore": self.restore} if self.restore else {}
        return {
            "ContentLength": len(self.content), "ETag": f'"{hashlib.sha256(self.content).hexdigest()[:32]}"',
            "VersionId": self.version_id, "ChecksumCRC64NVME": checksum(self.content), "ChecksumType": "FULL_OBJECT",
            "StorageClass": self.storage_class, "Metadata": self.metadata, "ContentType": "video/mp4", **restore,
        }  # fmt: skip


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)


class FakeBuckets:
    """`refuse` gives codes by operation and key; `spoil` changes what a copy is made of, on its way."""

    def __init__(self, *names: str) -> None:
        self.buckets: dict[str, dict[str, Stored]] = {name: {} for name in names}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.asked: list[Asked] = []
        self.refuse: Callable[[str, str], str] = lambda _operation, _key: ""
        self.spoil: Callable[[bytes], bytes] = lambda content: content
        self._lock = threading.RLock()

    def put(self, bucket: str, key: str, content: bytes, **more: Any) -> Stored:
        self.buckets[bucket][key] = stored = Stored(content, f"v{len(self.asked)}-{len(key)}", **more)
        return stored

    def names(self, operation: str) -> list[str]:
        return [given["Key"] for name, given in self.asked if name == operation]

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**given: Any) -> Any:
            with self._lock:
                self.asked.append((operation, given))
                if code := self.refuse(operation, given["Key"]):
                    raise refusal(code, operation)
                if given["Bucket"] not in self.buckets:
                    raise refusal("404" if operation == "head_object" else "NoSuchBucket", operation)
                return getattr(self, f"_{operation}")(**given)

        return call

    def _head_object(self, *, Bucket: str, Key: str, ChecksumMode: str = "", VersionId: str = "") -> Any:
        stored = self.buckets[Bucket].get(Key)
        if stored is None or VersionId not in ("", stored.version_id):
            raise refusal("404", "HeadObject")
        head = stored.head()
        return head if ChecksumMode else {name: head[name] for name in head if not name.startswith("Checksum")}

    def _delete_object(self, *, Bucket: str, Key: str, **_: str) -> None:
        self.buckets[Bucket].pop(Key)

    def _copy_object(self, *, Bucket: str, Key: str, StorageClass: str, **given: Any) -> None:
        source = self._source(given)
        self._make(Bucket, Key, self.spoil(source.content), StorageClass, source.metadata, given)

    def _create_multipart_upload(self, **given: Any) -> Any:
        assert (given["ChecksumAlgorithm"], given["ChecksumType"]) == ("CRC64NVME", "FULL_OBJECT")
        upload_id = f"upload-{len(self.uploads)}"
        self.uploads[upload_id] = {**given, "parts": {}}
        return {"UploadId": upload_id}

    def _upload_part_copy(self, *, UploadId: str, PartNumber: int, CopySourceRange: str, **given: Any) -> Any:
        first, last = map(int, CopySourceRange.removeprefix("bytes=").split("-"))
        content = self.spoil(self._source(given).content[first : last + 1])
        self.uploads[UploadId]["parts"][PartNumber] = content
        return {"CopyPartResult": {"ETag": f'"{PartNumber}"', "ChecksumCRC64NVME": checksum(content)}}

    def _complete_multipart_upload(self, *, UploadId: str, MultipartUpload: Any, **given: Any) -> None:
        upload = self.uploads[UploadId]
        content = b"".join(upload["parts"][part["PartNumber"]] for part in MultipartUpload["Parts"])
        assert given["MpuObjectSize"] == len(content)
        if given.get("ChecksumCRC64NVME", checksum(content)) != checksum(content):
            raise refusal("BadDigest", "CompleteMultipartUpload")
        self._make(given["Bucket"], given["Key"], content, upload["StorageClass"], upload["Metadata"], given)
        del self.uploads[UploadId]

    def _abort_multipart_upload(self, *, UploadId: str, **_: str) -> None:
        del self.uploads[UploadId]

    def _source(self, given: dict[str, Any]) -> Stored:
        source = given["CopySource"]
        stored = self.buckets[source["Bucket"]][source["Key"]]
        assert (source["VersionId"], given["CopySourceIfMatch"]) == (stored.version_id, stored.head()["ETag"])
        if stored.storage_class == "DEEP_ARCHIVE" and 'ongoing-request="false"' not in stored.restore:
            raise refusal("InvalidObjectState", "CopyObject")
        return stored

    def _make(
        self, bucket: str, key: str, content: bytes, storage_class: str, metadata: dict[str, str], given: dict[str, Any]
    ) -> None:
        there = self.buckets[bucket].get(key)
        etag = there.head()["ETag"] if there else ""
        if etag and given.get("IfMatch", "") != etag:
            raise refusal("PreconditionFailed", "CopyObject")
        self.put(bucket, key, content, storage_class=storage_class, metadata=dict(metadata))
