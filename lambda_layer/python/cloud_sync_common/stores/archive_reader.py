"""Originals read from the archive, for the proof that they can be: pinned to a version, a range at a time.

The memory is one piece, however large an original is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from awscrt.checksums import crc64nvme

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code
from cloud_sync_common.exceptions import ArchiveUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PIECE = 1024 * 1024  # bytes
_GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound", "405", "MethodNotAllowed"})
_CHANGED = frozenset({"412", "PreconditionFailed", "416", "InvalidRange"})


class Unreadable(Exception):
    """The bytes cannot be had; the message says why, without a full stop."""


@dataclass(frozen=True)
class Pinned:
    """One version of an object, as S3 describes it. `checksum` is its CRC-64/NVME in base64, `filename` the original's
    name; both are empty where S3 does not have them."""

    key: str
    version_id: str
    etag: str
    size: int
    checksum: str
    filename: str


class ArchiveReader:
    """Raises Unreadable, ArchiveUnavailableError, ConfigurationError."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def look(self, key: str, version_id: str = "") -> Pinned:
        """The version of that id, or the current one."""
        try:
            with aws_errors("looking at an original"):
                answer: Any = self._s3.head_object(**self._object(key, version_id), ChecksumMode="ENABLED")
        except AwsError as error:
            raise _meaning(error) from None
        return Pinned(
            key=key,
            version_id=version_id or answer.get("VersionId") or "",
            etag=answer["ETag"],
            size=answer["ContentLength"],
            checksum=answer.get("ChecksumCRC64NVME", ""),
            filename=unquote(answer.get("Metadata", {}).get("filename", "")),
        )

    def crc(self, pinned: Pinned, first: int, last: int, before: int) -> int:
        """The CRC-64/NVME of all bytes up to `last`, where `before` is that of those in front of `first`."""
        asked = {**self._object(pinned.key, pinned.version_id), "Range": f"bytes={first}-{last}"}
        try:
            with aws_errors("reading an original"):
                crc, count = _crc(self._s3.get_object(**asked, IfMatch=pinned.etag)["Body"], before)
        except AwsError as error:
            raise _meaning(error) from None
        if count != last - first + 1:
            raise ArchiveUnavailableError(f"S3 sent {count:,} of {last - first + 1:,} bytes of an original.")
        return crc

    def _object(self, key: str, version_id: str) -> dict[str, Any]:
        version = {"VersionId": version_id} if version_id else {}
        return {"Bucket": self._bucket, "Key": key, **version}


def _crc(body: Any, crc: int) -> tuple[int, int]:
    count = 0
    for piece in body.iter_chunks(_PIECE):
        crc, count = crc64nvme(piece, crc), count + len(piece)
    return crc, count


def _meaning(error: AwsError) -> Exception:
    code = error_code(error)
    if code == "InvalidObjectState":
        return Unreadable("S3 has not thawed it, or it is frozen again")
    if code in _GONE:
        return Unreadable("S3 has no such object, or no such version of it")
    if code in _CHANGED:
        return Unreadable(f"S3 has other bytes there than it described before ({code})")
    return Unreadable(f"S3 refuses it ({code})")
