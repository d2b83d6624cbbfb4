"""The archive: objects in S3, written once, each verified by a CRC-64/NVME over its whole content.

S3 checks every part against the checksum sent with it, and the object against the checksum that we combine from those
of its parts (S3 user guide, "Checking object integrity for data uploads"). An object is never overwritten.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from awscrt.checksums import combine_crc64nvme

from cloud_sync_common.aws import aws_chunked
from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.aws.s3_upload import Stored, Upload, bucket_url, refused, signed_put
from cloud_sync_common.exceptions import (
    ArchiveUnavailableError,
    ConfigurationError,
    IntegrityError,
    OriginalUnavailableError,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# With S3-managed keys the ETag of what one request uploads is the MD5 of its bytes, with KMS it is not (API reference,
# Object, "ETag").
_SSE_S3 = "AES256"
_MD5_ETAG = re.compile(r'"?([0-9a-f]{32})"?')
_CONFLICT = frozenset({"ConditionalRequestConflict", "409"})
_MISMATCH = frozenset(
    {"BadDigest", "InvalidDigest", "InvalidPart", "InvalidPartOrder", "EntityTooSmall", "InvalidRequest"}
)
# What the provider says of a video is too much for S3's limits (API reference, "Error responses"); the first two have
# been seen under either name.
_TOO_MUCH = frozenset(
    {
        "KeyTooLong",
        "KeyTooLongError",
        "EntityTooLarge",
        "MaxMessageLengthExceeded",
        "MetadataTooLarge",
        "RequestHeaderSectionTooLarge",
    }
)


@dataclass(frozen=True)
class Part:
    """A part of an upload in S3. `checksum` is its CRC-64/NVME in base64."""

    number: int
    size: int
    etag: str
    checksum: str


@dataclass(frozen=True)
class NewUpload:
    """A multipart upload that has begun. `md5_etags`: S3 says that it encrypts it so that the ETag of each part is the
    MD5 of its bytes."""

    upload_id: str
    md5_etags: bool


@dataclass(frozen=True)
class ArchivedObject:
    """An object in S3. `checksum` covers its whole content; `metadata` is its user metadata."""

    key: str
    size: int
    checksum: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class StoredObject:
    """One object in a listing of the bucket. `size` is in bytes."""

    key: str
    size: int
    last_modified: datetime


class UploadGone(Exception):
    """The multipart upload no longer exists: it was completed or aborted, or it expired."""


class ObjectExists(Exception):
    """An object with that key exists already; it was not changed."""


class WriteConflict(Exception):
    """Another write of the same key refused the completion of an upload. The upload is lost: S3 wants it created anew
    (API reference, CompleteMultipartUpload, If-None-Match)."""


class Archive:
    """One bucket, and the storage class of new objects."""

    def __init__(self, client: S3Client, bucket: str, storage_class: str) -> None:
        self._s3, self._bucket = client, bucket
        self._url = bucket_url(client, bucket)
        self._storage_class: Any = storage_class

    def object_upload(self, key: str, length: int, metadata: Mapping[str, str], *, at_hand: bool = False) -> Upload:
        """A request to write a whole object, which is cheaper than a multipart upload of one part. `at_hand`: it can be
        read without a restore, whatever the storage class of originals is."""
        return self._upload(
            key,
            "",
            length,
            {
                "Content-Type": _content_type(key),
                "If-None-Match": "*",
                "X-Amz-Storage-Class": "STANDARD" if at_hand else self._storage_class,
                **{f"X-Amz-Meta-{name}": value for name, value in metadata.items()},
            },
        )

    def object_stored(self, stored: Stored) -> str:
        """The checksum of an object, once S3 has confirmed it. Raises ObjectExists, IntegrityError,
        OriginalUnavailableError, ArchiveUnavailableError, ConfigurationError."""
        self._check_stored(stored, "PutObject", "writing an object")
        return stored.checksum

    def part_upload(self, key: str, upload_id: str, number: int, length: int) -> Upload:
        """A request to write one part."""
        return self._upload(key, f"?partNumber={number}&uploadId={quote(upload_id, safe='')}", length, {})

    def part_stored(self, number: int, length: int, stored: Stored) -> Part:
        """A part, once S3 has confirmed it. Raises UploadGone, IntegrityError, ArchiveUnavailableError,
        ConfigurationError."""
        self._check_stored(stored, "UploadPart", f"writing part {number}")
        return Part(number, length, stored.etag, stored.checksum)

    def _upload(self, key: str, query: str, length: int, headers: Mapping[str, str]) -> Upload:
        target = f"/{quote(key, safe='/~')}{query}"
        url = f"{self._url}{target}"
        signed = signed_put(url, {**headers, **aws_chunked.headers(length)}, self._s3.meta.region_name)
        return Upload(url, signed, length)

    def _check_stored(self, stored: Stored, operation: str, doing: str) -> None:
        """Raises unless S3 has stored what was sent, with the same checksum."""
        if stored.status != 200:
            try:
                with aws_errors(doing):
                    raise refused(stored.status, stored.body, operation)
            except AwsError as error:
                _raise_for(error, doing)
        if stored.headers.get(aws_chunked.CHECKSUM_HEADER, stored.checksum) != stored.checksum:
            raise IntegrityError(f"The content in S3 is not what was read from the source, at {doing}.")

    def begin(self, key: str, metadata: Mapping[str, str]) -> NewUpload:
        """Starts a multipart upload."""
        doing = "starting an upload to the archive"
        try:
            with aws_errors(doing):
                answer = self._s3.create_multipart_upload(
                    Bucket=self._bucket,
                    Key=key,
                    ContentType=_content_type(key),
                    ChecksumAlgorithm="CRC64NVME",
                    ChecksumType="FULL_OBJECT",
                    StorageClass=self._storage_class,
                    Metadata=dict(metadata),
                )
        except AwsError as error:
            _raise_for(error, doing)
        return NewUpload(answer["UploadId"], answer.get("ServerSideEncryption") == _SSE_S3)

    def parts(self, key: str, upload_id: str) -> dict[int, Part]:
        """The parts of an upload that S3 has, by part number. Raises UploadGone.

        A part that is listed without its checksum cannot be verified and is left out. AWS always lists the checksum,
        other S3 servers (SeaweedFS 4.48) do not.
        """
        stored: dict[int, Part] = {}
        pages = self._s3.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload_id)
        try:
            with aws_errors("reading the parts of an upload"):
                for page in pages:
                    for part in page.get("Parts", []):
                        if checksum := part.get("ChecksumCRC64NVME"):
                            number = part["PartNumber"]
                            stored[number] = Part(number, part["Size"], part["ETag"], checksum)
        except AwsError as error:
            _raise_for(error, "reading the parts of an upload")
        return stored

    def complete(self, key: str, upload_id: str, parts: list[Part]) -> str:
        """Joins the parts into one object and returns its checksum. S3 compares the checksum and the size of the whole
        object with ours before it creates the object.

        Raises UploadGone, ObjectExists, WriteConflict, IntegrityError."""
        checksum = combined_checksum(parts)
        try:
            with aws_errors("completing an upload"):
                answer = self._s3.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=upload_id,
                    MultipartUpload={
                        "Parts": [
                            {"PartNumber": part.number, "ETag": part.etag, "ChecksumCRC64NVME": part.checksum}
                            for part in parts
                        ]
                    },
                    ChecksumCRC64NVME=checksum,
                    ChecksumType="FULL_OBJECT",
                    MpuObjectSize=sum(part.size for part in parts),
                    IfNoneMatch="*",
                )
        except AwsError as error:
            if error_code(error) in _CONFLICT:
                raise WriteConflict from None
            _raise_for(error, "completing an upload")
        if answer.get("ChecksumCRC64NVME", checksum) != checksum:
            raise IntegrityError("S3 computed a different checksum for the completed object.")
        return checksum

    def abort(self, key: str, upload_id: str) -> None:
        """Aborts an upload; does nothing if it no longer exists."""
        try:
            with aws_errors("aborting an upload"):
                self._s3.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
        except AwsError as error:
            if error_code(error) != "NoSuchUpload":
                raise

    def find(self, key: str) -> ArchivedObject | None:
        """The object with that key, without its content; None if there is none."""
        try:
            with aws_errors("looking into the archive"):
                head = self._s3.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except AwsError as error:
            if error_code(error) in ("404", "NoSuchKey", "NotFound"):
                return None
            raise
        return ArchivedObject(key, head["ContentLength"], head.get("ChecksumCRC64NVME", ""), head["Metadata"])

    def page(self, prefix: str, after: str) -> list[StoredObject]:
        """Up to 1,000 objects (the limit of ListObjectsV2) whose keys come after `after`; empty at the end.

        Raises ArchiveUnavailableError, ConfigurationError.
        """
        place: dict[str, Any] = {"StartAfter": after} if after else {}
        with aws_errors("listing the archive"):
            answer = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **place)
        return [
            StoredObject(found["Key"], found["Size"], found["LastModified"]) for found in answer.get("Contents", [])
        ]


def combined_checksum(parts: list[Part]) -> str:
    """The CRC-64/NVME of the concatenated parts, in base64, combined from their checksums without reading a byte."""
    whole = 0
    for part in parts:
        whole = combine_crc64nvme(whole, int.from_bytes(base64.b64decode(part.checksum), "big"), part.size)
    return aws_chunked.encode_checksum(whole)


def joined_etag(parts: list[Part]) -> str:
    """The ETag of the object that S3 makes of these parts, with its quotes: the MD5 of their MD5s, and their number.
    Where S3's ETags are no MD5s it is the ETag of nothing, and empty where they do not even look like them."""
    found = [_MD5_ETAG.fullmatch(part.etag) for part in parts]
    digests = b"".join(bytes.fromhex(match[1]) for match in found if match)
    if not parts or None in found:
        return ""
    return f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"'


def _content_type(key: str) -> str:
    return mimetypes.guess_type(key)[0] or "application/octet-stream"


def _raise_for(error: AwsError, doing: str) -> NoReturn:
    """Translates S3's refusals."""
    code = error_code(error)
    if code == "NoSuchUpload":
        raise UploadGone from None
    if code in ("PreconditionFailed", "412"):
        raise ObjectExists from None
    if code in _CONFLICT:  # another write of that key at this moment
        raise ArchiveUnavailableError(f"Another write of the same object is under way at {doing}.") from None
    if code in _MISMATCH:
        raise IntegrityError(f"S3 refused {doing}: it did not receive what was sent ({code}).") from None
    if code in _TOO_MUCH:
        raise OriginalUnavailableError(
            f"S3 refused {doing} ({code}): the provider says more of this video than S3 keeps. Report this with its id."
        ) from None
    raise ConfigurationError(f"S3 refused {doing} ({code}).") from None
