"""What the archive holds, page by page, without reading an object's content."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloud_sync_common.aws_clients import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class StoredObject:
    """One object as a listing shows it. `size` is bytes."""

    key: str
    size: int
    last_modified: datetime


class Inventory:
    """The objects of one bucket, in the order of their keys."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._s3, self._bucket = client, bucket

    def page(self, prefix: str, after: str) -> list[StoredObject]:
        """Up to 1,000 objects (ListObjectsV2's limit) whose keys come after `after`; empty at the end.

        Raises ArchiveUnavailableError, ConfigurationError.
        """
        place: dict[str, Any] = {"StartAfter": after} if after else {}
        with aws_errors("listing the archive"):
            answer = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **place)
        return [
            StoredObject(found["Key"], found["Size"], found["LastModified"]) for found in answer.get("Contents", [])
        ]
