"""Ranges of an original in the archive, as long as it is not frozen."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from cloud_sync_common.aws.clients import AwsError, aws_errors, error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOT_AT_HAND = frozenset({"InvalidObjectState", "NoSuchKey", "404", "InvalidRange", "416"})


class NotAtHand(Exception):
    """S3 does not give these bytes now: the object is frozen (InvalidObjectState), or there is none."""


class ArchivedFiles:
    """The objects of the providers of this environment. A copy may have its bytes in an object of another one, which
    nothing here may read any more."""

    def __init__(self, client: S3Client, bucket: str, providers: Collection[str]) -> None:
        self._s3, self._bucket, self._providers = client, bucket, providers

    def opened(self, key: str, size: int) -> ArchivedBytes:
        """Raises NotAtHand."""
        if key.partition("/")[0] not in self._providers:
            raise NotAtHand
        return ArchivedBytes(self._s3, self._bucket, key, size)


class ArchivedBytes:
    """One object of `size` bytes. `read` raises NotAtHand, ArchiveUnavailableError, ConfigurationError."""

    def __init__(self, client: S3Client, bucket: str, key: str, size: int) -> None:
        self._s3, self._bucket, self._key, self.size = client, bucket, key, size

    def read(self, first: int, length: int) -> bytes:
        """These bytes, as far as the object has them."""
        try:
            with aws_errors("reading the index of an original"):
                answer = self._s3.get_object(
                    Bucket=self._bucket, Key=self._key, Range=f"bytes={first}-{first + length - 1}"
                )
                return answer["Body"].read()
        except AwsError as error:
            if error_code(error) in _NOT_AT_HAND:
                raise NotAtHand from None
            raise
